//! The writer that all output goes through, which masks every secret.

use std::io::{self, Write};

use serde_json::Value;

use crate::model::register::{MASK, replaced};
use crate::model::{Register, Secret};
use crate::ui::json;

/// What stands for a secret where only ASCII can be shown.
const ASCII_MASK: &str = "****";

/// So much is searched at once.
const CHUNK_SIZE: usize = 64 * 1024;

/// So much of a text that goes on is held back, so that no secret is cut in two: one with every character escaped.
const TAIL_LENGTH: usize = 8 * 1024;

/// A writer that masks secrets, even if one is split between two calls; nothing is written before `flush`.
pub struct Masked<W: Write> {
    to: W,
    register: &'static Register,
    mask: &'static str,
    waiting: String,
    /// The first bytes of a character whose others are still to come.
    parted: Vec<u8>,
}

/// How a document is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// On one line, ended.
    Line,
    /// Indented, ended.
    Indented,
}

impl<W: Write> Masked<W> {
    /// Masks what the register of the process holds.
    #[must_use]
    pub fn new(to: W) -> Self {
        Self { to, register: Register::of_process(), mask: MASK, waiting: String::new(), parted: Vec::new() }
    }

    /// Masks with characters of ASCII alone.
    #[must_use]
    pub fn in_ascii(mut self) -> Self {
        self.mask = ASCII_MASK;
        self
    }

    /// Writes a text in which some secrets are to be revealed, and lets it go.
    ///
    /// # Errors
    /// What the writer behind it reports.
    pub fn reveal(&mut self, text: &str, revealed: &[Secret]) -> io::Result<()> {
        self.flush()?;
        self.to.write_all(self.register.masked_except(text, revealed).as_bytes())?;
        self.to.flush()
    }

    /// Writes a document, in which no more than these secrets are revealed, and lets it go. It is masked string by string,
    /// so that it stays a document.
    ///
    /// # Errors
    /// What the writer behind it reports.
    pub fn document(&mut self, mut document: Value, layout: Layout, revealed: &[Secret]) -> io::Result<()> {
        self.flush()?;
        json::mask(&mut document, &|text| self.register.masked_except(text, revealed).into_owned());
        let mut text = json::text(&document, layout)?;
        text.push(b'\n');
        self.to.write_all(&text)?;
        self.to.flush()
    }

    /// Writes the buffer, except for `held_back` bytes at its end.
    fn release(&mut self, held_back: usize) -> io::Result<()> {
        while self.waiting.len() > held_back {
            let end = boundary(&self.waiting, CHUNK_SIZE + TAIL_LENGTH);
            let keep = if end == self.waiting.len() { held_back } else { TAIL_LENGTH };
            let mut places = self.register.positions(self.waiting.get(..end).unwrap_or_default());
            let mut stop = boundary(&self.waiting, end.saturating_sub(keep));
            // What is masked is masked whole: with what comes later, unless there is no room for more.
            if let Some(parted) = places.iter().find(|place| place.start < stop && stop < place.end) {
                stop = if parted.start > 0 { parted.start } else { parted.end };
            }
            if stop == 0 {
                return Ok(());
            }
            places.retain(|place| place.end <= stop);
            let gone: String = self.waiting.drain(..stop).collect();
            self.to.write_all(replaced(&gone, &places, self.mask).as_bytes())?;
        }
        Ok(())
    }
}

/// Returns the last boundary of a character that is not behind this place.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl<W: Write> Write for Masked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.parted.extend_from_slice(bytes);
        let parted = std::mem::take(&mut self.parted);
        let mut rest = parted.as_slice();
        while let Err(broken) = std::str::from_utf8(rest) {
            let (valid, invalid) = rest.split_at(broken.valid_up_to());
            self.waiting.push_str(&String::from_utf8_lossy(valid));
            let Some(length) = broken.error_len() else {
                self.parted = invalid.to_vec();
                rest = &[];
                break;
            };
            self.waiting.push(char::REPLACEMENT_CHARACTER);
            rest = invalid.get(length..).unwrap_or_default();
        }
        self.waiting.push_str(&String::from_utf8_lossy(rest));
        if self.waiting.len() > CHUNK_SIZE + TAIL_LENGTH {
            self.release(TAIL_LENGTH)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let gone = self.release(0);
        self.waiting.clear();
        gone?;
        self.to.flush()
    }
}

impl<W: Write> Drop for Masked<W> {
    fn drop(&mut self) {
        let _ = self.flush(); // callers that need the result flush
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::{CHUNK_SIZE, Masked, TAIL_LENGTH};
    use crate::model::Secret;

    /// A place that can be looked at.
    #[derive(Default, Clone)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    const CANARY: &str = "of-the-writer:größe/42";

    #[test]
    fn a_secret_in_many_calls_is_masked() {
        Secret::new(CANARY.to_owned()).register();
        for size in 1..7 {
            let sink = Sink::default();
            let mut masked = Masked::new(sink.clone());
            for part in format!("<{CANARY}> größe").as_bytes().chunks(size) {
                masked.write_all(part).unwrap();
            }
            assert_eq!(sink.text(), "");
            masked.flush().unwrap();
            assert_eq!(sink.text(), "<••••> größe");
            masked.in_ascii().write_all(CANARY.as_bytes()).unwrap();
            assert!(sink.text().ends_with("größe****"), "at its end it lets go what it has");
        }
    }

    #[test]
    fn a_long_text_goes_through_piece_by_piece() {
        Secret::new(CANARY.to_owned()).register();
        let sink = Sink::default();
        let mut masked = Masked::new(sink.clone());
        for number in 0..40 {
            let filler = "ö ".repeat((CHUNK_SIZE / 3 - number * 7) / 3);
            masked.write_all(filler.as_bytes()).unwrap();
            masked.write_all(CANARY.as_bytes()).unwrap();
            assert!(masked.waiting.len() <= CHUNK_SIZE + 2 * TAIL_LENGTH);
        }
        masked.flush().unwrap();
        assert_eq!(sink.text().matches("••••").count(), 40);
        assert!(!sink.text().contains("größe"));
    }

    #[test]
    fn bytes_that_are_not_text_are_shown_as_such() {
        let sink = Sink::default();
        let mut masked = Masked::new(sink.clone());
        masked.write_all(b"a\xffb\xc3").unwrap();
        masked.write_all(b"\xbcc").unwrap();
        masked.flush().unwrap();
        assert_eq!(sink.text(), "a\u{fffd}büc");
    }
}
