//! Who calls: user ID with realm, token name, token secret.

use std::fmt;
use std::str::FromStr;

use crate::model::foreign::is_plain;
use crate::model::paste::foreign_character;
use crate::model::placeholder::{is_placeholder, is_reference};
use crate::model::secret_form::is_pasted_secret;
use crate::model::{Register, Secret, Validated};

/// Why a text is no user ID, token name or token ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// `apex` instead of `apex@pve`.
    #[error("a user ID is `name@realm`, `apex@pve` for example; the realm is missing")]
    NoRealm,
    /// A token ID where a user ID was asked for.
    #[error("this is a token ID; the user ID is the part before the `!`")]
    IsTokenId,
    /// The secret of a token where a name was asked for.
    #[error("this looks like the secret of a token, and not like a name")]
    Secret,
    /// A character that a program put into it on its way here.
    #[error("character {position} is {}, which does not belong there", named(*found))]
    Character {
        /// Where it stands, counted from 1.
        position: usize,
        /// Which it is.
        found: char,
    },
    /// Something in the user ID that Proxmox VE does not take.
    #[error(
        "a user ID is `name@realm`: no blanks, no invisible characters, no `:` or `/`, a realm that begins with a letter, at most 64 characters"
    )]
    User,
    /// A token name that Proxmox VE does not take.
    #[error("a token name has two characters or more, a letter first, then letters, digits, `.`, `-` and `_`")]
    TokenName,
    /// Not `USER@REALM!NAME`.
    #[error("a token ID is `user@realm!name`, `apex@pve!glassdome-token` for example")]
    TokenId,
}

/// A user with its realm, `apex@pve`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId {
    name: String,
    realm: String,
}

impl UserId {
    /// Gives the part before the `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the realm, the part behind the last `@`.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Says whether it is root@pam, who may do everything on every path and takes no entries.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.name() == "root" && self.realm() == "pam"
    }
}

impl FromStr for UserId {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        if is_pasted_secret(text) {
            return Err(InvalidToken::Secret);
        }
        let Some((name, realm)) = text.rsplit_once('@') else {
            return Err(InvalidToken::NoRealm);
        };
        if realm.contains('!') && text.parse::<TokenId>().is_ok() {
            return Err(InvalidToken::IsTokenId);
        }
        if realm.is_empty() {
            return Err(InvalidToken::NoRealm);
        }
        let name_is_good =
            !name.is_empty() && !name.contains(|it: char| it.is_whitespace() || !is_plain(it) || ":/".contains(it));
        if !name_is_good || !is_token_like(realm) || text.chars().count() > 64 {
            return Err(strange_character(text).unwrap_or(InvalidToken::User));
        }
        Ok(Self { name: name.to_owned(), realm: realm.to_owned() })
    }
}

impl Validated for UserId {}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.name, self.realm)
    }
}

/// The name of a token, unique among its user's tokens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenName(String);

impl TokenName {
    /// Gives the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenName {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        if is_token_like(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(strange_character(text).unwrap_or(InvalidToken::TokenName))
    }
}

impl Validated for TokenName {}

impl fmt::Display for TokenName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Names the character that a program put into a text on its way here, if there is one.
fn strange_character(text: &str) -> Option<InvalidToken> {
    foreign_character(text).map(|(position, found)| InvalidToken::Character { position, found })
}

/// The rule that Proxmox VE has for token names and for realms: `[A-Za-z][A-Za-z0-9.\-_]+`.
fn is_token_like(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// A full token ID, `apex@pve!glassdome-token`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId {
    /// Whose token it is.
    pub user: UserId,
    /// Its name among the user's tokens.
    pub name: TokenName,
}

impl TokenId {
    /// Writes it as the header `Authorization` takes it. The server percent-decodes that header to one character a byte
    /// and cuts it at `;`, so that there is no way to write a character beyond U+00FF: it is given as the error.
    ///
    /// # Errors
    /// The character that cannot be written.
    pub fn header_text(&self) -> Result<String, char> {
        percent_encoded(&self.to_string(), |byte| byte.is_ascii_graphic() && !b"%;".contains(&byte))
    }
}

