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
    /// What names a flag or another command, and what takes its place where the wizard asks for the answer.
    ByFlag {
        /// For a command line.
        hint: Box<Self>,
        /// For the wizard, if there is anything to say.
        asked: Option<String>,
    },
}

impl Hint {
    /// Returns its text.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Say(text) | Self::Run(text) => text,
            Self::ByFlag { hint, .. } => hint.text(),
        }
    }

    /// Gives the hint for a command line.
    #[must_use]
    pub(super) fn for_command_line(self) -> Self {
        match self {
            Self::ByFlag { hint, .. } => *hint,
            plain @ (Self::Say(_) | Self::Run(_)) => plain,
        }
    }

    /// Gives the hint for a person whom the wizard asks, if there is one.
    pub(super) fn for_wizard(self) -> Option<Self> {
        match self {
            Self::ByFlag { asked, .. } => asked.map(Self::Say),
            plain @ (Self::Say(_) | Self::Run(_)) => Some(plain),
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
            Hint::Run(text) => {
                let text = screen.paint(Tone::Command, text);
                let label = screen.paint(Tone::Strong, label);
                screen.line(&format!("{label}{text}"))?;
            }
            Hint::Say(_) | Hint::ByFlag { .. } if hints.len() > 1 => {
                screen.list_item(label, Tone::Strong, hint.text())?;
            }
            Hint::Say(_) | Hint::ByFlag { .. } => screen.labelled(label, Tone::Strong, hint.text())?,
        }
        label = &blanks;
    }
    Ok(())
}

/// Makes a hint of a sentence.
pub(super) fn say(text: impl Into<String>) -> Hint {
    Hint::Say(text.into())
}

/// Makes a hint of a sentence that names a flag, with the one that the wizard says in its place.
pub(super) fn by_flag(text: impl Into<String>, asked: impl Into<String>) -> Hint {
    Hint::ByFlag { hint: Box::new(say(text)), asked: Some(asked.into()) }
}

/// Leaves a hint out where the wizard asks.
pub(super) fn not_in_wizard(hint: Hint) -> Hint {
    Hint::ByFlag { hint: Box::new(hint), asked: None }
}

/// Makes a hint of a command.
pub(super) fn run(text: impl Into<String>) -> Hint {
    Hint::Run(text.into())
}
