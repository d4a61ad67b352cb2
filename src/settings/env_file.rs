//! Reads a `.env` as python-dotenv does, and edits it without losing a line.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

use super::error::{Error, Warning};
use super::keys::{Block, Instance, KEYS, Key};
use super::quoting::{for_python_alone, quoted, refusal};
use super::readers::python::{Binding, Quotes, bindings, decode, interpolate};
use super::readers::{Reader, Statement, line_at, over_break, slice};
use super::values::Value;
use crate::model::{Fingerprint, Secret};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of a `.env` file, byte for byte.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct EnvFile {
    bytes: Zeroizing<Vec<u8>>,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The value; nothing where the name stands alone.
    pub text: Option<Secret>,
    /// Its line, counted from 1.
    pub line: usize,
}

/// What is to be done with one key.
#[derive(Debug, Clone)]
pub enum Change {
    /// Gives the key a value.
    Set(Key, Value),
    /// Removes every line of the key.
    Remove(Key),
}

/// Whether somebody agreed that values may be written which only python-dotenv reads back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consent {
    /// Nobody did: such a value is refused.
    #[default]
    Withheld,
    /// A person did.
    PythonAlone,
}

/// What an edit made of a file.
#[derive(Debug, Clone)]
pub struct Edited {
    /// The new text.
    pub file: EnvFile,
    /// The variables whose lines changed, in the order of the table.
    pub changed: Vec<String>,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

impl EnvFile {
    /// Takes a file as it is; every sequence of bytes is one.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: Zeroizing::new(bytes) }
    }

    /// Gives the bytes, secrets included.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads all values as python-dotenv does; of a name that stands twice the last counts.
    #[must_use]
    pub fn values(&self, variables: &dyn Fn(&str) -> Option<String>) -> BTreeMap<String, Located> {
        let mut found: BTreeMap<String, Located> = BTreeMap::new();
        let (mut line, mut counted) = (1, 0);
        for binding in bindings(&self.bytes) {
            line += line_at(slice(&self.bytes, &(counted..binding.range.start)), usize::MAX) - 1;
            counted = binding.range.start;
            let Some(name) = &binding.name else { continue };
            let text = binding.value.as_ref().map(|value| {
                let known = |name: &str| {
                    let in_file = |it: &Located| it.text.as_ref().map_or_else(String::new, |text| text.expose().into());
                    variables(name).or_else(|| found.get(name).map(in_file))
                };
                Secret::new(interpolate(&decode(&self.bytes, value), &known))
            });
            found.insert(String::from_utf8_lossy(slice(&self.bytes, name)).into_owned(), Located { text, line });
        }
        found
    }

    /// Says what in this file some reader reads differently, for the keys of an instance.
    #[must_use]
    pub fn warnings(&self, instance: &Instance) -> Vec<Warning> {
        let bound = bindings(&self.bytes);
        let mut warnings = Vec::new();
        if let Err(why) = std::str::from_utf8(&self.bytes) {
            warnings.push(Warning::NotUtf8 { line: line_at(&self.bytes, why.valid_up_to()) });
        }
        for entry in &KEYS {
            let name = entry.key.variable(instance);
            let mine: Vec<&Binding> = bound.iter().filter(|binding| binding.binds(&self.bytes, &name)).collect();
            let Some(last) = mine.last() else {
                warnings.extend(self.hides(&name).then_some(Warning::ByteOrderMark { name }));
                continue;
            };
            let line = line_at(&self.bytes, last.range.start);
            let python = last.value.as_ref().map(|value| interpolate(&decode(&self.bytes, value), &|_| None));
            if python != super::readers::dotenvy::decode(slice(&self.bytes, &last.range)) {
                warnings.push(Warning::ReadDifferently { name: name.clone(), line });
            }
            if mine.len() > 1 {
                warnings.push(Warning::Twice { name, line });
            }
        }
        warnings
    }

    /// Says whether the byte order mark hides this name in the first line from python-dotenv.
    fn hides(&self, name: &str) -> bool {
        let Some(rest) = self.bytes.strip_prefix(BYTE_ORDER_MARK) else { return false };
        bindings(rest).first().is_some_and(|first| first.binds(rest, name) && line_at(rest, first.range.start) == 1)
    }

    /// Applies changes, patching lines and leaving everything else as it is.
    ///
    /// # Errors
    ///
    /// Refuses a value that not every reader would read back, unless there is consent, and an edit that would change
    /// what some reader reads for another key.
    pub fn edit(
        &self,
        instance: &Instance,
        changes: &[Change],
        consent: Consent,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Edited, Error> {
        let plan = Plan::new(self, instance, changes, consent, variables)?;
        let forms = if plan.wanted.iter().any(|wanted| wanted.is_for_python_alone) { 3 } else { 1 };
        let mut refused = None;
        for form in 0..forms {
            let mut draft = Draft { bytes: Zeroizing::new(self.bytes.to_vec()), instance };
            plan.wanted.iter().for_each(|wanted| draft.set(wanted, form));
            plan.unwanted.iter().for_each(|name| draft.remove(name));
            match plan.check(&self.bytes, &draft.bytes) {
                Ok(warnings) => {
                    return Ok(Edited { file: Self { bytes: draft.bytes }, changed: plan.names(), warnings });
                }
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        refused.map_or_else(
            || Ok(Edited { file: self.clone(), changed: Vec::new(), warnings: Vec::new() }),
            Err,
        )
    }
}

impl fmt::Debug for EnvFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EnvFile({} bytes)", self.bytes.len())
    }
}

/// One value that must be written.
struct Wanted<'a> {
    key: Key,
    name: String,
    text: &'a str,
    is_for_python_alone: bool,
}

