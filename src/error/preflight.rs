//! What the preflight finds in the way of a clone: locks, devices, storages.

use crate::error::hint::{by_flag, not_in_wizard, run, say};
use crate::error::placement::shown;
use crate::error::{Hint, Kind};
use crate::model::{Foreign, NodeName, StorageName, VmId};
use crate::pve::privileges::AclPath;

/// What the preflight finds in the way of a clone: locks, devices, storages.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// The cluster has lost the majority of its nodes.
    #[error("the cluster has no quorum: VMs cannot be created, changed or deleted")]
    NoQuorum,
    /// The template is locked.
    #[error("template {template} is locked ({lock}) and cannot be cloned now")]
    TemplateLocked {
        /// The VMID of the template.
        template: VmId,
        /// Its lock: `backup` and others.
        lock: Foreign,
    },
    /// The template has a device of the node itself, which the server lets root alone pass on to a clone.
    #[error("template {template} uses a raw device ({device}): only root@pam with a password can clone it")]
    RawDevice {
        /// Which template.
        template: VmId,
        /// The entry of its configuration: `hostpci0`.
        device: String,
    },
    /// A drive of the template is a device or file of the node, on no storage.
    #[error(
        "{drive} of template {template} is a device or file of the node itself: the server clones disks on storages only"
    )]
    DriveOutsideStorage {
        /// Which template.
        template: VmId,
        /// The entry of its configuration: `scsi1`.
        drive: String,
    },
    /// The node of the clone lacks a bridge.
    #[error(
        "{device} of the template is attached to {bridge}, and there is no such bridge on node {node}: no clone can be started there"
    )]
    BridgeMissing {
        /// The entry of the template's configuration: `net0`.
        device: String,
        /// The bridge.
        bridge: Foreign,
        /// The node of the clone.
        node: NodeName,
        /// The bridges that can be seen there.
        known: Vec<String>,
    },
    /// A bridge of the template is not among those that may be seen, and may be a vnet.
    #[error(
        "{device} of the template is attached to {bridge}, which is not a bridge on node {node} and not a vnet that these privileges allow"
    )]
    BridgeUnseen {
        /// The entry of the template's configuration: `net0`.
        device: String,
        /// The bridge or vnet.
        bridge: Foreign,
        /// The node of the clone.
        node: NodeName,
    },
    /// The node of the clone lacks what a resource mapping of the template stands for.
    #[error("resource mapping {mapping} cannot be used on node {node}: {}", fault.as_ref().map_or_else(|| "it has no entry for that node".to_owned(), ToString::to_string))]
    MappingUnusable {
        /// The mapping: `/mapping/pci/gpu`.
        mapping: AclPath,
        /// The node of the clone.
        node: NodeName,
        /// What the server says is wrong with it; `None` if it has no entry for the node.
        fault: Option<Foreign>,
    },
    /// A storage cannot be used on a node.
    #[error("storage `{storage}` cannot be used on node {node}: {why}")]
    StorageUnavailable {
        /// The name of the storage, as the server gives it.
        storage: Foreign,
        /// The name of the node.
        node: NodeName,
        /// What is wrong with it.
        why: StorageState,
        /// The entry of the template's configuration that lies on it: `scsi0`; `None` if a flag named it.
        drive: Option<String>,
    },
    /// A full clone for another node was to be put on storage that the two nodes do not share.
    #[error("storage `{storage}` is not shared, so a clone on it cannot move from node {on} to node {node}")]
    StorageNotShared {
        /// The name of the storage.
        storage: StorageName,
        /// The node of the template.
        on: NodeName,
        /// The node of the clone.
        node: NodeName,
        /// The storages that both nodes share.
        known: Vec<String>,
    },
    /// A clone does not fit on its storage.
    #[error("not enough space on storage `{storage}` of node {node}: {available} free, the clone needs {needed}")]
    StorageFull {
        /// The name of the storage.
        storage: StorageName,
        /// The name of the node.
        node: NodeName,
        /// What is free.
        available: String,
        /// What is needed.
        needed: String,
    },
}

/// Why a storage cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageState {
    /// It is listed, and neither switched on nor meant for the node, or the one of both.
    Disabled,
    /// It is switched on and does not answer.
    Offline,
    /// It is not in the list of the node.
    Absent,
    /// It does not take what is in the drive: its content types lack this one.
    WithoutContent(&'static str),
}

