//! The roles that Proxmox VE brings along, release by release, and the privileges they hold.

use std::collections::{BTreeMap, BTreeSet};

use crate::sandbox::auth::release::Release;

/// A named set of privileges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The privileges it gives.
    pub privileges: BTreeSet<String>,
    /// Whether it is built in, so that it cannot be changed or deleted.
    pub special: bool,
}

/// Returns the roles of a fresh cluster of this release.
pub(crate) fn built_in(release: Release) -> BTreeMap<String, Role> {
    let mut roles = BTreeMap::new();
    for (name, privileges) in ROLES {
        let privileges = of_release(privileges, release);
        if privileges.is_empty() && *name != "NoAccess" {
            continue;
        }
        roles.insert((*name).to_owned(), Role { privileges, special: true });
    }
    if !release.knows_mappings() {
        // What was left of it is the auditing that PVESDNAdmin has as well.
        roles.remove("PVESDNUser");
    }
    roles
}

/// Tells whether this release knows the privilege.
pub(crate) fn is_privilege(name: &str, release: Release) -> bool {
    of_release(ALL, release).contains(name)
}

/// Translates privileges of release 9 into those of an earlier one.
fn of_release(privileges: &[&str], release: Release) -> BTreeSet<String> {
    let is_meant = |name: &str| {
        privileges.iter().any(|it| it.strip_suffix('*').map_or(*it == name, |beginning| name.starts_with(beginning)))
    };
    let mut set: BTreeSet<String> = BTreeSet::new();
    for privilege in ALL.iter().filter(|name| is_meant(name)) {
        let guest_agent = privilege.starts_with("VM.GuestAgent.");
        let new_in_nine = guest_agent || *privilege == "VM.Replicate";
        if *privilege == "Sys.AccessNetwork" && !release.knows_network_access() {
            continue;
        }
        let new_in_eight = privilege.starts_with("Mapping.") || *privilege == "SDN.Use";
        if new_in_nine && !release.splits_the_guest_agent() {
            if *privilege == "VM.GuestAgent.Unrestricted" {
                set.insert("VM.Monitor".to_owned());
            }
        } else if !new_in_eight || release.knows_mappings() {
            set.insert((*privilege).to_owned());
        }
    }
    set
}

/// Every privilege of release 9.
const ALL: &[&str] = &[
    "Datastore.Allocate",
    "Datastore.AllocateSpace",
    "Datastore.AllocateTemplate",
    "Datastore.Audit",
    "Group.Allocate",
    "Mapping.Audit",
    "Mapping.Modify",
    "Mapping.Use",
    "Permissions.Modify",
    "Pool.Allocate",
    "Pool.Audit",
    "Realm.Allocate",
    "Realm.AllocateUser",
    "SDN.Allocate",
    "SDN.Audit",
    "SDN.Use",
    "Sys.AccessNetwork",
    "Sys.Audit",
    "Sys.Console",
    "Sys.Incoming",
    "Sys.Modify",
    "Sys.PowerMgmt",
    "Sys.Syslog",
    "User.Modify",
    "VM.Allocate",
    "VM.Audit",
    "VM.Backup",
    "VM.Clone",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Console",
    "VM.GuestAgent.Audit",
    "VM.GuestAgent.FileRead",
    "VM.GuestAgent.FileSystemMgmt",
    "VM.GuestAgent.FileWrite",
    "VM.GuestAgent.Unrestricted",
    "VM.Migrate",
    "VM.PowerMgmt",
    "VM.Replicate",
    "VM.Snapshot",
    "VM.Snapshot.Rollback",
];

/// The roles of release 9; a star stands for every privilege that begins so.
const ROLES: &[(&str, &[&str])] = &[
    ("Administrator", &["*"]),
    ("NoAccess", &[]),
    (
        "PVEAdmin",
        &[
            "Datastore.*",
            "Group.Allocate",
            "Mapping.Audit",
            "Mapping.Use",
            "Pool.*",
            "Realm.AllocateUser",
            "SDN.*",
            "Sys.Audit",
            "Sys.Console",
            "Sys.Syslog",
            "User.Modify",
            "VM.*",
        ],
    ),
    (
        "PVEAuditor",
        &[
            "Datastore.Audit",
            "Mapping.Audit",
            "Pool.Audit",
            "SDN.Audit",
            "Sys.Audit",
            "VM.Audit",
            "VM.GuestAgent.Audit",
        ],
    ),
    ("PVEDatastoreAdmin", &["Datastore.*"]),
    ("PVEDatastoreUser", &["Datastore.AllocateSpace", "Datastore.Audit"]),
    ("PVEMappingAdmin", &["Mapping.*"]),
    ("PVEMappingUser", &["Mapping.Audit", "Mapping.Use"]),
    ("PVEPoolAdmin", &["Pool.*"]),
    ("PVEPoolUser", &["Pool.Audit"]),
    ("PVESDNAdmin", &["SDN.*"]),
    ("PVESDNUser", &["SDN.Audit", "SDN.Use"]),
    ("PVESysAdmin", &["Sys.Audit", "Sys.Console", "Sys.Syslog"]),
    ("PVETemplateUser", &["VM.Audit", "VM.Clone"]),
    ("PVEUserAdmin", &["Group.Allocate", "Realm.AllocateUser", "User.Modify"]),
    ("PVEVMAdmin", &["VM.*"]),
    (
        "PVEVMUser",
        &[
            "VM.Audit",
            "VM.Backup",
            "VM.Config.CDROM",
            "VM.Config.Cloudinit",
            "VM.Console",
            "VM.GuestAgent.Audit",
            "VM.GuestAgent.FileRead",
            "VM.GuestAgent.FileSystemMgmt",
            "VM.GuestAgent.FileWrite",
            "VM.PowerMgmt",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn release(major: u32) -> Release {
        Release { major, minor: 2, patch: 11 }
    }

    fn privileges(major: u32, role: &str) -> Vec<String> {
        built_in(release(major)).remove(role).map(|role| role.privileges.into_iter().collect()).unwrap_or_default()
    }

    #[test]
    fn release_nine_has_seventeen_roles_and_administrators_have_all_47_privileges() {
        assert_eq!(built_in(release(9)).len(), 17);
        assert_eq!(privileges(9, "Administrator").len(), 47);
        assert_eq!(privileges(9, "NoAccess"), [""; 0]);
        assert_eq!((privileges(9, "PVEAdmin").len(), privileges(9, "PVEVMAdmin").len()), (40, 23));
    }

    #[test]
    fn vm_monitor_stands_for_the_guest_agent_before_release_nine() {
        assert!(privileges(8, "PVEVMAdmin").contains(&"VM.Monitor".to_owned()));
        assert!(!privileges(8, "PVEVMUser").contains(&"VM.Monitor".to_owned()));
        assert!(privileges(8, "Administrator").iter().all(|name| !name.starts_with("VM.GuestAgent.")));
        assert!(!is_privilege("VM.GuestAgent.Audit", release(8)));
        assert!(!is_privilege("VM.Monitor", release(9)));
    }

    #[test]
    fn release_seven_has_no_mappings_and_no_sdn_use() {
        assert!(!built_in(release(7)).contains_key("PVEMappingUser"));
        assert!(!built_in(release(7)).contains_key("PVESDNUser"));
        assert_eq!(privileges(7, "PVESDNAdmin"), ["SDN.Allocate", "SDN.Audit"]);
    }
}
