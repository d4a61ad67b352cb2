//! The secret of a token, and why a text is not one.

use std::str::FromStr;

use crate::model::characters::named;
use crate::model::placeholder::{is_placeholder, is_reference};
use crate::model::{Register, Secret, TokenId, Validated};

/// The secret of a token: a UUID in lower case, 36 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSecret(Secret);

impl TokenSecret {
    /// Returns the 36 characters. Called only where they must leave the program; a test counts the places.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Returns what may be shown so that a person recognises the secret: its first four characters.
    #[must_use]
    pub fn masked(&self) -> String {
        format!("{}••••", self.0.head(4))
    }

    /// Returns whether it is one digit again and again, as examples and templates have it. It may still be a secret.
    #[must_use]
    pub fn looks_like_placeholder(&self) -> bool {
        self.0.repeats_one_character('-')
    }
}

impl From<TokenSecret> for Secret {
    fn from(secret: TokenSecret) -> Self {
        secret.0
    }
}

impl Validated for TokenSecret {}

impl FromStr for TokenSecret {
    type Err = BadSecret;

    /// Accepts upper case, surrounding blanks and one pair of quotes; a server compares the secret exactly, in lower case.
    fn from_str(text: &str) -> Result<Self, BadSecret> {
        let text = unquote(text.trim());
        if let Some(reason) = refusal(text) {
            return Err(reason);
        }
        Register::of_process().add_generated(text);
        Ok(Self(Secret::new(text.to_ascii_lowercase())))
    }
}

/// Takes off one pair of quotes and the blanks in it.
fn unquote(text: &str) -> &str {
    for quote in ['"', '\'', '`'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner.trim();
        }
    }
    text
}

fn refusal(text: &str) -> Option<BadSecret> {
    let length = text.chars().count();
    if length == 0 {
        return Some(BadSecret::Empty);
    }
    if is_reference(text) {
        return Some(BadSecret::Reference);
    }
    if is_placeholder(text) {
        return Some(BadSecret::Placeholder);
    }
    let unexpected = text.chars().enumerate().find(|(_, it)| !it.is_ascii_hexdigit() && *it != '-');
    let misplaced = |(index, found): (usize, char)| BadSecret::Character { position: index + 1, length, found };
    if length == 36 {
        let first = text.chars().enumerate().find(|(index, character)| !is_uuid_character(*index, *character))?;
        return Some(if text.parse::<TokenId>().is_ok() {
            BadSecret::IsTokenId
        } else if unexpected.is_none() || digits(text) >= 24 {
            misplaced(first)
        } else {
            BadSecret::Password
        });
    }
    if text.contains('!') && text.contains('@') {
        return Some(BadSecret::IsTokenId);
    }
    if length == 32 && digits(text) == 32 {
        return Some(BadSecret::NoHyphens);
    }
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("urn:uuid:") || (text.starts_with('{') && text.ends_with('}')) {
        return Some(BadSecret::Wrapped);
    }
    match unexpected {
        Some(_) if digits(text) < 24 => return Some(BadSecret::Password),
        Some(unexpected) => return Some(misplaced(unexpected)),
        None => {}
    }
    Some(if length < 36 { BadSecret::TooShort { length } } else { BadSecret::TooLong { length } })
}

/// Returns whether a character may be at this place of a UUID, counted from 0.
fn is_uuid_character(index: usize, character: char) -> bool {
    if [8, 13, 18, 23].contains(&index) { character == '-' } else { character.is_ascii_hexdigit() }
}

fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_hexdigit).count()
}

