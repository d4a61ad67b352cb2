//! The symbols that are in front of a line: one set for all commands, each with a form in ASCII.

use crate::ui::Style;

/// What a symbol says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Symbol {
    /// A question is open.
    Question,
    /// Something is done, or was found to be right.
    Done,
    /// Something works, but needs attention.
    Warning,
    /// Something failed.
    Failed,
    /// Something was not looked at.
    Skipped,
    /// The entry that Enter takes.
    Pointer,
    /// What is typed goes here.
    Cursor,
    /// Stands between a question and its answer.
    Separator,
}

impl Symbol {
    /// Returns the symbol as the terminal can show it.
    pub(crate) const fn text(self, style: Style) -> &'static str {
        match (self, style.unicode) {
            (Self::Question, _) => "?",
            (Self::Done, true) => "✔",
            (Self::Done, false) => "ok",
            (Self::Warning, _) => "!",
            (Self::Skipped, _) => "-",
            (Self::Failed, true) => "✗",
            (Self::Failed, false) => "x",
            (Self::Pointer, true) => "❯",
            (Self::Cursor, true) => "›",
            (Self::Pointer | Self::Cursor, false) => ">",
            (Self::Separator, true) => "·",
            (Self::Separator, false) => "-",
        }
    }
}
