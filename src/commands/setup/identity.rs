//! Who calls: the questions for user, token name, secret and password.

use crate::error::Error;
use crate::model::token::InvalidToken;
use crate::model::{Pasted, Secret, TokenName, TokenRef, UserId};
use crate::ops::ask;
use crate::ops::context::Context;
use crate::ops::token::login::{realm_description, unknown_realm};
use crate::session::Session;
use crate::settings::{Key, Setting, SettingsError, Source, Sourced};
use crate::ui::Printable;
use crate::ui::prompt::{ChoicePrompt, ConfirmPrompt, HiddenPrompt, TextPrompt};

use super::server::Server;

/// The question for the user.
pub(super) const USER_QUESTION: &str = "User for the token";

/// What is in front of a token that was recognized.
pub(super) const TOKEN_ANSWER: &str = "Token";

/// Asks for the user; one without a realm gets a menu of the realms that the server has.
pub(super) async fn user(session: &Session, context: &mut Context, realms: &[String]) -> Result<(), Error> {
    if !context.is_open(session, Key::User) {
        return Ok(());
    }
    let default = context.settings.user().map(|user| user.value.to_string());
    let known = realms.to_vec();
    let question =
        TextPrompt::new(USER_QUESTION).hinting("name@realm, e.g. apex@pve").or(default).checked(move |text| {
            let whole = if text.contains('@') || text.is_empty() { text.to_owned() } else { format!("{text}@pve") };
            let user = whole.parse::<UserId>().map_err(|why| why.to_string())?;
            let is_known = !text.contains('@') || known.iter().any(|realm| realm == user.realm());
            if is_known { Ok(()) } else { Err(unknown_realm(&user, &known)) }
        });
    let otherwise = || context.missing_answer("the user", Key::User);
    let mut user = ask::text(session, question, otherwise).await?;
    if !user.contains('@') {
        let present = context.settings.user().map(|user| user.value.realm().to_owned());
        let place = |realm: &str| realms.iter().position(|known| known == realm);
        let proposed = present.and_then(|realm| place(&realm)).or_else(|| place("pve")).unwrap_or_default();
        let menu =
            ChoicePrompt::new(format!("Realm of {user}"), realms.iter().map(|it| realm_description(it)).collect());
        let menu =
            menu.answered_as(format!("Realm of {user}"), realms.iter().map(|it| Printable(it).to_string()).collect());
        let menu = menu.proposing(proposed);
        let index = ask::choice(session, menu, otherwise).await?;
        user = format!("{user}@{}", realms.get(index).map(String::as_str).unwrap_or_default());
    }
    let invalid = |why: InvalidToken| SettingsError::Invalid { origin: Source::Answer, why: why.into() };
    let user: UserId = user.parse().map_err(invalid)?;
    context.answer(Setting::User(user))
}

/// Asks for the name of the token.
pub(super) async fn name(session: &Session, context: &mut Context) -> Result<(), Error> {
    if !context.is_open(session, Key::TokenName) {
        return Ok(());
    }
    let default = context.settings.token_name().map(|name| name.value.to_string());
    let otherwise = || context.missing_answer("the token name", Key::TokenName);
    let user = context.settings.user().map(|user| user.value);
    let question = TextPrompt::new("Token name").or(default);
    let question = question.checked(move |text| token_name(text, user.as_ref()).map(|_| ()));
    let said = ask::text(session, question, &otherwise).await?;
    let said = token_name(&said, None).map_err(|_| otherwise())?;
    context.answer(Setting::TokenName(TokenRef::Name(said)))
}

/// Reads the name of a token, also where its whole ID is given, as the web interface shows it.
fn token_name(text: &str, user: Option<&UserId>) -> Result<TokenName, String> {
    match text.parse::<TokenRef>().map_err(|why| why.to_string())? {
        TokenRef::Id(id) if user.is_some_and(|user| *user != id.user) => Err(format!(
            "{} is a token of {}: enter only its name, or go back and change the user",
            Printable(text),
            id.user
        )),
        TokenRef::Id(id) => Ok(id.name),
        TokenRef::Name(name) => Ok(name),
    }
}

/// Asks whether the secret or the password that is there already is still to be used.
pub(super) async fn keep(session: &Session, context: &Context) -> Result<bool, Error> {
    let file = context.store.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (what, source) = match context.settings.token_secret() {
        Some(secret) => (format!("the secret {}", secret.value.masked()), secret.source),
        None => ("the password".to_owned(), Source::Answer),
    };
    let place =
        if source == Source::Sandbox { "of the sandbox".to_owned() } else { format!("in {}", Printable(&file)) };
    let otherwise = || context.missing_answer("the token secret", Key::TokenValue);
    ask::confirm(session, ConfirmPrompt::new(format!("Keep {what} {place}?")).proposing_yes(), otherwise).await
}

