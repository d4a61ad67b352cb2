//! The server could start no worker for a task that creates something: it is asked again once nothing is there.

use glassdome::sandbox::cluster::{Config, Vm, Volume};
use glassdome::sandbox::{Options, Sandbox};

use crate::support::admin::Admin;
use crate::support::test_env::{TestEnv, quick, scene};
use crate::template::{WORLD, create, images, nothing_is_left};

fn image_file(stage: &TestEnv) {
    let mut image = b"QFI\xfb".to_vec();
    image.resize(1 << 20, 7);
    std::fs::write(stage.path("disk.qcow2"), &image).unwrap();
}

/// Loses the workers of the calls that change something and end so: of the first of them, or of all.
fn lose(sandbox: &Sandbox, ending: &'static str, count: usize) {
    let mut left = count;
    sandbox.before_call(move |method, path, cluster| {
        let is_it = method == "POST" && path.ends_with(ending) && left > 0;
        left -= usize::from(is_it);
        cluster.lost_workers = usize::from(is_it);
    });
}

/// Counts the calls that change something and end so.
fn asked(sandbox: &Sandbox, ending: &str) -> usize {
    sandbox.seen().iter().filter(|seen| seen.method == "POST" && seen.path.ends_with(ending)).count()
}

#[test]
fn an_image_and_the_vm_of_a_template_are_asked_for_again() {
    for (release, ending) in [
        ("http://mirror.example/disk.qcow2", "/download-url"),
        ("disk.qcow2", "/upload"),
        ("http://mirror.example/disk.qcow2", "/nodes/pve/qemu"),
        ("disk.qcow2", "/nodes/pve/qemu"),
        ("disk.qcow2", "/template"),
    ] {
        for lost in [1, 2] {
            let (sandbox, stage) = scene(quick());
            image_file(&stage);
            lose(&sandbox, ending, lost);
            let line = format!("template create --no-input --id 9100 --no-checksum --release {release}");
            stage.glassdome(&line).expect(0);
            assert_eq!(asked(&sandbox, ending), lost + 1, "{release} {ending}");
            assert_eq!(Admin::of(&sandbox).vmids(), [101, 9000, 9001, 9100]);
            assert_eq!(images(&sandbox), [""; 0]);
            assert!(stage.entries().is_empty());
        }
    }
}

#[test]
fn a_server_that_never_has_a_worker_is_given_up_with_nothing_left() {
    for (release, ending) in [
        ("http://mirror.example/disk.qcow2", "/download-url"),
        ("disk.qcow2", "/upload"),
        ("disk.qcow2", "/nodes/pve/qemu"),
    ] {
        let (sandbox, stage) = scene(quick());
        image_file(&stage);
        lose(&sandbox, ending, usize::MAX);
        let line = format!("template create --no-input --id 9100 --no-checksum --release {release}");
        stage.glassdome(&line).expect(9).says("got no worker upid").says("nothing was done: run this again");
        assert_eq!(asked(&sandbox, ending), 3, "{ending}");
        nothing_is_left(&sandbox, &stage);
    }
}

#[test]
fn an_image_that_is_there_all_the_same_is_neither_asked_for_again_nor_deleted() {
    let (sandbox, stage) = scene(quick());
    sandbox.before_call(|method, path, cluster| {
        if method == "POST" && path.ends_with("/download-url") {
            cluster.lost_workers = 1;
        }
        let Some(file) = cluster.tasks.iter().find(|task| task.kind == "download").map(|task| task.id.clone()) else {
            return;
        };
        let volume = Volume {
            vmid: None,
            content: "import".to_owned(),
            format: "qcow2".to_owned(),
            size: 1,
            used: 1,
            created: 1_700_000_000,
            base: None,
        };
        let storage = cluster.storages.get_mut("local").unwrap();
        let key = storage.key("pve", &format!("import/{file}"));
        storage.volumes.insert(key, volume);
    });
    let outcome = stage.glassdome(&create("--release http://mirror.example/disk.qcow2")).expect(10);
    outcome.says("may or may not have been carried out").says("an image with this name may remain");
    assert_eq!(asked(&sandbox, "/download-url"), 1);
    assert_eq!(images(&sandbox).len(), 1);
    assert_eq!(Admin::of(&sandbox).vmids(), WORLD);
}

#[test]
fn a_vm_that_is_there_all_the_same_is_not_asked_for_again() {
    for (line, ending) in [
        ("test-vm --timeout 2", "/clone"),
        (
            "template create --no-input --id 100 --no-checksum --release http://mirror.example/disk.qcow2",
            "/nodes/pve/qemu",
        ),
    ] {
        let (sandbox, stage) = scene(Options { ..quick() });
        let mut is_asked = false;
        sandbox.before_call(move |method, path, cluster| {
            if method == "POST" && path.ends_with(ending) {
                cluster.lost_workers = 1;
                is_asked = true;
            } else if is_asked && !cluster.vms.contains_key(&100) {
                cluster.vms.insert(100, Vm::new("pve", Config::of(&[("lock", "clone")])));
            }
        });
        let outcome = stage.glassdome(line);
        assert_ne!(outcome.code, 0, "{outcome:?}");
        assert_eq!(asked(&sandbox, ending), 1, "{outcome:?}");
        assert!(Admin::of(&sandbox).vmids().contains(&100));
        assert!(!outcome.stderr.contains("nothing was done"), "{outcome:?}");
        outcome.says("may or may not have been carried out");
    }
}
