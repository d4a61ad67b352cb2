//! `glassdome template create` beside others: it deletes, replaces and builds from nothing that it did not make itself.

use std::time::Duration;

use glassdome::sandbox::cluster::Volume;
use glassdome::sandbox::{Fault, Options, Sandbox};
use rustix::process::Signal;

use crate::support::admin::Admin;
use crate::support::test_env::{Outcome, TestEnv, quick, scene, signal};
use crate::template::{WORLD, create, images, nothing_is_left, wait_for_task};

/// The bytes of an image of a colleague.
const THEIRS: u64 = 4711;

/// Puts an image of a colleague on the storage, in place of whatever had its name.
fn put_image(sandbox: &Sandbox, file: &str) {
    let volume = Volume {
        vmid: None,
        content: "import".to_owned(),
        format: "qcow2".to_owned(),
        size: THEIRS,
        used: THEIRS,
        created: 1_700_000_000,
        base: None,
    };
    sandbox.edit(|cluster| {
        let storage = cluster.storages.get_mut("local").unwrap();
        let key = storage.key("pve", &format!("import/{file}"));
        storage.volumes.insert(key, volume);
    });
}

/// Gives the images whose bytes are a colleague's.
fn theirs(sandbox: &Sandbox) -> Vec<String> {
    let is_theirs = |volume: &str| {
        sandbox.edit(|cluster| {
            let (storage, name) = volume.split_once(':').unwrap();
            cluster.storages[storage].volume("pve", name).is_some_and(|volume| volume.size == THEIRS)
        })
    };
    images(sandbox).into_iter().filter(|volume| is_theirs(volume)).collect()
}

/// Fails where anything that is printed would destroy the VM.
#[track_caller]
fn no_hint_says_to_destroy(outcome: &Outcome, vmid: u32) {
    let all = format!("{}{}", outcome.results, outcome.stderr);
    for words in [format!("qm destroy {vmid}"), format!("destroy VM {vmid}"), format!("--vmid {vmid}")] {
        assert!(!all.contains(&words), "{words}: {all}");
    }
}

fn image_file(stage: &TestEnv) {
    let mut image = b"QFI\xfb".to_vec();
    image.resize(1 << 20, 7);
    std::fs::write(stage.path("jammy.img"), &image).unwrap();
}

#[test]
fn no_image_is_taken_or_deleted_for_its_name() {
    for release in ["22.04", "http://mirror.example/disk.qcow2", "jammy.img"] {
        let (sandbox, stage) = scene(quick());
        image_file(&stage);
        let stem = if release == "22.04" { "ubuntu-22.04-server-cloudimg-amd64" } else { "disk" };
        for file in [
            format!("{stem}-abababababab.qcow2"),
            format!("{stem}-unverified.qcow2"),
            format!("{stem}.qcow2"),
            format!("glassdome-{stem}-abababababab.qcow2"),
            format!("glassdome-{stem}-.qcow2"),
            "jammy-unverified.qcow2".to_owned(),
        ] {
            put_image(&sandbox, &file);
        }
        let before = images(&sandbox);
        let line = format!("template create --no-input --id 9100 --no-checksum --release {release} -o json");
        let document = stage.glassdome(&line).expect(0).json();
        assert!(!before.contains(&document["image"].as_str().unwrap().to_owned()), "{document}");
        assert_eq!(images(&sandbox), before, "{release}");
        assert_eq!(theirs(&sandbox), before, "{release}");
    }
}

#[test]
fn runs_at_once_keep_an_image_each_and_name_it() {
    let (sandbox, stage) = scene(Options { task_time: Duration::from_millis(600), ..quick() });
    image_file(&stage);
    for release in ["http://mirror.example/disk.qcow2", "jammy.img"] {
        let before = images(&sandbox);
        let runs = [9100, 9101, 9102].map(|vmid| {
            let line = format!("template create --no-input --id {vmid} --no-checksum --keep-image --release {release}");
            stage.spawn(&format!("{line} -o json"))
        });
        let mut kept: Vec<String> = Vec::new();
        for run in runs {
            let document = Outcome::of(&run.wait_with_output().unwrap()).expect(0).json();
            assert_eq!(document["kept_image"], document["image"]);
            kept.push(document["kept_image"].as_str().unwrap().to_owned());
        }
        kept.extend(before);
        kept.sort();
        assert_eq!(images(&sandbox), kept);
        for vmid in [9100, 9101, 9102] {
            sandbox.edit(|cluster| cluster.vms.remove(&vmid));
        }
    }
    let image = images(&sandbox).len();
    let outcome = stage.glassdome(&create("--keep-image")).expect(0);
    assert_eq!(images(&sandbox).len(), image + 1);
    let output = outcome.results.lines().find_map(|line| line.strip_prefix("image kept: ")).unwrap();
    assert!(images(&sandbox).contains(&output.to_owned()), "{}", outcome.results);
    assert!(stage.entries().is_empty());
}

