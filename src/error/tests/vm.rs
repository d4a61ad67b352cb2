//! The test VM and its tasks, one or many.

use super::{read, screen};
use crate::error::{BatchError, Operation, VmError};
use crate::model::Foreign;
use crate::pve::task::LogEnd;

pub(super) const UPID: &str = "UPID:pve:00001234:00ABCDEF:65A00000:qmclone:9000:apex@pve!tok:";

pub(super) fn task_failed(operation: Operation, exit_status: &str) -> VmError {
    let (exit_status, upid) = (Foreign::new(exit_status), UPID.to_owned());
    VmError::TaskFailed { operation, upid, exit_status, log: LogEnd::default() }
}

#[test]
fn vm() {
    let clone = || Operation::Clone { template: read("9000"), vmid: read("100") };
    let text = screens! { VmError, screen;
        TaskFailed => task_failed(clone(), "clone failed: something new"),
            task_failed(Operation::Start(read("100")), "start failed: QEMU exited with code 1"),
            task_failed(Operation::Resize(read("100")), "resize failed: something new");
        NoProgress => VmError::NoProgress { operation: clone(), upid: UPID.to_owned(), seconds: 300 };
        MarkerMissing => VmError::MarkerMissing { vmid: read("100") };
        WrongNode => VmError::WrongNode { vmid: read("100"), node: read("pve1"), expected: read("pve2") };
        WrongStorage => VmError::WrongStorage {
            vmid: read("100"),
            disk: "scsi0".to_owned(),
            storage: Foreign::new("local"),
        };
        NotRunning => VmError::NotRunning { vmid: read("100"), status: Foreign::new("stopped") };
        NoAddress => VmError::NoAddress {
            vmid: read("100"),
            seconds: 120,
            last: Foreign::new("QEMU guest agent is not running"),
        };
    };
    insta::assert_snapshot!(text);
}

#[test]
fn batch() {
    let first = || Box::new(task_failed(Operation::Start(read("101")), "start failed: QEMU exited with code 1").into());
    let text = screens! { BatchError, screen;
        SomeFailed => BatchError::SomeFailed { failed: 2, count: 10, left: Vec::new(), first: first() },
            BatchError::SomeFailed { failed: 2, count: 10, left: vec![(101, "pve".to_owned())], first: first() };
        NoPlace => BatchError::NoPlace { template: read("9000") };
    };
    insta::assert_snapshot!(text);
}
