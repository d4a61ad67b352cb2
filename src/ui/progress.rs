//! What runs: drawn by indicatif, a line for each task, as many as fit.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::{measure_text_width, truncate_str};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use rustix::termios::tcgetwinsize;

use super::echo_guard::EchoGuard;
use super::screen::paint;
use super::{Masked, Style, Tone};

/// Redrawn at most this often in a second.
const MAX_REDRAWS_PER_SECOND: u8 = 20;

/// These rows stay free of tasks: for the line about all of them, and for what was said last.
const RESERVED_ROWS: usize = 3;

/// What is waited for, for how long, and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The task, under which its line is found again.
    pub task: String,
    /// What is waited for: `Cloning 9000 to VM 100`.
    pub what: String,
    /// Seconds since it began.
    pub seconds: f64,
    /// How far it is, in percent, where that is known.
    pub percent: Option<f64>,
    /// More about it: bytes, rate, time left.
    pub detail: String,
}

impl Progress {
    /// Returns the text in front of the bar: with the time that it takes, unless a bar says how far it is.
    fn title(&self, room: usize, style: Style) -> String {
        let text = match self.percent {
            None => format!("{} ({:.0} s)", self.what, self.seconds),
            Some(_) => self.what.clone(),
        };
        let ellipsis = if style.unicode { "…" } else { "..." };
        if measure_text_width(&text) > room { truncate_str(&text, room, ellipsis).into_owned() } else { text }
    }
}

/// The lines of what runs, on the screen below everything that was said.
pub(super) struct Running {
    all: MultiProgress,
    tasks: Vec<(String, ProgressBar)>,
    overall: Option<ProgressBar>,
    /// Tasks for which there is no row.
    hidden: Vec<String>,
    style: Style,
    /// What is typed is not shown meanwhile.
    _echo: Option<EchoGuard>,
}

impl Running {
    /// Begins without a line.
    pub(super) fn new(style: Style) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(MaskedTerm::new(style)), MAX_REDRAWS_PER_SECOND);
        let all = MultiProgress::with_draw_target(target);
        let (tasks, hidden) = (Vec::new(), Vec::new());
        Self { all, tasks, overall: None, hidden, style, _echo: EchoGuard::begin() }
    }

    /// Draws how far a task is.
    pub(super) fn show(&mut self, progress: &Progress) {
        if let Some((_, bar)) = self.tasks.iter().find(|(task, _)| *task == progress.task) {
            draw(bar, progress, self.style);
            return;
        }
        if self.tasks.len() >= size().rows.saturating_sub(RESERVED_ROWS).max(1) {
            if !self.hidden.contains(&progress.task) {
                self.hidden.push(progress.task.clone());
            }
            return;
        }
        self.hidden.retain(|task| *task != progress.task);
        let bar = ProgressBar::no_length();
        let bar = match &self.overall {
            Some(overall) => self.all.insert_before(overall, bar),
            None => self.all.add(bar),
        };
        draw(&bar, progress, self.style);
        self.tasks.push((progress.task.clone(), bar));
    }

    /// Returns whether anything runs beside this task.
    pub(super) fn has_tasks_beside(&self, task: &str) -> bool {
        self.overall.is_some() || self.tasks.iter().any(|(it, _)| it != task)
    }

    /// Draws how far all tasks are, on the last line.
    pub(super) fn show_overall(&mut self, progress: &Progress) {
        let mut progress = progress.clone();
        if !self.hidden.is_empty() {
            progress.detail.push_str(&format!(", {} not shown", self.hidden.len()));
        }
        let overall = self.overall.get_or_insert_with(|| self.all.add(ProgressBar::no_length()));
        draw(overall, &progress, self.style);
    }

    /// Takes the line of a task away; says whether none is left.
    pub(super) fn end(&mut self, task: &str) -> bool {
        self.hidden.retain(|it| it != task);
        if let Some(place) = self.tasks.iter().position(|(it, _)| it == task) {
            let (_, bar) = self.tasks.remove(place);
            self.all.remove(&bar);
        }
        self.tasks.is_empty() && self.overall.is_none()
    }

    /// Turns what turns.
    pub(super) fn tick(&self) {
        for bar in self.tasks.iter().map(|(_, bar)| bar).chain(&self.overall) {
            bar.tick();
        }
    }

    /// Says something above the lines.
    pub(super) fn suspend<T>(&self, say: impl FnOnce() -> T) -> T {
        self.all.suspend(say)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.all.clear(); // decoration
    }
}

