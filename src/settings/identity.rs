//! Whose token is used: what the user, the token's name and the text around its secret say together.

use super::error::{InvalidSetting, SettingFault, TwoTokens, TwoUsers};
use super::keys::Key;
use super::source::{Source, Sourced};
use crate::model::{Pasted, TokenName, TokenRef, UserId};

/// A user and the name of a token, each from where it is named; what contradicts something else is missing.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity {
    pub(super) user: Option<Sourced<UserId>>,
    pub(super) name: Option<Sourced<TokenName>>,
    pub(super) contradictions: Vec<InvalidSetting>,
}

impl Identity {
    /// Combines what names the user and the token: their own keys, a full token ID in place of the token's name, the
    /// text around the secret.
    pub(super) fn of(
        user: Option<Sourced<UserId>>,
        token: Option<&Sourced<TokenRef>>,
        secret: Option<&Sourced<Pasted>>,
    ) -> Self {
        let mut identity = Self::default();
        let of_token = part(token, |token| token.user().cloned());
        let of_secret = part(secret, |pasted| pasted.user.clone());
        match one_user(user, of_token).and_then(|user| with_secret(user, of_secret, two_users)) {
            Ok(user) => identity.user = user,
            Err(why) => identity.contradictions.push(why),
        }
        let name = part(token, |token| Some(token.name().clone()));
        let of_secret = part(secret, |pasted| pasted.name.clone());
        match with_secret(name, of_secret, two_tokens) {
            Ok(name) => identity.name = name,
            Err(why) => identity.contradictions.push(why),
        }
        identity
    }
}

fn part<T, P>(whole: Option<&Sourced<T>>, part: impl Fn(&T) -> Option<P>) -> Option<Sourced<P>> {
    let whole = whole?;
    Some(Sourced { value: part(&whole.value)?, source: whole.source.clone() })
}

/// Resolves the user and the one in a full token ID. An ID that was entered at a prompt takes precedence.
fn one_user(
    user: Option<Sourced<UserId>>,
    of_token: Option<Sourced<UserId>>,
) -> Result<Option<Sourced<UserId>>, InvalidSetting> {
    match (user, of_token) {
        (Some(user), Some(of_token)) if user.value != of_token.value && user.source != Source::Answer => {
            if of_token.source.outranks(&user.source) { Ok(Some(of_token)) } else { Err(two_users(&of_token, &user)) }
        }
        (user, of_token) => Ok(user.or(of_token)),
    }
}

/// Resolves what was named and what was pasted around the secret.
fn with_secret<T: PartialEq>(
    named: Option<Sourced<T>>,
    of_secret: Option<Sourced<T>>,
    mismatch: impl Fn(&Sourced<T>, &Sourced<T>) -> InvalidSetting,
) -> Result<Option<Sourced<T>>, InvalidSetting> {
    match (named, of_secret) {
        (named, None) => Ok(named),
        (Some(named), Some(of_secret)) if named.value == of_secret.value => Ok(Some(named)),
        (Some(named), Some(of_secret)) if !of_secret.source.outranks(&named.source) => {
            Err(mismatch(&of_secret, &named))
        }
        (_, of_secret) => Ok(of_secret),
    }
}

fn two_users(token: &Sourced<UserId>, user: &Sourced<UserId>) -> InvalidSetting {
    let why = SettingFault::TwoUsers(Box::new(TwoUsers {
        token: token.source.clone(),
        token_user: token.value.clone(),
        user: user.source.clone(),
        other_user: user.value.clone(),
    }));
    InvalidSetting { key: Key::User, source: user.source.clone(), why }
}

fn two_tokens(secret: &Sourced<TokenName>, name: &Sourced<TokenName>) -> InvalidSetting {
    let why = SettingFault::TwoTokens(Box::new(TwoTokens {
        secret: secret.source.clone(),
        secret_token: secret.value.clone(),
        name: name.source.clone(),
        other_token: name.value.clone(),
    }));
    InvalidSetting { key: Key::TokenName, source: name.source.clone(), why }
}
