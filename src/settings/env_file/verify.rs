//! What has to change in a file, and the check that nothing else did.

use std::collections::HashSet;

use super::edit::has_broken_mention;
use super::{AmbiguousValues, BYTE_ORDER_MARK, Change, EnvFile};
use crate::model::Fingerprint;
use crate::settings::error::{SettingsError, Warning};
use crate::settings::keys::{Instance, Key};
use crate::settings::parsers::python::{Binding, bindings, decode, interpolate};
use crate::settings::parsers::{Reader, Statement, line_at, slice};
use crate::settings::quoting::{Unwritable, refusal};
use crate::settings::setting::boolean;

/// One value that must be written.
pub(super) struct NewValue<'a> {
    pub(super) key: Key,
    pub(super) name: String,
    pub(super) text: &'a str,
    /// Why it can be written for python-dotenv alone, by consent.
    pub(super) refusal: Option<Unwritable>,
}

/// What has to change, values that already are there left out.
pub(super) struct EditPlan<'a> {
    pub(super) wanted: Vec<NewValue<'a>>,
    pub(super) unwanted: Vec<String>,
}

impl<'a> EditPlan<'a> {
    pub(super) fn new(
        file: &EnvFile,
        instance: &Instance,
        changes: &'a [Change],
        consent: AmbiguousValues,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let present = file.plain_values(variables);
        let mut plan = Self { wanted: Vec::new(), unwanted: Vec::new() };
        for change in changes {
            match change {
                Change::Set(key, value) => {
                    let name = key.variable(instance);
                    let text = value.text();
                    let old = present.get(&name).and_then(|located| located.text.as_ref());
                    if old.is_some_and(|old| is_equivalent(*key, old, text)) {
                        continue;
                    }
                    let why = refusal(text);
                    if let Some(why) = why.filter(|why| why.is_final() || consent == AmbiguousValues::Withheld) {
                        return Err(SettingsError::Unwritable { name, why });
                    }
                    plan.wanted.push(NewValue { key: *key, name, text, refusal: why });
                }
                Change::Remove(key) => {
                    let name = key.variable(instance);
                    if present.contains_key(&name) || file.hides(&name) || has_broken_mention(&file.bytes, &name) {
                        plan.unwanted.push(name);
                    }
                }
            }
        }
        // In this order, each new line is added after the line that it belongs to.
        plan.wanted.sort_by_key(|wanted| wanted.key);
        Ok(plan)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.wanted.iter().map(|wanted| wanted.name.clone()).chain(self.unwanted.iter().cloned()).collect()
    }

    /// Reads old and new text as every reader does: nothing else may have changed, and what was written must be there.
    pub(super) fn check(&self, old: &[u8], new: &[u8]) -> Result<Vec<Warning>, SettingsError> {
        let names = self.names();
        let ours: HashSet<&[u8]> = names.iter().map(String::as_bytes).collect();
        // Some readers see the mark and some do not; what is behind it is compared as if none did.
        let old = old.strip_prefix(BYTE_ORDER_MARK).unwrap_or(old);
        let whole = new;
        let new = new.strip_prefix(BYTE_ORDER_MARK).unwrap_or(new);
        let bound = bindings(new);
        let mut warnings = Vec::new();
        for reader in Reader::ALL {
            let before = reader.statements(old);
            let after = reader.statements(new);
            if let Some(line) = first_lost(&ours, old, &before, new, &after) {
                return Err(SettingsError::WouldReadDifferently { reader, line });
            }
            for wanted in &self.wanted {
                let mine = bound.iter().rev().find(|binding| binding.binds(new, &wanted.name));
                let is_read = mine.is_some_and(|mine| is_seen(&after, new, mine, &wanted.name));
                match reader {
                    Reader::Python if wanted.refusal.is_some() => {
                        warnings.push(Warning::ForPythonAlone { name: wanted.name.clone() });
                    }
                    _ if !is_read && wanted.refusal.is_none() => {
                        let line = mine.map_or(1, |mine| line_at(new, mine.range.start));
                        warnings.push(Warning::NotRead { name: wanted.name.clone(), line, reader });
                    }
                    _ => {}
                }
            }
        }
        let bound = bindings(whole);
        let is_written = |wanted: &&NewValue<'_>| {
            let mine = bound.iter().rev().find(|it| it.binds(whole, &wanted.name));
            mine.is_some_and(|mine| python_reads(whole, mine, wanted.text))
        };
        if let Some(unread) = self.wanted.iter().find(|wanted| !is_written(wanted)) {
            let mine = bound.iter().rev().find(|it| it.binds(whole, &unread.name));
            let line = mine.map_or(1, |mine| line_at(whole, mine.range.start));
            return Err(SettingsError::WouldReadDifferently { reader: Reader::Python, line });
        }
        Ok(warnings)
    }
}

/// Returns whether python-dotenv reads this text from a binding.
fn python_reads(bytes: &[u8], binding: &Binding, text: &str) -> bool {
    binding.value.as_ref().is_some_and(|value| interpolate(&decode(bytes, value), &|_| None) == text)
}

/// Returns whether the reader's last statement of this name is the same stretch of the file as python-dotenv's.
fn is_seen(statements: &[Statement], bytes: &[u8], mine: &Binding, name: &str) -> bool {
    let is_mine = |it: &&Statement| it.name.as_ref().is_some_and(|range| slice(bytes, range) == name.as_bytes());
    let last = statements.iter().rev().find(is_mine);
    let value_end = mine.value.as_ref().map_or(mine.range.end, |value| value.range.end);
    let line_end = mine.range.start + slice(bytes, &mine.range).trim_ascii_end().len();
    last.is_some_and(|last| {
        last.range.start == mine.range.start && (last.range.end == value_end || last.range.end == line_end)
    })
}

/// Finds the first statement of other names that is missing from the new text; returns its line in the old one.
fn first_lost(
    ours: &HashSet<&[u8]>,
    old: &[u8],
    before: &[Statement],
    new: &[u8],
    after: &[Statement],
) -> Option<usize> {
    let is_other =
        |bytes: &[u8], it: &Statement| !it.name.as_ref().is_some_and(|name| ours.contains(slice(bytes, name)));
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
    // What was hidden before, because an open quote swallowed it, may appear, but not change a value that was read.
    let known: HashSet<&[u8]> = before.iter().filter_map(|it| it.name.as_ref().map(|name| slice(old, name))).collect();
    candidates
        .find(|it| it.name.as_ref().is_some_and(|name| known.contains(slice(new, name))))
        .map(|it| line_at(new, it.range.start))
}

fn same_name(old: &[u8], left: &Statement, new: &[u8], right: &Statement) -> bool {
    left.name.as_ref().map(|name| slice(old, name)) == right.name.as_ref().map(|name| slice(new, name))
}

/// Returns whether a value would be replaced by one that means the same.
fn is_equivalent(key: Key, old: &str, new: &str) -> bool {
    match key {
        Key::VerifySsl => boolean(old).is_some_and(|old| Some(old) == boolean(new)),
        Key::Fingerprint => old.parse::<Fingerprint>().is_ok_and(|old| Ok(old) == new.parse()),
        _ => old == new,
    }
}
