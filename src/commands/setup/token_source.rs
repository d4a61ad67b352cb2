//! Where the token comes from that set-up stores: one that exists, or one that is made now, by log-in or over SSH.

use crate::cli::Setup;
use crate::commands::options;
use crate::error::{Error, TokenError};
use crate::model::{Destination, TokenRef};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::options::{LoginOptions, NewTokenOptions};
use crate::ops::token::consent;
use crate::ops::token::grant_plan::{COMMENT, PlanStep};
use crate::ops::token::issue::{Created, Creation, NodeNeeded, create, regenerating};
use crate::ops::token::notes::note;
use crate::ops::token::over_ssh::{self, PveumCommand};
use crate::ops::token::store::{ExtraSettings, check_save};
use crate::ops::token::undo::Applied;
use crate::ops::unless_interrupted;
use crate::pve::TokenRequest;
use crate::session::Session;
use crate::settings::{AmbiguousValues, Setting};

use super::report::{CreatedInRun, SetupReport};
use super::server::Server;
use super::token::{checked, require_shell};

/// How a token is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenSource {
    /// It exists, and its secret is known.
    Known,
    /// It is created with the login of an administrator.
    LogIn(LoginSource),
    /// It is made in the shell of a node.
    Shell(Option<Destination>),
}

/// Where the login comes from that creates a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginSource {
    /// Flags and variables, and a person for the rest.
    Given,
    /// A person: a login with what was given has failed.
    AskedAgain,
}

/// What came of making a token.
enum TokenResult {
    /// It is made, and answers.
    Created(Box<Created>),
    /// Only the plan was to be shown.
    Planned,
}

impl TokenSource {
    /// Reads what the flags say; those that are about a new token make no sense without one.
    pub(super) fn of(arguments: &Setup) -> Result<Self, Error> {
        let origin = match (&arguments.over_ssh, arguments.create_token) {
            (Some(to), _) => Self::Shell(to.clone()),
            (None, true) => Self::LogIn(LoginSource::Given),
            (None, false) => Self::Known,
        };
        let new = &arguments.new;
        let stray =
            [("--rights", new.rights.is_some()), ("--regenerate", new.regenerate), ("--expire", new.expire.is_some())];
        let stray = stray.into_iter().find(|(_, is_said)| *is_said).map(|(flag, _)| flag);
        match (&origin, stray) {
            (Self::Known, Some(flag)) => Err(TokenError::NothingToCreate { flag }.into()),
            (Self::Shell(_), _) if new.rights == Some(crate::cli::Rights::Needed) => {
                Err(TokenError::ShellGivesAll.into())
            }
            _ => Ok(origin),
        }
    }
}

/// Makes the token. It is not to be broken off at any moment: what is half done has to be undone. Returns `None` if
/// only the plan was to be shown.
pub(super) async fn make(
    session: &Session,
    context: &mut Context,
    pve_server: &Server,
    source: &TokenSource,
    arguments: &Setup,
    report: &mut SetupReport,
) -> Result<Option<Connected>, Error> {
    if let TokenSource::Shell(to) = source {
        require_shell(context)?;
        if arguments.dry_run {
            session.note(pveum_line(context, arguments)?);
            return Ok(None);
        }
        let token = context.token_id()?;
        let applied = over_ssh(session, context, pve_server.clone(), to.as_ref(), arguments).await?;
        report.note_created(CreatedInRun { token, applied });
        return unless_interrupted(session, checked(session, context, pve_server)).await.map(Some);
    }
    let login = if let TokenSource::LogIn(login) = source { *login } else { LoginSource::Given };
    match by_log_in(session, context, pve_server.clone(), login, arguments).await? {
        TokenResult::Planned => Ok(None),
        TokenResult::Created(created) => {
            let Created { connected, token, secret, made } = *created;
            report.note_created(CreatedInRun { token: token.clone(), applied: made });
            if session.is_attended() {
                // It is kept as an answer while others are changed.
                context.answer(Setting::TokenName(TokenRef::Name(token.name)))?;
                context.answer(Setting::TokenValue(secret.into()))?;
            }
            Ok(Some(connected))
        }
    }
}

