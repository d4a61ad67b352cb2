//! What a clone needs, path by path, and what of it is missing.

mod rules;

use self::rules::{network_needs, new_vm_needs, storage_needs};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use crate::model::{PoolName, StorageName, VmId};
use crate::pve::privileges::{AclPath, Grant, Hardware, Permissions, Privilege, Privileges};

/// The planned clone, as far as it decides which privileges are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedClone {
    /// The first number of the server's version, 9 for example.
    pub major: u32,
    /// The template.
    pub template: VmId,
    /// The VM to be made.
    pub new: VmId,
    /// The pool that the VM is made in.
    pub pool: Option<PoolName>,
    /// The storage that a full clone is sent to, in place of the template's own.
    pub storage: Option<StorageName>,
    /// The template's disks and network devices; `None` if its configuration cannot be read: which storages and bridges
    /// it needs is unknown then, and no privilege on them is called missing.
    pub hardware: Option<Hardware>,
    /// Whether the VM is started, and stopped again.
    pub start: bool,
    /// Whether its links are set down before the start.
    pub links_down: bool,
    /// Whether its guest agent is asked for an address.
    pub wait_ip: bool,
}

/// What a privilege is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrivilegeUse {
    /// To clone the template.
    Clone,
    /// To read the template's configuration.
    ReadTemplate,
    /// To make the VM and destroy it.
    Make,
    /// To check the VM.
    Check,
    /// To take off the protection that the VM inherits.
    Unprotect,
    /// To set its links down.
    SetLinksDown,
    /// To start and stop it.
    Start,
    /// To ask its guest agent for an address.
    AskAgent,
    /// To store its disks.
    Store,
    /// To attach it to the network.
    Attach,
    /// To use the node's CD-ROM drive.
    UseDrive,
    /// To use a mapped device.
    UseMapping,
}

impl fmt::Display for PrivilegeUse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Clone => "clone the template",
            Self::ReadTemplate => "read the template",
            Self::Make => "create and delete the VM",
            Self::Check => "check the VM",
            Self::Unprotect => "remove the inherited protection",
            Self::SetLinksDown => "set its links down",
            Self::Start => "start and stop it",
            Self::AskAgent => "query its guest agent",
            Self::Store => "store its disks",
            Self::Attach => "attach it to the network",
            Self::UseDrive => "use the node's CD-ROM drive",
            Self::UseMapping => "use the mapped device",
        })
    }
}

/// Where a privilege is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequirementPath {
    /// A path that is known and lasts.
    At(AclPath),
    /// The VM to be made. Entries on its own path are removed with it, so privileges for it are granted on `/vms`.
    NewVm(VmId),
    /// More paths below this one than are asked for one by one: the VLANs of a bridge.
    Below(AclPath),
}

impl RequirementPath {
    /// Returns the path whose answer decides.
    #[must_use]
    pub fn acl_path(&self) -> AclPath {
        match self {
            Self::At(path) => path.clone(),
            Self::NewVm(vmid) => AclPath::vm(*vmid),
            Self::Below(parent) => parent.child_without_entries(),
        }
    }
}

impl fmt::Display for RequirementPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(path) => path.fmt(formatter),
            Self::NewVm(vmid) => formatter.pad(&format!("/vms/{vmid} (the new VM)")),
            Self::Below(parent) => formatter.pad(&format!("{parent} (all VLANs)")),
        }
    }
}

/// One privilege that the clone needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The path that is checked.
    pub path: RequirementPath,
    /// The privilege.
    pub privilege: Privilege,
    /// What for.
    pub purpose: PrivilegeUse,
    /// Other permissions that are enough.
    pub alternatives: Vec<(RequirementPath, Privilege)>,
}

impl Requirement {
    fn new(path: RequirementPath, privilege: Privilege, purpose: PrivilegeUse) -> Self {
        Self { path, privilege, purpose, alternatives: Vec::new() }
    }

    /// Returns whether it is met by held privileges.
    #[must_use]
    pub fn is_met(&self, held: &Permissions) -> bool {
        let first = (self.path.clone(), self.privilege.clone());
        std::iter::once(&first)
            .chain(&self.alternatives)
            .any(|(path, privilege)| held.on(&path.acl_path()).contains(privilege))
    }
}

