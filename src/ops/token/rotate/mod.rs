//! `glassdome token rotate`: replaces the secret in the settings file. At every moment the file has a secret that
//! works, or the journal lets the next run get one.

mod in_place;
mod preview;
mod resume;
mod retire;
mod second_token;

pub(crate) use second_token::{entries_of, next_name};

use crate::error::{Doing, Error, Operation, TokenError};
use crate::journal::{Journal, JournalEntry, Rotation};
use crate::model::{TokenId, TokenSecret};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::token::admin_session::{AdminSession, existing};
use crate::ops::token::apply::{agree, carry_out, require_may_grant, require_regeneration};
use crate::ops::token::grant_plan::COMMENT;
use crate::ops::token::login::Admin;
use crate::ops::token::notes::file_of;
use crate::ops::token::recheck;
use crate::ops::token::store::{ExtraSettings, check_save, save, stored};
use crate::ops::token::undo::Applied;
use crate::ops::unless_interrupted;
use crate::pve::{AclEntry, TokenRecord};
use crate::session::Session;
use crate::settings::Credentials;
use crate::ui::Printable;
use second_token::{SecondToken, nonce, proposal};
use time::format_description::well_known::Rfc3339;

pub(crate) use self::preview::Preview;
use self::retire::{Retired, RetiredToken};

/// The commands that complete a rotation that failed.
const ROTATE: &str = "glassdome token rotate";
const IN_PLACE: &str = "glassdome token rotate --in-place";

/// What every step of a rotation needs.
pub(crate) struct Rotator<'a> {
    pub(crate) session: &'a Session,
    pub(crate) admin_session: AdminSession,
    pub(crate) admin: Admin,
    journal: Option<Journal<Rotation>>,
}

/// How the secret is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RotationMethod {
    /// A second token takes the place of the first.
    NewToken,
    /// The token itself is given a new secret.
    InPlace,
}

/// What came of a rotation.
pub(crate) struct Rotated {
    /// The token that was replaced.
    pub(crate) old: TokenId,
    /// The token whose secret the settings file holds now.
    pub(crate) new: TokenId,
    /// How it was done, as the JSON document says it.
    pub(crate) how: &'static str,
    /// Why the first token is still there.
    pub(crate) kept: Option<String>,
}

impl<'a> Rotator<'a> {
    /// Takes the server, the login and the journal that the rotation works with.
    pub(crate) const fn new(
        session: &'a Session,
        admin_session: AdminSession,
        admin: Admin,
        journal: Option<Journal<Rotation>>,
    ) -> Self {
        Self { session, admin_session, admin, journal }
    }

    /// Returns the settings that the rotation is about.
    pub(crate) const fn context(&self) -> &Context {
        &self.admin_session.context
    }

    /// Finishes what an earlier run began, or replaces the secret of the token that the settings name.
    pub(crate) async fn rotate(&self, method: RotationMethod) -> Result<Rotated, Error> {
        let old = self.admin_session.token()?;
        if let Some(rotated) = self.finish_earlier(&old).await? {
            return Ok(rotated);
        }
        if method == RotationMethod::InPlace {
            unless_interrupted(self.session, self.require_regeneration(&old)).await?;
        }
        let record = unless_interrupted(self.session, existing(&self.admin, &old)).await?;
        match method {
            RotationMethod::NewToken => self.replace(old, record).await,
            RotationMethod::InPlace => {
                self.in_place(&old).await?;
                Ok(Rotated { new: old.clone(), old, how: "in-place", kept: None })
            }
        }
    }

    /// Refuses a server that cannot give a token a new secret.
    async fn require_regeneration(&self, token: &TokenId) -> Result<(), Error> {
        let pve = &self.admin.pve;
        let version = pve.version().await.map_err(|source| Error::connecting(pve.endpoint(), source))?;
        require_regeneration(&version, token)
    }

    /// Takes the nonce out of the comment, which is of use only while the rotation lasts.
    async fn put_plain_comment(&self, token: &TokenId) {
        let _ = self.admin.pve.describe_token(token, COMMENT).await; // the rotation is over, whatever the comment says
    }

