//! The terminal from the first question to the end of the run: its modes, its size, and how it is restored.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcgetpgrp, tcgetwinsize,
    tcsetattr,
};

use crate::ui::Masked;

/// A thread that reads a key when its question is closed puts back the modes that it found; it takes less than this.
const READER_STOP_TIMEOUT: Duration = Duration::from_millis(30);

/// The rest of a paste has come when nothing more has come for this long.
const PASTE_PAUSE: Duration = Duration::from_millis(50);

/// More pieces of input than this are never discarded, so that a stuck key does not hold up a question.
const MAX_DISCARDED_READS: usize = 100;

/// Asks the terminal to mark what is pasted, and to stop doing so.
const ENABLE_BRACKETED_PASTE: &str = "\x1b[?2004h";
const DISABLE_BRACKETED_PASTE: &str = "\x1b[?2004l";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// What stands in place of a control character that is switched off (`_POSIX_VDISABLE`).
pub(in crate::ui) const NO_KEY: u8 = if cfg!(target_vendor = "apple") { 0xff } else { 0 };

/// How a question reads its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TermMode {
    /// A line that the terminal itself lets a person edit, and shows: it knows no control sequences.
    Lines,
    /// Each key, read by dialoguer. The cursor may be on a line that is being typed.
    Typing,
    /// Each key, read by dialoguer. The cursor is below a menu.
    Menu,
    /// Each key, read by the hidden prompt.
    Hidden,
}

/// The terminal behind standard input and standard error.
pub(super) struct Terminal {
    knows_sequences: bool,
    /// How the terminal was before the first question.
    before: Mutex<Option<Termios>>,
    /// The question that is open.
    question: Mutex<Option<Arc<QuestionState>>>,
}

/// A question that is open, as the thread that asks it and the one that waits for it see it.
pub(super) struct QuestionState {
    mode: TermMode,
    is_closed: AtomicBool,
    has_ended: Mutex<bool>,
    ended: Condvar,
}

impl QuestionState {
    /// Returns whether nothing may be read or shown for it any more.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Waits a short time for the thread that asks.
    fn wait(&self) {
        let has_ended = lock(&self.has_ended);
        let _ended = self.ended.wait_timeout_while(has_ended, READER_STOP_TIMEOUT, |has_ended| !*has_ended);
    }
}

impl Terminal {
    /// Looks at the terminal; nothing is changed yet.
    pub(super) fn new(knows_sequences: bool) -> Self {
        Self { knows_sequences, before: Mutex::new(None), question: Mutex::new(None) }
    }

    /// Sets the terminal up for one question. Input typed before it is discarded. From the first question on, the
    /// terminal echoes nothing until `restore`.
    pub(super) fn open(&self, mode: TermMode) -> io::Result<QuestionOnTerminal<'_>> {
        let held = {
            let mut before = lock(&self.before);
            let original = match &*before {
                Some(original) => original.clone(),
                None => tcgetattr(io::stdin())?,
            };
            let modes = if mode == TermMode::Lines { line_by_line(&original) } else { without_echo(&original) };
            tcsetattr(io::stdin(), OptionalActions::Drain, &modes)?;
            *before = Some(original);
            mode != TermMode::Lines
        };
        discard_input();
        if held && mode == TermMode::Hidden && self.knows_sequences {
            put(ENABLE_BRACKETED_PASTE);
        }
        let question = Arc::new(QuestionState {
            mode,
            is_closed: AtomicBool::new(false),
            has_ended: Mutex::new(false),
            ended: Condvar::new(),
        });
        *lock(&self.question) = Some(Arc::clone(&question));
        Ok(QuestionOnTerminal { terminal: self, question })
    }

    /// Closes the question that is open, though it has no answer: the thread that asks it stops at its next key.
    pub(super) fn release(&self) {
        let Some(question) = lock(&self.question).take() else { return };
        self.abandon(&question);
        let modes = lock(&self.before).as_ref().map(without_echo);
        if let Some(modes) = modes {
            restore(&modes, Some(&question));
        }
    }

    /// Restores the terminal as it was before the first question.
    pub(super) fn restore(&self) {
        let question = lock(&self.question).take();
        if let Some(question) = &question {
            self.abandon(question);
        }
        let before = lock(&self.before).take();
        if let Some(before) = before {
            restore(&before, question.as_deref());
        }
    }

    /// Undoes what a question asked of the terminal.
    fn reset(&self, question: &QuestionState) {
        if self.knows_sequences {
            put(match question.mode {
                TermMode::Hidden => DISABLE_BRACKETED_PASTE,
                TermMode::Menu => SHOW_CURSOR,
                TermMode::Lines | TermMode::Typing => "",
            });
        }
    }

    /// Does the same for a question without an answer, and leaves the line that was being typed.
    fn abandon(&self, question: &QuestionState) {
        question.is_closed.store(true, Ordering::SeqCst);
        self.reset(question);
        if question.mode != TermMode::Menu {
            put("\n");
        }
    }

    /// Shows a text while no question is open.
    pub(super) fn write(&self, text: &str) {
        put(text);
    }

    /// Returns rows and columns.
    pub(super) fn size(&self) -> (usize, usize) {
        match tcgetwinsize(io::stderr()) {
            Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (usize::from(size.ws_row), usize::from(size.ws_col)),
            _ => (24, 80),
        }
    }
}

