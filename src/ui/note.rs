//! Lines that several commands show.

use std::fmt;

use crate::ui::symbols::Symbol;
use crate::ui::{Draw, Screen, Tone};

/// One remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    label: NoteLabel,
    tone: Tone,
    text: String,
}

/// What is in front of a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NoteLabel {
    Word(&'static str),
    Symbol(Symbol),
    /// A check mark, and a title in front of the text, as a question with its answer.
    Title(String),
    /// The same with a dash.
    LeftOut(String),
}

impl Note {
    /// Makes a remark of a sentence.
    pub(crate) const fn plain(text: String) -> Self {
        Self { label: NoteLabel::Word(""), tone: Tone::Plain, text }
    }

    /// Makes a line that says what was found, below a heading.
    pub(crate) const fn found(text: String) -> Self {
        Self { label: NoteLabel::Word("   "), tone: Tone::Plain, text }
    }

    /// Makes a line about something that is done, or was checked and is right.
    pub(crate) const fn done(text: String) -> Self {
        Self { label: NoteLabel::Symbol(Symbol::Done), tone: Tone::Good, text }
    }

    /// Makes a line that looks like a question with its answer, for what was not asked.
    pub(crate) fn answered(title: &str, text: String) -> Self {
        Self { label: NoteLabel::Title(title.to_owned()), tone: Tone::Good, text }
    }

    /// Makes a line about something that failed while other work goes on.
    pub(crate) const fn failed(text: String) -> Self {
        Self { label: NoteLabel::Symbol(Symbol::Failed), tone: Tone::Bad, text }
    }

    /// Makes the same for what has no answer.
    pub(crate) fn left_out(title: &str, text: String) -> Self {
        Self { label: NoteLabel::LeftOut(title.to_owned()), tone: Tone::Dim, text }
    }

    /// Makes a warning.
    pub(crate) const fn warning(text: String) -> Self {
        Self { label: NoteLabel::Word("warning: "), tone: Tone::Warning, text }
    }
}

impl Draw for Note {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        match &self.label {
            NoteLabel::Word(word) => screen.labelled(word, self.tone, &self.text),
            NoteLabel::Symbol(symbol) => {
                screen.labelled(&format!("{} ", symbol.text(screen.style())), self.tone, &self.text)
            }
            NoteLabel::LeftOut(title) => {
                let dot = Symbol::Separator.text(screen.style());
                screen.labelled("- ", self.tone, &format!("{title} {dot} {}", self.text))
            }
            NoteLabel::Title(title) => {
                let (mark, dot) = (Symbol::Done.text(screen.style()), Symbol::Separator.text(screen.style()));
                screen.labelled(&format!("{mark} "), self.tone, &format!("{title} {dot} {}", self.text))
            }
        }
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
