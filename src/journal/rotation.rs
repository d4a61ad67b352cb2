//! A token that is being replaced, noted so that a run after a crash can finish.

use serde::{Deserialize, Serialize};

use crate::journal::Noted;

/// What is known of a rotation before it is begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The server, `host:port`.
    pub server: String,
    /// The settings file that the new secret goes into.
    pub file: String,
    /// The full ID of the token that is replaced.
    pub old: String,
    /// The full ID of the token that takes its place; nothing where the old one gets a new secret.
    pub new: Option<String>,
    /// A random text; the new token carries it in its comment, which proves that it is ours.
    pub nonce: String,
    /// When it was begun, RFC 3339.
    pub made: String,
}

impl Noted for Rotation {
    const FOLDER: &'static str = "rotations";

    fn nonce(&self) -> &str {
        &self.nonce
    }
}
