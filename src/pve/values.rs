//! Reply types: what the server answers, as fields.

pub(super) mod guest;
mod storage;
pub(super) mod task;

pub use self::guest::{CloneFeature, Vm, VmStatus};
pub use self::storage::Storage;
pub use self::task::{ActiveTask, TaskStatus};

use std::fmt;

use serde::Deserialize;

use crate::model::{BridgeName, Foreign, NodeName, RealmName};
use crate::pve::lenient::{lenient, parsed, required};

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

    /// Returns the first number, 9.
    #[must_use]
    pub const fn major(&self) -> u32 {
        self.release.major
    }

    /// Returns whether it is this release or a later one.
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
    /// `pam`, `pve`, `ldap` and others; other Proxmox products have types of their own.
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
    /// Returns whether the cluster reports the node as offline. A node of unknown status does answer if only its
    /// statistics are missing: its `pvestatd` has stopped, or it has just been started (Proxmox VE: `/nodes`).
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.status == "offline"
    }

    /// Returns whether it answers. Old servers leave the status out.
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

#[cfg(test)]
mod tests;
