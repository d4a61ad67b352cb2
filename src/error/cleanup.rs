//! What can go wrong when a test VM is removed, and what is left then.

use crate::error::hint::{run, say};
use crate::error::{Error, Hint, Kind, Report};
use crate::model::{Foreign, NodeName, VmId};
use crate::ui::Printable;

/// How many lines to paste are given for disks that are left.
const DISKS_AT_MOST: usize = 4;

/// What can go wrong when a test VM is removed, and what is left then.
#[derive(Debug, thiserror::Error)]
pub enum CleanupError {
    /// The VM is still there after it was destroyed.
    #[error("VM {vmid} is still there")]
    NotGone {
        /// Which.
        vmid: VmId,
    },
    /// A VM that was named carries no marker of a test VM, or that cannot be seen.
    #[error("VM {vmid}{} is not a test VM, or cannot be seen", name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default())]
    NoTestVm {
        /// Which.
        vmid: VmId,
        /// Its name, where there is such a VM.
        name: Option<Foreign>,
    },
    /// A VM that was named carries the marker of a test VM, and another name than a test VM usually has.
    #[error("VM {vmid} carries the marker of a test VM, and is called `{name}`: deleting it needs a confirmation")]
    OddName {
        /// Which.
        vmid: VmId,
        /// Its name.
        name: String,
    },
    /// A VM that was named belongs to a run that is alive.
    #[error("VM {vmid} belongs to a run that is alive on this machine")]
    TestVmInUse {
        /// Which.
        vmid: VmId,
    },
    /// A VM that was ours has another name or description, or a drive more.
    #[error("VM {vmid} is no longer as this program made it: its name or marker was changed, or a drive was added")]
    TakenOver {
        /// Which.
        vmid: VmId,
    },
    /// A clone whose task has ended is still locked.
    #[error("VM {vmid} is still locked by a clone that did not finish; only root can unlock it")]
    StuckClone {
        /// Which.
        vmid: VmId,
        /// Where.
        node: NodeName,
    },
    /// A test VM could not be removed.
    #[error("VM {vmid} ({name}) had to be left behind on {node}")]
    LeftBehind {
        /// Which.
        vmid: u32,
        /// Where.
        node: String,
        /// Its name.
        name: String,
        /// Why it could not be removed.
        why: Box<Error>,
        /// What had failed before.
        failure: Option<Box<Error>>,
    },
    /// A VM was destroyed, and the server could not remove all of its disks.
    #[error("VM {vmid} ({name}) is gone, and {} of its disks had to be left behind on {node}", disks.len())]
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
    #[error("a journal entry says something impossible")]
    StrangeEntry,
}

impl CleanupError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::NotGone { .. } => Kind::Server,
            Self::NoTestVm { .. } => Kind::NotFound,
            Self::OddName { .. } | Self::TestVmInUse { .. } | Self::StrangeEntry => Kind::Configuration,
            Self::TakenOver { .. } | Self::StuckClone { .. } | Self::LeftBehind { .. } | Self::DisksLeft { .. } => {
                Kind::LeftBehind
            }
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NotGone { vmid } => {
                vec![
                    run("glassdome cleanup"),
                    say("or, where no journal knows it:"),
                    run(format!("glassdome cleanup --vmid {vmid}")),
                ]
            }
            Self::NoTestVm { .. } => vec![
                say(
                    "it stays: only what carries the marker of a test VM in its description is destroyed; VM.Audit is needed to see it",
                ),
                run("glassdome cleanup"),
            ],
            Self::OddName { vmid, .. } => vec![
                say("someone may have taken it over; to delete it anyway:"),
                run(format!("glassdome cleanup --vmid {vmid} --yes")),
            ],
            Self::TestVmInUse { .. } => {
                vec![say("it goes when its run ends; Ctrl-C there ends it early, and cleans up")]
            }
            Self::TakenOver { vmid } => {
                vec![say(format!("it stays: nothing proves any more that VM {vmid} is this program's"))]
            }
            Self::StuckClone { vmid, node } => vec![
                say(format!("as root on {node}, look first whose it is; someone else's clone looks the same:")),
                run(format!("qm config {vmid}")),
                say(format!(
                    "if no clone task is running and the VM belongs to no one else: `qm unlock {vmid}`, then destroy it in the web interface"
                )),
            ],
            Self::LeftBehind { why, vmid, name, .. } => match why.as_ref() {
                Error::Cleanup(Self::StuckClone { .. } | Self::TakenOver { .. }) => why.hints(),
                _ => vec![
                    run("glassdome cleanup"),
                    say(format!(
                        "or, if it is still called {}, destroy VM {vmid} in the web interface",
                        Printable(name)
                    )),
                ],
            },
            Self::DisksLeft { node, disks, .. } => {
                let mut hints = vec![say(format!("as root on {node}, once their storage can be used:"))];
                hints.extend(
                    disks.iter().take(DISKS_AT_MOST).map(|disk| run(format!("pvesm free {}", disk.shell_quoted()))),
                );
                hints
            }
            Self::StrangeEntry => {
                vec![say("the entry was written by another version; remove its file from the journal")]
            }
        }
    }

    /// Gives the lines of detail.
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

    /// Gives the server's own words.
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
