//! Removing test VMs, and what is left.

use super::vm::task_failed;
use super::{read, refused, screen};
use crate::error::{CleanupError, Error, Operation};
use crate::model::Foreign;

fn left(why: impl Into<Error>, failure: Option<Error>) -> CleanupError {
    CleanupError::LeftBehind {
        vmid: 100,
        node: "pve".to_owned(),
        name: "glassdome-test-1a2b".to_owned(),
        why: Box::new(why.into()),
        failure: failure.map(Box::new),
    }
}

#[test]
fn cleanup() {
    let denied = || Error::server(Operation::Destroy(read("100")), refused(403, "Permission check failed"));
    let blocked = || {
        let blocked = crate::pve::ApiError::Gateway {
            server: "pve.lan:8006".to_owned(),
            method: "DELETE".to_owned(),
            status: 403,
            phrase: Foreign::new("Forbidden"),
        };
        Error::server(Operation::Destroy(read("100")), blocked)
    };
    let in_ha = || {
        let words = "unable to remove VM 100 - used in HA resources and purge parameter not set.";
        Error::server(Operation::Destroy(read("100")), refused(500, words))
    };
    let start = || task_failed(Operation::Start(read("100")), "start failed: QEMU exited with code 1").into();
    let stuck = || CleanupError::StuckClone { vmid: read("100"), node: read("pve") };
    let text = screens! { CleanupError, screen;
        NotGone => CleanupError::NotGone { vmid: read("100") };
        UnknownVm => CleanupError::UnknownVm { vmid: read("999") };
        NoTestVm => CleanupError::NoTestVm { vmid: read("101"), name: Foreign::new("web") };
        UnusualName => CleanupError::UnusualName { vmid: read("100"), name: "web".to_owned() };
        TestVmInUse => CleanupError::TestVmInUse { vmid: read("100") };
        ChangedByOthers => CleanupError::ChangedByOthers { vmid: read("100") };
        StuckClone => stuck();
        LeftBehind => left(denied(), None), left(blocked(), None), left(denied(), Some(start())), left(stuck(), None), left(in_ha(), None);
        DisksLeft => CleanupError::DisksLeft {
            vmid: 100,
            node: "pve".to_owned(),
            name: "glassdome-test-1a2b".to_owned(),
            disks: vec![Foreign::new("nfs:100/vm-100-disk-0.qcow2")],
            failure: Some(Box::new(start())),
        };
        InvalidEntry => CleanupError::InvalidEntry;
    };
    insta::assert_snapshot!(text);
}

#[test]
fn a_vm_on_a_server_that_does_not_answer_may_still_be_there() {
    let gone = crate::pve::ApiError::Refused { server: "pve.lan:8006".to_owned() };
    let gone = Error::server(Operation::Destroy(read("100")), gone);
    assert!(left(gone, None).to_string().contains("could not be deleted and may still be on pve"));
}
