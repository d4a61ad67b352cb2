//! A token of the name exists already: another name, or a new secret.

use crate::error::{Error, Regeneration, Report, TokenError};
use crate::ops::ask;
use crate::ops::context::Context;
use crate::ops::token::apply::TokenSpec;
use crate::ops::token::rotate::next_name;
use crate::ops::token::store::require_no_other_use;
use crate::session::Session;
use crate::settings::{Key, Source};
use crate::ui::prompt::{ChoicePrompt, TextPrompt};

/// Asks what to do if a token of that name exists: create one with another name, or generate a new secret. In a
/// rehearsal without a terminal, the next free name is used unless the name was given.
pub(super) async fn resolve_existing_token(
    session: &Session,
    context: &Context,
    wanted: &mut TokenSpec<'_>,
    regeneration: Regeneration,
    why: Error,
) -> Result<(), Error> {
    let free = next_name(&wanted.token.name.to_string(), &[]);
    if !session.is_attended() {
        let (true, Some(Source::Sandbox), Some(name)) =
            (context.is_sandbox(), context.settings.source(Key::TokenName), free)
        else {
            return Err(why);
        };
        wanted.token.name = name;
        return Ok(());
    }
    session.error(&Report::in_wizard(&why));
    let mut ways = Vec::new();
    if context.is_open(session, Key::TokenName) {
        ways.push((ExistingChoice::Rename, "Create one with a different name"));
    }
    if regeneration == Regeneration::Offered {
        ways.push((ExistingChoice::Regenerate, "Generate a new secret: the old one stops working immediately"));
    }
    ways.push((ExistingChoice::Leave, "Neither: change nothing"));
    let menu = ChoicePrompt::new("What next?", ways.iter().map(|(_, text)| (*text).to_owned()).collect());
    let menu = menu.answered_as("Next", ways.iter().map(|(choice, _)| choice.short().to_owned()).collect());
    let index = ask::choice(session, menu, || ask::answer_only_by("--regenerate", "what to do with the token")).await?;
    match ways.get(index).map(|(choice, _)| *choice) {
        Some(ExistingChoice::Rename) => {
            let otherwise = || ask::answer_only_by("--token-name", "the token name");
            let default = free.map(|name| name.to_string());
            wanted.token.name = ask::value(session, TextPrompt::new("Token name").or(default), otherwise).await?;
        }
        Some(ExistingChoice::Regenerate) => {
            require_no_other_use(context, &wanted.token)?;
            wanted.may_regenerate = true;
        }
        // The reason is on the screen already.
        Some(ExistingChoice::Leave) | None => return Err(TokenError::PlanDeclined.into()),
    }
    Ok(())
}

/// What becomes of a token of the name that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExistingChoice {
    Rename,
    Regenerate,
    Leave,
}

impl ExistingChoice {
    /// Returns the line of an answer.
    pub(super) const fn short(self) -> &'static str {
        match self {
            Self::Rename => "a different name",
            Self::Regenerate => "a new secret",
            Self::Leave => "neither",
        }
    }
}
