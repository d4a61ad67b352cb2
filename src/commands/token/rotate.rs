//! `glassdome token rotate`: another secret in the settings file, with one that works at every moment, or a journal
//! from which the next run gets one.

use serde_json::json;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::cli::{Global, TokenRotate};
use crate::commands::ask;
use crate::commands::connect::Connected;
use crate::commands::screens::Note;
use crate::commands::token::TokenOutput;
use crate::commands::token::admin_session::{AdminSession, existing};
use crate::commands::token::consent;
use crate::commands::token::grant_plan::{COMMENT, GrantPlan, PlanStep, PrivilegesBefore};
use crate::commands::token::login::Admin;
use crate::commands::token::notes::file_of;
use crate::commands::token::provision::{agree, carry_out, may_grant, regenerate};
use crate::commands::token::recheck;
use crate::commands::token::retire::{Basis, Retired};
use crate::commands::token::save::{Rehearsed, is_used_here_alone, rehearse, save, stored};
use crate::commands::token::undo::Applied;
use crate::commands::unless_interrupted;
use crate::error::{Error, Left, Operation, TokenError};
use crate::journal::{Journal, JournalEntry, Rotation};
use crate::model::{TokenId, TokenName, TokenSecret};
use crate::pve::{AclChange, AclEntry, Subject, TokenRecord, TokenRequest};
use crate::session::Session;
use crate::settings::Credentials;
use crate::ui::Printable;
use crate::ui::prompt::ConfirmPrompt;

/// The commands that go on where a rotation could not.
const ROTATE: &str = "glassdome token rotate";
const IN_PLACE: &str = "glassdome token rotate --in-place";

/// What every step of a rotation needs.
pub(super) struct Rotator<'a> {
    pub(super) session: &'a Session,
    pub(super) desk: AdminSession,
    pub(super) admin: Admin,
    journal: Option<Journal<Rotation>>,
}

/// What came of a rotation.
struct Rotated {
    old: TokenId,
    new: TokenId,
    how: &'static str,
    /// Why the first token is still there.
    kept: Option<String>,
}

pub(super) async fn run(session: &Session, global: &Global, arguments: &TokenRotate) -> Result<TokenOutput, Error> {
    consent::needed(session, || "a rotation ends the secret that the settings file holds".to_owned())?;
    let journal = if arguments.connection.is_sandbox() { None } else { Some(Journal::new(session.state_folder()?)) };
    let opened = async {
        let desk = AdminSession::open(session, global, &arguments.connection, "Rotate the token").await?;
        let admin = desk.admin(session, &arguments.login).await?;
        Ok((desk, admin))
    };
    let (desk, admin) = unless_interrupted(session, opened).await?;
    let rotator = Rotator { session, desk, admin, journal };
    let old = rotator.desk.token()?;
    if let Some(rotated) = rotator.finish_earlier(&old).await? {
        return Ok(rotator.told(rotated));
    }
    let card = unless_interrupted(session, existing(&rotator.admin, &old)).await?;
    if arguments.in_place {
        rotator.in_place(&old).await?;
        return Ok(rotator.told(Rotated { new: old.clone(), old, how: "in-place", kept: None }));
    }
    let rotated = rotator.replace(old, card).await?;
    Ok(rotator.told(rotated))
}

