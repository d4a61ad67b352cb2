//! What every tool has to know: where the server is, who calls, how its certificate is judged.

use std::path::PathBuf;

use crate::model::{Endpoint, Fingerprint, UserId};
use crate::settings::{Credentials, Settings, SettingsError, Verification};

/// Server, credentials and trust, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The server.
    pub endpoint: Option<Endpoint>,
    /// Who authenticates, and how.
    pub credentials: Option<Credentials>,
    /// Whether its certificate is verified, by whatever means.
    pub is_verified: Option<bool>,
    /// The file of the only authority that counts.
    pub ca_file: Option<PathBuf>,
    /// The fingerprint of the only certificate that counts.
    pub fingerprint: Option<Fingerprint>,
}

impl Access {
    /// Takes from the settings what they say; the server and the credentials must be there.
    ///
    /// # Errors
    ///
    /// Fails if a value is missing or invalid.
    pub fn of(settings: &Settings) -> Result<Self, SettingsError> {
        let endpoint = settings.host().ok_or_else(|| settings.missing(super::super::Key::Host))?.value;
        let (credentials, _) = settings.credentials()?;
        let (is_verified, ca_file, fingerprint) = match settings.verification()? {
            Verification::System => (true, None, None),
            Verification::Disabled(_) => (false, None, None),
            Verification::Pinned { ca_file, fingerprint } => {
                (true, ca_file.map(|found| found.value), fingerprint.map(|found| found.value))
            }
        };
        Ok(Self {
            endpoint: Some(endpoint),
            credentials: Some(credentials),
            is_verified: Some(is_verified),
            ca_file,
            fingerprint,
        })
    }

    /// Returns the user.
    #[must_use]
    pub const fn user(&self) -> Option<&UserId> {
        match &self.credentials {
            Some(Credentials::Token { id, .. }) => Some(&id.user),
            Some(Credentials::Password { user, .. }) => Some(user),
            None => None,
        }
    }
}
