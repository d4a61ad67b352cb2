//! A question for a secret.

use std::fmt;

use crate::model::Secret;

/// Accepts an answer that is not shown, or gives the reason why not; the reason does not repeat it.
type SecretValidator = Box<dyn Fn(&Secret) -> Result<(), String> + Send>;

/// A question for a secret: how many characters were typed or pasted is all that is shown.
pub struct HiddenPrompt {
    pub(in crate::ui) question: String,
    pub(in crate::ui) hint: String,
    pub(in crate::ui) check: SecretValidator,
    /// What is shown of the question and of its answer once it is answered.
    pub(in crate::ui) answered: Option<(String, SecretDescription)>,
}

/// Says of an answer that is not shown what may be shown of it.
type SecretDescription = Box<dyn Fn(&Secret) -> String + Send>;

impl HiddenPrompt {
    /// Asks; an answer may have several lines.
    #[must_use]
    pub fn new(question: impl Into<String>) -> Self {
        Self { question: question.into(), hint: String::new(), check: Box::new(|_| Ok(())), answered: None }
    }

    /// Says more, in parentheses; it is shown as long as the question is open.
    #[must_use]
    pub fn hinting(mut self, hint: impl fmt::Display) -> Self {
        self.hint = format!(" ({hint})");
        self
    }

    /// Shows the answer under another title, and this of it.
    #[must_use]
    pub fn answered_as(
        mut self,
        title: impl Into<String>,
        describe: impl Fn(&Secret) -> String + Send + 'static,
    ) -> Self {
        self.answered = Some((title.into(), Box::new(describe)));
        self
    }

    /// Returns the question and what may be shown of the answer.
    pub(in crate::ui) fn answered(&self, said: &Secret) -> (String, String) {
        match &self.answered {
            Some((title, describe)) => (title.clone(), describe(said)),
            None => (self.question.clone(), "•".repeat(8)),
        }
    }

    /// Asks again, with the reason, as long as this refuses the answer; nothing is shown in between either.
    #[must_use]
    pub fn checked(mut self, check: impl Fn(&Secret) -> Result<(), String> + Send + 'static) -> Self {
        self.check = Box::new(check);
        self
    }
}
