//! The ACL entries for a new token, and for its user if it lacks privileges: a plan that gives the token what it needs
//! and takes nothing from anyone, or an error.

use std::collections::BTreeSet;

use crate::model::{Foreign, RoleName, TokenId};
use crate::pve::client::{AclChange, Subject};
use crate::pve::privileges::acl_model::{AclModel, NO_ACCESS, Roles, child_of};
use crate::pve::privileges::requirements::join;
use crate::pve::privileges::{AclPath, Privileges, Requirement, Separation, paths};

/// A role that is needed on a path and below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRequest {
    /// The ACL path.
    pub path: AclPath,
    /// Which role.
    pub role: RoleName,
}

/// What a user or token holds on a path before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantEffect {
    /// The user, group or token.
    pub subject: Subject,
    /// The ACL path.
    pub path: String,
    /// What it held.
    pub before: Privileges,
    /// What it will hold.
    pub after: Privileges,
}

/// The changes, in an order in which no privilege is ever lost, and their effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// The changes of the access control list.
    pub changes: Vec<AclChange>,
    /// The privileges of every user and token concerned, before and after, on the paths that matter.
    pub effects: Vec<GrantEffect>,
}

/// Why no plan is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefused {
    /// Access was denied on purpose (NoAccess).
    #[error("the role NoAccess denies {who} access to {path}, and glassdome does not override it")]
    DeniedByNoAccess {
        /// The user, group or token, as the server names it.
        who: Foreign,
        /// Where the grant would be made.
        path: String,
    },
    /// Not all entries can be seen, and what cannot be seen could be lost.
    #[error(
        "{who} lacks privileges on {path}, but this login cannot see its current permissions, and a grant could replace them"
    )]
    Unseen {
        /// The user, group or token, as the server names it.
        who: Foreign,
        /// The ACL path.
        path: String,
    },
    /// A user or token would lose a privilege.
    #[error("{who} would lose {lost} on {path}")]
    WouldLose {
        /// The user, group or token, as the server names it.
        who: Foreign,
        /// The ACL path.
        path: String,
        /// The privileges that would be lost, as a list.
        lost: String,
    },
    /// What is needed would still be missing.
    #[error("{who} would still lack {missing} on {path}")]
    OutOfReach {
        /// The user, group or token, as the server names it.
        who: Foreign,
        /// The ACL path.
        path: String,
        /// The privileges that are missing, as a list.
        missing: String,
    },
    /// A list of users cannot name this one.
    #[error(
        "the name {who} cannot be used in an API call: grant the permissions in the web interface (Datacenter > Permissions)"
    )]
    Unnameable {
        /// The user, group or token, as the server names it.
        who: Foreign,
    },
}

/// Plans the grants for a token, and for its user where it lacks something.
///
/// # Errors
/// If a privilege would be lost, or the token would still lack one.
pub fn grants(
    acl: &AclModel,
    token: &TokenId,
    separation: Separation,
    requests: &[GrantRequest],
    needs: &[Requirement],
) -> Result<Grants, GrantRefused> {
    let before = acl.with_token(token, separation);
    let mut planner = Planner { acl: before.clone(), changes: Vec::new() };
    let user = Subject::user(&acl.user);
    let subject = Subject::token(token);
    let is_separated = before.tokens.get(subject.id()) == Some(&Separation::On);
    let holders = if is_separated { vec![&subject, &user] } else { vec![&user] };
    for holder in &holders {
        for request in requests {
            planner.grant_where_missing(holder, request)?;
        }
    }
    planner.reach_needs(&subject, &holders, requests, needs)?;
    planner.require_no_loss(&before)?;
    planner.require_enough(&subject, needs)?;
    let effects = planner.effects(&before, requests, needs);
    Ok(Grants { changes: planner.changes, effects })
}

/// Lists the paths that the plan depends on, for a login that cannot read the whole ACL.
#[must_use]
pub fn questions_of_grants(requests: &[GrantRequest], needs: &[Requirement]) -> BTreeSet<AclPath> {
    let mut asked = paths(needs);
    for request in requests {
        asked.extend([request.path.clone(), request.path.child_without_entries()]);
    }
    asked
}

struct Planner {
    acl: AclModel,
    changes: Vec<AclChange>,
}

impl Planner {
    fn grant_where_missing(&mut self, holder: &Subject, request: &GrantRequest) -> Result<(), GrantRefused> {
        let wanted = self.acl.roles.get(&request.role).cloned().unwrap_or_default();
        let below = request.path.child_without_entries();
        let has = |path: &str| wanted.is_subset(&self.acl.granted_by_role(holder, path));
        if has(request.path.as_str()) && (!request.path.has_children() || has(below.as_str())) {
            return Ok(());
        }
        self.grant(holder, &request.path, &request.role)
    }

