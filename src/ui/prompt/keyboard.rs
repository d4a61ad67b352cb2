//! A person at a terminal: how each kind of question is put, and how the answer is read.

use std::cell::Cell;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::keys::KeyPress;
use super::line::LineEditor;
use super::menu::{Menu, MenuStep};
use super::terminal::{RawTerminal, TermMode, Terminal, TypedAhead};
use super::{ChoicePrompt, ConfirmPrompt, HiddenPrompt, Prompt, PromptError, TextPrompt};
use crate::model::secret_form::is_pasted_secret;
use crate::model::{Register, Secret};
use crate::ui::{Draw, Printable, Screen, Style, Tone, render, secret};

/// So many items of a menu are on the screen at once, where the window has the rows.
const ROWS_AT_MOST: usize = 12;

/// What is said of a secret that is given where everybody can read it.
const SEEN: &str = "this looks like a secret: it is not taken here, and is asked for where nothing of it is shown";

/// The line that is typed on begins like this.
const MARK: &str = "   > ";

/// A person at a terminal.
pub struct TtyPrompt {
    terminal: Terminal,
    color: bool,
    unicode: bool,
    knows_sequences: bool,
    /// One question at a time.
    turn: Mutex<()>,
}

/// A question as it is shown, or the reason why an answer is none.
struct Said<'a> {
    tone: Tone,
    text: &'a str,
}

impl Draw for Said<'_> {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.toned(3, self.tone, self.text)
    }
}

impl TtyPrompt {
    /// Puts questions to whoever sits at the terminal; one that knows no control sequences is only written to.
    #[must_use]
    pub fn new(style: Style, knows_sequences: bool) -> Self {
        Self {
            terminal: Terminal::new(knows_sequences),
            color: style.color,
            unicode: style.unicode,
            knows_sequences,
            turn: Mutex::new(()),
        }
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn style(&self) -> Style {
        Style { color: self.color, unicode: self.unicode, width: Some(self.terminal.size().1) }
    }

    fn say(&self, tone: Tone, text: &str) {
        self.terminal.write(&render(&Said { tone, text }, self.style()));
    }

    fn open(&self) -> Result<RawTerminal<'_>, PromptError> {
        let mode = if self.knows_sequences { TermMode::Keys } else { TermMode::Lines };
        self.terminal.open(mode, TypedAhead::Stays).map_err(|_| PromptError::Cancelled)
    }

    fn menu(&self, opened: &mut RawTerminal<'_>, items: &[String], default: usize) -> Result<usize, PromptError> {
        let rows = || ROWS_AT_MOST.min(self.terminal.size().0.saturating_sub(6));
        let mut menu = Menu::new(items, default, rows());
        self.terminal.hide_cursor();
        loop {
            let lines = menu.lines(self.style());
            let drawn: String = lines.iter().map(|line| format!("{line}\n")).collect();
            self.terminal.write(&drawn);
            let key = opened.key();
            self.terminal.write(&format!("\x1b[{}A\r\x1b[J", lines.len()));
            let key = key?;
            if key == KeyPress::Resized {
                menu.resize(rows());
            }
            match menu.press(&key) {
                MenuStep::Open => {}
                MenuStep::Chosen(index) => return Ok(index),
                MenuStep::Left => return Err(PromptError::Cancelled),
            }
        }
    }

    /// Offers the items as a numbered list, where a menu cannot be drawn.
    fn numbers(&self, opened: &mut RawTerminal<'_>, items: &[String], default: usize) -> Result<usize, PromptError> {
        for (index, item) in items.iter().enumerate() {
            self.say(Tone::Plain, &format!("{:>3}. {item}", index + 1));
        }
        self.say(Tone::Plain, &format!("the number, 1 to {} [{}]", items.len(), default + 1));
        loop {
            let typed = self.line(opened)?;
            let index = match typed.trim() {
                "" => Some(default),
                typed => typed.parse::<usize>().ok().and_then(|number| number.checked_sub(1)),
            };
            match index.filter(|index| *index < items.len()) {
                Some(index) => return Ok(index),
                None => self.say(Tone::Warning, &format!("a number from 1 to {}", items.len())),
            }
        }
    }

