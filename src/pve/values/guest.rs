//! Reply types of VMs.

use crate::model::{Foreign, NodeName, VmId};
use crate::pve::lenient::{lenient, parsed, text};
use serde::Deserialize;

/// A VM, as `/cluster/resources` lists it: some seconds old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vm {
    /// Its number.
    pub vmid: VmId,
    /// Where it is.
    pub node: NodeName,
    /// Its name, which a fresh clone has not yet.
    pub name: Foreign,
    /// Whether it is a template.
    pub is_template: bool,
    /// Whether the list has its data: for some seconds after a change, and as long as a node's `pvestatd` is stopped, it has
    /// the VMID alone.
    pub is_known: bool,
    /// The size of its first disk, in bytes.
    pub disk: u64,
}

impl Vm {
    /// Sorts a list by VMID.
    pub(crate) fn sorted(mut vms: Vec<Self>) -> Vec<Self> {
        vms.sort_by_key(|vm| vm.vmid);
        vms
    }
}

/// An entry of a list of VMs.
#[derive(Deserialize)]
pub(in crate::pve) struct VmEntry {
    #[serde(rename = "type", default, deserialize_with = "lenient")]
    kind: Option<Foreign>,
    #[serde(default, deserialize_with = "parsed")]
    node: Option<NodeName>,
    #[serde(default, deserialize_with = "lenient")]
    vmid: u64,
    #[serde(default, deserialize_with = "lenient")]
    name: Foreign,
    #[serde(default, deserialize_with = "lenient")]
    template: bool,
    #[serde(default, deserialize_with = "lenient")]
    maxdisk: u64,
}

impl VmEntry {
    /// Returns the VM; `None` if it is a container.
    pub(in crate::pve) fn vm(self) -> Option<Vm> {
        if self.kind.as_ref().is_some_and(|kind| *kind != "qemu") {
            return None;
        }
        let node = self.node.clone()?;
        self.on(node)
    }

    /// Gives the VM of the list of one node, which does not name the node.
    pub(in crate::pve) fn on(self, node: NodeName) -> Option<Vm> {
        Some(Vm {
            vmid: VmId::new(self.vmid)?,
            node,
            is_template: self.template,
            is_known: !self.name.is_empty(),
            name: self.name,
            disk: self.maxdisk,
        })
    }
}

/// What a server says about clones of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneFeature {
    /// Whether a clone can share the VM's disks.
    pub can_link: bool,
    /// The nodes that can use all of its storages; `None` if one of them is disabled. Old servers do not say.
    pub nodes: Option<Vec<NodeName>>,
}

impl CloneFeature {
    /// Returns whether a clone may be on a node, as far as the server says.
    #[must_use]
    pub fn is_possible_on(&self, node: &NodeName) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.contains(node))
    }
}

/// Whether a VM runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VmStatus {
    #[serde(rename = "status", deserialize_with = "text")]
    text: Foreign,
    #[serde(rename = "qmpstatus", default, deserialize_with = "lenient")]
    detail: Foreign,
}

impl VmStatus {
    /// Returns whether it runs: not stopped, not paused, not in an internal error.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.text == "running" && (self.detail.is_empty() || self.detail == "running")
    }

    /// Returns whether it is stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.text == "stopped"
    }

    /// Returns the server's word.
    #[must_use]
    pub fn text(&self) -> &Foreign {
        if self.detail.is_empty() { &self.text } else { &self.detail }
    }
}