/// Writes a text for a server that decodes it to one character a byte; `is_plain` says which bytes may stand as they are.
///
/// # Errors
/// The first character that is more than one byte.
pub(crate) fn percent_encoded(text: &str, is_plain: impl Fn(u8) -> bool) -> Result<String, char> {
    let mut encoded = String::with_capacity(text.len());
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(byte) if is_plain(byte) => encoded.push(character),
            Ok(byte) => encoded.push_str(percent_encoding::percent_encode_byte(byte)),
            Err(_) => return Err(character),
        }
    }
    Ok(encoded)
}

impl FromStr for TokenId {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let (user, name) = text.trim().rsplit_once('!').ok_or(InvalidToken::TokenId)?;
        if !user.contains('@') {
            return Err(InvalidToken::TokenId);
        }
        Ok(Self { user: user.parse()?, name: name.parse()? })
    }
}

impl Validated for TokenId {}

impl fmt::Display for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}!{}", self.user, self.name)
    }
}

/// A token as a person names it: by its name among the user's tokens, or by its full ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRef {
    /// The name alone.
    Name(TokenName),
    /// User and name.
    Id(TokenId),
}

impl TokenRef {
    /// Gives the name of the token.
    #[must_use]
    pub const fn name(&self) -> &TokenName {
        match self {
            Self::Name(name) => name,
            Self::Id(id) => &id.name,
        }
    }

    /// Gives the user, where it is named.
    #[must_use]
    pub const fn user(&self) -> Option<&UserId> {
        match self {
            Self::Name(_) => None,
            Self::Id(id) => Some(&id.user),
        }
    }
}

impl Validated for TokenRef {}

impl FromStr for TokenRef {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        if text.contains('!') { text.parse().map(Self::Id) } else { text.parse().map(Self::Name) }
    }
}

impl fmt::Display for TokenRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(formatter),
            Self::Id(id) => id.fmt(formatter),
        }
    }
}

/// Why a text is no token secret. It never holds the text, only its shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Nothing at all.
    #[error("the secret is empty")]
    Empty,
    /// The ID instead of the secret.
    #[error(
        "this is the token ID, not its secret; the secret is the UUID that was shown once, when the token was made"
    )]
    IsTokenId,
    /// Several lines, and none of them a secret.
    #[error("there is no token secret in these {lines} lines")]
    NotFound {
        /// How many lines there are.
        lines: usize,
    },
    /// More than one secret, and nothing that tells them apart.
    #[error("there is more than one secret in it; paste the one of this token alone")]
    Several,
    /// Right digits without their hyphens.
    #[error("the hyphens are missing: the form is 8-4-4-4-12, with 4 hyphens")]
    NoHyphens,
    /// A word where a UUID should be.
    #[error("this looks like a password; a token secret is a UUID, 32 hexadecimal digits in the form 8-4-4-4-12")]
    Password,
    /// What an example has in the place of a secret.
    #[error("this is a placeholder, as examples have it: put the secret of the token in its place")]
    Placeholder,
    /// Where a secret is kept, in place of the secret.
    #[error(
        "this is a reference to a secret, which only a password manager, a shell or a template engine resolves: put the secret itself in its place, or have it resolved before (`op run -- glassdome ...`)"
    )]
    Reference,
    /// Braces or `urn:uuid:` around it.
    #[error("only the bare form is a secret: no braces, no `urn:uuid:`")]
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
        "character {position} of {length}, {}, does not belong there: the form is 8-4-4-4-12 hexadecimal digits with 4 hyphens",
        named(*found)
    )]
    Character {
        /// Where it stands, counted from 1.
        position: usize,
        /// How many characters there are.
        length: usize,
        /// Which it is. One character that is not of the secret tells nothing about it.
        found: char,
    },
}

