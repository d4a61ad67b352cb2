//! Questions on a terminal that cannot move its cursor: plain lines, and numbered lists in place of menus.

use std::io;

use rustix::io::Errno;

use super::PromptError;
use super::terminal::{QuestionOnTerminal, has_input};
use crate::ui::screen::wrap;
use crate::ui::symbols::Symbol;
use crate::ui::{Draw, Printable, Screen, Style, Tone, render};
use std::fmt;
use std::time::Duration;

/// How often a question that waits for a line checks whether it is still open.
const TICK: Duration = Duration::from_millis(100);

/// More than this is not one answer.
const MAX_ANSWER: usize = 4096;

/// The line that is typed on begins like this.
const PROMPT: &str = "> ";

/// A line of a question; where it is wrapped, it hangs under its own first word.
struct QuestionLine<'a> {
    label: &'a str,
    tone: Tone,
    text: &'a str,
}

impl Draw for QuestionLine<'_> {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let indent = self.label.chars().count();
        let room = screen.style().width.map(|width| width.saturating_sub(indent));
        let mut label = screen.paint(self.tone, self.label);
        for piece in wrap(self.text, room) {
            let piece = screen.paint(self.tone, &piece);
            screen.line(&format!("{label}{piece}"))?;
            label = " ".repeat(indent);
        }
        Ok(())
    }
}

/// A question on plain lines.
pub(super) struct LineDialog<'a> {
    asking: &'a QuestionOnTerminal<'a>,
    style: Style,
}

impl<'a> LineDialog<'a> {
    pub(super) const fn new(asking: &'a QuestionOnTerminal<'a>, style: Style) -> Self {
        Self { asking, style }
    }

    /// Asks until the check accepts the answer; it gives the value or the reason.
    pub(super) fn ask<T>(&self, question: &str, check: impl Fn(&str) -> Result<T, String>) -> Result<T, PromptError> {
        self.say("? ", Tone::Strong, question);
        loop {
            match check(self.line()?.trim()) {
                Ok(answer) => return Ok(answer),
                Err(why) => {
                    let mark = format!("{} ", Symbol::Failed.text(self.style));
                    self.say(&mark, Tone::Bad, &Printable(&why).to_string());
                }
            }
        }
    }

    /// Offers items as a numbered list.
    pub(super) fn choose(&self, question: &str, items: &[String], default: usize) -> Result<usize, PromptError> {
        self.say("? ", Tone::Strong, question);
        for (index, item) in items.iter().enumerate() {
            self.say(&format!("{:>3}. ", index + 1), Tone::Plain, item);
        }
        let count = items.len();
        self.ask(&format!("Number, 1 to {count} [{}]", default + 1), |typed| {
            let index = match typed {
                "" => Some(default),
                typed => typed.parse::<usize>().ok().and_then(|number| number.checked_sub(1)),
            };
            index.filter(|index| *index < count).ok_or_else(|| format!("a number from 1 to {count}"))
        })
    }

    fn say(&self, label: &str, tone: Tone, text: &str) {
        self.asking.write(&render(&QuestionLine { label, tone, text }, self.style));
    }

    /// Reads a line that the terminal lets a person edit.
    fn line(&self) -> Result<String, PromptError> {
        self.asking.write(PROMPT);
        let mut line = Vec::new();
        loop {
            if self.asking.is_closed() {
                return Err(PromptError::Cancelled);
            }
            if !has_input(TICK).map_err(|_| PromptError::Gone)? {
                continue;
            }
            let mut bytes = [0; 1024];
            match rustix::io::read(io::stdin(), &mut bytes) {
                Ok(0) => return Err(PromptError::Gone),
                Ok(count) => line.extend_from_slice(bytes.get(..count).unwrap_or_default()),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(_) => return Err(PromptError::Gone),
            }
            if line.ends_with(b"\n") || line.len() > MAX_ANSWER {
                let text = String::from_utf8_lossy(&line);
                return Ok(text.chars().filter(|it| !it.is_control()).collect());
            }
        }
    }
}
