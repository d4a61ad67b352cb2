//! A token that is being made, noted so that a run after a crash can name it: its secret may be lost.

use serde::{Deserialize, Serialize};

use crate::journal::JournalRecord;

/// What is known of a new token, or a new secret, before it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreationNote {
    /// The server, `host:port`.
    pub server: String,
    /// The settings file that the secret goes into, as an absolute path without links.
    pub file: String,
    /// The instance in that file.
    pub instance: String,
    /// The full ID of the token.
    pub token: String,
    /// Whether a token that exists gets a new secret.
    pub regenerates: bool,
    /// A random text that names the entry.
    pub nonce: String,
    /// When it was begun, RFC 3339.
    pub made: String,
}

impl JournalRecord for CreationNote {
    const FOLDER: &'static str = "tokens";

    fn nonce(&self) -> &str {
        &self.nonce
    }
}
