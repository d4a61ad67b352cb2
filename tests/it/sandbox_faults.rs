//! Faults of the sandbox that concern storages, nodes and templates: what the API answers over each.

use std::time::Duration;

use glassdome::sandbox::auth::{Caller, Refusal};
use glassdome::sandbox::cluster::Now;
use glassdome::sandbox::{Fault, Options, Sandbox};
use serde_json::Value;

use crate::support::admin::Admin;
use crate::support::test_env::quick;

const TOKEN: &str = "apex@pve!glassdome-token";
const CLONE: (&str, &str, &str) = ("POST", "/nodes/pve/qemu/9000/clone", "newid=100");

fn scene(fault: &str) -> Sandbox {
    let faults = vec![fault.parse::<Fault>().unwrap()];
    Sandbox::start(Options { faults, nodes: 2, shared_storage: true, ..quick() }).unwrap()
}

/// Makes a call as a token, and lets the task that it starts come to its end: gives how that ended, or the answer.
fn ask(sandbox: &Sandbox, subject: &str, (method, path, query): (&str, &str, &str)) -> Result<Value, String> {
    let params = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let caller = Caller { subject: subject.to_owned() };
    sandbox.edit(|cluster| {
        let now = Now { unix: 1_800_000_000, since_start: Duration::ZERO };
        let reply = cluster.call(method, path, &params, &caller, now).map_err(|why| match why {
            Refusal::Forbidden(what) => format!("403 {}", what.unwrap_or_default()),
            Refusal::Failed(why) => why,
            other => format!("{other:?}"),
        })?;
        cluster.fast_forward();
        let task = reply.data.as_str().and_then(|upid| cluster.task(upid));
        match task.and_then(|task| task.status()) {
            None | Some("OK") => Ok(reply.data),
            Some(failed) => Err(failed.to_owned()),
        }
    })
}

#[test]
fn each_fault_is_answered_in_the_words_of_the_server() {
    let table = [
        ("storage-disabled", CLONE, "clone failed: storage 'shared' is disabled"),
        ("storage-offline", CLONE, "clone failed: storage 'shared' is not online"),
        ("storage-restricted", CLONE, "clone failed: storage 'shared' is not available on node 'pve'"),
        ("no-quorum", CLONE, "cluster not ready - no quorum?"),
        ("no-quorum", ("POST", "/nodes/pve/qemu/101/status/start", ""), "cluster not ready - no quorum?"),
        (
            "no-quorum",
            ("POST", "/access/users/apex@pve/token/t2", ""),
            "generating token failed: cfs-lock 'file-user_cfg' error: no quorum!",
        ),
        ("ids-used-up", ("GET", "/cluster/nextid", ""), "unable to get any free VMID in range [101, 102]"),
        (
            "no-kvm",
            ("POST", "/nodes/pve/qemu/101/status/start", ""),
            "KVM virtualisation configured, but not available. Either disable in VM configuration or enable in BIOS.",
        ),
        ("raw-device", CLONE, "only root can set 'hostpci0' config for non-mapped devices"),
        ("template-locked", CLONE, "VM is locked (backup)"),
        (
            "iso-in-drive",
            ("POST", "/nodes/pve/qemu/9000/clone", "newid=100&target=pve2"),
            "can't clone VM to node 'pve2' (VM uses local storage)",
        ),
    ];
    for (fault, call, expected) in table {
        assert_eq!(ask(&scene(fault), TOKEN, call), Err(expected.to_owned()), "{fault}");
    }
}

