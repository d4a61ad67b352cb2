//! Gives the token itself a new secret.

use super::{IN_PLACE, Rotator};
use crate::error::{Error, Leftovers, RunError, TokenError};
use crate::journal::{JournalEntry, Rotation};
use crate::model::TokenId;
use crate::ops::ask;
use crate::ops::token::apply::regenerate;
use crate::ops::token::rotate::{close, nonce};
use crate::ops::token::store::{ExtraSettings, check_save, require_no_other_use, save};
use crate::ui::prompt::ConfirmPrompt;

impl Rotator<'_> {
    /// Returns the token itself a new secret.
    pub(super) async fn in_place(&self, token: &TokenId) -> Result<(), Error> {
        let text = format!("the old secret of {token} stops working immediately for everything that uses it");
        self.session.warn(text);
        if self.session.is_attended() {
            let question = ConfirmPrompt::new("Generate a new secret?").proposing_no();
            if !ask::confirm(self.session, question, || ask::answer_only_by("--yes", "confirmation of these changes"))
                .await?
            {
                return Err(Error::Run(RunError::Declined { outcome: "nothing was changed" }));
            }
        }
        self.may_renew(token)?;
        let entry = self.note(token, None, &nonce())?;
        self.renew(token, entry).await
    }

    /// Checks that the secret may be replaced: nothing else in the file uses it, and the file can be written.
    pub(super) fn may_renew(&self, token: &TokenId) -> Result<(), Error> {
        require_no_other_use(&self.admin_session.context, token)?;
        let loaded = self.admin_session.context.store.load()?;
        check_save(&self.admin_session.context, &loaded, token, &ExtraSettings::default())
    }

    /// Asks for the new secret and saves it. Where that fails on the way, the entry stays, and the next run does it again.
    pub(super) async fn renew(&self, token: &TokenId, entry: Option<JournalEntry<Rotation>>) -> Result<(), Error> {
        let secret = match regenerate(&self.admin.pve, token).await {
            Ok(secret) => secret,
            Err(why) => {
                let is_unknown = matches!(&why, Error::Server { source, .. } if source.is_outcome_unknown());
                if is_unknown {
                    return Err(secret_may_be_invalid(why));
                }
                close(entry)?;
                return Err(why);
            }
        };
        save(self.session, &self.admin_session.context, token, &secret, None).map_err(secret_may_be_invalid)?;
        self.try_token(token, &secret).await?;
        close(entry)
    }
}

/// Reports that the secret in the file may be invalid, and how to get a new one.
fn secret_may_be_invalid(why: Error) -> Error {
    let left = Leftovers { new_secret_command: Some(IN_PLACE.to_owned()), ..Leftovers::default() };
    TokenError::LeftOnServer { why: Box::new(why), left }.into()
}
