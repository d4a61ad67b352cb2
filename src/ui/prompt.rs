//! Questions to a person, and the two who may be there: somebody at a keyboard, or nobody.

mod keyboard;
mod keys;
mod line;
mod menu;
mod terminal;

use std::fmt;
use std::str::FromStr;

use crate::model::Secret;

pub use keyboard::Keyboard;
pub(super) use keys::Key;
pub(super) use terminal::{NO_KEY, Opened};

/// Tells whether a text is an answer, or why it is none.
type Check = Box<dyn Fn(&str) -> Result<(), String> + Send>;

/// The same of something that nobody may see; the reason does not repeat it.
type SecretCheck = Box<dyn Fn(&Secret) -> Result<(), String> + Send>;

/// A question for a line of text.
pub struct Text {
    pub(in crate::ui) question: String,
    pub(in crate::ui) default: Option<String>,
    pub(in crate::ui) check: Check,
}

impl Text {
    /// Asks for a text; any will do.
    #[must_use]
    pub fn new(question: impl Into<String>) -> Self {
        Self { question: question.into(), default: None, check: Box::new(|_| Ok(())) }
    }

    /// Asks for a text that can be read as a value; the reason is shown where it cannot.
    #[must_use]
    pub fn of<T>(question: impl Into<String>) -> Self
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        Self::new(question).checked(|text| text.parse::<T>().map(|_| ()).map_err(|why| why.to_string()))
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
}

/// A question for one of several things.
pub struct Choice {
    pub(in crate::ui) question: String,
    pub(in crate::ui) items: Vec<String>,
    pub(in crate::ui) default: usize,
}

impl Choice {
    /// Offers items; the first is proposed.
    #[must_use]
    pub fn new(question: impl Into<String>, items: Vec<String>) -> Self {
        Self { question: question.into(), items, default: 0 }
    }

    /// Proposes another one than the first.
    #[must_use]
    pub const fn proposing(mut self, index: usize) -> Self {
        self.default = index;
        self
    }
}

/// A question for yes or no.
pub struct Confirm {
    pub(in crate::ui) question: String,
    pub(in crate::ui) default: Option<bool>,
}

impl Confirm {
    /// Asks; nothing is proposed.
    #[must_use]
    pub fn new(question: impl Into<String>) -> Self {
        Self { question: question.into(), default: None }
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

/// A question for something that nobody may see: how many characters were typed or pasted is all that is shown.
pub struct Hidden {
    pub(in crate::ui) question: String,
    pub(in crate::ui) check: SecretCheck,
}

impl Hidden {
    /// Asks; an answer may have several lines.
    #[must_use]
    pub fn new(question: impl Into<String>) -> Self {
        Self { question: question.into(), check: Box::new(|_| Ok(())) }
    }

    /// Asks again, with the reason, as long as this refuses the answer; nothing is shown in between either.
    #[must_use]
    pub fn checked(mut self, check: impl Fn(&Secret) -> Result<(), String> + Send + 'static) -> Self {
        self.check = Box::new(check);
        self
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// There is nobody to ask.
    Nobody,
    /// The person left, with Esc or Ctrl-D.
    Left,
    /// The terminal is gone.
    Gone,
}

/// Whom questions are put to.
pub trait Prompt: Send + Sync {
    /// Says whether there is somebody.
    fn is_somebody(&self) -> bool;

    /// Asks for a line of text, and waits for it.
    ///
    /// # Errors
    /// Where there is no answer; so for all of these.
    fn text(&self, question: &Text) -> Result<String, Silence>;

    /// Asks for one of several things, and gives its place among them.
    ///
    /// # Errors
    /// As for a text.
    fn choice(&self, question: &Choice) -> Result<usize, Silence>;

    /// Asks for yes or no.
    ///
    /// # Errors
    /// As for a text.
    fn confirm(&self, question: &Confirm) -> Result<bool, Silence>;

    /// Asks for something that nobody may see.
    ///
    /// # Errors
    /// As for a text.
    fn hidden(&self, question: &Hidden) -> Result<Secret, Silence>;

    /// Gives the terminal back as it was, though a question may still be open.
    fn give_back(&self);
}

/// Nobody: standard input is no terminal, or nobody is to be asked.
pub struct Nobody;

impl Prompt for Nobody {
    fn is_somebody(&self) -> bool {
        false
    }

    fn text(&self, _question: &Text) -> Result<String, Silence> {
        Err(Silence::Nobody)
    }

    fn choice(&self, _question: &Choice) -> Result<usize, Silence> {
        Err(Silence::Nobody)
    }

    fn confirm(&self, _question: &Confirm) -> Result<bool, Silence> {
        Err(Silence::Nobody)
    }

    fn hidden(&self, _question: &Hidden) -> Result<Secret, Silence> {
        Err(Silence::Nobody)
    }

    fn give_back(&self) {}
}
