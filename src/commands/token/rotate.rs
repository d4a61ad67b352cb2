//! `glassdome token rotate`: another secret in the settings file, with one that works at every moment, or a journal
//! from which the next run gets one.

use serde_json::json;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::cli::{Global, TokenRotate};
use crate::commands::ask;
use crate::commands::connect::Connected;
use crate::commands::screens::Note;
use crate::commands::token::Told;
use crate::commands::token::desk::{Desk, existing};
use crate::commands::token::login::Admin;
use crate::commands::token::proposal::{Before, COMMENT, Proposal, Step};
use crate::commands::token::provision::{Made, agree, carry_out, may_grant, regenerate};
use crate::commands::token::revoke::remove;
use crate::commands::token::save::{save, stored};
use crate::commands::unless_interrupted;
use crate::error::{Doing, Error, TokenError};
use crate::journal::{Entry, Journal, Rotation};
use crate::model::{TokenId, TokenName, TokenSecret};
use crate::pve::{AclChange, AclEntry, Holder, TokenCard, TokenRequest};
use crate::session::Session;
use crate::settings::Credentials;
use crate::ui::prompt::Confirm;

/// What every step of a rotation needs.
struct Rotator<'a> {
    session: &'a Session,
    desk: Desk,
    admin: Admin,
    journal: Option<Journal<Rotation>>,
}

pub(super) async fn run(session: &Session, global: &Global, arguments: &TokenRotate) -> Result<Told, Error> {
    let journal = if arguments.connection.is_sandbox() { None } else { Some(Journal::new(session.state_folder()?)) };
    let opened = async {
        let desk = Desk::open(session, global, &arguments.connection, "Rotate the token").await?;
        let admin = desk.admin(session, &arguments.login).await?;
        Ok((desk, admin))
    };
    let (desk, admin) = unless_interrupted(session, opened).await?;
    let rotator = Rotator { session, desk, admin, journal };
    let old = rotator.desk.token()?;
    if let Some(new) = rotator.finish_earlier().await? {
        return Ok(rotator.told(&old, &new, "finished"));
    }
    let card = unless_interrupted(session, existing(&rotator.admin, &old)).await?;
    if arguments.in_place {
        rotator.in_place(&old).await?;
        return Ok(rotator.told(&old, &old, "in-place"));
    }
    let new = rotator.replace(&old, &card).await?;
    Ok(rotator.told(&old, &new, "replaced"))
}

