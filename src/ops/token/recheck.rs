//! Checks that what a plan was based on still holds while it is carried out, and that no privilege is lost afterwards.

use crate::error::{Error, TokenError};
use crate::model::{TokenId, UserId};
use crate::ops::token::access_snapshot::{acl, user_access};
use crate::ops::token::grant_plan::{GrantPlan, PlanStep};
use crate::ops::token::login::Admin;
use crate::ops::token::undo::Applied;
use crate::pve::Subject;
use crate::pve::privileges::{AclModel, AclPath, Grant, GrantEffect, Separation};

/// How often everything is read that must agree with the server's own answer.
const MAX_READS: usize = 4;

/// Compares what decides about the user's rights with what the plan was made from and what was done since.
pub(crate) async fn require_unchanged(admin: &Admin, expected: &AclModel) -> Result<(), Error> {
    let (_, now) = acl(admin, &expected.user).await?;
    if now.has_same_effect(expected) {
        Ok(())
    } else {
        Err(TokenError::ChangedMeanwhile { who: expected.user.clone() }.into())
    }
}

/// Compares what the user and its tokens hold with what they would hold without the entries of this run.
pub(crate) async fn require_no_loss(admin: &Admin, token: &TokenId, made: &Applied) -> Result<(), Error> {
    if made.grants().next().is_none() {
        return Ok(());
    }
    let now = read_until_stable(admin, &token.user).await?;
    let grants: Vec<_> = made.grants().collect();
    let without = grants.into_iter().rev().fold(now.clone(), |acl, (change, before)| acl.without(change, before));
    match now.loss_compared_to(&without) {
        None => Ok(()),
        Some(loss) => Err(TokenError::WouldHaveLost { who: loss.who, path: loss.path, lost: loss.lost }.into()),
    }
}

/// Reads what decides about a user's rights until the server, asked last and in one request, says the same: what was
/// changed between two of the requests would not be seen otherwise.
async fn read_until_stable(admin: &Admin, user: &UserId) -> Result<AclModel, Error> {
    let mut now = user_access(admin, user).await?.acl;
    for _ in 1..MAX_READS {
        let effective_permissions = admin.pve.permissions(None, Some(&user.to_string())).await;
        let subject = Subject::user(user);
        let is_known = |path: &AclPath, held: &Grant| now.holds(&subject, path.as_str()).iter().eq(held.keys());
        match effective_permissions {
            Ok(effective_permissions) if !effective_permissions.iter().all(|(path, held)| is_known(path, held)) => {
                now = user_access(admin, user).await?.acl;
            }
            // A login that may not read another user's privileges has nothing to compare with.
            Ok(_) | Err(_) => return Ok(now),
        }
    }
    Ok(now)
}

/// Applies a step to the permissions that were read, as the server did.
pub(crate) fn apply(acl: &mut AclModel, step: &PlanStep) {
    match step {
        PlanStep::Role(role) => drop(acl.roles.insert(role.name.clone(), role.privileges.clone())),
        PlanStep::Token(token, request) => {
            let separation = if request.separated { Separation::On } else { Separation::Off };
            acl.tokens.insert(Subject::token(token).id().clone(), separation);
        }
        PlanStep::Unseparate(token) => drop(acl.tokens.insert(Subject::token(token).id().clone(), Separation::Off)),
        PlanStep::Grant(change, _) => acl.apply(change),
        PlanStep::User(_) | PlanStep::Pool(_) | PlanStep::Regenerate(_) => {}
    }
}

/// Returns whether two plans have the same steps and the same effect on every path that both cover. The next free VMID,
/// for example, may differ.
pub(crate) fn is_same(old: &GrantPlan, new: &GrantPlan) -> bool {
    let kind = |it: &GrantPlan| (it.token.clone(), it.separated, it.expire, it.remarks.clone());
    let is_like = |effect: &GrantEffect| {
        let is_it = |it: &&GrantEffect| (&it.subject, &it.path) == (&effect.subject, &effect.path);
        old.effects.iter().find(is_it).is_none_or(|other| other == effect)
    };
    kind(old) == kind(new) && old.steps == new.steps && new.effects.iter().all(is_like)
}

/// Returns whether a plan does nothing that an earlier one, which was agreed to, did not do.
pub(crate) fn is_within(old: &GrantPlan, new: &GrantPlan) -> bool {
    let kind = |it: &GrantPlan| (it.token.clone(), it.separated, it.expire);
    let lines = old.lines();
    kind(old) == kind(new) && new.lines().iter().all(|line| lines.contains(line))
}
