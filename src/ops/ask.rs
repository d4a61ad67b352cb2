//! Asks a question at the terminal; without one, the error says where else the answer could have come from.

use crate::error::{Error, RunError, UsageError};
use crate::model::Secret;
use crate::session::{Session, Unanswered};
use crate::ui::prompt::{ChoicePrompt, ConfirmPrompt, HiddenPrompt, Prompt, PromptError, TextPrompt};
use std::fmt;
use std::str::FromStr;

/// Asks for a text; `otherwise` is the error without a terminal.
pub(crate) async fn text(
    session: &Session,
    text: TextPrompt,
    otherwise: impl FnOnce() -> Error,
) -> Result<String, Error> {
    ask(session, move |prompt| prompt.text(&text), otherwise).await
}

/// Asks for a text that can be read as a value.
pub(crate) async fn value<T>(session: &Session, question: TextPrompt, otherwise: impl Fn() -> Error) -> Result<T, Error>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    let said = text(session, question.read_as::<T>(), &otherwise).await?;
    said.parse().map_err(|_| otherwise())
}

/// Asks for one of several things, and returns its place among them.
pub(crate) async fn choice(
    session: &Session,
    choice: ChoicePrompt,
    otherwise: impl FnOnce() -> Error,
) -> Result<usize, Error> {
    ask(session, move |prompt| prompt.choice(&choice), otherwise).await
}

/// Asks for yes or no; with `--yes` the answer is yes without asking.
pub(crate) async fn confirm(
    session: &Session,
    confirm: ConfirmPrompt,
    otherwise: impl FnOnce() -> Error,
) -> Result<bool, Error> {
    if session.confirms_all { Ok(true) } else { confirm_despite_yes(session, confirm, otherwise).await }
}

/// Asks for yes or no about something that `--yes` does not confirm.
pub(crate) async fn confirm_despite_yes(
    session: &Session,
    confirm: ConfirmPrompt,
    otherwise: impl FnOnce() -> Error,
) -> Result<bool, Error> {
    ask(session, move |prompt| prompt.confirm(&confirm), otherwise).await
}

/// Asks for something that must not be visible.
pub(crate) async fn hidden(
    session: &Session,
    hidden: HiddenPrompt,
    otherwise: impl FnOnce() -> Error,
) -> Result<Secret, Error> {
    ask(session, move |prompt| prompt.hidden(&hidden), otherwise).await
}

/// Makes the error of an unanswered question that only a flag could have answered.
pub(crate) const fn answer_only_by(flag: &'static str, what: &'static str) -> Error {
    Error::Usage(UsageError::Unanswered {
        what,
        flag: Some(flag),
        key: None,
        further: Vec::new(),
        rehearsal: None,
        lacks_terminal: false,
    })
}

async fn ask<T: Send + 'static>(
    session: &Session,
    put: impl FnOnce(&dyn Prompt) -> Result<T, PromptError> + Send + 'static,
    otherwise: impl FnOnce() -> Error,
) -> Result<T, Error> {
    session.ask(put).await.map_err(|why| match why {
        Unanswered::NonInteractive => otherwise().without_terminal(),
        Unanswered::Cancelled => Error::Run(RunError::Cancelled),
        Unanswered::Signal(signal) => Error::Run(RunError::Interrupted { signal }),
        Unanswered::NoThread(kind) => Error::Run(RunError::NoThread { source: kind.into() }),
    })
}