    pub(crate) fn say(&self, text: String) {
        self.session.note(text);
    }

    fn note(&self, old: &TokenId, new: Option<&TokenId>, nonce: &str) -> Result<Option<JournalEntry<Rotation>>, Error> {
        let rotation = Rotation {
            server: self.admin_session.pve.endpoint().authority(),
            file: file_of(&self.admin_session.context),
            instance: Some(self.admin_session.context.instance.to_string()),
            old: old.to_string(),
            new: new.map(ToString::to_string),
            nonce: nonce.to_owned(),
            made: self.session.clock.utc().format(&Rfc3339).unwrap_or_default(),
        };
        Ok(self.journal.as_ref().map(|journal| journal.open(rotation)).transpose()?)
    }

    /// Makes a second token like the first, puts it into the settings file, and only then removes the first.
    async fn replace(&self, old: TokenId, record: TokenRecord) -> Result<Rotated, Error> {
        let nonce = nonce();
        let secret = self.secret_in_file(&old)?;
        let planned = unless_interrupted(self.session, self.confirm_plan(&old, record, &nonce)).await?;
        let SecondToken { new, record, entries, proposal } = planned;
        let basis = RetiredToken::of(self, &old, record, entries, secret).await;
        let loaded = self.admin_session.context.store.load()?;
        check_save(&self.admin_session.context, &loaded, &new, &ExtraSettings::default())?;
        let entry = self.note(&old, Some(&new), &nonce)?;
        let made = Applied::nothing(ROTATE.to_owned(), None);
        let (secret, made) =
            match carry_out(self.session, &self.admin_session.context, &self.admin, &proposal, made).await {
                Ok(done) => done,
                // The name was free a moment ago.
                Err(Error::Token(TokenError::Exists { .. })) => {
                    return Err(close_if_clean(entry, TokenError::PlanChanged.into()));
                }
                Err(why) => return Err(close_if_clean(entry, why)),
            };
        if let Err(why) = unless_interrupted(self.session, self.compare_privileges(&old, &new, &secret)).await {
            return Err(self.undo_and_close(entry, made, why).await);
        }
        if let Err(why) = save(self.session, &self.admin_session.context, &new, &secret, None) {
            return Err(self.undo_and_close(entry, made, why).await);
        }
        let kept = self.retired(&old, &basis).await?;
        self.put_plain_comment(&new).await;
        close(entry)?;
        Ok(Rotated { old, new, how: "replaced", kept })
    }

    /// Shows the plan until it is agreed to as it is at that moment.
    async fn confirm_plan(&self, old: &TokenId, record: TokenRecord, nonce: &str) -> Result<SecondToken, Error> {
        let mut planned = self.plan(old, record, nonce).await?;
        loop {
            require_may_grant(&self.admin, &planned.proposal).await?;
            agree(self.session, &planned.proposal).await?;
            let again = self.plan(old, existing(&self.admin, old).await?, nonce).await?;
            if recheck::is_same(&planned.proposal, &again.proposal) {
                return Ok(again);
            }
            if !self.session.is_attended() || self.session.confirms_all {
                return Err(TokenError::PlanChanged.into());
            }
            self.say("the token changed since the plan was shown; the new plan:".to_owned());
            planned = again;
        }
    }

    async fn plan(&self, old: &TokenId, record: TokenRecord, nonce: &str) -> Result<SecondToken, Error> {
        let (new, entries) = self.read_entries_and_name(old, &record).await?;
        let proposal = proposal(old, &new, &record, &entries, nonce);
        Ok(SecondToken { new, record, entries, proposal })
    }

    async fn undo_and_close(&self, entry: Option<JournalEntry<Rotation>>, made: Applied, why: Error) -> Error {
        let why = made.undo(self.session, &self.admin_session.context, &self.admin.pve, why).await;
        close_if_clean(entry, why)
    }