/// What a pasted token must not contradict: what flags and variables say, and the realms that the server has.
struct FixedIdentity {
    user: Option<Sourced<UserId>>,
    name: Option<Sourced<TokenName>>,
    realms: Vec<String>,
}

impl FixedIdentity {
    fn of(context: &Context, pve_server: &Server) -> Result<Self, Error> {
        Ok(Self {
            user: context.settings.user().filter(|said| said.source.is_settled()),
            name: context.settings.token_name().filter(|said| said.source.is_settled()),
            realms: pve_server.realms().to_vec(),
        })
    }

    /// Finds the secret in what was said; else gives the reason why it will not do.
    fn validate(&self, said: &Secret) -> Result<(), String> {
        let pasted = Pasted::read(said).map_err(|why| why.to_string())?;
        if let Some(user) = &pasted.user {
            if let Some(said) = self.user.as_ref().filter(|said| said.value != *user) {
                return Err(format!("this is a token of {user}, but {} says {}", said.source, said.value));
            }
            if !self.realms.iter().any(|realm| realm == user.realm()) {
                return Err(unknown_realm(user, &self.realms));
            }
        }
        match (&pasted.name, &self.name) {
            (Some(name), Some(said)) if said.value != *name => {
                Err(format!("this is the token {name}, but {} says {}", said.source, said.value))
            }
            _ => Ok(()),
        }
    }
}

/// Asks for the secret, in whatever it is wrapped, until there is one.
pub(super) async fn secret(session: &Session, context: &mut Context, pve_server: &Server) -> Result<(), Error> {
    let settled = FixedIdentity::of(context, pve_server)?;
    let (server, file) = (context.host()?, context.store.path().display().to_string());
    let destiny = format!("The secret is sent to {server} only, and saved in {file} once everything is checked");
    session.note(destiny);
    let answered = AnsweredToken {
        user: context.settings.user().map(|it| it.value),
        name: context.settings.token_name().map(|it| it.value),
    };
    let question = HiddenPrompt::new("Paste the secret, or everything you copied").hinting("hidden");
    let question = question.checked(move |said| settled.validate(said));
    let question = question.answered_as(TOKEN_ANSWER, move |said| answered.completed_by(said));
    let otherwise = || context.missing_answer("the token secret", Key::TokenValue);
    let said = ask::hidden(session, question, otherwise).await?;
    match Pasted::read(&said) {
        Ok(pasted) => apply_pasted(session, context, pasted),
        Err(why) => Err(SettingsError::Invalid { origin: Source::Answer, why: why.into() }.into()),
    }
}

/// Takes what was pasted; whose token it is counts more than an answer given before.
fn apply_pasted(session: &Session, context: &mut Context, pasted: Pasted) -> Result<(), Error> {
    if let Some(name) = pasted.name {
        context.answer(Setting::TokenName(TokenRef::Name(name)))?;
    }
    if let Some(user) = pasted.user {
        context.answer(Setting::User(user))?;
    }
    context.answer(Setting::TokenValue(pasted.secret.into()))?;
    if context.is_open(session, Key::Password) && context.settings.password().is_some() {
        context.unset(&[Key::Password])?;
    }
    Ok(())
}

/// What was answered about a token before its secret was pasted.
struct AnsweredToken {
    user: Option<UserId>,
    name: Option<TokenName>,
}

impl AnsweredToken {
    /// Says whose token was recognized in what was pasted; what it does not say was answered before.
    fn completed_by(&self, said: &Secret) -> String {
        let Ok(pasted) = Pasted::read(said) else { return String::new() };
        let user = pasted.user.as_ref().or(self.user.as_ref()).map(ToString::to_string).unwrap_or_default();
        let name = pasted.name.as_ref().or(self.name.as_ref()).map(ToString::to_string).unwrap_or_default();
        format!("{user}!{name}, secret {}", pasted.secret.masked())
    }
}

/// Returns the question for the password of a user.
pub(super) fn password_question(user: &str) -> String {
    format!("Password of {}", Printable(user))
}

/// Asks for the password.
pub(super) async fn password(session: &Session, context: &mut Context) -> Result<(), Error> {
    let user = context.settings.user().map(|user| user.value.to_string()).unwrap_or_default();
    let question = HiddenPrompt::new(password_question(&user)).hinting("hidden");
    let question = question.checked(|said| match said.is_empty() {
        true => Err("the password is empty".to_owned()),
        false => Ok(()),
    });
    let said = ask::hidden(session, question, || context.missing_answer("the password", Key::Password)).await?;
    context.answer(Setting::Password(said))
}
