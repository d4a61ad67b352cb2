//! The roles that set-up makes: what Glassdome needs, under the names of this version's privileges.

use std::collections::BTreeMap;

use crate::model::RoleName;
use crate::pve::privileges::{Privilege, Privileges};

/// The privileges on guests: cloning, creating, starting, reading and configuring them.
const GUEST: [&str; 12] = [
    "VM.Allocate",
    "VM.Audit",
    "VM.Clone",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.PowerMgmt",
];

/// What storages and nodes take.
const STORAGE_AND_NODE: [&str; 3] = ["Datastore.AllocateSpace", "Datastore.Audit", "Sys.Audit"];

/// A role that is needed, and whether it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolePlan {
    /// Its name.
    pub name: RoleName,
    /// Its privileges.
    pub privileges: Privileges,
    /// Whether it exists.
    pub state: RoleState,
}

/// Whether a role is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleState {
    /// It is, with these very privileges.
    Ready,
    /// It does not exist.
    Missing,
}

/// Whether the guest agent is asked for addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentAccess {
    /// It is, whatever the version takes for that.
    Needed,
    /// Only where that allows nothing else.
    IfHarmless,
}

/// Returns the privileges of the role for everything that Glassdome does, by the first number of the version.
#[must_use]
pub fn provisioner(major: u32, agent: AgentAccess) -> Privileges {
    let mut privileges = guest(major, agent);
    privileges.extend(STORAGE_AND_NODE.iter().filter_map(|name| name.parse().ok()));
    // Before Proxmox VE 8, every user could use every bridge.
    privileges.extend((major >= 8).then_some(Privilege::SDN_USE));
    privileges
}

/// Returns those of them that concern guests: what a pool is given.
#[must_use]
pub fn guest(major: u32, agent: AgentAccess) -> Privileges {
    let mut privileges: Privileges = GUEST.iter().filter_map(|name| name.parse().ok()).collect();
    if major >= 9 {
        privileges.insert(Privilege::VM_GUEST_AGENT_AUDIT);
    } else if agent == AgentAccess::Needed {
        // It also allows running commands in guests.
        privileges.insert(Privilege::VM_MONITOR);
    }
    privileges
}

/// Finds a name for a role: the usual one, unless a role of that name has other privileges. An existing role is never
/// changed, because that would change the privileges of every user that has it.
#[must_use]
pub fn role_plan(roles: &BTreeMap<RoleName, Privileges>, usual: &RoleName, privileges: &Privileges) -> RolePlan {
    let mut name = usual.clone();
    let mut number = 1_u32;
    loop {
        let state = match roles.get(&name) {
            None => Some(RoleState::Missing),
            Some(found) if found == privileges => Some(RoleState::Ready),
            Some(_) => None,
        };
        if let Some(state) = state {
            return RolePlan { name, privileges: privileges.clone(), state };
        }
        number += 1;
        name = usual.numbered(number);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{AgentAccess, RoleState, guest, provisioner, role_plan};
    use crate::model::RoleName;

    const R: RoleName = RoleName::known("R");

    #[test]
    fn the_privileges_have_the_names_of_the_version() {
        for (major, agent, present, absent, count) in [
            (9, AgentAccess::IfHarmless, &["VM.GuestAgent.Audit", "SDN.Use"][..], &["VM.Monitor"][..], 17),
            (9, AgentAccess::Needed, &["VM.GuestAgent.Audit", "SDN.Use"], &["VM.Monitor"], 17),
            (8, AgentAccess::IfHarmless, &["SDN.Use"], &["VM.Monitor", "VM.GuestAgent.Audit"], 16),
            (8, AgentAccess::Needed, &["VM.Monitor", "SDN.Use"], &["VM.GuestAgent.Audit"], 17),
            (7, AgentAccess::Needed, &["VM.Monitor"], &["SDN.Use"], 16),
        ] {
            let privileges = provisioner(major, agent);
            assert!(present.iter().all(|name| privileges.contains(*name)), "{major}: {privileges:?}");
            assert!(!absent.iter().any(|name| privileges.contains(*name)), "{major}: {privileges:?}");
            assert_eq!(privileges.len(), count, "{major} {agent:?}");
        }
    }

    #[test]
    fn a_role_of_that_name_with_other_privileges_is_left_alone() {
        let wanted = guest(9, AgentAccess::Needed);
        let mut roles = BTreeMap::new();
        assert_eq!(role_plan(&roles, &R, &wanted).state, RoleState::Missing);
        roles.insert(R, wanted.clone());
        assert_eq!(role_plan(&roles, &R, &wanted).state, RoleState::Ready);
        roles.insert(R, guest(8, AgentAccess::Needed).intersection(&wanted).cloned().collect());
        let plan = role_plan(&roles, &R, &wanted);
        assert_eq!((plan.name.as_str(), plan.state), ("R2", RoleState::Missing), "fewer, as after an upgrade");
        roles.insert(R, provisioner(9, AgentAccess::Needed));
        let plan = role_plan(&roles, &R, &wanted);
        assert_eq!((plan.name.as_str(), plan.state), ("R2", RoleState::Missing), "more");
    }
}
