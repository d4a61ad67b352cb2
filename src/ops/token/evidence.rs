//! What a step of a plan left on the server, read right before it is undone: only this run's, or changed by others.

use crate::model::{Foreign, PoolName, RoleName, TokenId, TokenSecret, UserId};
use crate::ops::token::grant_plan::{COMMENT, PlanStep, PrivilegesBefore};
use crate::pve::privileges::{RolePlan, RoleState};
use crate::pve::{AclChange, AclEntry, ApiError, Pve, RefusalReason, Subject, TokenRecord, TokenRequest, UserLookup};

/// What exists now where a step created something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// What this run made, and nothing else.
    Ours,
    /// Nothing.
    Gone,
    /// Something that must not be deleted, and why.
    Keep(String),
}

use Evidence::{Gone, Keep, Ours};

/// Reads what a step of this run left. If something was added to it, or cannot be seen, it is not deleted.
pub(crate) async fn of_step(pve: &Pve, step: &PlanStep, secret: Option<&TokenSecret>) -> Evidence {
    let read = match step {
        PlanStep::User(user) => of_user(pve, user).await,
        PlanStep::Pool(pool) => of_pool(pve, pool).await,
        PlanStep::Role(role) => of_role(pve, role).await,
        PlanStep::Token(token, request) => of_token(pve, token, request, secret).await,
        PlanStep::Grant(change, before) => of_grant(pve, change, before).await,
        PlanStep::Unseparate(_) => Ok(Keep("it had privilege separation before".to_owned())),
        // An old secret cannot be restored; that it is invalid is reported separately.
        PlanStep::Regenerate(_) => Ok(Gone),
    };
    read.unwrap_or_else(|why| Keep(format!("it could not be read: {why}")))
}

/// Returns whether a step was carried out whose answer never came.
pub(crate) async fn of_unconfirmed(pve: &Pve, step: &PlanStep) -> Evidence {
    let is_there = match step {
        PlanStep::User(user) => pve.find_user(user).await.map(|found| found != UserLookup::Missing),
        PlanStep::Pool(pool) => pve.pool(pool).await.map(|found| found.is_some()),
        PlanStep::Role(role) => pve.roles().await.map(|roles| roles.contains_key(&role.name)),
        PlanStep::Token(token, _) => record(pve, token).await.map(|record| record.is_some()),
        PlanStep::Unseparate(token) => {
            record(pve, token).await.map(|record| record.is_some_and(|record| !record.separated))
        }
        PlanStep::Grant(change, before) => pve.acl().await.map(|acl| !added(&acl, change, before).is_empty()),
        PlanStep::Regenerate(_) => Ok(false),
    };
    match is_there {
        Ok(false) => Gone,
        Ok(true) => Keep("this run may or may not have created it".to_owned()),
        Err(why) => Keep(format!("this run may or may not have created it, and it could not be read: {why}")),
    }
}

/// Returns the roles of a change whose entries were not there before and are there now.
pub(crate) fn added(acl: &[AclEntry], change: &AclChange, before: &PrivilegesBefore) -> Vec<RoleName> {
    let is_there = |role: &&RoleName| {
        acl.iter().any(|it| it.path == change.path && it.holder == change.holder && it.role == **role)
    };
    change.roles.iter().filter(|role| !before.contains_key(*role)).filter(is_there).cloned().collect()
}

async fn of_user(pve: &Pve, user: &UserId) -> Result<Evidence, ApiError> {
    let (found, acl, sees_all) = tokio::join!(pve.find_user(user), pve.acl(), sees_all(pve));
    let (acl, sees_all) = (acl?, sees_all?);
    let record = match found? {
        UserLookup::Missing => return Ok(Gone),
        UserLookup::Hidden => return Ok(Keep("it is no longer visible".to_owned())),
        UserLookup::Seen(record) => record,
    };
    if let Some(token) = record.tokens.first() {
        return Ok(Keep(format!("it has token {}", token.name)));
    }
    if let Some(group) = record.groups.first() {
        return Ok(Keep(format!("it is in group {group}")));
    }
    let (id, of_tokens) = (Subject::user(user), format!("{user}!"));
    let is_its = |entry: &&AclEntry| match &entry.holder {
        Subject::User(_) => entry.holder == id,
        Subject::Token(holder) => holder.starts_with(&of_tokens),
        Subject::Group(_) => false,
    };
    if let Some(entry) = acl.iter().find(is_its) {
        return Ok(Keep(format!("it has the role {} on {}", entry.role, entry.path)));
    }
    if record.comment.is_none_or(|comment| comment != COMMENT) || record.is_described || !record.enabled {
        return Ok(Keep("it was changed".to_owned()));
    }
    Ok(if sees_all { Ours } else { Keep("its permissions are not visible to this login".to_owned()) })
}

