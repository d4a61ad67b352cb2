//! What can go wrong when a test VM is removed, and what is left then.

use crate::error::hint::{run, say};
use crate::error::server::is_answered_by_proxy;
use crate::error::{Error, Hint, Kind, Operation, Report, refusal};
use crate::model::{Foreign, NodeName, VmId};
use crate::ui::Printable;

/// How many lines to paste are given for disks that are left.
const MAX_DISK_HINTS: usize = 4;

/// What can go wrong when a test VM is removed, and what is left then.
#[derive(Debug, thiserror::Error)]
pub enum CleanupError {
    /// The VM is still there after it was destroyed.
    #[error("VM {vmid} still exists after it was deleted")]
    NotGone {
        /// The VMID.
        vmid: VmId,
    },
    /// A VM that was named does not exist, or cannot be seen.
    #[error("VM {vmid} does not exist or is not visible (seeing it needs VM.Audit on /vms/{vmid})")]
    UnknownVm {
        /// The VMID.
        vmid: VmId,
    },
    /// A VM that was named carries no marker of a test VM.
    #[error("VM {vmid} ({name}) is not a test VM; it was not deleted")]
    NoTestVm {
        /// The VMID.
        vmid: VmId,
        /// Its name.
        name: Foreign,
    },
    /// A VM that was named carries the marker of a test VM, and another name than a test VM usually has.
    #[error("VM {vmid} has the marker of a test VM but is named `{name}`: deleting it needs confirmation")]
    UnusualName {
        /// The VMID.
        vmid: VmId,
        /// Its name.
        name: String,
    },
    /// A VM that was named belongs to a run that is alive.
    #[error("VM {vmid} belongs to a run that is still active on this machine")]
    TestVmInUse {
        /// The VMID.
        vmid: VmId,
    },
    /// A VM that was ours has another name or description, or a drive more.
    #[error("VM {vmid} was changed after it was created: its name or marker is different, or a drive was added")]
    ChangedByOthers {
        /// The VMID.
        vmid: VmId,
    },
    /// A clone whose task has ended is still locked.
    #[error("VM {vmid} is still locked by an unfinished clone or import; only root can unlock it")]
    StuckClone {
        /// The VMID.
        vmid: VmId,
        /// The name of the node.
        node: NodeName,
    },
    /// A test VM could not be removed.
    #[error("VM {vmid} ({name}) could not be deleted and {} on {node}", presence(why))]
    LeftBehind {
        /// The VMID.
        vmid: u32,
        /// The name of the node.
        node: String,
        /// Its name.
        name: String,
        /// Why it could not be removed.
        why: Box<Error>,
        /// What had failed before.
        failure: Option<Box<Error>>,
    },
    /// A VM was destroyed, and the server could not remove all of its disks.
    #[error("VM {vmid} ({name}) was deleted, but {} of its disks are still on {node}", disks.len())]
    DisksLeft {
        /// Which VM.
        vmid: u32,
        /// Where it was.
        node: String,
        /// Its name.
        name: String,
        /// The volume IDs of the disks.
        disks: Vec<Foreign>,
        /// What had failed before.
        failure: Option<Box<Error>>,
    },
    /// A journal entry that says something impossible.
    #[error("a journal entry is invalid")]
    InvalidEntry,
}

/// Says whether a VM is known to be there still: a server that cannot be reached does not tell.
fn presence(why: &Error) -> &'static str {
    if why.kind() == Kind::Unreachable { "may still be" } else { "is still" }
}

