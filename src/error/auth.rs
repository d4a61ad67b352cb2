//! The server does not accept the credentials.

use crate::error::hint::say;
use crate::error::placement::shown;
use crate::error::{Hint, Kind, authentication};
use crate::model::{Foreign, UserId};
use crate::pve;
use crate::pve::privileges::Caller;

/// The server does not accept the credentials.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The server did not accept the credentials.
    #[error("authentication failed for {}", named(caller))]
    Unauthenticated {
        /// Who called.
        caller: Caller,
        /// The realms of the server, where they could be asked for.
        realms: Option<Vec<String>>,
        /// What the server said.
        #[source]
        source: pve::ApiError,
    },
    /// The user's realm does not exist on the server.
    #[error("cannot authenticate {user}: the server has no realm `{}`", user.realm())]
    UnknownRealm {
        /// The user.
        user: UserId,
        /// The realms that there are.
        realms: Vec<String>,
    },
}

impl AuthError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Unauthenticated { .. } | Self::UnknownRealm { .. } => Kind::Authentication,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::Unauthenticated { caller, source, .. } => {
                source.refusal().map(|it| authentication::hints(caller, it)).unwrap_or_default()
            }
            Self::UnknownRealm { realms, .. } => {
                vec![say(format!(
                    "the server has these realms: {}; a common mistake is `apex@pam` instead of `apex@pve`",
                    shown(realms)
                ))]
            }
        }
    }

    /// Returns the lines of detail.
    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::Unauthenticated { caller, realms, source } => {
                source.refusal().map(|it| authentication::details(caller, realms.as_deref(), it)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the server's own words.
    pub(super) fn server_message(&self) -> Option<Foreign> {
        match self {
            Self::Unauthenticated { source, .. } => source.server_text(),
            _ => None,
        }
    }
}

/// Names a caller.
fn named(caller: &Caller) -> String {
    match caller {
        Caller::User(user) => user.to_string(),
        Caller::Token(token, _) => token.to_string(),
    }
}
