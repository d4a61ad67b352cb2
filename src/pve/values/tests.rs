//! Replies as servers of every age write them.

use serde_json::{Value, json};

use super::guest::VmEntry;
use super::task::TaskEntry;
use super::{ActiveTask, Node, Storage, TaskStatus, Version, VersionNumber, Vm, VmStatus};
use crate::model::Foreign;
use crate::pve::lenient::object;

fn vm(value: Value) -> Option<Vm> {
    object::<VmEntry>(value)?.vm()
}

fn task(value: Value) -> Option<ActiveTask> {
    object::<TaskEntry>(value)?.active()
}

#[test]
fn numbers_and_booleans_come_in_many_forms() {
    for template in [json!(1), json!("1"), json!(true)] {
        let vm = vm(json!({"vmid": "9000", "node": "pve", "template": template, "type": "qemu", "new": {}})).unwrap();
        assert!(vm.is_template);
        assert_eq!(vm.vmid.number(), 9000);
    }
    assert!(!vm(json!({"vmid": 101, "node": "pve"})).unwrap().is_template);
    assert!(vm(json!({"vmid": 101, "node": "pve", "type": "lxc"})).is_none());
    assert_eq!(vm(json!({"vmid": 101, "node": "pve", "maxdisk": 3.4e10})).unwrap().disk, 34_000_000_000);
    assert!(vm(json!({"vmid": 101.5, "node": "pve"})).is_none());
    assert!(vm(json!({"vmid": 5, "node": "pve"})).is_none());
    assert!(vm(json!("nonsense")).is_none());
    assert!(object::<Node>(json!({"node": "pve", "status": "online"})).unwrap().is_online());
    assert!(!object::<Node>(json!({"node": "pve", "status": "offline"})).unwrap().is_online());
    assert!(
        object::<Storage>(json!({"storage": "local", "content": "iso,images", "avail": "5"})).unwrap().holds("images")
    );
}

#[test]
fn versions_of_every_age_are_read() {
    for (text, major, minor) in [("9.2.11", 9, 2), ("8.4.0~1", 8, 4), ("6.4-15", 6, 4), ("10", 10, 0), ("x", 0, 0)] {
        let version = Version::new(Foreign::new(text));
        let release = VersionNumber { major, minor };
        assert_eq!((version.major(), version.release), (major, release), "{text}");
    }
}

#[test]
fn states_are_distinguished() {
    assert!(object::<VmStatus>(json!({"status": "running", "qmpstatus": "running"})).unwrap().is_running());
    assert!(!object::<VmStatus>(json!({"status": "running", "qmpstatus": "paused"})).unwrap().is_running());
    assert!(object::<VmStatus>(json!({"status": "stopped"})).unwrap().is_stopped());
    assert!(!object::<TaskStatus>(json!({"status": "running"})).unwrap().is_stopped());
    let upid = "UPID:pve:00000132:0002DDB7:6B04F200:qmclone:9000:apex@pve:";
    assert_eq!(task(json!({"upid": upid, "status": "RUNNING"})).unwrap().kind, "qmclone");
    assert!(task(json!({"upid": upid, "status": "OK"})).is_none());
}
