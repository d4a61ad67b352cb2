//! The flags that a command to paste must repeat, or it would be about something else than this run.

use std::borrow::Cow;

use serde_json::Value;

/// The first word of every command of this program.
const PROGRAM: &str = "glassdome ";

/// Commands that need no settings, and the one that needs no server.
const WITHOUT_SETTINGS: [&str; 4] = ["help", "sandbox", "completions", "man"];
const OFFLINE: &str = "env";

/// Where a document holds commands to paste.
const COMMAND_FIELDS: [&str; 2] = ["hints", "fix"];

/// Flags with their values as a shell takes them, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StickyFlags {
    settings: Vec<(&'static str, String)>,
    server: Vec<(&'static str, String)>,
}

impl StickyFlags {
    /// Repeats nothing.
    pub const NOTHING: Self = Self { settings: Vec::new(), server: Vec::new() };

    /// Adds a flag that says which settings are meant.
    pub fn of_settings(&mut self, flag: &'static str, value: String) {
        self.settings.push((flag, value));
    }

    /// Adds a flag that says which server is meant; its value is empty where it has none.
    pub fn of_server(&mut self, flag: &'static str, value: String) {
        self.server.push((flag, value));
    }

    /// Adds to a command of this program the flags that it does not name itself; every other command stays as it is.
    #[must_use]
    pub fn append_flags<'a>(&self, command: &'a str) -> Cow<'a, str> {
        let Some(rest) = command.strip_prefix(PROGRAM) else { return command.into() };
        let name = rest.split(' ').next().unwrap_or_default();
        if WITHOUT_SETTINGS.contains(&name) || rest.contains("--help") || rest.contains("--sandbox") {
            return command.into();
        }
        let server = if name == OFFLINE { &[][..] } else { &self.server };
        let mut longer = command.to_owned();
        for (flag, value) in self.settings.iter().chain(server) {
            let is_meant = match (name, *flag) {
                // What was left behind on a real server has nothing to do with a simulated one.
                ("cleanup", "--sandbox") => false,
                // The secret of one token says nothing about another, for which an administrator logs in.
                ("token", "--token-value-file") => false,
                _ => true,
            };
            if is_meant && !rest.split(' ').any(|word| word == *flag) {
                longer.push(' ');
                longer.push_str(flag);
                if !value.is_empty() {
                    longer.push(' ');
                    longer.push_str(value);
                }
            }
        }
        longer.into()
    }

    /// Does the same for every command to paste in a document.
    pub(super) fn append_to(&self, document: &mut Value) {
        match document {
            Value::Array(items) => items.iter_mut().for_each(|item| self.append_to(item)),
            Value::Object(map) => {
                for (name, value) in map {
                    match value {
                        Value::Array(items) if COMMAND_FIELDS.contains(&name.as_str()) => {
                            for text in items.iter_mut().filter(|item| item.is_string()) {
                                *text =
                                    Value::String(self.append_flags(text.as_str().unwrap_or_default()).into_owned());
                            }
                        }
                        other => self.append_to(other),
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::StickyFlags;

    fn second() -> StickyFlags {
        let mut repeat = StickyFlags::default();
        repeat.of_settings("--instance", "02".to_owned());
        repeat.of_server("--host", "pve.lan".to_owned());
        repeat.of_server("--insecure", String::new());
        repeat.of_server("--token-value-file", "s.txt".to_owned());
        repeat
    }

    #[test]
    fn a_command_is_about_the_same_server() {
        for (command, expected) in [
            ("glassdome doctor", "glassdome doctor --instance 02 --host pve.lan --insecure --token-value-file s.txt"),
            (
                "glassdome setup --host other",
                "glassdome setup --host other --instance 02 --insecure --token-value-file s.txt",
            ),
            ("glassdome env --format sh", "glassdome env --format sh --instance 02"),
            ("glassdome token list", "glassdome token list --instance 02 --host pve.lan --insecure"),
            ("glassdome help exit-codes", "glassdome help exit-codes"),
            ("glassdome sandbox --help", "glassdome sandbox --help"),
            ("qm destroy 100", "qm destroy 100"),
            ("the glassdome doctor", "the glassdome doctor"),
        ] {
            assert_eq!(second().append_flags(command), expected);
        }
        assert_eq!(StickyFlags::NOTHING.append_flags("glassdome doctor"), "glassdome doctor");
    }

    #[test]
    fn so_is_one_in_a_document() {
        let mut document = json!({"error": {"hints": ["look", "glassdome doctor"]}, "checks": [{"fix": []}], "n": 1});
        second().append_to(&mut document);
        assert_eq!(
            document["error"]["hints"][1],
            "glassdome doctor --instance 02 --host pve.lan --insecure --token-value-file s.txt"
        );
        assert_eq!(document["error"]["hints"][0], "look");
    }
}
