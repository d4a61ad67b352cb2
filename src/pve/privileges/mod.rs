//! What a clone needs, what its caller holds, and the grants that grant it without taking a privilege from anyone else.

mod acl_model;
mod compare;
mod grant_plan;
mod grant_script;
mod hardware;
mod permission_denied;
mod privilege;
mod remediation;
mod requirements;
mod roles;

pub use privilege::Privilege;
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::model::{BridgeName, NodeName, PoolName, StorageName, Validated, VmId};

pub use acl_model::AclModel;
pub use compare::Loss;
pub use grant_plan::{GrantEffect, GrantRefused, GrantRequest, Grants, grants, questions_of_grants};
pub(crate) use grant_script::unseparate;
pub use grant_script::{GrantBlock, GrantScript, paths_of_script};
pub(crate) use hardware::device_of;
pub use hardware::{Hardware, NicRequirement, Zones};
pub use permission_denied::{Denial, missing_from_denial};
pub use remediation::{Caller, LikelyCause, Separation, UserSeen};
pub use requirements::{
    MissingPrivileges, PlannedClone, PrivilegeUse, Requirement, RequirementPath, missing_privileges, needs, paths,
};
pub use roles::{AgentAccess, RolePlan, RoleState, guest, provisioner, role_plan};

/// The end of a path without entries.
const PATH_WITHOUT_ENTRIES: &str = "/glassdome-none";

/// Why a text from a server is not an ACL path or privilege.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAclPath {
    /// Not a path.
    #[error("not a path of the access control list")]
    Path,
    /// Not a privilege.
    #[error("not the name of a privilege")]
    Privilege,
    /// Not a drive or network device.
    #[error("the template's `{key}` is not understood")]
    Device {
        /// Which entry of the configuration.
        key: String,
    },
}

/// A path of the access control list, `/vms/9000` for example: letters, digits, `-_.` between slashes, so that no shell
/// sees anything in it but text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AclPath(String);

impl AclPath {
    /// Returns the root of all paths.
    #[must_use]
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Returns the path above all VMs.
    #[must_use]
    pub fn vms() -> Self {
        Self("/vms".to_owned())
    }

    /// Returns the path of a VM or template.
    #[must_use]
    pub fn vm(vmid: VmId) -> Self {
        Self(format!("/vms/{vmid}"))
    }

    /// Returns the path of a pool.
    #[must_use]
    pub fn pool(pool: &PoolName) -> Self {
        Self(format!("/pool/{pool}"))
    }

    /// Returns the path of the nodes' own generators of random numbers.
    #[must_use]
    pub fn hardware_rng() -> Self {
        Self("/mapping/hwrng".to_owned())
    }

    /// Returns the path above all networks.
    #[must_use]
    pub fn networks() -> Self {
        Self("/sdn/zones".to_owned())
    }

    /// Returns the path of a storage.
    #[must_use]
    pub fn storage(storage: &StorageName) -> Self {
        Self(format!("/storage/{storage}"))
    }

    /// Returns the path of a node.
    #[must_use]
    pub fn node(node: &NodeName) -> Self {
        Self(format!("/nodes/{node}"))
    }

    /// Returns the path above the bridges of the nodes, the zone that exists without any SDN.
    #[must_use]
    pub fn local_zone() -> Self {
        Self("/sdn/zones/localnetwork".to_owned())
    }

    /// Returns the path of a bridge or vnet in its zone.
    #[must_use]
    pub fn bridge(zone: &BridgeName, bridge: &BridgeName) -> Self {
        Self(format!("/sdn/zones/{zone}/{bridge}"))
    }

    /// Returns the path of a bridge of a node, which is in the zone that exists without any SDN.
    #[must_use]
    pub fn local_bridge(bridge: &BridgeName) -> Self {
        Self(format!("{}/{bridge}", Self::local_zone()))
    }

    /// Returns the path of the zone that a bridge or vnet is in; of a zone, itself.
    #[must_use]
    pub fn zone_of_bridge(&self) -> Self {
        let levels: Vec<&str> = self.0.split('/').take(4).collect();
        Self(levels.join("/"))
    }

    /// Returns the path of one VLAN of this bridge.
    #[must_use]
    pub fn vlan(&self, tag: u16) -> Self {
        Self(format!("{}/{tag}", self.0))
    }

    /// Returns the path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a path right below this one that has no entries: rights there are what propagates from here.
    fn child_without_entries(&self) -> Self {
        if self.0 == "/vms" {
            Self("/vms/999999999".to_owned())
        } else if self.is_bridge() {
            // The tags of VLANs end one before.
            self.vlan(4095)
        } else {
            Self(format!("{}{PATH_WITHOUT_ENTRIES}", self.0))
        }
    }

    fn is_below(&self, other: &Self) -> bool {
        let rest = self.0.strip_prefix(other.0.trim_end_matches('/'));
        self != other && rest.is_some_and(|rest| rest.starts_with('/'))
    }

    /// Returns whether this is a bridge, the only path here whose children have entries of their own: its VLANs.
    fn is_bridge(&self) -> bool {
        self.0.starts_with("/sdn/zones/") && self.0.split('/').count() == 5 && !self.0.ends_with(PATH_WITHOUT_ENTRIES)
    }

    /// Returns whether entries may exist below: a VM, a storage and a VLAN are leaves.
    fn has_children(&self) -> bool {
        let depth = self.0.split('/').count();
        match self.0.split('/').nth(1) {
            Some("vms" | "storage") => depth < 3,
            Some("sdn") => depth < 6,
            _ => true,
        }
    }
}

impl FromStr for AclPath {
    type Err = InvalidAclPath;

    fn from_str(text: &str) -> Result<Self, InvalidAclPath> {
        let is_segment = |segment: &str| {
            !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let rest = text.strip_prefix('/').ok_or(InvalidAclPath::Path)?;
        if rest.is_empty() || rest.split('/').all(is_segment) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAclPath::Path)
        }
    }
}

impl Validated for AclPath {}

impl Borrow<str> for AclPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AclPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// A set of privileges, in the order of their names.
pub type Privileges = BTreeSet<Privilege>;

/// An answer of `/access/permissions`: path, privilege, and whether it propagates.
pub type PermissionsAt = BTreeMap<AclPath, Grant>;

/// What a user or token holds on one path: each privilege, and whether it propagates to the paths below.
pub type Grant = BTreeMap<Privilege, bool>;

/// What a user or token holds, path by path, as the server answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    by_path: BTreeMap<AclPath, Grant>,
}

impl Permissions {
    /// Adds the answer to `/access/permissions?path=PATH`.
    pub fn answer(&mut self, path: &AclPath, answer: &PermissionsAt) {
        self.by_path.insert(path.clone(), answer.get(path).cloned().unwrap_or_default());
    }

    /// Adds the answer to `/access/permissions` without a path, which is exact for each path that it lists: those that
    /// have an entry, or are named by a pool, and on which there are privileges.
    pub fn answer_everywhere(&mut self, answer: &PermissionsAt) {
        self.by_path.extend(answer.iter().map(|(path, held)| (path.clone(), held.clone())));
    }

    /// Returns the privileges held on a path; empty if the path was not asked.
    #[must_use]
    pub fn on(&self, path: &AclPath) -> Privileges {
        self.by_path.get(path).map(|held| held.keys().cloned().collect()).unwrap_or_default()
    }

    /// Returns whether nothing at all is held on any path asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_path.values().all(BTreeMap::is_empty)
    }
}
