//! A text that never shows itself.

use std::fmt;

use zeroize::Zeroizing;

use crate::model::{Register, Validated};

/// A secret text: wiped from memory when dropped, masked in `Debug`, without `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes possession of a secret text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Returns the text itself. Called only where it must leave the program; a test counts the places.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Reads it as a value of a type that checks it.
    ///
    /// # Errors
    /// What the type says against the text.
    pub fn parse<T: Validated>(&self) -> Result<T, T::Err> {
        self.0.parse()
    }

    /// Masks this text in everything that the process prints from now on. Not every `Secret` is one: a setting is held
    /// as a `Secret` before its key is known.
    pub fn register(&self) {
        Register::of_process().add(&self.0);
    }

    /// Does the same for the ticket of a log-in, or for the token that goes with it.
    pub fn register_ticket(&self) {
        Register::of_process().add_ticket(&self.0);
    }

    /// Does the same for what looks like a secret in this text, judged by the variable that holds it.
    pub fn notice(&self, variable: &str) {
        Register::of_process().notice_variable(variable, &self.0);
    }

    /// Returns a secret that is this one behind a prefix that is not secret.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(prefix.len() + self.0.len()));
        text.push_str(prefix);
        text.push_str(&self.0);
        Self(text)
    }

    /// Returns whether it is one character again and again, apart from those that divide it.
    #[must_use]
    pub fn repeats_one_character(&self, divider: char) -> bool {
        let mut rest = self.0.chars().filter(|it| *it != divider);
        let first = rest.next();
        rest.all(|it| Some(it) == first)
    }

    /// Returns its first characters, which may be shown if the rest is long.
    pub(super) fn head(&self, characters: usize) -> String {
        self.0.chars().take(characters).collect()
    }

    /// Compares two secrets, upper and lower case alike.
    #[must_use]
    pub fn equals_ignoring_case(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// Returns whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether there is nothing but blanks in it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// Returns it without the end of the last line, which an editor or `echo` adds.
    #[must_use]
    pub fn without_line_end(mut self) -> Self {
        let length = self.0.trim_end_matches(['\r', '\n']).len();
        self.0.truncate(length);
        self
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(••••)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_line_end_is_taken_off_and_no_blank() {
        for (text, bare) in [("a\n", "a"), ("a\r\n\n", "a"), (" a b ", " a b "), ("\n", "")] {
            assert_eq!(Secret::new(text.to_owned()).without_line_end().expose(), bare);
        }
        assert!(Secret::new(" \r\n".to_owned()).is_blank() && !Secret::new(" a".to_owned()).is_blank());
    }

    #[test]
    fn debug_shows_nothing_of_the_text() {
        let shown = format!("{:?}", Secret::new("canary".to_owned()));
        assert_eq!(shown, "Secret(••••)");
    }
}