/// Puts modes back and discards what was typed. A thread that is just reading a key may change them once more.
fn restore(modes: &Termios, question: Option<&QuestionState>) {
    if !is_in_front() {
        return;
    }
    let _ = tcsetattr(io::stdin(), OptionalActions::Flush, modes); // the terminal may be gone
    if let Some(question) = question {
        question.wait();
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, modes); // the terminal may be gone
    }
}

/// Shows nothing that is typed; of the keys that send signals, only Ctrl-C works.
fn without_echo(original: &Termios) -> Termios {
    let mut modes = original.clone();
    modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN);
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    // These would leave the terminal behind in this state.
    modes.special_codes[SpecialCodeIndex::VSUSP] = NO_KEY;
    modes.special_codes[SpecialCodeIndex::VQUIT] = NO_KEY;
    modes
}

/// Lets a line be edited; Ctrl-D is a character like any other.
fn line_by_line(original: &Termios) -> Termios {
    let mut modes = original.clone();
    modes.local_modes.insert(LocalModes::ICANON | LocalModes::ECHO);
    for key in [SpecialCodeIndex::VSUSP, SpecialCodeIndex::VQUIT, SpecialCodeIndex::VEOF] {
        modes.special_codes[key] = NO_KEY;
    }
    modes
}

/// Returns whether this process may change the terminal: one in the background would be stopped.
pub(in crate::ui) fn is_in_front() -> bool {
    // A terminal that does not control us stops nothing.
    tcgetpgrp(io::stdin()).map_or(true, |front| front == getpgrp())
}

/// Discards input that was not read yet: it was typed before the question was shown.
pub(super) fn discard_input() {
    let mut limit = Duration::ZERO;
    for _ in 0..MAX_DISCARDED_READS {
        if !has_input(limit).unwrap_or(false) {
            return;
        }
        let _ = tcflush(io::stdin(), QueueSelector::IFlush); // the terminal may be gone
        limit = PASTE_PAUSE;
    }
}

/// Waits for input, but not longer than this.
pub(super) fn has_input(limit: Duration) -> io::Result<bool> {
    let stdin = io::stdin();
    let limit = Timespec::try_from(limit).map_err(|_| io::ErrorKind::InvalidInput)?;
    match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&limit)) {
        // A signal came: the runtime's thread takes care of it.
        Ok(0) | Err(Errno::INTR | Errno::AGAIN) => Ok(false),
        Ok(_) => Ok(true),
        Err(why) => Err(why.into()),
    }
}

fn put(text: &str) {
    let mut stream = Masked::new(io::stderr());
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush()); // the terminal may be gone
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal with a question open, on the thread that asks it.
pub(super) struct QuestionOnTerminal<'a> {
    terminal: &'a Terminal,
    question: Arc<QuestionState>,
}

impl QuestionOnTerminal<'_> {
    /// Returns the question.
    pub(super) const fn question(&self) -> &Arc<QuestionState> {
        &self.question
    }

    /// Returns whether nothing may be read or shown for the question any more.
    pub(super) fn is_closed(&self) -> bool {
        self.question.is_closed()
    }

    /// Shows a text, as long as the question is open.
    pub(super) fn write(&self, text: &str) {
        if !self.is_closed() {
            put(text);
        }
    }

    /// Leaves the line that was being typed.
    pub(super) fn end_line(&self) {
        if self.question.mode == TermMode::Typing {
            self.write("\n");
        }
    }

    /// Returns rows and columns.
    pub(super) fn size(&self) -> (usize, usize) {
        self.terminal.size()
    }
}

impl Drop for QuestionOnTerminal<'_> {
    fn drop(&mut self) {
        if !self.is_closed() {
            *lock(&self.terminal.question) = None;
            let before = lock(&self.terminal.before).clone();
            self.terminal.reset(&self.question);
            if let Some(before) = before.filter(|_| is_in_front()) {
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, &without_echo(&before)); // the terminal may be gone
            }
        }
        *lock(&self.question.has_ended) = true;
        self.question.ended.notify_all();
    }
}
