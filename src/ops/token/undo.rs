//! What a run created on the server, and how it is undone: step by step, the last first, each one checked again right
//! before.

use crate::error::{Error, KeptObject, Leftovers, RunError, TokenError};
use crate::journal::{CreationNote, JournalEntry};
use crate::model::{RoleName, TokenId, TokenSecret};
use crate::ops::context::Context;
use crate::ops::token::evidence::{Evidence, added, of_step, of_unconfirmed};
use crate::ops::token::grant_plan::{PlanStep, PrivilegesBefore};
use crate::ops::token::store::{save, stored};
use crate::pve::privileges::RoleState;
use crate::pve::{AclChange, AclEntry, Pve, RefusalReason};
use crate::session::Session;
use crate::settings::Credentials;
use crate::ui::Note;

/// What was done, so that it can be undone.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// What the server confirmed.
    steps: Vec<PlanStep>,
    /// What was asked for, with an answer that never came.
    unconfirmed: Vec<PlanStep>,
    /// The secret of the token, once there is one.
    secret: Option<TokenSecret>,
    /// The command that gets another secret, if the one of this run is lost.
    new_secret_command: String,
    /// The note of the token in the journal.
    note: Option<JournalEntry<CreationNote>>,
}

impl Applied {
    /// Begins with nothing made yet.
    pub(crate) fn nothing(again: String, note: Option<JournalEntry<CreationNote>>) -> Self {
        Self { new_secret_command: again, note, ..Self::default() }
    }

    /// Notes a step that the server confirmed.
    pub(crate) fn add(&mut self, step: PlanStep) {
        self.steps.push(step);
    }

    /// Notes a step of which it is not known whether the server carried it out.
    pub(crate) fn add_unconfirmed(&mut self, step: PlanStep) {
        self.unconfirmed.push(step);
    }

    /// Notes the secret of the token.
    pub(crate) fn keep_secret(&mut self, secret: TokenSecret) {
        self.secret = Some(secret);
    }

    /// Lists the changes of the access control list that were made, with what stood there before.
    pub(crate) fn grants(&self) -> impl Iterator<Item = (&AclChange, &PrivilegesBefore)> {
        self.steps.iter().filter_map(|step| match step {
            PlanStep::Grant(change, before) => Some((change, before)),
            _ => None,
        })
    }

    /// Ends the note of the token: its secret is in the settings file.
    pub(crate) fn saved(self) -> Result<(), Error> {
        Ok(self.note.map_or(Ok(()), JournalEntry::close)?)
    }

    /// Undoes everything that is still as this run made it, the last first, and returns the error that is reported.
    pub(crate) async fn undo(self, session: &Session, context: &Context, pve: &Pve, why: Error) -> Error {
        let is_something = !self.steps.is_empty();
        let again = if self.saves_new_secret(session, context) { None } else { self.command_if_regenerated() };
        let mut left = Leftovers { new_secret_command: again, ..Leftovers::default() };
        if let Err(abandoned) = self.undo_steps(session, pve, &mut left).await {
            return self.with_leftovers(abandoned, left);
        }
        if is_something && left.is_nothing() {
            let text = "undoing the changes made on the server before that";
            session.note(text.to_owned());
        }
        self.with_leftovers(why, left)
    }

    /// Returns whether the token is one that this run made.
    pub(crate) fn has_made(&self, token: &TokenId) -> bool {
        self.steps.iter().any(|step| matches!(step, PlanStep::Token(made, _) if made == token))
    }

    /// Revokes the token of this run, and undoes what was done for it as far as nothing else uses it. Returns what is
    /// left.
    pub(crate) async fn revoke(self, session: &Session, pve: &Pve, token: &TokenId) -> Result<Leftovers, Error> {
        let mut left = Leftovers::default();
        if let Err(abandoned) = self.undo_steps(session, pve, &mut left).await {
            return Err(self.with_leftovers(abandoned, left));
        }
        let is_of_token = |kept: &KeptObject| kept.object.ends_with(&token.to_string());
        if left.lines.is_empty() && !left.kept.iter().any(is_of_token) {
            self.saved()?;
        }
        Ok(left)
    }

    /// Undoes the steps, the last first, and collects what stays. A second interrupt is an error.
    async fn undo_steps(&self, session: &Session, pve: &Pve, left: &mut Leftovers) -> Result<(), Error> {
        for (place, step) in self.steps.iter().enumerate().rev() {
            let undone = tokio::select! {
                undone = undo_one(pve, step, self.secret.as_ref()) => undone,
                signal = session.interrupts.second() => {
                    left.lines.extend(self.steps.iter().take(place + 1).rev().filter_map(PlanStep::undo_line));
                    left.kept.extend(self.unconfirmed.iter().map(unknown));
                    return Err(Error::Run(RunError::Abandoned { signal, left: None }));
                }
            };
            match undone {
                Ok(Evidence::Ours | Evidence::Gone) => {}
                Ok(Evidence::Keep(reason)) => left.kept.push(KeptObject { object: step.object(), reason }),
                Err(failed) => {
                    session.error(&Note::warning(format!("cannot undo a step: {failed}")));
                    left.lines.extend(step.undo_line());
                }
            }
        }
        let is_new = |kept: &KeptObject| left.lines.is_empty() && !left.kept.iter().any(|it| it.object == kept.object);
        let still: Vec<KeptObject> = self.still_granted(pve).await.into_iter().filter(is_new).collect();
        left.kept.extend(still);
        for step in &self.unconfirmed {
            if let Evidence::Keep(reason) = of_unconfirmed(pve, step).await {
                left.kept.push(KeptObject { object: step.object(), reason });
            }
        }
        Ok(())
    }