impl Rotator<'_> {
    fn told(&self, rotated: Rotated) -> TokenOutput {
        let Rotated { old, new, how, kept } = rotated;
        let file = self.desk.context.store.path().display();
        let line = if old == new {
            format!("{new} has a new secret, which is in {file}")
        } else {
            format!("{new} takes the place of {old}, and its secret is in {file}")
        };
        let mut told = TokenOutput::of(json!({
            "token": { "id": new.to_string() }, "replaced": old.to_string(), "how": how,
            "kept": kept.as_ref().map(|why| Printable(why).to_string()),
        }));
        told = told.saying(line);
        match kept {
            None => told,
            Some(why) => told.saying(format!("{old} is still on the server: {}", Printable(&why))),
        }
    }

    /// Takes the nonce out of the comment, which is of use only while the rotation lasts.
    async fn put_plain_comment(&self, token: &TokenId) {
        let _ = self.admin.pve.describe_token(token, COMMENT).await; // the rotation is over, whatever the comment says
    }

    pub(super) fn say(&self, text: String) {
        self.session.ui.borrow_mut().info(&Note::found(text));
    }

    fn note(&self, old: &TokenId, new: Option<&TokenId>, nonce: &str) -> Result<Option<JournalEntry<Rotation>>, Error> {
        let rotation = Rotation {
            server: self.desk.pve.endpoint().authority(),
            file: file_of(&self.desk.context),
            instance: Some(self.desk.context.instance.to_string()),
            old: old.to_string(),
            new: new.map(ToString::to_string),
            nonce: nonce.to_owned(),
            made: self.session.clock.utc().format(&Rfc3339).unwrap_or_default(),
        };
        Ok(self.journal.as_ref().map(|journal| journal.open(rotation)).transpose()?)
    }

    /// Makes a second token like the first, puts it into the settings file, and only then removes the first.
    async fn replace(&self, old: TokenId, card: TokenRecord) -> Result<Rotated, Error> {
        let nonce = nonce();
        let secret = self.secret_in_file(&old)?;
        let planned = unless_interrupted(self.session, self.agreed(&old, card, &nonce)).await?;
        let Planned { new, card, entries, proposal } = planned;
        let basis = Basis::of(self, &old, card, entries, secret).await;
        let loaded = self.desk.context.store.load()?;
        rehearse(&self.desk.context, &loaded, &new, &Rehearsed::default())?;
        let entry = self.note(&old, Some(&new), &nonce)?;
        let made = Applied::nothing(ROTATE.to_owned(), None);
        let (secret, made) = match carry_out(self.session, &self.desk.context, &self.admin, &proposal, made).await {
            Ok(done) => done,
            Err(why) => return Err(closed_unless_left(entry, why)),
        };
        if let Err(why) = unless_interrupted(self.session, self.compare(&old, &new, &secret)).await {
            return Err(self.undone(entry, made, why).await);
        }
        if let Err(why) = save(self.session, &self.desk.context, &new, &secret, None) {
            return Err(self.undone(entry, made, why).await);
        }
        let kept = self.retired(&old, &basis).await?;
        self.put_plain_comment(&new).await;
        close(entry)?;
        Ok(Rotated { old, new, how: "replaced", kept })
    }

    /// Shows the plan until it is agreed to as it is at that moment.
    async fn agreed(&self, old: &TokenId, card: TokenRecord, nonce: &str) -> Result<Planned, Error> {
        let mut planned = self.plan(old, card, nonce).await?;
        loop {
            may_grant(&self.admin, &planned.proposal).await?;
            agree(self.session, &planned.proposal).await?;
            let again = self.plan(old, existing(&self.admin, old).await?, nonce).await?;
            if recheck::is_same(&planned.proposal, &again.proposal) {
                return Ok(again);
            }
            if !self.session.is_attended() || self.session.confirms_all {
                return Err(TokenError::PlanChanged.into());
            }
            self.say("the token was changed since the plan was made; this is the plan now".to_owned());
            planned = again;
        }
    }

    async fn plan(&self, old: &TokenId, card: TokenRecord, nonce: &str) -> Result<Planned, Error> {
        let (new, entries) = self.look(old, &card).await?;
        let proposal = proposal(&new, &card, &entries, nonce);
        Ok(Planned { new, card, entries, proposal })
    }

    async fn undone(&self, entry: Option<JournalEntry<Rotation>>, made: Applied, why: Error) -> Error {
        let why = made.undo(self.session, &self.desk.context, &self.admin.pve, why).await;
        closed_unless_left(entry, why)
    }

    /// Reads what the first token was granted, and finds a name for the second.
    async fn look(&self, old: &TokenId, card: &TokenRecord) -> Result<(TokenId, Vec<AclEntry>), Error> {
        let pve = &self.admin.pve;
        let (tokens, acl, seen) =
            tokio::join!(pve.tokens(&old.user), pve.acl(), pve.permissions(Some("/access"), None));
        let read = |source| Error::server(Operation::ReadTokens(old.user.to_string()), source);
        let tokens = tokens.map_err(read)?;
        let acl = acl.map_err(|source| Error::server(Operation::ReadAccess, source))?;
        let seen = seen.map_err(|source| Error::server(Operation::ReadPrivileges, source))?;
        let sees_all = seen.get("/access").is_some_and(|held| held.contains_key("Sys.Audit"));
        if card.separated && !sees_all {
            return Err(TokenError::Unseen { who: old.to_string(), admin: self.admin.user.clone() }.into());
        }
        let name = next_name(old.name.as_str(), &tokens).ok_or(TokenError::NoSecret)?;
        Ok((TokenId { user: old.user.clone(), name }, entries_of(acl, old)))
    }

    /// Tries the second token, and compares its rights with those of the first.
    async fn compare(&self, old: &TokenId, new: &TokenId, secret: &TokenSecret) -> Result<(), Error> {
        self.call(new, secret).await?;
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
    pub(super) async fn call(&self, token: &TokenId, secret: &TokenSecret) -> Result<(), Error> {
        let credentials = Credentials::Token { id: token.clone(), secret: secret.clone() };
        let connected = Connected::with(self.session, &self.desk.context, self.desk.way(), credentials).await?;
        let called = connected.pve.version().await;
        called.map(drop).map_err(|source| Error::reaching(connected.pve.endpoint(), source))
    }

    /// Gives the secret that the settings file holds of a token.
    fn secret_in_file(&self, token: &TokenId) -> Result<Option<TokenSecret>, Error> {
        Ok(match stored(&self.desk.context)? {
            Some(Credentials::Token { id, secret }) if id == *token => Some(secret),
            _ => None,
        })
    }

    /// Removes the first token, now that the settings file has the second; where it is kept, says why.
    async fn retired(&self, old: &TokenId, basis: &Basis) -> Result<Option<String>, Error> {
        match self.retire(old, basis).await? {
            Retired::Removed => {
                self.say(format!("{old} is removed"));
                Ok(None)
            }
            Retired::Gone => Ok(None),
            Retired::Kept(why) => {
                let text = format!("{old} is kept: {}", Printable(&why));
                self.session.ui.borrow_mut().info(&Note::warning(text));
                Ok(Some(why))
            }
        }
    }

    /// Gives the token itself a new secret.
    async fn in_place(&self, token: &TokenId) -> Result<(), Error> {
        let text = format!("the old secret of {token} dies at once; whatever else uses it stops working");
        self.session.ui.borrow_mut().info(&Note::warning(text));
        if self.session.is_attended() {
            let question = ConfirmPrompt::new("Give it a new secret?").proposing_no();
            if !ask::confirm(self.session, question, || ask::only_by("--yes", "whether to do this")).await? {
                return Err(Error::Cancelled);
            }
        }
        self.may_renew(token)?;
        let entry = self.note(token, None, &nonce())?;
        self.renew(token, entry).await
    }

    /// Finds out whether the secret may be given up: nothing else in the file uses it, and the file can be written.
    fn may_renew(&self, token: &TokenId) -> Result<(), Error> {
        is_used_here_alone(&self.desk.context, token)?;
        let loaded = self.desk.context.store.load()?;
        rehearse(&self.desk.context, &loaded, token, &Rehearsed::default())
    }

    /// Asks for the new secret and saves it. Where that fails on the way, the entry stays, and the next run does it again.
    async fn renew(&self, token: &TokenId, entry: Option<JournalEntry<Rotation>>) -> Result<(), Error> {
        let secret = match regenerate(&self.admin.pve, token).await {
            Ok(secret) => secret,
            Err(why) => {
                let is_unknown = matches!(&why, Error::Server { source, .. } if source.is_outcome_unknown());
                if is_unknown {
                    return Err(dead(why));
                }
                close(entry)?;
                return Err(why);
            }
        };
        save(self.session, &self.desk.context, token, &secret, None).map_err(dead)?;
        self.call(token, &secret).await?;
        close(entry)
    }

    /// Finishes what an earlier run of the same instance and file did not; nothing where there was nothing to do.
    async fn finish_earlier(&self, current: &TokenId) -> Result<Option<Rotated>, Error> {
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

    /// Says whether a note is about this server, this file and this instance. A note of an older version does not name
    /// the instance: then it is about the one whose lines hold one of the two tokens.
    fn is_of_this_instance(&self, record: &Rotation, old: &TokenId, new: Option<&TokenId>) -> Result<bool, Error> {
        let file = std::path::Path::new(&record.file).canonicalize().map(|path| path.display().to_string());
        let is_file = file.unwrap_or_else(|_| record.file.clone()) == file_of(&self.desk.context);
        if record.server != self.desk.pve.endpoint().authority() || !is_file {
            return Ok(false);
        }
        match &record.instance {
            Some(instance) => Ok(*instance == self.desk.context.instance.to_string()),
            None => Ok(match stored(&self.desk.context)? {
                Some(Credentials::Token { id, .. }) => id == *old || Some(&id) == new,
                _ => false,
            }),
        }
    }

    async fn may_finish(&self, question: String) -> Result<(), Error> {
        let question = ConfirmPrompt::new(question).proposing_yes();
        match ask::confirm(self.session, question, || ask::only_by("--yes", "whether to finish it")).await? {
            true => Ok(()),
            false => Err(Error::Cancelled),
        }
    }

    /// Finishes a rotation in place: a new secret, if the one in the file is dead.
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
        self.say(format!("an earlier run gave {old} a new secret and could not save it"));
        self.may_renew(&old)?;
        self.may_finish(format!("Give {old} another secret, and save that?")).await?;
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
        if self.desk.is_in_file(&new) {
            self.say(format!("an earlier run put {new} into the settings file and could not remove {old}"));
            self.may_finish(format!("Remove {old}, if nothing else uses it?")).await?;
            let kept = self.retired_after(&old, &new).await?;
            self.put_plain_comment(&new).await;
            close(Some(entry))?;
            return Ok(Some(Rotated { old, new, how: "finished", kept }));
        }
        // Its secret is lost with the run that made it; it is removed only if it carries that run's nonce.
        match existing(&self.admin, &new).await {
            Ok(card) if card.comment.as_ref().is_some_and(|comment| comment.contains(&entry.record.nonce)) => {
                self.say(format!("an earlier run made {new} and could not save its secret"));
                self.may_finish(format!("Remove {new}, if nothing else uses it?")).await?;
                self.discarded(&new, &old, card).await?;
            }
            Ok(_) | Err(Error::Token(TokenError::Unknown { .. })) => {}
            Err(why) => return Err(why),
        }
        close(Some(entry))?;
        Ok(None)
    }

    /// Removes the first token after a crash: what it was granted must be what the second has.
    async fn retired_after(&self, old: &TokenId, new: &TokenId) -> Result<Option<String>, Error> {
        let acl = self.admin.pve.acl().await.map_err(|source| Error::server(Operation::ReadAccess, source))?;
        let granted: Vec<AclEntry> = entries_of(acl, new).into_iter().map(|entry| held_by(entry, old)).collect();
        let card = match existing(&self.admin, old).await {
            Ok(card) => card,
            Err(Error::Token(TokenError::Unknown { .. })) => return Ok(None),
            Err(why) => return Err(why),
        };
        self.retired(old, &Basis { card, entries: granted, secret: None }).await
    }

    /// Removes the second token after a crash: it must have been granted nothing that the first does not have.
    async fn discarded(&self, new: &TokenId, old: &TokenId, card: TokenRecord) -> Result<(), Error> {
        let acl = self.admin.pve.acl().await.map_err(|source| Error::server(Operation::ReadAccess, source))?;
        let (of_new, of_old) = (entries_of(acl.clone(), new), entries_of(acl, old));
        let is_copied = |entry: &&AclEntry| of_old.contains(&held_by((*entry).clone(), old));
        let copied = of_new.iter().filter(is_copied).cloned().collect();
        self.retired(new, &Basis { card, entries: copied, secret: None }).await.map(drop)
    }

    /// Says whether the settings file holds a secret of this token that the server does not take any more.
    async fn is_dead(&self, token: &TokenId, current: &TokenId) -> Result<bool, Error> {
        // Without a secret in the file, the token that this run is about gets a new one anyway.
        let Some(Credentials::Token { id, secret }) = stored(&self.desk.context)? else { return Ok(token == current) };
        if id != *token {
            return Ok(false);
        }
        match self.call(token, &secret).await {
            Ok(()) => Ok(false),
            Err(Error::Server { source, .. }) if source.is_unauthenticated() => Ok(true),
            Err(why) => Err(why),
        }
    }
}

