//! Session: everything that a command may touch besides its arguments.

mod process;
mod signals;

use crate::clock::{Clock, SystemClock};
use crate::ui::prompt::{Prompt, PromptError};
use crate::ui::{Draw, Heading, Note, Ui};
use process::variable;
pub use process::{ProcessOptions, prompt_of_this_process, ui_of_this_process, variables_of_this_process};
pub use signals::{Interrupts, Signal};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self};
use std::path::PathBuf;
use std::sync::Arc;

use nix::sys::signal::SigSet;
use serde_json::Value;
use tokio::sync::oneshot;

/// The environment variables of the process.
pub type Variables = BTreeMap<String, OsString>;

/// Everything that a command may touch besides its arguments.
pub struct Session {
    /// The environment variables.
    pub variables: Variables,
    /// The working directory.
    pub folder: PathBuf,
    /// The name of this machine, for the marker of a test VM.
    pub machine: String,
    /// The streams.
    pub ui: Ui,
    /// Time.
    pub clock: Box<dyn Clock>,
    /// Signals.
    pub interrupts: Interrupts,
    /// The prompt.
    pub prompt: Arc<dyn Prompt>,
    /// Whether everything that would be asked is confirmed beforehand.
    pub confirms_all: bool,
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// There is no terminal to ask at.
    NonInteractive,
    /// The person left.
    Cancelled,
    /// A signal came while the question was open.
    Signal(Signal),
    /// The system starts no thread to wait for the answer on.
    NoThread(io::ErrorKind),
}

/// Why there is no folder for files that are kept between runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoStateFolder {
    /// No variable leads to one.
    #[error("no folder for the journal of test VMs: neither XDG_STATE_HOME nor HOME is set")]
    Unset,
    /// A variable depends on the working directory.
    #[error("{variable} is not an absolute path: `{}`", path.display())]
    Relative {
        /// The variable.
        variable: &'static str,
        /// What it says.
        path: PathBuf,
    },
}

/// Closes a question when it is no longer waited for.
struct CloseQuestionOnDrop {
    prompt: Arc<dyn Prompt>,
    ui: Ui,
}

impl Drop for CloseQuestionOnDrop {
    fn drop(&mut self) {
        self.prompt.release();
        self.ui.reclaim_screen();
    }
}

impl Session {
    /// Reads the process: variables, folder, terminal.
    ///
    /// # Errors
    /// If the working directory is gone, or signals cannot be handled.
    pub fn of_this_process(options: ProcessOptions, prompt: Arc<dyn Prompt>) -> io::Result<Self> {
        let variables = variables_of_this_process();
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let ui = ui_of_this_process(&variables, options);
        Ok(Self {
            folder: std::env::current_dir()?,
            variables,
            machine,
            ui,
            clock: Box::new(SystemClock),
            interrupts: Interrupts::install()?,
            prompt,
            confirms_all: options.confirms_all,
        })
    }

    /// Shows the heading of a command or of a step.
    pub(crate) fn heading(&self, heading: &Heading) {
        self.ui.heading(heading);
    }

    /// Leaves a blank line, unless nothing is above it.
    pub(crate) fn blank_line(&self) {
        self.ui.blank_line();
    }