/// What has to change, values that already stand there left out.
struct Plan<'a> {
    wanted: Vec<Wanted<'a>>,
    unwanted: Vec<String>,
}

impl<'a> Plan<'a> {
    fn new(
        file: &EnvFile,
        instance: &Instance,
        changes: &'a [Change],
        consent: Consent,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let present = file.values(variables);
        let mut plan = Self { wanted: Vec::new(), unwanted: Vec::new() };
        for change in changes {
            match change {
                Change::Set(key, value) => {
                    let name = key.variable(instance);
                    let text = value.expose();
                    let old = present.get(&name).and_then(|located| located.text.as_ref());
                    if old.is_some_and(|old| means_the_same(*key, old.expose(), text)) {
                        continue;
                    }
                    let why = refusal(text);
                    if let Some(why) = why.filter(|why| why.is_final() || consent == Consent::Withheld) {
                        return Err(Error::Unwritable { name, why });
                    }
                    plan.wanted.push(Wanted { key: *key, name, text, is_for_python_alone: why.is_some() });
                }
                Change::Remove(key) => {
                    let name = key.variable(instance);
                    if present.contains_key(&name) || file.hides(&name) || mentions_brokenly(&file.bytes, &name) {
                        plan.unwanted.push(name);
                    }
                }
            }
        }
        // In this order each new line finds the line that it belongs behind.
        plan.wanted.sort_by_key(|wanted| wanted.key);
        Ok(plan)
    }

    fn names(&self) -> Vec<String> {
        self.wanted.iter().map(|wanted| wanted.name.clone()).chain(self.unwanted.iter().cloned()).collect()
    }

    /// Reads old and new text as every reader does: nothing else may have changed, and what was written must be there.
    fn check(&self, old: &[u8], new: &[u8]) -> Result<Vec<Warning>, Error> {
        let names = self.names();
        let ours: HashSet<&[u8]> = names.iter().map(String::as_bytes).collect();
        let is_written = |wanted: &Wanted<'_>| {
            let bound = bindings(new);
            bound.iter().rev().find(|it| it.binds(new, &wanted.name)).is_some_and(|it| python_reads(new, it, wanted.text))
        };
        if !self.wanted.iter().all(is_written) {
            return Err(Error::Entangled { reader: Reader::Python, line: 1 });
        }
        // Some readers see the mark and some do not; what stands behind it is compared as if none did.
        let old = old.strip_prefix(BYTE_ORDER_MARK).unwrap_or(old);
        let new = new.strip_prefix(BYTE_ORDER_MARK).unwrap_or(new);
        let bound = bindings(new);
        let mut warnings = Vec::new();
        for reader in Reader::ALL {
            let before = reader.statements(old);
            let after = reader.statements(new);
            if let Some(line) = first_lost(&ours, old, &before, new, &after) {
                return Err(Error::Entangled { reader, line });
            }
            for wanted in &self.wanted {
                let mine = bound.iter().rev().find(|binding| binding.binds(new, &wanted.name));
                let is_read = mine.is_some_and(|mine| is_seen(&after, new, mine, &wanted.name));
                match reader {
                    Reader::Python if wanted.is_for_python_alone => {
                        warnings.push(Warning::ForPythonAlone { name: wanted.name.clone() });
                    }
                    _ if !is_read && !wanted.is_for_python_alone => {
                        let line = mine.map_or(1, |mine| line_at(new, mine.range.start));
                        warnings.push(Warning::NotRead { name: wanted.name.clone(), line, reader });
                    }
                    _ => {}
                }
            }
        }
        Ok(warnings)
    }
}

/// Says whether python-dotenv reads this text from a binding.
fn python_reads(bytes: &[u8], binding: &Binding, text: &str) -> bool {
    binding.value.as_ref().is_some_and(|value| interpolate(&decode(bytes, value), &|_| None) == text)
}

/// Says whether the reader's last statement of this name is the same stretch of the file as python-dotenv's.
fn is_seen(statements: &[Statement], bytes: &[u8], mine: &Binding, name: &str) -> bool {
    let is_mine = |it: &&Statement| it.name.as_ref().is_some_and(|range| slice(bytes, range) == name.as_bytes());
    let last = statements.iter().rev().find(is_mine);
    let value_end = mine.value.as_ref().map_or(mine.range.end, |value| value.range.end);
    let line_end = mine.range.start + slice(bytes, &mine.range).trim_ascii_end().len();
    last.is_some_and(|last| {
        last.range.start == mine.range.start && (last.range.end == value_end || last.range.end == line_end)
    })
}

