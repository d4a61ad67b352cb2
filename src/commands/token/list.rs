//! `glassdome token list`: the tokens of a user, what each may do, and which one the settings file uses.

use crate::cli::{Global, TokenList};
use crate::commands::options;
use crate::commands::token::TokenOutput;
use crate::error::{Doing, Error, Operation};
use crate::model::{Expiry, TokenId, UserId};
use crate::ops::context::Context;
use crate::ops::token::admin_session::AdminSession;
use crate::ops::token::notes::{self, UnsavedToken};
use crate::ops::{concurrently, unless_interrupted};
use crate::pve::TokenRecord;
use crate::pve::privileges::Grant;
use crate::session::Session;
use crate::settings::Key;
use crate::ui::{Draw, Printable, Screen, Tone};
use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

/// A token with what it may do: privileges by path, where that may be seen.
struct ListedToken {
    record: TokenRecord,
    rights: Option<BTreeMap<String, Vec<String>>>,
    is_in_file: bool,
}

/// The tokens of a user.
struct TokenListing {
    user: UserId,
    tokens: Vec<ListedToken>,
    file: String,
    now: u64,
    /// What earlier runs may have made without saving its secret.
    unsaved: Vec<UnsavedToken>,
}

pub(super) async fn run(session: &Session, global: &Global, arguments: &TokenList) -> Result<TokenOutput, Error> {
    let listed = async {
        let options = options::connection(global, &arguments.connection);
        let admin_session = AdminSession::open_titled(session, &options, title).await?;
        let admin = admin_session.admin(session, &(&arguments.login).into()).await?;
        let user = admin_session
            .context
            .settings
            .user()
            .ok_or_else(|| admin_session.context.missing_answer("the user", Key::User))?
            .value;
        let records = admin.pve.tokens(&user).await;
        let records = records.doing(Operation::ReadTokens(user.to_string()))?;
        let ids: Vec<String> = records.iter().map(|record| format!("{user}!{}", record.name)).collect();
        let rights = concurrently(ids.iter().map(|id| admin.pve.permissions(None, Some(id)))).await;
        let is_in_file = |id: &String| id.parse::<TokenId>().is_ok_and(|id| admin_session.is_in_file(&id));
        let in_file: Vec<bool> = ids.iter().map(is_in_file).collect();
        let names = |held: Grant| held.into_keys().map(|name| name.to_string()).collect();
        let rights = rights.into_iter().map(|answer| {
            answer.ok().map(|paths| paths.into_iter().map(|(path, held)| (path.to_string(), names(held))).collect())
        });
        let rows = records.into_iter().zip(rights).zip(in_file);
        let tokens = rows.map(|((record, rights), is_in_file)| ListedToken { record, rights, is_in_file }).collect();
        let now = u64::try_from(session.clock.utc().unix_timestamp()).unwrap_or_default();
        let unsaved = still_unsaved(session, &admin_session, &user, &ids)?;
        Ok(TokenListing { user, tokens, file: admin_session.context.store.path().display().to_string(), now, unsaved })
    };
    let list = unless_interrupted(session, listed).await?;
    notes::warn(session, &list.unsaved);
    if global.output == crate::cli::OutputFormat::Text {
        session.result(&list);
    }
    Ok(TokenOutput::of(list.document()))
}

/// Says whose tokens are listed.
fn title(context: &Context) -> String {
    let user = context.settings.user().map(|user| Printable(&user.value.to_string()).to_string());
    user.map_or_else(|| "Tokens".to_owned(), |user| format!("Tokens of {user}"))
}

/// Lists what earlier runs left, and forgets what is not among the tokens of its user any more.
fn still_unsaved(
    session: &Session,
    admin_session: &AdminSession,
    user: &UserId,
    known: &[String],
) -> Result<Vec<UnsavedToken>, Error> {
    let of_user = format!("{user}!");
    for it in notes::unsaved(session, &admin_session.context)? {
        if let (true, Ok(token)) = (it.token.starts_with(&of_user), it.token.parse::<TokenId>())
            && !known.contains(&it.token)
        {
            notes::forget(session, &admin_session.context, &token)?;
        }
    }
    notes::unsaved(session, &admin_session.context)
}

impl TokenListing {
    fn document(&self) -> Value {
        let tokens: Vec<Value> = self
            .tokens
            .iter()
            .map(|listed| {
                json!({
                    "id": format!("{}!{}", self.user, listed.record.name),
                    "privilege_separation": listed.record.separated,
                    "expire": listed.record.expire,
                    "expired": self.has_ended(&listed.record),
                    "comment": listed.record.comment,
                    "rights": listed.rights,
                    "in_use": listed.is_in_file,
                })
            })
            .collect();
        json!({ "user": self.user.to_string(), "tokens": tokens, "unsaved": self.unsaved.iter().map(UnsavedToken::document).collect::<Vec<_>>() })
    }

    fn has_ended(&self, record: &TokenRecord) -> bool {
        record.expire != 0 && record.expire <= self.now
    }
}

impl Draw for TokenListing {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let user = Printable(&self.user.to_string()).to_string();
        if self.tokens.is_empty() {
            return screen.paragraph(0, &format!("{user} has no tokens"));
        }
        for listed in &self.tokens {
            let record = &listed.record;
            screen.heading(&format!("{user}!{}", record.name))?;
            if listed.is_in_file {
                screen.toned(2, Tone::Good, &format!("used by {}", self.file))?;
            }
            let separation = if record.separated {
                "privilege separation: only privileges granted to both the token and its user"
            } else {
                "no privilege separation: all privileges of its user"
            };
            screen.paragraph(2, separation)?;
            let ended = if self.has_ended(record) { ", which has expired" } else { "" };
            screen.paragraph(2, &format!("expires: {}{ended}", Expiry::shown(record.expire)))?;
            if let Some(comment) = &record.comment {
                screen.labelled("  comment: ", Tone::Plain, &comment.to_string())?;
            }
            draw_rights(screen, listed.rights.as_ref())?;
        }
        Ok(())
    }
}

/// Shows privileges by path; paths with the same ones are together.
fn draw_rights(screen: &mut Screen<'_>, rights: Option<&BTreeMap<String, Vec<String>>>) -> fmt::Result {
    let Some(rights) = rights else {
        return screen.paragraph(2, "permissions: none visible to this login (there may be some)");
    };
    if rights.is_empty() {
        return screen.paragraph(2, "permissions: none");
    }
    let mut groups: BTreeMap<&Vec<String>, Vec<&str>> = BTreeMap::new();
    for (path, held) in rights {
        groups.entry(held).or_default().push(path);
    }
    for (held, paths) in groups {
        screen.paragraph(2, &paths.join(", "))?;
        let text = if held.len() > 20 { format!("{} privileges", held.len()) } else { held.join(", ") };
        screen.paragraph(4, &text)?;
    }
    Ok(())
}
