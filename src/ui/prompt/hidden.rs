//! One hidden answer: typed, or pasted over several lines. Nothing but its length is ever shown.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use zeroize::Zeroizing;

use super::PromptError;
use super::keys::{Decoder, KeyPress};
use super::terminal::{QuestionOnTerminal, has_input};
use crate::model::Secret;

/// How often a question that waits for a key checks whether it is still open.
const TICK: Duration = Duration::from_millis(100);

/// The bytes of one key come at once; what follows an escape later than this is another key.
const ESCAPE_TIMEOUT: Duration = Duration::from_millis(50);

/// A terminal that does not mark what is pasted sends its lines one after the other: the answer has ended when nothing
/// more has come for this long.
const PASTE_PAUSE: Duration = Duration::from_millis(100);

/// Longer than any answer; reserved at once, so that no copy is left behind by a text that grows.
const MAX_INPUT: usize = 64 * 1024;

/// Reads one answer and says how many characters it has so far.
pub(super) fn read(asking: &QuestionOnTerminal<'_>, count: &dyn Fn(usize)) -> Result<Secret, PromptError> {
    let mut keyboard = Keyboard { asking, decoder: Decoder::new() };
    let mut text = Zeroizing::new(String::with_capacity(MAX_INPUT));
    let (mut was_pasted, mut has_ended) = (false, false);
    count(0);
    loop {
        let key = if has_ended {
            match keyboard.key_within(PASTE_PAUSE)? {
                Some(key) => key,
                None => break,
            }
        } else {
            keyboard.key()?
        };
        match key {
            KeyPress::Enter if was_pasted => break,
            KeyPress::Enter => {
                has_ended = true;
                push(&mut text, "\n");
            }
            KeyPress::Char(character) => push(&mut text, character.encode_utf8(&mut [0; 4])),
            KeyPress::Paste(pasted) => {
                was_pasted = true;
                push(&mut text, &pasted);
            }
            KeyPress::Backspace => drop(text.pop()),
            KeyPress::Clear => text.clear(),
            KeyPress::Leave => return Err(PromptError::Cancelled),
            KeyPress::Other => {}
        }
        if keyboard.decoder.is_empty() {
            count(text.trim_end().chars().count());
        }
    }
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    Ok(Secret::new(std::mem::take(&mut *text)))
}

fn push(text: &mut String, more: &str) {
    if text.len() + more.len() <= MAX_INPUT {
        text.push_str(more);
    }
}

/// Keys as they come.
struct Keyboard<'a> {
    asking: &'a QuestionOnTerminal<'a>,
    decoder: Decoder,
}

impl Keyboard<'_> {
    /// Waits for the next key.
    fn key(&mut self) -> Result<KeyPress, PromptError> {
        loop {
            let limit = if self.decoder.is_empty() { TICK } else { ESCAPE_TIMEOUT };
            if let Some(key) = self.key_within(limit)? {
                return Ok(key);
            }
        }
    }

    /// Waits for the next key, but not longer than this.
    fn key_within(&mut self, limit: Duration) -> Result<Option<KeyPress>, PromptError> {
        loop {
            if let Some(key) = self.decoder.next(false) {
                return Ok(Some(key));
            }
            if self.asking.is_closed() {
                return Err(PromptError::Cancelled);
            }
            if !has_input(limit).map_err(|_| PromptError::Gone)? {
                return Ok(self.decoder.next(true));
            }
            self.read()?;
        }
    }

    fn read(&mut self) -> Result<(), PromptError> {
        let mut bytes = Zeroizing::new([0_u8; 1024]);
        match rustix::io::read(io::stdin(), bytes.as_mut_slice()) {
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
