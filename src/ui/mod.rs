//! What a person sees: streams, style, and the pieces that every screen is drawn from.

mod echo_guard;
mod json;
mod masked;
mod note;
mod open_calls;
mod progress;
pub mod prompt;
mod sanitize;
mod screen;
mod sticky_flags;
mod symbols;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::rc::Rc;

pub use masked::{Layout, Masked};
pub(crate) use note::{Heading, Note};
pub(crate) use open_calls::OpenCalls;
pub use progress::Progress;
use progress::Running;
pub use sanitize::Printable;
pub use screen::{Screen, Tone, columns};
pub use sticky_flags::StickyFlags;
pub(crate) use symbols::Symbol;

use crate::model::Secret;

/// How a screen is drawn: decided once per stream, passed in, never looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours and weights may be used.
    pub color: bool,
    /// Whether characters beyond ASCII may be used for decoration.
    pub unicode: bool,
    /// How many columns there are; `None` where nothing is to be wrapped (a file, a pipe).
    pub width: Option<usize>,
}

/// Something shown.
pub trait Draw {
    /// Draws the whole of it, each line ended.
    ///
    /// # Errors
    /// Only what the writer itself reports.
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result;
}

/// How much is said beside the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors alone.
    Quiet,
    /// What a person wants to know.
    Normal,
    /// Which source won, and why.
    Verbose,
    /// Every call as well.
    Debug,
}

/// The two streams of a run: results, and the talk about them.
pub struct Ui {
    results: Masked<Box<dyn Write>>,
    stderr: Masked<Box<dyn Write>>,
    /// A result that could not be written.
    unwritten: Option<Unwritten>,
    results_style: Style,
    stderr_style: Style,
    verbosity: Verbosity,
    is_live: bool,
    /// The lines of what runs.
    running: Option<Running>,
    calls: Rc<OpenCalls>,
    /// Whether the screen belongs to a question, or to another program.
    is_lent: bool,
    repeat: StickyFlags,
}

impl Ui {
    /// Puts the streams together; `is_live` says that the talk goes to a terminal, whose last line may be redrawn.
    #[must_use]
    pub fn new(
        results: (Box<dyn Write>, Style),
        stderr: (Box<dyn Write>, Style),
        verbosity: Verbosity,
        is_live: bool,
    ) -> Self {
        Self {
            results: masked(results.0, results.1),
            stderr: masked(stderr.0, stderr.1),
            unwritten: None,
            results_style: results.1,
            stderr_style: stderr.1,
            verbosity,
            is_live: is_live && verbosity >= Verbosity::Normal,
            running: None,
            calls: Rc::default(),
            is_lent: false,
            repeat: StickyFlags::NOTHING,
        }
    }

    /// Lets every command to paste repeat these flags from here on.
    pub fn repeat(&mut self, repeat: StickyFlags) {
        self.repeat = repeat;
    }

    /// Gives the style of the results.
    #[must_use]
    pub const fn results_style(&self) -> Style {
        self.results_style
    }

    /// Gives the style of the talk about them.
    #[must_use]
    pub const fn stderr_style(&self) -> Style {
        self.stderr_style
    }

    /// Gives how much is said.
    #[must_use]
    pub const fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Prints a result to standard output. Whether that was possible is asked at the end of the run.
    pub fn result(&mut self, drawing: &impl Draw) {
        self.clear_progress();
        let text = drawn(drawing, self.results_style, &self.repeat);
        let written = self.results.write_all(text.as_bytes()).and_then(|()| self.results.flush());
        self.note(written, || Some(text));
    }

    /// Prints a result in which these secrets, and no others, can be read.
    pub fn reveal(&mut self, drawing: &impl Draw, revealed: &[Secret]) {
        self.clear_progress();
        let text = drawn(drawing, self.results_style, &self.repeat);
        let written = self.results.reveal(&text, revealed);
        self.note(written, || None);
    }

    /// Prints one JSON document to standard output, on one line.
    pub fn json(&mut self, document: &serde_json::Value) {
        self.clear_progress();
        let mut longer = document.clone();
        self.repeat.append_to(&mut longer);
        let written = self.results.document(longer, Layout::Line, &[]);
        self.note(written, || Some(format!("{document}\n")));
    }

    /// Prints one JSON document in which these secrets, and no others, can be read.
    pub fn reveal_json(&mut self, document: &serde_json::Value, revealed: &[Secret]) {
        self.clear_progress();
        let written = self.results.document(document.clone(), Layout::Line, revealed);
        self.note(written, || None);
    }

    /// Gives the first result that could not be written, once; a reader that has gone away does not count.
    pub fn take_unwritten(&mut self) -> Option<Unwritten> {
        self.unwritten.take().filter(|unwritten| unwritten.why.kind() != io::ErrorKind::BrokenPipe)
    }

    /// Says whether a result could not be written.
    #[must_use]
    pub fn has_unwritten(&self) -> bool {
        self.unwritten.as_ref().is_some_and(|unwritten| unwritten.why.kind() != io::ErrorKind::BrokenPipe)
    }

    /// Keeps the first result that could not be written.
    fn note(&mut self, written: io::Result<()>, text: impl FnOnce() -> Option<String>) {
        if let (Err(why), None) = (written, &self.unwritten) {
            self.unwritten = Some(Unwritten { why, text: text() });
        }
    }