impl StorageState {
    /// Says what to do about the storage itself.
    fn hints(self, storage: &Foreign, node: &NodeName) -> Vec<Hint> {
        let status = || run(format!("pvesm status --storage {}", storage.shell_quoted()));
        match self {
            Self::Disabled | Self::Absent => vec![
                say("enable the storage for this node (Datacenter > Storage), or check it as root on a node:"),
                status(),
            ],
            Self::WithoutContent(content) => {
                vec![say(format!("add the content type `{content}` to the storage (Datacenter > Storage > Edit)"))]
            }
            Self::Offline => vec![say(format!("check the storage as root on {node}:")), status()],
        }
    }
}

/// Says what to do about a storage that is full.
fn more_space() -> Hint {
    by_flag(
        "free some space, or choose another storage with --storage",
        "free some space, or choose a template on another storage",
    )
}

impl std::fmt::Display for StorageState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::WithoutContent(content) => {
                return write!(formatter, "its content types do not include `{content}`");
            }
            Self::Disabled => "it is disabled, or restricted to other nodes",
            Self::Offline => "it is not online",
            Self::Absent => "the node does not list it",
        })
    }
}

impl PreflightError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::RawDevice { .. } | Self::BridgeUnseen { .. } => Kind::Permission,
            Self::StorageUnavailable { .. }
            | Self::StorageNotShared { .. }
            | Self::BridgeMissing { .. }
            | Self::MappingUnusable { .. } => Kind::NotFound,
            Self::NoQuorum
            | Self::TemplateLocked { .. }
            | Self::StorageFull { .. }
            | Self::DriveOutsideStorage { .. } => Kind::Server,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NoQuorum => vec![
                say("start the nodes that are down, or repair the cluster network; as root on a node:"),
                run("pvecm status"),
            ],
            Self::TemplateLocked { template, lock } => vec![
                say(format!("wait until the {lock} task has finished; if none is running, as root on its node:")),
                run(format!("qm unlock {template}")),
            ],
            Self::RawDevice { template, device } => vec![
                say("remove the device from the template, as root on its node:"),
                run(format!("qm set {template} --delete {device}")),
                say("or replace it with a resource mapping (Datacenter > Resource Mappings), which a token can use"),
            ],
            Self::DriveOutsideStorage { template, drive } => vec![
                say("remove it from the template, as root on its node:"),
                run(format!("qm set {template} --delete {drive}")),
            ],
            Self::BridgeMissing { device, node, known, .. } => vec![
                say(format!(
                    "create the bridge ({node} > System > Network), or attach {device} of the template to another one"
                )),
                say(format!("visible bridges on {node}: {}", shown(known))),
            ],
            Self::BridgeUnseen { device, bridge, .. } => vec![
                say(format!(
                    "if {bridge} is a vnet: grant SDN.Use (role PVESDNUser) on /sdn/zones/ZONE/{bridge}, with its own zone"
                )),
                say(format!("if it does not exist: attach {device} of the template to another bridge")),
            ],
            Self::MappingUnusable { node, fault, .. } => vec![
                match fault {
                    Some(_) => say(format!("correct its entry for {node} (Datacenter > Resource Mappings)")),
                    None => say(format!("add an entry for {node} (Datacenter > Resource Mappings)")),
                },
                by_flag("or choose a node that has the device with --target", "or choose a node that has the device"),
            ],
            Self::StorageUnavailable { storage, node, why, drive } => {
                let mut hints = why.hints(storage, node);
                hints.push(match drive {
                    Some(drive) => say(format!("or move {drive} of the template to a storage that {node} can use")),
                    None => {
                        by_flag("or choose another storage with --storage", "or choose a template on another storage")
                    }
                });
                hints
            }
            Self::StorageNotShared { on, known, .. } => vec![
                by_flag(
                    format!("keep the clone on the node of the template: --target {on}"),
                    format!("choose node {on}, where the template is, or another template"),
                ),
                not_in_wizard(say(format!("or pass --storage with one that both nodes share: {}", shown(known)))),
            ],
            Self::StorageFull { .. } => vec![more_space()],
        }
    }
}
