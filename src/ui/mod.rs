//! What a person sees: streams, style, and the pieces that every screen is drawn from.

mod hush;
mod progress;
pub mod prompt;
mod repeat;
mod sanitize;
mod screen;
mod secret;

use std::fmt;
use std::io::{self, Write};

use hush::Hush;
pub use progress::Progress;
pub use repeat::Repeat;
pub use sanitize::Printable;
pub use screen::{Screen, Tone, columns};

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
pub enum Loudness {
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
    results: Box<dyn Write>,
    talk: Box<dyn Write>,
    results_style: Style,
    talk_style: Style,
    loudness: Loudness,
    is_live: bool,
    /// The line of progress that is on the screen.
    shown: String,
    /// The keyboard, while it is.
    hush: Option<Hush>,
    has_overall: bool,
    repeat: Repeat,
}

impl Ui {
    /// Puts the streams together; `is_live` says that the talk goes to a terminal, whose last line may be redrawn.
    #[must_use]
    pub fn new(
        results: (Box<dyn Write>, Style),
        talk: (Box<dyn Write>, Style),
        loudness: Loudness,
        is_live: bool,
    ) -> Self {
        Self {
            results: results.0,
            talk: talk.0,
            results_style: results.1,
            talk_style: talk.1,
            loudness,
            is_live: is_live && loudness >= Loudness::Normal,
            shown: String::new(),
            hush: None,
            has_overall: false,
            repeat: Repeat::NOTHING,
        }
    }

    /// Lets every command to paste repeat these flags from here on.
    pub fn repeat(&mut self, repeat: Repeat) {
        self.repeat = repeat;
    }

    /// Gives how much is said.
    #[must_use]
    pub const fn loudness(&self) -> Loudness {
        self.loudness
    }

    /// Prints a result to standard output. A reader that has gone away is no error: there is nobody to tell.
    pub fn result(&mut self, drawing: &impl Draw) {
        self.clear_progress();
        let text = drawn(drawing, self.results_style, &self.repeat);
        let _ = self.results.write_all(text.as_bytes()).and_then(|()| self.results.flush()); // the reader may be gone
    }

    /// Prints one JSON document to standard output, on one line.
    pub fn json(&mut self, document: &serde_json::Value) {
        self.clear_progress();
        let mut document = document.clone();
        self.repeat.lengthen(&mut document);
        let _ = writeln!(self.results, "{document}").and_then(|()| self.results.flush()); // the reader may be gone
    }

    /// Says something that a person wants to know, on standard error.
    pub fn say(&mut self, drawing: &impl Draw) {
        self.talk_at(Loudness::Normal, drawing);
    }

    /// Says what only `-v` shows.
    pub fn detail(&mut self, drawing: &impl Draw) {
        self.talk_at(Loudness::Verbose, drawing);
    }

    /// Says what only `-vv` shows.
    pub fn trace(&mut self, drawing: &impl Draw) {
        self.talk_at(Loudness::Debug, drawing);
    }

    /// Says what even `-q` shows: an error, or a warning about something lost.
    pub fn alert(&mut self, drawing: &impl Draw) {
        self.talk_at(Loudness::Quiet, drawing);
    }

    /// Redraws the line of progress, where there is a terminal to redraw it on.
    pub fn progress(&mut self, progress: &Progress) {
        if !self.has_overall {
            self.draw_progress(progress);
        }
    }

    /// Redraws the line of progress of many tasks at once; until `end_overall` no single one of them is shown.
    pub fn overall(&mut self, progress: &Progress) {
        self.has_overall = true;
        self.draw_progress(progress);
    }

    /// Takes the line of progress of many tasks away.
    pub fn end_overall(&mut self) {
        self.clear_progress();
        self.has_overall = false;
    }

    fn draw_progress(&mut self, progress: &Progress) {
        if !self.is_live {
            return;
        }
        let line = progress.line(self.talk_style);
        if line == self.shown {
            return;
        }
        if self.shown.is_empty() {
            self.hush = Hush::begin();
        }
        let _ = write!(self.talk, "\r\x1b[K{line}").and_then(|()| self.talk.flush()); // decoration
        self.shown = line;
    }

    /// Takes the line of progress away.
    pub fn clear_progress(&mut self) {
        self.hush = None;
        if !std::mem::take(&mut self.shown).is_empty() {
            let _ = write!(self.talk, "\r\x1b[K").and_then(|()| self.talk.flush()); // decoration
        }
    }

    fn talk_at(&mut self, loudness: Loudness, drawing: &impl Draw) {
        if self.loudness < loudness {
            return;
        }
        self.clear_progress();
        let text = drawn(drawing, self.talk_style, &self.repeat);
        let _ = self.talk.write_all(text.as_bytes()).and_then(|()| self.talk.flush()); // nobody is left to tell
    }
}

/// Draws something into a text.
#[must_use]
pub fn render(drawing: &impl Draw, style: Style) -> String {
    drawn(drawing, style, &Repeat::NOTHING)
}

fn drawn(drawing: &impl Draw, style: Style, repeat: &Repeat) -> String {
    let mut text = String::new();
    let mut screen = Screen::new(&mut text, style).repeating(repeat);
    let drawn = drawing.draw(&mut screen);
    debug_assert!(drawn.is_ok(), "a String takes everything");
    text
}

/// Writes a number of bytes in GiB, with one digit behind the point.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is all that is shown")]
pub fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

/// Opens the two real streams.
#[must_use]
pub fn streams() -> (Box<dyn Write>, Box<dyn Write>) {
    (Box::new(io::stdout()), Box::new(io::stderr()))
}
