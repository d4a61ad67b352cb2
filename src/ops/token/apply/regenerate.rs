//! A new secret for a token that exists.

use crate::error::{Error, Operation, Regeneration, TokenError};
use crate::model::{TokenId, TokenSecret};
use crate::ops::token::grant_plan::PlanStep;
use crate::pve::{Pve, Version, VersionNumber};

/// The first release that gives a token a new secret (access-control 9.1.0).
const REGENERATION_SINCE: VersionNumber = VersionNumber { major: 9, minor: 1 };

impl Regeneration {
    /// Says whether a server of this version can do it.
    pub(crate) fn on(version: &Version) -> Self {
        if version.is_since(REGENERATION_SINCE) { Self::Offered } else { Self::Unavailable }
    }
}

/// Refuses a server that is too old to give a token a new secret, before anything is planned or said.
pub(crate) fn require_regeneration(version: &Version, token: &TokenId) -> Result<(), Error> {
    match Regeneration::on(version) {
        Regeneration::Offered => Ok(()),
        Regeneration::Unavailable => Err(TokenError::CannotRegenerate { token: token.clone() }.into()),
    }
}

/// Gives a token a new secret; a server that cannot do it is distinguished from one that refuses.
pub(crate) async fn regenerate(pve: &Pve, token: &TokenId) -> Result<TokenSecret, Error> {
    pve.regenerate_token(token).await.map_err(|source| {
        if source.refusal().is_some_and(|it| it.reason_of("regenerate").is_some()) {
            return TokenError::CannotRegenerate { token: token.clone() }.into();
        }
        Error::server(Operation::ChangeAccess(PlanStep::Regenerate(token.clone()).change()), source)
    })
}
