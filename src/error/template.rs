//! What can go wrong when a template is made, how that ends, and what to do about it.

use crate::error::hint::{by_flag, not_in_wizard, run, say};
use crate::error::{Error, Hint, Kind, RunError};
use crate::model::{NodeName, StorageName, VmId};
use crate::ui::Printable;

/// What can go wrong when a template is made.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is not a template at all.
    #[error("no node has a template")]
    None,
    /// A release that is neither a number, nor an address, nor a file.
    #[error("{flag}: `{release}` is not a known release, a URL or a file")]
    UnknownRelease {
        /// The flag that said it.
        flag: &'static str,
        /// What was said.
        release: String,
        /// The releases that are known.
        known: Vec<String>,
    },
    /// An invalid checksum.
    #[error("--checksum: a SHA-256 checksum has 64 hexadecimal digits")]
    BadChecksum,
    /// The list of checksums could not be had.
    #[error("cannot determine the checksum of {file}: {why}")]
    NoChecksum {
        /// Of which file.
        file: String,
        /// Why not.
        why: String,
    },
    /// The server that has the list of checksums did not answer.
    #[error("cannot reach {host} to read SHA256SUMS: {why}")]
    ChecksumUnreachable {
        /// The host.
        host: String,
        /// Why not.
        why: String,
    },
    /// The file could not be read.
    #[error("cannot read {path}")]
    File {
        /// The path of the file.
        path: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// No storage of the node takes images to import from.
    #[error("no visible storage on node {node} accepts images to import (content type `import`)")]
    NoImport {
        /// The name of the node.
        node: NodeName,
        /// Lines that let a storage take them.
        enable: Vec<String>,
        /// Lines that make the template without that.
        manual_steps: Vec<String>,
    },
    /// The server is too old to make a template through its API.
    #[error("Proxmox VE {version} cannot import disk images through its API: that needs 8.4 or later")]
    TooOld {
        /// Its version.
        version: String,
        /// Lines that make the template in the shell of a node.
        manual_steps: Vec<String>,
    },
    /// No storage of the node takes disks.
    #[error("no visible storage on node {node} accepts VM disks")]
    NoDisks {
        /// The name of the node.
        node: NodeName,
    },
    /// The storage that was named does not take it.
    #[error("storage `{storage}` on node {node} does not accept {content}")]
    WrongStorage {
        /// Which was named.
        storage: StorageName,
        /// The name of the node.
        node: NodeName,
        /// What it does not take.
        content: &'static str,
        /// Those that do.
        known: Vec<String>,
    },
    /// Not even the image fits on a storage.
    #[error("not enough space on storage {storage} of node {node}: {available} free, at least {needed} needed")]
    NotEnoughSpace {
        /// The name of the storage.
        storage: String,
        /// The name of the node.
        node: NodeName,
        /// What is free there.
        available: String,
        /// What must fit.
        needed: String,
    },
    /// Privileges are missing.
    #[error("{who} lacks privileges to create a template")]
    MissingPrivileges {
        /// The token or user that lacks the privileges.
        who: String,
        /// What is missing, path by path.
        missing: Vec<String>,
        /// Lines that make the template in the shell of a node.
        manual_steps: Vec<String>,
    },
    /// The new VM is not a template, or not as it should be.
    #[error("VM {vmid} is not as it was created: {why}")]
    UnexpectedConfig {
        /// The VMID.
        vmid: VmId,
        /// What is wrong.
        why: &'static str,
    },
    /// The image is another one than that which this run put on the storage, or is gone.
    #[error("the image {volume} is not the one that this run stored: it was replaced or deleted")]
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
            Self::ChecksumUnreachable { .. } => Kind::Unreachable,
            Self::NoChecksum { .. }
            | Self::File { .. }
            | Self::NoImport { .. }
            | Self::TooOld { .. }
            | Self::NotEnoughSpace { .. } => Kind::Configuration,
            Self::NoDisks { .. } | Self::WrongStorage { .. } => Kind::NotFound,
            Self::MissingPrivileges { .. } => Kind::Permission,
            Self::UnexpectedConfig { .. } | Self::ImageChanged { .. } => Kind::Server,
            Self::Left { why, .. } => match why.as_ref() {
                // The second interrupt ended it at once.
                Error::Run(RunError::Abandoned { signal, .. }) => Kind::Interrupted(*signal),
                _ => Kind::LeftBehind,
            },
        }
    }

    /// Returns the error that is behind this one.
    pub(super) fn why(&self) -> Option<&Error> {
        match self {
            Self::Left { why, .. } => Some(why),
            _ => None,
        }
    }

    /// Returns the lines of detail.
    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::MissingPrivileges { missing, .. } => missing.clone(),
            Self::Left { left, .. } => left.iter().map(|it| Printable(it).to_string()).collect(),
            _ => Vec::new(),
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::None => vec![not_in_wizard(run("glassdome template create"))],
            Self::UnknownRelease { known, .. } => vec![say(format!("known releases: {}", known.join(", ")))],
            Self::BadChecksum => vec![say("calculate it with:"), run("sha256sum FILE")],
            Self::NoChecksum { .. } | Self::ChecksumUnreachable { .. } => {
                vec![by_flag(
                    "pass --checksum to `glassdome template create`, or --no-checksum if you trust that server; a local image file needs neither",
                    "download the image and enter its path: a local image file needs no checksum",
                )]
            }
            Self::File { .. } => {
                vec![by_flag("pass --release with the path of a readable file", "enter the path of a readable file")]
            }
            Self::NoImport { enable, manual_steps, .. } => {
                let mut hints = Vec::new();
                if !enable.is_empty() {
                    hints.push(say("allow them on a storage, as root on a node:"));
                    hints.extend(enable.iter().map(run));
                }
                hints.extend(lines_by_hand(manual_steps));
                hints
            }
            Self::TooOld { manual_steps, .. } => {
                let mut hints = vec![say("create the template manually, as root on the node:")];
                hints.extend(manual_steps.iter().map(run));
                hints
            }
            Self::NoDisks { .. } => {
                vec![say("seeing a storage needs Datastore.Audit or Datastore.AllocateSpace on it")]
            }
            Self::WrongStorage { known, .. } => {
                let known = if known.is_empty() { "none visible".to_owned() } else { known.join(", ") };
                vec![say(format!("choose one of: {}", Printable(&known)))]
            }
            Self::NotEnoughSpace { .. } => {
                vec![by_flag(
                    "free some space, or choose another storage: --storage for the disk, --image-storage for the image",
                    "free some space on the storage",
                )]
            }
            Self::MissingPrivileges { manual_steps, .. } => {
                let mut hints = vec![by_flag(
                    "log in as a user with these privileges: --login-user root@pam",
                    "log in as a user with these privileges, e.g. root@pam",
                )];
                hints.extend(lines_by_hand(manual_steps));
                hints
            }
            Self::UnexpectedConfig { .. } | Self::ImageChanged { .. } => {
                vec![say("another user or program may have changed it meanwhile: run this again")]
            }
            Self::Left { why, lines, .. } => {
                let mut hints = why.hints();
                if !lines.is_empty() {
                    hints.push(say("to delete what remains (`pvesm` as root on the node):"));
                    hints.extend(lines.iter().map(run));
                }
                hints
            }
        }
    }
}

fn lines_by_hand(lines: &[String]) -> Vec<Hint> {
    let mut hints = vec![say("or create the template manually, as root on the node:")];
    hints.extend(lines.iter().map(run));
    hints
}
