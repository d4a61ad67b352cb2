//! The node, template, storage, pool or VMID that a clone needs.

use crate::error::hint::{run, say};
use crate::error::{Hint, Kind};
use crate::model::foreign::listed;
use crate::model::{Foreign, NodeName, PoolName, StorageName, VmId};
use crate::settings::Key;
use crate::ui::Printable;

/// The node, template, storage, pool or VMID that a clone needs.
#[derive(Debug, thiserror::Error)]
pub enum PlacementError {
    /// No node was named, and there are several.
    #[error("there are several nodes, and {variable} names none of them")]
    WhichNode {
        /// Which there are.
        nodes: Vec<String>,
        /// The variable of this instance.
        variable: String,
    },
    /// The node does not exist.
    #[error("there is no node `{node}`")]
    UnknownNode {
        /// Which was named.
        node: NodeName,
        /// Which there are.
        known: Vec<String>,
    },
    /// The node does not answer.
    #[error("node {node} is not online: its status is `{status}`")]
    NodeOffline {
        /// Which.
        node: NodeName,
        /// What the cluster says of it.
        status: Foreign,
    },
    /// The template does not exist.
    #[error("there is no VM {template} on any node")]
    NoTemplate {
        /// Which was named.
        template: VmId,
        /// Templates that can be seen.
        known: Vec<String>,
    },
    /// The VM is not a template.
    #[error("VM {vmid} ({name}) is not a template")]
    NotATemplate {
        /// Which.
        vmid: VmId,
        /// Its name.
        name: Foreign,
        /// Templates that can be seen.
        known: Vec<String>,
    },
    /// The template is on another node, on storage that only that node has.
    #[error(
        "template {template} is on node {on}, and its {drive} is on storage {storage}, which is local to it; {node} cannot clone it"
    )]
    TemplateElsewhere {
        /// Which.
        template: VmId,
        /// Where it is.
        on: NodeName,
        /// Where it should be cloned.
        node: NodeName,
        /// The drive that ties it to its node: `scsi0`.
        drive: String,
        /// Whether that is a disk, or something in a CD-ROM drive.
        medium: DriveMedium,
        /// The storage of it.
        storage: Foreign,
    },
    /// The storage does not exist on the node.
    #[error("there is no storage `{storage}` for disks on node {node}")]
    UnknownStorage {
        /// Which was named.
        storage: StorageName,
        /// Where it was looked for.
        node: NodeName,
        /// Which can be seen.
        known: Vec<String>,
    },
    /// The pool does not exist.
    #[error("there is no pool `{pool}`")]
    UnknownPool {
        /// Which was named.
        pool: PoolName,
    },
    /// The VMID that was named is taken.
    #[error("VM {vmid} exists already")]
    VmidTaken {
        /// Which.
        vmid: VmId,
        /// The flag that named it.
        flag: &'static str,
    },
    /// Every VMID that was tried was taken by another client.
    #[error("could not get a free VMID after {tries} attempts: each was taken by another client")]
    NoFreeId {
        /// How many were tried.
        tries: usize,
    },
    /// A linked clone was asked for where the storage can make none.
    #[error("the storage of template {template} cannot make a linked clone")]
    CannotLink {
        /// The template.
        template: VmId,
    },
    /// An address was asked for, and the template has no agent.
    #[error("template {template} has the guest agent switched off, so no address can be asked for")]
    AgentDisabled {
        /// Which.
        template: VmId,
    },
}

/// What is in a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriveMedium {
    /// A disk of the VM.
    Disk,
    /// The image that cloud-init reads.
    CloudInit,
    /// An ISO image.
    Iso,
}

impl PlacementError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::WhichNode { .. } | Self::VmidTaken { .. } | Self::CannotLink { .. } | Self::AgentDisabled { .. } => {
                Kind::Configuration
            }
            Self::UnknownNode { .. }
            | Self::NoTemplate { .. }
            | Self::NotATemplate { .. }
            | Self::TemplateElsewhere { .. }
            | Self::UnknownStorage { .. }
            | Self::UnknownPool { .. } => Kind::NotFound,
            Self::NodeOffline { .. } | Self::NoFreeId { .. } => Kind::Server,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::WhichNode { nodes, variable } => {
                vec![say(format!("give --node or set {variable} to one of: {}", shown(nodes)))]
            }
            Self::UnknownNode { known, .. } => vec![say(format!("the nodes are: {}", shown(known)))],
            Self::NodeOffline { .. } => vec![say("wait for the node, or give another one with --node")],
            Self::NoTemplate { known, .. } | Self::NotATemplate { known, .. } => of_templates(known),
            Self::TemplateElsewhere { template, on, drive, medium, .. } => {
                let variable = Key::Node.entry().variable;
                let mut hints = vec![say(format!("test it there with --target {on}, or set {variable} to {on}"))];
                match medium {
                    DriveMedium::Disk => {
                        hints.push(say(format!("or move {drive} to a storage that all nodes share")));
                    }
                    DriveMedium::CloudInit => {
                        hints.push(say(format!(
                            "or make the cloud-init drive {drive} again on a storage that all nodes share"
                        )));
                    }
                    DriveMedium::Iso => {
                        hints.push(say(format!("or take the ISO image out of {drive}, as root on {on}:")));
                        hints.push(run(format!("qm set {template} --{drive} none,media=cdrom")));
                    }
                }
                hints
            }
            Self::UnknownStorage { known, .. } => {
                vec![say(format!("storages for disks that can be seen there: {}", shown(known)))]
            }
            Self::UnknownPool { pool } => {
                vec![say("make it, as root on a node:"), run(format!("pveum pool add {pool}"))]
            }
            Self::VmidTaken { flag, .. } => {
                vec![say(format!("give another {flag}, or leave it out: then the next free one is taken"))]
            }
            Self::NoFreeId { .. } => vec![say("try again when less is being created")],
            Self::CannotLink { .. } => vec![say("leave --linked out, or say --full")],
            Self::AgentDisabled { template } => {
                vec![say("as root on its node:"), run(format!("qm set {template} --agent 1"))]
            }
        }
    }
}

fn of_templates(known: &[String]) -> Vec<Hint> {
    if known.is_empty() {
        return vec![
            say("no template is visible; a list shows only what may be seen (VM.Audit)"),
            say("give --template the VMID of one, or make one from an Ubuntu cloud image:"),
            run("glassdome template create"),
            say("`setup` makes it on the way with --create-template"),
        ];
    }
    vec![say(format!("templates that can be seen: {}", shown(known))), say("give --template one of them")]
}

pub(super) fn shown(names: &[String]) -> String {
    if names.is_empty() { "none that can be seen".to_owned() } else { Printable(&listed(names)).to_string() }
}