/// Why a text is no token secret. It never holds the text, only its shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Nothing at all.
    #[error("the secret is empty")]
    Empty,
    /// The ID instead of the secret.
    #[error(
        "this is the token ID, not the secret; the secret is the UUID that was shown once, when the token was created"
    )]
    IsTokenId,
    /// Several lines, and none of them a secret.
    #[error("these {lines} lines do not contain a token secret")]
    NotFound {
        /// How many lines there are.
        lines: usize,
    },
    /// More than one secret, and no label that identifies the right one.
    #[error("this contains more than one secret; paste only the one of this token")]
    Several,
    /// Right digits without their hyphens.
    #[error("the hyphens are missing: the form is 8-4-4-4-12")]
    NoHyphens,
    /// A word where a UUID should be.
    #[error("this looks like a password; a token secret is a UUID: 32 hexadecimal digits in the form 8-4-4-4-12")]
    Password,
    /// What an example has in the place of a secret.
    #[error("this is a placeholder from an example: replace it with the secret of the token")]
    Placeholder,
    /// Where a secret is kept, in place of the secret.
    #[error(
        "this is a reference that only a password manager, shell or template engine resolves: use the secret itself, or resolve it first (`op run -- glassdome ...`)"
    )]
    Reference,
    /// Braces or `urn:uuid:` around it.
    #[error("remove the braces or `urn:uuid:` and use only the UUID")]
    Wrapped,
    /// Cut off.
    #[error("too short: {length} of 36 characters")]
    TooShort {
        /// Characters found.
        length: usize,
    },
    /// Something behind or before it.
    #[error("too long: {length} characters instead of 36")]
    TooLong {
        /// Characters found.
        length: usize,
    },
    /// A character that does not belong there.
    #[error(
        "character {position} of {length} is not allowed ({}): the form is 8-4-4-4-12 hexadecimal digits",
        named(*found)
    )]
    Character {
        /// Where it is, counted from 1.
        position: usize,
        /// How many characters there are.
        length: usize,
        /// Which it is. One character that is not of the secret tells nothing about it.
        found: char,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::{BadSecret, TokenSecret};

    #[test]
    fn secrets_are_refused_with_the_reason() {
        let unexpected = |position, length, found| Some(BadSecret::Character { position, length, found });
        for (text, refused) in [
            ("12345678-abcd-ef12-3456-7890abcdef12", None),
            ("00000000-1111-2222-3333-444444444444", None),
            (" \"A1B2C3D4-5678-90AB-CDEF-1234567890AB\" ", None),
            ("", Some(BadSecret::Empty)),
            ("''", Some(BadSecret::Empty)),
            ("abc123", Some(BadSecret::TooShort { length: 6 })),
            ("a1b2c3d4-1234-5678-9abc-def01234567", Some(BadSecret::TooShort { length: 35 })),
            ("a1b2c3d4-1234-5678-9abc-def0123456789", Some(BadSecret::TooLong { length: 37 })),
            ("a1b2c3d4-1234-5678-9abc-def01234567g", unexpected(36, 36, 'g')),
            ("a1b2c3d41234-5678-9abc-def0-12345678", unexpected(9, 36, '1')),
            ("a1b2c3d4-1234-5678-9abc-def012345678.", unexpected(37, 37, '.')),
            ("a1b2c3d4 -1234-5678-9abc-def012345678", unexpected(9, 37, ' ')),
            ("a1b2c3d4-1234-5678-9abc-def01234567\u{1f600}", unexpected(36, 36, '\u{1f600}')),
            ("a1b2c3d4123456789abcdef012345678", Some(BadSecret::NoHyphens)),
            ("{a1b2c3d4-1234-5678-9abc-def012345678}", Some(BadSecret::Wrapped)),
            ("urn:uuid:a1b2c3d4-1234-5678-9abc-def012345678", Some(BadSecret::Wrapped)),
            ("apex@pve!glassdome-token", Some(BadSecret::IsTokenId)),
            ("apex@pve!glassdome-token-with-36-chr", Some(BadSecret::IsTokenId)),
            ("mysecretpassword", Some(BadSecret::Password)),
            ("correct horse battery staple, no, no", Some(BadSecret::Password)),
        ] {
            assert_eq!(text.parse::<TokenSecret>().err(), refused, "{text}");
        }
    }

    #[test]
    fn a_strange_character_is_named_by_its_number_where_it_cannot_be_seen() {
        for (found, name) in
            [('g', "`g`"), (' ', "a space"), ('\u{7}', "U+0007"), ('\u{301}', "U+0301"), ('ä', "U+00E4")]
        {
            let text = BadSecret::Character { position: 3, length: 40, found }.to_string();
            assert!(text.starts_with(&format!("character 3 of 40 is not allowed ({name})")), "{text}");
        }
    }

    #[test]
    fn a_secret_is_kept_in_lower_case_and_shown_by_four_characters() {
        let secret: TokenSecret = "A1B2C3D4-5678-90AB-CDEF-1234567890AB".parse().unwrap();
        assert_eq!(secret.expose(), "a1b2c3d4-5678-90ab-cdef-1234567890ab");
        assert_eq!(secret.masked(), "a1b2••••");
        assert_eq!(format!("{secret:?}"), "TokenSecret(Secret(••••))");
    }

    #[test]
    fn one_digit_repeated_looks_like_a_placeholder() {
        for (text, is_it) in [
            ("00000000-0000-0000-0000-000000000000", true),
            ("FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF", true),
            ("00000000-1111-2222-3333-444444444444", false),
            ("00000000-0000-0000-0000-000000000001", false),
            ("12345678-abcd-ef12-3456-7890abcdef12", false),
        ] {
            assert_eq!(text.parse::<TokenSecret>().unwrap().looks_like_placeholder(), is_it, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_being_shown(text in "\\PC{5,80}") {
            if let Err(reason) = text.parse::<TokenSecret>() {
                prop_assert!(text.trim().len() < 8 || !reason.to_string().contains(text.trim()));
            }
        }

        #[test]
        fn every_uuid_is_a_secret(bytes: [u8; 16]) {
            let text = uuid::Uuid::from_bytes(bytes).to_string();
            prop_assert_eq!(text.parse::<TokenSecret>().map(|secret| secret.expose().to_owned()), Ok(text));
        }
    }
}
