//! What is stored about a server's certificate, and for which server it was stored.

use crate::error::Error;
use crate::model::Endpoint;
use crate::ops::context::Context;
use crate::settings::{Key, Source};

impl Context {
    /// Returns the server that the settings file alone names.
    fn host_in_file(&self) -> Option<Endpoint> {
        self.saved().host().map(|host| host.value)
    }

    /// Returns whether the value of a key is in the file and was stored there for another server than that of this run.
    /// A value of a flag or variable is about this run, and so is one in a file that names no server.
    pub(crate) fn is_for_another_server(&self, key: Key) -> bool {
        if !matches!(self.settings.source(key), Some(Source::File { .. })) {
            return false;
        }
        let (stored_for, host) = (self.host_in_file(), self.settings.host());
        stored_for.zip(host).is_some_and(|(stored_for, host)| !stored_for.is_same_server(&host.value))
    }

    /// Ignores a fingerprint that was stored for another server, and the `PROXMOX_VERIFY_SSL=false` beside it, which
    /// alone would disable verification.
    pub(crate) fn forget_pin_of_another_server(&mut self) -> Result<(), Error> {
        if !self.is_for_another_server(Key::Fingerprint) {
            return Ok(());
        }
        if matches!(self.settings.source(Key::VerifySsl), Some(Source::File { .. })) {
            self.unset(&[Key::VerifySsl])?;
        }
        self.unset(&[Key::Fingerprint])
    }

    /// Returns whether a fingerprint or a CA is stored that decides about the certificate of this server.
    pub(crate) fn has_stored_trust(&self) -> bool {
        let is_stored = |key| self.settings.source(key).is_some() && !self.is_for_another_server(key);
        [Key::Fingerprint, Key::CaFile].into_iter().any(is_stored)
    }
}
