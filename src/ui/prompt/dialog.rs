//! A person at a terminal: how each kind of question is asked, and how the answer is read.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use console::Term;
use dialoguer::{FuzzySelect, Input, Select};

use super::answered::{Answers, clear_above, height};
use super::hidden;
use super::menu::{Menu, MenuArea};
use super::numbered::LineDialog;
use super::terminal::{QuestionOnTerminal, TermMode, Terminal, discard_input};
use super::theme::{Outcome, QuestionTheme};
use super::writer::{Echo, QuestionWriter};
use super::{ChoicePrompt, ConfirmPrompt, Filter, HiddenPrompt, Prompt, PromptError, TextPrompt};
use crate::model::secret_form::is_pasted_secret;
use crate::model::{Register, Secret};
use crate::ui::{Masked, Printable, Style};

/// So many items of a menu are on the screen at once, if the window has the rows.
const MAX_MENU_ROWS: usize = 12;

/// A smaller window has no room for a menu: its items become a numbered list.
const MIN_WINDOW: MenuArea = MenuArea { rows: 7, columns: 16, last: 0 };

/// The reason why a secret is refused at a visible question.
const VISIBLE_SECRET_REFUSED: &str =
    "this looks like a secret: it is not taken here, but at the hidden question that follows";

/// A person at a terminal.
pub struct TtyPrompt {
    terminal: Terminal,
    color: bool,
    unicode: bool,
    knows_sequences: bool,
    /// One question at a time.
    turn: Mutex<()>,
    /// The answers at the end of the screen.
    answers: Mutex<Answers>,
}

/// A question whose answer is a line.
struct LineQuestion<'a> {
    title: &'a str,
    /// What can be answered.
    hint: String,
    default: Option<&'a str>,
    /// Gives what is shown of the answer.
    shown: fn(&str) -> &str,
}

impl LineQuestion<'_> {
    fn text(&self) -> String {
        format!("{}{}", self.title, self.hint)
    }
}

impl TtyPrompt {
    /// Asks at the terminal; one that does not know control sequences gets plain lines.
    #[must_use]
    pub fn new(style: Style, knows_sequences: bool) -> Self {
        Self {
            terminal: Terminal::new(knows_sequences),
            color: style.color,
            unicode: style.unicode,
            knows_sequences,
            turn: Mutex::new(()),
            answers: Mutex::default(),
        }
    }

    fn lock_terminal(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows an answer behind its question.
    fn show(&self, asking: &QuestionOnTerminal<'_>, question: &str, answer: &str) {
        asking.write(&self.answers().add(question, answer, self.style()));
    }

    fn style(&self) -> Style {
        Style { color: self.color, unicode: self.unicode, width: Some(self.terminal.size().1) }
    }

    fn open(&self, mode: TermMode) -> Result<QuestionOnTerminal<'_>, PromptError> {
        self.terminal.open(mode).map_err(|_| PromptError::Gone)
    }

    /// Returns the terminal as dialoguer takes it. Its size and kind are those of standard error; keys are always read
    /// from standard input.
    fn term(&self, asking: &QuestionOnTerminal<'_>, echo: Option<Echo>) -> Term {
        let masked = Masked::new(io::stderr());
        let masked = if self.unicode { masked } else { masked.in_ascii() };
        Term::read_write_pair(io::stdin(), QuestionWriter::new(masked, Arc::clone(asking.question()), echo))
    }

    /// Asks for a line until the check accepts it; shows the question with its answer in its place.
    fn ask<T: fmt::Display>(
        &self,
        question: &LineQuestion<'_>,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, PromptError> {
        let _turn = self.lock_terminal();
        let default = question.default;
        let or_default = |typed: &str| {
            let typed: String = typed.chars().filter(|it| !it.is_control()).collect();
            let typed = typed.trim();
            check(if typed.is_empty() { default.unwrap_or_default() } else { typed })
        };
        if !self.knows_sequences {
            let asking = self.open(TermMode::Lines)?;
            let shown = default.map(|it| format!(" [{}]", Printable(it))).unwrap_or_default();
            return LineDialog::new(&asking, self.style()).ask(&format!("{}{shown}", question.text()), or_default);
        }
        let asking = self.open(TermMode::Typing)?;
        let theme = QuestionTheme::new(self.style());
        let accepted = |typed: &String| {
            let checked = or_default(typed).map(|_| ());
            if checked.is_err() {
                // The rest of a paste is not the next try.
                discard_input();
            }
            checked
        };
        let mut input =
            Input::<String>::with_theme(&theme).with_prompt(question.text()).allow_empty(true).report(false);
        if let Some(default) = default {
            input = input.default(default.to_owned());
        }
        let echo = Echo::behind(theme.width_before_answer(&question.text(), default), self.style());
        let term = self.term(&asking, Some(echo));
        let typed = input.validate_with(accepted).interact_on(&term).map_err(|why| failed(why, &asking))?;
        let answer = or_default(&typed).map_err(|_| PromptError::Gone)?;
        self.show(&asking, question.title, &Printable((question.shown)(&answer.to_string())).to_string());
        Ok(answer)
    }