    /// Says something that a person wants to know, on standard error.
    pub fn info(&mut self, drawing: &impl Draw) {
        self.write_stderr(Verbosity::Normal, drawing);
    }

    /// Says what only `-v` shows.
    pub fn verbose(&mut self, drawing: &impl Draw) {
        self.write_stderr(Verbosity::Verbose, drawing);
    }

    /// Says what only `-vv` shows.
    pub fn debug(&mut self, drawing: &impl Draw) {
        self.write_stderr(Verbosity::Debug, drawing);
    }

    /// Says what even `-q` shows: an error, or a warning about something lost.
    pub fn error(&mut self, drawing: &impl Draw) {
        self.write_stderr(Verbosity::Quiet, drawing);
    }

    /// Draws how far a task is, on a terminal.
    pub fn progress(&mut self, progress: &Progress) {
        if progress.task != open_calls::TASK {
            self.end_progress(open_calls::TASK);
        }
        if let Some(running) = self.running() {
            running.show(progress);
        }
    }

    /// Takes the line of a task away.
    pub fn end_progress(&mut self, task: &str) {
        if self.running.as_mut().is_some_and(|running| running.end(task)) {
            self.running = None;
        }
    }

    /// Draws how far many tasks are, below their own lines.
    pub fn overall(&mut self, progress: &Progress) {
        if let Some(running) = self.running() {
            running.show_overall(progress);
        }
    }

    /// Takes the lines of everything that runs away.
    pub fn clear_progress(&mut self) {
        self.running = None;
    }

    /// Gives the calls to the server that have no answer yet.
    pub(crate) fn open_calls(&self) -> Rc<OpenCalls> {
        Rc::clone(&self.calls)
    }

    /// Says whether what runs is drawn.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.is_live
    }

    /// Turns the spinners; shows one if the server has been silent for a while and nothing else says so.
    pub fn tick(&mut self) {
        let silence = self.calls.silence().filter(|_| !self.is_lent);
        match (silence, &mut self.running) {
            (None, _) => self.end_progress(open_calls::TASK),
            (Some(silence), None) => self.progress(&silence),
            (Some(silence), Some(running)) if !running.has_tasks_beside(open_calls::TASK) => {
                // The whole of it is a wait: it turns slowly, so that it does not draw the eye.
                if self.calls.is_due() {
                    running.show(&silence);
                    running.tick();
                }
            }
            (Some(_), Some(_)) => {}
        }
        if let Some(running) = self.running.as_ref().filter(|running| running.has_tasks_beside(open_calls::TASK)) {
            running.tick();
        }
    }

    /// Leaves the screen to a question or to another program, until it is taken back.
    pub fn lend(&mut self) {
        self.running = None;
        self.is_lent = true;
    }

    /// Takes the screen back.
    pub fn take_back(&mut self) {
        self.is_lent = false;
    }

    fn running(&mut self) -> Option<&mut Running> {
        if !self.is_live || self.is_lent {
            return None;
        }
        let style = self.stderr_style;
        Some(self.running.get_or_insert_with(|| Running::new(style)))
    }

    fn write_stderr(&mut self, verbosity: Verbosity, drawing: &impl Draw) {
        if self.verbosity < verbosity {
            return;
        }
        self.end_progress(open_calls::TASK);
        let text = drawn(drawing, self.stderr_style, &self.repeat);
        let stderr = &mut self.stderr;
        let mut write = || {
            let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()); // nothing is left to report it on
        };
        match &self.running {
            Some(running) => running.suspend(write),
            None => write(),
        }
    }
}

/// A text that is drawn already.
#[derive(Debug)]
pub struct Verbatim(pub String);

impl Draw for Verbatim {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.line(self.0.trim_end())
    }
}

/// A result that could not be written.
#[derive(Debug)]
pub struct Unwritten {
    /// What the system says.
    pub why: io::Error,
    /// The result, where nothing is revealed in it.
    pub text: Option<String>,
}

fn masked(to: Box<dyn Write>, style: Style) -> Masked<Box<dyn Write>> {
    if style.unicode { Masked::new(to) } else { Masked::new(to).in_ascii() }
}

/// Draws something into a text.
#[must_use]
pub fn render(drawing: &impl Draw, style: Style) -> String {
    drawn(drawing, style, &StickyFlags::NOTHING)
}

fn drawn(drawing: &impl Draw, style: Style, repeat: &StickyFlags) -> String {
    let mut text = String::new();
    let mut screen = Screen::new(&mut text, style).repeating(repeat);
    let drawn = drawing.draw(&mut screen);
    debug_assert!(drawn.is_ok(), "a String takes everything");
    text
}

/// Writes a number of bytes in GiB, with one digit behind the point; less than a tenth of one in whole MiB.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is all that is shown")]
pub fn gibibytes(bytes: u64) -> String {
    if bytes < (1 << 30) / 10 {
        return format!("{} MiB", bytes >> 20);
    }
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

/// Opens the two real streams.
#[must_use]
pub fn streams() -> (Box<dyn Write>, Box<dyn Write>) {
    // The standard library's own writer says nothing where the descriptor cannot be written to.
    let results: Box<dyn Write> = match io::stdout().as_fd().try_clone_to_owned() {
        Ok(results) => Box::new(File::from(results)),
        Err(_) => Box::new(io::stdout()),
    };
    (results, Box::new(io::stderr()))
}
