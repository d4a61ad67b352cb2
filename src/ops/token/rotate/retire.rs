//! Deletes a token that was replaced, unless something still uses it or added to it.

use crate::error::{Doing, Error, Operation, TokenError};
use crate::model::{TokenId, TokenSecret};
use crate::ops::token::admin_session::existing;
use crate::ops::token::grant_plan::PlanStep;
use crate::ops::token::remove::remove;
use crate::ops::token::rotate::{Rotator, entries_of};
use crate::ops::token::store::uses_in_file;
use crate::pve::{AclEntry, RefusalReason, TokenRecord, TokenRequest};
use crate::settings::TokenUse;

/// What a token was when its place was taken.
pub(crate) struct RetiredToken {
    /// Its own data.
    pub(crate) record: TokenRecord,
    /// What it was granted.
    pub(crate) entries: Vec<AclEntry>,
    /// Its secret, if the settings file held it and it worked.
    pub(crate) secret: Option<TokenSecret>,
}

/// What became of a token.
pub(crate) enum Retired {
    /// It is removed.
    Removed,
    /// It was gone already.
    Gone,
    /// It is kept, and why.
    Kept(String),
}

impl RetiredToken {
    /// Notes what a token is now; its secret only if it works.
    pub(crate) async fn of(
        rotator: &Rotator<'_>,
        token: &TokenId,
        record: TokenRecord,
        entries: Vec<AclEntry>,
        secret: Option<TokenSecret>,
    ) -> Self {
        let works = match &secret {
            Some(secret) => rotator.try_token(token, secret).await.is_ok(),
            None => false,
        };
        Self { record, entries, secret: secret.filter(|_| works) }
    }
}

impl Rotator<'_> {
    /// Reads a token and what names it, and removes it if it is as it was and nothing uses it.
    pub(crate) async fn retire(&self, token: &TokenId, basis: &RetiredToken) -> Result<Retired, Error> {
        if let Some(place) = self.remaining_use(token, basis)? {
            return Ok(Retired::Kept(format!("{place} in the settings file uses it")));
        }
        if let Some(secret) = &basis.secret {
            match self.try_token(token, secret).await {
                Ok(()) => {}
                Err(why) if why.is_unauthenticated() => {
                    return match existing(&self.admin, token).await {
                        Err(Error::Token(TokenError::Unknown { .. })) => Ok(Retired::Gone),
                        _ => Ok(Retired::Kept("its secret was changed during this run".to_owned())),
                    };
                }
                Err(_) => return Ok(Retired::Kept("its secret could not be checked".to_owned())),
            }
        }
        let (record, acl) = tokio::join!(existing(&self.admin, token), self.admin.pve.acl());
        let acl = acl.doing(Operation::ReadAccess)?;
        match record {
            Err(Error::Token(TokenError::Unknown { .. })) => return Ok(Retired::Gone),
            Ok(record) if record == basis.record => {}
            Ok(_) => return Ok(Retired::Kept("it was changed during this run".to_owned())),
            Err(why) => return Err(why),
        }
        let entries = entries_of(acl, token);
        if let Some(entry) = entries.iter().find(|entry| !basis.entries.contains(entry)) {
            return Ok(Retired::Kept(format!("it was also given the role {} on {}", entry.role, entry.path)));
        }
        match remove(&self.admin, token, &entries).await {
            Ok(()) => Ok(Retired::Removed),
            Err(Error::Server { source, .. }) if is_gone(&source) => Ok(Retired::Gone),
            Err(why) => {
                let request = TokenRequest { separated: false, expire: 0, comment: String::new() };
                let revoke = PlanStep::Token(token.clone(), request).undo_line().into_iter().collect();
                let left = crate::error::Leftovers { revoke, ..crate::error::Leftovers::default() };
                Err(TokenError::LeftOnServer { why: Box::new(why), left }.into())
            }
        }
    }

    /// Names the line of the settings file that still uses a token. One with another secret than the one that works
    /// means a token of another server.
    fn remaining_use(&self, token: &TokenId, basis: &RetiredToken) -> Result<Option<String>, Error> {
        let is_live = |it: &TokenUse| match &basis.secret {
            Some(secret) => it.secrets.is_empty() || it.secrets.contains(secret),
            None => true,
        };
        Ok(uses_in_file(&self.admin_session.context, token)?.into_iter().find(is_live).map(|it| it.place))
    }
}

fn is_gone(source: &crate::pve::ApiError) -> bool {
    source.is_for(RefusalReason::NoSuchToken)
}
