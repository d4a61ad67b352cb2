//! Makes a token with an administrator's login: the plan, its steps one by one, and all of them undone where one fails.

mod propose;
mod regenerate;

use crate::error::{Doing, Error, Operation, Regeneration, RunError, TokenError};
use crate::model::{TokenId, TokenSecret};
use crate::ops::context::Context;
use crate::ops::token::grant_plan::{COMMENT, GrantPlan, PlanStep};
use crate::ops::token::login::Admin;
use crate::ops::token::recheck;
use crate::ops::token::undo::Applied;
use crate::ops::{ask, concurrently};
use crate::pve::privileges::{AclModel, RoleState};
use crate::pve::{Pve, RefusalReason};
use crate::session::Session;
use crate::ui::prompt::ConfirmPrompt;
pub(crate) use propose::{GrantedRights, TokenSpec, propose};
pub(crate) use regenerate::{regenerate, require_regeneration};

/// Checks before anything is changed that the login may create the entries and roles; if not, the error contains the
/// commands for an administrator.
pub(crate) async fn require_may_grant(admin: &Admin, proposal: &GrantPlan) -> Result<(), Error> {
    // root@pam may do everything on every path.
    if admin.user.is_root() {
        return Ok(());
    }
    let mut asked: Vec<(String, Vec<&str>)> = Vec::new();
    for step in &proposal.steps {
        match step {
            PlanStep::Grant(change, _) => asked.push((change.path.to_string(), grants_by(change.path.as_str()))),
            PlanStep::Role(_) => asked.push(("/access".to_owned(), vec!["Sys.Modify"])),
            PlanStep::User(_)
            | PlanStep::Pool(_)
            | PlanStep::Token(..)
            | PlanStep::Unseparate(_)
            | PlanStep::Regenerate(_) => {}
        }
    }
    let answers = concurrently(asked.iter().map(|(path, _)| admin.pve.permissions(Some(path), None))).await;
    for ((path, any_of), answer) in asked.iter().zip(answers) {
        let answer = answer.doing(Operation::ReadPrivileges)?;
        let may = answer.get(path.as_str()).is_some_and(|held| any_of.iter().any(|name| held.contains_key(*name)));
        if !may {
            return Err(TokenError::MayNotGrant {
                admin: admin.user.clone(),
                path: path.clone(),
                privilege: any_of.first().copied().unwrap_or_default(),
                lines: proposal.lines(),
                token: proposal.token.clone(),
            }
            .into());
        }
    }
    Ok(())
}

/// Lists the privileges any of which allows entries on a path.
fn grants_by(path: &str) -> Vec<&'static str> {
    let mut any_of = vec!["Permissions.Modify"];
    match path.split('/').collect::<Vec<_>>()[..] {
        ["", "vms", _] => any_of.push("VM.Allocate"),
        ["", "storage", _] => any_of.push("Datastore.Allocate"),
        ["", "pool", ..] => any_of.push("Pool.Allocate"),
        _ => {}
    }
    any_of
}

/// Asks whether the plan shall be carried out; without a person it was asked for by a flag.
pub(crate) async fn agree(session: &Session, proposal: &GrantPlan) -> Result<(), Error> {
    session.info(proposal);
    if !session.is_attended() {
        return Ok(());
    }
    let question = ConfirmPrompt::new("Make these changes now?").proposing_yes();
    match ask::confirm(session, question, || ask::answer_only_by("--yes", "confirmation of these changes")).await? {
        true => Ok(()),
        false => Err(TokenError::PlanDeclined.into()),
    }
}

/// Carries the plan out. If a step fails, or a signal comes between two steps, the steps before are undone; after a
/// second signal, only the commands that undo them are reported.
pub(crate) async fn carry_out(
    session: &Session,
    context: &Context,
    admin: &Admin,
    proposal: &GrantPlan,
    mut made: Applied,
) -> Result<(TokenSecret, Applied), Error> {
    let mut secret = None;
    let mut expected = proposal.basis.clone();
    for step in &proposal.steps {
        let outcome = match session.interrupts.seen() {
            Some(signal) => Err(Error::Run(RunError::Interrupted { signal })),
            None => tokio::select! {
                outcome = run_checked(admin, step, expected.as_ref(), &mut secret) => outcome,
                signal = session.interrupts.second() => {
                    made.add_unconfirmed(step.clone());
                    return Err(made.into_error_saving_secret(session, context, Error::Run(RunError::Abandoned { signal, left: None })));
                }
            },
        };
        if let Some(secret) = &secret {
            made.keep_secret(TokenSecret::clone(secret));
        }
        if let Err(why) = outcome {
            if matches!(&why, Error::Server { operation: Operation::ChangeAccess(_), source } if source.is_outcome_unknown())
            {
                made.add_unconfirmed(step.clone());
            }
            return Err(made.undo(session, context, &admin.pve, why).await);
        }
        made.add(step.clone());
        if let Some(expected) = &mut expected {
            recheck::apply(expected, step);
        }
    }
    let ended = match secret {
        Some(secret) => recheck::require_no_loss(admin, &proposal.token, &made).await.map(|()| secret),
        None => Err(TokenError::NoSecret.into()),
    };
    match ended {
        Ok(secret) => Ok((secret, made)),
        Err(why) => Err(made.undo(session, context, &admin.pve, why).await),
    }
}

/// Carries out one step; right before a grant, the permissions that the plan was based on are read again.
async fn run_checked(
    admin: &Admin,
    step: &PlanStep,
    expected: Option<&AclModel>,
    secret: &mut Option<TokenSecret>,
) -> Result<(), Error> {
    if let (PlanStep::Grant(..), Some(expected)) = (step, expected) {
        recheck::require_unchanged(admin, expected).await?;
    }
    run(&admin.pve, step, secret).await
}

async fn run(pve: &Pve, step: &PlanStep, secret: &mut Option<TokenSecret>) -> Result<(), Error> {
    let done = match step {
        PlanStep::User(user) => pve.create_user(user, COMMENT).await,
        PlanStep::Pool(pool) => pve.create_pool(pool).await,
        PlanStep::Role(role) => match &role.state {
            RoleState::Ready => Ok(()),
            RoleState::Missing => pve.create_role(&role.name, &super::grant_plan::listed(&role.privileges)).await,
        },
        PlanStep::Token(token, request) => match pve.create_token(token, request).await {
            // Another run or user was faster.
            Err(why) if why.is_for(RefusalReason::TokenExists) => return Err(already_exists(pve, token).await),
            created => created.map(|it| *secret = Some(it)),
        },
        PlanStep::Grant(change, _) => pve.grant(change).await,
        PlanStep::Unseparate(token) => pve.unseparate_token(token).await,
        PlanStep::Regenerate(token) => return regenerate(pve, token).await.map(|it| *secret = Some(it)),
    };
    done.map_err(|source| match source.reason() {
        // Another run or user has just created what the plan would create.
        Some(RefusalReason::UserExists | RefusalReason::RoleExists | RefusalReason::PoolExists) => {
            TokenError::PlanChanged.into()
        }
        _ => Error::server(Operation::ChangeAccess(step.change()), source),
    })
}

/// Says that a token exists by now, and whether the server could give it a new secret.
async fn already_exists(pve: &Pve, token: &TokenId) -> Error {
    let regeneration = pve.version().await.map_or(Regeneration::Unavailable, |version| Regeneration::on(&version));
    TokenError::Exists { token: token.clone(), regeneration }.into()
}
