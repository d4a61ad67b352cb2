//! Questions, and what answers them: a person at a terminal, or nothing.

mod answered;
mod dialog;
mod hidden;
mod hidden_prompt;
mod keys;
mod menu;
mod numbered;
mod terminal;
mod theme;
mod writer;

use std::fmt;
use std::str::FromStr;

use crate::model::Secret;

pub use dialog::TtyPrompt;
pub use hidden_prompt::HiddenPrompt;
pub(super) use terminal::{NO_KEY, is_in_front};

/// Accepts a text as an answer, or gives the reason why not.
type Validator = Box<dyn Fn(&str) -> Result<(), String> + Send>;

/// A question for a line of text.
pub struct TextPrompt {
    pub(in crate::ui) question: String,
    pub(in crate::ui) hint: String,
    pub(in crate::ui) default: Option<String>,
    pub(in crate::ui) check: Validator,
    /// Gives what is shown of the answer.
    pub(in crate::ui) shown: fn(&str) -> &str,
}

impl TextPrompt {
    /// Asks for a text; any will do.
    #[must_use]
    pub fn new(question: impl Into<String>) -> Self {
        Self {
            question: question.into(),
            hint: String::new(),
            default: None,
            check: Box::new(|_| Ok(())),
            shown: |answer| answer,
        }
    }

    /// Takes only a text that can be read as a value; the reason is shown where it cannot.
    #[must_use]
    pub fn read_as<T>(self) -> Self
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.checked(|text| text.parse::<T>().map(|_| ()).map_err(|why| why.to_string()))
    }

    /// Says what can be answered, in parentheses; it is shown as long as the question is open.
    #[must_use]
    pub fn hinting(mut self, hint: impl fmt::Display) -> Self {
        self.hint = format!(" ({hint})");
        self
    }

    /// Takes this where nothing is typed; it is shown.
    #[must_use]
    pub fn or(mut self, default: Option<String>) -> Self {
        self.default = default;
        self
    }

    /// Asks again, with the reason, as long as this refuses the answer.
    #[must_use]
    pub fn checked(mut self, check: impl Fn(&str) -> Result<(), String> + Send + 'static) -> Self {
        self.check = Box::new(check);
        self
    }

    /// Shows this of the answer.
    #[must_use]
    pub fn shown_as(mut self, shown: fn(&str) -> &str) -> Self {
        self.shown = shown;
        self
    }
}

/// A question for one of several things.
pub struct ChoicePrompt {
    pub(in crate::ui) question: String,
    pub(in crate::ui) items: Vec<String>,
    pub(in crate::ui) default: usize,
    pub(in crate::ui) filter: Filter,
    /// How many items stay at the end, whatever their names.
    pub(in crate::ui) last: usize,
    /// What is shown of the question and of each item once it is answered, if not their own texts.
    pub(in crate::ui) answered: Option<(String, Vec<String>)>,
}

/// Whether the items of a menu can be narrowed down by typing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ui) enum Filter {
    /// They are few, and stay in their order.
    None,
    /// They are names or IDs from a server, and are sorted by them.
    Typed,
}

impl ChoicePrompt {
    /// Offers items; the first is proposed.
    #[must_use]
    pub fn new(question: impl Into<String>, items: Vec<String>) -> Self {
        Self { question: question.into(), items, default: 0, filter: Filter::None, last: 0, answered: None }
    }

    /// Offers items that begin with a name or an ID: they are sorted by it, and typing narrows them down.
    #[must_use]
    pub fn by_name(question: impl Into<String>, items: Vec<String>) -> Self {
        Self { filter: Filter::Typed, ..Self::new(question, items) }
    }

    /// Adds an item that is not one of the names: it stays at the end.
    #[must_use]
    pub fn and_last(mut self, item: impl Into<String>) -> Self {
        self.items.push(item.into());
        self.last += 1;
        self
    }

    /// Shows the answer under another title, each item in a short form.
    #[must_use]
    pub fn answered_as(mut self, title: impl Into<String>, items: Vec<String>) -> Self {
        self.answered = Some((title.into(), items));
        self
    }

    /// Proposes another one than the first.
    #[must_use]
    pub const fn proposing(mut self, index: usize) -> Self {
        self.default = index;
        self
    }
}

/// A question for yes or no.
pub struct ConfirmPrompt {
    pub(in crate::ui) question: String,
    pub(in crate::ui) hint: String,
    pub(in crate::ui) default: Option<bool>,
}

impl ConfirmPrompt {
    /// Asks; nothing is proposed.
    #[must_use]
    pub fn new(question: impl Into<String>) -> Self {
        Self { question: question.into(), hint: String::new(), default: None }
    }

    /// Says more, in parentheses; it is shown as long as the question is open.
    #[must_use]
    pub fn hinting(mut self, hint: impl fmt::Display) -> Self {
        self.hint = format!(" ({hint})");
        self
    }

    /// Proposes yes.
    #[must_use]
    pub const fn proposing_yes(mut self) -> Self {
        self.default = Some(true);
        self
    }

    /// Proposes no.
    #[must_use]
    pub const fn proposing_no(mut self) -> Self {
        self.default = Some(false);
        self
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptError {
    /// No question can be asked.
    NonInteractive,
    /// The person left, with Ctrl-D at the hidden prompt.
    Cancelled,
    /// The person pressed Ctrl-C.
    Interrupted,
    /// The terminal is gone.
    Gone,
}

/// What questions are put to.
pub trait Prompt: Send + Sync {
    /// Returns whether questions can be asked.
    fn is_interactive(&self) -> bool;

    /// Asks for a line of text, and waits for it.
    ///
    /// # Errors
    /// If there is no answer; so for all of these.
    fn text(&self, question: &TextPrompt) -> Result<String, PromptError>;

    /// Asks for one of several things, and returns its place among them.
    ///
    /// # Errors
    /// As for a text.
    fn choice(&self, question: &ChoicePrompt) -> Result<usize, PromptError>;

    /// Asks for yes or no.
    ///
    /// # Errors
    /// As for a text.
    fn confirm(&self, question: &ConfirmPrompt) -> Result<bool, PromptError>;

    /// Asks for a secret.
    ///
    /// # Errors
    /// As for a text.
    fn hidden(&self, question: &HiddenPrompt) -> Result<Secret, PromptError>;

    /// Marks an answer as failed, if it is at the end of the screen: what it was checked against did not accept it.
    fn mark_failed(&self, _question: &str) {}

    /// Forgets which answers are at the end of the screen, because something else is.
    fn forget_answers(&self) {}

    /// Closes the question that is open, though it has no answer.
    fn release(&self);

    /// Restores the terminal as it was before the first question: for another program, or at the end of the run.
    fn restore(&self);
}

/// No person: standard input is not a terminal, or questions are switched off.
pub struct NonInteractive;

impl Prompt for NonInteractive {
    fn is_interactive(&self) -> bool {
        false
    }

    fn text(&self, _question: &TextPrompt) -> Result<String, PromptError> {
        Err(PromptError::NonInteractive)
    }

    fn choice(&self, _question: &ChoicePrompt) -> Result<usize, PromptError> {
        Err(PromptError::NonInteractive)
    }

    fn confirm(&self, _question: &ConfirmPrompt) -> Result<bool, PromptError> {
        Err(PromptError::NonInteractive)
    }

    fn hidden(&self, _question: &HiddenPrompt) -> Result<Secret, PromptError> {
        Err(PromptError::NonInteractive)
    }

    fn release(&self) {}

    fn restore(&self) {}
}
