//! The value of each key in its own type.

use super::{Key, Setting, Settings, Sourced};
use crate::model::{Endpoint, Fingerprint, NodeName, Pasted, PoolName, Secret, TokenName, TokenSecret, UserId, VmId};
use std::path::PathBuf;

impl Settings {
    pub(super) fn value<T: Clone>(&self, key: Key, pick: impl Fn(&Setting) -> Option<&T>) -> Option<Sourced<T>> {
        let found = self.found.get(&key)?;
        Some(Sourced { value: pick(&found.value)?.clone(), source: found.source.clone() })
    }

    /// Returns the server.
    #[must_use]
    pub fn host(&self) -> Option<Sourced<Endpoint>> {
        self.value(Key::Host, |it| if let Setting::Host(host) = it { Some(host) } else { None })
    }

    /// Returns the node.
    #[must_use]
    pub fn node(&self) -> Option<Sourced<NodeName>> {
        self.value(Key::Node, |it| if let Setting::Node(node) = it { Some(node) } else { None })
    }

    /// Returns the pool.
    #[must_use]
    pub fn pool(&self) -> Option<Sourced<PoolName>> {
        self.value(Key::Pool, |it| if let Setting::Pool(pool) = it { Some(pool) } else { None })
    }

    /// Returns the VMID of a template key.
    #[must_use]
    pub fn template(&self, key: Key) -> Option<Sourced<VmId>> {
        self.value(key, |it| match it {
            Setting::Ubuntu2204Template(vmid) | Setting::Ubuntu2004Template(vmid) => Some(vmid),
            _ => None,
        })
    }

    /// Returns the fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Sourced<Fingerprint>> {
        self.value(Key::Fingerprint, |it| if let Setting::Fingerprint(pin) = it { Some(pin) } else { None })
    }

    /// Returns what `PROXMOX_VERIFY_SSL` says.
    #[must_use]
    pub fn verify_ssl(&self) -> Option<Sourced<bool>> {
        self.value(Key::VerifySsl, |it| if let Setting::VerifySsl(verifies) = it { Some(verifies) } else { None })
    }

    /// Returns the CA file as it was named.
    pub(super) fn named_ca_file(&self) -> Option<Sourced<PathBuf>> {
        self.value(Key::CaFile, |it| if let Setting::CaFile(path) = it { Some(path) } else { None })
    }

    pub(super) fn pasted_token(&self) -> Option<Sourced<Pasted>> {
        self.value(Key::TokenValue, |it| if let Setting::TokenValue(pasted) = it { Some(pasted) } else { None })
    }

    /// Returns the secret of the token.
    #[must_use]
    pub fn token_secret(&self) -> Option<Sourced<TokenSecret>> {
        self.pasted_token().map(|pasted| Sourced { value: pasted.value.secret, source: pasted.source })
    }

    /// Returns whether the key of the token's secret has only the secret, and no text around it.
    #[must_use]
    pub const fn is_secret_bare(&self) -> bool {
        self.is_secret_bare
    }

    /// Returns the password.
    #[must_use]
    pub fn password(&self) -> Option<Sourced<Secret>> {
        self.value(Key::Password, |it| if let Setting::Password(password) = it { Some(password) } else { None })
    }

    /// Returns the user: `PROXMOX_USER`, else the one in a full token ID, in the place of the token's name or beside
    /// its secret.
    #[must_use]
    pub fn user(&self) -> Option<Sourced<UserId>> {
        self.identity.user.clone()
    }

    /// Returns the name of the token, also where a full token ID is in its place or beside its secret.
    #[must_use]
    pub fn token_name(&self) -> Option<Sourced<TokenName>> {
        self.identity.name.clone()
    }
}
