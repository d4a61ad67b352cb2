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
use std::collections::BTreeMap;
use std::fmt;

use serde_json::json;

/// What goes with a token.
struct RevocationPlan {
    token: TokenId,
    record: TokenRecord,
    entries: Vec<AclEntry>,
    file: Option<String>,
}

pub(super) async fn run(session: &Session, global: &Global, arguments: &TokenRevoke) -> Result<TokenOutput, Error> {
    let looked = async {
        let admin_session =
            AdminSession::open(session, &options::connection(global, &arguments.connection), "Revoke a token").await?;
        let token = admin_session.token()?;
        let admin = admin_session.admin(session, &(&arguments.login).into()).await?;
        let record = existing(&admin, &token).await?;
        let acl = admin.pve.acl().await.doing(Operation::ReadAccess)?;
        let is_its = |entry: &AclEntry| entry.holder == Subject::token(&token);
        let entries = acl.into_iter().filter(is_its).collect();
        let is_used = admin_session.is_in_file(&token) || !uses_in_file(&admin_session.context, &token)?.is_empty();
        let file = is_used.then(|| admin_session.context.store.path().display().to_string());
        Ok((admin_session.context, admin, RevocationPlan { token, record, entries, file }))
    };
    let (context, admin, summary) = unless_interrupted(session, looked).await?;
    session.info(&summary);
    if arguments.dry_run {
        let report = json!({ "token": { "id": summary.token.to_string() }, "was_in_use": summary.file.is_some() });
        return Ok(TokenOutput::dry_run(report));
    }
    consent::require_yes(session, || format!("{} would be revoked", summary.token))?;
    let question = ConfirmPrompt::new(format!("Revoke {}?", summary.token)).proposing_no();
    if !ask::confirm(session, question, || ask::answer_only_by("--yes", "confirmation to revoke it")).await? {
        return Err(Error::Run(RunError::Declined { outcome: "nothing was revoked" }));
    }
    remove(&admin, &summary.token, &summary.entries).await?;
    forget(session, &context, &summary.token)?;
    if let Some(file) = &summary.file {
        let text = format!("the secret in {file} no longer works; run `glassdome setup` to configure another token");
        session.warn(text);
    }
    let document = json!({ "token": { "id": summary.token.to_string() }, "was_in_use": summary.file.is_some() });
    Ok(TokenOutput::of(document).saying(format!("{} revoked", summary.token)))
}

impl Draw for RevocationPlan {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let token = Printable(&self.token.to_string()).to_string();
        let expiry = match self.record.expire {
            0 => "never expires".to_owned(),
            end => format!("expires {}", Expiry::shown(end)),
        };
        screen.paragraph(3, &format!("{token} ({expiry})"))?;
        if let Some(comment) = &self.record.comment {
            screen.labelled("   comment: ", Tone::Plain, &comment.to_string())?;
        }
        match &self.file {
            Some(file) => screen.toned(
                3,
                Tone::Warning,
                &format!("{file} uses it: programs that read this file will stop working"),
            )?,
            None => screen.paragraph(3, "this settings file does not use it, but others may")?,
        }
        let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in &self.entries {
            paths.entry(entry.role.to_string()).or_default().push(entry.path.to_string());
        }
        for (role, paths) in paths {
            let text = format!("permissions removed with it: {} ({role})", paths.join(", "));
            screen.paragraph(3, &Printable(&text).to_string())?;
        }
        let user = self.token.user.to_string();
        let text = format!(
            "kept, because other tokens may depend on them: user {} with its permissions, and all roles",
            Printable(&user)
        );
        screen.paragraph(3, &text)
    }
}
