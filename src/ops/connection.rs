//! A server that answers to the credentials, and how its certificate is judged.

use crate::error::{AuthError, Error, Operation};
use crate::model::{Endpoint, UserId};
use crate::ops::call_log::log_calls;
use crate::ops::context::Context;
use crate::pve::privileges::Caller;
use crate::pve::{Pve, Trust};
use crate::session::Session;
use crate::settings::Credentials;
use std::path::PathBuf;

/// A server, and how its certificates are judged.
#[derive(Debug, Clone)]
pub(crate) struct TrustedServer {
    /// Where it is.
    pub(crate) endpoint: Endpoint,
    /// How certificates are judged.
    pub(crate) trust: Trust,
    /// The same in a word.
    pub(crate) trusted: TrustSource,
}

/// A server that answers to the credentials.
pub(crate) struct Connected {
    /// The client.
    pub(crate) pve: Pve,
    /// Who calls, as the access control knows it.
    pub(crate) caller: Caller,
    /// How certificates are judged.
    pub(crate) trust: Trust,
    /// The same in a word.
    pub(crate) trusted: TrustSource,
    /// What was authenticated with.
    pub(crate) credentials: Credentials,
    /// The cluster's CA, where it was fetched in this run.
    pub(crate) fetched: Option<FetchedCa>,
}

impl Connected {
    /// Prepares the client; with a password it logs in.
    pub(crate) async fn open(session: &Session, context: &Context) -> Result<Self, Error> {
        let endpoint = context.endpoint()?;
        let (trust, trusted) = context.trust()?;
        let credentials = context.credentials(session)?;
        context.warn_of_trust(session, trusted);
        Self::open_with(session, context, TrustedServer { endpoint, trust, trusted }, credentials).await
    }

    /// Prepares the client with the trust given, and authenticates.
    pub(crate) async fn open_with(
        session: &Session,
        context: &Context,
        server: TrustedServer,
        credentials: Credentials,
    ) -> Result<Self, Error> {
        let endpoint = &server.endpoint;
        let reach = |source| Error::connecting(endpoint, source);
        let pve =
            Pve::new(endpoint.clone(), &server.trust, context.limits(), &context.proxies(session)).map_err(reach)?;
        Self::authenticate(log_calls(pve, session), server, credentials).await
    }

    /// Authenticates on an existing connection; with a password it logs in.
    pub(crate) async fn authenticate(pve: Pve, server: TrustedServer, credentials: Credentials) -> Result<Self, Error> {
        let TrustedServer { endpoint, trust, trusted } = server;
        let (pve, caller) = match &credentials {
            Credentials::Token { id, secret } => (
                pve.with_token(id, secret).map_err(|source| Error::connecting(&endpoint, source))?,
                Caller::Token(id.clone(), None),
            ),
            Credentials::Password { user, password } => {
                let logged_in = pve.log_in(user, password).await;
                let pve = logged_in.map_err(|source| match source {
                    source if source.is_unauthenticated() => Error::Auth(AuthError::Unauthenticated {
                        caller: Caller::User(user.clone()),
                        realms: None,
                        source,
                    }),
                    source => Error::server(Operation::LogIn(user.to_string()), source),
                })?;
                (pve, Caller::User(user.clone()))
            }
        };
        Ok(Self { pve, caller, trust, trusted, credentials, fetched: None })
    }

    /// Finds out more about a 401: whether the realm exists, which needs no authentication. Every other error stays as it is.
    pub(crate) async fn diagnosed(&self, error: Error) -> Error {
        if !error.is_unauthenticated() {
            return error;
        }
        let realms = self.pve.clone().anonymous().domains().await.ok();
        let realms: Option<Vec<String>> =
            realms.map(|all| all.into_iter().map(|realm| realm.name.to_string()).collect());
        let user = self.user().clone();
        match (error, realms) {
            (_, Some(realms)) if !realms.iter().any(|realm| realm == user.realm()) => {
                Error::Auth(AuthError::UnknownRealm { user, realms })
            }
            (Error::Server { source, .. }, realms) => {
                Error::Auth(AuthError::Unauthenticated { caller: self.caller.clone(), realms, source })
            }
            (other, _) => other,
        }
    }

    /// Returns the server, and how its certificates are judged.
    pub(crate) fn server(&self) -> TrustedServer {
        TrustedServer { endpoint: self.pve.endpoint().clone(), trust: self.trust.clone(), trusted: self.trusted }
    }

    /// Returns the full token ID, or the user where a password is used.
    pub(crate) fn caller_name(&self) -> String {
        match &self.caller {
            Caller::User(user) => user.to_string(),
            Caller::Token(token, _) => token.to_string(),
        }
    }

    /// Returns the user.
    pub(crate) const fn user(&self) -> &UserId {
        match &self.credentials {
            Credentials::Token { id, .. } => &id.user,
            Credentials::Password { user, .. } => user,
        }
    }
}

/// How certificates are judged, in a word for JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrustSource {
    /// By the system's authorities.
    System,
    /// By one authority.
    Ca,
    /// By a fingerprint.
    Pin,
    /// Not at all.
    Unverified,
}

impl TrustSource {
    /// Returns the word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Ca => "ca",
            Self::Pin => "pin",
            Self::Unverified => "unverified",
        }
    }
}

/// The cluster's CA, to be written beside the settings file.
#[derive(Debug, Clone)]
pub(crate) struct FetchedCa {
    /// Its file, by its name beside the settings file.
    pub(crate) name: String,
    /// The whole path.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) pem: String,
}