impl CleanupError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::NotGone { .. } => Kind::Server,
            Self::UnknownVm { .. } | Self::NoTestVm { .. } => Kind::NotFound,
            Self::UnusualName { .. } | Self::TestVmInUse { .. } | Self::InvalidEntry => Kind::Configuration,
            Self::ChangedByOthers { .. }
            | Self::StuckClone { .. }
            | Self::LeftBehind { .. }
            | Self::DisksLeft { .. } => Kind::LeftBehind,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NotGone { vmid } => {
                vec![
                    run("glassdome cleanup"),
                    say("or, if this machine has no record of it:"),
                    run(format!("glassdome cleanup --vmid {vmid}")),
                ]
            }
            Self::UnknownVm { .. } => {
                vec![
                    say("check the VMID; list the test VMs that are visible with:"),
                    run("glassdome cleanup --dry-run"),
                ]
            }
            Self::NoTestVm { .. } => vec![
                say("only VMs with the marker of a test VM in their description are deleted; list them with:"),
                run("glassdome cleanup --dry-run"),
            ],
            Self::UnusualName { vmid, .. } => vec![
                say("someone else may be using it now; to delete it anyway:"),
                run(format!("glassdome cleanup --vmid {vmid} --yes")),
            ],
            Self::TestVmInUse { .. } => {
                vec![say("that run deletes it when it ends; Ctrl-C there ends it early and cleans up")]
            }
            Self::ChangedByOthers { vmid } => {
                vec![say(format!(
                    "VM {vmid} was not deleted, because it may be in use by someone else; check it and delete it in the web interface"
                ))]
            }
            Self::StuckClone { vmid, node } => vec![
                say(format!("as root on {node}, first check that it is your test VM:")),
                run(format!("qm config {vmid}")),
                say(format!(
                    "if no task of it is running and it belongs to no one else, run `qm unlock {vmid}`, then delete it in the web interface"
                )),
            ],
            Self::LeftBehind { why, vmid, name, .. } => left_behind_hints(why, *vmid, name),
            Self::DisksLeft { node, disks, .. } => {
                let mut hints = vec![say(format!("once the storage is available, as root on {node}:"))];
                hints.extend(
                    disks.iter().take(MAX_DISK_HINTS).map(|disk| run(format!("pvesm free {}", disk.shell_quoted()))),
                );
                hints
            }
            Self::InvalidEntry => {
                vec![say("another version may have written it; delete its file from the journal")]
            }
        }
    }

    /// Returns the lines of detail.
    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::LeftBehind { why, failure, .. } => {
                let mut lines = vec![format!("cleanup: {}", Report::of(why).in_one_line())];
                lines.extend(
                    failure.iter().map(|failure| format!("before that: {}", Report::of(failure).in_one_line())),
                );
                lines
            }
            Self::DisksLeft { disks, failure, .. } => {
                let mut lines: Vec<String> = disks.iter().map(ToString::to_string).collect();
                lines.extend(
                    failure.iter().map(|failure| format!("before that: {}", Report::of(failure).in_one_line())),
                );
                lines
            }
            _ => Vec::new(),
        }
    }

    /// Returns the server's own words.
    pub(super) fn server_message(&self) -> Option<Foreign> {
        match self {
            Self::LeftBehind { why, failure, .. } => {
                failure.as_deref().and_then(Error::server_message).or_else(|| why.server_message())
            }
            Self::DisksLeft { failure, .. } => failure.as_deref().and_then(Error::server_message),
            _ => None,
        }
    }
}

/// Says what to do about a VM that could not be deleted.
fn left_behind_hints(why: &Error, vmid: u32, name: &str) -> Vec<Hint> {
    if let Error::Cleanup(CleanupError::StuckClone { .. } | CleanupError::ChangedByOthers { .. }) = why {
        return why.hints();
    }
    // Until what is in the way is gone, no cleanup can succeed.
    let mut hints = match (why, why.reason()) {
        (Error::Server { source, .. }, _) if is_answered_by_proxy(source) => why.hints(),
        (_, Some(reason)) => refusal::hints(reason, &Operation::ReadTasks),
        (_, None) => Vec::new(),
    };
    hints.push(run("glassdome cleanup"));
    hints.push(say(format!("or, if it is still named {}, delete VM {vmid} in the web interface", Printable(name))));
    hints
}
