//! What the answers hold.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::model::{BridgeName, ContentKind, Foreign, NodeName, RealmName, StorageName, Upid, VmId};
use crate::pve::lenient::{Lenient, as_text, lenient, parsed, required, text, yes};

/// The first two numbers of a version, "9.2".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionNumber {
    /// The first one.
    pub major: u32,
    /// The second one.
    pub minor: u32,
}

/// The version of the server, "9.2.11".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    text: Foreign,
    release: VersionNumber,
}

impl Version {
    pub(super) fn new(text: Foreign) -> Self {
        // Old versions are written `6.4-15`.
        let parts = text.split(&['.', '-', '~']);
        let number = |index: usize| parts.get(index).and_then(|part| part.parse().ok()).unwrap_or(0);
        Self { release: VersionNumber { major: number(0), minor: number(1) }, text }
    }

    /// Gives the first number, 9.
    #[must_use]
    pub const fn major(&self) -> u32 {
        self.release.major
    }

    /// Gives the second number, 2.
    #[must_use]
    pub const fn minor(&self) -> u32 {
        self.release.minor
    }

    /// Says whether it is this release or a later one.
    #[must_use]
    pub fn is_since(&self, release: VersionNumber) -> bool {
        self.release >= release
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(formatter)
    }
}

/// A realm: where users are known.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Realm {
    /// Its name, the part of a user ID behind the `@`.
    #[serde(rename = "realm", deserialize_with = "required")]
    pub name: RealmName,
    /// `pam`, `pve`, `ldap` and others; other products of the house have kinds of their own.
    #[serde(rename = "type", default, deserialize_with = "lenient")]
    pub kind: Foreign,
}

/// A node, as `/nodes` lists it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Node {
    /// Its name.
    #[serde(rename = "node", deserialize_with = "required")]
    pub name: NodeName,
    /// `online`, `offline` or `unknown`.
    #[serde(default, deserialize_with = "lenient")]
    pub status: Foreign,
    /// How many processors it has; this and what follows needs Sys.Audit.
    #[serde(rename = "maxcpu", default, deserialize_with = "lenient")]
    pub processors: Option<u64>,
    /// How much of them is in use, from 0 to 1.
    #[serde(rename = "cpu", default, deserialize_with = "parsed")]
    pub load: Option<f64>,
    /// Memory in bytes.
    #[serde(rename = "maxmem", default, deserialize_with = "lenient")]
    pub memory: Option<u64>,
    /// How much of it is in use.
    #[serde(rename = "mem", default, deserialize_with = "lenient")]
    pub memory_used: Option<u64>,
}

impl Node {
    /// Says whether the cluster knows that it does not answer. One of unknown status answers as long as its statistics
    /// alone are missing: its `pvestatd` stands, or it has just been started (Proxmox VE: `/nodes`).
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.status == "offline"
    }

    /// Says whether it answers. Old servers leave the status out.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.status.is_empty() || self.status == "online"
    }
}

/// Whether a cluster has the majority of its nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quorum {
    /// It has.
    Present,
    /// It has not: nothing can be changed.
    Lost,
}

/// A row of `/cluster/status`: a node, or the cluster itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ClusterStatusRow {
    /// `node` or `cluster`.
    #[serde(rename = "type", default, deserialize_with = "lenient")]
    pub(super) kind: Foreign,
    /// Of the cluster: 1 if it has a quorum, else 0.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) quorate: Option<u64>,
}

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
    /// Whether the list has its data: for some seconds after a change, and as long as a node's `pvestatd` stands, it has
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
pub(super) struct VmEntry {
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
    /// Gives the VM; nothing where it is a container.
    pub(super) fn vm(self) -> Option<Vm> {
        if self.kind.as_ref().is_some_and(|kind| *kind != "qemu") {
            return None;
        }
        let node = self.node.clone()?;
        self.on(node)
    }

