//! Compares what a user and its tokens hold with what they would hold without some entries, or held before.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Foreign, RoleName};
use crate::pve::client::{AclChange, AclEntry, Subject};
use crate::pve::privileges::requirements::join;
use crate::pve::privileges::{AclModel, Privileges, Separation};

/// A privilege that was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The user, group or token, as the server names it.
    pub who: Foreign,
    /// The ACL path.
    pub path: String,
    /// Which privileges.
    pub lost: String,
}

/// What decides about the rights of one user and its tokens.
#[derive(Debug, PartialEq, Eq)]
struct RightsInputs<'a> {
    groups: &'a BTreeSet<Foreign>,
    tokens: &'a BTreeMap<Foreign, Separation>,
    entries: BTreeSet<&'a AclEntry>,
    roles: BTreeMap<&'a RoleName, &'a Privileges>,
}

impl AclModel {
    /// Returns the model as it would be without a change of the ACL; `before` says which of the change's roles existed
    /// already, and whether they propagated.
    #[must_use]
    pub fn without(mut self, change: &AclChange, before: &BTreeMap<RoleName, bool>) -> Self {
        let is_of = |entry: &AclEntry| {
            entry.path == change.path
                && entry.holder == change.holder
                && entry.propagates == change.propagates
                && change.roles.contains(&entry.role)
        };
        self.entries.retain(|entry| !is_of(entry) || before.contains_key(&entry.role));
        for entry in &mut self.entries {
            if let (true, Some(reached)) = (is_of(entry), before.get(&entry.role)) {
                entry.propagates = *reached;
            }
        }
        self
    }

    /// Finds a user or token that has fewer privileges here than in another model, on any path where they may differ.
    #[must_use]
    pub fn loss_compared_to(&self, other: &Self) -> Option<Loss> {
        let paths: BTreeSet<String> = other.paths().union(&self.paths()).cloned().collect();
        self.subjects().into_iter().find_map(|subject| {
            paths.iter().find_map(|path| {
                let lost = &other.holds(&subject, path) - &self.holds(&subject, path);
                let loss = || Loss { who: subject.id().clone(), path: path.clone(), lost: join(&lost, ", ") };
                (!lost.is_empty()).then(loss)
            })
        })
    }

    /// Returns whether the same decides about the rights of the user and its tokens.
    #[must_use]
    pub fn has_same_effect(&self, other: &Self) -> bool {
        self.rights_inputs() == other.rights_inputs()
    }

    fn rights_inputs(&self) -> RightsInputs<'_> {
        let user = Subject::user(&self.user);
        let is_of = |entry: &&AclEntry| match &entry.holder {
            Subject::User(_) => entry.holder == user,
            Subject::Group(group) => self.groups.contains(group),
            Subject::Token(token) => self.tokens.contains_key(token),
        };
        let entries: BTreeSet<&AclEntry> = self.entries.iter().filter(is_of).collect();
        let roles = entries.iter().filter_map(|entry| self.roles.get_key_value(&entry.role)).collect();
        RightsInputs { groups: &self.groups, tokens: &self.tokens, entries, roles }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{AclChange, AclEntry, AclModel, Foreign, Subject};
    use crate::pve::privileges::{Privileges, Separation};

    fn entry(path: &str, who: &str, role: &str, propagates: bool) -> AclEntry {
        let holder =
            if who.contains('!') { Subject::Token(Foreign::new(who)) } else { Subject::User(Foreign::new(who)) };
        AclEntry { path: path.parse().unwrap(), holder, role: role.parse().unwrap(), propagates }
    }

    fn acl(entries: &[AclEntry]) -> AclModel {
        let privileges = |names: &[&str]| -> Privileges { names.iter().filter_map(|name| name.parse().ok()).collect() };
        AclModel {
            user: "bob@pve".parse().unwrap(),
            groups: BTreeSet::new(),
            tokens: BTreeMap::from([(Foreign::new("bob@pve!all"), Separation::Off)]),
            entries: entries.to_vec(),
            roles: BTreeMap::from([
                ("Small".parse().unwrap(), privileges(&["VM.Audit"])),
                ("Big".parse().unwrap(), privileges(&["VM.Audit", "VM.Clone", "VM.Allocate"])),
            ]),
            members: Vec::new(),
            reported: BTreeMap::new(),
        }
    }

    fn change(propagates: bool, roles: &[&str]) -> AclChange {
        let holder = Subject::User(Foreign::new("bob@pve"));
        let roles = roles.iter().map(|role| role.parse().unwrap()).collect();
        AclChange { path: "/vms".parse().unwrap(), holder, roles, propagates }
    }

    #[test]
    fn who_would_hold_more_without_an_entry_loses_by_it_and_who_was_revoked_does_not() {
        let ours = entry("/vms", "bob@pve", "Small", true);
        let none = BTreeMap::new();
        for (now, loses) in [
            (vec![ours.clone()], false),
            // Bob was made an administrator meanwhile.
            (vec![ours.clone(), entry("/", "bob@pve", "Big", true)], true),
            // Bob was given more on the same path, or deeper: nothing is hidden.
            (vec![ours.clone(), entry("/vms", "bob@pve", "Big", true)], false),
            (vec![ours, entry("/vms/101", "bob@pve", "Big", true)], false),
            // What bob had was taken away: that is not undone.
            (vec![], false),
        ] {
            let now = acl(&now);
            let without = now.clone().without(&change(true, &["Small"]), &none);
            assert_eq!(now.loss_compared_to(&without).is_some(), loses, "{:?}", now.entries);
        }
    }

    #[test]
    fn what_stood_there_before_stays_as_far_as_it_reached() {
        let before = BTreeMap::from([("Big".parse().unwrap(), false)]);
        let now = acl(&[entry("/vms", "bob@pve", "Big", true), entry("/vms", "bob@pve", "Small", true)]);
        let without = now.without(&change(true, &["Big", "Small"]), &before);
        assert_eq!(without.entries, [entry("/vms", "bob@pve", "Big", false)]);
    }

    #[test]
    fn only_what_concerns_the_user_counts_as_a_change() {
        let basis = acl(&[entry("/vms", "bob@pve", "Small", true)]);
        let with = |more: AclEntry| {
            let mut acl = basis.clone();
            acl.entries.push(more);
            acl
        };
        assert!(basis.has_same_effect(&with(entry("/", "eve@pve", "Big", true))));
        assert!(!basis.has_same_effect(&with(entry("/", "bob@pve", "Big", true))));
        assert!(!basis.has_same_effect(&with(entry("/x", "bob@pve!all", "Small", true))));
        let mut changed = basis.clone();
        changed.roles.insert("Small".parse().unwrap(), Privileges::new());
        assert!(!basis.has_same_effect(&changed));
        let mut changed = basis.clone();
        changed.tokens.insert(Foreign::new("bob@pve!more"), Separation::On);
        assert!(!basis.has_same_effect(&changed));
    }
}
