//! The terminal while a question is open: its modes, its size, and how it is given back.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcgetwinsize, tcsetattr,
};
use zeroize::Zeroizing;

use super::PromptError;
use super::keys::{Decoder, KeyPress};
use crate::ui::Masked;

/// How often somebody who waits for a key looks whether the question is still wanted, and whether the window has changed.
const TICK: Duration = Duration::from_millis(100);

/// The bytes of one key come at once; what follows an escape later than this is another key.
const ONE_KEY_WITHIN: Duration = Duration::from_millis(50);

/// Asks the terminal to mark what is pasted, and to stop doing so.
const MARK_PASTES: &str = "\x1b[?2004h";
const MARK_NO_PASTES: &str = "\x1b[?2004l";
const SHOW_CURSOR: &str = "\x1b[?25h";
const HIDE_CURSOR: &str = "\x1b[?25l";

/// What stands in place of a control character that is switched off (`_POSIX_VDISABLE`).
pub(in crate::ui) const NO_KEY: u8 = if cfg!(target_vendor = "apple") { 0xff } else { 0 };

/// What a question wants of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TermMode {
    /// Whole lines, edited and shown by the terminal itself: it knows no control sequences.
    Lines,
    /// Every key, nothing shown.
    Keys,
}

/// What becomes of what was typed and not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypedAhead {
    /// It answers the next question.
    Stays,
    /// It is thrown away: it may be the rest of a secret, which the terminal would show.
    Goes,
}

/// How a person who is waited for made himself noticed.
#[derive(Debug, PartialEq, Eq)]
enum TermEvent {
    Bytes,
    Quiet,
}

/// The terminal behind standard input and standard error.
pub(super) struct Terminal {
    knows_sequences: bool,
    /// How the terminal was before the question that is open now.
    before: Mutex<Option<Termios>>,
    is_unwanted: AtomicBool,
}

impl Terminal {
    /// Looks at the terminal; nothing is changed yet.
    pub(super) fn new(knows_sequences: bool) -> Self {
        Self { knows_sequences, before: Mutex::new(None), is_unwanted: AtomicBool::new(false) }
    }

    /// Sets the terminal up for one question; it is given back when the guard is dropped.
    pub(super) fn open(&self, mode: TermMode, typed_ahead: TypedAhead) -> io::Result<RawTerminal<'_>> {
        let before = tcgetattr(io::stdin())?;
        let mut modes = before.clone();
        // The signals of the keyboard stay, but for those that would leave the terminal behind in this state.
        modes.special_codes[SpecialCodeIndex::VSUSP] = NO_KEY;
        modes.special_codes[SpecialCodeIndex::VQUIT] = NO_KEY;
        if mode == TermMode::Keys {
            modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN);
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        }
        self.is_unwanted.store(false, Ordering::SeqCst);
        *self.before() = Some(before);
        let opened = RawTerminal { terminal: self, decoder: Decoder::new(), mode, size: self.size(), typed_ahead };
        tcsetattr(io::stdin(), OptionalActions::Drain, &modes)?;
        if self.knows_sequences && mode == TermMode::Keys {
            self.write(MARK_PASTES);
        }
        Ok(opened)
    }

    /// Gives the terminal back though a question is open: whoever waits for its answer says nothing any more.
    pub(super) fn release(&self) {
        self.is_unwanted.store(true, Ordering::SeqCst);
        if self.restore(TypedAhead::Goes) {
            put("\n");
        }
    }

    /// Puts the modes back and shows the cursor; says whether a question was open.
    fn restore(&self, typed_ahead: TypedAhead) -> bool {
        let Some(before) = self.before().take() else { return false };
        if self.knows_sequences {
            put(MARK_NO_PASTES);
            put(SHOW_CURSOR);
        }
        if typed_ahead == TypedAhead::Goes {
            let _ = tcflush(io::stdin(), QueueSelector::IFlush); // the terminal may be gone
        }
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before); // the terminal may be gone
        true
    }

    /// Hides the cursor while a question is open.
    pub(super) fn hide_cursor(&self) {
        if self.knows_sequences {
            self.write(HIDE_CURSOR);
        }
    }

    /// Shows a text, as long as the question is wanted.
    pub(super) fn write(&self, text: &str) {
        if !self.is_unwanted.load(Ordering::SeqCst) {
            put(text);
        }
    }

    /// Gives rows and columns.
    pub(super) fn size(&self) -> (usize, usize) {
        match tcgetwinsize(io::stderr()) {
            Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (usize::from(size.ws_row), usize::from(size.ws_col)),
            _ => (24, 80),
        }
    }

    fn before(&self) -> MutexGuard<'_, Option<Termios>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put(text: &str) {
    let mut stream = Masked::new(io::stderr());
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush()); // the terminal may be gone
}