#[test]
fn a_mapped_device_needs_a_right_at_its_mapping() {
    let sandbox = scene("mapped-device");
    sandbox.edit(|cluster| {
        for (path, role) in [("/vms", "PVEVMAdmin"), ("/storage", "PVEDatastoreAdmin"), ("/sdn", "PVESDNUser")] {
            cluster.access.grant("nobody@pve", path, role);
        }
    });
    let lacking = "403 /mapping/pci/gpu, Mapping.Use".to_owned();
    assert_eq!(ask(&sandbox, "nobody@pve", CLONE), Err(lacking));
    sandbox.edit(|cluster| cluster.access.grant("nobody@pve", "/mapping/pci/gpu", "PVEMappingUser"));
    assert!(ask(&sandbox, "nobody@pve", CLONE).is_ok());
    assert!(ask(&sandbox, TOKEN, ("POST", "/nodes/pve/qemu/100/status/start", "")).is_ok());
    // The mapping has no entry for the other node: the clone is made, and does not start.
    assert!(ask(&sandbox, TOKEN, ("POST", "/nodes/pve/qemu/9000/clone", "newid=102&target=pve2")).is_ok());
    let missing = "PCI device mapping not found for 'gpu'".to_owned();
    assert_eq!(ask(&sandbox, TOKEN, ("POST", "/nodes/pve2/qemu/102/status/start", "")), Err(missing));
}

#[test]
fn a_clone_on_a_storage_that_its_node_lacks_neither_starts_nor_goes_whole() {
    let sandbox = scene("storage-not-on-target");
    assert!(ask(&sandbox, TOKEN, ("POST", "/nodes/pve/qemu/9000/clone", "newid=100&target=pve2")).is_ok());
    let lacks = "storage 'shared' is not available on node 'pve2'".to_owned();
    assert_eq!(ask(&sandbox, TOKEN, ("POST", "/nodes/pve2/qemu/100/status/start", "")), Err(lacks));
    assert_eq!(ask(&sandbox, TOKEN, ("DELETE", "/nodes/pve2/qemu/100", "")), Err("WARNINGS: 2".to_owned()));
    let feature = ask(&sandbox, TOKEN, ("GET", "/nodes/pve/qemu/9000/feature", "feature=clone")).unwrap();
    assert_eq!(feature["nodes"], serde_json::json!(["pve"]));
}

#[test]
fn lists_know_nothing_of_a_node_whose_statistics_hang() {
    let sandbox = scene("status-unknown");
    let nodes = ask(&sandbox, TOKEN, ("GET", "/nodes", "")).unwrap();
    assert!(nodes.as_array().unwrap().iter().all(|node| node["status"] == "unknown" && node["cpu"].is_null()));
    let vms = ask(&sandbox, TOKEN, ("GET", "/cluster/resources", "type=vm")).unwrap();
    assert!(vms.as_array().unwrap().iter().all(|vm| vm["status"] == "unknown" && vm["name"].is_null()));
    assert!(ask(&sandbox, TOKEN, CLONE).is_ok(), "everything else works");
}

#[test]
fn a_worker_that_is_lost_leaves_nothing_but_its_task() {
    let sandbox = scene("worker-lost");
    let admin = Admin::of(&sandbox);
    let (_, path, form) = CLONE;
    let (status, answer) = admin.try_call("POST", path, form);
    assert_eq!(status, 500);
    assert!(answer.contains("got no worker upid - start worker failed"), "{answer}");
    assert!(!admin.vmids().contains(&100));
    assert_eq!(admin.call("GET", "/nodes/pve/tasks", "")[0]["status"], "unexpected status");
    assert_eq!(admin.try_call("POST", path, form).0, 200, "asked again, it works");
}

#[test]
fn a_target_that_is_lost_keeps_the_clone() {
    let sandbox = scene("target-lost");
    let admin = Admin::of(&sandbox);
    let (_, path, _) = CLONE;
    assert_eq!(admin.try_call("POST", path, "newid=100&target=pve2").0, 200);
    while admin.try_call("GET", "/nodes/pve2/qemu", "").0 != 595 {}
    sandbox.edit(|cluster| cluster.fast_forward());
    assert!(admin.try_call("GET", "/nodes/pve/qemu/100/config", "").1.contains("does not exist"));
    assert_eq!(admin.try_call("GET", "/nodes/pve2/qemu/100/config", "").0, 595);
}

#[test]
fn a_cleanup_comes_late_unless_it_is_switched_off() {
    for (late_cleanup, expected) in [(true, Some(quick().task_time * 2)), (false, None)] {
        let sandbox = Sandbox::start(Options { late_cleanup, ..quick() }).unwrap();
        assert_eq!(sandbox.edit(|cluster| cluster.late_cleanup), expected);
    }
}