    /// Shows a line below a heading.
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.ui.info(&Note::found(text.into()));
    }

    /// Shows a line about something that is done, or was checked and is right.
    pub(crate) fn done(&self, text: impl Into<String>) {
        self.ui.info(&Note::done(text.into()));
    }

    /// Shows a sentence that belongs to no heading.
    pub(crate) fn remark(&self, text: impl Into<String>) {
        self.ui.info(&Note::plain(text.into()));
    }

    /// Shows a warning.
    pub(crate) fn warn(&self, text: impl Into<String>) {
        self.ui.warn(text);
    }

    /// Shows a line about something that failed while the work goes on.
    pub(crate) fn failed(&self, text: impl Into<String>) {
        self.ui.info(&Note::failed(text.into()));
    }

    /// Shows a screen beside the results, on standard error.
    pub(crate) fn info(&self, screen: &impl Draw) {
        self.ui.info(screen);
    }

    /// Shows an error that does not end the run.
    pub(crate) fn error(&self, screen: &impl Draw) {
        self.ui.error(screen);
    }

    /// Prints a result to standard output.
    pub(crate) fn result(&self, screen: &impl Draw) {
        self.ui.result(screen);
    }

    /// Prints one JSON document to standard output.
    pub(crate) fn json(&self, document: &Value) {
        self.ui.json(document);
    }

    /// Returns whether questions can be asked.
    #[must_use]
    pub fn is_attended(&self) -> bool {
        self.prompt.is_interactive()
    }

    /// Asks a question. Meanwhile the run goes on: the answer is waited for on a thread of its own. When this returns,
    /// or is given up, no question is open; what is typed stays hidden until the end of the run.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn ask<T: Send + 'static>(
        &self,
        put: impl FnOnce(&dyn Prompt) -> Result<T, PromptError> + Send + 'static,
    ) -> Result<T, Unanswered> {
        if let Some(signal) = self.interrupts.seen() {
            return Err(Unanswered::Signal(signal));
        }
        if !self.ui.ends_with_answer() {
            self.prompt.forget_answers();
        }
        self.ui.release_screen();
        let prompt = Arc::clone(&self.prompt);
        let _open = CloseQuestionOnDrop { prompt: Arc::clone(&self.prompt), ui: self.ui.clone() };
        let (sender, asked) = oneshot::channel();
        let asking = std::thread::Builder::new().name("prompt".to_owned());
        let ask = move || {
            // A signal is for the runtime's thread: here it would interrupt the read of a key.
            let blocked = SigSet::all().thread_block();
            let answer = blocked.map_err(|_| PromptError::Gone).and_then(|()| put(&*prompt));
            drop(sender.send(answer)); // after a signal the answer is no longer waited for
        };
        if let Err(why) = asking.spawn(ask) {
            return Err(Unanswered::NoThread(why.kind()));
        }
        tokio::select! {
            biased;
            signal = self.interrupts.first() => Err(Unanswered::Signal(signal)),
            answer = asked => match answer {
                Ok(Ok(answer)) => {
                    self.ui.note_answer();
                    Ok(answer)
                }
                Ok(Err(PromptError::NonInteractive)) => Err(Unanswered::NonInteractive),
                Ok(Err(PromptError::Cancelled)) => Err(self.interrupts.seen().map_or(Unanswered::Cancelled, Unanswered::Signal)),
                Ok(Err(PromptError::Interrupted)) => {
                    self.interrupts.note_key();
                    Err(Unanswered::Signal(self.interrupts.seen().unwrap_or(Signal::Interrupt)))
                }
                // The signal that says so may still be on its way.
                Ok(Err(PromptError::Gone)) => Err(Unanswered::Signal(self.interrupts.seen().unwrap_or(Signal::Hangup))),
                Err(_) => Err(Unanswered::Cancelled),
            },
        }
    }

    /// Marks the answer to a question as failed, if it still is at the end of the screen.
    pub(crate) fn mark_failed(&self, question: &str) {
        if self.ui.ends_with_answer() {
            self.ui.clear_progress();
            self.prompt.mark_failed(question);
        }
    }

    /// Returns a variable's text; one that is empty counts as unset.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        variable(&self.variables, name)
    }

    /// Returns the folder for files that are kept between runs: `$XDG_STATE_HOME/glassdome`, else
    /// `~/.local/state/glassdome`.
    ///
    /// # Errors
    /// If neither variable is set, or the one that counts is not an absolute path: the folder would be another one with
    /// each working directory.
    pub fn state_folder(&self) -> Result<PathBuf, NoStateFolder> {
        let set = |name: &str| self.variables.get(name).filter(|value| !value.is_empty());
        let (variable, base, below) = match (set("XDG_STATE_HOME"), set("HOME")) {
            (Some(base), _) => ("XDG_STATE_HOME", base, "glassdome"),
            (None, Some(home)) => ("HOME", home, ".local/state/glassdome"),
            (None, None) => return Err(NoStateFolder::Unset),
        };
        let base = PathBuf::from(base);
        if base.is_absolute() { Ok(base.join(below)) } else { Err(NoStateFolder::Relative { variable, path: base }) }
    }
}

#[cfg(test)]
mod tests;