    /// Lets one of the items be pointed at.
    fn select_item(&self, choice: &ChoicePrompt, items: &[String]) -> Result<usize, PromptError> {
        let asking = self.open(TermMode::Menu)?;
        let theme = QuestionTheme::new(self.style());
        let above = theme.question(&choice.question).len() + 1;
        let (rows, columns) = asking.size();
        let page = MenuArea { rows: MAX_MENU_ROWS.min(rows.saturating_sub(above + 3)).max(1), columns, last: 0 };
        let sorted = match choice.filter {
            Filter::Typed => Menu::sorted(items, choice.default, MenuArea { last: choice.last, ..page }),
            Filter::None => None,
        };
        let can_filter = sorted.is_some();
        let menu = sorted.unwrap_or_else(|| Menu::fixed(items));
        let theme = theme.of_menu(&menu);
        let (term, default) = (self.term(&asking, None), menu.place(choice.default));
        let place = if can_filter {
            let select = FuzzySelect::with_theme(&theme).with_prompt(&choice.question).highlight_matches(false);
            select.items(menu.keys()).default(default).max_length(page.rows).report(false).interact_on(&term)
        } else {
            let select = Select::with_theme(&theme).with_prompt(&choice.question);
            select.items(menu.keys()).default(default).max_length(page.rows).report(false).interact_on(&term)
        };
        let index = menu.chosen(place.map_err(|why| failed(why, &asking))?);
        let short = choice.answered.as_ref().and_then(|(title, items)| Some((title, items.get(index)?)));
        let (title, item) = match (short, items.get(index)) {
            (Some((title, item)), _) => (title, Printable(item).to_string()),
            (None, item) => (&choice.question, item.cloned().unwrap_or_default()),
        };
        let words: Vec<&str> = item.split_whitespace().collect();
        self.show(&asking, title, &words.join(" "));
        Ok(index)
    }
}

/// Says why dialoguer has no answer: with the signals blocked in this thread, Ctrl-C is an error like others.
fn failed(why: dialoguer::Error, asking: &QuestionOnTerminal<'_>) -> PromptError {
    let dialoguer::Error::IO(why) = why;
    if why.kind() == io::ErrorKind::Interrupted {
        asking.end_line();
        return PromptError::Interrupted;
    }
    PromptError::Gone
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

impl Prompt for TtyPrompt {
    fn is_interactive(&self) -> bool {
        true
    }

    fn text(&self, text: &TextPrompt) -> Result<String, PromptError> {
        let question = LineQuestion {
            title: &text.question,
            hint: text.hint.clone(),
            default: text.default.as_deref(),
            shown: text.shown,
        };
        self.ask(&question, |answer| {
            if is_pasted_secret(answer) {
                Register::of_process().notice(answer);
                return Err(VISIBLE_SECRET_REFUSED.to_owned());
            }
            (text.check)(answer).map(|()| answer.to_owned())
        })
    }

    fn choice(&self, choice: &ChoicePrompt) -> Result<usize, PromptError> {
        let _turn = self.lock_terminal();
        let items: Vec<String> = choice.items.iter().map(|item| Printable(item).to_string()).collect();
        let (rows, columns) = self.terminal.size();
        if !self.knows_sequences || rows < MIN_WINDOW.rows || columns < MIN_WINDOW.columns {
            let asking = self.open(TermMode::Lines)?;
            return LineDialog::new(&asking, self.style()).choose(&choice.question, &items, choice.default);
        }
        self.select_item(choice, &items)
    }

    fn confirm(&self, confirm: &ConfirmPrompt) -> Result<bool, PromptError> {
        let keys = match confirm.default {
            Some(true) => "[Y/n]",
            Some(false) => "[y/N]",
            None => "[y/n]",
        };
        let hint = format!("{} {keys}", confirm.hint);
        let question = LineQuestion { title: &confirm.question, hint, default: None, shown: |answer| answer };
        let answer = self.ask(&question, |typed| match (typed.to_ascii_lowercase().as_str(), confirm.default) {
            ("y" | "yes", _) | ("", Some(true)) => Ok("yes"),
            ("n" | "no", _) | ("", Some(false)) => Ok("no"),
            _ => Err("y for yes, n for no".to_owned()),
        })?;
        Ok(answer == "yes")
    }

    fn hidden(&self, hidden: &HiddenPrompt) -> Result<Secret, PromptError> {
        let _turn = self.lock_terminal();
        let asking = self.open(TermMode::Hidden)?;
        let theme = QuestionTheme::new(self.style());
        let (screen_rows, columns) = asking.size();
        let question = lines(&theme.question(&format!("{}{}", hidden.question, hidden.hint)));
        asking.write(&question);
        let mut rows = height(&question, columns);
        let length = Cell::new(0);
        let shown =
            |count: usize| format!("  {} ({count} character{})", theme.cursor(), if count == 1 { "" } else { "s" });
        let count = |count: usize| {
            length.set(count);
            if self.knows_sequences {
                asking.write(&format!("\r\x1b[K{}", shown(count)));
            }
        };
        loop {
            let read = hidden::read(&asking, &count);
            // Where a line cannot be redrawn, the number is shown once, behind the answer.
            let end = if self.knows_sequences || read.is_err() { String::new() } else { shown(length.get()) };
            asking.write(&format!("{end}\n"));
            rows += 1;
            let said = read?;
            match (hidden.check)(&said) {
                Ok(()) => {
                    let (question, answer) = hidden.answered(&said);
                    if self.knows_sequences {
                        asking.write(&if rows < screen_rows { clear_above(rows) } else { String::new() });
                        self.show(&asking, &question, &answer);
                    } else if hidden.answered.is_some() {
                        asking.write(&lines(&theme.answered(&question, &answer, Outcome::Good)));
                    }
                    return Ok(said);
                }
                Err(why) => {
                    let reason = lines(&theme.reason(&why));
                    rows += height(&reason, columns);
                    asking.write(&reason);
                }
            }
        }
    }

    fn mark_failed(&self, question: &str) {
        let _turn = self.lock_terminal();
        if self.knows_sequences
            && let Some(redrawn) = self.answers().fail(question, self.style(), self.terminal.size().0)
        {
            self.terminal.write(&redrawn);
        }
    }

    fn forget_answers(&self) {
        self.answers().forget();
    }

    fn release(&self) {
        self.terminal.release();
    }

    fn restore(&self) {
        self.terminal.restore();
    }
}