    /// Reads what the first token was granted, and finds a name for the second.
    async fn read_entries_and_name(
        &self,
        old: &TokenId,
        record: &TokenRecord,
    ) -> Result<(TokenId, Vec<AclEntry>), Error> {
        let pve = &self.admin.pve;
        let (tokens, acl, seen) =
            tokio::join!(pve.tokens(&old.user), pve.acl(), pve.permissions(Some("/access"), None));
        let read = |source| Error::server(Operation::ReadTokens(old.user.to_string()), source);
        let tokens = tokens.map_err(read)?;
        let acl = acl.doing(Operation::ReadAccess)?;
        let seen = seen.doing(Operation::ReadPrivileges)?;
        let sees_all = seen.get("/access").is_some_and(|held| held.contains_key("Sys.Audit"));
        if record.separated && !sees_all {
            return Err(TokenError::Unseen { who: old.to_string(), admin: self.admin.user.clone() }.into());
        }
        let name = next_name(old.name.as_str(), &tokens).ok_or(TokenError::NoSecret)?;
        Ok((TokenId { user: old.user.clone(), name }, entries_of(acl, old)))
    }

    /// Tries the second token, and compares its rights with those of the first.
    async fn compare_privileges(&self, old: &TokenId, new: &TokenId, secret: &TokenSecret) -> Result<(), Error> {
        self.try_token(new, secret).await?;
        let (old_id, new_id) = (old.to_string(), new.to_string());
        let pve = &self.admin.pve;
        let (before, after) = tokio::join!(pve.permissions(None, Some(&old_id)), pve.permissions(None, Some(&new_id)));
        let read = |source| Error::server(Operation::ReadPrivileges, source);
        if before.map_err(read)? == after.map_err(read)? {
            Ok(())
        } else {
            Err(TokenError::NotTheSame { old: old.clone(), new: new.clone() }.into())
        }
    }

    /// Calls the server with a token.
    pub(crate) async fn try_token(&self, token: &TokenId, secret: &TokenSecret) -> Result<(), Error> {
        let credentials = Credentials::Token { id: token.clone(), secret: secret.clone() };
        let connected =
            Connected::open_with(self.session, &self.admin_session.context, self.admin_session.server(), credentials)
                .await?;
        let called = connected.pve.version().await;
        called.map(drop).map_err(|source| Error::connecting(connected.pve.endpoint(), source))
    }

    /// Returns the secret that the settings file holds of a token.
    fn secret_in_file(&self, token: &TokenId) -> Result<Option<TokenSecret>, Error> {
        Ok(match stored(&self.admin_session.context)? {
            Some(Credentials::Token { id, secret }) if id == *token => Some(secret),
            _ => None,
        })
    }

    /// Removes the first token, now that the settings file has the second; where it is kept, says why.
    async fn retired(&self, old: &TokenId, basis: &RetiredToken) -> Result<Option<String>, Error> {
        match self.retire(old, basis).await? {
            Retired::Removed => {
                self.say(format!("{old} revoked"));
                Ok(None)
            }
            Retired::Gone => Ok(None),
            Retired::Kept(why) => {
                let text = format!("{old} kept: {}", Printable(&why));
                self.session.warn(text);
                Ok(Some(why))
            }
        }
    }
}

fn close(entry: Option<JournalEntry<Rotation>>) -> Result<(), Error> {
    Ok(entry.map_or(Ok(()), JournalEntry::close)?)
}

/// Closes a journal entry if nothing is left of what it recorded.
fn close_if_clean(entry: Option<JournalEntry<Rotation>>, why: Error) -> Error {
    if matches!(why, Error::Token(TokenError::LeftOnServer { .. })) {
        return why;
    }
    close(entry).err().unwrap_or(why)
}

#[cfg(test)]
mod tests {
    use super::next_name;
    use crate::pve::TokenRecord;

    #[test]
    fn the_second_token_has_the_name_of_the_first_with_a_number() {
        let record =
            |name: &str| TokenRecord { name: name.parse().unwrap(), separated: true, expire: 0, comment: None };
        for (name, expected) in
            [("glassdome-token", "glassdome-token-2"), ("tt-2", "tt-3"), ("tt-8", "tt-10"), ("a-x", "a-x-2")]
        {
            let next = next_name(name, &[record("tt-9"), record(name)]).map(|name| name.to_string());
            assert_eq!(next.as_deref(), Some(expected));
        }
    }
}
