//! What a user and its tokens hold, worked out from the whole access control list by the server's own rules.
//!
//! The deepest path with an entry decides, roles on one path add up, a user's entry hides those of its groups there,
//! `NoAccess` beats all, an entry that does not propagate stops at its path, a pool gives its members what is held on it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Foreign, RoleName, TokenId, UserId};
use crate::pve::client::{AclChange, AclEntry, Subject};
use crate::pve::privileges::remediation::Separation;
use crate::pve::privileges::{AclPath, Permissions, PermissionsAt, Privileges};

/// The role that takes everything away.
pub(super) const NO_ACCESS: RoleName = RoleName::known("NoAccess");

/// The role that has every privilege.
const ADMINISTRATOR: RoleName = RoleName::known("Administrator");

/// The roles that decide on a path, and whether each reaches the paths below.
pub(super) type Roles = BTreeMap<RoleName, bool>;

/// One user with its groups and tokens, and everything that decides about their rights.
#[derive(Debug, Clone)]
pub struct AclModel {
    /// The user.
    pub user: UserId,
    /// The groups that it is in.
    pub groups: BTreeSet<Foreign>,
    /// Its tokens by full ID.
    pub tokens: BTreeMap<Foreign, Separation>,
    /// The entries of the access control list.
    pub entries: Vec<AclEntry>,
    /// The roles with their privileges.
    pub roles: BTreeMap<RoleName, Privileges>,
    /// VMs and storages that are in a pool: their path, and the pool's.
    pub members: Vec<(AclPath, AclPath)>,
    /// The effective permissions reported by the server, if not all entries are visible: by user ID or full token ID.
    pub reported: BTreeMap<Foreign, Permissions>,
}

impl AclModel {
    /// Returns the privileges granted to a user or token on a path; for a token with privilege separation, before they
    /// are limited to those of its user.
    #[must_use]
    pub fn granted_by_role(&self, holder: &Subject, path: &str) -> Privileges {
        if let Some(reported) = self.reported.get(holder.id()) {
            return path.parse().map(|path| reported.on(&path)).unwrap_or_default();
        }
        if matches!(holder, Subject::User(_)) && self.user.is_root() {
            return self.roles.get(&ADMINISTRATOR).cloned().unwrap_or_default();
        }
        let mut roles = self.roles_on(holder, path);
        for (_, pool) in self.members.iter().filter(|(member, _)| member.as_str() == path) {
            for role in self.roles_on(holder, pool.as_str()).into_keys() {
                roles.entry(role).or_insert(false);
            }
        }
        if roles.contains_key(&NO_ACCESS) {
            return Privileges::new();
        }
        roles.keys().filter_map(|role| self.roles.get(role)).flatten().cloned().collect()
    }

    /// Returns the privileges that the user or one of its tokens has on a path.
    #[must_use]
    pub fn holds(&self, subject: &Subject, path: &str) -> Privileges {
        let of_user = || self.granted_by_role(&Subject::user(&self.user), path);
        match subject {
            Subject::Token(id) => match self.tokens.get(id) {
                None => Privileges::new(),
                Some(Separation::Off) => of_user(),
                Some(Separation::On) => &self.granted_by_role(subject, path) & &of_user(),
            },
            Subject::User(_) => of_user(),
            Subject::Group(_) => Privileges::new(),
        }
    }

    /// Returns the privileges of a subject on several paths, as the server would answer.
    pub(super) fn permissions<'a>(
        &self,
        subject: &Subject,
        paths: impl IntoIterator<Item = &'a AclPath>,
    ) -> Permissions {
        let mut permissions = Permissions::default();
        for path in paths {
            let held = self.holds(subject, path.as_str());
            let held = held.into_iter().map(|privilege| (privilege, true)).collect();
            permissions.answer(path, &PermissionsAt::from([(path.clone(), held)]));
        }
        permissions
    }

    /// Returns the roles that apply to a user or token on a path.
    pub(super) fn roles_on(&self, holder: &Subject, path: &str) -> Roles {
        let mut decided = Roles::new();
        for level in levels(path) {
            let is_last = level == path;
            let mut own = self.entries_of(|it| it == holder, level);
            own.retain(|_, propagates| is_last || *propagates);
            let mut of_groups = match holder {
                Subject::User(_) => {
                    self.entries_of(|it| matches!(it, Subject::Group(group) if self.groups.contains(group)), level)
                }
                Subject::Group(_) | Subject::Token(_) => Roles::new(),
            };
            of_groups.retain(|_, propagates| is_last || *propagates);
            if let Some(roles) = [own, of_groups].into_iter().find(|roles| !roles.is_empty()) {
                decided = roles;
            }
        }
        decided
    }

    /// Returns the entries on exactly this path, of the given subjects.
    pub(super) fn entries_of(&self, is_meant: impl Fn(&Subject) -> bool, path: &str) -> Roles {
        let mut roles = Roles::new();
        for entry in self.entries.iter().filter(|entry| entry.path.as_str() == path && is_meant(&entry.holder)) {
            *roles.entry(entry.role.clone()).or_insert(false) |= entry.propagates;
        }
        roles
    }

    /// Carries out a change as the server does: one entry for each path, holder and role.
    pub fn apply(&mut self, change: &AclChange) {
        for role in &change.roles {
            self.entries.retain(|it| (&it.path, &it.holder, &it.role) != (&change.path, &change.holder, role));
            self.entries.push(AclEntry {
                path: change.path.clone(),
                holder: change.holder.clone(),
                role: role.clone(),
                propagates: change.propagates,
            });
        }
    }

    /// Lists the user and its tokens.
    #[must_use]
    pub fn subjects(&self) -> Vec<Subject> {
        let user = Subject::user(&self.user);
        std::iter::once(user).chain(self.tokens.keys().cloned().map(Subject::Token)).collect()
    }

    /// Lists every path on which rights may differ from those of the path above, and one below each.
    pub(super) fn paths(&self) -> BTreeSet<String> {
        let mut paths = BTreeSet::from(["/".to_owned()]);
        let named = self.entries.iter().map(|entry| &entry.path);
        for path in named.chain(self.members.iter().flat_map(|(member, pool)| [member, pool])) {
            paths.extend(levels(path.as_str()).into_iter().map(str::to_owned));
        }
        let below: Vec<String> = paths.iter().map(|path| child_of(path)).collect();
        paths.extend(below);
        paths
    }

    /// Adds a token that does not exist yet.
    pub(super) fn with_token(&self, token: &TokenId, separation: Separation) -> Self {
        let mut acl = self.clone();
        acl.tokens.entry(Subject::token(token).id().clone()).or_insert(separation);
        acl
    }
}

/// Returns a path right below another one that has no entries.
pub(super) fn child_of(path: &str) -> String {
    format!("{}/glassdome-none", path.trim_end_matches('/'))
}

/// Lists the paths from the root down to this one.
fn levels(path: &str) -> Vec<&str> {
    let mut levels = vec!["/"];
    levels.extend(path.match_indices('/').skip(1).filter_map(|(end, _)| path.get(..end)));
    if path != "/" {
        levels.push(path);
    }
    levels
}
