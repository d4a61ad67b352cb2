//! Lines of a `.env` that were meant to set something and do not: no assignments, misspelt names, names of other tools.

use std::fmt;

use zeroize::Zeroizing;

use super::EnvFile;
use crate::model::Tool;
use crate::model::endpoint::DEFAULT_PORT;
use crate::settings::formats::{key_of, tools_with};
use crate::settings::keys::{Instance, KEYS, Key, LOGIN_PASSWORD, PREFIXES};
use crate::settings::parsers::python::{Binding, bindings, decode, interpolate, undefined_variables};
use crate::settings::parsers::{line_at, slice};

/// How many letters a misspelt name may differ in.
const MAX_TYPOS: usize = 2;

/// The length of the secret of a token.
const SECRET_LENGTH: usize = 36;

/// A line that sets nothing, though it was meant to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedLine {
    /// The line, counted from 1.
    pub line: usize,
    /// The key that it was meant to set, if it is known.
    pub meant: Option<Key>,
    /// Why it sets nothing.
    pub why: UnusedReason,
}

/// Why a line sets nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusedReason {
    /// `KEY: value`, `KEY value`, `set KEY=value`, an unclosed quotation mark.
    #[error("not an assignment; write {variable}=VALUE with nothing before it")]
    NotAnAssignment {
        /// The variable that is in it.
        variable: String,
    },
    /// A value that is put together of variables which are not set.
    #[error("{variable} refers to {}: not set, so that the value is {}", references(undefined), state.words())]
    UndefinedReference {
        /// The variable.
        variable: String,
        /// The names of those that are not set.
        undefined: Vec<String>,
        /// What is left of the value.
        state: ValueLeft,
    },
    /// The second half of a secret.
    #[error("this line continues the secret of the previous one: write {variable} on one line")]
    Continuation {
        /// The variable of the line before.
        variable: String,
    },
    /// A name that is almost one of this program's.
    #[error("{name} is not a known key; Glassdome reads {variable}")]
    Misspelt {
        /// The name.
        name: String,
        /// The name that was meant.
        variable: String,
    },
    /// A name that other tools read.
    #[error("{name} is a key of {}, not of Glassdome; `glassdome setup --import` imports such values", names(tools))]
    OfOtherTools {
        /// The name.
        name: String,
        /// Who reads it.
        tools: Vec<Tool>,
    },
    /// A port that is apart from its host.
    #[error("{name}={port} is not read by Glassdome; write {host}=HOST:{port}")]
    PortApart {
        /// The name.
        name: String,
        /// The port.
        port: u16,
        /// The variable of the server.
        host: String,
    },
    /// A name of Proxmox VE that nothing here reads.
    #[error("{name} is not a known key")]
    Unknown {
        /// The name.
        name: String,
    },
}

/// What is left of a value without the variables that are not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueLeft {
    /// Nothing.
    Nothing,
    /// What is around them.
    Part,
}

impl ValueLeft {
    const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "empty",
            Self::Part => "incomplete",
        }
    }
}

impl fmt::Display for UnusedLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.why)
    }
}

impl EnvFile {
    /// Lists the lines that were meant to set a key, of this program or of a similar tool, and set none of ours, or only a
    /// part of it. Values may refer to variables of the process.
    #[must_use]
    pub fn unused_lines(&self, instance: &Instance, variables: &dyn Fn(&str) -> Option<String>) -> Vec<UnusedLine> {
        let reading = UnusedReader { file: self, instance, variables };
        let bound = bindings(&self.bytes);
        let before = std::iter::once(None).chain(bound.iter().map(Some));
        let mut unused = Vec::new();
        for (before, binding) in before.zip(&bound) {
            let found = before.and_then(|before| reading.continuation(before, binding));
            if let Some(Finding { meant, why }) = found.or_else(|| reading.classify(binding)) {
                unused.push(UnusedLine { line: line_at(&self.bytes, binding.range.start), meant, why });
            }
        }
        unused
    }
}

/// What is wrong with a line, and which key it was meant to set.
struct Finding {
    meant: Option<Key>,
    why: UnusedReason,
}

impl Finding {
    const fn new(meant: Option<Key>, why: UnusedReason) -> Self {
        Self { meant, why }
    }
}

/// A name that this program or a similar tool reads, as this program reads it.
struct KnownName {
    key: Option<Key>,
    variable: String,
}

struct UnusedReader<'a> {
    file: &'a EnvFile,
    instance: &'a Instance,
    variables: &'a dyn Fn(&str) -> Option<String>,
}

