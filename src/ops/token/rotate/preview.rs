//! What a rotation would do, without doing it.

use crate::error::Error;
use crate::model::TokenId;
use crate::ops::token::admin_session::existing;
use crate::ops::token::apply::require_may_grant;

use super::{RotationMethod, Rotator, nonce};

/// What a rotation would leave in the settings file.
pub(crate) struct Preview {
    /// The token of today.
    pub(crate) old: TokenId,
    /// The token whose secret the settings file would hold; the same one if its own secret is replaced.
    pub(crate) new: TokenId,
}

impl Rotator<'_> {
    /// Shows what a rotation would do. Nothing is changed, and an interrupted rotation is not finished.
    ///
    /// # Errors
    /// Those that the rotation would end with before its first change.
    pub(crate) async fn preview(&self, method: RotationMethod) -> Result<Preview, Error> {
        let old = self.admin_session.token()?;
        if let Some((first, second)) = self.unfinished()? {
            self.say(format!("An interrupted rotation would be finished first: {first} -> {second}"));
        }
        match method {
            RotationMethod::InPlace => {
                self.require_regeneration(&old).await?;
                existing(&self.admin, &old).await?;
                self.may_renew(&old)?;
                self.say(format!("{old} would get a new secret; the old one would stop working immediately"));
                Ok(Preview { new: old.clone(), old })
            }
            RotationMethod::NewToken => {
                let record = existing(&self.admin, &old).await?;
                let planned = self.plan(&old, record, &nonce()).await?;
                require_may_grant(&self.admin, &planned.proposal).await?;
                self.session.info(&planned.proposal);
                Ok(Preview { old, new: planned.new })
            }
        }
    }

    /// Finds a rotation of this instance that an earlier run did not finish: the token of before, and the one after.
    fn unfinished(&self) -> Result<Option<(TokenId, TokenId)>, Error> {
        let Some(journal) = &self.journal else { return Ok(None) };
        for entry in journal.read()?.orphans {
            let Ok(old) = entry.record.old.parse::<TokenId>() else { continue };
            let Ok(new) = entry.record.new.as_deref().unwrap_or(&entry.record.old).parse::<TokenId>() else { continue };
            if self.is_of_this_instance(&entry.record, &old, Some(&new))? {
                return Ok(Some((old, new)));
            }
        }
        Ok(None)
    }
}
