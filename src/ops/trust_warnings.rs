//! Warnings before a secret is sent: the server is not verified, or another source may have named it.

use crate::ops::connection::TrustSource;
use crate::ops::context::Context;
use crate::session::Session;
use crate::settings::{Key, Source, Verification};

impl Context {
    /// Lists the warnings about a server that is trusted in this way, before a secret is sent to it.
    pub(crate) fn trust_warnings(&self, trusted: TrustSource) -> Vec<String> {
        if self.is_sandbox() {
            return Vec::new();
        }
        self.unverified(trusted).into_iter().chain(self.mixed_sources(trusted)).collect()
    }

    /// Warns if a file in the working directory and something else say together where the secret goes.
    pub(crate) fn mixed_sources(&self, trusted: TrustSource) -> Option<String> {
        self.secret_source().and_then(|secret| self.mixed_with(trusted, secret))
    }

    /// Says so on standard error, once in a run.
    pub(crate) fn warn_of_trust(&self, session: &Session, trusted: TrustSource) {
        if !self.is_warned.replace(true) {
            for warning in self.trust_warnings(trusted) {
                session.warn(warning);
            }
        }
    }

    /// Warns if the password of a log-in goes to a server that a file in the working directory does not let be verified,
    /// or whose trust comes from there and its name from elsewhere. A password of a log-in is never in that file, so that
    /// its server and its trust are there is the usual case.
    pub(crate) fn warn_of_login(&self, session: &Session, password: &Source) {
        let trusted = self.trust().map_or(TrustSource::System, |(_, trusted)| trusted);
        let is_host_in_file = matches!(self.settings.source(Key::Host), Some(Source::File { .. }));
        if is_host_in_file && trusted != TrustSource::Unverified {
            return;
        }
        if let Some(warning) = self.mixed_with(trusted, password).filter(|_| !self.is_sandbox()) {
            session.warn(warning);
        }
    }

    fn unverified(&self, trusted: TrustSource) -> Option<String> {
        let source = match self.settings.verification() {
            Ok(Verification::Disabled(source)) if trusted == TrustSource::Unverified => source,
            _ => return None,
        };
        Some(format!(
            "the certificate of the server is not verified ({source}): anyone on the network path can read the secret"
        ))
    }

    /// Returns where the secret comes from that is sent.
    fn secret_source(&self) -> Option<&Source> {
        let of = |key: Key| self.settings.source(key);
        of(Key::TokenValue).or_else(|| of(Key::Password))
    }

    /// Warns if the settings file of the working directory, which may be anyone's, says to which server a secret is
    /// sent or how that server is verified, and the secret itself comes from elsewhere.
    fn mixed_with(&self, trusted: TrustSource, secret: &Source) -> Option<String> {
        if self.is_file_named || !matches!(secret, Source::Flag(_) | Source::Variable(_)) {
            return None;
        }
        let of_trust: &[Key] = match trusted {
            TrustSource::System => &[],
            TrustSource::Ca => &[Key::CaFile, Key::Fingerprint],
            TrustSource::Pin => &[Key::Fingerprint],
            TrustSource::Unverified => &[Key::VerifySsl],
        };
        let in_file = |key: &Key| self.settings.source(*key).filter(|source| matches!(source, Source::File { .. }));
        let host = in_file(&Key::Host).map(|source| ("the server", source));
        let (what, found) = host.or_else(|| Some(("the trust in the server", of_trust.iter().find_map(in_file)?)))?;
        Some(format!(
            "{what} is set by a file in the working directory ({found}), but the secret by {secret}: make sure that they belong together"
        ))
    }
}
