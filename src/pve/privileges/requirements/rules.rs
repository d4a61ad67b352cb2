//! Which privileges each part of a clone needs: the VM, its storages, its network.

use super::{PlannedClone, PrivilegeUse, Requirement, RequirementPath};
use crate::model::StorageName;
use crate::pve::privileges::{AclPath, NicRequirement, Privilege};
use std::collections::BTreeSet;

/// A device with more VLANs than this is checked at its bridge: up to 4094 requests would be too many.
const MAX_VLANS_CHECKED: u16 = 16;

pub(super) fn new_vm_needs(clone: &PlannedClone) -> Vec<Requirement> {
    let is_protected = clone.hardware.as_ref().is_some_and(|hardware| hardware.protected);
    let starts = clone.start || clone.wait_ip;
    let (ask_agent, ask_all) = if clone.major >= 9 {
        (Privilege::VM_GUEST_AGENT_AUDIT, Some(Privilege::VM_GUEST_AGENT_UNRESTRICTED))
    } else {
        (Privilege::VM_MONITOR, None)
    };
    [
        (true, Privilege::VM_ALLOCATE, PrivilegeUse::Make, None),
        (true, Privilege::VM_AUDIT, PrivilegeUse::Check, None),
        (is_protected, Privilege::VM_CONFIG_OPTIONS, PrivilegeUse::Unprotect, None),
        (clone.links_down, Privilege::VM_CONFIG_NETWORK, PrivilegeUse::SetLinksDown, None),
        (starts, Privilege::VM_POWER_MGMT, PrivilegeUse::Start, None),
        (clone.wait_ip, ask_agent, PrivilegeUse::AskAgent, ask_all),
    ]
    .into_iter()
    .filter(|(wanted, ..)| *wanted)
    .map(|(_, privilege, purpose, instead)| new_vm_requirement(clone, privilege, purpose, instead))
    .collect()
}

/// The requirement of a privilege on the new VM: held on its own path or on the pool's.
fn new_vm_requirement(
    clone: &PlannedClone,
    privilege: Privilege,
    purpose: PrivilegeUse,
    instead: Option<Privilege>,
) -> Requirement {
    let itself = RequirementPath::NewVm(clone.new);
    let pool = clone.pool.as_ref().map(|pool| RequirementPath::At(AclPath::pool(pool)));
    let mut ways: Vec<(RequirementPath, Privilege)> = Vec::new();
    for privilege in std::iter::once(privilege.clone()).chain(instead) {
        ways.extend(pool.iter().chain([&itself]).map(|path| (path.clone(), privilege.clone())));
    }
    let path = pool.unwrap_or(itself);
    ways.retain(|way| *way != (path.clone(), privilege.clone()));
    Requirement { path, privilege, purpose, alternatives: ways }
}

pub(super) fn storage_needs(clone: &PlannedClone) -> Vec<Requirement> {
    let at = |storage: &StorageName| RequirementPath::At(AclPath::storage(storage));
    let mut paths: BTreeSet<RequirementPath> = BTreeSet::new();
    let mut drive = None;
    match (&clone.hardware, &clone.storage) {
        // Which storages it needs is not known.
        (None, None) => {}
        (None, Some(storage)) => drop(paths.insert(at(storage))),
        (Some(hardware), storage) => {
            match storage {
                // What goes there is the disks; without any, nothing is asked for.
                Some(storage) if !hardware.storages.is_empty() => drop(paths.insert(at(storage))),
                Some(_) => {}
                None => paths.extend(hardware.storages.iter().map(at)),
            }
            paths.extend(hardware.state_storage.as_ref().map(at));
            drive = (!hardware.node_drives.is_empty()).then_some(RequirementPath::At(AclPath::root()));
        }
    }
    let space = Privilege::DATASTORE_ALLOCATE_SPACE;
    let disks = paths.into_iter().map(|path| Requirement::new(path, space.clone(), PrivilegeUse::Store));
    disks.chain(drive.map(|path| Requirement::new(path, Privilege::SYS_CONSOLE, PrivilegeUse::UseDrive))).collect()
}

pub(super) fn network_needs(clone: &PlannedClone) -> Vec<Requirement> {
    let nics = clone.hardware.iter().flat_map(|hardware| &hardware.nics);
    let paths: BTreeSet<RequirementPath> = nics.flat_map(nic_paths).collect();
    paths.into_iter().map(|path| Requirement::new(path, Privilege::SDN_USE, PrivilegeUse::Attach)).collect()
}

fn nic_paths(nic: &NicRequirement) -> Vec<RequirementPath> {
    if nic.vlans.is_empty() {
        return vec![RequirementPath::At(nic.bridge.clone())];
    }
    let (mut paths, mut too_many) = (Vec::new(), false);
    for range in &nic.vlans {
        if range.end().abs_diff(*range.start()) < MAX_VLANS_CHECKED {
            paths.extend(range.clone().map(|tag| RequirementPath::At(nic.bridge.vlan(tag))));
        } else {
            too_many = true;
        }
    }
    paths.extend(too_many.then(|| RequirementPath::Below(nic.bridge.clone())));
    paths
}
