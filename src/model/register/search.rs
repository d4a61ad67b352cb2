//! Finds known secrets in a text, in every spelling.

use crate::model::register::known::{DECODING_DEPTHS, MIN_LENGTH_AS_WORD, RegisteredSecret};
use crate::model::spelling::{Reading, SourceRange, folded};
use memchr::memmem::find_iter;
use std::borrow::Cow;
use std::ops::Range;

/// A text that is searched, in all its readings.
pub(super) struct SecretSearch<'a> {
    pub(super) known: Vec<&'a RegisteredSecret>,
    pub(super) least: usize,
    /// Finds what has the form of a secret.
    pub(super) forms: fn(&[u8]) -> Vec<Range<usize>>,
    pub(super) found: Vec<SourceRange>,
}

impl SecretSearch<'_> {
    /// Searches a reading, what its escapes stand for, and what is in it in base64.
    pub(super) fn every_reading(&mut self, view: Reading, readings: &[usize]) {
        let Some((count, deeper)) = readings.split_first() else { return };
        let mut view = view;
        for reading in 1..=*count {
            self.one_reading(&view, readings.len());
            if !deeper.is_empty() && view.holds_base64(self.least) {
                for offset in 0..4 {
                    self.every_reading(view.unencoded(offset, self.least), deeper);
                }
            }
            match view.unescaped().filter(|_| reading < *count) {
                Some(next) => view = next,
                None => return,
            }
        }
    }

    fn one_reading(&mut self, view: &Reading, depth: usize) {
        let bytes = folded(&view.bytes);
        let found = &mut self.found;
        // Everything that could be base64 is decoded, and in the result one or two letters match anywhere.
        let is_long =
            |known: &&&RegisteredSecret| known.text.len() >= MIN_LENGTH_AS_WORD || depth == DECODING_DEPTHS.len();
        for known in self.known.iter().filter(is_long) {
            known.find(&bytes, &mut |start, end| found.push(view.source_range(start, end)));
        }
        // A certificate in base64 holds the UUID of its cluster, and is to stay what it is.
        if depth == DECODING_DEPTHS.len() {
            found.extend((self.forms)(&bytes).into_iter().map(|form| view.source_range(form.start, form.end)));
        }
        for dots in find_iter(&bytes, b"...") {
            let before = bytes.get(..dots).unwrap_or_default();
            for known in &self.known {
                let length = known.head(before);
                if length > 0 {
                    found.push(view.source_range(dots - length, dots));
                }
            }
        }
    }
}

/// Joins places that overlap, and widens each to whole characters.
pub(super) fn merge_overlaps(text: &str, mut ranges: Vec<SourceRange>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        let start = (0..=range.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let end = (range.end..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        match joined.last_mut().filter(|last| start <= last.end) {
            Some(last) => last.end = last.end.max(end),
            None => joined.push(start..end),
        }
    }
    joined
}

/// Writes a mask over places in a text.
#[must_use]
pub fn replaced<'a>(text: &'a str, ranges: &[Range<usize>], mask: &str) -> Cow<'a, str> {
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        shown.push_str(text.get(at..range.start).unwrap_or_default());
        shown.push_str(mask);
        at = range.end;
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(shown)
}
