//! The two streams of a run: results, and what is said beside them.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::rc::Rc;

use super::progress::Running;
use super::{Draw, Layout, Masked, OpenCalls, Progress, StickyFlags, Style, Verbosity, drawn, open_calls};
use crate::model::Secret;

/// A stream, and how screens are drawn on it.
pub struct StyledStream {
    /// Where text goes.
    pub to: Box<dyn Write>,
    /// How it is drawn.
    pub style: Style,
}

/// The two streams of a run: results, and messages about them.
pub(super) struct Streams {
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
    is_released: bool,
    sticky_flags: StickyFlags,
    /// Whether anything is on the screen above the next line.
    pub(super) has_spoken: bool,
    /// Whether anything was written since the last answer.
    pub(super) has_written: bool,
}

impl Streams {
    /// Makes the streams; `is_live` says that standard error is a terminal, whose last line may be redrawn.
    pub(super) fn new(results: StyledStream, stderr: StyledStream, verbosity: Verbosity, is_live: bool) -> Self {
        Self {
            results: masked(results.to, results.style),
            stderr: masked(stderr.to, stderr.style),
            unwritten: None,
            results_style: results.style,
            stderr_style: stderr.style,
            verbosity,
            is_live: is_live && verbosity >= Verbosity::Normal,
            running: None,
            calls: Rc::default(),
            is_released: false,
            sticky_flags: StickyFlags::NOTHING,
            has_spoken: false,
            has_written: true,
        }
    }

    /// Adds these flags to every command that is printed from now on.
    pub(super) fn set_sticky_flags(&mut self, repeat: StickyFlags) {
        self.sticky_flags = repeat;
    }

    /// Returns the style of the results.
    pub(super) const fn results_style(&self) -> Style {
        self.results_style
    }

    /// Returns the style of the talk about them.
    pub(super) const fn stderr_style(&self) -> Style {
        self.stderr_style
    }

    pub(super) const fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Prints a result to standard output. Whether that was possible is asked at the end of the run.
    pub(super) fn result(&mut self, drawing: &impl Draw) {
        self.has_written = true;
        self.clear_progress();
        let text = drawn(drawing, self.results_style, &self.sticky_flags);
        let written = self.results.write_all(text.as_bytes()).and_then(|()| self.results.flush());
        self.note_unwritten(written, || Some(text));
    }

    /// Prints a result in which these secrets, and no others, can be read.
    pub(super) fn reveal(&mut self, drawing: &impl Draw, revealed: &[Secret]) {
        self.clear_progress();
        let text = drawn(drawing, self.results_style, &self.sticky_flags);
        let written = self.results.reveal(&text, revealed);
        self.note_unwritten(written, || None);
    }

    /// Prints one JSON document to standard output, on one line.
    pub(super) fn json(&mut self, document: &serde_json::Value) {
        self.clear_progress();
        let mut longer = document.clone();
        self.sticky_flags.append_to(&mut longer);
        let written = self.results.document(longer, Layout::Line, &[]);
        self.note_unwritten(written, || Some(format!("{document}\n")));
    }

    /// Prints one JSON document in which these secrets, and no others, can be read.
    pub(super) fn reveal_json(&mut self, document: &serde_json::Value, revealed: &[Secret]) {
        self.clear_progress();
        let written = self.results.document(document.clone(), Layout::Line, revealed);
        self.note_unwritten(written, || None);
    }

    /// Returns the first result that could not be written, once; a reader that has gone away does not count.
    pub(super) fn take_unwritten(&mut self) -> Option<Unwritten> {
        self.unwritten.take().filter(|unwritten| unwritten.why.kind() != io::ErrorKind::BrokenPipe)
    }

    /// Returns whether a result could not be written.
    pub(super) fn has_unwritten(&self) -> bool {
        self.unwritten.as_ref().is_some_and(|unwritten| unwritten.why.kind() != io::ErrorKind::BrokenPipe)
    }

    /// Keeps the first result that could not be written.
    fn note_unwritten(&mut self, written: io::Result<()>, text: impl FnOnce() -> Option<String>) {
        if let (Err(why), None) = (written, &self.unwritten) {
            self.unwritten = Some(Unwritten { why, text: text() });
        }
    }

