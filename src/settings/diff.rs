//! What an edit changes, line by line, with every secret masked.

use std::fmt;
use std::ops::Range;

use similar::{Algorithm, DiffTag, capture_diff_slices, group_diff_ops};

use super::keys::{KEYS, Key, Secrecy};
use super::parsers::python::bindings;
use super::parsers::slice;

/// How many unchanged lines are shown around a change.
const CONTEXT: usize = 2;

/// How long a secret must be before its first four characters may be shown.
const MIN_HINTED_LENGTH: usize = 16;

/// What happened to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It stayed.
    Kept,
    /// It went.
    Removed,
    /// It came.
    Added,
}

/// A line of a diff, fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// What happened to it.
    pub sign: Sign,
    /// Its text, secrets masked, without the line break.
    pub text: String,
}

impl fmt::Display for DiffLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.sign {
            Sign::Kept => ' ',
            Sign::Removed => '-',
            Sign::Added => '+',
        };
        write!(formatter, "{sign}{}", self.text)
    }
}

/// Compares two texts and shows what changed, with a little around it.
#[must_use]
pub fn masked_diff(old: &[u8], new: &[u8]) -> Vec<DiffLine> {
    let old = lines(old);
    let new = lines(new);
    let (old_bytes, new_bytes): (Vec<&[u8]>, Vec<&[u8]>) =
        (old.iter().map(|line| line.bytes).collect(), new.iter().map(|line| line.bytes).collect());
    let changes = capture_diff_slices(Algorithm::Myers, &old_bytes, &new_bytes);
    let mut shown = Vec::new();
    for change in group_diff_ops(changes, CONTEXT).iter().flatten() {
        let mut show = |sign, lines: Option<&[SourceLine<'_>]>| {
            shown.extend(lines.unwrap_or_default().iter().map(|line| DiffLine { sign, text: line.shown.clone() }));
        };
        if change.tag() == DiffTag::Equal {
            show(Sign::Kept, old.get(change.old_range()));
        } else {
            show(Sign::Removed, old.get(change.old_range()));
            show(Sign::Added, new.get(change.new_range()));
        }
    }
    shown
}

struct SourceLine<'a> {
    bytes: &'a [u8],
    shown: String,
}

/// Cuts a text into lines and masks them.
fn lines(bytes: &[u8]) -> Vec<SourceLine<'_>> {
    let hidden = continued_secrets(bytes);
    let mut hidden = hidden.iter().peekable();
    let mut offset = 0;
    let mut found = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        while hidden.peek().is_some_and(|range| range.end <= offset) {
            hidden.next();
        }
        let is_hidden = hidden.peek().is_some_and(|range| range.start < offset && offset < range.end);
        let text = String::from_utf8_lossy(line);
        let shown = if is_hidden { "••••".to_owned() } else { masked(text.trim_end_matches(['\n', '\r'])) };
        found.push(SourceLine { bytes: line, shown });
        offset += line.len();
    }
    found
}

/// Finds secret values that go over several lines.
fn continued_secrets(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for binding in bindings(bytes) {
        let is_secret = binding
            .name
            .as_ref()
            .is_none_or(|name| secrecy(&String::from_utf8_lossy(slice(bytes, name))) != Secrecy::Public);
        let text = slice(bytes, &binding.range).trim_ascii_end();
        if is_secret && text.contains(&b'\n') {
            found.push(binding.range.start..binding.range.start + text.len());
        }
    }
    found
}

/// Returns how much of a variable's value may be shown, also for names of other programs.
fn secrecy(name: &str) -> Secrecy {
    if let Some(entry) = KEYS.iter().find(|entry| entry.variable == name) {
        return entry.secrecy;
    }
    let upper = name.to_ascii_uppercase();
    let is_token_name = Key::TokenName.instance_of(&upper).is_some();
    if upper.contains("PASS") || upper.contains("PWD") {
        Secrecy::Password
    } else if !is_token_name && ["SECRET", "TOKEN", "KEY", "CREDENTIAL"].iter().any(|word| upper.contains(word)) {
        Secrecy::Token
    } else {
        Secrecy::Public
    }
}