/// A second token, as it is to be made.
struct Planned {
    new: TokenId,
    card: TokenRecord,
    entries: Vec<AclEntry>,
    proposal: GrantPlan,
}

fn nonce() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Lists the entries of a token.
pub(super) fn entries_of(acl: Vec<AclEntry>, token: &TokenId) -> Vec<AclEntry> {
    let holder = Subject::token(token);
    acl.into_iter().filter(|entry| entry.holder == holder).collect()
}

fn held_by(entry: AclEntry, token: &TokenId) -> AclEntry {
    AclEntry { holder: Subject::token(token), ..entry }
}

/// Says that the secret in the file may be dead, and how to get another.
fn dead(why: Error) -> Error {
    let left = Left { again: Some(IN_PLACE.to_owned()), ..Left::default() };
    TokenError::LeftOnServer { why: Box::new(why), left }.into()
}

fn close(entry: Option<JournalEntry<Rotation>>) -> Result<(), Error> {
    Ok(entry.map_or(Ok(()), JournalEntry::close)?)
}

/// Closes an entry where nothing is left of what it noted.
fn closed_unless_left(entry: Option<JournalEntry<Rotation>>, why: Error) -> Error {
    if matches!(why, Error::Token(TokenError::LeftOnServer { .. })) {
        return why;
    }
    close(entry).err().unwrap_or(why)
}

