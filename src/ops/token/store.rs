//! Saves a new token to the settings file, checks beforehand whether that will work, and lists where the file uses a
//! token.

use crate::error::{Error, TokenError};
use crate::model::{PoolName, TokenId, TokenRef, TokenSecret};
use crate::ops::connection::FetchedCa;
use crate::ops::context::{Context, SIZE_RESERVE};
use crate::session::Session;
use crate::settings::{
    AmbiguousValues, Change, Credentials, Edited, EnvFile, GroupRights, Key, Loaded, Setting, Settings, Source,
    TokenUse,
};

/// A secret of the right form, for an edit that is only tried.
const PLACEHOLDER: &str = "00000000-0000-0000-0000-000000000000";

/// Returns what the settings file itself says, without flags and variables; `None` if it holds no credentials.
pub(crate) fn stored(context: &Context) -> Result<Option<Credentials>, Error> {
    let loaded = context.store.load()?;
    Ok(read(context, &loaded).credentials().ok().map(|(credentials, _)| credentials))
}

fn read(context: &Context, loaded: &Loaded) -> Settings {
    Settings::of_file(&context.instance, context.store.path(), &loaded.file)
}

/// Lists what in the settings file, as it is now, names a token: the lines of every instance, and comments.
pub(crate) fn uses_in_file(context: &Context, token: &TokenId) -> Result<Vec<TokenUse>, Error> {
    Ok(context.store.load()?.file.uses_of(token))
}

/// Refuses to replace the secret of a token that other lines of the settings file use, too: theirs would become
/// invalid.
pub(crate) fn require_no_other_use(context: &Context, token: &TokenId) -> Result<(), Error> {
    let own = Key::TokenName.variable(&context.instance);
    let elsewhere = uses_in_file(context, token)?.into_iter().find(|it| it.place != own && !it.secrets.is_empty());
    match elsewhere {
        None => Ok(()),
        Some(TokenUse { place, .. }) => {
            let file = context.store.path().to_owned();
            Err(TokenError::UsedElsewhere { token: token.clone(), place, file }.into())
        }
    }
}

/// Finds out whether the token could be saved, before it is made or its old secret is given up.
pub(crate) fn check_save(
    context: &Context,
    loaded: &Loaded,
    token: &TokenId,
    more: &ExtraSettings<'_>,
) -> Result<(), Error> {
    let Ok(secret) = PLACEHOLDER.parse::<TokenSecret>() else { return Ok(()) };
    let edited = edit(context, loaded, token, &secret, more)?;
    let mut bytes = edited.file.bytes().to_vec();
    bytes.resize(bytes.len() + SIZE_RESERVE, b'#');
    context.store.check_save(&EnvFile::new(bytes), &loaded.stamp)?;
    if let Some(fetched) = more.fetched {
        context.store.check_save_beside(&fetched.path, fetched.pem.len())?;
    }
    Ok(())
}

/// What is written beside the token itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ExtraSettings<'a> {
    /// The pool that it is confined to.
    pub(crate) pool: Option<&'a PoolName>,
    /// The cluster's CA, which goes into a file of its own.
    pub(crate) fetched: Option<&'a FetchedCa>,
    /// Whether values may be written that only the application reads back.
    pub(crate) consent: AmbiguousValues,
}

/// Writes the token into the settings file as it is now, with what leads to the server where the file does not say it.
pub(crate) fn save(
    session: &Session,
    context: &Context,
    token: &TokenId,
    secret: &TokenSecret,
    pool: Option<&PoolName>,
) -> Result<Vec<String>, Error> {
    let loaded = context.store.load()?;
    let edited = edit(context, &loaded, token, secret, &ExtraSettings { pool, ..ExtraSettings::default() })?;
    let saved = context.store.save(&edited.file, &loaded.stamp, GroupRights::Keep)?;
    session.done(format!("{} now has {token}, secret {}", context.store.path().display(), secret.masked()));
    for warning in edited.warnings.iter().chain(&saved.warnings) {
        session.warn(warning.to_string());
    }
    Ok(edited.changed)
}

fn edit(
    context: &Context,
    loaded: &Loaded,
    token: &TokenId,
    secret: &TokenSecret,
    more: &ExtraSettings<'_>,
) -> Result<Edited, Error> {
    let in_file = read(context, loaded);
    let mut changes = vec![
        Change::from(Setting::User(token.user.clone())),
        Change::from(Setting::TokenName(TokenRef::Name(token.name.clone()))),
        Change::from(Setting::TokenValue(secret.clone().into())),
    ];
    for key in [Key::Host, Key::Fingerprint, Key::CaFile, Key::VerifySsl, Key::Node] {
        let is_there = in_file.source(key).is_some_and(|source| !matches!(source, Source::Default(_)));
        let given = context.settings.setting(key).filter(|given| !matches!(given.source, Source::Default(_)));
        if let (false, Some(given)) = (is_there, given) {
            changes.push(Change::from(given.value.clone()));
        }
    }
    changes.extend(more.pool.map(|pool| Change::from(Setting::Pool(pool.clone()))));
    if in_file.password().is_some() {
        changes.push(Change::Remove(Key::Password));
    }
    Ok(loaded.file.edit(&context.instance, &changes, more.consent, &|_| None)?)
}