impl UnusedReader<'_> {
    fn text(&self, binding: &Binding) -> String {
        String::from_utf8_lossy(slice(&self.file.bytes, &binding.range)).trim().to_owned()
    }

    fn classify(&self, binding: &Binding) -> Option<Finding> {
        if binding.is_broken {
            return self.known_word(&self.text(binding)).map(not_an_assignment);
        }
        let name = binding.name.as_ref()?;
        let name = String::from_utf8_lossy(slice(&self.file.bytes, name)).into_owned();
        if let Some((key, instance)) = own(&name) {
            return self.own_line(binding, key, &instance, name);
        }
        if name == LOGIN_PASSWORD {
            return None;
        }
        let tools = tools_with(&name);
        if !tools.is_empty() {
            return self.of_other_tools(binding, name, tools);
        }
        let is_a_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_a_name { self.misspelt(name) } else { self.known_word(&name).map(not_an_assignment) }
    }

    /// Classifies a line with one of this program's names: it must have a value for this instance.
    fn own_line(&self, binding: &Binding, key: Key, instance: &Instance, variable: String) -> Option<Finding> {
        if instance != self.instance {
            return None;
        }
        let Some(value) = &binding.value else {
            return Some(not_an_assignment(KnownName { key: Some(key), variable }));
        };
        let all = bindings(&self.file.bytes);
        let is_before = |it: &&Binding| it.range.start < binding.range.start;
        let overridden = all.iter().filter(|it| !is_before(it)).filter(|it| it.binds(&self.file.bytes, &variable));
        if overridden.count() > 1 {
            return None;
        }
        let in_file = |name: &str| all.iter().filter(is_before).any(|it| it.binds(&self.file.bytes, name));
        let is_set = |name: &str| (self.variables)(name).is_some() || in_file(name);
        let undefined = undefined_variables(&decode(&self.file.bytes, value), &is_set);
        if undefined.is_empty() {
            return None;
        }
        let left = self.file.values(self.variables).get(&variable).and_then(|it| Some(it.text.as_ref()?.is_empty()));
        let state = if left == Some(false) { ValueLeft::Part } else { ValueLeft::Nothing };
        Some(Finding::new(Some(key), UnusedReason::UndefinedReference { variable, undefined, state }))
    }

    fn of_other_tools(&self, binding: &Binding, name: String, tools: Vec<Tool>) -> Option<Finding> {
        let meant = key_of(&name);
        if !name.ends_with("_PORT") {
            return Some(Finding::new(meant, UnusedReason::OfOtherTools { name, tools }));
        }
        let port = interpolate(&decode(&self.file.bytes, binding.value.as_ref()?), &|_| None).trim().parse().ok()?;
        let host = Key::Host.variable(self.instance);
        (port != DEFAULT_PORT).then(|| Finding::new(meant, UnusedReason::PortApart { name, port, host }))
    }

    fn misspelt(&self, name: String) -> Option<Finding> {
        let upper = name.to_ascii_uppercase();
        let of_this_instance = |key: &Key| key.instance_in_any_order(&upper).as_ref() == Some(self.instance);
        let distance = |key: &Key| strsim::osa_distance(&upper, &key.variable(self.instance));
        let mut keys = KEYS.iter().map(|entry| entry.key);
        let nearest = keys
            .clone()
            .find(of_this_instance)
            .or_else(|| keys.clone().min_by_key(distance).filter(|key| distance(key) <= MAX_TYPOS));
        if let Some(key) = nearest {
            let variable = key.variable(self.instance);
            return Some(Finding::new(Some(key), UnusedReason::Misspelt { name, variable }));
        }
        if keys.any(|key| key.instance_in_any_order(&upper).is_some()) {
            return None;
        }
        let is_of_proxmox = PREFIXES.iter().any(|prefix| upper.starts_with(prefix));
        is_of_proxmox.then(|| Finding::new(None, UnusedReason::Unknown { name }))
    }

    /// Finds the first name in a text that this program or a similar tool reads; one behind a `$` is only referred to.
    fn known_word(&self, text: &str) -> Option<KnownName> {
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let mut rest = text;
        while let Some(start) = rest.find(is_part) {
            let (before, found) = rest.split_at(start);
            let end = found.find(|it| !is_part(it)).unwrap_or(found.len());
            let (word, behind) = found.split_at(end);
            let is_reference = before.ends_with('$') || before.ends_with("${");
            let word = word.to_ascii_uppercase();
            if let Some((key, _)) = own(&word).filter(|_| !is_reference) {
                return Some(KnownName { key: Some(key), variable: word });
            }
            if !is_reference && !tools_with(&word).is_empty() {
                let key = key_of(&word);
                let variable = key.map_or(word, |key| key.variable(self.instance));
                return Some(KnownName { key, variable });
            }
            rest = behind;
        }
        None
    }

    /// Finds the second half of the secret, on a line of its own.
    fn continuation(&self, before: &Binding, binding: &Binding) -> Option<Finding> {
        let variable = Key::TokenValue.variable(self.instance);
        let value = before.value.as_ref().filter(|_| before.binds(&self.file.bytes, &variable))?;
        let (first, second) = (Zeroizing::new(decode(&self.file.bytes, value)), Zeroizing::new(self.text(binding)));
        let is_part = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let is_whole = is_part(&first) && is_part(&second) && first.len() + second.len() == SECRET_LENGTH;
        is_whole.then(|| Finding::new(Some(Key::TokenValue), UnusedReason::Continuation { variable }))
    }
}

fn not_an_assignment(name: KnownName) -> Finding {
    Finding::new(name.key, UnusedReason::NotAnAssignment { variable: name.variable })
}

/// Finds the key of which a name is the variable, of any instance.
fn own(name: &str) -> Option<(Key, Instance)> {
    KEYS.iter().find_map(|entry| Some((entry.key, entry.key.instance_of(name)?)))
}

fn references(names: &[String]) -> String {
    names.iter().map(|name| format!("${{{name}}}")).collect::<Vec<_>>().join(", ")
}

fn names(tools: &[Tool]) -> String {
    let names: Vec<&str> = tools.iter().map(|tool| tool.name()).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests;
