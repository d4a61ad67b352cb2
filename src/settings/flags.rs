//! What was given for this run alone, by a flag or by an answer.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::Key;
use super::setting::Setting;
use super::source::{Source, Sourced};

/// What was given for this run alone, by key: by a flag, by a person at the keyboard, or by the sandbox.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    given: BTreeMap<Key, Sourced<Setting>>,
    unset: BTreeSet<Key>,
}

impl Flags {
    /// Adds the value of a flag; for a secret, of the file that a flag names.
    pub fn set(&mut self, setting: Setting) {
        let source = Source::Flag(setting.key().entry().flag);
        self.give(setting, source);
    }

    /// Adds a value from another source.
    pub fn give(&mut self, setting: Setting, source: Source) {
        self.unset.remove(&setting.key());
        self.given.insert(setting.key(), Sourced { value: setting, source });
    }

    /// Removes the value of a key for this run, whatever variables and the file say.
    pub fn unset(&mut self, key: Key) {
        self.given.remove(&key);
        self.unset.insert(key);
    }

    /// Takes back what a person answered for a key.
    pub fn retract(&mut self, key: Key) {
        self.unset.remove(&key);
        if self.given.get(&key).is_some_and(|given| given.source == Source::Answer) {
            self.given.remove(&key);
        }
    }

    /// Returns whether a key is to have no value.
    #[must_use]
    pub fn is_unset(&self, key: Key) -> bool {
        self.unset.contains(&key)
    }

    /// Returns the value of a key, where one was given.
    pub(super) fn get(&self, key: Key) -> Option<&Sourced<Setting>> {
        self.given.get(&key)
    }
}
