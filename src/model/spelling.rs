//! Text as a decoder would read it, with the place of each byte in the text itself.

mod escapes;

use escapes::{Unit, control_sequence, line_break, sextet, unit};
/// A text in one of its readings.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// The bytes of this reading.
    pub(super) bytes: Vec<u8>,
    /// Where each byte comes from; `None` if each is at its own place.
    ranges: Option<Vec<SourceRange>>,
}

/// Where something is in the text that is shown, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceRange {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Reading {
    /// Reads a text as it is.
    pub(super) fn of(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), ranges: None }
    }

    /// Returns the place in the shown text of a part of this reading that is not empty.
    pub(super) fn source_range(&self, start: usize, end: usize) -> SourceRange {
        let Some(ranges) = &self.ranges else { return SourceRange { start, end } };
        let first = ranges.get(start).map_or(0, |range| range.start);
        let last = end.checked_sub(1).and_then(|last| ranges.get(last)).map_or(first, |range| range.end);
        SourceRange { start: first, end: last }
    }

    /// Decodes every escape once: percent, JSON, HTML, shell. Returns `None` if there is none.
    pub(super) fn unescaped(&self) -> Option<Self> {
        if !self.bytes.iter().any(|byte| b"%\\&".contains(byte)) {
            return None;
        }
        let mut reading = ReadingBuilder::default();
        let mut changed = false;
        let mut at = 0;
        while let Some(rest) = self.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let unit = unit(rest).inspect(|_| changed = true);
            let unit = unit.unwrap_or_else(|| Unit::byte(rest.first().copied().unwrap_or_default(), 1));
            reading.push(unit.bytes(), self.source_range(at, at + unit.taken));
            at += unit.taken;
        }
        changed.then(|| reading.view())
    }

    /// Takes out what a screen puts into a text: colours and links, and line breaks with the indentation behind them,
    /// for which it writes `between`. Returns `None` if there are none.
    pub(super) fn unwrapped(&self, between: &[u8]) -> Option<Self> {
        if !self.bytes.iter().any(|byte| b"\n\x1b".contains(byte)) {
            return None;
        }
        let mut reading = ReadingBuilder::default();
        let mut at = 0;
        while let Some(rest) = self.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let control = control_sequence(rest);
            let broken = if control == 0 { line_break(rest) } else { 0 };
            if broken > 0 {
                reading.push(between, self.source_range(at, at + broken));
            } else if control == 0 {
                reading.push(rest.get(..1).unwrap_or_default(), self.source_range(at, at + 1));
            }
            at += control.max(broken).max(1);
        }
        Some(reading.view())
    }

    /// Returns whether there is a run of characters that could be base64.
    pub(super) fn holds_base64(&self, least: usize) -> bool {
        let mut run = 0;
        self.bytes.iter().any(|byte| {
            run = if sextet(*byte).is_some() { run + 1 } else { 0 };
            run >= least
        })
    }

    /// Decodes everything that could be base64 or base64url, taking the first character of each run for the one at
    /// `offset` of four. Runs are kept apart by a zero byte, or by dots where a run was cut off.
    pub(super) fn unencoded(&self, offset: usize, least: usize) -> Self {
        let mut reading = ReadingBuilder::default();
        let mut at = 0;
        while at < self.bytes.len() {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let run = rest.iter().take_while(|byte| sextet(**byte).is_some()).count();
            if run >= least {
                self.decode_run(at + offset.min(run), at + run, &mut reading);
                let after = rest.get(run..).unwrap_or_default();
                let is_cut = after.starts_with(b"...") || after.starts_with("…".as_bytes());
                let range = self.source_range(at + run - 1, at + run);
                reading.push(if is_cut { b"..." } else { b"\0" }, SourceRange { start: range.end, end: range.end });
            }
            at += run.max(1);
        }
        reading.view()
    }

    fn decode_run(&self, start: usize, end: usize, reading: &mut ReadingBuilder) {
        let digits = self.bytes.get(start..end).unwrap_or_default();
        let (mut bits, mut count) = (0_u32, 0_u32);
        for (index, digit) in digits.iter().filter_map(|byte| sextet(*byte)).enumerate() {
            bits = (bits << 6 | digit) & 0xFFFF;
            count += 6;
            if count >= 8 {
                count -= 8;
                let byte = u8::try_from(bits >> count & 0xFF).unwrap_or_default();
                // A byte is in the last two digits; those before and behind share bits with it.
                reading.push(&[byte], self.source_range(start + index - 1, start + index + 1));
            }
        }
    }
}

/// A reading that is being put together.
#[derive(Default)]
struct ReadingBuilder {
    bytes: Vec<u8>,
    ranges: Vec<SourceRange>,
}

impl ReadingBuilder {
    fn push(&mut self, bytes: &[u8], range: SourceRange) {
        self.bytes.extend_from_slice(bytes);
        self.ranges.extend(std::iter::repeat_n(range, bytes.len()));
    }

    fn view(self) -> Reading {
        Reading { bytes: self.bytes, ranges: Some(self.ranges) }
    }
}

/// Writes bytes so that readings that mean the same are alike: ASCII and the letters of other alphabets in lower case, `+`
/// as the blank that it is in a form, and the ellipsis as dots. No byte changes its place.
pub(super) fn folded(bytes: &[u8]) -> Vec<u8> {
    let mut folded: Vec<u8> = bytes.to_ascii_lowercase();
    for byte in &mut folded {
        if *byte == b'+' {
            *byte = b' ';
        }
    }
    if folded.is_ascii() {
        return folded;
    }
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let length = character.len_utf8();
            if let Some(range) = folded.get_mut(at..at + length).filter(|_| length > 1) {
                fold_letter(character, range);
            }
            at += length;
        }
        at += chunk.invalid().len();
    }
    folded
}

/// Writes a character in lower case where that takes as many bytes.
fn fold_letter(character: char, range: &mut [u8]) {
    if character == '…' {
        range.copy_from_slice(b"...");
        return;
    }
    let mut lower = character.to_lowercase();
    let mut buffer = [0; 4];
    if let (Some(first), None) = (lower.next(), lower.next())
        && first.len_utf8() == range.len()
    {
        range.copy_from_slice(first.encode_utf8(&mut buffer).as_bytes());
    }
}

#[cfg(test)]
mod tests;
