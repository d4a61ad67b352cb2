//! Patches, adds and removes lines, leaving everything else as it is.

use std::ops::Range;

use zeroize::Zeroizing;

use super::verify::NewValue;
use super::{BYTE_ORDER_MARK, EnvFile};
use crate::settings::keys::{Instance, KEYS, Key, Section};
use crate::settings::parsers::python::{Binding, Quotes, bindings};
use crate::settings::parsers::{over_break, slice};
use crate::settings::quoting::{python_only_forms, quoted};

/// A text that is being edited.
pub(super) struct EnvEditor<'a> {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) instance: &'a Instance,
}

impl EnvEditor<'_> {
    fn splice(&mut self, range: Range<usize>, with: &[u8]) {
        // Built anew instead of in place, so that no grown buffer leaves a copy of a secret behind.
        let mut bytes = Vec::with_capacity(self.bytes.len() + with.len());
        bytes.extend_from_slice(self.bytes.get(..range.start).unwrap_or_default());
        bytes.extend_from_slice(with);
        bytes.extend_from_slice(self.bytes.get(range.end..).unwrap_or_default());
        self.bytes = Zeroizing::new(bytes);
    }

    fn line_break(&self) -> &'static str {
        let first = self.bytes.iter().position(|byte| *byte == b'\n');
        let before = first.and_then(|at| at.checked_sub(1)).and_then(|at| self.bytes.get(at));
        if before == Some(&b'\r') { "\r\n" } else { "\n" }
    }

    /// Brings the first line out from behind the byte order mark.
    fn part_from_byte_order_mark(&mut self, name: &str) {
        let file = EnvFile { bytes: self.bytes.clone() };
        if file.hides(name) {
            let comment = format!("#{}", self.line_break());
            self.splice(BYTE_ORDER_MARK.len()..BYTE_ORDER_MARK.len(), comment.as_bytes());
        }
    }

    pub(super) fn set(&mut self, wanted: &NewValue<'_>, form: usize) {
        let written = |before: Quotes| {
            if wanted.refusal.is_some() {
                python_only_forms(wanted.text).into_iter().nth(form).unwrap_or_default()
            } else {
                quoted(wanted.text, before)
            }
        };
        if !bindings(&self.bytes).iter().any(|binding| binding.binds(&self.bytes, &wanted.name)) {
            self.part_from_byte_order_mark(&wanted.name);
        }
        let bound = bindings(&self.bytes);
        if let Some(binding) = bound.iter().rev().find(|binding| binding.binds(&self.bytes, &wanted.name)) {
            let before = binding.value.as_ref().map_or(Quotes::None, |value| value.quotes);
            let line = self.patched(binding, &wanted.name, written(before));
            self.splice(binding.range.clone(), &line);
        } else if let Some(range) = broken_line(&self.bytes, &bound, &wanted.name) {
            let export = if slice(&self.bytes, &range).starts_with(b"export") { "export " } else { "" };
            self.splice(range, format!("{export}{}={}", wanted.name, written(Quotes::None)).as_bytes());
        } else {
            self.insert(wanted.key, &format!("{}={}", wanted.name, written(Quotes::None)));
        }
    }

    /// Returns the line of a binding with another value: indentation, `export`, comment and line break as they were.
    fn patched(&self, binding: &Binding, name: &str, mut written: String) -> Zeroizing<Vec<u8>> {
        let text = slice(&self.bytes, &binding.range);
        let head = text.get(..text.len().min(7)).filter(|head| head.starts_with(b"export") && !binds_export(name));
        let start = if head.is_some() { "export " } else { "" };
        let named = binding.name.clone().unwrap_or_default();
        let kept = slice(&self.bytes, &(binding.range.start..named.start));
        let is_quoted = kept.ends_with(b"'");
        let prefix = if is_quoted || !kept.iter().all(u8::is_ascii) { start.as_bytes() } else { kept };
        let value_end = binding.value.as_ref().map_or(named.end + usize::from(is_quoted), |value| value.range.end);
        let tail = slice(&self.bytes, &(value_end..binding.range.end));
        let gap = tail.len() - tail.iter().position(|byte| *byte == b'#').map_or(0, |at| tail.len() - at);
        let (gap, comment) = tail.split_at_checked(gap).unwrap_or_default();
        let mut line = [prefix, name.as_bytes(), b"="].concat();
        if comment.is_empty() {
            line.extend_from_slice(written.as_bytes());
            // After blanks, dotenvy fails at the end of the file, and a shell takes a `\r` for a command; what only
            // python-dotenv takes for white space would become part of the value elsewhere.
            let blanks = gap.iter().take_while(|byte| !matches!(byte, b'\r' | b'\n')).count();
            let (blanks, end) = gap.split_at_checked(blanks).unwrap_or_default();
            let is_safe = end.starts_with(b"\n") && blanks.iter().all(|byte| b" \t".contains(byte));
            line.extend_from_slice(if is_safe { gap } else { end });
        } else {
            if written.is_empty() {
                // Unquoted, python-dotenv would read the comment as the value.
                written.push_str("''");
            }
            // dotenvy sees no comment behind two blanks, and a shell none without a blank.
            let is_safe = gap.iter().all(|byte| b" \t".contains(byte)) && !gap.is_empty();
            let is_safe = is_safe && (gap.len() == 1 || !comment.iter().any(|byte| b"'\"\\".contains(byte)));
            line.extend_from_slice(written.as_bytes());
            line.extend_from_slice(if is_safe { gap } else { b" " });
            line.extend_from_slice(comment);
        }
        Zeroizing::new(line)
    }

    /// Puts a new line beside the keys of its block, or with the block's heading at the end.
    fn insert(&mut self, key: Key, line: &str) {
        let bound = bindings(&self.bytes);
        let same_block = |other: &Key| other.block() == key.block() && *other != key;
        let place_of = |other: Key| {
            let name = other.variable(self.instance);
            bound.iter().rev().find(|binding| binding.binds(&self.bytes, &name)).map(|binding| binding.range.clone())
        };
        let others = KEYS.iter().map(|entry| entry.key).filter(same_block);
        let (before, after): (Vec<Key>, Vec<Key>) = others.partition(|other| *other < key);
        let line_break = self.line_break();
        if let Some(place) = before.into_iter().rev().find_map(place_of) {
            let ends = matches!(self.bytes.get(place.end.wrapping_sub(1)), Some(b'\n' | b'\r'));
            let text = if ends { format!("{line}{line_break}") } else { format!("{line_break}{line}") };
            return self.splice(place.end..place.end, text.as_bytes());
        }
        if let Some(place) = after.into_iter().find_map(place_of) {
            let start = start_of_line(&self.bytes, place.start);
            return self.splice(start..start, format!("{line}{line_break}").as_bytes());
        }
        let end = self.bytes.len();
        let heading = self.heading(key);
        let text = format!("{}{heading}{line_break}{line}", self.blank_line());
        let is_open = end > 0 && !self.bytes.ends_with(b"\n") && self.bytes.as_slice() != BYTE_ORDER_MARK;
        let text = if is_open { text } else { text + line_break };
        self.splice(end..end, text.as_bytes());
    }

    /// Returns the blank line, and the line break that may be missing, between the end of the text and a new block.
    fn blank_line(&self) -> String {
        let line_break = self.line_break();
        let text = self.bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.bytes);
        let last = text.trim_ascii_end().len();
        let breaks = text.get(last..).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
        match breaks {
            _ if last == 0 => String::new(),
            0 => line_break.repeat(2),
            1 => line_break.to_owned(),
            _ => String::new(),
        }
    }

    fn heading(&self, key: Key) -> String {
        match key.block() {
            Section::Connection if self.instance.is_first() => "# Proxmox Configuration".to_owned(),
            Section::Connection => format!("# Proxmox Configuration ({})", self.instance),
            Section::Templates => "# Template IDs".to_owned(),
        }
    }

    /// Takes out every line of a name.
    pub(super) fn remove(&mut self, name: &str) {
        if !bindings(&self.bytes).iter().any(|binding| binding.binds(&self.bytes, name)) {
            self.part_from_byte_order_mark(name);
        }
        let mut bound = bindings(&self.bytes);
        while let Some(line) = broken_line(&self.bytes, &bound, name) {
            let end = over_break(&self.bytes, line.end);
            self.splice(start_of_line(&self.bytes, line.start)..end, b"");
            bound = bindings(&self.bytes);
        }
        let mut kept = Vec::with_capacity(self.bytes.len());
        let mut from = 0;
        for binding in bound.iter().filter(|binding| binding.binds(&self.bytes, name)) {
            let start = start_of_line(&self.bytes, binding.range.start);
            kept.extend_from_slice(slice(&self.bytes, &(from..start)));
            from = binding.range.end;
        }
        kept.extend_from_slice(slice(&self.bytes, &(from..self.bytes.len())));
        self.bytes = Zeroizing::new(kept);
    }
}

