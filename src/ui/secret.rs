//! One hidden answer: typed, or pasted over several lines.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::model::Secret;
use crate::ui::prompt::{KeyPress, PromptError, RawTerminal};

/// A terminal that does not mark what is pasted sends its lines one after the other: the answer has ended when nothing
/// more has come for this long.
const QUIET: Duration = Duration::from_millis(100);

/// Longer than any answer; reserved at once, so that no copy is left behind by a text that grows.
const AT_MOST: usize = 64 * 1024;

/// Reads one answer and says how many characters it has so far.
pub(super) fn read(opened: &mut RawTerminal<'_>, count: &dyn Fn(usize)) -> Result<Secret, PromptError> {
    let mut text = Zeroizing::new(String::with_capacity(AT_MOST));
    let (mut was_pasted, mut has_ended) = (false, false);
    count(0);
    loop {
        let key = if has_ended {
            match opened.key_within(QUIET)? {
                Some(key) => key,
                None => break,
            }
        } else {
            opened.key()?
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
            _ => {}
        }
        if !opened.has_more() {
            count(text.trim_end().chars().count());
        }
    }
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    Ok(Secret::new(std::mem::take(&mut *text)))
}

fn push(text: &mut String, more: &str) {
    if text.len() + more.len() <= AT_MOST {
        text.push_str(more);
    }
}
