//! Finishes what an earlier rotation could not.

use super::{Rotated, Rotator};
use crate::error::{Doing, Error, Operation, RunError, TokenError};
use crate::journal::{JournalEntry, Rotation};
use crate::model::TokenId;
use crate::ops::ask;
use crate::ops::token::admin_session::existing;
use crate::ops::token::notes::file_of;
use crate::ops::token::rotate::retire::RetiredToken;
use crate::ops::token::rotate::second_token::for_token;
use crate::ops::token::rotate::{close, entries_of};
use crate::ops::token::store::stored;
use crate::pve::{AclEntry, TokenRecord};
use crate::settings::Credentials;
use crate::ui::prompt::ConfirmPrompt;

impl Rotator<'_> {
    /// Finishes what an earlier run of the same instance and file did not; `None` if there was nothing to do.
    pub(super) async fn finish_earlier(&self, current: &TokenId) -> Result<Option<Rotated>, Error> {
        let Some(journal) = &self.journal else { return Ok(None) };
        let mut finished = None;
        for entry in journal.read()?.orphans {
            let record = entry.record.clone();
            let Ok(old) = record.old.parse::<TokenId>() else { continue };
            let new = match record.new.as_deref().map(str::parse::<TokenId>) {
                Some(Err(_)) => continue,
                Some(Ok(new)) => Some(new),
                None => None,
            };
            if !self.is_of_this_instance(&record, &old, new.as_ref())? {
                continue;
            }
            finished = match new {
                Some(new) => self.finish_second(entry, old, new).await?.or(finished),
                None => self.finish_in_place(entry, old, current).await?.or(finished),
            };
        }
        Ok(finished)
    }

    /// Returns whether a note is about this server, this file and this instance. A note of an older version does not
    /// name the instance: then it is about the one whose lines hold one of the two tokens.
    pub(super) fn is_of_this_instance(
        &self,
        record: &Rotation,
        old: &TokenId,
        new: Option<&TokenId>,
    ) -> Result<bool, Error> {
        let file = std::path::Path::new(&record.file).canonicalize().map(|path| path.display().to_string());
        let is_file = file.unwrap_or_else(|_| record.file.clone()) == file_of(&self.admin_session.context);
        if record.server != self.admin_session.pve.endpoint().authority() || !is_file {
            return Ok(false);
        }
        match &record.instance {
            Some(instance) => Ok(*instance == self.admin_session.context.instance.to_string()),
            None => Ok(match stored(&self.admin_session.context)? {
                Some(Credentials::Token { id, .. }) => id == *old || Some(&id) == new,
                _ => false,
            }),
        }
    }

    async fn may_finish(&self, question: String) -> Result<(), Error> {
        let question = ConfirmPrompt::new(question).proposing_yes();
        match ask::confirm(self.session, question, || ask::answer_only_by("--yes", "confirmation to finish it")).await?
        {
            true => Ok(()),
            false => Err(Error::Run(RunError::Declined { outcome: "nothing was changed" })),
        }
    }

    /// Completes a rotation in place: generates a new secret, if the one in the file is invalid.
    async fn finish_in_place(
        &self,
        entry: JournalEntry<Rotation>,
        old: TokenId,
        current: &TokenId,
    ) -> Result<Option<Rotated>, Error> {
        if !self.is_dead(&old, current).await? {
            close(Some(entry))?;
            return Ok(None);
        }
        self.say(format!("an earlier run generated a new secret for {old} but could not save it"));
        self.may_renew(&old)?;
        self.may_finish(format!("Generate another secret for {old} and save it?")).await?;
        self.renew(&old, Some(entry)).await?;
        Ok(Some(Rotated { new: old.clone(), old, how: "finished", kept: None }))
    }

    /// Finishes a rotation with a second token: removes the one of the two that the file does not hold.
    async fn finish_second(
        &self,
        entry: JournalEntry<Rotation>,
        old: TokenId,
        new: TokenId,
    ) -> Result<Option<Rotated>, Error> {
        if self.admin_session.is_in_file(&new) {
            self.say(format!("an earlier run saved {new} in the settings file but could not revoke {old}"));
            self.may_finish(format!("Revoke {old} if nothing else uses it?")).await?;
            let kept = self.retired_after(&old, &new).await?;
            self.put_plain_comment(&new).await;
            close(Some(entry))?;
            return Ok(Some(Rotated { old, new, how: "finished", kept }));
        }
        // Its secret is lost with the run that made it; it is removed only if it carries that run's nonce.
        match existing(&self.admin, &new).await {
            Ok(record) if record.comment.as_ref().is_some_and(|comment| comment.contains(&entry.record.nonce)) => {
                self.say(format!("an earlier run created {new} but could not save its secret"));
                self.may_finish(format!("Revoke {new} if nothing else uses it?")).await?;
                self.discarded(&new, &old, record).await?;
            }
            Ok(_) | Err(Error::Token(TokenError::Unknown { .. })) => {}
            Err(why) => return Err(why),
        }
        close(Some(entry))?;
        Ok(None)
    }

    /// Removes the first token after a crash: what it was granted must be what the second has.
    async fn retired_after(&self, old: &TokenId, new: &TokenId) -> Result<Option<String>, Error> {
        let acl = self.admin.pve.acl().await.doing(Operation::ReadAccess)?;
        let granted: Vec<AclEntry> = entries_of(acl, new).into_iter().map(|entry| for_token(entry, old)).collect();
        let record = match existing(&self.admin, old).await {
            Ok(record) => record,
            Err(Error::Token(TokenError::Unknown { .. })) => return Ok(None),
            Err(why) => return Err(why),
        };
        self.retired(old, &RetiredToken { record, entries: granted, secret: None }).await
    }

    /// Removes the second token after a crash: it must have been granted nothing that the first does not have.
    async fn discarded(&self, new: &TokenId, old: &TokenId, record: TokenRecord) -> Result<(), Error> {
        let acl = self.admin.pve.acl().await.doing(Operation::ReadAccess)?;
        let (of_new, of_old) = (entries_of(acl.clone(), new), entries_of(acl, old));
        let is_copied = |entry: &&AclEntry| of_old.contains(&for_token((*entry).clone(), old));
        let copied = of_new.iter().filter(is_copied).cloned().collect();
        self.retired(new, &RetiredToken { record, entries: copied, secret: None }).await.map(drop)
    }

    /// Returns whether the settings file holds a secret of this token that the server does not take any more.
    async fn is_dead(&self, token: &TokenId, current: &TokenId) -> Result<bool, Error> {
        // Without a secret in the file, the token that this run is about gets a new one anyway.
        let Some(Credentials::Token { id, secret }) = stored(&self.admin_session.context)? else {
            return Ok(token == current);
        };
        if id != *token {
            return Ok(false);
        }
        match self.try_token(token, &secret).await {
            Ok(()) => Ok(false),
            Err(Error::Server { source, .. }) if source.is_unauthenticated() => Ok(true),
            Err(why) => Err(why),
        }
    }
}