/// Returns whether the name itself is `export`, or begins with it.
fn binds_export(name: &str) -> bool {
    name.starts_with("export")
}

/// Goes back over the indentation of a line.
fn start_of_line(bytes: &[u8], offset: usize) -> usize {
    let before = bytes.get(..offset).unwrap_or_default();
    let indentation = before.iter().rev().take_while(|byte| b" \t".contains(byte)).count();
    offset - indentation
}

/// Returns whether a line begins like an assignment to this name but cannot be read.
pub(super) fn has_broken_mention(bytes: &[u8], name: &str) -> bool {
    broken_line(bytes, &bindings(bytes), name).is_some()
}

/// Finds the last line that begins like an assignment to this name but cannot be read; its line break is not in it.
fn broken_line(bytes: &[u8], bound: &[Binding], name: &str) -> Option<Range<usize>> {
    let broken = bound.iter().rev().filter(|binding| binding.is_broken);
    broken.map(|binding| binding.range.start).find_map(|start| {
        let rest = bytes.get(start..)?;
        let length = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        let line = slice(bytes, &(start..start + length));
        let line = line.strip_prefix(b"export").map_or(line, <[u8]>::trim_ascii_start);
        let behind = line.strip_prefix(name.as_bytes())?.trim_ascii_start();
        behind.starts_with(b"=").then_some(start..start + length)
    })
}
