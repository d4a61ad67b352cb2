//! Server, trust and credentials, as the settings name them.

use super::{Context, SANDBOX_HOST};
use crate::error::{ConfigError, Error, MissingAnswer, UsageError};
use crate::model::{Endpoint, Fingerprint, Secret, TokenId, UserId};
use crate::ops::ca_file::read_ca;
use crate::ops::connection::TrustSource;
use crate::ops::connection_flags::{is_stdin, read_password};
use crate::pve::{CaBundle, PinnedFingerprint, Trust};
use crate::session::Session;
use crate::settings::{Credentials, Key, Source, Sourced, Verification};
use std::path::Path;

/// Says of a fingerprint whether a flag or a variable of this run gave it.
fn pinned(said: Sourced<Fingerprint>) -> PinnedFingerprint {
    let given_by = matches!(said.source, Source::Flag(_) | Source::Variable(_)).then(|| said.source.to_string());
    PinnedFingerprint { fingerprint: said.value, given_by }
}

impl Context {
    /// Returns the server as `PROXMOX_HOST` names it.
    pub(crate) fn host(&self) -> Result<Endpoint, Error> {
        self.settings.require_usable(&[Key::Host])?;
        let host = self.settings.host().ok_or_else(|| self.missing_answer("the server", Key::Host))?.value;
        if !self.is_sandbox() && host.host().to_string() == SANDBOX_HOST {
            return Err(Error::Config(ConfigError::SandboxOnly));
        }
        Ok(host)
    }