    /// Shows on the line above what was taken because nothing was typed.
    fn taken<'a>(&self, default: &'a str) -> &'a str {
        if self.knows_sequences {
            let (shown, _) = LineEditor::of(default).view(self.terminal.size().1.saturating_sub(MARK.len()));
            self.terminal.write(&format!("\x1b[A\r\x1b[K{MARK}{shown}\n"));
        }
        default
    }

    /// Reads one line, shown while it is typed.
    fn line(&self, opened: &mut RawTerminal<'_>) -> Result<String, PromptError> {
        if !self.knows_sequences {
            self.terminal.write(MARK);
            return opened.line();
        }
        let mut line = LineEditor::default();
        loop {
            let columns = self.terminal.size().1.saturating_sub(MARK.len());
            let (shown, column) = line.view(columns);
            self.terminal.write(&format!("\r\x1b[K{MARK}{shown}\r\x1b[{}C", MARK.len() + column));
            match opened.key()? {
                KeyPress::Enter => {
                    self.terminal.write("\n");
                    return Ok(line.text());
                }
                KeyPress::Leave if line.text().is_empty() => {
                    self.terminal.write("\n");
                    return Err(PromptError::Cancelled);
                }
                key => line.press(&key),
            }
        }
    }
}

impl Prompt for TtyPrompt {
    fn is_interactive(&self) -> bool {
        true
    }

    fn text(&self, text: &TextPrompt) -> Result<String, PromptError> {
        let _turn = self.turn();
        let mut opened = self.open()?;
        let default = text.default.as_deref();
        let shown = default.map(|default| format!(" [{}]", Printable(default))).unwrap_or_default();
        self.say(Tone::Strong, &format!("{}{shown}", text.question));
        loop {
            let typed = self.line(&mut opened)?;
            let typed = typed.trim();
            let answer = if typed.is_empty() { self.taken(default.unwrap_or_default()) } else { typed };
            if is_pasted_secret(answer) {
                Register::of_process().notice(answer);
                self.say(Tone::Warning, SEEN);
                continue;
            }
            match (text.check)(answer) {
                Ok(()) => return Ok(answer.to_owned()),
                Err(why) => self.say(Tone::Warning, &Printable(&why).to_string()),
            }
        }
    }

    fn choice(&self, choice: &ChoicePrompt) -> Result<usize, PromptError> {
        let _turn = self.turn();
        let mut opened = self.open()?;
        let items: Vec<String> = choice.items.iter().map(|item| Printable(item).to_string()).collect();
        self.say(Tone::Strong, &choice.question);
        let index = if self.knows_sequences {
            self.menu(&mut opened, &items, choice.default)?
        } else {
            return self.numbers(&mut opened, &items, choice.default);
        };
        let chosen: Vec<&str> = items.get(index).map(|item| item.split_whitespace().collect()).unwrap_or_default();
        self.say(Tone::Plain, &format!("> {}", chosen.join(" ")));
        Ok(index)
    }

    fn confirm(&self, confirm: &ConfirmPrompt) -> Result<bool, PromptError> {
        let _turn = self.turn();
        let mut opened = self.open()?;
        let hint = match confirm.default {
            Some(true) => "[Y/n]",
            Some(false) => "[y/N]",
            None => "[y/n]",
        };
        self.say(Tone::Strong, &format!("{} {hint}", confirm.question));
        loop {
            let typed = self.line(&mut opened)?;
            match (typed.trim().to_ascii_lowercase().as_str(), confirm.default) {
                ("y" | "yes", _) => return Ok(true),
                ("n" | "no", _) => return Ok(false),
                ("", Some(default)) => {
                    self.taken(if default { "yes" } else { "no" });
                    return Ok(default);
                }
                _ => self.say(Tone::Warning, "y for yes, n for no"),
            }
        }
    }

    fn hidden(&self, hidden: &HiddenPrompt) -> Result<Secret, PromptError> {
        let _turn = self.turn();
        // Nothing typed from the moment on that the question can be seen is shown.
        let mut opened = self.terminal.open(TermMode::Keys, TypedAhead::Goes).map_err(|_| PromptError::Cancelled)?;
        self.say(Tone::Strong, &hidden.question);
        let length = Cell::new(0);
        let told = |count: usize| format!("{MARK}({count} character{})", if count == 1 { "" } else { "s" });
        let count = |count: usize| {
            length.set(count);
            if self.knows_sequences {
                self.terminal.write(&format!("\r\x1b[K{}", told(count)));
            }
        };
        loop {
            let read = secret::read(&mut opened, &count);
            // Where a line cannot be redrawn, the number is told once, behind the answer.
            let end = if self.knows_sequences || read.is_err() { String::new() } else { told(length.get()) };
            self.terminal.write(&format!("{end}\n"));
            let said = read?;
            match (hidden.check)(&said) {
                Ok(()) => return Ok(said),
                Err(why) => self.say(Tone::Warning, &Printable(&why).to_string()),
            }
        }
    }

    fn release(&self) {
        self.terminal.release();
    }
}
