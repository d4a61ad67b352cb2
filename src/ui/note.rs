//! Lines that several commands show.

use std::fmt;

use crate::ui::{Draw, Screen, Tone};

/// One remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    label: &'static str,
    tone: Tone,
    text: String,
}

impl Note {
    /// Makes a remark of a sentence.
    pub(crate) const fn plain(text: String) -> Self {
        Self { label: "", tone: Tone::Plain, text }
    }

    /// Makes a line that says what was found, below a heading.
    pub(crate) const fn found(text: String) -> Self {
        Self { label: "   ", tone: Tone::Plain, text }
    }

    /// Makes a warning.
    pub(crate) const fn warning(text: String) -> Self {
        Self { label: "warning: ", tone: Tone::Warning, text }
    }
}

impl Draw for Note {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.labelled(self.label, self.tone, &self.text)
    }
}

/// The heading of a command or of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heading {
    /// What it says.
    pub(crate) text: String,
    /// Whether a simulated server is meant: every heading says so.
    pub(crate) is_sandbox: bool,
}

impl Draw for Heading {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let suffix = if self.is_sandbox { " (sandbox)" } else { "" };
        screen.heading(&format!("{}{suffix}", self.text))
    }
}
