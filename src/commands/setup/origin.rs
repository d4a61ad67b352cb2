//! Where the token comes from that set-up stores: one that exists, or one that is made now, by log-in or over SSH.

use crate::cli::Setup;
use crate::commands::connect::{Connected, Ground};
use crate::commands::test_vm::order;
use crate::commands::token::consent;
use crate::commands::token::create::{Creation, create, regenerating};
use crate::commands::token::notes::note;
use crate::commands::token::proposal::Step;
use crate::commands::token::save::{Rehearsed, rehearse};
use crate::commands::token::shell::{self, Errand};
use crate::commands::token::undo::Made;
use crate::commands::unless_interrupted;
use crate::error::{Error, TokenError};
use crate::model::{Destination, TokenId};
use crate::pve::TokenRequest;
use crate::session::Session;
use crate::settings::{AmbiguousValues, Key};

use super::server::Way;

/// How a token is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// It exists, and somebody knows its secret.
    Known,
    /// It is created with somebody's log-in.
    LogIn,
    /// It is made in the shell of a node.
    Shell(Option<Destination>),
}

/// What came of making a token.
pub(super) enum Obtained {
    /// It is made, and this connection has it.
    Made(Box<Connected>, Box<Made>),
    /// Only the plan was to be shown.
    Planned,
}

impl Origin {
    /// Reads what the flags say; those that are about a new token make no sense without one.
    pub(super) fn of(arguments: &Setup) -> Result<Self, Error> {
        let origin = match (&arguments.over_ssh, arguments.create_token) {
            (Some(to), _) => Self::Shell(to.clone()),
            (None, true) => Self::LogIn,
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

/// Makes the token with a log-in.
pub(super) async fn by_log_in(
    session: &Session,
    ground: &Ground,
    way: Way,
    arguments: &Setup,
) -> Result<Obtained, Error> {
    let order = order(ground, &arguments.proof)?;
    let (wish, realms) = (way.wish(arguments)?, way.realms().to_vec());
    let creation = Creation {
        login: &arguments.login,
        new: &arguments.new,
        order: &order,
        realms: &realms,
        wish,
        consent: may_be_ambiguous(session, arguments),
        is_rehearsal: arguments.dry_run,
    };
    Ok(match create(session, ground, way.into_parts(), &creation).await? {
        Some(created) => Obtained::Made(Box::new(created.connected), Box::new(created.made)),
        None => Obtained::Planned,
    })
}

/// Gives the line that would be run in the shell of a node.
pub(super) fn line(ground: &Ground, arguments: &Setup) -> Result<String, Error> {
    let (errand, expire) = errand(arguments);
    Ok(shell::command(&token(ground)?, errand, expire))
}

fn token(ground: &Ground) -> Result<TokenId, Error> {
    let user = ground.settings.user()?.ok_or_else(|| ground.unanswered("the user", Key::User))?.value;
    let name =
        ground.settings.token_name()?.ok_or_else(|| ground.unanswered("the token's name", Key::TokenName))?.value;
    Ok(TokenId { user, name })
}

fn errand(arguments: &Setup) -> (Errand, u64) {
    let expire = arguments.new.expire.and_then(crate::model::Expiry::seconds).unwrap_or_default();
    (if arguments.new.regenerate { Errand::Regenerate } else { Errand::Make }, expire)
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
pub(super) async fn over_ssh(
    session: &Session,
    ground: &mut Ground,
    way: Way,
    to: Option<&Destination>,
    arguments: &Setup,
) -> Result<Made, Error> {
    let token = token(ground)?;
    let to = match to {
        Some(to) => to.clone(),
        None => format!("root@{}", ground.endpoint()?.host()).parse().map_err(|_| TokenError::NoDestination)?,
    };
    let (errand, expire) = errand(arguments);
    if errand == Errand::Regenerate {
        regenerating(session, ground, &token)?;
    }
    unless_interrupted(session, consent::for_replacing(session, ground, way.into_parts(), &token)).await?;
    let consent = may_be_ambiguous(session, arguments);
    rehearse(ground, &ground.loaded, &token, &Rehearsed { consent, ..Rehearsed::default() })?;
    let mut made = Made::nothing(shell::again(&to), note(session, ground, &token, errand)?);
    let secret = match shell::run(session, &to, &token, (errand, expire)).await {
        Ok(secret) => secret,
        // What the node did is not known, so the note stays.
        Err(why @ Error::Token(TokenError::LeftOnServer { .. })) => return Err(why),
        Err(why) => return Err(made.saved().err().unwrap_or(why)),
    };
    made.keep_secret(secret.clone());
    ground.answer(Key::TokenValue, secret.into())?;
    let request = TokenRequest { separated: false, expire, comment: String::new() };
    made.add(match errand {
        Errand::Make => Step::Token(token, request),
        Errand::Regenerate => Step::Regenerate(token),
    });
    Ok(made)
}
