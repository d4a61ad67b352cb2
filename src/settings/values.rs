//! What may be written into the file, and the booleans that stand there.

use zeroize::Zeroizing;

use crate::model::{Secret, TokenSecret};

/// A value for a key; secrets are carried as what they are until they are written.
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
    pub(super) fn expose(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Password(secret) => secret.expose(),
            Self::Token(secret) => secret.expose(),
        }
    }

    /// Gives what may be shown: of a token's secret its first four characters, of a password nothing.
    pub(super) fn masked(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Password(_) => "••••".to_owned(),
            Self::Token(secret) => secret.masked(),
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
