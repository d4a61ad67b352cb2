//! `glassdome token revoke`: removes a token and what was granted to it, after a confirmation.

use crate::cli::{Global, TokenRevoke};
use crate::commands::options;
use crate::commands::token::TokenOutput;
use crate::error::{Doing, Error, Operation, RunError};
use crate::model::{Expiry, TokenId};
use crate::ops::token::admin_session::{AdminSession, existing};
use crate::ops::token::consent;
use crate::ops::token::notes::forget;
use crate::ops::token::remove::remove;
use crate::ops::token::store::uses_in_file;
use crate::ops::{ask, unless_interrupted};
use crate::pve::{AclEntry, Subject, TokenRecord};
use crate::session::Session;
use crate::ui::prompt::ConfirmPrompt;
use crate::ui::{Draw, Printable, Screen, Tone};
use std::fmt;

use serde_json::json;

/// What goes with a token.
struct RevocationPlan {
    token: TokenId,
    card: TokenRecord,
    entries: Vec<AclEntry>,
    file: Option<String>,
}

pub(super) async fn run(session: &Session, global: &Global, arguments: &TokenRevoke) -> Result<TokenOutput, Error> {
    let looked = async {
        let desk =
            AdminSession::open(session, &options::connection(global, &arguments.connection), "Revoke a token").await?;
        let token = desk.token()?;
        let admin = desk.admin(session, &(&arguments.login).into()).await?;
        let card = existing(&admin, &token).await?;
        let acl = admin.pve.acl().await.doing(Operation::ReadAccess)?;
        let is_its = |entry: &AclEntry| entry.holder == Subject::token(&token);
        let entries = acl.into_iter().filter(is_its).collect();
        let is_used = desk.is_in_file(&token) || !uses_in_file(&desk.context, &token)?.is_empty();
        let file = is_used.then(|| desk.context.store.path().display().to_string());
        Ok((desk.context, admin, RevocationPlan { token, card, entries, file }))
    };
    let (context, admin, farewell) = unless_interrupted(session, looked).await?;
    session.info(&farewell);
    consent::needed(session, || format!("{} would be revoked", farewell.token))?;
    let question = ConfirmPrompt::new(format!("Revoke {}?", farewell.token)).proposing_no();
    if !ask::confirm(session, question, || ask::only_by("--yes", "whether to revoke it")).await? {
        return Err(Error::Run(RunError::Cancelled));
    }
    remove(&admin, &farewell.token, &farewell.entries).await?;
    forget(session, &context, &farewell.token)?;
    if let Some(file) = &farewell.file {
        let text = format!("the secret in {file} no longer works; `glassdome setup` puts another token in its place");
        session.warn(text);
    }
    let told = json!({ "token": { "id": farewell.token.to_string() }, "was_in_use": farewell.file.is_some() });
    Ok(TokenOutput::of(told).saying(format!("{} is revoked", farewell.token)))
}

impl Draw for RevocationPlan {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let token = Printable(&self.token.to_string()).to_string();
        screen.paragraph(3, &format!("{token}, expires: {}", Expiry::shown(self.card.expire)))?;
        if let Some(comment) = &self.card.comment {
            screen.labelled("   comment: ", Tone::Plain, &comment.to_string())?;
        }
        match &self.file {
            Some(file) => {
                screen.toned(3, Tone::Warning, &format!("{file} uses it: whatever reads that file stops working"))?
            }
            None => screen.paragraph(3, "the settings file here does not use it; others may")?,
        }
        for entry in &self.entries {
            screen.paragraph(3, &format!("its role {} on {} goes with it", entry.role, entry.path))?;
        }
        screen
            .paragraph(3, "its user, the roles and what was granted to the user stay: other tokens may depend on them")
    }
}
