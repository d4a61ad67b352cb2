//! What can go wrong with a VM: its task, its state, its removal.

use crate::error::hint::{by_flag, not_in_wizard, run, say};
use crate::error::{Hint, Kind, Operation, refusal};
use crate::model::{Foreign, NodeName, VmId};
use crate::pve::RefusalReason;
use crate::pve::task::LogEnd;

/// What can go wrong with a VM: its task, its state, its removal.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// A task failed.
    #[error("cannot {operation}: the task failed")]
    TaskFailed {
        /// What the task was for.
        operation: Operation,
        /// Its ID.
        upid: String,
        /// How it ended.
        exit_status: Foreign,
        /// The last lines of its log.
        log: LogEnd,
    },
    /// A task made no progress.
    #[error("cannot {operation}: no progress for {seconds} s")]
    NoProgress {
        /// What the task was for.
        operation: Operation,
        /// Its ID.
        upid: String,
        /// For how long.
        seconds: u64,
    },
    /// The clone does not carry the marker.
    #[error("VM {vmid} was cloned, but does not have the name and marker that this run gave it")]
    MarkerMissing {
        /// The VMID.
        vmid: VmId,
    },
    /// The clone is on another node.
    #[error("VM {vmid} was created on node {node} instead of {expected}")]
    WrongNode {
        /// The VMID.
        vmid: VmId,
        /// Where it is.
        node: NodeName,
        /// Where it should be.
        expected: NodeName,
    },
    /// A disk of the clone is on another storage.
    #[error("disk {disk} of VM {vmid} is on the wrong storage, `{storage}`")]
    WrongStorage {
        /// Which VM.
        vmid: VmId,
        /// Which disk.
        disk: String,
        /// Where it is.
        storage: Foreign,
    },
    /// The clone was started and does not run.
    #[error("VM {vmid} was started, but its status is `{status}`")]
    NotRunning {
        /// The VMID.
        vmid: VmId,
        /// What the server says of it.
        status: Foreign,
    },
    /// The guest agent reported no address in time.
    #[error("the guest agent of VM {vmid} reported no IP address within {seconds} s")]
    NoAddress {
        /// The VMID.
        vmid: VmId,
        /// For how long it was asked.
        seconds: u64,
        /// The guest agent's last answer.
        last: Foreign,
    },
}

impl VmError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::TaskFailed { .. }
            | Self::NoProgress { .. }
            | Self::MarkerMissing { .. }
            | Self::WrongNode { .. }
            | Self::WrongStorage { .. }
            | Self::NotRunning { .. }
            | Self::NoAddress { .. } => Kind::Server,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::TaskFailed { operation, upid, exit_status, log } => {
                task_hints(operation, upid, RefusalReason::of_task(exit_status, log.lines()))
            }
            Self::NoProgress { upid, .. } => vec![
                say(format!("see the task in the web interface: {upid}")),
                by_flag("if the storage is slow, allow more time with --timeout", "if the storage is slow, try again"),
            ],
            Self::MarkerMissing { .. } | Self::WrongNode { .. } | Self::WrongStorage { .. } => {
                vec![by_flag(
                    "another user or program may have changed it meanwhile; run it again: `glassdome test-vm`",
                    "another user or program may have changed it meanwhile: try again",
                )]
            }
            Self::NotRunning { vmid, .. } => {
                vec![say("to see why, as root on its node:"), run(format!("qm start {vmid}"))]
            }
            Self::NoAddress { .. } => vec![
                say(
                    "check that qemu-guest-agent is installed in the template and that its network assigns IP addresses",
                ),
                not_in_wizard(say("if the guest starts slowly, allow more time with --wait-ip")),
            ],
        }
    }

    /// Returns the lines of detail.
    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::TaskFailed { log, .. } => log.shown(),
            Self::NoProgress { .. }
            | Self::MarkerMissing { .. }
            | Self::WrongNode { .. }
            | Self::WrongStorage { .. }
            | Self::NotRunning { .. }
            | Self::NoAddress { .. } => Vec::new(),
        }
    }

    /// Returns the server's own words.
    pub(super) fn server_message(&self) -> Option<Foreign> {
        match self {
            Self::TaskFailed { exit_status, .. } => Some(exit_status.clone()),
            Self::NoAddress { last, .. } => Some(last.clone()),
            Self::NoProgress { .. }
            | Self::MarkerMissing { .. }
            | Self::WrongNode { .. }
            | Self::WrongStorage { .. }
            | Self::NotRunning { .. } => None,
        }
    }
}

fn task_hints(operation: &Operation, upid: &str, reason: RefusalReason) -> Vec<Hint> {
    let mut hints = refusal::hints(reason, operation);
    if matches!(operation, Operation::Resize(_)) {
        hints.push(not_in_wizard(say("pass --disk-size 0 to keep the size of the image")));
    }
    if matches!(operation, Operation::Start(_)) && reason != RefusalReason::NoSuchVm {
        let cause =
            if hints.is_empty() { ": the node may lack memory, or a device that the template uses" } else { "" };
        hints.push(say(format!("cloning works, only the start fails{cause}")));
    }
    hints.push(say(format!("the complete log is in the web interface, task {upid}")));
    hints
}
