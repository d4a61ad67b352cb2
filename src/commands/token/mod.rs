//! `glassdome token`: creates, lists, rotates and revokes tokens with an administrator login.

mod create;
mod list;
mod revoke;
mod rotate;

use crate::cli::{Global, OutputFormat, Token, TokenAction};
use crate::commands::CommandFailure;
use crate::error::{Error, Report, RunError};
use crate::session::Session;
use crate::ui::Note;
use std::process::ExitCode;

use serde_json::Value;

/// Does what is asked with tokens.
pub(crate) async fn run(session: &Session, global: &Global, arguments: &Token) -> Result<ExitCode, CommandFailure> {
    let (action, ended) = tokio::select! {
        // If both happen at once, the result of the command counts more than the second signal.
        biased;
        ended = act(session, global, &arguments.action) => ended,
        signal = session.interrupts.second() => (None, Err(Error::Run(RunError::Abandoned { signal, left: None }))),
    };
    let wants_json = global.output == OutputFormat::Json;
    match ended {
        Ok(mut document) => {
            if wants_json {
                document.splice("ok", true.into());
                document.splice("action", action.into());
                session.json(&document.document);
            } else {
                for line in document.lines {
                    session.result(&Note::plain(line));
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            if wants_json {
                let mut document = TokenOutput { document: Report::of(&error).document("token"), lines: Vec::new() };
                document.splice("action", action.into());
                document.splice("left_on_server", error.left_on_server().into());
                session.json(&document.document);
            }
            Err(CommandFailure { error, is_reported: wants_json })
        }
    }
}

async fn act(
    session: &Session,
    global: &Global,
    action: &TokenAction,
) -> (Option<&'static str>, Result<TokenOutput, Error>) {
    match action {
        TokenAction::Create(arguments) => (Some("create"), create::run(session, global, arguments).await),
        TokenAction::List(arguments) => (Some("list"), list::run(session, global, arguments).await),
        TokenAction::Rotate(arguments) => (Some("rotate"), rotate::run(session, global, arguments).await),
        TokenAction::Revoke(arguments) => (Some("revoke"), revoke::run(session, global, arguments).await),
    }
}

/// What an action has to tell as its result.
struct TokenOutput {
    /// For JSON.
    document: Value,
    /// In words.
    lines: Vec<String>,
}

impl TokenOutput {
    fn of(value: Value) -> Self {
        let mut output = Self { document: value, lines: Vec::new() };
        output.splice("schema", "glassdome.token/1".into());
        output
    }

    /// Makes the result of a run that only shows what would be done.
    fn dry_run(value: Value) -> Self {
        let mut output = Self::of(value).saying("dry run: nothing was changed".to_owned());
        output.splice("dry_run", true.into());
        output
    }

    /// Says something in words.
    fn saying(mut self, line: String) -> Self {
        self.lines.push(line);
        self
    }

    fn splice(&mut self, name: &str, value: Value) {
        if let Some(map) = self.document.as_object_mut() {
            map.insert(name.to_owned(), value);
        }
    }
}
