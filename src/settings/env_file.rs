//! Reads a `.env` as python-dotenv does, and edits it without losing a line.

mod edit;
mod unused;
mod uses;
mod verify;

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

pub use self::unused::{UnusedLine, UnusedReason, ValueLeft};
pub use self::uses::TokenUse;

use self::edit::EnvEditor;
use self::verify::EditPlan;
use super::error::{SettingsError, Warning};
use super::keys::{Instance, KEYS, Key, Secrecy};
use super::parsers::python::{Binding, bindings, decode, interpolate};
use super::parsers::{dotenvy, line_at, slice};
use super::setting::{Setting, WritableValue};
use crate::model::{Pasted, Secret};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of a `.env` file, byte for byte.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct EnvFile {
    bytes: Zeroizing<Vec<u8>>,
}

/// A value and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The value; `None` if the name is alone.
    pub text: Option<Secret>,
    /// Its line, counted from 1.
    pub line: usize,
}

/// A value as it is, and where it is.
pub(super) struct PlainValue {
    pub(super) text: Option<Zeroizing<String>>,
    pub(super) line: usize,
}

/// What is to be done with one key.
#[derive(Debug, Clone)]
pub enum Change {
    /// Gives the key a value.
    Set(Key, WritableValue),
    /// Removes every line of the key.
    Remove(Key),
}

impl From<Setting> for Change {
    fn from(setting: Setting) -> Self {
        Self::Set(setting.key(), setting.into())
    }
}

