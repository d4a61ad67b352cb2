//! What an error says about a race with another client.

use super::{read, vm::task_failed as failed};
use crate::error::{Error, Operation};
use crate::model::VmId;

fn task_failed(exit_status: &str) -> Error {
    failed(Operation::FindId, exit_status).into()
}

#[test]
fn a_lost_race_is_known_by_its_words() {
    let vmid = read::<VmId>("100");
    for (words, lost) in [
        ("unable to create VM 100: config file already exists", true),
        ("can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout", true),
        // The template's lock is no reason to try another number.
        ("can't lock file '/var/lock/qemu-server/lock-9000.conf' - got timeout", false),
        ("clone failed: no space left", false),
    ] {
        assert_eq!(task_failed(words).is_lost_race(vmid), lost, "{words}");
    }
    assert!(task_failed("VM 100 is running - destroy failed").is_busy_vm());
}
