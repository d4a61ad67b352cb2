//! A rehearsal: the sandbox as the server of this run.

use super::{Context, SANDBOX_HOST};
use crate::error::{ConfigError, Error};
use crate::model::Secret;
use crate::ops::connection::TrustSource;
use crate::pve::Trust;
use crate::settings::{Credentials, Key, Setting, SettingsError, Source};

impl Context {
    /// Starts the sandbox and takes the settings that are missing from it.
    pub(super) fn for_sandbox(mut self) -> Result<Self, Error> {
        use crate::sandbox::{Options, Sandbox};
        if self.settings.host().is_some_and(|host| host.value.host().to_string() != SANDBOX_HOST) {
            return Err(Error::Config(ConfigError::NotSandboxFile { path: self.store.path().to_owned() }));
        }
        let sandbox = Sandbox::start(Options::default())
            .map_err(|source| Error::Run(crate::error::RunError::Sandbox { source }))?;
        let (user, name, secret) = sandbox.default_token();
        let has_password = self.settings.password().is_some();
        for (key, text) in
            [(Key::User, user), (Key::TokenName, name), (Key::TokenValue, secret), (Key::Host, SANDBOX_HOST)]
        {
            let is_said = self.settings.source(key).is_some_and(|source| !matches!(source, Source::Default(_)));
            let is_wanted = key != Key::TokenValue || !has_password;
            if !is_said && is_wanted {
                let setting = Setting::parse(key, &Secret::new(text.to_owned()));
                let setting = setting.map_err(|why| SettingsError::Invalid { origin: Source::Sandbox, why })?;
                self.flags.give(setting, Source::Sandbox);
            }
        }
        self.reload();
        if let Ok((Credentials::Token { id, secret }, _)) = self.saved().credentials() {
            // A token that an earlier rehearsal made and stored: its server is gone, and the file is still there.
            sandbox.remember(&id.user.to_string(), &id.name.to_string(), secret.expose());
        }
        self.sandbox = Some(sandbox);
        Ok(self)
    }

    /// Returns the trust that the user chose in a rehearsal. The stored trust of a sandbox does not count, because its
    /// certificate is new in each run.
    pub(super) fn rehearsed_trust(&self) -> (Trust, TrustSource) {
        let is_answered = |key: Key| self.settings.source(key) == Some(&Source::Answer);
        match self.settings.setting(Key::Fingerprint).map(|said| &said.value) {
            Some(Setting::Fingerprint(pin)) if is_answered(Key::Fingerprint) => {
                (Trust::Pinned((*pin).into()), TrustSource::Pin)
            }
            _ if is_answered(Key::VerifySsl) => (Trust::Unverified, TrustSource::Unverified),
            _ => (Trust::System, TrustSource::System),
        }
    }
}
