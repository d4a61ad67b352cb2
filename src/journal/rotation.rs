//! A token that is being replaced, noted so that a run after a crash can finish.

use serde::{Deserialize, Serialize};

use crate::journal::JournalRecord;

/// What is known of a rotation before it is begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The server, `host:port`.
    pub server: String,
    /// The settings file that the new secret goes into, as an absolute path without links.
    pub file: String,
    /// The instance in that file; entries of older versions do not name it.
    #[serde(default)]
    pub instance: Option<String>,
    /// The full ID of the token that is replaced.
    pub old: String,
    /// The full ID of the token that takes its place; `None` if the old one gets a new secret.
    pub new: Option<String>,
    /// A random text; the new token carries it in its comment, which proves that it is ours.
    pub nonce: String,
    /// When it was begun, RFC 3339.
    pub made: String,
}

impl JournalRecord for Rotation {
    const FOLDER: &'static str = "rotations";

    fn nonce(&self) -> &str {
        &self.nonce
    }
}

#[cfg(test)]
mod tests {
    use super::Rotation;

    #[test]
    fn an_entry_of_an_older_version_is_read() {
        let text = r#"{"server":"h:8006","file":"/a/.env","old":"u@pve!t","new":null,"nonce":"n","made":"x"}"#;
        let read: Rotation = serde_json::from_str(text).unwrap();
        assert_eq!((read.file.as_str(), read.instance), ("/a/.env", None));
    }
}
