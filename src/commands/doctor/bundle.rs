//! The report for a bug tracker: everything that was found, without anything that identifies the owner.
//!
//! No secret is ever part of a check. Names and addresses are replaced, each by the same word wherever it is, so that
//! the report still shows which belong together; versions, numbers, privileges and the server's words stay.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::commands::doctor::Diagnosis;
use crate::session::Session;
use crate::ui::{Layout, Masked};

/// A name that identifies the server or its owner, and the word that replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pseudonym {
    pub(super) name: String,
    pub(super) stands_for: String,
}

/// Writes the report to a new file that only its owner may read.
///
/// # Errors
/// If the file exists or cannot be written.
pub(super) fn write(session: &Session, path: &Path, diagnosis: &Diagnosis) -> io::Result<()> {
    let mut document = json!({
        "schema": "glassdome.report/1",
        "glassdome": env!("CARGO_PKG_VERSION"),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "diagnosis": diagnosis.document(),
    });
    let mut mask = Pseudonymizer::of(session, diagnosis);
    mask.value(&mut document);
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path)?;
    let written = Masked::new(&file).document(document, Layout::Indented, &[]).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(path); // an incomplete report is of no use
    }
    written
}

/// Names too common to identify anyone, and realms.
const COMMON_NAMES: [&str; 6] = ["pve", "pam", "root", "proxmox", "localhost", "glassdome"];

/// The words that are replaced, and by what.
#[derive(Debug, Default)]
struct Pseudonymizer {
    words: BTreeMap<String, String>,
    addresses: usize,
}

impl Pseudonymizer {
    fn of(session: &Session, diagnosis: &Diagnosis) -> Self {
        let mut mask = Self::default();
        mask.add(&session.machine, "MACHINE");
        for (variable, stands_for) in [("HOME", "HOME"), ("USER", "LOGIN"), ("LOGNAME", "LOGIN")] {
            if let Some(text) = session.variable(variable) {
                mask.add(text, stands_for);
            }
        }
        mask.add(&session.folder.display().to_string(), "FOLDER");
        for alias in &diagnosis.names {
            mask.add(&alias.name, &alias.stands_for);
        }
        mask
    }

    fn add(&mut self, text: &str, stands_for: &str) {
        let is_word = text.chars().any(char::is_alphanumeric);
        if is_word && !COMMON_NAMES.contains(&text) && text.parse::<IpAddr>().is_err() {
            self.words.entry(text.to_owned()).or_insert_with(|| stands_for.to_owned());
        }
    }

    fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => {
                // The values of `id`, `status` and the like are words of this program.
                let ours = ["schema", "glassdome", "system", "id", "status", "kind"];
                map.iter_mut()
                    .filter(|(key, _)| !ours.contains(&key.as_str()))
                    .for_each(|(_, value)| self.value(value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Replaces the longest words first, whole words only, and then every address.
    fn text(&mut self, text: &str) -> String {
        let mut words: Vec<&String> = self.words.keys().collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let mut masked = text.to_owned();
        for word in words {
            masked = replace_word(&masked, word, self.words.get(word).map_or(word, String::as_str));
        }
        self.addresses(&masked)
    }

    /// Replaces addresses and fingerprints, wherever they come from.
    fn addresses(&mut self, text: &str) -> String {
        let is_part = |character: char| character.is_ascii_hexdigit() || character == '.' || character == ':';
        let mut masked = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(is_part) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|character| !is_part(character)).unwrap_or(from.len());
            let (run, after) = from.split_at(end);
            masked.push_str(before);
            masked.push_str(&self.run(run));
            rest = after;
        }
        masked.push_str(rest);
        masked
    }

    fn run(&mut self, run: &str) -> String {
        let is_fingerprint = run.len() == 95 && run.matches(':').count() == 31;
        if is_fingerprint {
            return "FINGERPRINT".to_owned();
        }
        let trimmed = run.trim_end_matches(['.', ':']);
        let tail = run.get(trimmed.len()..).unwrap_or_default();
        let (address, port) = match trimmed.rsplit_once(':') {
            Some((address, port)) if address.parse::<std::net::Ipv4Addr>().is_ok() => (address, format!(":{port}")),
            _ => (trimmed, String::new()),
        };
        // `::` alone is in paths of programs, and is not an address.
        if address.len() < 3 || address.parse::<IpAddr>().is_err() {
            return run.to_owned();
        }
        let number = self.addresses + 1;
        let stands_for = self.words.entry(address.to_owned()).or_insert_with(|| format!("ADDRESS-{number}")).clone();
        self.addresses = self.words.values().filter(|word| word.starts_with("ADDRESS-")).count();
        format!("{stands_for}{port}{tail}")
    }
}

/// Replaces a word where it is alone: not as a part of a longer one.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let is_inner = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let mut masked = String::new();
    let mut rest = text;
    let mut last = None;
    while let Some(at) = rest.find(word) {
        let (before, from) = rest.split_at(at);
        let after = from.get(word.len()..).unwrap_or_default();
        let previous = before.chars().next_back().or(last);
        masked.push_str(before);
        let is_whole = !is_inner(previous) && !is_inner(after.chars().next());
        masked.push_str(if is_whole { by } else { word });
        last = word.chars().next_back();
        rest = after;
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::{Pseudonymizer, replace_word};

    #[test]
    fn only_whole_words_are_replaced() {
        for (text, masked) in [
            ("pve", "NODE"),
            ("pve.lan, pve", "NODE.lan, NODE"),
            ("pveum user", "pveum user"),
            ("apex@pve!x", "apex@NODE!x"),
            ("/nodes/pve/qemu", "/nodes/NODE/qemu"),
            ("pvepve", "pvepve"),
        ] {
            assert_eq!(replace_word(text, "pve", "NODE"), masked, "{text}");
        }
    }

    #[test]
    fn addresses_are_replaced_wherever_they_come_from() {
        let mut mask = Pseudonymizer::default();
        let pin = ["AB"; 32].join(":");
        for (text, masked) in [
            ("connect to 192.168.1.50:8006, then 10.0.0.1.", "connect to ADDRESS-1:8006, then ADDRESS-2."),
            ("192.168.1.50 and fe80::1", "ADDRESS-1 and ADDRESS-3"),
            ("version 9.2.11, 4.5 GiB, id 100: x::y", "version 9.2.11, 4.5 GiB, id 100: x::y"),
            (&format!("pin {pin}"), "pin FINGERPRINT"),
        ] {
            assert_eq!(mask.text(text), masked, "{text}");
        }
    }
}
