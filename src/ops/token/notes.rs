//! Notes of tokens that are being created, so that a later run can name a token whose secret was lost.

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::error::Error;
use crate::journal::{CreationNote, Journal, JournalEntry};
use crate::model::TokenId;
use crate::ops::context::Context;
use crate::ops::token::over_ssh::PveumCommand;
use crate::session::Session;
use crate::settings::sh_word;

/// A token that an earlier run may have made without saving its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnsavedToken {
    /// The full ID of the token.
    pub(crate) token: String,
    server: String,
    regenerates: bool,
    made: String,
}

impl UnsavedToken {
    fn of(record: &CreationNote) -> Self {
        let CreationNote { token, server, regenerates, made, .. } = record.clone();
        Self { token, server, regenerates, made }
    }

    /// Says what is known of it.
    pub(crate) fn sentence(&self) -> String {
        let Self { token, server, .. } = self;
        // Whole seconds are enough for a person.
        let made = self.made.split_once('.').map_or_else(|| self.made.clone(), |(whole, _)| format!("{whole}Z"));
        let what = if self.regenerates { "generate a new secret for" } else { "make" };
        format!("a run of {made} ended before saving a secret: it was about to {what} {token} on {server}")
    }

    /// Returns the commands of which one ends it.
    pub(crate) fn commands(&self) -> Vec<String> {
        let Ok(token) = self.token.parse::<TokenId>() else { return Vec::new() };
        let mut commands = vec![new_secret_command(&token)];
        if !self.regenerates {
            commands.push(format!("glassdome token revoke {}", flags(&token)));
        }
        commands
    }

    /// Lists the names in it that a published report must not show, each with its kind.
    pub(crate) fn names(&self) -> Vec<(String, &'static str)> {
        let mut names = vec![(self.server.clone(), "HOST")];
        if let Ok(token) = self.token.parse::<TokenId>() {
            names.extend([(token.user.name().to_owned(), "USER"), (token.name.to_string(), "TOKEN")]);
        }
        names
    }

    /// Returns the same for scripts.
    pub(crate) fn document(&self) -> Value {
        json!({ "token": self.token, "server": self.server, "regenerates": self.regenerates, "since": self.made })
    }
}

/// Says of a token that is no longer in the settings file how it is removed from the server.
pub(crate) fn replaced_token(old: &TokenId) -> String {
    format!("{old} still exists on the server; if nothing else uses it: `glassdome token revoke {}`", flags(old))
}

/// Returns the command that gets another secret of a token.
pub(crate) fn new_secret_command(token: &TokenId) -> String {
    format!("glassdome token create --regenerate {}", flags(token))
}

fn flags(token: &TokenId) -> String {
    let user = token.user.to_string();
    let is_plain = user.chars().all(|it| it.is_ascii_alphanumeric() || "-_.@".contains(it));
    let user = if is_plain { user } else { sh_word(&user) };
    format!("--user {user} --token-name {}", token.name)
}

/// Returns the settings file as a journal names it: absolute, and without links, so that every way to it is the same.
pub(crate) fn file_of(context: &Context) -> String {
    let path = context.store.path();
    let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.canonicalize().unwrap_or_else(|_| absolute()).display().to_string()
}

/// Notes a token before it is asked for; on the sandbox, which ends with this process, there is nothing to note.
pub(crate) fn note(
    session: &Session,
    context: &Context,
    token: &TokenId,
    action: PveumCommand,
) -> Result<Option<JournalEntry<CreationNote>>, Error> {
    let Some(journal) = journal(session, context)? else { return Ok(None) };
    let creation = CreationNote {
        server: context.endpoint()?.authority(),
        file: file_of(context),
        instance: context.instance.to_string(),
        token: token.to_string(),
        regenerates: action == PveumCommand::Regenerate,
        nonce: Uuid::new_v4().simple().to_string(),
        made: session.clock.utc().format(&Rfc3339).unwrap_or_default(),
    };
    Ok(Some(journal.open(creation)?))
}

/// Makes sure that a token can be noted, before the login.
pub(crate) fn require(session: &Session, context: &Context) -> Result<(), Error> {
    Ok(journal(session, context)?.map_or(Ok(()), |journal| journal.check_writable())?)
}

fn journal(session: &Session, context: &Context) -> Result<Option<Journal<CreationNote>>, Error> {
    if context.is_sandbox() { Ok(None) } else { Ok(Some(Journal::new(session.state_folder()?))) }
}

/// Lists what ended runs of this machine left, on whichever server.
pub(crate) fn unsaved(session: &Session, context: &Context) -> Result<Vec<UnsavedToken>, Error> {
    let Some(journal) = journal(session, context)? else { return Ok(Vec::new()) };
    Ok(journal.read()?.orphans.iter().map(|entry| UnsavedToken::of(&entry.record)).collect())
}

/// Warns of what ended runs left.
pub(crate) fn warn(session: &Session, unsaved: &[UnsavedToken]) {
    for it in unsaved {
        let commands = it.commands().join("`, or `");
        let text = format!("{}: `{commands}`", it.sentence());
        session.warn(text);
    }
}

/// Ends the notes of a token on this server: its secret is saved, or it is gone.
pub(crate) fn forget(session: &Session, context: &Context, token: &TokenId) -> Result<(), Error> {
    let Some(journal) = journal(session, context)? else { return Ok(()) };
    let (server, token) = (context.endpoint()?.authority(), token.to_string());
    for entry in journal.read()?.orphans {
        if entry.record.server == server && entry.record.token == token {
            entry.close()?;
        }
    }
    Ok(())
}
