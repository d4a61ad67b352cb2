//! Which roles to grant where, so that the gaps close and nobody holds less anywhere.
//!
//! An entry replaces what its subject inherits from above (the deepest path decides), and a user's entry hides those of
//! its groups. So each role here repeats what the subject holds in that place already. An entry that does not propagate
//! is invisible to the paths below, which is why exact paths get no other.

use std::collections::BTreeMap;

use crate::pve::privileges::{AclPath, MissingPrivileges, Permissions, Privileges, RequirementPath};

/// How far an entry reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Propagation {
    /// Its own path alone.
    Here,
    /// The paths below, too.
    Below,
}

/// Whether the subject's effective rights are all that its entries give it, or cut down to those of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    /// A user: what it holds is what its entries give.
    Whole,
    /// A token: it may have been given more than it holds, and its user may hold it on some paths only.
    Cut,
}

/// One entry to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedEntry {
    pub(super) path: AclPath,
    pub(super) reach: Propagation,
    pub(super) privileges: Privileges,
}

/// The privileges to be granted, those for the paths alone and those that propagate.
struct Plan<'a> {
    holds: &'a Permissions,
    here: BTreeMap<AclPath, Privileges>,
    below: BTreeMap<AclPath, Privileges>,
}

/// Makes the plan for one subject. Its entries are in an order in which nothing is lost after each of them either.
pub(super) fn plan(gaps: &[MissingPrivileges], holds: &Permissions, sight: Visibility) -> Vec<PlannedEntry> {
    let mut plan = Plan { holds, here: BTreeMap::new(), below: BTreeMap::new() };
    for gap in gaps {
        match &gap.place {
            RequirementPath::At(path) => plan.grant_at(path, &gap.missing),
            RequirementPath::NewVm(vmid) => plan.grant_new(&AclPath::vm(*vmid), &gap.missing),
            RequirementPath::Below(parent) => plan.grant_below(parent, &gap.missing),
        }
    }
    if sight == Visibility::Cut {
        plan.keep_what_shows_only_deeper(gaps);
    }
    plan.keep_what_does_not_propagate();
    plan.entries()
}

impl Plan<'_> {
    fn grant_at(&mut self, path: &AclPath, missing: &Privileges) {
        let privileges = &self.holds.on(path) | missing;
        self.here.entry(path.clone()).or_default().extend(privileges);
    }

    fn grant_below(&mut self, parent: &AclPath, missing: &Privileges) {
        let privileges = &self.holds.on(&parent.fresh_child()) | missing;
        self.below.entry(parent.clone()).or_default().extend(privileges);
    }

    fn grant_new(&mut self, vm: &AclPath, missing: &Privileges) {
        self.grant_below(&AclPath::vms(), missing);
        // An ID that an entry is waiting for already: that entry, not ours, will decide.
        if self.holds.on(vm) != self.holds.on(&AclPath::vms().fresh_child()) {
            self.grant_at(vm, missing);
        }
    }

    /// A token's entry high up, which our new one replaces, may show only deeper, where its user has rights of its own.
    fn keep_what_shows_only_deeper(&mut self, gaps: &[MissingPrivileges]) {
        let parents: Vec<AclPath> = self.below.keys().cloned().collect();
        for parent in parents {
            let is_open = gaps.iter().any(|gap| gap.place == RequirementPath::Below(parent.clone()));
            let deeper: Vec<AclPath> = self.holds.by_path.keys().filter(|it| it.is_below(&parent)).cloned().collect();
            for path in deeper {
                self.keep_below(&path, &parent, is_open);
            }
        }
        for pool in gaps.iter().map(|gap| gap.place.path()).filter(AclPath::is_pool) {
            self.keep_members(&pool);
        }
    }

    fn keep_below(&mut self, path: &AclPath, parent: &AclPath, is_open: bool) {
        // Bridges come before their VLANs in the order of the paths, so theirs is known when the VLAN is looked at.
        let from = self.below.keys().filter(|it| path.is_below(it)).max_by_key(|it| it.as_str().len());
        let flowing = from.and_then(|it| self.below.get(it)).cloned().unwrap_or_default();
        // In a place that cannot be told yet, what is missing must not be cut off by what is kept.
        let granted = self.below.get(parent).filter(|_| is_open).cloned().unwrap_or_default();
        let on_children = self.holds.on(&path.fresh_child());
        let held = self.holds.on(path);
        if path.is_bridge() && !on_children.is_subset(&flowing) {
            self.below.insert(path.clone(), &on_children | &granted);
        } else if !held.is_subset(&flowing) {
            self.here.entry(path.clone()).or_default().extend(&held | &granted);
        }
    }

    /// What a pool gives its members never propagates; what does comes from elsewhere, and stays.
    fn keep_members(&mut self, pool: &AclPath) {
        let granted = self.here.get(pool).cloned().unwrap_or_default();
        for (path, held) in &self.holds.by_path {
            let may_be_member = path.is_below(&AclPath::vms()) || path.is_below(&AclPath::storages());
            let from_pool = held.iter().filter(|(_, propagates)| !**propagates);
            let is_kept = from_pool.map(|(privilege, _)| privilege).all(|privilege| granted.contains(privilege));
            if may_be_member && !is_kept {
                self.here.entry(path.clone()).or_default().extend(held.keys().cloned());
            }
        }
    }

    /// A propagating entry decides on its own path, too, where more may have been held than on those below.
    fn keep_what_does_not_propagate(&mut self) {
        for (path, granted) in &self.below {
            let held = self.holds.on(path);
            if !held.is_subset(granted) {
                self.here.entry(path.clone()).or_default().extend(held);
            }
        }
    }

    /// Exact paths first, pools after what their members keep, then the propagating entries, deepest first: each finds
    /// everything kept already that it covers.
    fn entries(self) -> Vec<PlannedEntry> {
        let entry = |reach| move |(path, privileges)| PlannedEntry { path, reach, privileges };
        let (pools, others): (Vec<_>, Vec<_>) = self.here.into_iter().partition(|(path, _)| path.is_pool());
        let here = others.into_iter().chain(pools).map(entry(Propagation::Here));
        here.chain(self.below.into_iter().rev().map(entry(Propagation::Below))).collect()
    }
}
