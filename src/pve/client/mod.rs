//! One method for each API call: here those about the server, its nodes and networks.

mod access;
mod acl;
mod cluster;
mod decode;
mod login;
mod mapping;
mod storage;
mod tasks;
mod vm;

use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::model::{Endpoint, Secret, TokenId, TokenSecret, UserId};
use crate::pve::ApiError;
use crate::pve::http::http_client::Limits;
use crate::pve::http::proxy::Proxies;
use crate::pve::http::retry::{CallEvent, Observer};
use crate::pve::http::transport::Transport;
use crate::pve::lenient::{Lenient, field_text};
use crate::pve::privileges::{AclPath, Grant, PermissionsAt};
use crate::pve::tls::{CaBundle, Leaf, Trust, verify_against};
use crate::pve::values::{Realm, Version};

pub use access::{TokenRecord, TokenRequest, UserLookup, UserRecord, check_sendable};
pub use acl::{AclChange, AclEntry, PoolCard, Subject};
pub use login::{Challenge, LogInStep};
pub use mapping::ResourceMapping;
pub use storage::{FetchRequest, Growth, Image, Upload};
pub use vm::CloneRequest;

/// Privileges by path: each privilege, and whether it propagates.
pub type PermissionsReply = PermissionsAt;

/// A server, and who calls it.
#[derive(Debug, Clone)]
pub struct Pve {
    transport: Transport,
}

impl Pve {
    /// Makes a client of a server; sends nothing, and is not authenticated yet.
    ///
    /// # Errors
    /// If the trust or the proxy cannot be used.
    pub fn new(endpoint: Endpoint, trust: &Trust, limits: Limits, proxies: &Proxies) -> Result<Self, ApiError> {
        Ok(Self { transport: Transport::new(endpoint, trust, limits, proxies)? })
    }

    /// Reports what happens on the way to the observer.
    pub(super) fn notify(&self, event: &CallEvent<'_>) {
        self.transport.notify(event);
    }

    /// Returns the server.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        self.transport.endpoint()
    }

    /// Returns the certificate that the server presented last; none before the first call. A pinned one is accepted
    /// though it has expired, which has to be reported.
    #[must_use]
    pub fn leaf(&self) -> Option<Leaf> {
        Leaf::read(self.transport.presented().chain().first()?).ok()
    }

    /// Says whether these authorities signed what the server presented last, for this server's name and for today.
    ///
    /// # Errors
    /// If they did not, what is wrong.
    pub fn check_signed_by(&self, bundle: &CaBundle) -> Result<(), ApiError> {
        verify_against(bundle, &self.transport.presented().chain(), self.endpoint())
    }

    /// Makes a client with the same credentials, on new connections under another trust.
    ///
    /// # Errors
    /// If the trust or the proxy cannot be used.
    pub fn reconnected(&self, trust: &Trust, limits: Limits, proxies: &Proxies) -> Result<Self, ApiError> {
        Ok(Self { transport: self.transport.reconnected(trust, limits, proxies)? })
    }

    /// Authenticates with a token from here on.
    ///
    /// # Errors
    /// If the token ID cannot be in a header.
    pub fn with_token(self, id: &TokenId, secret: &TokenSecret) -> Result<Self, ApiError> {
        Ok(Self { transport: self.transport.with_token(id, secret)? })
    }

    /// Returns the same client without credentials, for calls that need none.
    #[must_use]
    pub fn anonymous(self) -> Self {
        Self { transport: self.transport.anonymous() }
    }

    /// Reports to an observer from here on every answer, and of every call that is sent once more.
    #[must_use]
    pub fn observed_by(self, observer: Observer) -> Self {
        Self { transport: self.transport.observed_by(observer) }
    }

    /// Does not repeat reads of a node, and waits no longer than this for them: for callers that report a node that
    /// does not answer.
    #[must_use]
    pub fn with_node_limit(self, limit: Duration) -> Self {
        Self { transport: self.transport.with_node_limit(limit) }
    }

    /// Returns the server's time from the `Date` header of its last answer; `None` before the first.
    #[must_use]
    pub fn date(&self) -> Option<OffsetDateTime> {
        self.transport.date()
    }

    /// Logs in with a password alone, and authenticates with the ticket from here on. Tickets live for two hours.
    ///
    /// # Errors
    /// If the server refuses, or wants a second factor.
    pub async fn log_in(self, user: &UserId, password: &Secret) -> Result<Self, ApiError> {
        match self.begin_log_in(user, password).await? {
            LogInStep::Done(pve) => Ok(*pve),
            LogInStep::NeedsFactor(_) => Err(ApiError::SecondFactor { user: user.to_string() }),
        }
    }

    /// Reads the version. Every token may.
    ///
    /// # Errors
    /// As every call: the way there, the credentials, the privileges, the server.
    pub async fn version(&self) -> Result<Version, ApiError> {
        let data = self.transport.get(&["version"], &[]).await?;
        self.require_map(&data, "the version")?;
        let version = field_text(&data, "version");
        Ok(Version::new(version.ok_or_else(|| self.unexpected("the version contains no number"))?))
    }

    /// Lists the realms. Needs no log-in.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn domains(&self) -> Result<Vec<Realm>, ApiError> {
        let data = self.transport.get(&["access", "domains"], &[]).await?;
        let mut realms = self.named::<Realm>(data, "the list of realms", "realm")?;
        realms.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(realms)
    }

    /// Reads the caller's privileges, or a user's (Sys.Audit, or a user's own token); on one path exactly, or on all
    /// paths that have an entry.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn permissions(&self, path: Option<&str>, user: Option<&str>) -> Result<PermissionsReply, ApiError> {
        let query: Vec<(&str, &str)> =
            [("path", path), ("userid", user)].into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let data = self.transport.get_whole(&["access", "permissions"], &query).await?;
        let Some(paths) = data.as_object() else {
            // Perl writes an empty map as an empty list where it was never filled.
            return if data.as_array().is_some_and(Vec::is_empty) {
                Ok(PermissionsReply::new())
            } else {
                Err(self.unexpected("the privileges are not an object"))
            };
        };
        // A path with other characters is no VM, storage, pool or bridge.
        let known = paths.iter().filter_map(|(path, value)| Some((path.parse::<AclPath>().ok()?, value.as_object()?)));
        let held = |(path, held): (AclPath, &Map<String, Value>)| {
            let held = held.iter().map(|(name, flag)| Some((name.parse().ok()?, bool::of(flag))));
            Some((path, held.collect::<Option<Grant>>()?))
        };
        // A privilege whose name cannot be read could not be preserved when a deeper entry replaces it.
        known
            .map(held)
            .collect::<Option<_>>()
            .ok_or_else(|| self.unexpected("a privilege has a name that cannot be read"))
    }

    /// Reads the entry of a token: a user its own, a token only with User.Modify.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn token_entry(&self, token: &TokenId) -> Result<TokenRecord, ApiError> {
        let user = token.user.to_string();
        let data = self.transport.get(&["access", "users", &user, "token", token.name.as_str()], &[]).await?;
        TokenRecord::named(token.name.as_str(), data).ok_or_else(|| self.unexpected("the token is not an object"))
    }

    /// Returns whether a token has privilege separation.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn is_separated(&self, token: &TokenId) -> Result<bool, ApiError> {
        self.token_entry(token).await.map(|entry| entry.separated)
    }
}
