//! What to do next: a sentence, or a command to paste.

use std::fmt;

use crate::ui::{Screen, Tone};

/// What to do next: a sentence, or a command to paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A sentence.
    Say(String),
    /// A command.
    Run(String),
}

impl Hint {
    /// Returns its text.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Say(text) | Self::Run(text) => text,
        }
    }
}

/// Draws what to do next, the first behind a label and the others below it.
///
/// # Errors
/// What the writer reports.
pub fn draw_hints(label: &str, hints: &[Hint], screen: &mut Screen<'_>) -> fmt::Result {
    let blanks = " ".repeat(label.chars().count());
    let mut label = label;
    for hint in hints {
        match hint {
            Hint::Say(text) => screen.labelled(label, Tone::Strong, text)?,
            Hint::Run(text) => {
                let text = screen.paint(Tone::Command, text);
                let label = screen.paint(Tone::Strong, label);
                screen.line(&format!("{label}{text}"))?;
            }
        }
        label = &blanks;
    }
    Ok(())
}

/// Makes a hint of a sentence.
pub(super) fn say(text: impl Into<String>) -> Hint {
    Hint::Say(text.into())
}

/// Makes a hint of a command.
pub(super) fn run(text: impl Into<String>) -> Hint {
    Hint::Run(text.into())
}