/// A terminal with a question open.
pub(in crate::ui) struct RawTerminal<'a> {
    terminal: &'a Terminal,
    decoder: Decoder,
    mode: TermMode,
    size: (usize, usize),
    typed_ahead: TypedAhead,
}

impl RawTerminal<'_> {
    /// Says whether keys have come that nobody has looked at.
    pub(in crate::ui) fn has_more(&self) -> bool {
        !self.decoder.is_empty()
    }

    /// Waits for the next key.
    pub(in crate::ui) fn key(&mut self) -> Result<KeyPress, PromptError> {
        loop {
            if let Some(key) = self.decoder.next(false) {
                return Ok(key);
            }
            let limit = if self.decoder.is_empty() { TICK } else { ONE_KEY_WITHIN };
            match self.wait(limit)? {
                TermEvent::Bytes => self.read()?,
                TermEvent::Quiet => {
                    if let Some(key) = self.decoder.next(true) {
                        return Ok(key);
                    }
                    let size = self.terminal.size();
                    if size != self.size {
                        self.size = size;
                        return Ok(KeyPress::Resized);
                    }
                }
            }
        }
    }

    /// Waits for the next key, but not longer than this.
    pub(in crate::ui) fn key_within(&mut self, limit: Duration) -> Result<Option<KeyPress>, PromptError> {
        loop {
            if let Some(key) = self.decoder.next(false) {
                return Ok(Some(key));
            }
            match self.wait(limit)? {
                TermEvent::Bytes => self.read()?,
                TermEvent::Quiet => return Ok(self.decoder.next(true)),
            }
        }
    }

    /// Reads a line that the terminal itself lets a person edit.
    pub(super) fn line(&mut self) -> Result<String, PromptError> {
        let mut line = String::new();
        loop {
            match self.key()? {
                KeyPress::Enter => return Ok(line),
                KeyPress::Char(character) => line.push(character),
                KeyPress::Leave => return Err(PromptError::Cancelled),
                _ => {}
            }
        }
    }

    fn wait(&self, limit: Duration) -> Result<TermEvent, PromptError> {
        let stdin = io::stdin();
        let limit = Timespec::try_from(limit).map_err(|_| PromptError::Cancelled)?;
        if self.terminal.is_unwanted.load(Ordering::SeqCst) {
            return Err(PromptError::Cancelled);
        }
        let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut polled, Some(&limit)) {
            // A signal came: the runtime's thread takes care of it.
            Ok(0) | Err(Errno::INTR | Errno::AGAIN) => Ok(TermEvent::Quiet),
            // What comes now is for whoever reads next.
            Ok(_) if self.terminal.is_unwanted.load(Ordering::SeqCst) => Err(PromptError::Cancelled),
            Ok(_) => Ok(TermEvent::Bytes),
            Err(_) => Err(PromptError::Gone),
        }
    }

    fn read(&mut self) -> Result<(), PromptError> {
        let mut bytes = Zeroizing::new([0_u8; 1024]);
        match rustix::io::read(io::stdin(), bytes.as_mut_slice()) {
            // The end of a line that the terminal itself edits is Ctrl-D.
            Ok(0) if self.mode == TermMode::Lines => Err(PromptError::Cancelled),
            Ok(0) => Err(PromptError::Gone),
            Ok(count) => {
                self.decoder.push(bytes.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(()),
            Err(_) => Err(PromptError::Gone),
        }
    }
}

impl Drop for RawTerminal<'_> {
    fn drop(&mut self) {
        self.terminal.restore(self.typed_ahead);
    }
}
