//! What the flags ask for besides settings: the server, the login, the new token. Independent of the command line's
//! types.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::{Endpoint, Expiry, Fingerprint, NodeName, TokenRef, UserId};
use crate::settings::Setting;

/// How long connecting may take unless said otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which server is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ServerKind {
    /// The one that the settings name.
    #[default]
    Real,
    /// A simulated one that lives as long as the command.
    Sandbox,
}

/// Which server, as whom, with which trust, and which settings file.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionOptions {
    /// The settings file that was named.
    pub(crate) env_file: Option<PathBuf>,
    /// The instance that was named.
    pub(crate) instance: Option<String>,
    /// The server.
    pub(crate) host: Option<Endpoint>,
    /// The user.
    pub(crate) user: Option<UserId>,
    /// The token, by its name or its full ID.
    pub(crate) token_name: Option<TokenRef>,
    /// The file with the token's secret; `-` is standard input.
    pub(crate) token_value_file: Option<PathBuf>,
    /// The file with the user's password; `-` is standard input.
    pub(crate) password_file: Option<PathBuf>,
    /// The node.
    pub(crate) node: Option<NodeName>,
    /// The only certificate that is trusted.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// The file of the CA that is trusted.
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether certificates are not verified.
    pub(crate) is_insecure: bool,
    /// How long connecting may take.
    pub(crate) connect_timeout: Duration,
    /// Whether the server is simulated.
    pub(crate) server: ServerKind,
    /// The template of each key that a flag names.
    pub(crate) templates: Vec<Setting>,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            env_file: None,
            instance: None,
            host: None,
            user: None,
            token_name: None,
            token_value_file: None,
            password_file: None,
            node: None,
            fingerprint: None,
            ca_file: None,
            is_insecure: false,
            connect_timeout: CONNECT_TIMEOUT,
            server: ServerKind::Real,
            templates: Vec::new(),
        }
    }
}

impl ConnectionOptions {
    /// Returns whether the server is simulated.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.server == ServerKind::Sandbox
    }

    /// Lists the settings that flags give a value; those that are secrets are in files.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let ca_file = self.ca_file.clone().filter(|path| !path.as_os_str().is_empty());
        let named = [
            self.host.clone().map(Setting::Host),
            self.user.clone().map(Setting::User),
            self.token_name.clone().map(Setting::TokenName),
            self.node.clone().map(Setting::Node),
            self.fingerprint.map(Setting::Fingerprint),
            ca_file.map(Setting::CaFile),
            self.is_insecure.then_some(Setting::VerifySsl(false)),
        ];
        named.into_iter().flatten().chain(self.templates.iter().cloned()).collect()
    }
}

/// Who logs in for what a token may not do.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoginOptions {
    /// The user.
    pub(crate) user: Option<UserId>,
    /// The file with the password; `-` is standard input.
    pub(crate) password_file: Option<PathBuf>,
    /// The one-time code.
    pub(crate) totp: Option<String>,
    /// Whether everything is asked for, despite flags and variables: a login with those has failed.
    pub(crate) is_asked_again: bool,
}

impl LoginOptions {
    /// Asks for everything.
    pub(crate) fn asked_again() -> Self {
        Self { is_asked_again: true, ..Self::default() }
    }
}

/// What a new token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestedRights {
    /// What Glassdome needs.
    Needed,
    /// All that its user may do.
    OfUser,
}

/// What happens if a token with the name of the new one exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ExistingToken {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is given a new secret.
    Regenerate,
}

/// What a new token shall be.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewTokenOptions {
    /// What it may do, if that was said.
    pub(crate) rights: Option<RequestedRights>,
    /// What becomes of a token of its name.
    pub(crate) existing: ExistingToken,
    /// The day on which it expires.
    pub(crate) expire: Option<Expiry>,
}

impl NewTokenOptions {
    /// Returns the expiry in seconds since 1970; 0 is never.
    pub(crate) fn expire_seconds(&self) -> u64 {
        self.expire.and_then(Expiry::seconds).unwrap_or_default()
    }
}

/// What of a pinned certificate is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PinTarget {
    /// The cluster's CA.
    Ca,
    /// The fingerprint of the server certificate
    Leaf,
}
