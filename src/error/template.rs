//! What can go wrong when a template is made, how that ends, and what to do about it.

use crate::error::hint::{run, say};
use crate::error::{Error, Hint, Kind, RunError};
use crate::model::{NodeName, StorageName, VmId};
use crate::ui::Printable;

/// What can go wrong when a template is made.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is not a template at all.
    #[error("there is not a template on any node")]
    None,
    /// A release that is neither a number, nor an address, nor a file.
    #[error("{flag}: `{release}` is no known release, no address, and no file")]
    UnknownRelease {
        /// The flag that said it.
        flag: &'static str,
        /// What was said.
        release: String,
        /// The releases that are known.
        known: Vec<String>,
    },
    /// A checksum that is none.
    #[error("--checksum: a SHA-256 checksum has 64 hexadecimal digits")]
    BadChecksum,
    /// The list of checksums could not be had.
    #[error("cannot find out the checksum of {file}: {why}")]
    NoChecksum {
        /// Of which file.
        file: String,
        /// Why not.
        why: String,
    },
    /// The file could not be read.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No storage of the node takes images to import from.
    #[error("no storage on node {node} that can be seen takes images to import from")]
    NoImport {
        /// Where.
        node: NodeName,
        /// Lines that let a storage take them.
        enable: Vec<String>,
        /// Lines that make the template without that.
        manual_steps: Vec<String>,
    },
    /// The server is too old to make a template through its API.
    #[error("Proxmox VE {version} imports no disk images through its API: it does since 8.4")]
    TooOld {
        /// Its version.
        version: String,
        /// Lines that make the template in the shell of a node.
        manual_steps: Vec<String>,
    },
    /// No storage of the node takes disks.
    #[error("no storage on node {node} that can be seen takes disks of VMs")]
    NoDisks {
        /// Where.
        node: NodeName,
    },
    /// The storage that was named does not take it.
    #[error("storage `{storage}` on node {node} does not take {content}")]
    WrongStorage {
        /// Which was named.
        storage: StorageName,
        /// Where.
        node: NodeName,
        /// What it does not take.
        content: &'static str,
        /// Those that do.
        known: Vec<String>,
    },
    /// Not even the image fits on a storage.
    #[error("storage {storage} on node {node} has {available} free, and no less than {needed} must fit on it")]
    NoRoom {
        /// Which.
        storage: String,
        /// Where.
        node: NodeName,
        /// What is free there.
        available: String,
        /// What must fit.
        needed: String,
    },
    /// Privileges are missing.
    #[error("{who} lacks privileges that making a template needs")]
    Lacking {
        /// Who.
        who: String,
        /// What is missing, path by path.
        missing: Vec<String>,
        /// Lines that make the template in the shell of a node.
        manual_steps: Vec<String>,
    },
    /// The new VM is not a template, or not as it should be.
    #[error("VM {vmid} is not what it should be: {why}")]
    NotAsOrdered {
        /// Which.
        vmid: VmId,
        /// What is wrong.
        why: &'static str,
    },
    /// The image is another one than that which this run put on the storage, or is gone.
    #[error("the image {volume} is not the one that this run put there: it was replaced or removed")]
    ImageChanged {
        /// Its volume ID.
        volume: String,
    },
    /// Something failed, and not everything that was made could be removed.
    #[error("{why}")]
    Left {
        /// What failed.
        #[source]
        why: Box<Error>,
        /// What is left, in words.
        left: Vec<String>,
        /// Lines that remove it.
        lines: Vec<String>,
    },
}

impl TemplateError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::None => Kind::NotFound,
            Self::UnknownRelease { .. } | Self::BadChecksum => Kind::Usage,
            Self::NoChecksum { .. }
            | Self::File { .. }
            | Self::NoImport { .. }
            | Self::TooOld { .. }
            | Self::NoRoom { .. } => Kind::Configuration,
            Self::NoDisks { .. } | Self::WrongStorage { .. } => Kind::NotFound,
            Self::Lacking { .. } => Kind::Permission,
            Self::NotAsOrdered { .. } | Self::ImageChanged { .. } => Kind::Server,
            Self::Left { why, .. } => match why.as_ref() {
                // The second interrupt ended it at once.
                Error::Run(RunError::Abandoned { signal, .. }) => Kind::Interrupted(*signal),
                _ => Kind::LeftBehind,
            },
        }
    }

    /// Gives the error that stands behind this one.
    pub(super) fn why(&self) -> Option<&Error> {
        match self {
            Self::Left { why, .. } => Some(why),
            _ => None,
        }
    }

    /// Gives the lines of detail.
    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::Lacking { missing, .. } => missing.clone(),
            Self::Left { left, .. } => left.iter().map(|it| Printable(it).to_string()).collect(),
            _ => Vec::new(),
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::None => vec![run("glassdome template create")],
            Self::UnknownRelease { known, .. } => vec![say(format!("the known releases are: {}", known.join(", ")))],
            Self::BadChecksum => vec![run("sha256sum FILE")],
            Self::NoChecksum { .. } => {
                vec![say(
                    "`glassdome template create` takes it with --checksum, or --no-checksum if you trust the server at that address; an image in a file here needs neither",
                )]
            }
            Self::File { .. } => vec![say("give --release the path of a file that you may read")],
            Self::NoImport { enable, manual_steps, .. } => {
                let mut hints = Vec::new();
                if !enable.is_empty() {
                    hints.push(say("let one take them, as root on a node:"));
                    hints.extend(enable.iter().map(run));
                }
                hints.extend(lines_by_hand(manual_steps));
                hints
            }
            Self::TooOld { manual_steps, .. } => {
                let mut hints = vec![say("make the template by hand, as root on the node:")];
                hints.extend(manual_steps.iter().map(run));
                hints
            }
            Self::NoDisks { .. } => {
                vec![say(
                    "a list shows only what may be seen: Datastore.Audit or Datastore.AllocateSpace on the storage",
                )]
            }
            Self::WrongStorage { known, .. } => {
                let known = if known.is_empty() { "none that can be seen".to_owned() } else { known.join(", ") };
                vec![say(format!("those that do: {}", Printable(&known)))]
            }
            Self::NoRoom { .. } => {
                vec![say(
                    "free some room there, or name another storage: --storage for the disk, --image-storage for the image",
                )]
            }
            Self::Lacking { manual_steps, .. } => {
                let mut hints = vec![say("log in as a user who has them: --login-user root@pam")];
                hints.extend(lines_by_hand(manual_steps));
                hints
            }
            Self::NotAsOrdered { .. } | Self::ImageChanged { .. } => {
                vec![say("was it changed meanwhile? run this again")]
            }
            Self::Left { why, lines, .. } => {
                let mut hints = why.hints();
                if !lines.is_empty() {
                    hints.push(say("what is left is removed by these lines, `pvesm` as root on the node:"));
                    hints.extend(lines.iter().map(run));
                }
                hints
            }
        }
    }
}

fn lines_by_hand(lines: &[String]) -> Vec<Hint> {
    let mut hints = vec![say("or make the template by hand, as root on the node:")];
    hints.extend(lines.iter().map(run));
    hints
}