    /// Says something that a person wants to know, on standard error.
    pub(super) fn info(&mut self, drawing: &impl Draw) {
        self.write_stderr(Verbosity::Normal, drawing);
    }

    /// Says what only `-v` shows.
    pub(super) fn verbose(&mut self, drawing: &impl Draw) {
        self.write_stderr(Verbosity::Verbose, drawing);
    }

    /// Says what only `-vv` shows.
    pub(super) fn debug(&mut self, drawing: &impl Draw) {
        self.write_stderr(Verbosity::Debug, drawing);
    }

    /// Says what even `-q` shows: an error, or a warning about something lost.
    pub(super) fn error(&mut self, drawing: &impl Draw) {
        self.write_stderr(Verbosity::Quiet, drawing);
    }

    /// Draws how far a task is, on a terminal.
    pub(super) fn progress(&mut self, progress: &Progress) {
        if progress.task != open_calls::TASK {
            self.end_progress(open_calls::TASK);
        }
        if let Some(running) = self.running() {
            running.show(progress);
        }
    }

    /// Takes the line of a task away.
    pub(super) fn end_progress(&mut self, task: &str) {
        if self.running.as_mut().is_some_and(|running| running.end(task)) {
            self.running = None;
        }
    }

    /// Draws how far many tasks are, below their own lines.
    pub(super) fn overall(&mut self, progress: &Progress) {
        if let Some(running) = self.running() {
            running.show_overall(progress);
        }
    }

    /// Takes the lines of everything that runs away.
    pub(super) fn clear_progress(&mut self) {
        self.running = None;
    }

    /// Returns the calls to the server that have no answer yet.
    pub(super) fn open_calls(&self) -> Rc<OpenCalls> {
        Rc::clone(&self.calls)
    }

    /// Returns whether what runs is drawn.
    pub(super) const fn is_live(&self) -> bool {
        self.is_live
    }

    /// Advances the spinners; shows one if the server has not answered for a while and nothing else says so.
    pub(super) fn tick(&mut self) {
        let waiting_call = self.calls.waiting_call().filter(|_| !self.is_released);
        match (waiting_call, &mut self.running) {
            (None, _) => self.end_progress(open_calls::TASK),
            (Some(waiting_call), None) => self.progress(&waiting_call),
            (Some(waiting_call), Some(running)) if !running.has_tasks_beside(open_calls::TASK) => {
                // Only the wait is shown: it turns slowly, so as not to distract.
                if self.calls.is_due() {
                    running.show(&waiting_call);
                    running.tick();
                }
            }
            (Some(_), Some(_)) => {}
        }
        if let Some(running) = self.running.as_ref().filter(|running| running.has_tasks_beside(open_calls::TASK)) {
            running.tick();
        }
    }

    /// Stops drawing, for a question or another program, until the screen is reclaimed.
    pub(super) fn release_screen(&mut self) {
        self.running = None;
        self.has_spoken = true;
        self.has_written = true;
        self.is_released = true;
    }

    /// Takes the screen back.
    pub(super) fn reclaim_screen(&mut self) {
        self.is_released = false;
    }

    fn running(&mut self) -> Option<&mut Running> {
        if !self.is_live || self.is_released {
            return None;
        }
        let style = self.stderr_style;
        Some(self.running.get_or_insert_with(|| Running::new(style)))
    }

    /// Shows what a person wants to know; these secrets, and no others, can be read in it.
    pub(super) fn reveal_info(&mut self, drawing: &impl Draw, revealed: &[Secret]) {
        if self.verbosity < Verbosity::Normal {
            return;
        }
        self.clear_progress();
        self.has_spoken = true;
        self.has_written = true;
        let text = drawn(drawing, self.stderr_style, &self.sticky_flags);
        let _ = self.stderr.reveal(&text, revealed); // nothing is left to report it on
    }

    fn write_stderr(&mut self, verbosity: Verbosity, drawing: &impl Draw) {
        if self.verbosity < verbosity {
            return;
        }
        self.has_spoken = true;
        self.has_written = true;
        self.end_progress(open_calls::TASK);
        let text = drawn(drawing, self.stderr_style, &self.sticky_flags);
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