/// Makes the token with a log-in.
async fn by_log_in(
    session: &Session,
    context: &Context,
    pve_server: Server,
    source: LoginSource,
    arguments: &Setup,
) -> Result<TokenResult, Error> {
    let order = options::test_vm(context, &arguments.test_vm)?;
    let (pin_policy, realms) = (pve_server.pin_policy(arguments)?, pve_server.realms().to_vec());
    let login = match source {
        LoginSource::Given => (&arguments.login).into(),
        LoginSource::AskedAgain => LoginOptions::asked_again(),
    };
    let new = (&arguments.new).into();
    let creation = Creation {
        login: &login,
        new: &new,
        options: &order,
        realms: &realms,
        pin_policy,
        consent: may_be_ambiguous(session, arguments),
        is_dry_run: arguments.dry_run,
        node: if session.is_attended() { NodeNeeded::Later } else { NodeNeeded::Now },
    };
    Ok(match create(session, context, pve_server.trusted_server(), &creation).await? {
        Some(created) => TokenResult::Created(Box::new(created)),
        None => TokenResult::Planned,
    })
}

/// Returns the line that would be run in the shell of a node.
fn pveum_line(context: &Context, arguments: &Setup) -> Result<String, Error> {
    let (action, expire) = action(arguments);
    Ok(over_ssh::command(&context.token_id()?, action, expire))
}

fn action(arguments: &Setup) -> (PveumCommand, u64) {
    let expire = NewTokenOptions::from(&arguments.new).expire_seconds();
    (if arguments.new.regenerate { PveumCommand::Regenerate } else { PveumCommand::Make }, expire)
}

/// Says whether a value may be written that only the application reads back; a person is asked when saving.
fn may_be_ambiguous(session: &Session, arguments: &Setup) -> AmbiguousValues {
    if arguments.allow_ambiguous_value || session.is_attended() {
        AmbiguousValues::Allow
    } else {
        AmbiguousValues::Withheld
    }
}

/// Makes the token in the shell of a node, and takes its secret as an answer.
async fn over_ssh(
    session: &Session,
    context: &mut Context,
    pve_server: Server,
    to: Option<&Destination>,
    arguments: &Setup,
) -> Result<Applied, Error> {
    let token = context.token_id()?;
    let to = match to {
        Some(to) => to.clone(),
        None => format!("root@{}", context.endpoint()?.host()).parse().map_err(|_| TokenError::NoDestination)?,
    };
    let (action, expire) = action(arguments);
    if action == PveumCommand::Regenerate {
        regenerating(session, context, &token)?;
    }
    unless_interrupted(session, consent::require_yes_to_replace(session, context, pve_server.trusted_server(), &token))
        .await?;
    let consent = may_be_ambiguous(session, arguments);
    check_save(context, &context.loaded, &token, &ExtraSettings { consent, ..ExtraSettings::default() })?;
    let mut made = Applied::nothing(over_ssh::new_secret_command(&to), note(session, context, &token, action)?);
    let secret = match over_ssh::run(session, &to, &token, action, expire).await {
        Ok(secret) => secret,
        // What the node did is not known, so the note stays.
        Err(why @ Error::Token(TokenError::LeftOnServer { .. })) => return Err(why),
        Err(why) => return Err(made.saved().err().unwrap_or(why)),
    };
    made.keep_secret(secret.clone());
    context.answer(Setting::TokenValue(secret.into()))?;
    let request = TokenRequest { separated: false, expire, comment: COMMENT.to_owned() };
    made.add(match action {
        PveumCommand::Make => PlanStep::Token(token, request),
        PveumCommand::Regenerate => PlanStep::Regenerate(token),
    });
    Ok(made)
}
