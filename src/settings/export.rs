//! What the settings say, as variables for another run or for the application.

use super::assignment::Assignment;
use super::error::SettingsError;
use super::keys::{KEYS, Key};
use super::setting::WritableValue;
use super::{Credentials, Settings};

impl Settings {
    /// Returns the variables that say the same to another run, or to the application: what is used, nothing else.
    ///
    /// # Errors
    ///
    /// Fails if there is nothing to authenticate with.
    pub fn assignments(&self) -> Result<Vec<Assignment>, SettingsError> {
        let (credentials, _) = self.credentials()?;
        let mut assignments = Vec::new();
        for entry in &KEYS {
            let name = entry.key.variable(&self.instance);
            let secret = match (&credentials, entry.key) {
                (Credentials::Token { secret, .. }, Key::TokenValue) => Some(WritableValue::Token(secret.clone())),
                (Credentials::Password { password, .. }, Key::Password) => {
                    Some(WritableValue::Password(password.clone()))
                }
                _ => None,
            };
            if let Some(secret) = secret {
                assignments.push(Assignment::hidden(name, String::new(), secret));
            } else if let Some(text) = self.exported(entry.key, &credentials) {
                assignments.push(Assignment::public(name, text));
            }
        }
        Ok(assignments)
    }

    /// Returns the text of a key that is not a secret, in the form in which `.env` holds it; paths in full.
    fn exported(&self, key: Key, credentials: &Credentials) -> Option<String> {
        match key {
            Key::User => self.user().map(|found| found.value.to_string()),
            Key::TokenName => match credentials {
                Credentials::Token { id, .. } => Some(id.name.to_string()),
                Credentials::Password { .. } => None,
            },
            Key::CaFile => self.ca_file().map(|found| found.value.display().to_string()),
            _ => self.text(key),
        }
    }
}
