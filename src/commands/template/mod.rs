//! `glassdome template`: which templates a clone could use, and a new one from a cloud image.

pub(crate) mod create;
mod list;

use crate::cli::{Global, OutputFormat, TemplateAction, TemplateArgs};
use crate::commands::CommandFailure;
use crate::error::{Error, Report, RunError};
use crate::session::Session;
use std::process::ExitCode;

use serde_json::Value;

/// Does what is asked with templates.
pub(crate) async fn run(
    session: &Session,
    global: &Global,
    arguments: &TemplateArgs,
) -> Result<ExitCode, CommandFailure> {
    let work = async {
        match &arguments.action {
            TemplateAction::List(arguments) => ("list", list::run(session, global, arguments).await),
            TemplateAction::Create(arguments) => ("create", create::run(session, global, arguments).await),
        }
    };
    let (action, ended) = tokio::select! {
        // If both happen at once, the result of the command counts more than the second signal.
        biased;
        ended = work => ended,
        signal = session.interrupts.second() => ("", Err(Error::Run(RunError::Abandoned { signal, left: None }))),
    };
    let wants_json = global.output == OutputFormat::Json;
    match ended {
        Ok(document) if wants_json => {
            session.json(&labelled(document, action, true));
            Ok(ExitCode::SUCCESS)
        }
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            if wants_json {
                let document = Report::of(&error).document("template");
                session.json(&labelled(document, action, false));
            }
            Err(CommandFailure { error, is_reported: wants_json })
        }
    }
}

/// Puts in front of a document what every one of this command begins with.
fn labelled(mut document: Value, action: &str, ok: bool) -> Value {
    if let Some(map) = document.as_object_mut() {
        map.insert("schema".to_owned(), "glassdome.template/1".into());
        map.insert("ok".to_owned(), ok.into());
        map.insert("action".to_owned(), action.into());
    }
    document
}
