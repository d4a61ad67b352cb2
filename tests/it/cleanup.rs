//! `glassdome cleanup`: a run that was killed leaves nothing of ours, and everything of others.

use std::time::Duration;

use glassdome::sandbox::{Fault, Options, Sandbox};
use rustix::process::Signal;

use crate::support::admin::Admin;
use crate::support::terminal::Terminal;
use crate::support::test_env::{BOUND, Outcome, TestEnv, quick, signal};

/// A sandbox with what others have: VM 101, an orphan disk of the number that the clone will get, and a VM with a marker
/// that was copied.
fn scene(faults: &[Fault]) -> (Sandbox, TestEnv) {
    let sandbox = Sandbox::start(Options { faults: faults.to_vec(), ..quick() }).unwrap();
    sandbox.edit(|cluster| {
        cluster.add_disk(100, "pve", "local-lvm", "vm-100-disk-7", 1 << 30);
        cluster.add_vm(700, "glassdome-test-copied", "pve", "local-lvm");
        cluster.set_option(
            700,
            "description",
            "Test VM of glassdome\nglassdome-nonce: 0123456789abcdef0123456789abcdef\n",
        );
    });
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    (sandbox, stage)
}

/// Fails unless everything of others is there, and nothing of ours.
#[track_caller]
fn only_others_are_left(sandbox: &Sandbox, stage: &TestEnv, why: &str) {
    assert_eq!(Admin::of(sandbox).vmids(), [101, 700, 9000, 9001], "{why}");
    let has_orphan = sandbox.edit(|cluster| cluster.storages["local-lvm"].volume("pve", "vm-100-disk-7").is_some());
    assert!(has_orphan, "{why}: the orphan disk");
    assert!(stage.entries().is_empty(), "{why}: {:?}", stage.entries());
}

#[test]
fn killed_at_every_request_nothing_of_ours_stays_and_nothing_of_others_goes() {
    killed_everywhere("test-vm", |_| {});
}

#[test]
fn killed_at_every_request_with_a_protected_template() {
    killed_everywhere("test-vm", |sandbox| sandbox.edit(|cluster| cluster.set_option(9000, "protection", "1")));
}

fn killed_everywhere(line: &str, prepare: impl Fn(&Sandbox)) {
    for number in 1..=60 {
        for fault in [Fault::HoldBefore(number), Fault::HoldAfter(number)] {
            let (sandbox, stage) = scene(&[fault]);
            prepare(&sandbox);
            let mut child = stage.spawn(line);
            let was_reached = loop {
                if sandbox.wait_until_seen(number, Duration::from_millis(20)) {
                    break true;
                }
                if child.try_wait().unwrap().is_some() {
                    break false;
                }
            };
            if was_reached && matches!(fault, Fault::HoldAfter(_)) {
                // Processed, not only read: the status is noted when it is.
                while sandbox.seen().get(number - 1).is_some_and(|seen| seen.status.is_none()) {
                    std::thread::yield_now();
                }
            }
            child.kill().unwrap();
            child.wait().unwrap();
            sandbox.clear_faults();
            stage.glassdome("cleanup").expect(0);
            only_others_are_left(&sandbox, &stage, &format!("{fault:?}"));
            if !was_reached {
                assert!(number > 10, "the proof takes more than ten requests");
                return;
            }
        }
    }
    panic!("a proof does not take sixty requests");
}

#[test]
fn a_vm_that_only_carries_the_marker_is_not_destroyed() {
    let (sandbox, stage) = scene(&[]);
    let receipt = stage.glassdome("test-vm --keep -o json").expect(0).json();
    let kept = receipt["vmid"].as_u64().unwrap();
    stage.glassdome("cleanup").expect(0);
    assert!(Admin::of(&sandbox).vmids().contains(&kept));
}