fn draw(bar: &ProgressBar, progress: &Progress, style: Style) {
    let columns = size().columns;
    let bar_columns = match columns {
        100.. => 20,
        60.. => 12,
        _ => 0,
    };
    let is_bar = progress.percent.is_some();
    let beside = if is_bar { bar_columns + 10 } else { 4 };
    bar.set_style(bar_style(is_bar, bar_columns, style));
    if let Some(percent) = progress.percent {
        bar.set_length(100);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage is small")]
        bar.set_position(percent.clamp(0.0, 100.0) as u64);
    }
    bar.set_prefix(progress.title(columns.saturating_sub(beside), style));
    bar.set_message(paint(style, Tone::Dim, &progress.detail));
}

/// Returns the look of a line. Colours are painted by us: a template would ask the environment for them.
fn bar_style(is_bar: bool, bar_columns: usize, style: Style) -> ProgressStyle {
    let template = match (is_bar, bar_columns) {
        (false, _) => "{spinner} {prefix} {wide_msg}".to_owned(),
        (true, 0) => "{spinner} {prefix} {percent} % {wide_msg}".to_owned(),
        (true, _) => format!("{{spinner}} {{prefix}} {{bar:{bar_columns}}} {{percent}} % {{wide_msg}}"),
    };
    let (turning, filled) =
        if style.unicode { ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "━╸─") } else { ("|/-\\", "=>-") };
    let turning: Vec<String> =
        turning.chars().map(|it| paint(style, Tone::Accent, it.encode_utf8(&mut [0; 4]))).collect();
    let turning: Vec<&str> = turning.iter().map(String::as_str).collect();
    ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_strings(&turning)
        .progress_chars(filled)
}

/// The size of the window.
#[derive(Debug, Clone, Copy)]
struct WindowSize {
    rows: usize,
    columns: usize,
}

fn size() -> WindowSize {
    match tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
            WindowSize { rows: usize::from(size.ws_row), columns: usize::from(size.ws_col) }
        }
        _ => WindowSize { rows: 24, columns: 80 },
    }
}

/// Standard error as indicatif draws on it: through the writer that masks secrets.
struct MaskedTerm(Mutex<Masked<io::Stderr>>);

impl MaskedTerm {
    fn new(style: Style) -> Self {
        let masked = Masked::new(io::stderr());
        Self(Mutex::new(if style.unicode { masked } else { masked.in_ascii() }))
    }

    fn lock(&self) -> MutexGuard<'_, Masked<io::Stderr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn control(&self, count: usize, letter: char) -> io::Result<()> {
        if count == 0 { Ok(()) } else { write!(self.lock(), "\x1b[{count}{letter}") }
    }
}

impl fmt::Debug for MaskedTerm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MaskedTerm")
    }
}

impl TermLike for MaskedTerm {
    fn width(&self) -> u16 {
        u16::try_from(size().columns).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(size().rows).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        self.control(count, 'A')
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        self.control(count, 'B')
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        self.control(count, 'C')
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        self.control(count, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        writeln!(self.lock(), "{text}")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.lock().write_all(text.as_bytes())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write_str("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        self.lock().flush()
    }
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, MultiProgress, ProgressBar, ProgressDrawTarget};

    use super::{Progress, draw};
    use crate::ui::Style;

    fn drawn(progress: &Progress, style: Style) -> String {
        let term = InMemoryTerm::new(10, 80);
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(term.clone())));
        let bar = all.add(ProgressBar::no_length());
        draw(&bar, progress, style);
        bar.tick();
        term.contents()
    }

    #[test]
    fn a_bar_tells_how_far_a_task_is() {
        let progress = Progress {
            task: "clone".to_owned(),
            what: "Cloning 9000 to VM 100".to_owned(),
            seconds: 12.4,
            percent: Some(41.6),
            detail: "13.3 of 32.0 GiB, 17 s left".to_owned(),
        };
        let style = Style { color: false, unicode: true, width: Some(80) };
        let expected = "⠙ Cloning 9000 to VM 100 ━━━━╸─────── 41 % 13.3 of 32.0 GiB, 17 s left";
        assert_eq!(drawn(&progress, style).get(3..), expected.get(3..));
        let ascii = drawn(&Progress { detail: String::new(), ..progress }, Style { unicode: false, ..style });
        assert!(ascii.is_ascii() && ascii.contains("VM 100 ====>------- 41 %"), "{ascii}");
    }

    #[test]
    fn what_has_no_measure_turns() {
        let progress = Progress {
            task: String::new(),
            what: "Waiting for pve.lan".to_owned(),
            seconds: 3.0,
            percent: None,
            detail: String::new(),
        };
        let style = Style { color: false, unicode: false, width: Some(80) };
        assert!(drawn(&progress, style).ends_with(" Waiting for pve.lan (3 s)"), "{}", drawn(&progress, style));
    }
}
