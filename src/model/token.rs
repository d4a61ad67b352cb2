//! Who calls: user ID with realm, token name, token ID.

use std::fmt;
use std::str::FromStr;

use crate::model::Validated;
use crate::model::characters::{first_replaceable_character, named};
use crate::model::foreign::is_plain;
use crate::model::secret_form::is_pasted_secret;

/// Why a text is not a user ID, token name or token ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// `apex` instead of `apex@pve`.
    #[error("the realm is missing: a user ID is `name@realm`, e.g. `apex@pve`")]
    NoRealm,
    /// A token ID where a user ID was asked for.
    #[error("this is a token ID; the user ID is the part before the `!`")]
    IsTokenId,
    /// The secret of a token where a name was asked for.
    #[error("this looks like a token secret, not a name")]
    Secret,
    /// A character that a program put into it on its way here.
    #[error("character {position} is not allowed: {}", named(*found))]
    Character {
        /// Where it is, counted from 1.
        position: usize,
        /// Which it is.
        found: char,
    },
    /// A user ID that Proxmox VE does not accept.
    #[error(
        "a user ID is `name@realm`, at most 64 characters, without spaces, invisible characters, `:` or `/`; the realm begins with a letter"
    )]
    User,
    /// A token name that Proxmox VE does not take.
    #[error("a token name has at least two characters: a letter, then letters, digits, `.`, `-` or `_`")]
    TokenName,
    /// Not `USER@REALM!NAME`.
    #[error("a token ID is `user@realm!name`, e.g. `apex@pve!glassdome-token`")]
    TokenId,
}

/// A user with its realm, `apex@pve`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId {
    name: String,
    realm: String,
}

impl UserId {
    /// Returns the part before the `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the realm, the part behind the last `@`.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Returns whether it is root@pam, who may do everything on every path and takes no entries.
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
            return Err(unprintable_character(text).unwrap_or(InvalidToken::User));
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
    /// Returns the name as text.
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
        Err(unprintable_character(text).unwrap_or(InvalidToken::TokenName))
    }
}

impl Validated for TokenName {}

impl fmt::Display for TokenName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Names the character that a program put into a text on its way here, if there is one.
fn unprintable_character(text: &str) -> Option<InvalidToken> {
    first_replaceable_character(text).map(|(position, found)| InvalidToken::Character { position, found })
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

/// Writes a text for a server that decodes it to one character a byte; `is_plain` says which bytes may be as they are.
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
    /// Returns the name of the token.
    #[must_use]
    pub const fn name(&self) -> &TokenName {
        match self {
            Self::Name(name) => name,
            Self::Id(id) => &id.name,
        }
    }

    /// Returns the user, where it is named.
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

#[cfg(test)]
mod tests;