    /// Saves the new secret of an existing token to the settings file, if the file uses that token: its old secret is
    /// invalid in any case. Returns whether the file has the new secret now.
    fn saves_new_secret(&self, session: &Session, context: &Context) -> bool {
        let regenerated = self.steps.iter().find_map(|step| match step {
            PlanStep::Regenerate(token) => Some(token),
            _ => None,
        });
        let (Some(token), Some(secret)) = (regenerated, &self.secret) else { return false };
        if !matches!(stored(context), Ok(Some(Credentials::Token { id, .. })) if id == *token) {
            return false;
        }
        match save(session, context, token, secret, None) {
            Ok(_) => true,
            Err(why) => {
                session.error(&Note::warning(format!("cannot save the new secret: {why}")));
                false
            }
        }
    }

    /// Returns the error of a later step, as [`Applied::into_error`] does, with the new secret in the settings file if it can
    /// be saved there.
    pub(crate) fn into_error_saving_secret(self, session: &Session, context: &Context, why: Error) -> Error {
        let is_saved = self.saves_new_secret(session, context);
        let mut left = self.leftovers();
        left.new_secret_command = left.new_secret_command.filter(|_| !is_saved);
        self.with_leftovers(why, left)
    }

    /// Returns the error of a later step, with the lines that undo what was made.
    pub(crate) fn into_error(self, why: Error) -> Error {
        let left = self.leftovers();
        self.with_leftovers(why, left)
    }

    /// Returns the lines that undo what was made, and what has to be looked at.
    pub(crate) fn leftovers(&self) -> Leftovers {
        Leftovers {
            lines: self.steps.iter().rev().filter_map(PlanStep::undo_line).collect(),
            revoke: Vec::new(),
            kept: self.unconfirmed.iter().map(unknown).collect(),
            new_secret_command: self.command_if_regenerated(),
        }
    }

    /// Makes one error of what failed and what is left; where nothing is, the note of the token ends.
    fn with_leftovers(self, why: Error, left: Leftovers) -> Error {
        if !left.is_nothing() {
            return TokenError::LeftOnServer { why: Box::new(why), left }.into();
        }
        self.saved().err().unwrap_or(why)
    }

    fn command_if_regenerated(&self) -> Option<String> {
        let all = self.steps.iter().chain(&self.unconfirmed);
        all.into_iter().any(|step| matches!(step, PlanStep::Regenerate(_))).then(|| self.new_secret_command.clone())
    }

    /// Reads once more which entries of this run are there.
    async fn still_granted(&self, pve: &Pve) -> Vec<KeptObject> {
        if self.grants().next().is_none() {
            return Vec::new();
        }
        let Ok(acl) = pve.acl().await else { return Vec::new() };
        let is_left = |step: &&PlanStep| match step {
            PlanStep::Grant(change, before) => {
                let as_made = |role: &RoleName| {
                    let is_it =
                        |it: &&AclEntry| (&it.path, &it.holder, &it.role) == (&change.path, &change.holder, role);
                    acl.iter().find(is_it).is_some_and(|entry| entry.propagates == change.propagates)
                };
                added(&acl, change, before).iter().any(as_made)
            }
            _ => false,
        };
        let kept = |step: &PlanStep| KeptObject { object: step.object(), reason: "it still exists".to_owned() };
        self.steps.iter().filter(is_left).map(kept).collect()
    }
}

/// Names a step that may have been carried out or not.
fn unknown(step: &PlanStep) -> KeptObject {
    KeptObject { object: step.object(), reason: "it may or may not have been created".to_owned() }
}

/// Reads what a step left, and undoes it if only this run's changes are there.
async fn undo_one(pve: &Pve, step: &PlanStep, secret: Option<&TokenSecret>) -> Result<Evidence, crate::pve::ApiError> {
    let evidence = of_step(pve, step, secret).await;
    if evidence != Evidence::Ours {
        return Ok(evidence);
    }
    let undone = match step {
        PlanStep::User(user) => pve.delete_user(user).await,
        PlanStep::Pool(pool) => pve.delete_pool(pool).await,
        PlanStep::Role(role) if role.state == RoleState::Missing => pve.delete_role(&role.name).await,
        PlanStep::Token(token, _) => pve.delete_token(token).await,
        PlanStep::Grant(change, before) => ungrant(pve, change, before).await,
        PlanStep::Role(_) | PlanStep::Unseparate(_) | PlanStep::Regenerate(_) => Ok(()),
    };
    match undone {
        Err(gone) if gone.reason().is_some_and(RefusalReason::is_missing_object) => Ok(Evidence::Gone),
        Err(why) => Err(why),
        Ok(()) => Ok(Evidence::Ours),
    }
}

/// Removes the roles that were granted, and restores the propagation of entries that existed before.
async fn ungrant(pve: &Pve, change: &AclChange, before: &PrivilegesBefore) -> Result<(), crate::pve::ApiError> {
    let narrowed: Vec<RoleName> =
        before.iter().filter(|(_, reached)| !**reached).map(|(role, _)| role.clone()).collect();
    if change.propagates && !narrowed.is_empty() {
        pve.grant(&AclChange { roles: narrowed, propagates: false, ..change.clone() }).await?;
    }
    let new = added(&pve.acl().await?, change, before);
    if new.is_empty() { Ok(()) } else { pve.ungrant(&AclChange { roles: new, ..change.clone() }).await }
}