#[test]
fn a_vm_that_was_renamed_is_another_users() {
    let (sandbox, stage) = scene(&[Fault::GoneInClone]);
    drop(sandbox);
    let (sandbox, stage) = {
        let _ = stage;
        scene(&[])
    };
    let mut child = {
        sandbox.add_fault(Fault::HoldBefore(sandbox.seen().len() + 13));
        stage.spawn("test-vm")
    };
    assert!(sandbox.wait_until_seen(13, BOUND));
    child.kill().unwrap();
    child.wait().unwrap();
    sandbox.clear_faults();
    let admin = Admin::of(&sandbox);
    while admin.call("GET", "/nodes/pve/qemu/100/config", "")["lock"] == "clone" {
        std::thread::yield_now();
    }
    sandbox.edit(|cluster| cluster.set_option(100, "name", "adopted"));
    let outcome = stage.glassdome("cleanup").expect(0);
    assert!(outcome.results.contains("does not match its journal entry"), "{}", outcome.results);
    assert!(admin.vmids().contains(&100));
    assert!(stage.entries().is_empty());
}

#[test]
fn a_vm_into_which_another_user_put_a_disk_is_another_users() {
    let (sandbox, stage) = scene(&[Fault::HoldBefore(14)]);
    let mut child = stage.spawn("test-vm");
    assert!(sandbox.wait_until_seen(14, BOUND));
    child.kill().unwrap();
    child.wait().unwrap();
    sandbox.clear_faults();
    let admin = Admin::of(&sandbox);
    while admin.call("GET", "/nodes/pve/qemu/100/config", "")["lock"] == "clone" {
        std::thread::yield_now();
    }
    let disk = sandbox.edit(|cluster| cluster.add_disk(100, "pve", "local-lvm", "vm-100-disk-3", 1 << 30));
    sandbox.edit(|cluster| cluster.set_option(100, "scsi1", &disk));
    stage.glassdome("cleanup").expect(0).shows("does not match its journal entry");
    assert!(sandbox.edit(|cluster| cluster.storages["local-lvm"].volume("pve", "vm-100-disk-3").is_some()));
    assert!(admin.vmids().contains(&100));
    assert!(stage.entries().is_empty());
}

