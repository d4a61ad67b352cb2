//! Puts a new token into the settings file, and reads what stands there.

use crate::commands::connect::Ground;
use crate::commands::screens::Note;
use crate::error::Error;
use crate::model::{PoolName, TokenId, TokenSecret};
use crate::session::Session;
use crate::settings::{
    Change, Consent, Credentials, Flags, GroupRights, Key, Loaded, Settings, Source, Value, Variables,
};

/// Gives what the settings file itself says, without flags and variables; nothing where it holds no credentials.
pub(super) fn stored(ground: &Ground) -> Result<Option<Credentials>, Error> {
    let loaded = ground.store.load()?;
    Ok(read(ground, &loaded)?.credentials().ok().map(|(credentials, _)| credentials))
}

fn read(ground: &Ground, loaded: &Loaded) -> Result<Settings, Error> {
    Ok(Settings::load(&ground.instance, &Flags::default(), &Variables::new(), ground.store.path(), &loaded.file)?)
}

/// Writes the token into the settings file as it is now, with what leads to the server where the file does not say it.
pub(super) fn save(
    session: &Session,
    ground: &Ground,
    token: &TokenId,
    secret: &TokenSecret,
    pool: Option<&PoolName>,
) -> Result<Vec<String>, Error> {
    let loaded = ground.store.load()?;
    let in_file = read(ground, &loaded)?;
    let mut changes = vec![
        Change::Set(Key::User, Value::Text(token.user.to_string())),
        Change::Set(Key::TokenName, Value::Text(token.name.to_string())),
        Change::Set(Key::TokenValue, Value::Token(secret.clone())),
    ];
    for key in [Key::Host, Key::Fingerprint, Key::CaFile, Key::VerifySsl, Key::Node] {
        let is_there = in_file.source(key).is_some_and(|source| !matches!(source, Source::Default(_)));
        let said = ground.settings.source(key).filter(|source| !matches!(source, Source::Default(_)));
        if let (false, Some(_), Some(text)) = (is_there, said, ground.settings.text(key)) {
            changes.push(Change::Set(key, Value::Text(text.to_owned())));
        }
    }
    changes.extend(pool.map(|pool| Change::Set(Key::Pool, Value::Text(pool.to_string()))));
    if in_file.password().is_some() {
        changes.push(Change::Remove(Key::Password));
    }
    let edited = loaded.file.edit(&ground.instance, &changes, Consent::Withheld, &|_| None)?;
    let saved = ground.store.save(&edited.file, &loaded.stamp, GroupRights::Keep)?;
    let mut ui = session.ui.borrow_mut();
    ui.say(&Note::found(format!("{} holds {token} now, secret {}", ground.store.path().display(), secret.masked())));
    for warning in edited.warnings.iter().chain(&saved.warnings) {
        ui.say(&Note::warning(warning.to_string()));
    }
    Ok(edited.changed)
}
