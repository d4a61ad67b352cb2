//! The writer that a question is drawn through: it masks secrets, keeps an answer on its line, and fails once the question
//! is no longer wanted.

use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use console::measure_text_width;

use crate::ui::prompt::terminal::QuestionState;
use crate::ui::{Masked, Style};

/// Standard error, as long as the question is open.
pub(super) struct QuestionWriter {
    to: Masked<io::Stderr>,
    question: Arc<QuestionState>,
    echo: Option<Echo>,
}

impl QuestionWriter {
    /// Writes for a question; `echo` is the line that its answer is typed on.
    pub(super) fn new(to: Masked<io::Stderr>, question: Arc<QuestionState>, echo: Option<Echo>) -> Self {
        Self { to, question, echo }
    }
}

/// The line that an answer is typed on. Of an answer that is wider than the line its end is shown, so that it never
/// reaches a second row: dialoguer neither clears that nor goes back to the first one.
pub(super) struct Echo {
    typed: String,
    /// The column in which the answer begins.
    start: usize,
    /// How many columns it may take.
    room: usize,
    ellipsis: &'static str,
}

impl Echo {
    /// Begins behind so many columns.
    pub(super) fn behind(start: usize, style: Style) -> Self {
        let room = style.width.unwrap_or(80).saturating_sub(start + 1).max(4);
        Self { typed: String::new(), start, room, ellipsis: if style.unicode { "…" } else { "..." } }
    }

    /// Returns what is written where dialoguer writes a text: a key that was typed, the removal of the last one, or
    /// something else, which ends the answer.
    fn drawn(&mut self, text: &str) -> String {
        let was_cut = measure_text_width(&self.typed) > self.room;
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (None, _) => return String::new(),
            (Some(letter), None) if !letter.is_control() => self.typed.push(letter),
            _ if is_removal(text) => drop(self.typed.pop()),
            _ => {
                self.typed.clear();
                return text.to_owned();
            }
        }
        let excess = measure_text_width(&self.typed).saturating_sub(self.room);
        if excess == 0 && !was_cut {
            return text.to_owned();
        }
        let line = if excess == 0 { self.typed.clone() } else { format!("{}{}", self.ellipsis, self.end()) };
        format!("\r\x1b[{}C\x1b[K{line}", self.start)
    }

    /// Returns as much of the end of the answer as has room behind the ellipsis.
    fn end(&self) -> String {
        let room = self.room.saturating_sub(measure_text_width(self.ellipsis));
        let mut width = 0;
        let letters = self.typed.chars().rev().take_while(|letter| {
            width += measure_text_width(letter.encode_utf8(&mut [0; 4]));
            width <= room
        });
        letters.collect::<Vec<_>>().into_iter().rev().collect()
    }
}

/// Returns whether a text removes what is before the cursor, as dialoguer writes it.
fn is_removal(text: &str) -> bool {
    let columns = text.strip_prefix("\x1b[").and_then(|rest| rest.strip_suffix("D\x1b[0K"));
    columns.is_some_and(|columns| columns.parse::<usize>().is_ok())
}

impl fmt::Debug for QuestionWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("QuestionWriter")
    }
}

impl AsRawFd for QuestionWriter {
    fn as_raw_fd(&self) -> RawFd {
        io::stderr().as_raw_fd()
    }
}

impl Write for QuestionWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.question.is_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let text = harmless(&String::from_utf8_lossy(bytes));
        let text = match &mut self.echo {
            Some(echo) => echo.drawn(&text),
            None => text,
        };
        self.to.write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Leaves out the control characters that dialoguer echoes when they are typed: they could switch the character set.
fn harmless(text: &str) -> String {
    text.chars().filter(|it| !it.is_control() || ['\n', '\r', '\x1b'].contains(it)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Echo, harmless};
    use crate::ui::Style;

    const STYLE: Style = Style { color: false, unicode: true, width: Some(20) };

    /// Types a text behind ten columns, and returns what was drawn last.
    fn typed(echo: &mut Echo, text: &str) -> String {
        text.chars().map(|letter| echo.drawn(&letter.to_string())).last().unwrap()
    }

    #[test]
    fn of_an_answer_that_is_wider_than_its_line_the_end_is_shown() {
        let mut echo = Echo::behind(10, STYLE);
        assert_eq!(typed(&mut echo, "123456789"), "9", "as long as there is room");
        assert_eq!(echo.drawn(""), "", "a key that is not shown");
        assert_eq!(echo.drawn("a"), "\r\x1b[10C\x1b[K…3456789a");
        assert_eq!(typed(&mut echo, "日本"), "\r\x1b[10C\x1b[K…789a日本", "by columns");
        for _ in 0..2 {
            echo.drawn("\x1b[2D\x1b[0K");
        }
        assert_eq!(echo.drawn("\x1b[1D\x1b[0K"), "\r\x1b[10C\x1b[K123456789", "it has room again");
        assert_eq!(echo.drawn("\x1b[1D\x1b[0K"), "\x1b[1D\x1b[0K");
        let mut ascii = Echo::behind(10, Style { unicode: false, ..STYLE });
        assert_eq!(typed(&mut ascii, "123456789a"), "\r\x1b[10C\x1b[K...56789a");
    }

    #[test]
    fn the_next_try_begins_with_an_empty_line() {
        let mut echo = Echo::behind(10, STYLE);
        typed(&mut echo, "123456789abc");
        assert_eq!(echo.drawn("\n"), "\n");
        assert_eq!(typed(&mut echo, "123456789"), "9");
    }

    #[test]
    fn typed_control_characters_are_not_shown() {
        assert_eq!(harmless("a\u{4}\u{e}\u{15}\u{9b}b\u{7f}"), "ab");
        assert_eq!(harmless("\x1b[1mgrößer\x1b[0m\r\n"), "\x1b[1mgrößer\x1b[0m\r\n");
    }
}