/// Names a character: a visible one as it is, any other by its number in Unicode, and by its name if it is a common one.
#[must_use]
pub fn named(character: char) -> String {
    let name = match character {
        '\u{00A0}' | '\u{202F}' => " (no-break space)",
        '\u{00AD}' => " (soft hyphen)",
        '\u{200B}' => " (zero-width space)",
        '\u{200C}' | '\u{200D}' => " (zero-width joiner)",
        '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => " (direction mark)",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => " (a dash, not the hyphen)",
        '\u{2018}'..='\u{201F}' | '\u{00AB}' | '\u{00BB}' => " (typographic quotation mark)",
        '\u{FEFF}' => " (byte order mark)",
        _ => "",
    };
    if character.is_ascii_graphic() {
        format!("`{character}`")
    } else {
        format!("U+{:04X}{name}", u32::from(character))
    }
}

/// The secret of a token: a UUID in lower case, 36 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSecret(Secret);

impl TokenSecret {
    /// Gives the 36 characters. Called only where they must leave the program; a test counts the places.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Gives what may be shown so that a person recognises the secret: its first four characters.
    #[must_use]
    pub fn masked(&self) -> String {
        let head: String = self.0.expose().chars().take(4).collect();
        format!("{head}••••")
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
    let strange = text.chars().enumerate().find(|(_, it)| !it.is_ascii_hexdigit() && *it != '-');
    let misplaced = |(index, found): (usize, char)| BadSecret::Character { position: index + 1, length, found };
    if length == 36 {
        let first = text.chars().enumerate().find(|(index, character)| !belongs(*index, *character))?;
        return Some(if text.parse::<TokenId>().is_ok() {
            BadSecret::IsTokenId
        } else if strange.is_none() || digits(text) >= 24 {
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
    match strange {
        Some(_) if digits(text) < 24 => return Some(BadSecret::Password),
        Some(strange) => return Some(misplaced(strange)),
        None => {}
    }
    Some(if length < 36 { BadSecret::TooShort { length } } else { BadSecret::TooLong { length } })
}

/// Says whether a character may stand at this place of a UUID, counted from 0.
fn belongs(index: usize, character: char) -> bool {
    if [8, 13, 18, 23].contains(&index) { character == '-' } else { character.is_ascii_hexdigit() }
}

fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_hexdigit).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::{BadSecret, InvalidToken, TokenId, TokenName, TokenSecret, UserId};

    #[test]
    fn the_header_holds_a_token_as_the_server_decodes_it() {
        for (token, header) in [
            ("apex@pve!glassdome-token", Ok("apex@pve!glassdome-token")),
            ("bugö@pve!tt", Ok("bug%F6@pve!tt")),
            ("ÿÀ@pve!tt", Ok("%FF%C0@pve!tt")),
            ("50%25@pve!tt", Ok("50%2525@pve!tt")),
            ("a;b@pve!tt", Ok("a%3Bb@pve!tt")),
            ("o'brien+x#1@corp.example@AD!tt", Ok("o'brien+x#1@corp.example@AD!tt")),
            ("foo!bar@pve!tt", Ok("foo!bar@pve!tt")),
            ("zoë€@pve!tt", Err('€')),
            ("мир@pve!tt", Err('м')),
        ] {
            let token: TokenId = token.parse().unwrap_or_else(|why| panic!("{token}: {why}"));
            assert_eq!(token.header_text(), header.map(str::to_owned), "{token}");
        }
    }

    #[test]
    fn user_ids_need_a_realm() {
        for (text, read) in [
            ("apex@pve", Ok(("apex", "pve"))),
            (" root@pam\n", Ok(("root", "pam"))),
            ("a@b.example@ad-1", Ok(("a@b.example", "ad-1"))),
            ("jürgen@pve", Ok(("jürgen", "pve"))),
            ("apex", Err(InvalidToken::NoRealm)),
            ("apex@", Err(InvalidToken::NoRealm)),
            ("apex@p", Err(InvalidToken::User)),
            ("@pve", Err(InvalidToken::User)),
            ("a b@pve", Err(InvalidToken::User)),
            ("a/b@pve", Err(InvalidToken::User)),
            ("a:b@pve", Err(InvalidToken::User)),
            ("apex@1pve", Err(InvalidToken::User)),
            ("apex@pve!tok", Err(InvalidToken::IsTokenId)),
        ] {
            let got = text.parse::<UserId>();
            assert_eq!(got.as_ref().map(|user| (user.name(), user.realm())).map_err(Clone::clone), read, "{text}");
        }
        let long = format!("{}@pve", "x".repeat(61));
        assert_eq!(long.parse::<UserId>(), Err(InvalidToken::User));
    }

    #[test]
    fn token_names_and_ids_follow_proxmox_rules() {
        for (text, good) in [
            ("glassdome-token", true),
            ("t1", true),
            ("t", false),
            ("1t", false),
            ("a b", false),
            ("a!b", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<TokenName>().is_ok(), good, "{text}");
        }
        assert_eq!(
            "apex@pve!glassdome-token".parse::<TokenId>().map(|id| id.to_string()).as_deref(),
            Ok("apex@pve!glassdome-token")
        );
        for text in ["apex@pve", "apex!tok", "!tok", "apex@pve!", ""] {
            assert!(text.parse::<TokenId>().is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_are_refused_with_the_reason() {
        let strange = |position, length, found| Some(BadSecret::Character { position, length, found });
        for (text, refused) in [
            ("12345678-abcd-ef12-3456-7890abcdef12", None),
            ("00000000-1111-2222-3333-444444444444", None),
            (" \"A1B2C3D4-5678-90AB-CDEF-1234567890AB\" ", None),
            ("", Some(BadSecret::Empty)),
            ("''", Some(BadSecret::Empty)),
            ("abc123", Some(BadSecret::TooShort { length: 6 })),
            ("a1b2c3d4-1234-5678-9abc-def01234567", Some(BadSecret::TooShort { length: 35 })),
            ("a1b2c3d4-1234-5678-9abc-def0123456789", Some(BadSecret::TooLong { length: 37 })),
            ("a1b2c3d4-1234-5678-9abc-def01234567g", strange(36, 36, 'g')),
            ("a1b2c3d41234-5678-9abc-def0-12345678", strange(9, 36, '1')),
            ("a1b2c3d4-1234-5678-9abc-def012345678.", strange(37, 37, '.')),
            ("a1b2c3d4 -1234-5678-9abc-def012345678", strange(9, 37, ' ')),
            ("a1b2c3d4-1234-5678-9abc-def01234567\u{1f600}", strange(36, 36, '\u{1f600}')),
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
            [('g', "`g`"), (' ', "U+0020"), ('\u{7}', "U+0007"), ('\u{301}', "U+0301"), ('ä', "U+00E4")]
        {
            let told = BadSecret::Character { position: 3, length: 40, found }.to_string();
            assert!(told.starts_with(&format!("character 3 of 40, {name}, ")), "{told}");
        }
    }

    #[test]
    fn a_secret_is_kept_in_lower_case_and_shown_by_four_characters() {
        let secret: TokenSecret = "A1B2C3D4-5678-90AB-CDEF-1234567890AB".parse().unwrap();
        assert_eq!(secret.expose(), "a1b2c3d4-5678-90ab-cdef-1234567890ab");
        assert_eq!(secret.masked(), "a1b2••••");
        assert_eq!(format!("{secret:?}"), "TokenSecret(Secret(••••))");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_being_shown(text in "\\PC{5,80}") {
            let _ = text.parse::<UserId>();
            let _ = text.parse::<TokenName>();
            let _ = text.parse::<TokenId>();
            if let Err(reason) = text.parse::<TokenSecret>() {
                prop_assert!(text.trim().len() < 8 || !reason.to_string().contains(text.trim()));
            }
        }

        #[test]
        fn ids_survive_their_own_text(name in "[a-z0-9._-]{1,20}", realm in "[a-z][a-z0-9]{1,8}", token in "[A-Za-z][A-Za-z0-9._-]{1,20}") {
            let text = format!("{name}@{realm}!{token}");
            prop_assert_eq!(text.parse::<TokenId>().map(|id| id.to_string()), Ok(text));
        }

        #[test]
        fn every_uuid_is_a_secret(bytes: [u8; 16]) {
            let text = uuid::Uuid::from_bytes(bytes).to_string();
            prop_assert_eq!(text.parse::<TokenSecret>().map(|secret| secret.expose().to_owned()), Ok(text));
        }
    }
}