/// Finds the first statement of other names that is missing from the new text; gives its line in the old one.
fn first_lost(
    ours: &HashSet<&[u8]>,
    old: &[u8],
    before: &[Statement],
    new: &[u8],
    after: &[Statement],
) -> Option<usize> {
    let is_other = |bytes: &[u8], it: &Statement| !it.name.as_ref().is_some_and(|name| ours.contains(slice(bytes, name)));
    let mut candidates = after.iter().filter(|it| is_other(new, it)).peekable();
    for statement in before.iter().filter(|it| is_other(old, it)) {
        let text = slice(old, &statement.range);
        if statement.is_open {
            // It could not be read before; it must not become readable as something else.
            let is_still_open = after.last().is_some_and(|last| last.is_open && same_name(old, statement, new, last));
            return (!is_still_open).then(|| line_at(old, statement.range.start));
        }
        if !candidates.any(|candidate| slice(new, &candidate.range) == text) {
            return Some(line_at(old, statement.range.start));
        }
    }
    // What nobody saw before, because an open quote swallowed it, may appear, but not change a value that was read.
    let known: HashSet<&[u8]> = before.iter().filter_map(|it| it.name.as_ref().map(|name| slice(old, name))).collect();
    candidates
        .find(|it| it.name.as_ref().is_some_and(|name| known.contains(slice(new, name))))
        .map(|it| line_at(new, it.range.start))
}

fn same_name(old: &[u8], left: &Statement, new: &[u8], right: &Statement) -> bool {
    left.name.as_ref().map(|name| slice(old, name)) == right.name.as_ref().map(|name| slice(new, name))
}

/// Says whether a value would be replaced by one that means the same.
fn means_the_same(key: Key, old: &str, new: &str) -> bool {
    match key {
        Key::VerifySsl => super::values::boolean(old).is_some_and(|old| Some(old) == super::values::boolean(new)),
        Key::Fingerprint => old.parse::<Fingerprint>().is_ok_and(|old| Ok(old) == new.parse()),
        _ => old == new,
    }
}

/// Says whether a line begins like an assignment to this name but cannot be read.
fn mentions_brokenly(bytes: &[u8], name: &str) -> bool {
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

/// A text that is being edited.
struct Draft<'a> {
    bytes: Zeroizing<Vec<u8>>,
    instance: &'a Instance,
}

impl Draft<'_> {
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
    fn uncover(&mut self, name: &str) {
        let file = EnvFile { bytes: self.bytes.clone() };
        if file.hides(name) {
            let comment = format!("#{}", self.line_break());
            self.splice(BYTE_ORDER_MARK.len()..BYTE_ORDER_MARK.len(), comment.as_bytes());
        }
    }

    fn set(&mut self, wanted: &Wanted<'_>, form: usize) {
        let written = |before: Quotes| {
            if wanted.is_for_python_alone {
                for_python_alone(wanted.text).into_iter().nth(form).unwrap_or_default()
            } else {
                quoted(wanted.text, before)
            }
        };
        if !bindings(&self.bytes).iter().any(|binding| binding.binds(&self.bytes, &wanted.name)) {
            self.uncover(&wanted.name);
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

    /// Gives the line of a binding with another value: indentation, `export`, comment and line break as they were.
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
            // Behind blanks, dotenvy stumbles over the end of the file, and a shell takes a `\r` for a command.
            let blanks = gap.iter().take_while(|byte| b" \t".contains(byte)).count();
            let end = gap.get(blanks..).unwrap_or_default();
            line.extend_from_slice(if end.starts_with(b"\n") { gap } else { end });
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
        let text = format!("{}{heading}{line_break}{line}", self.gap());
        let is_open = end > 0 && !self.bytes.ends_with(b"\n") && self.bytes.as_slice() != BYTE_ORDER_MARK;
        let text = if is_open { text } else { text + line_break };
        self.splice(end..end, text.as_bytes());
    }

    /// Gives the blank line, and the line break that may be missing, between the end of the text and a new block.
    fn gap(&self) -> String {
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
            Block::Connection if self.instance.is_first() => "# Proxmox Configuration".to_owned(),
            Block::Connection => format!("# Proxmox Configuration ({})", self.instance),
            Block::Templates => "# Template IDs".to_owned(),
        }
    }

    /// Takes out every line of a name.
    fn remove(&mut self, name: &str) {
        if !bindings(&self.bytes).iter().any(|binding| binding.binds(&self.bytes, name)) {
            self.uncover(name);
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

/// Says whether the name itself is `export`, or begins with it.
fn binds_export(name: &str) -> bool {
    name.starts_with("export")
}

/// Goes back over the indentation of a line.
fn start_of_line(bytes: &[u8], offset: usize) -> usize {
    let before = bytes.get(..offset).unwrap_or_default();
    let indentation = before.iter().rev().take_while(|byte| b" \t".contains(byte)).count();
    offset - indentation
}