async fn of_pool(pve: &Pve, pool: &PoolName) -> Result<Evidence, ApiError> {
    let (found, pools, acl) = tokio::join!(pve.pool(pool), pve.pools(), pve.acl());
    let Some(record) = found? else { return Ok(Gone) };
    let (path, inner) = (format!("/pool/{pool}"), format!("{pool}/"));
    if record.members > 0 || pools?.iter().any(|other| other.to_string().starts_with(&inner)) {
        return Ok(Keep("it is not empty".to_owned()));
    }
    if record.comment.is_some() {
        return Ok(Keep("it was changed".to_owned()));
    }
    let below = format!("{path}/");
    let is_on_it = |entry: &&AclEntry| entry.path.as_str() == path || entry.path.as_str().starts_with(&below);
    Ok(match acl?.iter().find(is_on_it) {
        Some(entry) => Keep(format!("the role {} is granted on it", entry.role)),
        None => Ours,
    })
}

async fn of_role(pve: &Pve, role: &RolePlan) -> Result<Evidence, ApiError> {
    if role.state == RoleState::Ready {
        return Ok(Gone);
    }
    let (roles, acl, sees_all) = tokio::join!(pve.roles(), pve.acl(), sees_all(pve));
    let Some(held) = roles?.remove(&role.name) else { return Ok(Gone) };
    if held != role.privileges {
        return Ok(Keep("its privileges were changed".to_owned()));
    }
    if let Some(entry) = acl?.iter().find(|entry| entry.role == role.name) {
        return Ok(Keep(format!("{} has it on {}", entry.holder.id(), entry.path)));
    }
    Ok(if sees_all? { Ours } else { Keep("this login cannot see who has it".to_owned()) })
}

async fn of_token(
    pve: &Pve,
    token: &TokenId,
    request: &TokenRequest,
    secret: Option<&TokenSecret>,
) -> Result<Evidence, ApiError> {
    let (found, acl, sees_all) = tokio::join!(record(pve, token), pve.acl(), sees_all(pve));
    let Some(record) = found? else { return Ok(Gone) };
    let expected = TokenRecord {
        name: token.name.clone(),
        separated: request.separated,
        expire: request.expire,
        comment: Some(Foreign::new(request.comment.clone())).filter(|comment| !comment.is_empty()),
    };
    if record != expected {
        return Ok(Keep("it was changed".to_owned()));
    }
    let id = token.to_string();
    if let Some(entry) = acl?.iter().find(|entry| entry.holder == Subject::token(token)) {
        return Ok(Keep(format!("it has the role {} on {}", entry.role, entry.path)));
    }
    // Without privilege separation an entry for the token has no effect.
    let is_given = !sees_all? && request.separated && !pve.permissions(None, Some(&id)).await?.is_empty();
    if is_given {
        return Ok(Keep("permissions were granted to it".to_owned()));
    }
    let Some(secret) = secret else { return Ok(Ours) };
    match pve.clone().anonymous().with_token(token, secret)?.version().await {
        Ok(_) => Ok(Ours),
        Err(refused) if refused.is_unauthenticated() => Ok(Keep("its secret was changed".to_owned())),
        Err(why) => Err(why),
    }
}

async fn of_grant(pve: &Pve, change: &AclChange, before: &PrivilegesBefore) -> Result<Evidence, ApiError> {
    let (acl, sees_all) = tokio::join!(pve.acl(), sees_all(pve));
    let acl = acl?;
    let standing = |role: &RoleName| {
        acl.iter().find(|it| it.path == change.path && it.holder == change.holder && it.role == *role)
    };
    let found: Vec<&AclEntry> = change.roles.iter().filter_map(standing).collect();
    if found.iter().any(|entry| entry.propagates != change.propagates) {
        return Ok(Keep("it was changed".to_owned()));
    }
    // What stood there before and is gone was removed by another administrator, and does not come back.
    let is_whole = |role: &&RoleName| !before.contains_key(*role) || standing(role).is_some();
    if !change.roles.iter().all(|role| is_whole(&role)) {
        return Ok(Keep("it was changed".to_owned()));
    }
    Ok(match (found.is_empty(), sees_all?) {
        (false, _) => Ours,
        (true, true) => Gone,
        (true, false) => Keep("it is not visible to this login".to_owned()),
    })
}

async fn record(pve: &Pve, token: &TokenId) -> Result<Option<TokenRecord>, ApiError> {
    match pve.tokens(&token.user).await {
        Ok(records) => Ok(records.into_iter().find(|record| record.name == token.name)),
        Err(gone) if gone.is_for(RefusalReason::NoSuchUser) => Ok(None),
        Err(why) => Err(why),
    }
}

/// Returns whether the login may see every entry of the access control list.
async fn sees_all(pve: &Pve) -> Result<bool, ApiError> {
    let held = pve.permissions(Some("/access"), None).await?;
    Ok(held.get("/access").is_some_and(|held| held.contains_key("Sys.Audit")))
}