    /// Returns the address that is connected to.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Error> {
        let host = self.host()?;
        #[cfg(feature = "sandbox")]
        if let Some(sandbox) = &self.sandbox {
            let address = sandbox.address();
            let host = match address.ip() {
                std::net::IpAddr::V4(ip) => crate::model::Host::V4(ip),
                std::net::IpAddr::V6(ip) => crate::model::Host::V6(ip),
            };
            return Ok(Endpoint::new(host, address.port()));
        }
        Ok(host)
    }

    /// Returns the one trust of this run, and its word.
    pub(crate) fn trust(&self) -> Result<(Trust, TrustSource), Error> {
        #[cfg(feature = "sandbox")]
        if let Some(sandbox) = &self.sandbox {
            if self.rehearses_trust {
                return Ok(self.rehearsed_trust());
            }
            return Ok((
                Trust::Ca(
                    CaBundle::from_pem(sandbox.ca_pem().as_bytes())
                        .map_err(|source| Error::Config(ConfigError::CaFile { path: "the sandbox".into(), source }))?,
                ),
                TrustSource::Ca,
            ));
        }
        match self.settings.verification()? {
            Verification::System => Ok((Trust::System, TrustSource::System)),
            Verification::Disabled(_) => Ok((Trust::Unverified, TrustSource::Unverified)),
            Verification::Pinned { ca_file, fingerprint } => {
                let bundle = ca_file.map(|it| self.authority_in(&it.value)).transpose()?;
                match (bundle, fingerprint.map(pinned)) {
                    (Some(bundle), Some(pin)) => Ok((Trust::CaAndPinned(bundle, pin), TrustSource::Ca)),
                    (Some(bundle), None) => Ok((Trust::Ca(bundle), TrustSource::Ca)),
                    (None, Some(pin)) => Ok((Trust::Pinned(pin), TrustSource::Pin)),
                    (None, None) => Ok((Trust::System, TrustSource::System)),
                }
            }
        }
    }

    pub(super) fn authority_in(&self, path: &Path) -> Result<CaBundle, Error> {
        match self.authority.as_ref().and_then(|authority| authority.at(path)) {
            Some(known) => known.map_err(|source| Error::Config(ConfigError::CaFile { path: path.to_owned(), source })),
            None => read_ca(path),
        }
    }

    /// Refuses a CA that came through a pipe, where its file is to be written into the settings.
    pub(crate) fn require_permanent_ca(&self) -> Result<(), Error> {
        match &self.authority {
            Some(authority) if !authority.can_be_read_again() => Err(authority.not_permanent()),
            _ => Ok(()),
        }
    }

    /// Returns what to authenticate with.
    pub(crate) fn credentials(&self, session: &Session) -> Result<Credentials, Error> {
        self.settings.require_usable(&[Key::User, Key::TokenName, Key::TokenValue])?;
        if self.settings.user().is_none() {
            return Err(self.missing_answer("the user", Key::User));
        }
        if self.settings.source(Key::TokenValue).is_none() && self.settings.password().is_none() {
            return Err(self.missing_answer("the token secret", Key::TokenValue));
        }
        let (credentials, warning) = self.settings.credentials()?;
        if let Some(warning) = warning {
            session.warn(warning.to_string());
        }
        Ok(credentials)
    }

    /// Reads the password of a log-in from a file, or from standard input, unless a secret came from there already.
    pub(crate) async fn login_password(
        &self,
        session: &Session,
        path: &Path,
        flag: &'static str,
    ) -> Result<Secret, Error> {
        if self.is_stdin_taken && is_stdin(Some(path)) {
            return Err(Error::Usage(UsageError::StandardInputTwice));
        }
        read_password(session, path, flag).await
    }

    /// Returns a secret from an environment variable that is not a setting; on the sandbox there are none.
    pub(crate) fn secret_variable(&self, name: &str) -> Option<Secret> {
        let text = self.variables.get(name)?.to_str().filter(|text| !text.is_empty())?;
        Some(Secret::new(text.to_owned()))
    }

    /// Returns the administrator's log-in of the sandbox, so that a rehearsal needs no answers.
    pub(crate) fn rehearsed_login(&self) -> Option<(UserId, Secret)> {
        #[cfg(feature = "sandbox")]
        if let Some(card) = self.sandbox.as_ref().and_then(|sandbox| sandbox.users().into_iter().next()) {
            return Some((card.userid.parse().ok()?, Secret::new(card.password.to_owned())));
        }
        None
    }

    /// Returns the token that the settings name.
    pub(crate) fn token_id(&self) -> Result<TokenId, Error> {
        let settings = &self.settings;
        let user = settings.user().ok_or_else(|| self.missing_answer("the user", Key::User))?.value;
        let name = settings.token_name().ok_or_else(|| self.missing_answer("the token name", Key::TokenName))?.value;
        Ok(TokenId { user, name })
    }

    /// Notes that an administrator logs in: the secret of a token is not among what can be missing.
    pub(crate) const fn expect_admin_login(&mut self) {
        self.is_admin_login = true;
    }

    /// Lists what is missing of server, user and secret beside a key that is.
    pub(super) fn missing_beside(&self, key: Key) -> Vec<MissingAnswer> {
        let settings = &self.settings;
        let has_secret = settings.source(Key::TokenValue).is_some() || settings.password().is_some();
        let has_secret = has_secret || self.is_admin_login;
        let all = [
            ("the server", Key::Host, settings.source(Key::Host).is_some()),
            ("the user", Key::User, settings.source(Key::User).is_some()),
            ("the token secret", Key::TokenValue, has_secret),
        ];
        if !all.iter().any(|(_, one, _)| *one == key) {
            return Vec::new();
        }
        let missing = all.into_iter().filter(|(_, one, is_there)| *one != key && !is_there);
        let answer = |(what, key, _): (&'static str, Key, bool)| MissingAnswer {
            what,
            flag: key.entry().flag,
            variable: key.variable(&self.instance),
        };
        missing.map(answer).collect()
    }

    /// Reports a missing answer that cannot be asked for without a terminal.
    pub(crate) fn missing_answer(&self, what: &'static str, key: Key) -> Error {
        Error::Usage(UsageError::Unanswered {
            what,
            flag: Some(key.entry().flag),
            key: Some((key.variable(&self.instance), Some(self.store.path().to_owned()))),
            further: self.missing_beside(key),
            rehearsal: None,
            lacks_terminal: false,
        })
    }
}
