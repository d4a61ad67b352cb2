//! What a person is asked for the settings, where no flag and no variable has said it.

use crate::commands::ask;
use crate::commands::connect::Ground;
use crate::error::Error;
use crate::model::{Endpoint, Secret, TokenName, TokenSecret, UserId};
use crate::session::Session;
use crate::settings::{Key, Source};
use crate::ui::prompt::{Choice, Confirm, Hidden, Text};

use super::found;

/// Says whether there is somebody who can be asked for a key, and nothing that has said it already.
fn is_open(session: &Session, ground: &Ground, key: Key) -> bool {
    session.is_attended() && !ground.settings.source(key).is_some_and(Source::is_settled)
}

/// Asks for the server.
pub(super) async fn host(session: &Session, ground: &mut Ground) -> Result<(), Error> {
    if !is_open(session, ground, Key::Host) || ground.is_sandbox() {
        return Ok(());
    }
    let default = ground.settings.host()?.map(|host| host.value.to_string());
    let question = "The server: a name, an address, or the web interface's address";
    let host: Endpoint = ask::value(session, question, default, || ground.unanswered("the server", Key::Host)).await?;
    ground.answer(Key::Host, Secret::new(host.to_string()))
}

/// Asks whose token is made, and its name.
pub(super) async fn owner(session: &Session, ground: &mut Ground, realms: &[String]) -> Result<(), Error> {
    user(session, ground, realms).await?;
    name(session, ground).await
}

/// Asks who calls: user, name of the token, and its secret.
pub(super) async fn caller(session: &Session, ground: &mut Ground, realms: &[String]) -> Result<(), Error> {
    user(session, ground, realms).await?;
    if ground.settings.password().is_some() && ground.settings.token_secret()?.is_none() {
        return Ok(());
    }
    name(session, ground).await?;
    if ground.settings.token_secret()?.is_none() && session.is_attended() {
        let secret = secret(session, ground).await?;
        ground.answer(Key::TokenValue, secret)?;
    }
    Ok(())
}

async fn name(session: &Session, ground: &mut Ground) -> Result<(), Error> {
    if !is_open(session, ground, Key::TokenName) {
        return Ok(());
    }
    let default = ground.settings.token_name()?.map(|name| name.value.to_string());
    let otherwise = || ground.unanswered("the token's name", Key::TokenName);
    let name: TokenName = ask::value(session, "The token's name", default, otherwise).await?;
    ground.answer(Key::TokenName, Secret::new(name.to_string()))
}

async fn user(session: &Session, ground: &mut Ground, realms: &[String]) -> Result<(), Error> {
    if !is_open(session, ground, Key::User) {
        return Ok(());
    }
    let default = ground.settings.user()?.map(|user| user.value.to_string());
    let question = Text::new("The user, with its realm: `apex@pve` for example").or(default);
    let question = question.checked(|text| {
        let whole = if text.contains('@') { text.to_owned() } else { format!("{text}@pve") };
        whole.parse::<UserId>().map(|_| ()).map_err(|why| why.to_string())
    });
    let mut user = ask::text(session, question, || ground.unanswered("the user", Key::User)).await?;
    if !user.contains('@') {
        let items = realms.to_vec();
        let proposed = items.iter().position(|realm| realm == "pve").unwrap_or_default();
        let menu = Choice::new(format!("The realm of {user}"), items).proposing(proposed);
        let index = ask::choice(session, menu, || ground.unanswered("the user", Key::User)).await?;
        user = format!("{user}@{}", realms.get(index).map(String::as_str).unwrap_or_default());
    }
    ground.answer(Key::User, Secret::new(user))
}

async fn secret(session: &Session, ground: &Ground) -> Result<Secret, Error> {
    loop {
        let otherwise = || ground.unanswered("the token's secret", Key::TokenValue);
        let said = ask::hidden(session, Hidden::new("The token's secret (hidden)"), otherwise).await?;
        match TokenSecret::of(&said) {
            Ok(_) => return Ok(said),
            Err(why) => found(session, why.to_string()),
        }
    }
}

/// Asks whether the settings may be written.
pub(super) async fn save(session: &Session) -> Result<(), Error> {
    if !session.is_attended() {
        return Ok(());
    }
    let question = Confirm::new("Write this?").proposing_yes();
    match ask::confirm(session, question, || ask::only_by("--yes", "whether to write the settings")).await? {
        true => Ok(()),
        false => Err(Error::Cancelled),
    }
}