/// The privileges missing on one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPrivileges {
    /// The path that is checked.
    pub path: RequirementPath,
    /// Which privileges.
    pub missing: Privileges,
    /// What they are needed for.
    pub purposes: BTreeSet<PrivilegeUse>,
}

impl MissingPrivileges {
    /// Returns the row of the table: missing privileges, path.
    #[must_use]
    pub fn row(&self) -> [String; 2] {
        [join(&self.missing, ", "), format!("on {}", self.path)]
    }

    /// Returns the same for scripts.
    #[must_use]
    pub fn document(&self) -> Value {
        let path = match &self.path {
            RequirementPath::At(path) | RequirementPath::Below(path) => path.to_string(),
            RequirementPath::NewVm(vmid) => AclPath::vm(*vmid).to_string(),
        };
        json!({ "path": path, "privileges": self.missing.iter().map(ToString::to_string).collect::<Vec<_>>() })
    }

    /// Finds the path from which the missing privileges would be inherited if a deeper entry, of the caller or of its
    /// user, did not replace them.
    #[must_use]
    pub fn replaced_from(&self, held: &Permissions) -> Option<AclPath> {
        let path = self.path.acl_path();
        let propagates = |held: &Grant| self.missing.iter().any(|privilege| held.get(privilege) == Some(&true));
        let above = held.by_path.iter().filter(|(above, held)| path.is_below(above) && propagates(held));
        above.map(|(above, _)| above).max_by_key(|above| above.as_str().len()).cloned()
    }
}

pub(super) fn join<T: ToString>(items: impl IntoIterator<Item = T>, between: &str) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(between)
}

/// Lists what the clone needs, in the order in which the server asks for it.
#[must_use]
pub fn needs(clone: &PlannedClone) -> Vec<Requirement> {
    let template = RequirementPath::At(AclPath::vm(clone.template));
    let mut needs = vec![
        Requirement::new(template.clone(), Privilege::VM_CLONE, PrivilegeUse::Clone),
        Requirement::new(template, Privilege::VM_AUDIT, PrivilegeUse::ReadTemplate),
    ];
    needs.extend(new_vm_needs(clone));
    needs.extend(storage_needs(clone));
    let mappings = clone.hardware.iter().flat_map(|hardware| hardware.mappings.iter().cloned());
    // Proxmox VE 8 asks for it only from some release on, and then says so.
    let asks_for_rng = clone.major >= 9 && clone.hardware.as_ref().is_some_and(|hardware| hardware.uses_hardware_rng);
    needs.extend(
        mappings
            .chain(asks_for_rng.then(AclPath::hardware_rng))
            .map(|path| Requirement::new(RequirementPath::At(path), Privilege::MAPPING_USE, PrivilegeUse::UseMapping)),
    );
    // Before Proxmox VE 8, every user could use every bridge.
    if clone.major >= 8 {
        needs.extend(network_needs(clone));
    }
    needs
}

/// Lists the paths that must be asked for to see whether the needs are met.
#[must_use]
pub fn paths(needs: &[Requirement]) -> BTreeSet<AclPath> {
    let alternatives =
        |need: &Requirement| need.alternatives.iter().map(|(path, _)| path.acl_path()).collect::<Vec<_>>();
    needs.iter().flat_map(|need| std::iter::once(need.path.acl_path()).chain(alternatives(need))).collect()
}

/// Lists what is missing, path by path, in the order of the needs.
#[must_use]
pub fn missing_privileges(needs: &[Requirement], held: &Permissions) -> Vec<MissingPrivileges> {
    let mut found: Vec<MissingPrivileges> = Vec::new();
    let mut index: BTreeMap<&RequirementPath, usize> = BTreeMap::new();
    for need in needs.iter().filter(|need| !need.is_met(held)) {
        let at = *index.entry(&need.path).or_insert_with(|| {
            found.push(MissingPrivileges {
                path: need.path.clone(),
                missing: Privileges::new(),
                purposes: BTreeSet::new(),
            });
            found.len() - 1
        });
        if let Some(entry) = found.get_mut(at) {
            entry.missing.insert(need.privilege.clone());
            entry.purposes.insert(need.purpose);
        }
    }
    found
}

#[cfg(test)]
mod tests;