fn proposal(new: &TokenId, card: &TokenRecord, entries: &[AclEntry], nonce: &str) -> GrantPlan {
    let comment = format!("{COMMENT} (rotation {nonce})");
    let request = TokenRequest { separated: card.separated, expire: card.expire, comment };
    let mut steps = vec![PlanStep::Token(new.clone(), request)];
    steps.extend(entries.iter().map(|entry| {
        let change = AclChange {
            path: entry.path.clone(),
            holder: Subject::token(new),
            roles: vec![entry.role.clone()],
            propagates: entry.propagates,
        };
        PlanStep::Grant(change, PrivilegesBefore::new())
    }));
    GrantPlan {
        token: new.clone(),
        separated: card.separated,
        expire: card.expire,
        steps,
        effects: Vec::new(),
        remarks: vec!["the first token is removed once this one is in the settings file".to_owned()],
        basis: None,
    }
}

/// Finds a name that no token has: the same one with the next number.
pub(super) fn next_name(name: &str, tokens: &[TokenRecord]) -> Option<TokenName> {
    let (base, number) = match name.rsplit_once('-') {
        Some((base, digits)) if !base.is_empty() => match digits.parse::<u32>() {
            Ok(number) => (base, number),
            Err(_) => (name, 1),
        },
        _ => (name, 1),
    };
    let names = (number.saturating_add(1)..).map(|number| format!("{base}-{number}"));
    let free = names.take(1000).find(|name| !tokens.iter().any(|token| token.name.as_str() == *name));
    free.and_then(|name| name.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::next_name;
    use crate::pve::TokenRecord;

    #[test]
    fn the_second_token_has_the_name_of_the_first_with_a_number() {
        let card = |name: &str| TokenRecord { name: name.parse().unwrap(), separated: true, expire: 0, comment: None };
        for (name, expected) in
            [("glassdome-token", "glassdome-token-2"), ("tt-2", "tt-3"), ("tt-8", "tt-10"), ("a-x", "a-x-2")]
        {
            let next = next_name(name, &[card("tt-9"), card(name)]).map(|name| name.to_string());
            assert_eq!(next.as_deref(), Some(expected));
        }
    }
}