/// Masks a line: whatever is behind `SECRET_NAME=`, in a comment too, and what is before an `@` in an address.
fn masked(line: &str) -> String {
    for (at, _) in line.match_indices(['=', ':']) {
        let (head, tail) = line.split_at(at);
        let sign = tail.chars().next().unwrap_or('=');
        let value = tail.get(1..).unwrap_or_default();
        let word = head.trim_end().trim_end_matches(['\'', '"']);
        let start = word.rfind(|it: char| !(it.is_ascii_alphanumeric() || "_.-".contains(it))).map_or(0, |it| it + 1);
        let name = word.get(start..).unwrap_or(word);
        match secrecy(name) {
            Secrecy::Public => {}
            Secrecy::Password => return format!("{head}{sign}••••"),
            Secrecy::Token => return format!("{head}{sign}{}", beginning(value)),
        }
        if value.starts_with("//") && value.contains('@') {
            let behind = value.rsplit('@').next().unwrap_or_default();
            return format!("{head}{sign}//••••@{behind}");
        }
    }
    line.to_owned()
}

/// Shows the first four characters where enough stay hidden.
fn beginning(value: &str) -> String {
    let bare = value.trim_start().trim_start_matches(['\'', '"']);
    let quote = value.len() - bare.len();
    let length = bare.chars().take_while(|it| !it.is_whitespace() && !"'\"#".contains(*it)).count();
    let shown = if length >= MIN_HINTED_LENGTH { bare.chars().take(4).collect() } else { String::new() };
    format!("{}{shown}••••", value.get(..quote).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{masked_diff, secrecy};
    use crate::settings::keys::KEYS;

    fn shown(old: &str, new: &str) -> Vec<String> {
        masked_diff(old.as_bytes(), new.as_bytes()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn changes_are_shown_with_secrets_masked() {
        let old = "A=1\nB=2\nC=3\nPROXMOX_TOKEN_VALUE=12345678-abcd-ef12-3456-7890abcdef12\nD=4\nE=5\nF=6\n";
        let new = "A=1\nB=2\nC=3\nPROXMOX_TOKEN_VALUE=12345678-abcd-ef12-3456-7890abcdef13\nD=4\nE=5\nF=6\nG=7\n";
        assert_eq!(
            shown(old, new),
            [
                " B=2",
                " C=3",
                "-PROXMOX_TOKEN_VALUE=1234••••",
                "+PROXMOX_TOKEN_VALUE=1234••••",
                " D=4",
                " E=5",
                " F=6",
                "+G=7"
            ]
        );
        assert_eq!(shown(old, old), Vec::<String>::new());
    }

    #[test]
    fn nothing_of_a_secret_is_shown() {
        for (line, masked) in [
            ("PROXMOX_PASSWORD=canary-canary-canary", "+PROXMOX_PASSWORD=••••"),
            ("# PROXMOX_02_PASSWORD='canary canary'", "+# PROXMOX_02_PASSWORD=••••"),
            ("export API_KEY = 'canary' # canary", "+export API_KEY =••••"),
            ("AWS_SECRET=\"abcdefghcanary-canary\"", "+AWS_SECRET=\"abcd••••"),
            ("PROXMOX_TOKEN_NAME=glassdome-token", "+PROXMOX_TOKEN_NAME=glassdome-token"),
            ("DB=postgres://me:canary@db/x", "+DB=postgres://••••@db/x"),
        ] {
            let masked = masked.replace("=••••", if line.contains("'canary' #") { "= '••••" } else { "=••••" });
            assert_eq!(shown("", &format!("{line}\n")), [masked], "{line}");
        }
        for text in ["MY_SECRET='a\ncanary\n'\n", "BROKEN_KEY='canary canary\n"] {
            assert!(!shown("", text).concat().contains("canary"), "{text}");
        }
    }

    #[test]
    fn every_secret_key_of_every_instance_is_known() {
        for instance in ["01", "02", "lab"] {
            let instance = instance.parse().unwrap();
            for entry in &KEYS {
                assert_eq!(secrecy(&entry.key.variable(&instance)), entry.secrecy, "{}", entry.variable);
            }
        }
    }

    #[test]
    fn lines_are_aligned_where_they_stay() {
        assert_eq!(shown("a\nb\nc\nd\n", "a\nx\nc\ny\nd"), [" a", "-b", "+x", " c", "-d", "+y", "+d"]);
        let long = |first: &str, last: &str| format!("{first}\n{}{last}\n", "x\ny\n".repeat(50_000));
        assert_eq!(shown(&long("a", "b"), &long("c", "d")), ["-a", "+c", " x", " y", " x", " y", "-b", "+d"]);
    }
}
