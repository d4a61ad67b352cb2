//! How a value is written so that every reader reads it back.

use super::parsers::python::{Quotes, has_variable};

/// Why a value cannot be written so that all four readers read it back. Does not contain the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// A line break; always refused.
    #[error("it contains a line break")]
    LineBreak,
    /// A zero byte; always refused.
    #[error("it contains a NUL byte")]
    Nul,
    /// `${X}`
    #[error("it contains `${{…}}`, which python-dotenv replaces with a variable")]
    Variable,
    /// `\\`
    #[error("it contains two consecutive backslashes, which some programs read as one")]
    TwoBackslashes,
    /// `\` at the end
    #[error("it ends with a backslash, which escapes the closing quote for some programs")]
    FinalBackslash,
    /// `'` with something that only single quotes protect.
    #[error("it contains a single quote together with a double quote, dollar sign, backslash or backtick")]
    MixedQuotes,
}

impl Unwritable {
    /// Returns whether no consent helps.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::LineBreak | Self::Nul)
    }
}

/// Says why a value cannot be written, where it cannot.
pub(super) fn refusal(value: &str) -> Option<Unwritable> {
    if value.contains(['\n', '\r']) {
        Some(Unwritable::LineBreak)
    } else if value.contains('\0') {
        Some(Unwritable::Nul)
    } else if has_variable(value) {
        Some(Unwritable::Variable)
    } else if value.contains("\\\\") {
        Some(Unwritable::TwoBackslashes)
    } else if value.ends_with('\\') {
        Some(Unwritable::FinalBackslash)
    } else if value.contains('\'') && value.contains(['"', '$', '\\', '`']) {
        Some(Unwritable::MixedQuotes)
    } else {
        None
    }
}

/// Writes a value that `refusal` lets pass: in the quotes that were there where they will do, else in none, else in those that do.
pub(super) fn quoted(value: &str, before: Quotes) -> String {
    let fits_single = !value.contains('\'');
    let fits_double = !value.contains(['"', '$', '\\', '`']);
    match before {
        Quotes::Single if fits_single => format!("'{value}'"),
        Quotes::Double if fits_double => format!("\"{value}\""),
        _ if value.chars().all(is_plain) => value.to_owned(),
        _ if fits_single => format!("'{value}'"),
        _ => format!("\"{value}\""),
    }
}

/// Returns whether a character means itself to every reader, outside quotes, wherever it is.
fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || "_-.:/@%+,=!".contains(character)
}

/// The forms in which python-dotenv at least reads a value, the harmless ones first.
pub(super) fn python_only_forms(value: &str) -> [String; 3] {
    // python-dotenv replaces `${…}` inside any quotes; a reference to a variable that is never set, with `$` as its
    // default, stands for the dollar sign.
    let value = if has_variable(value) { value.replace("${", "${GLASSDOME_DOLLAR:-$}{") } else { value.to_owned() };
    let escaped = value.replace('\\', "\\\\");
    [
        format!("\"{}\"", escaped.replace('"', "\\\"")),
        format!("'{}'", escaped.replace('\'', "\\'")),
        // The comment keeps a final backslash away from the line break, which a shell would join to the next line.
        format!("{value} #"),
    ]
}

#[cfg(test)]
mod tests {
    use super::{Quotes, Unwritable, quoted, refusal};

    #[test]
    fn only_the_listed_classes_are_refused() {
        for (value, reason) in [
            ("", None),
            ("a b", None),
            ("a$b", None),
            ("$(id)`id`\"", None),
            ("it's", None),
            ("it's #1!", None),
            ("a\\b\\c", None),
            ("${X", None),
            ("${X:Y}", None),
            ("a\nb", Some(Unwritable::LineBreak)),
            ("a\r", Some(Unwritable::LineBreak)),
            ("a\0", Some(Unwritable::Nul)),
            ("a${X}", Some(Unwritable::Variable)),
            ("${X:-d}", Some(Unwritable::Variable)),
            ("a\\\\b", Some(Unwritable::TwoBackslashes)),
            ("a\\", Some(Unwritable::FinalBackslash)),
            ("'\"", Some(Unwritable::MixedQuotes)),
            ("'$", Some(Unwritable::MixedQuotes)),
            ("'\\a", Some(Unwritable::MixedQuotes)),
            ("'`", Some(Unwritable::MixedQuotes)),
        ] {
            assert_eq!(refusal(value), reason, "{value:?}");
        }
    }

    #[test]
    fn quotes_stay_and_none_are_added_without_need() {
        for (value, before, written) in [
            ("pve.lan:8006", Quotes::None, "pve.lan:8006"),
            ("jürgen@pve", Quotes::None, "jürgen@pve"),
            ("pve", Quotes::Double, "\"pve\""),
            ("pve", Quotes::Single, "'pve'"),
            ("a b", Quotes::None, "'a b'"),
            ("a$b", Quotes::Double, "'a$b'"),
            ("it's", Quotes::Single, "\"it's\""),
            ("~", Quotes::None, "'~'"),
            ("a#b", Quotes::None, "'a#b'"),
        ] {
            assert_eq!(quoted(value, before), written, "{value:?}");
        }
    }
}