#[test]
fn an_image_that_is_to_stay_is_named_when_the_rest_fails() {
    let (sandbox, stage) = scene(quick());
    sandbox.edit(|cluster| cluster.storages.get_mut("local-lvm").unwrap().full = true);
    let outcome = stage.glassdome(&create("--keep-image")).expect(9);
    let [image] = &images(&sandbox)[..] else { panic!("{:?}", images(&sandbox)) };
    assert!(outcome.stderr.contains(&format!("image kept as requested: {image}")), "{}", outcome.stderr);
    assert!(stage.entries().is_empty());
}

#[test]
fn an_image_that_another_user_replaced_stays_and_nothing_is_made_of_it() {
    for (kind, ends, code) in
        [(":qmcreate:", "by itself", 9), (":qmcreate:", "interrupted", 130), (":resize:", "by itself", 0)]
    {
        let (sandbox, stage) = scene(Options { task_time: Duration::from_secs(1), ..quick() });
        let child = stage.spawn(&create("-o json"));
        wait_for_task(&sandbox, kind);
        let [image] = &images(&sandbox)[..] else { panic!("{:?}", images(&sandbox)) };
        put_image(&sandbox, image.strip_prefix("local:import/").unwrap());
        if code == 130 {
            signal(&child, Signal::INT);
        }
        let outcome = Outcome::of(&child.wait_with_output().unwrap()).expect(code);
        assert_eq!(theirs(&sandbox).join(" "), *image, "{ends}");
        assert!(outcome.stderr.contains(image) || outcome.results.contains(image), "{ends}: {outcome:?}");
        assert!(
            !outcome.stderr.contains("pvesm free") && !outcome.results.contains("pvesm free"),
            "{ends}: {outcome:?}"
        );
        assert!(outcome.stderr.contains("not deleted"), "{ends}: {}", outcome.stderr);
        if code != 0 {
            assert_eq!(Admin::of(&sandbox).vmids(), WORLD);
        }
        assert!(stage.entries().is_empty(), "nothing of this run is left");
    }
}

#[test]
fn a_number_that_another_user_took_meanwhile_is_theirs() {
    for fault in [Fault::IdTaken, Fault::IdTakenInTask] {
        let (sandbox, stage) = scene(Options { faults: vec![fault], ..quick() });
        let outcome = stage.glassdome(&create("")).expect(3).says("VM 9100 already exists");
        no_hint_says_to_destroy(&outcome, 9100);
        assert_eq!(sandbox.edit(|cluster| cluster.vms[&9100].config.get("name").map(str::to_owned)).unwrap(), "rival");
        assert_eq!(images(&sandbox), [""; 0], "{fault:?}");
        assert!(stage.entries().is_empty(), "{fault:?}");
        // Without a number that is fixed the next one is taken, until one is free.
        let (sandbox, stage) = scene(Options { faults: vec![fault; 3], ..quick() });
        let line = create("-o json").replace("--id 9100 ", "");
        let outcome = stage.glassdome(&line).expect(0);
        let vmid = outcome.json()["vmid"].as_u64().unwrap();
        for rival in [100, 102, 103] {
            let name = sandbox.edit(|cluster| cluster.vms[&rival].config.get("name").map(str::to_owned));
            assert_eq!(name.as_deref(), Some("rival"), "{fault:?}");
            no_hint_says_to_destroy(&outcome, rival);
        }
        assert_eq!((vmid, images(&sandbox).len()), (104, 0), "{fault:?}");
        assert!(stage.read(".env").contains("UBUNTU_2204_TEMPLATE_ID=104\n"), "{}", stage.read(".env"));
        assert!(stage.entries().is_empty(), "{fault:?}");
    }
}

#[test]
fn a_vm_that_another_user_took_over_is_neither_changed_nor_destroyed() {
    for (kind, option, value) in [
        (":qmcreate:", "name", "theirs"),
        (":resize:", "description", "mine now"),
        (":resize:", "name", "theirs"),
        (":qmtemplate:", "description", "mine now"),
        (":qmtemplate:", "name", "theirs"),
    ] {
        let (sandbox, stage) = scene(Options { task_time: Duration::from_secs(4), ..quick() });
        let child = stage.spawn(&create(""));
        wait_for_task(&sandbox, kind);
        if kind == ":qmcreate:" {
            // Another user destroys it the moment it is made, and takes its number.
            sandbox.edit(|cluster| {
                cluster.fast_forward();
                cluster.vms.remove(&9100);
                cluster.add_vm(9100, "theirs", "pve", "local-lvm");
            });
        }
        sandbox.edit(|cluster| cluster.set_option(9100, option, value));
        let outcome = Outcome::of(&child.wait_with_output().unwrap());
        assert!(![0, 10].contains(&outcome.code), "{kind} {option}: {outcome:?}");
        no_hint_says_to_destroy(&outcome, 9100);
        let config = Admin::of(&sandbox).call("GET", "/nodes/pve/qemu/9100/config", "");
        assert_eq!(config[option].as_str().unwrap().trim(), value, "{kind} {option}: {config}");
        assert_eq!(config["template"].is_null(), kind != ":qmtemplate:", "{kind} {option}: {config}");
        assert_eq!(images(&sandbox), [""; 0], "{kind} {option}");
        assert!(outcome.stderr.contains("not deleted"), "{kind} {option}: {}", outcome.stderr);
        assert!(stage.entries().is_empty(), "{kind} {option}");
        stage.glassdome("cleanup").expect(0);
        assert!(Admin::of(&sandbox).vmids().contains(&9100), "{kind} {option}");
    }
}

