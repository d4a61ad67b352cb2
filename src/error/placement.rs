//! The node, template, storage, pool or VMID that a clone needs.

use crate::error::hint::{by_flag, not_in_wizard, run, say};
use crate::error::{Hint, Kind};
use crate::model::foreign::listed;
use crate::model::{Foreign, NodeName, PoolName, StorageName, VmId};
use crate::ui::Printable;

/// The node, template, storage, pool or VMID that a clone needs.
#[derive(Debug, thiserror::Error)]
pub enum PlacementError {
    /// No node was named, and there are several.
    #[error("the cluster has several nodes, and {variable} is not set")]
    WhichNode {
        /// Which there are.
        nodes: Vec<String>,
        /// The variable of this instance.
        variable: String,
    },
    /// The node does not exist.
    #[error("node `{node}` does not exist")]
    UnknownNode {
        /// Which was named.
        node: NodeName,
        /// Which there are.
        known: Vec<String>,
    },
    /// The node does not answer.
    #[error("node {node} is not online (status `{status}`)")]
    NodeOffline {
        /// The name of the node.
        node: NodeName,
        /// What the cluster says of it.
        status: Foreign,
    },
    /// The template does not exist.
    #[error("template {template} does not exist on any node")]
    NoTemplate {
        /// Which was named.
        template: VmId,
        /// Templates that can be seen.
        known: Vec<String>,
    },
    /// The same in a set-up, which can create one.
    #[error("template {template} does not exist on any node, and no other is visible")]
    NothingToClone {
        /// Which was meant.
        template: VmId,
    },
    /// The VM is not a template.
    #[error("VM {vmid} ({name}) is not a template")]
    NotATemplate {
        /// The VMID.
        vmid: VmId,
        /// Its name.
        name: Foreign,
        /// Templates that can be seen.
        known: Vec<String>,
    },
    /// The template is on another node, on storage that only that node has.
    #[error(
        "{node} cannot clone template {template}: it is on node {on}, with {drive} on {storage}, which {node} cannot access"
    )]
    TemplateElsewhere {
        /// The VMID of the template.
        template: VmId,
        /// The variable that names the node of this instance.
        variable: String,
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
    #[error("node {node} has no storage `{storage}` for VM disks")]
    UnknownStorage {
        /// Which was named.
        storage: StorageName,
        /// Where it was looked for.
        node: NodeName,
        /// Which can be seen.
        known: Vec<String>,
    },
    /// The pool does not exist.
    #[error("pool `{pool}` does not exist")]
    UnknownPool {
        /// Which was named.
        pool: PoolName,
    },
    /// The VMID that was named is taken.
    #[error("VM {vmid} already exists")]
    VmidTaken {
        /// The VMID.
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
    #[error("the guest agent is disabled in template {template}, so its IP address cannot be queried")]
    AgentDisabled {
        /// The VMID of the template.
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
            | Self::NothingToClone { .. }
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
                let nodes = shown(nodes);
                vec![by_flag(
                    format!("pass --node or set {variable} to one of: {nodes}"),
                    format!("choose one of the nodes: {nodes}"),
                )]
            }
            Self::UnknownNode { known, .. } => vec![say(format!("choose one of the nodes: {}", shown(known)))],
            Self::NodeOffline { .. } => vec![by_flag(
                "wait for the node, or choose another one with --node",
                "wait for the node, or choose another one",
            )],
            Self::NothingToClone { .. } => create_in_setup(),
            Self::NoTemplate { known, .. } | Self::NotATemplate { known, .. } => list_templates(known),
            Self::TemplateElsewhere { template, variable, on, drive, medium, .. } => {
                let mut hints = vec![by_flag(
                    format!("use that node: pass --target {on}, or set {variable} to {on}"),
                    format!("choose node {on}, or a template on another node"),
                )];
                match medium {
                    DriveMedium::Disk => {
                        hints.push(say(format!("or move {drive} to storage that all nodes share")));
                    }
                    DriveMedium::CloudInit => {
                        hints.push(say(format!(
                            "or recreate the cloud-init drive {drive} on storage that all nodes share"
                        )));
                    }
                    DriveMedium::Iso => {
                        hints.push(say(format!("or remove the ISO image from {drive}, as root on {on}:")));
                        hints.push(run(format!("qm set {template} --{drive} none,media=cdrom")));
                    }
                }
                hints
            }
            Self::UnknownStorage { known, .. } => {
                vec![say(format!("visible storages for VM disks: {}", shown(known)))]
            }
            Self::UnknownPool { pool } => {
                vec![say("create it, as root on a node:"), run(format!("pveum pool add {pool}"))]
            }
            Self::VmidTaken { flag, .. } => {
                vec![by_flag(
                    format!("choose another VMID, or omit {flag} to use the next free one"),
                    "start again with another VMID",
                )]
            }
            Self::NoFreeId { .. } => vec![say("wait until fewer VMs are being created")],
            Self::CannotLink { .. } => vec![by_flag(
                "omit --linked to make a full clone",
                "choose another template, or start again without linked clones",
            )],
            Self::AgentDisabled { template } => {
                vec![say("enable it, as root on its node:"), run(format!("qm set {template} --agent 1"))]
            }
        }
    }
}

/// Says how a set-up creates the template that it misses.
fn create_in_setup() -> Vec<Hint> {
    let hints = [
        say("create one from an Ubuntu cloud image, as part of the setup:"),
        run("glassdome setup --create-template"),
        say("or save the settings without a test VM:"),
        run("glassdome setup --skip-test-vm"),
        say(OTHER_TEMPLATE),
    ];
    hints.into_iter().map(not_in_wizard).collect()
}

/// What to do where no template is listed.
const OTHER_TEMPLATE: &str = "or pass --template VMID: a template on which the token has no VM.Audit is not listed";
/// More templates than this are not listed below an error.
const MAX_TEMPLATES: usize = 8;

fn list_templates(known: &[String]) -> Vec<Hint> {
    if known.is_empty() {
        return vec![
            by_flag(
                "create one from an Ubuntu cloud image:",
                "create one; or use another token, if there are templates that this one cannot see (without VM.Audit)",
            ),
            not_in_wizard(run("glassdome template create")),
            not_in_wizard(say(OTHER_TEMPLATE)),
        ];
    }
    let one_line = |names: &str| {
        by_flag(
            format!("choose one of the visible templates with --template:{names}"),
            format!("choose one of the visible templates:{names}"),
        )
    };
    if let [only] = known {
        return vec![one_line(&format!(" {}", Printable(only)))];
    }
    // One below the other: the IDs stand in a column.
    let mut hints = vec![one_line("")];
    hints.extend(known.iter().take(MAX_TEMPLATES).map(|name| say(Printable(name).to_string())));
    if let Some(more) = known.len().checked_sub(MAX_TEMPLATES).filter(|more| *more > 0) {
        hints.push(by_flag(format!("and {more} more: `glassdome template list`"), format!("and {more} more")));
    }
    hints
}

pub(super) fn shown(names: &[String]) -> String {
    if names.is_empty() { "none visible".to_owned() } else { Printable(&listed(names)).to_string() }
}
