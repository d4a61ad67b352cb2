//! From roles to privileges: what a user or token may do at a path, pools and privilege separation included.

use std::collections::{BTreeMap, BTreeSet};

use crate::sandbox::auth::acl::{Roles, Subject};
use crate::sandbox::auth::{Access, ROOT, names};

/// Privileges by name, each with whether it reaches the paths below.
pub type Rights = BTreeMap<String, bool>;

/// The paths that the answer without a path always looks at.
const TOP_LEVELS: [&str; 8] = ["/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"];

/// The paths that a log-in looks at besides those that have entries.
const LOGIN_LEVELS: [&str; 7] = ["/", "/nodes", "/access/groups", "/vms", "/storage", "/sdn", "/mapping"];

impl Access {
    /// Returns the privileges of a user or token at a path.
    pub fn effective(&self, subject: &str, path: &str) -> Rights {
        if subject == ROOT {
            return self.privileges(&Roles::from([("Administrator".to_owned(), true)]));
        }
        let Some((user, _)) = names::split_token(subject) else {
            return self.privileges(&self.roles_at(subject, path));
        };
        let Some(token) = self.token(subject) else { return Rights::new() };
        if !token.privsep {
            return self.effective(user, path);
        }
        let own = self.privileges(&self.roles_at(subject, path));
        if user == ROOT {
            return own;
        }
        let of_user = self.effective(user, path);
        own.into_iter()
            .filter_map(|(privilege, propagate)| {
                of_user.get(&privilege).map(|down| (privilege.clone(), propagate && *down))
            })
            .collect()
    }

    /// Tells whether a user or token has all of these privileges at a path.
    pub fn check(&self, subject: &str, path: &str, privileges: &[&str]) -> bool {
        let rights = self.effective(subject, path);
        privileges.iter().all(|privilege| rights.contains_key(*privilege))
    }

    /// Tells whether a user or token has one of these privileges at a path.
    pub fn check_any(&self, subject: &str, path: &str, privileges: &[&str]) -> bool {
        let rights = self.effective(subject, path);
        privileges.iter().any(|privilege| rights.contains_key(*privilege))
    }

    /// Returns the privileges at every path that is known, leaving out those where there are none.
    pub fn effective_everywhere(&self, subject: &str) -> BTreeMap<String, Rights> {
        let mut paths = self.acl.paths();
        paths.extend(TOP_LEVELS.map(str::to_owned));
        for pool in self.pools.values() {
            paths.extend(pool.vms.iter().map(|vmid| format!("/vms/{vmid}")));
            paths.extend(pool.storages.iter().map(|storage| format!("/storage/{storage}")));
        }
        let rights = paths.into_iter().map(|path| {
            let rights = self.effective(subject, &path);
            (path, rights)
        });
        rights.filter(|(_, rights)| !rights.is_empty()).collect()
    }

    /// Sums up, for the screen after a log-in, what a user may do in each part of the cluster.
    pub fn capabilities(&self, user: &str) -> BTreeMap<&'static str, BTreeSet<String>> {
        let parts = ["access", "dc", "mapping", "nodes", "sdn", "storage", "vms"];
        let mut capabilities: BTreeMap<&str, BTreeSet<String>> =
            parts.into_iter().map(|part| (part, BTreeSet::new())).collect();
        let mut paths = self.acl.paths();
        paths.extend(LOGIN_LEVELS.map(str::to_owned));
        for path in paths {
            let top = path.split('/').nth(1).filter(|top| !top.is_empty()).unwrap_or("dc");
            for privilege in self.effective(user, &path).into_keys() {
                for part in parts.into_iter().filter(|part| is_shown_in(part, top, &privilege)) {
                    capabilities.entry(part).or_default().insert(privilege.clone());
                }
            }
        }
        capabilities
    }

    /// Tells whether a subject may change the entries at a path.
    pub fn may_grant_at(&self, subject: &str, path: &str) -> bool {
        self.check_any(subject, path, grant_privileges(path))
    }

    /// Returns the roles of a subject at a path, those of the pools that hold its object included.
    fn roles_at(&self, subject: &str, path: &str) -> Roles {
        let claims = [
            vec![Subject::Token(subject.to_owned())],
            vec![Subject::User(subject.to_owned())],
            self.groups_of(subject).cloned().map(Subject::Group).collect(),
        ];
        let mut roles = self.acl.walk(path, &claims);
        if roles.contains_key("NoAccess") {
            return roles;
        }
        let by_pools: BTreeSet<String> = self
            .pools_of_path(path)
            .flat_map(|pool| self.acl.walk(&format!("/pool/{pool}"), &claims).into_keys())
            .collect();
        if by_pools.contains("NoAccess") {
            return Roles::from([("NoAccess".to_owned(), false)]);
        }
        for role in by_pools {
            roles.entry(role).or_insert(false);
        }
        roles
    }

    fn privileges(&self, roles: &Roles) -> Rights {
        let mut rights = Rights::new();
        for (name, propagate) in roles {
            let Some(role) = self.roles.get(name) else { continue };
            for privilege in &role.privileges {
                *rights.entry(privilege.clone()).or_default() |= propagate;
            }
        }
        rights
    }
}