#[test]
fn a_run_that_is_killed_while_its_image_is_on_its_way_leaves_a_note() {
    let (sandbox, stage) = scene(Options { task_time: Duration::from_secs(60), ..quick() });
    let mut child = stage.spawn(&create(""));
    wait_for_task(&sandbox, ":download:");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(stage.entries().len(), 1);
    let output = stage.glassdome("doctor").results;
    assert!(output.contains("image local:import/glassdome-"), "{output}");
    stage.glassdome("cleanup").expect(0).shows("may still be downloading");
    sandbox.edit(|cluster| cluster.fast_forward());
    let [image] = &images(&sandbox)[..] else { panic!("{:?}", images(&sandbox)) };
    stage.glassdome("cleanup --dry-run").expect(0).shows(image);
    stage.glassdome("cleanup").expect(0).shows(image).shows("not deleted, because");
    assert_eq!(images(&sandbox).len(), 1, "its name alone proves nothing");
    // Another server is another matter.
    let other = Sandbox::start(quick()).unwrap();
    stage.point_at(&other);
    stage.glassdome("cleanup").expect(0).shows(&format!("image {image} was left on"));
    stage.point_at(&sandbox);
    sandbox.edit(|cluster| {
        let storage = cluster.storages.get_mut("local").unwrap();
        storage.volumes.retain(|(_, name), _| !name.starts_with("import/"));
    });
    stage.glassdome("cleanup").expect(0).shows("nothing left behind");
    assert!(stage.entries().is_empty());
}

#[test]
fn an_upload_whose_answer_was_lost_leaves_nothing() {
    let is_tried = (1..40).any(|number| {
        let (sandbox, stage) = scene(Options { faults: vec![Fault::ResetAfter(number)], ..quick() });
        image_file(&stage);
        let outcome = stage.glassdome("template create --no-input --id 9100 --release jammy.img");
        let is_meant = sandbox.seen().get(number - 1).is_some_and(|seen| seen.path.ends_with("/upload"));
        sandbox.clear_faults();
        if is_meant {
            assert_ne!(outcome.code, 0, "{outcome:?}");
            nothing_is_left(&sandbox, &stage);
        }
        is_meant
    });
    assert!(is_tried, "the answer to the upload was never the one that was lost");
}

#[test]
fn disks_that_stay_when_a_template_is_taken_back_are_named() {
    let (sandbox, stage) =
        scene(Options { faults: vec![Fault::DiskNotRemoved], task_time: Duration::from_secs(4), ..quick() });
    let child = stage.spawn(&create(""));
    wait_for_task(&sandbox, ":resize:");
    signal(&child, Signal::INT);
    let outcome = Outcome::of(&child.wait_with_output().unwrap()).expect(10);
    for words in ["disk local-lvm:vm-9100-disk-0 could not be deleted", "pvesm free 'local-lvm:vm-9100-disk-0'"] {
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
    }
    assert_eq!(Admin::of(&sandbox).vmids(), WORLD);
    assert_eq!(images(&sandbox), [""; 0]);
    assert!(stage.entries().is_empty());
}

#[test]
fn a_vm_that_another_user_deletes_during_the_run_is_not_claimed_to_be_left() {
    for (called, line) in [("/status/start", "test-vm"), ("/status/stop", "test-vm"), ("/status/current", "test-vm")] {
        let (sandbox, stage) = scene(quick());
        sandbox.before_call(move |_, path, cluster| {
            if path.ends_with(called) {
                cluster.vms.remove(&100);
            }
        });
        let outcome = stage.glassdome(&format!("{line} -o json"));
        let document = outcome.json();
        assert_eq!(document["left_behind"], serde_json::Value::Null, "{called}: {outcome:?}");
        assert!(!outcome.stderr.contains("the node may lack memory"), "{called}: {outcome:?}");
        assert!(stage.entries().is_empty(), "{called}: {outcome:?}");
        if called == "/status/start" {
            outcome.expect(9).says("another user or program has deleted or moved it");
        }
    }
}