    /// Gives the VM of the list of one node, which does not name the node.
    pub(super) fn on(self, node: NodeName) -> Option<Vm> {
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
    /// The nodes that can use all of its storages; none where one of them is disabled. Old servers do not say.
    pub nodes: Option<Vec<NodeName>>,
}

impl CloneFeature {
    /// Says whether a clone may be on a node, as far as the server says.
    #[must_use]
    pub fn is_possible_on(&self, node: &NodeName) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.contains(node))
    }
}

/// A storage, as a node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Storage {
    /// Its name.
    #[serde(rename = "storage", deserialize_with = "required")]
    pub name: StorageName,
    /// Whether every node sees the same.
    #[serde(default, deserialize_with = "lenient")]
    pub shared: bool,
    /// Whether it is switched on, and meant for this node.
    #[serde(rename = "enabled", default = "yes", deserialize_with = "enabled_by_default")]
    pub is_enabled: bool,
    /// Whether it can be used now.
    #[serde(rename = "active", default, deserialize_with = "lenient")]
    pub is_active: bool,
    /// What it may hold: `images`, `iso`, `import` and others.
    #[serde(default, deserialize_with = "lenient")]
    content: Vec<ContentKind>,
    /// Free space in bytes.
    #[serde(rename = "avail", default, deserialize_with = "lenient")]
    pub available: Option<u64>,
}

fn enabled_by_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Value::deserialize(deserializer).map(|value| as_text(&value).is_none() || bool::of(&value))
}

impl Lenient for Vec<ContentKind> {
    fn of(value: &Value) -> Self {
        Foreign::of(value).split(&[',']).iter().filter_map(|it| it.parse().ok()).collect()
    }
}

impl Storage {
    /// Gives all that it may hold and one thing more, as the server takes a list of them.
    #[must_use]
    pub fn contents_with(&self, content: &str) -> String {
        self.content.iter().map(ContentKind::as_str).chain([content]).collect::<Vec<_>>().join(",")
    }

    /// Says whether it may hold something.
    #[must_use]
    pub fn holds(&self, content: &str) -> bool {
        self.content.iter().any(|it| *it == *content)
    }
}

/// A network interface of a node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Interface {
    /// Its name, `vmbr0`.
    #[serde(rename = "iface", deserialize_with = "required")]
    pub name: BridgeName,
    /// Whether it is up.
    #[serde(rename = "active", default, deserialize_with = "lenient")]
    pub is_active: bool,
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
    /// Says whether it runs: not stopped, not paused, not in an internal error.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.text == "running" && (self.detail.is_empty() || self.detail == "running")
    }

    /// Says whether it is stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.text == "stopped"
    }

    /// Gives the server's word.
    #[must_use]
    pub fn text(&self) -> &Foreign {
        if self.detail.is_empty() { &self.text } else { &self.detail }
    }
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TaskStatus {
    #[serde(rename = "status", deserialize_with = "stopped_or_running")]
    is_stopped: bool,
    /// How it ended, once it has.
    #[serde(rename = "exitstatus", default, deserialize_with = "lenient")]
    pub exit_status: Option<Foreign>,
}

/// The server knows these two alone; anything else would be waited for without end.
fn stopped_or_running<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let status = text(deserializer)?;
    let is_stopped = status == "stopped";
    if is_stopped || status == "running" { Ok(is_stopped) } else { Err(D::Error::custom("unknown status")) }
}

impl TaskStatus {
    /// Says whether it has ended.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.is_stopped
    }
}

/// A task that runs on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveTask {
    /// Its ID.
    pub upid: Upid,
    /// What it does: `qmclone`, `qmstart` and others.
    pub kind: String,
}

/// An entry of a list of tasks.
#[derive(Deserialize)]
pub(super) struct TaskEntry {
    #[serde(default, deserialize_with = "parsed")]
    pub(super) upid: Option<Upid>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<Foreign>,
}

impl TaskEntry {
    /// Gives the task; nothing where it has ended.
    pub(super) fn active(self) -> Option<ActiveTask> {
        let is_running = self.status.is_none_or(|status| status == "RUNNING" || status == "running");
        let upid = self.upid.filter(|_| is_running)?;
        Some(ActiveTask { kind: upid.kind().to_owned(), upid })
    }
}

#[cfg(test)]
mod tests;
