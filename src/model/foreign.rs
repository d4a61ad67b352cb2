//! Text from a server: it can be shown, compared, quoted and parsed, but its raw form is not accessible.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::model::Register;

/// Characters of one text that are shown at most: a longer text is not a readable message.
const MAX_SHOWN: usize = 2_000;

/// Characters that one character takes at most when it is escaped, `\u{e0041}`.
const MAX_ESCAPE_LENGTH: usize = 10;

/// Text from a server. There is no way to the raw text: `Display` and `Debug` escape it and cut it at 2,000 characters,
/// the shell form quotes it, the URL segment encodes it, and `parse` gives a type that has checked it.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Foreign(String);

/// A type whose parser validates, so that text from a server may be parsed into it.
pub trait Validated: FromStr {}

impl Validated for u32 {}
impl Validated for u64 {}
impl Validated for f64 {}
impl Validated for std::net::IpAddr {}

impl Foreign {
    /// Takes a text from a server.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Reads it as a value of a type that checks it.
    ///
    /// # Errors
    /// What the type says against the text.
    pub fn parse<T: Validated>(&self) -> Result<T, T::Err> {
        self.0.parse()
    }

    /// Returns whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether these words are in it: for recognizing the sentences that Proxmox VE is known to say.
    #[must_use]
    pub fn contains(&self, words: &str) -> bool {
        self.0.contains(words)
    }

    /// Returns whether it begins with these words.
    #[must_use]
    pub fn starts_with(&self, words: &str) -> bool {
        self.0.starts_with(words)
    }

    /// Returns whether these words are in it, whatever the case of their ASCII letters.
    #[must_use]
    pub fn contains_ignoring_case(&self, words: &str) -> bool {
        self.0.to_ascii_lowercase().contains(&words.to_ascii_lowercase())
    }

    /// Reads what is behind a prefix as a value of a type that checks it.
    #[must_use]
    pub fn parse_behind<T: Validated>(&self, prefix: &str) -> Option<T> {
        self.0.strip_prefix(prefix)?.trim().parse().ok()
    }

    /// Returns whether it ends with these words.
    #[must_use]
    pub fn ends_with(&self, words: &str) -> bool {
        self.0.ends_with(words)
    }

    /// Returns what is behind a prefix and in front of the first of the words that follow; `None` if that is empty.
    #[must_use]
    pub fn between(&self, prefix: &str, words: &str) -> Option<Self> {
        let (text, _) = self.0.strip_prefix(prefix)?.split_once(words)?;
        (!text.is_empty()).then(|| Self::new(text))
    }

    /// Returns its parts between separators, without the blanks around them and without empty ones.
    #[must_use]
    pub fn split(&self, separators: &[char]) -> Vec<Self> {
        self.0.split(separators).map(str::trim).filter(|part| !part.is_empty()).map(Self::new).collect()
    }

    /// Appends another text, unless this one already contains it; if the other begins with this one, returns the other.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let (own, more) = (self.0.trim(), other.0.trim());
        if more.starts_with(own) {
            Self::new(more)
        } else if own.contains(more) {
            Self::new(own)
        } else {
            Self(format!("{own}: {more}"))
        }
    }

    /// Adds a named part, ` name: text`.
    #[must_use]
    pub fn and_of(&self, name: &Self, text: &Self) -> Self {
        Self(format!("{} {}: {}", self.0, name.0, text.0.trim()))
    }

    /// Writes it as one word of a shell, in single quotes. Where characters in it could move the cursor or mislead, they
    /// are written as octal escapes in `$'…'`, as bash and zsh read them.
    #[must_use]
    pub fn shell_quoted(&self) -> String {
        if self.0.chars().all(is_plain) { format!("'{}'", self.0.replace('\'', r"'\''")) } else { ansi_quoted(&self.0) }
    }
}

/// A string of a JSON document, cut at 2,000 characters; the one writer of such documents escapes it.
impl Serialize for Foreign {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.trim_end();
        if text.chars().nth(MAX_SHOWN).is_none() {
            return serializer.serialize_str(text);
        }
        let (shown, unseen) = Register::of_process().masked_beginning(text, MAX_SHOWN);
        serializer.collect_str(&format_args!("{shown}{}", OmittedCount(unseen)))
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        write_escaped(&self.0, &mut text)?;
        formatter.pad(&text)
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{self}`")
    }
}

impl PartialEq<str> for Foreign {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Foreign {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl PartialEq<String> for Foreign {
    fn eq(&self, other: &String) -> bool {
        self.0 == *other
    }
}

/// How much of a text is not shown.
struct OmittedCount(usize);

impl fmt::Display for OmittedCount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "… ({} more characters)", self.0)
    }
}

/// Joins texts for a list that is shown.
#[must_use]
pub fn listed<T: fmt::Display>(texts: impl IntoIterator<Item = T>) -> String {
    texts.into_iter().map(|text| text.to_string()).collect::<Vec<_>>().join(", ")
}

/// Writes a text so that nothing in it moves the cursor or misleads, and no more of it than a person reads. What was
/// written so already stays as it is.
///
/// # Errors
/// What the writer reports.
pub fn write_escaped(text: &str, to: &mut impl fmt::Write) -> fmt::Result {
    let text = text.trim_end();
    // Masked before it is cut, so that no secret is cut in two; what is not cut is masked where it leaves the program.
    let (text, unseen) = match text.chars().nth(MAX_SHOWN / MAX_ESCAPE_LENGTH) {
        Some(_) => Register::of_process().masked_beginning(text, MAX_SHOWN),
        None => (text.into(), 0),
    };
    let mut room = MAX_SHOWN;
    for (at, character) in text.char_indices() {
        let length = if is_plain(character) { 1 } else { character.escape_default().len() };
        if length > room {
            let left_out = text.get(at..).unwrap_or_default().chars().count() + unseen;
            return write!(to, "{}", OmittedCount(left_out));
        }
        room -= length;
        if is_plain(character) {
            to.write_char(character)?;
        } else {
            write!(to, "{}", character.escape_default())?;
        }
    }
    if unseen > 0 { write!(to, "{}", OmittedCount(unseen)) } else { Ok(()) }
}

fn ansi_quoted(text: &str) -> String {
    let mut word = "$'".to_owned();
    for character in text.chars() {
        match character {
            '\'' | '\\' => word.extend(['\\', character]),
            plain if is_plain(plain) => word.push(plain),
            other => {
                for byte in other.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(word, "\\{byte:03o}"); // writing to a String cannot fail
                }
            }
        }
    }
    word.push('\'');
    word
}

/// Returns whether a character stays where it is put and can be seen: no control, no change of direction, nothing
/// invisible (what Unicode calls default ignorable, line and paragraph separators, the empty braille cell, interlinear
/// marks).
#[must_use]
pub fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests;