impl Rotator<'_> {
    fn told(&self, old: &TokenId, new: &TokenId, how: &str) -> Told {
        let file = self.desk.ground.store.path().display();
        let line = if old == new {
            format!("{new} has a new secret, which is in {file}")
        } else {
            format!("{new} takes the place of {old}, and its secret is in {file}")
        };
        Told::of(json!({ "token": { "id": new.to_string() }, "replaced": old.to_string(), "how": how })).saying(line)
    }

    /// Takes the nonce out of the comment, which is of use only while the rotation lasts.
    async fn put_plain_comment(&self, token: &TokenId) {
        let _ = self.admin.pve.describe_token(token, COMMENT).await; // the rotation is over, whatever the comment says
    }

    fn say(&self, text: String) {
        self.session.ui.borrow_mut().say(&Note::found(text));
    }

    fn note(&self, old: &TokenId, new: Option<&TokenId>) -> Result<(Option<Entry<Rotation>>, String), Error> {
        let nonce = Uuid::new_v4().simple().to_string();
        let rotation = Rotation {
            server: self.desk.pve.endpoint().authority(),
            file: self.desk.ground.store.path().display().to_string(),
            old: old.to_string(),
            new: new.map(ToString::to_string),
            nonce: nonce.clone(),
            made: self.session.clock.utc().format(&Rfc3339).unwrap_or_default(),
        };
        let entry = self.journal.as_ref().map(|journal| journal.open(rotation)).transpose()?;
        Ok((entry, nonce))
    }

    /// Makes a second token like the first, puts it into the settings file, and only then removes the first.
    async fn replace(&self, old: &TokenId, card: &TokenCard) -> Result<TokenId, Error> {
        let (new, entries) = unless_interrupted(self.session, self.look(old, card)).await?;
        let (entry, nonce) = self.note(old, Some(&new))?;
        let proposal = proposal(&new, card, &entries, &nonce);
        let prepared = async {
            may_grant(&self.admin, &proposal).await?;
            agree(self.session, &proposal).await
        };
        if let Err(why) = unless_interrupted(self.session, prepared).await {
            close(entry)?;
            return Err(why);
        }
        let (secret, made) = match carry_out(self.session, &self.admin, &proposal).await {
            Ok(done) => done,
            Err(why) => return Err(closed_unless_left(entry, why)),
        };
        if let Err(why) = unless_interrupted(self.session, self.compare(old, &new, &secret)).await {
            return Err(self.undone(entry, made, why).await);
        }
        if let Err(why) = save(self.session, &self.desk.ground, &new, &secret, None) {
            return Err(self.undone(entry, made, why).await);
        }
        self.drop_old(old, &entries).await?;
        self.put_plain_comment(&new).await;
        close(entry)?;
        Ok(new)
    }

    async fn undone(&self, entry: Option<Entry<Rotation>>, made: Made, why: Error) -> Error {
        let why = made.undo(self.session, &self.admin.pve, why).await;
        closed_unless_left(entry, why)
    }

    /// Reads what the first token was granted, and finds a name for the second.
    async fn look(&self, old: &TokenId, card: &TokenCard) -> Result<(TokenId, Vec<AclEntry>), Error> {
        let pve = &self.admin.pve;
        let (tokens, acl, seen) =
            tokio::join!(pve.tokens(&old.user), pve.acl(), pve.permissions(Some("/access"), None));
        let read = |source| Error::server(Doing::ReadTokens(old.user.to_string()), source);
        let tokens = tokens.map_err(read)?;
        let acl = acl.map_err(|source| Error::server(Doing::ReadAccess, source))?;
        let seen = seen.map_err(|source| Error::server(Doing::ReadPrivileges, source))?;
        let sees_all = seen.get("/access").is_some_and(|held| held.contains_key("Sys.Audit"));
        if card.separated && !sees_all {
            return Err(TokenError::Unseen { who: old.to_string(), admin: self.admin.user.clone() }.into());
        }
        let is_its = |entry: &AclEntry| entry.holder == Holder::token(old);
        let name = next_name(old.name.as_str(), &tokens).ok_or(TokenError::NoSecret)?;
        Ok((TokenId { user: old.user.clone(), name }, acl.into_iter().filter(is_its).collect()))
    }

    /// Tries the second token, and compares its rights with those of the first.
    async fn compare(&self, old: &TokenId, new: &TokenId, secret: &TokenSecret) -> Result<(), Error> {
        self.call(new, secret).await?;
        let (old_id, new_id) = (old.to_string(), new.to_string());
        let pve = &self.admin.pve;
        let (before, after) = tokio::join!(pve.permissions(None, Some(&old_id)), pve.permissions(None, Some(&new_id)));
        let read = |source| Error::server(Doing::ReadPrivileges, source);
        if before.map_err(read)? == after.map_err(read)? {
            Ok(())
        } else {
            Err(TokenError::NotTheSame { old: old.clone(), new: new.clone() }.into())
        }
    }

    /// Calls the server with a token.
    async fn call(&self, token: &TokenId, secret: &TokenSecret) -> Result<(), Error> {
        let credentials = Credentials::Token { id: token.clone(), secret: secret.clone() };
        let connected = Connected::with(self.session, &self.desk.ground, self.desk.way(), credentials).await?;
        let called = connected.pve.version().await;
        called.map(drop).map_err(|source| Error::reaching(connected.pve.endpoint(), source))
    }

    /// Removes the first token, now that the settings file has the second.
    async fn drop_old(&self, old: &TokenId, entries: &[AclEntry]) -> Result<(), Error> {
        match remove(&self.admin, old, entries).await {
            Ok(()) => {
                self.say(format!("{old} is removed"));
                Ok(())
            }
            Err(Error::Server { source, .. }) if is_gone(&source) => Ok(()),
            Err(why) => {
                let token = TokenRequest { separated: false, expire: 0, comment: String::new() };
                let lines = Step::Token(old.clone(), token).undo_line().into_iter().collect();
                Err(TokenError::LeftOnServer { why: Box::new(why), lines, is_dead: false }.into())
            }
        }
    }

    /// Gives the token itself a new secret.
    async fn in_place(&self, token: &TokenId) -> Result<(), Error> {
        let text = format!("the old secret of {token} dies at once; whatever else uses it stops working");
        self.session.ui.borrow_mut().say(&Note::warning(text));
        if self.session.is_attended() {
            let question = Confirm::new("Give it a new secret?").proposing_no();
            if !ask::confirm(self.session, question, || ask::only_by("--yes", "whether to do this")).await? {
                return Err(Error::Cancelled);
            }
        }
        // What cannot be read now cannot be written afterwards either.
        stored(&self.desk.ground)?;
        let (entry, _) = self.note(token, None)?;
        self.renew(token, entry).await
    }

    /// Asks for the new secret and saves it. Where that fails on the way, the entry stays, and the next run does it again.
    async fn renew(&self, token: &TokenId, entry: Option<Entry<Rotation>>) -> Result<(), Error> {
        let secret = match regenerate(&self.admin.pve, token).await {
            Ok(secret) => secret,
            Err(why) => {
                let is_unknown = matches!(&why, Error::Server { source, .. } if source.is_outcome_unknown());
                if !is_unknown {
                    close(entry)?;
                }
                return Err(why);
            }
        };
        let dead = |why| TokenError::LeftOnServer { why: Box::new(why), lines: Vec::new(), is_dead: true };
        save(self.session, &self.desk.ground, token, &secret, None).map_err(dead)?;
        self.call(token, &secret).await?;
        close(entry)
    }

    /// Finishes what an earlier run did not; gives the token that the settings file holds where that was all there was
    /// to do.
    async fn finish_earlier(&self) -> Result<Option<TokenId>, Error> {
        let Some(journal) = &self.journal else { return Ok(None) };
        let (server, file) =
            (self.desk.pve.endpoint().authority(), self.desk.ground.store.path().display().to_string());
        let mut finished = None;
        for entry in journal.read()?.orphans {
            let Rotation { old, new, nonce, .. } = entry.record.clone();
            if entry.record.server != server || entry.record.file != file {
                continue;
            }
            let Ok(old) = old.parse::<TokenId>() else { continue };
            match new.map(|new| new.parse::<TokenId>()) {
                Some(Ok(new)) => finished = self.finish_second(&old, &new, &nonce).await?.or(finished),
                Some(Err(_)) => continue,
                None if self.is_dead(&old).await? => {
                    self.say(format!("an earlier run gave {old} a new secret and could not save it"));
                    self.renew(&old, Some(entry)).await?;
                    finished = Some(old);
                    continue;
                }
                None => {}
            }
            close(Some(entry))?;
        }
        Ok(finished)
    }

    async fn finish_second(&self, old: &TokenId, new: &TokenId, nonce: &str) -> Result<Option<TokenId>, Error> {
        if self.desk.is_in_file(new) {
            self.say(format!("an earlier run put {new} into the settings file and could not remove {old}"));
            let acl = self.admin.pve.acl().await.map_err(|source| Error::server(Doing::ReadAccess, source))?;
            let is_its = |entry: &AclEntry| entry.holder == Holder::token(old);
            let entries: Vec<AclEntry> = acl.into_iter().filter(is_its).collect();
            self.drop_old(old, &entries).await?;
            self.put_plain_comment(new).await;
            return Ok(Some(new.clone()));
        }
        // Its secret is lost with the run that made it; it is removed only if it carries that run's nonce.
        match existing(&self.admin, new).await {
            Ok(card) if card.comment.as_ref().is_some_and(|comment| comment.contains(nonce)) => {
                self.say(format!("an earlier run made {new} and could not save its secret"));
                self.drop_old(new, &[]).await?;
            }
            Ok(_) | Err(Error::Token(TokenError::Unknown { .. })) => {}
            Err(why) => return Err(why),
        }
        Ok(None)
    }

    /// Says whether the settings file holds a secret of this token that the server does not take any more.
    async fn is_dead(&self, token: &TokenId) -> Result<bool, Error> {
        let Some(Credentials::Token { id, secret }) = stored(&self.desk.ground)? else { return Ok(true) };
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

fn is_gone(source: &crate::pve::Error) -> bool {
    source.server_text().is_some_and(|text| text.contains("no such token"))
}

fn close(entry: Option<Entry<Rotation>>) -> Result<(), Error> {
    Ok(entry.map_or(Ok(()), Entry::close)?)
}

/// Closes an entry where nothing is left of what it noted.
fn closed_unless_left(entry: Option<Entry<Rotation>>, why: Error) -> Error {
    if matches!(why, Error::Token(TokenError::LeftOnServer { .. })) {
        return why;
    }
    close(entry).err().unwrap_or(why)
}

fn proposal(new: &TokenId, card: &TokenCard, entries: &[AclEntry], nonce: &str) -> Proposal {
    let comment = format!("{COMMENT} (rotation {nonce})");
    let request = TokenRequest { separated: card.separated, expire: card.expire, comment };
    let mut steps = vec![Step::Token(new.clone(), request)];
    steps.extend(entries.iter().map(|entry| {
        let change = AclChange {
            path: entry.path.clone(),
            holder: Holder::token(new),
            roles: vec![entry.role.clone()],
            propagates: entry.propagates,
        };
        Step::Grant(change, Before::new())
    }));
    let remarks = vec!["the first token is removed once this one is in the settings file".to_owned()];
    Proposal { token: new.clone(), separated: card.separated, expire: card.expire, steps, effects: Vec::new(), remarks }
}

/// Finds a name that no token has: the same one with the next number.
pub(super) fn next_name(name: &str, tokens: &[TokenCard]) -> Option<TokenName> {
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
    use crate::pve::TokenCard;

    #[test]
    fn the_second_token_has_the_name_of_the_first_with_a_number() {
        let card = |name: &str| TokenCard { name: name.parse().unwrap(), separated: true, expire: 0, comment: None };
        for (name, expected) in
            [("glassdome-token", "glassdome-token-2"), ("tt-2", "tt-3"), ("tt-8", "tt-10"), ("a-x", "a-x-2")]
        {
            let next = next_name(name, &[card("tt-9"), card(name)]).map(|name| name.to_string());
            assert_eq!(next.as_deref(), Some(expected));
        }
    }
}