/// Whether the user agreed that values may be written which only python-dotenv reads back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AmbiguousValues {
    /// Not agreed: such a value is refused.
    #[default]
    Withheld,
    /// A person did.
    Allow,
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
    /// Takes the bytes of a file; any bytes are accepted.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: Zeroizing::new(bytes) }
    }

    /// Returns the bytes, secrets included.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads all values as python-dotenv does; of a name that occurs twice the last counts.
    #[must_use]
    pub fn values(&self, variables: &dyn Fn(&str) -> Option<String>) -> BTreeMap<String, Located> {
        let secret = |plain: PlainValue| Located {
            text: plain.text.map(|mut text| Secret::new(std::mem::take(&mut text))),
            line: plain.line,
        };
        self.plain_values(variables).into_iter().map(|(name, plain)| (name, secret(plain))).collect()
    }

    /// Reads all values as they are, for reading those that are put together of others, and for comparing.
    pub(super) fn plain_values(&self, variables: &dyn Fn(&str) -> Option<String>) -> BTreeMap<String, PlainValue> {
        let mut found: BTreeMap<String, PlainValue> = BTreeMap::new();
        let (mut line, mut counted) = (1, 0);
        for binding in bindings(&self.bytes) {
            line += line_at(slice(&self.bytes, &(counted..binding.range.start)), usize::MAX) - 1;
            counted = binding.range.start;
            let Some(name) = &binding.name else { continue };
            let text = binding.value.as_ref().map(|value| {
                let known = |name: &str| {
                    let in_file = |it: &PlainValue| it.text.as_deref().cloned().unwrap_or_default();
                    variables(name).or_else(|| found.get(name).map(in_file))
                };
                Zeroizing::new(interpolate(&decode(&self.bytes, value), &known))
            });
            found.insert(String::from_utf8_lossy(slice(&self.bytes, name)).into_owned(), PlainValue { text, line });
        }
        found
    }

    /// Lists the instances that the file has a server for, in the order of their names.
    #[must_use]
    pub fn instances(&self) -> Vec<Instance> {
        self.values(&|_| None).into_keys().filter_map(|name| Key::Host.instance_of(&name)).collect()
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
            if python != dotenvy::decode(slice(&self.bytes, &last.range)) {
                warnings.push(Warning::ReadDifferently { name: name.clone(), line });
            }
            let secret = python.filter(|_| entry.key.secrecy() == Secrecy::Token).map(Secret::new);
            if secret.is_some_and(|secret| Pasted::read(&secret).is_ok_and(|it| !it.is_all_of(&secret))) {
                warnings.push(Warning::NotBare { name: name.clone(), line });
            }
            if mine.len() > 1 {
                warnings.push(Warning::Twice { name, line });
            }
        }
        warnings
    }

    /// Returns whether the byte order mark hides this name in the first line from python-dotenv.
    fn hides(&self, name: &str) -> bool {
        let Some(rest) = self.bytes.strip_prefix(BYTE_ORDER_MARK) else { return false };
        bindings(rest).first().is_some_and(|first| first.binds(rest, name) && line_at(rest, first.range.start) == 1)
    }

    /// Applies changes, patching lines and leaving everything else as it is. Instances without a token name of their
    /// own use that of the first one: before that changes, they get it as their own.
    ///
    /// # Errors
    ///
    /// Refuses a value that not every reader would read back, unless there is consent, and an edit that would change
    /// what some reader reads for another key.
    pub fn edit(
        &self,
        instance: &Instance,
        changes: &[Change],
        consent: AmbiguousValues,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Edited, SettingsError> {
        let mut file = self.clone();
        let mut changed = Vec::new();
        for (leaning, name) in self.inheriting_from_first() {
            let renames = |change: &Change| match change {
                Change::Set(Key::TokenName, WritableValue::Text(new)) => *new != name,
                Change::Remove(Key::TokenName) => true,
                _ => false,
            };
            if instance.is_first() && changes.iter().any(renames) {
                let keep = [Change::Set(Key::TokenName, WritableValue::Text(name.clone()))];
                let edited = file.patched(&leaning, &keep, consent, variables)?;
                file = edited.file;
                changed.extend(edited.changed);
            }
        }
        let mut edited = file.patched(instance, changes, consent, variables)?;
        changed.append(&mut edited.changed);
        Ok(Edited { changed, ..edited })
    }

    /// Lists the instances that have a secret and no token name of their own, with the first one's, which is theirs, too.
    fn inheriting_from_first(&self) -> Vec<(Instance, String)> {
        let values = self.plain_values(&|_| None);
        let text = |name: &str| values.get(name).and_then(|it| it.text.as_ref()).filter(|text| !text.is_empty());
        let Some(name) = text(&Key::TokenName.variable(&Instance::default())) else { return Vec::new() };
        let leans = |instance: &Instance| {
            !instance.is_first()
                && text(&Key::TokenValue.variable(instance)).is_some()
                && text(&Key::TokenName.variable(instance)).is_none()
        };
        self.instances().into_iter().filter(leans).map(|instance| (instance, name.to_string())).collect()
    }

    fn patched(
        &self,
        instance: &Instance,
        changes: &[Change],
        consent: AmbiguousValues,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Edited, SettingsError> {
        let plan = EditPlan::new(self, instance, changes, consent, variables)?;
        let forms = if plan.wanted.iter().any(|wanted| wanted.refusal.is_some()) { 3 } else { 1 };
        let mut refused = None;
        for form in 0..forms {
            let mut draft = EnvEditor { bytes: Zeroizing::new(self.bytes.to_vec()), instance };
            plan.wanted.iter().for_each(|wanted| draft.set(wanted, form));
            plan.unwanted.iter().for_each(|name| draft.remove(name));
            match plan.check(&self.bytes, &draft.bytes) {
                Ok(warnings) => {
                    return Ok(Edited { file: Self { bytes: draft.bytes }, changed: plan.names(), warnings });
                }
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        // If not even a form for python-dotenv alone leaves the other keys as they are, the value is the reason.
        if let Some((wanted, why)) = plan.wanted.iter().find_map(|wanted| wanted.refusal.map(|why| (wanted, why))) {
            return Err(SettingsError::Unwritable { name: wanted.name.clone(), why });
        }
        refused.map_or_else(|| Ok(Edited { file: self.clone(), changed: Vec::new(), warnings: Vec::new() }), Err)
    }
}

impl fmt::Debug for EnvFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EnvFile({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests;
