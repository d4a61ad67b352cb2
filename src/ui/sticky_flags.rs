//! The flags that a command to paste must repeat, or it would be about something else than this run.

use std::borrow::Cow;

use serde_json::Value;

/// The first word of every command of this program.
const PROGRAM: &str = "glassdome ";

/// How a sentence names such a command.
const QUOTED_PROGRAM: &str = "`glassdome ";

/// Commands that need no settings, and the one that needs no server.
const WITHOUT_SETTINGS: [&str; 4] = ["help", "sandbox", "completions", "man"];
const OFFLINE: &str = "env";

/// The command that accepts a new certificate, and the flag for it; to others the certificate is named.
const SETUP: &str = "setup";
pub(crate) const ACCEPT: &str = "--accept-new-certificate";
const FINGERPRINT: &str = "--fingerprint";

/// What confirms everything.
const YES: &str = " --yes";

/// Where a document holds commands to paste.
const COMMAND_FIELDS: [&str; 2] = ["hints", "fix"];

/// Flags with their values as a shell takes them, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StickyFlags {
    settings: Vec<(&'static str, String)>,
    server: Vec<(&'static str, String)>,
    confirms: bool,
}

impl StickyFlags {
    /// Repeats nothing.
    pub const NOTHING: Self = Self { settings: Vec::new(), server: Vec::new(), confirms: false };

    /// Adds a flag that says which settings are meant.
    pub fn of_settings(&mut self, flag: &'static str, value: String) {
        self.settings.push((flag, value));
    }

    /// Lets the deletion of a VM that is named be confirmed already: there is no terminal to confirm it at.
    pub const fn confirm_beforehand(&mut self) {
        self.confirms = true;
    }

    /// Adds a flag that says which server is meant; its value is empty where it has none.
    pub fn of_server(&mut self, flag: &'static str, value: String) {
        self.server.push((flag, value));
    }

    fn has(&self, flag: &str) -> bool {
        self.server.iter().any(|(one, _)| *one == flag)
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
                (SETUP, FINGERPRINT) => !self.has(ACCEPT),
                (_, ACCEPT) => name == SETUP,
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
        if self.confirms && name == "cleanup" && rest.contains(" --vmid") && !rest.contains(YES) {
            longer.push_str(YES);
        }
        longer.into()
    }

    /// Does the same for every command that a sentence names in backticks.
    #[must_use]
    pub fn append_inside<'a>(&self, sentence: &'a str) -> Cow<'a, str> {
        if !sentence.contains(QUOTED_PROGRAM) {
            return sentence.into();
        }
        let piece = |(place, piece): (usize, &'a str)| match place % 2 {
            1 => self.append_flags(piece),
            _ => piece.into(),
        };
        sentence.split('`').enumerate().map(piece).collect::<Vec<Cow<'_, str>>>().join("`").into()
    }

    /// Does the same for every command in a document.
    pub(super) fn append_to(&self, document: &mut Value) {
        match document {
            Value::String(sentence) => {
                if let Cow::Owned(longer) = self.append_inside(sentence) {
                    *sentence = longer;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.append_to(item)),
            Value::Object(map) => {
                for (name, value) in map {
                    match value {
                        Value::Array(items) if COMMAND_FIELDS.contains(&name.as_str()) => {
                            for text in items.iter_mut() {
                                self.append_to(text);
                                if let Value::String(command) = text {
                                    *command = self.append_flags(command).into_owned();
                                }
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

    use super::{ACCEPT, StickyFlags};

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
    fn a_new_certificate_is_accepted_again_by_setup_and_named_to_the_others() {
        let mut repeat = StickyFlags::default();
        repeat.of_server(ACCEPT, String::new());
        repeat.of_server("--fingerprint", "AB:CD".to_owned());
        assert_eq!(repeat.append_flags("glassdome setup"), "glassdome setup --accept-new-certificate");
        assert_eq!(repeat.append_flags("glassdome test-vm"), "glassdome test-vm --fingerprint AB:CD");
    }

    #[test]
    fn the_deletion_of_a_vm_is_confirmed_where_no_terminal_is() {
        let mut repeat = StickyFlags::default();
        assert_eq!(repeat.append_flags("glassdome cleanup --vmid 100"), "glassdome cleanup --vmid 100");
        repeat.confirm_beforehand();
        for (command, expected) in [
            ("glassdome cleanup --vmid 100", "glassdome cleanup --vmid 100 --yes"),
            ("glassdome cleanup --vmid 100 --yes", "glassdome cleanup --vmid 100 --yes"),
            ("glassdome cleanup", "glassdome cleanup"),
            ("glassdome test-vm --vmid 100", "glassdome test-vm --vmid 100"),
        ] {
            assert_eq!(repeat.append_flags(command), expected);
        }
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

    #[test]
    fn so_is_one_that_a_sentence_names() {
        for (sentence, expected) in [
            ("run `glassdome env` again", "run `glassdome env --instance 02` again"),
            ("`glassdome env`, then `qm list`", "`glassdome env --instance 02`, then `qm list`"),
            ("see `glassdome help environment`", "see `glassdome help environment`"),
            ("a glassdome env is none", "a glassdome env is none"),
        ] {
            assert_eq!(second().append_inside(sentence), expected);
            let mut document = json!({"message": sentence, "hints": [sentence], "warnings": [sentence]});
            second().append_to(&mut document);
            assert_eq!(document, json!({"message": expected, "hints": [expected], "warnings": [expected]}));
        }
        assert_eq!(StickyFlags::NOTHING.append_inside("run `glassdome env`"), "run `glassdome env`");
    }
}
