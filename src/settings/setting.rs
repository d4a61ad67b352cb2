//! A value of one key: parsed once, where it enters, and written as text only into a file.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::error::InvalidValue;
use super::keys::{Key, Secrecy};
use crate::model::characters::first_replaceable_character;
use crate::model::{Endpoint, Fingerprint, NodeName, Pasted, PoolName, Secret, TokenRef, TokenSecret, UserId, VmId};

/// A value of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// The server.
    Host(Endpoint),
    /// The user.
    User(UserId),
    /// The token, by its name or its full ID.
    TokenName(TokenRef),
    /// The secret of the token, with what is beside it.
    TokenValue(Pasted),
    /// The password.
    Password(Secret),
    /// Whether certificates are verified against the system's authorities.
    VerifySsl(bool),
    /// The node.
    Node(NodeName),
    /// The file of the CA, as it was named.
    CaFile(PathBuf),
    /// The fingerprint of the certificate.
    Fingerprint(Fingerprint),
    /// The pool.
    Pool(PoolName),
    /// The template of Ubuntu 22.04.
    Ubuntu2204Template(VmId),
    /// The template of Ubuntu 20.04.
    Ubuntu2004Template(VmId),
}

impl Setting {
    /// Reads what is in a variable or in the file.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a value of the key.
    pub fn parse(key: Key, text: &Secret) -> Result<Self, InvalidValue> {
        let to_error =
            |why| match first_replaceable_character(text.expose()).filter(|_| key.secrecy() == Secrecy::Public) {
                Some((position, found)) => InvalidValue::Character { position, found },
                None => why,
            };
        Self::read(key, text).map_err(to_error)
    }

    fn read(key: Key, text: &Secret) -> Result<Self, InvalidValue> {
        Ok(match key {
            Key::Host => Self::Host(text.parse()?),
            Key::User => Self::User(text.parse()?),
            Key::TokenName => Self::TokenName(text.parse()?),
            Key::TokenValue => Self::TokenValue(Pasted::read(text)?),
            Key::Password => Self::Password(text.clone()),
            Key::VerifySsl => Self::VerifySsl(boolean(text.expose()).ok_or(InvalidValue::Boolean)?),
            Key::Node => Self::Node(text.parse()?),
            Key::CaFile => Self::CaFile(PathBuf::from(text.expose().trim())),
            Key::Fingerprint => Self::Fingerprint(text.parse()?),
            Key::Pool => Self::Pool(text.parse()?),
            Key::Ubuntu2204Template => Self::Ubuntu2204Template(text.parse()?),
            Key::Ubuntu2004Template => Self::Ubuntu2004Template(text.parse()?),
        })
    }

    /// Makes the setting of a template key from a VMID; `None` for any other key.
    #[must_use]
    pub const fn template(key: Key, vmid: VmId) -> Option<Self> {
        match key {
            Key::Ubuntu2204Template => Some(Self::Ubuntu2204Template(vmid)),
            Key::Ubuntu2004Template => Some(Self::Ubuntu2004Template(vmid)),
            _ => None,
        }
    }

    /// Returns the key that it is a value of.
    #[must_use]
    pub const fn key(&self) -> Key {
        match self {
            Self::Host(_) => Key::Host,
            Self::User(_) => Key::User,
            Self::TokenName(_) => Key::TokenName,
            Self::TokenValue(_) => Key::TokenValue,
            Self::Password(_) => Key::Password,
            Self::VerifySsl(_) => Key::VerifySsl,
            Self::Node(_) => Key::Node,
            Self::CaFile(_) => Key::CaFile,
            Self::Fingerprint(_) => Key::Fingerprint,
            Self::Pool(_) => Key::Pool,
            Self::Ubuntu2204Template(_) => Key::Ubuntu2204Template,
            Self::Ubuntu2004Template(_) => Key::Ubuntu2004Template,
        }
    }

    /// Returns the text that may be shown; there is none of a secret.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        match WritableValue::from(self.clone()) {
            WritableValue::Text(text) => Some(text),
            WritableValue::Password(_) | WritableValue::Token(_) => None,
        }
    }

    /// Masks the secret in it in everything that the process prints from now on.
    pub(super) fn register(&self) {
        match self {
            // In the text as it was given it may be broken over lines, or have invisible characters in it.
            Self::TokenValue(pasted) => Secret::from(pasted.secret.clone()).register(),
            Self::Password(password) => password.notice(Key::Password.entry().variable),
            _ => {}
        }
    }
}

/// A value for a key, to be written as text; a secret stays a secret type until then.
#[derive(Debug, Clone)]
pub enum WritableValue {
    /// Anything that may be shown.
    Text(String),
    /// A password.
    Password(Secret),
    /// The secret of a token.
    Token(TokenSecret),
}

impl WritableValue {
    /// Returns the text for the file, the secret included.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Password(secret) => secret.expose(),
            Self::Token(secret) => secret.expose(),
        }
    }

    /// Returns what may be shown: of a token's secret its first four characters, of a password nothing.
    pub(super) fn masked(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Password(_) => "••••".to_owned(),
            Self::Token(secret) => secret.masked(),
        }
    }
}

impl From<Setting> for WritableValue {
    fn from(setting: Setting) -> Self {
        match setting {
            Setting::Host(host) => Self::Text(host.to_string()),
            Setting::User(user) => Self::Text(user.to_string()),
            Setting::TokenName(name) => Self::Text(name.to_string()),
            Setting::TokenValue(pasted) => Self::Token(pasted.secret),
            Setting::Password(password) => Self::Password(password),
            Setting::VerifySsl(verifies) => Self::Text(verifies.to_string()),
            Setting::Node(node) => Self::Text(node.to_string()),
            Setting::CaFile(path) => Self::Text(path.display().to_string()),
            Setting::Fingerprint(fingerprint) => Self::Text(fingerprint.to_string()),
            Setting::Pool(pool) => Self::Text(pool.to_string()),
            Setting::Ubuntu2204Template(vmid) | Setting::Ubuntu2004Template(vmid) => Self::Text(vmid.to_string()),
        }
    }
}

/// Reads a boolean as the Python side does: true/false, 1/0, yes/no, on/off in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let text = Zeroizing::new(text.trim().to_ascii_lowercase());
    match text.as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}