/// Lists the privileges of which one allows to change the entries at a path.
pub(crate) fn grant_privileges(path: &str) -> &'static [&'static str] {
    let below = |top: &str| path.strip_prefix(top).is_some_and(|rest| !rest.is_empty());
    if below("/storage/") {
        &["Permissions.Modify", "Datastore.Allocate"]
    } else if below("/vms/") {
        &["Permissions.Modify", "VM.Allocate"]
    } else if below("/pool/") {
        &["Permissions.Modify", "Pool.Allocate"]
    } else {
        &["Permissions.Modify"]
    }
}

/// Tells whether the part of the screen shows a privilege that holds somewhere below a top level.
fn is_shown_in(part: &str, top: &str, privilege: &str) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| privilege.starts_with(prefix));
    let grants = privilege == "Permissions.Modify";
    match (part, top) {
        ("vms", "vms" | "pool") => begins(&["VM."]) || grants,
        ("storage", "storage" | "pool") => begins(&["Datastore."]) || grants,
        ("access", "access") => begins(&["User.", "Group."]) || grants,
        ("nodes", "nodes") => begins(&["Sys."]) || grants,
        ("sdn", "sdn") => begins(&["SDN."]) || grants,
        ("mapping", "mapping") => begins(&["Mapping."]) || grants,
        ("dc", "dc") => begins(&["Sys.Audit", "Sys.Modify", "SDN."]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::auth::{Entry, Group, Pool, Release, Token, User};

    fn access() -> Access {
        let mut access = Access::new(Release { major: 9, minor: 2, patch: 11 });
        let mut user = User::default();
        for (name, privsep) in [("full", false), ("sep", true)] {
            let token = Token { secret: String::new(), privsep, expire: 0, comment: None };
            user.tokens.insert(name.into(), token.clone());
            access.users.get_mut(ROOT).unwrap().tokens.insert(name.into(), token);
        }
        access.users.insert("u@pve".into(), user);
        access.groups.insert("g".into(), Group { members: ["u@pve".into()].into(), comment: None });
        access.pools.insert("a/b".into(), Pool { vms: [102].into(), storages: ["local".into()].into(), comment: None });
        access
    }

    fn words(rights: Rights) -> String {
        let words: Vec<String> = rights.iter().map(|(name, down)| format!("{name}{}", u8::from(*down))).collect();
        words.join(" ")
    }

    #[test]
    fn root_may_everything_and_its_separated_token_only_what_it_was_given() {
        let mut access = access();
        assert_eq!(access.effective(ROOT, "/vms/100").len(), 47);
        assert_eq!(access.effective("root@pam!full", "/").len(), 47);
        assert_eq!(words(access.effective("root@pam!sep", "/")), "");
        access.grant("root@pam!sep", "/vms", "PVETemplateUser");
        assert_eq!(words(access.effective("root@pam!sep", "/vms/100")), "VM.Audit1 VM.Clone1");
    }

    #[test]
    fn a_separated_token_has_what_both_it_and_its_user_have() {
        let mut access = access();
        access.grant("u@pve", "/vms", "PVETemplateUser");
        access.grant("u@pve!sep", "/vms/100", "PVEVMUser");
        assert_eq!(words(access.effective("u@pve!sep", "/vms/100")), "VM.Audit1");
        assert_eq!(words(access.effective("u@pve!sep", "/vms/200")), "");
        assert_eq!(words(access.effective("u@pve!full", "/vms/200")), "VM.Audit1 VM.Clone1");
        assert_eq!(words(access.effective("u@pve!gone", "/vms/200")), "");
    }

    #[test]
    fn a_pool_adds_its_roles_without_propagation() {
        let mut access = access();
        access.grant("u@pve", "/pool/a", "PVETemplateUser");
        assert_eq!(words(access.effective("u@pve", "/vms/102")), "VM.Audit0 VM.Clone0");
        assert_eq!(words(access.effective("u@pve", "/storage/local")), "VM.Audit0 VM.Clone0");
        assert_eq!(words(access.effective("u@pve", "/vms/103")), "");
        access.grant("u@pve", "/vms/102", "NoAccess");
        assert_eq!(words(access.effective("u@pve", "/vms/102")), "");
    }

    #[test]
    fn no_access_to_the_pool_beats_the_roles_at_the_vm() {
        let mut access = access();
        access.grant("u@pve", "/vms/102", "PVEVMAdmin");
        access.grant("u@pve", "/pool/a/b", "NoAccess");
        assert_eq!(words(access.effective("u@pve", "/vms/102")), "");
    }

    #[test]
    fn a_destroyed_vm_leaves_its_pool_and_takes_its_entries_along() {
        let mut access = access();
        access.grant("u@pve", "/vms/102", "PVEVMAdmin");
        assert_eq!(access.pool_of_vm(102), Some("a/b"));
        access.forget_vm(102);
        assert_eq!(access.pool_of_vm(102), None);
        assert!(access.effective("u@pve", "/vms/102").is_empty());
    }

    #[test]
    fn vm_allocate_lets_grant_at_a_single_vm_only() {
        let mut access = access();
        let holder = Subject::Group("g".into());
        access.acl.set(Entry { path: "/vms".into(), holder, role: "PVEVMAdmin".into(), propagate: true });
        for (path, may) in [("/vms/100", true), ("/vms", false), ("/storage/local", false), ("/nodes/pve", false)] {
            assert_eq!(access.may_grant_at("u@pve", path), may, "{path}");
        }
    }
}
