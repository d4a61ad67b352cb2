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
mod streams;
mod symbols;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

pub use masked::{Layout, Masked};
pub(crate) use note::{Heading, Note};
pub(crate) use open_calls::OpenCalls;
pub use progress::Progress;
pub use sanitize::Printable;
pub(crate) use screen::text_width;
pub use screen::{Screen, Tone, columns};
pub(crate) use sticky_flags::ACCEPT;
pub use sticky_flags::StickyFlags;
use streams::Streams;
pub use streams::{StyledStream, Unwritten, streams};
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

/// What a run shows: the one handle on its two streams. Clones show on the same streams.
#[derive(Clone)]
pub struct Ui(Rc<RefCell<Streams>>);

impl Ui {
    /// Makes the handle; `is_live` says that standard error is a terminal, whose last line may be redrawn.
    #[must_use]
    pub fn new(results: StyledStream, stderr: StyledStream, verbosity: Verbosity, is_live: bool) -> Self {
        Self(Rc::new(RefCell::new(Streams::new(results, stderr, verbosity, is_live))))
    }

    /// Adds these flags to every command that is printed from now on.
    pub fn set_sticky_flags(&self, repeat: StickyFlags) {
        self.0.borrow_mut().set_sticky_flags(repeat);
    }

    /// Returns the style of the results.
    #[must_use]
    pub fn results_style(&self) -> Style {
        self.0.borrow().results_style()
    }

    /// Returns the style of what is said beside the results.
    #[must_use]
    pub fn stderr_style(&self) -> Style {
        self.0.borrow().stderr_style()
    }

    /// Returns how much is said.
    #[must_use]
    pub fn verbosity(&self) -> Verbosity {
        self.0.borrow().verbosity()
    }

    /// Prints a result to standard output. Whether that was possible is asked at the end of the run.
    pub fn result(&self, drawing: &impl Draw) {
        self.0.borrow_mut().result(drawing);
    }

    /// Prints a result in which these secrets, and no others, can be read.
    pub fn reveal(&self, drawing: &impl Draw, revealed: &[Secret]) {
        self.0.borrow_mut().reveal(drawing, revealed);
    }

    /// Prints one JSON document to standard output, on one line.
    pub fn json(&self, document: &serde_json::Value) {
        self.0.borrow_mut().json(document);
    }

    /// Prints one JSON document in which these secrets, and no others, can be read.
    pub fn reveal_json(&self, document: &serde_json::Value, revealed: &[Secret]) {
        self.0.borrow_mut().reveal_json(document, revealed);
    }

    /// Returns the first result that could not be written, once; a reader that has gone away does not count.
    pub fn take_unwritten(&self) -> Option<Unwritten> {
        self.0.borrow_mut().take_unwritten()
    }

    /// Returns whether a result could not be written.
    #[must_use]
    pub fn has_unwritten(&self) -> bool {
        self.0.borrow().has_unwritten()
    }

    /// Shows what a person wants to know, on standard error.
    pub fn info(&self, drawing: &impl Draw) {
        self.0.borrow_mut().info(drawing);
    }

    /// Shows on standard error what a person wants to know; these secrets, and no others, can be read in it.
    pub(crate) fn reveal_info(&self, drawing: &impl Draw, revealed: &[Secret]) {
        self.0.borrow_mut().reveal_info(drawing, revealed);
    }

    /// Shows a warning.
    pub fn warn(&self, text: impl Into<String>) {
        self.info(&Note::warning(text.into()));
    }

    /// Begins a new part of the screen: a blank line is above its heading, unless it is the first line.
    pub(crate) fn heading(&self, heading: &Heading) {
        self.blank_line();
        self.info(heading);
    }

    /// Leaves a blank line, unless nothing is above it.
    pub(crate) fn blank_line(&self) {
        if self.0.borrow().has_spoken {
            self.info(&Verbatim(String::new()));
        }
    }

    /// Shows what only `-v` shows.
    pub fn verbose(&self, drawing: &impl Draw) {
        self.0.borrow_mut().verbose(drawing);
    }

    /// Shows what only `-vv` shows.
    pub fn debug(&self, drawing: &impl Draw) {
        self.0.borrow_mut().debug(drawing);
    }

    /// Shows what even `-q` shows: an error, or a warning about something lost.
    pub fn error(&self, drawing: &impl Draw) {
        self.0.borrow_mut().error(drawing);
    }

    /// Draws how far a task is, on a terminal.
    pub fn progress(&self, progress: &Progress) {
        self.0.borrow_mut().progress(progress);
    }

    /// Removes the line of a task.
    pub fn end_progress(&self, task: &str) {
        self.0.borrow_mut().end_progress(task);
    }

    /// Draws how far many tasks are, below their own lines.
    pub fn overall(&self, progress: &Progress) {
        self.0.borrow_mut().overall(progress);
    }

    /// Removes the lines of everything that runs.
    pub fn clear_progress(&self) {
        self.0.borrow_mut().clear_progress();
    }

    /// Returns the calls to the server that have no answer yet.
    pub(crate) fn open_calls(&self) -> Rc<OpenCalls> {
        self.0.borrow().open_calls()
    }

    /// Returns whether what runs is drawn.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.0.borrow().is_live()
    }

    /// Advances the spinners; shows one if the server has not answered for a while and nothing else says so.
    pub fn tick(&self) {
        self.0.borrow_mut().tick();
    }

    /// Stops drawing, for a question or another program, until the screen is reclaimed.
    pub fn release_screen(&self) {
        self.0.borrow_mut().release_screen();
    }

    /// Notes that an answer is at the end of the screen.
    pub(crate) fn note_answer(&self) {
        self.0.borrow_mut().has_written = false;
    }

    /// Returns whether the last answer is still the last thing on the screen.
    pub(crate) fn ends_with_answer(&self) -> bool {
        !self.0.borrow().has_written
    }

    /// Takes the screen back.
    pub fn reclaim_screen(&self) {
        self.0.borrow_mut().reclaim_screen();
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

/// Draws something into a text.
#[must_use]
pub fn render(drawing: &impl Draw, style: Style) -> String {
    drawn(drawing, style, &StickyFlags::NOTHING)
}

fn drawn(drawing: &impl Draw, style: Style, repeat: &StickyFlags) -> String {
    let mut text = String::new();
    let mut screen = Screen::new(&mut text, style).with_sticky_flags(repeat);
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