    /// Grants a role on a path, repeating the roles that a new entry would otherwise hide.
    fn grant(&mut self, holder: &Subject, at: &AclPath, role: &RoleName) -> Result<(), GrantRefused> {
        let (who, path) = (holder.id(), at.as_str());
        if self.acl.reported.contains_key(who) {
            return Err(GrantRefused::Unseen { who: who.clone(), path: path.to_owned() });
        }
        if [",", ";", "\0"].iter().any(|parting| who.contains(parting)) {
            return Err(GrantRefused::Unnameable { who: who.clone() });
        }
        let here = self.acl.roles_on(holder, path);
        let below = self.acl.roles_on(holder, &child_of(path));
        if here.contains_key(&NO_ACCESS) || below.contains_key(&NO_ACCESS) {
            return Err(GrantRefused::DeniedByNoAccess { who: who.clone(), path: path.to_owned() });
        }
        let own = self.acl.entries_of(|it| it == holder, path);
        // First the entries that do not propagate, with the new role among them, so that the entries that apply below
        // keep their effect.
        let stops = |(name, _): &(&RoleName, &bool)| !below.contains_key(*name) && !own.contains_key(*name);
        let mut stopping: Vec<RoleName> = here.iter().filter(stops).map(|(name, _)| name.clone()).collect();
        if !stopping.is_empty() {
            let others = here.keys().filter(|name| !own.contains_key(*name) && !stopping.contains(name));
            let others: Vec<RoleName> = others.cloned().collect();
            stopping.extend(others);
            if !own.contains_key(role) && !stopping.iter().any(|name| name == role) {
                stopping.push(role.clone());
            }
            self.change(holder, at, stopping, false);
        }
        let own = self.acl.entries_of(|it| it == holder, path);
        let mut reaching = missing_below(&below, &own);
        if own.get(role) != Some(&true) && !reaching.iter().any(|name| name == role) {
            reaching.push(role.clone());
        }
        if !reaching.is_empty() {
            self.change(holder, at, reaching, true);
        }
        Ok(())
    }

    fn change(&mut self, holder: &Subject, path: &AclPath, roles: Vec<RoleName>, propagates: bool) {
        let change = AclChange { path: path.clone(), holder: holder.clone(), roles, propagates };
        self.acl.apply(&change);
        self.changes.push(change);
    }

    /// Grants the roles on the needed paths themselves, if a deeper entry keeps them from being inherited.
    fn reach_needs(
        &mut self,
        token: &Subject,
        holders: &[&Subject],
        requests: &[GrantRequest],
        needs: &[Requirement],
    ) -> Result<(), GrantRefused> {
        for need in needs {
            let path = need.path.acl_path();
            if need.is_met(&self.acl.permissions(token, &paths(std::slice::from_ref(need)))) {
                continue;
            }
            let has = |request: &&GrantRequest| {
                self.acl.roles.get(&request.role).is_some_and(|role| role.contains(&need.privilege))
            };
            // The request above the path, else any that has the privilege.
            let above =
                requests.iter().filter(has).find(|request| path.is_below(&request.path) || path == request.path);
            let Some(role) = above.or_else(|| requests.iter().find(has)).map(|request| request.role.clone()) else {
                continue;
            };
            for holder in holders {
                if !self.acl.granted_by_role(holder, path.as_str()).contains(&need.privilege) {
                    self.grant(holder, &path, &role)?;
                }
            }
        }
        Ok(())
    }

    /// Compares the privileges of all users and tokens, on every path where they could differ.
    fn require_no_loss(&self, before: &AclModel) -> Result<(), GrantRefused> {
        let paths: BTreeSet<String> = before.paths().union(&self.acl.paths()).cloned().collect();
        for subject in self.acl.subjects() {
            let who = subject.id();
            for path in &paths {
                let lost = &before.holds(&subject, path) - &self.acl.holds(&subject, path);
                if !lost.is_empty() {
                    let lost = join(&lost, ", ");
                    return Err(GrantRefused::WouldLose { who: who.clone(), path: path.clone(), lost });
                }
            }
        }
        Ok(())
    }

    fn require_enough(&self, token: &Subject, needs: &[Requirement]) -> Result<(), GrantRefused> {
        let who = token.id();
        let held = self.acl.permissions(token, &paths(needs));
        match needs.iter().find(|need| !need.is_met(&held)) {
            None => Ok(()),
            Some(need) => Err(GrantRefused::OutOfReach {
                who: who.clone(),
                path: need.path.to_string(),
                missing: need.privilege.to_string(),
            }),
        }
    }

    fn effects(&self, before: &AclModel, requests: &[GrantRequest], needs: &[Requirement]) -> Vec<GrantEffect> {
        let mut places: Vec<String> = Vec::new();
        let of_changes = self.changes.iter().map(|change| change.path.to_string());
        let of_requests = requests.iter().map(|request| request.path.to_string());
        let of_needs = needs.iter().map(|need| need.path.acl_path().to_string());
        for path in of_requests.chain(of_needs).chain(of_changes) {
            if !places.contains(&path) {
                places.push(path);
            }
        }
        let mut effects = Vec::new();
        for subject in self.acl.subjects() {
            for path in &places {
                let (before, after) = (before.holds(&subject, path), self.acl.holds(&subject, path));
                effects.push(GrantEffect { subject: subject.clone(), path: path.clone(), before, after });
            }
        }
        effects
    }
}

/// Lists the roles that decide below a path and have no own propagating entry on it.
fn missing_below(below: &Roles, own: &Roles) -> Vec<RoleName> {
    below.keys().filter(|name| own.get(*name) != Some(&true)).cloned().collect()
}
