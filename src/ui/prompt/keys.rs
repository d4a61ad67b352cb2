//! From the bytes that a terminal sends to the keys that a person pressed.

use zeroize::Zeroizing;

/// What a terminal sends before and behind what is pasted, once it was asked to.
const PASTE_START: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// More than this is never one answer; the rest is dropped. It is reserved at once, so that no copy of a secret is left
/// behind by a buffer that grows.
const MAX_INPUT: usize = 64 * 1024;

/// One key, or one paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyPress {
    /// A character.
    Char(char),
    /// A text that was pasted, with its line breaks.
    Paste(Zeroizing<String>),
    Enter,
    Backspace,
    /// Ctrl-U: the whole line goes.
    Clear,
    /// Ctrl-D, or Ctrl-C where it is not a signal.
    Leave,
    /// Anything else.
    Other,
}

/// Bytes that have come and are not yet keys.
pub(super) struct Decoder {
    bytes: Zeroizing<Vec<u8>>,
    /// Where the next key begins.
    at: usize,
}

impl Decoder {
    /// Begins with nothing.
    pub(super) fn new() -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(MAX_INPUT)), at: 0 }
    }

    /// Takes bytes that have come.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
        }
        let room = MAX_INPUT - self.bytes.len();
        self.bytes.extend(bytes.iter().take(room));
    }

    /// Returns whether there is nothing left.
    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Returns the next key; `None` if more bytes must come. When none come for a while, what is there counts as it is.
    pub(super) fn next(&mut self, is_quiet: bool) -> Option<KeyPress> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (key, length) = match rest.first()? {
            0x1b => escape(rest, is_quiet)?,
            b'\r' | b'\n' => (KeyPress::Enter, 1),
            0x03 | 0x04 => (KeyPress::Leave, 1),
            0x08 | 0x7f => (KeyPress::Backspace, 1),
            0x15 => (KeyPress::Clear, 1),
            byte if *byte < 0x20 => (KeyPress::Other, 1),
            _ => character(rest, is_quiet)?,
        };
        self.at += length;
        Some(key)
    }
}

fn character(rest: &[u8], is_quiet: bool) -> Option<(KeyPress, usize)> {
    let length = match rest.first()? {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    match rest.get(..length).map(std::str::from_utf8) {
        Some(Ok(text)) => Some((KeyPress::Char(text.chars().next()?), length)),
        Some(Err(_)) => Some((KeyPress::Other, 1)),
        None if is_quiet => Some((KeyPress::Other, rest.len())),
        None => None,
    }
}

/// Reads what begins with an escape: a paste, a key of its own, or the key Esc itself.
fn escape(rest: &[u8], is_quiet: bool) -> Option<(KeyPress, usize)> {
    if rest.starts_with(PASTE_START) {
        let pasted = rest.get(PASTE_START.len()..)?;
        let length = pasted.windows(PASTE_END.len()).position(|window| window == PASTE_END)?;
        let text = String::from_utf8_lossy(pasted.get(..length)?).into_owned();
        return Some((KeyPress::Paste(Zeroizing::new(text)), PASTE_START.len() + length + PASTE_END.len()));
    }
    match rest.get(1) {
        Some(b'[' | b'O') => {
            let body = rest.get(2..)?;
            let Some(length) = body.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
                return is_quiet.then_some((KeyPress::Other, rest.len()));
            };
            Some((KeyPress::Other, 2 + length + 1))
        }
        // Esc and a key at once is Alt and that key.
        Some(_) => Some((KeyPress::Other, 2)),
        None if is_quiet => Some((KeyPress::Other, 1)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::{Decoder, KeyPress};

    fn keys(bytes: &[u8]) -> Vec<KeyPress> {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        let mut keys = Vec::new();
        while let Some(key) = decoder.next(false).or_else(|| decoder.next(true)) {
            keys.push(key);
        }
        keys
    }

    #[test]
    fn keys_are_distinguished_from_the_bytes_of_a_terminal() {
        for (bytes, expected) in [
            (&b"ab"[..], vec![KeyPress::Char('a'), KeyPress::Char('b')]),
            ("ü日".as_bytes(), vec![KeyPress::Char('ü'), KeyPress::Char('日')]),
            (b"\r\n", vec![KeyPress::Enter, KeyPress::Enter]),
            (b"\x1b[A\x1bOB", vec![KeyPress::Other, KeyPress::Other]),
            (b"\x1b[3~\x1b[5~a", vec![KeyPress::Other, KeyPress::Other, KeyPress::Char('a')]),
            (b"\x1b[1;5C", vec![KeyPress::Other]),
            (b"\x1b", vec![KeyPress::Other]),
            (b"\x1bx", vec![KeyPress::Other]),
            (b"\x1b[", vec![KeyPress::Other]),
            (b"\x04\x15\x17\x7f", vec![KeyPress::Leave, KeyPress::Clear, KeyPress::Other, KeyPress::Backspace]),
            (b"\xff", vec![KeyPress::Other]),
            (b"\xe6\x97", vec![KeyPress::Other]),
            (b"\x1b[200~a\nb\x1b[201~c", vec![KeyPress::Paste(Zeroizing::new("a\nb".to_owned())), KeyPress::Char('c')]),
        ] {
            assert_eq!(keys(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_key_may_come_in_pieces() {
        let mut decoder = Decoder::new();
        decoder.push(b"\x1b[200~se");
        assert_eq!(decoder.next(false), None);
        assert_eq!(decoder.next(true), None, "a paste has an end of its own");
        decoder.push(b"cret\x1b[201");
        assert_eq!(decoder.next(false), None);
        decoder.push(b"~");
        assert_eq!(decoder.next(false), Some(KeyPress::Paste(Zeroizing::new("secret".to_owned()))));
        decoder.push("é".as_bytes().get(..1).unwrap());
        assert_eq!(decoder.next(false), None);
        decoder.push("é".as_bytes().get(1..).unwrap());
        assert_eq!(decoder.next(false), Some(KeyPress::Char('é')));
        assert!(decoder.is_empty());
    }
}