#[test]
fn the_entry_of_a_run_that_is_alive_is_left_alone() {
    let (sandbox, stage) = scene(&[]);
    sandbox.add_fault(Fault::HoldBefore(14));
    let mut child = stage.spawn("test-vm");
    assert!(sandbox.wait_until_seen(14, BOUND));
    sandbox.clear_faults();
    let outcome = stage.glassdome("cleanup -o json").expect(0);
    assert_eq!(outcome.json()["alive"], 1);
    assert_eq!(stage.entries().len(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    stage.glassdome("cleanup").expect(0);
    only_others_are_left(&sandbox, &stage, "after the run is dead");
}

#[test]
fn a_dry_run_destroys_nothing_and_another_server_is_skipped() {
    let (sandbox, stage) = scene(&[]);
    sandbox.add_fault(Fault::HoldBefore(14));
    let mut child = stage.spawn("test-vm");
    assert!(sandbox.wait_until_seen(14, BOUND));
    child.kill().unwrap();
    child.wait().unwrap();
    sandbox.clear_faults();
    let outcome = stage.glassdome("cleanup --dry-run").expect(0);
    assert!(outcome.results.contains("would be deleted"), "{}", outcome.results);
    assert!(Admin::of(&sandbox).vmids().contains(&100));
    let other = Sandbox::start(quick()).unwrap();
    let ours = stage.read(".env");
    stage.point_at(&other);
    let outcome = stage.glassdome("cleanup").expect(0);
    assert!(outcome.results.contains("run this with the settings for that server"), "{}", outcome.results);
    stage.write(".env", &ours);
    stage.write("proxmox-ca.pem", sandbox.ca_pem());
    stage.glassdome("cleanup").expect(0);
    only_others_are_left(&sandbox, &stage, "at last");
}

#[test]
fn marked_vms_are_listed_with_age_and_machine_and_destroyed_only_when_named() {
    let (sandbox, stage) = scene(&[]);
    let kept = stage.glassdome("test-vm --keep -o json").expect(0).json();
    let (kept, name) = (kept["vmid"].as_u64().unwrap(), kept["name"].as_str().unwrap().to_owned());
    let outcome = stage.glassdome("cleanup").expect(0);
    outcome.shows(&format!("VM {kept} ({name}) on pve, created less than a minute ago on host ")).shows("VM 700");
    let document = stage.glassdome("cleanup --dry-run -o json --vmid 700").expect(0).json();
    let fate = |vmid: u64| {
        document["marked"].as_array().unwrap().iter().find(|it| it["vmid"] == vmid).unwrap()["fate"].clone()
    };
    assert_eq!((fate(kept), fate(700)), ("listed".into(), "would_be_destroyed".into()));
    assert!(Admin::of(&sandbox).vmids().contains(&kept));
    let outcome = stage.glassdome(&format!("cleanup --vmid {kept}")).expect(3);
    outcome.says(&format!("VM {kept} ({name}) would be deleted: this needs confirmation")).says("pass --yes");
    assert!(Admin::of(&sandbox).vmids().contains(&kept));
    stage.glassdome(&format!("cleanup --vmid {kept} --yes")).expect(0).shows(&format!("VM {kept} ({name}) deleted"));
    only_others_are_left(&sandbox, &stage, "the one that was named is gone");
}

#[test]
fn what_carries_no_marker_stays_even_when_it_is_named() {
    let (sandbox, stage) = scene(&[]);
    let before = Admin::of(&sandbox).vmids();
    for vmid in [101, 9000, 555] {
        let outcome = stage.glassdome(&format!("cleanup --vmid {vmid} -o json")).expect(8);
        assert_eq!(outcome.json()["error"]["kind"], "not_found");
        let says = if vmid == 555 { "does not exist or is not visible" } else { "is not a test VM" };
        assert!(outcome.json()["error"]["message"].as_str().unwrap().contains(says), "{}", outcome.results);
    }
    assert_eq!(Admin::of(&sandbox).vmids(), before);
    assert!(sandbox.seen().iter().all(|seen| seen.method == "GET" || seen.path == "/access/ticket"));
}

#[test]
fn the_vm_of_a_run_that_is_alive_stays_even_when_it_is_named() {
    let (sandbox, stage) = scene(&[]);
    // The guest agent never comes up: the run goes on asking it.
    sandbox.edit(|cluster| cluster.vms.get_mut(&9000).unwrap().agent.up_after = None);
    let child = stage.spawn("test-vm --wait-ip 3600");
    while !sandbox.seen().iter().any(|seen| seen.path.contains("/agent/")) {
        assert!(sandbox.wait_until_seen(sandbox.seen().len() + 1, BOUND), "the agent is asked");
    }
    stage.glassdome("cleanup --vmid 100").expect(3).says("active on this machine");
    assert!(Admin::of(&sandbox).vmids().contains(&100));
    signal(&child, Signal::INT);
    Outcome::of(&child.wait_with_output().unwrap()).expect(130);
    only_others_are_left(&sandbox, &stage, "the run cleaned up itself");
}

#[test]
fn without_a_server_and_without_entries_nothing_is_asked_for() {
    TestEnv::new().glassdome("cleanup").expect(0).shows("no server is configured");
    TestEnv::new().glassdome("cleanup --vmid 100").expect(3).says("--host");
}

#[test]
fn a_marked_vm_with_another_name_is_destroyed_only_after_a_yes() {
    let (sandbox, stage) = scene(&[]);
    sandbox.edit(|cluster| cluster.set_option(700, "name", "production-db"));
    let outcome = stage.glassdome("cleanup --vmid 700 -o json").expect(3);
    assert_eq!(outcome.json()["error"]["kind"], "configuration");
    assert!(outcome.results.contains("glassdome cleanup --vmid 700 --yes"), "{}", outcome.results);
    assert!(Admin::of(&sandbox).vmids().contains(&700));
    assert!(sandbox.seen().iter().all(|seen| seen.method == "GET" || seen.path == "/access/ticket"));
    for (answer, is_there) in [("n", true), ("y", false)] {
        let mut terminal = Terminal::start(&stage, 100, "cleanup --vmid 700");
        terminal.wait_for("is named production-db. Delete it?").answer(answer);
        let _ = terminal.end(0);
        assert_eq!(Admin::of(&sandbox).vmids().contains(&700), is_there, "{answer}");
    }
    // No question is asked about a VM with the usual name, nor with --yes.
    let (sandbox, stage) = scene(&[]);
    let mut terminal = Terminal::start(&stage, 100, "cleanup --vmid 700");
    terminal.wait_for("VM 700 (glassdome-test-");
    let _ = terminal.end(0);
    let kept = stage.glassdome("test-vm --keep --name demo -o json").expect(0).json()["vmid"].as_u64().unwrap();
    stage.glassdome(&format!("cleanup --vmid {kept} --dry-run")).expect(0);
    stage.glassdome(&format!("cleanup --vmid {kept}")).expect(3);
    stage.glassdome(&format!("cleanup --vmid {kept} --yes")).expect(0);
    assert_eq!(Admin::of(&sandbox).vmids(), [101, 9000, 9001]);
}

#[test]
fn disks_that_the_server_could_not_remove_are_left_behind_and_reported() {
    let disk = "local-lvm:vm-100-disk-0";
    let (sandbox, stage) = scene(&[Fault::DiskNotRemoved]);
    // A proof that ended well.
    let outcome = stage.glassdome("test-vm -o json").expect(10);
    let document = outcome.json();
    assert_eq!(document["error"]["kind"], "left_behind");
    let left = &document["left_behind"];
    assert_eq!((&left["vmid"], &left["node"]), (&100.into(), &"pve".into()), "{document}");
    assert!(left["disks"].as_array().unwrap().contains(&disk.into()), "{document}");
    let warned =
        format!("destroy: WARN: Could not remove disk '{disk}', check manually: storage 'local-lvm' is disabled");
    assert!(document["warnings"].as_array().unwrap().contains(&warned.clone().into()), "{document}");
    assert!(!Admin::of(&sandbox).vmids().contains(&100));
    assert!(sandbox.edit(|cluster| cluster.storages["local-lvm"].volume("pve", "vm-100-disk-0").is_some()));
    assert!(stage.entries().is_empty(), "the VM is gone");
    let output = stage.glassdome("test-vm --vmid 300").expect(10);
    for words in ["VM 300 (", "was deleted, but 2 of its disks are still on pve", "pvesm free 'local-lvm:vm-300-"] {
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
    // Many proofs.
    let document = stage.glassdome("test-vm --count 2 -o json").expect(10).json();
    assert_eq!(document["left_behind"].as_array().unwrap().len(), 2, "{document}");
    assert!(document["left_behind"][0]["disks"].is_array(), "{document}");
    // One that was named.
    let outcome = stage.glassdome("cleanup --vmid 700 -o json --yes").expect(10);
    assert_eq!(outcome.json()["left_behind"][0]["vmid"], 700);
    assert_eq!(outcome.json()["marked"][0]["fate"], "destroyed");
    assert!(outcome.stderr.contains("Could not remove disk 'local-lvm:vm-700-disk-0'"), "{}", outcome.stderr);
}

#[test]
fn disks_that_stay_after_a_run_was_killed_are_reported_by_the_clean_up() {
    let (sandbox, stage) = scene(&[Fault::DiskNotRemoved]);
    sandbox.add_fault(Fault::HoldBefore(14));
    let mut child = stage.spawn("test-vm");
    assert!(sandbox.wait_until_seen(14, BOUND));
    child.kill().unwrap();
    child.wait().unwrap();
    sandbox.clear_faults();
    let outcome = stage.glassdome("cleanup -o json").expect(10);
    let document = outcome.json();
    assert_eq!(document["vms"][0]["fate"], "destroyed", "{document}");
    assert_eq!(document["left_behind"][0]["vmid"], 100, "{document}");
    assert!(document["left_behind"][0]["disks"].to_string().contains("local-lvm:vm-100-disk-0"), "{document}");
    assert!(stage.entries().is_empty(), "the VM is gone");
    stage.glassdome("cleanup").expect(0);
}
