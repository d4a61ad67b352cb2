//! Confirmations: asked for at a terminal, and by `--yes` without one.

use crate::error::{Error, UsageError};
use crate::model::TokenId;
use crate::ops::connection::{Connected, TrustedServer};
use crate::ops::context::Context;
use crate::ops::token::store::stored;
use crate::session::Session;
use crate::settings::Credentials;

/// Ends the run without a terminal if `--yes` was not given; `what` says what would be done.
pub(crate) fn require_yes(session: &Session, what: impl FnOnce() -> String) -> Result<(), Error> {
    if session.is_attended() || session.confirms_all {
        Ok(())
    } else {
        Err(Error::Usage(UsageError::NeedsYes { what: what() }))
    }
}

/// Finds a token in the settings file, other than this one, that would be replaced and still works, or may: it is tried
/// on the server that the file names, and on no other.
pub(crate) async fn replaced_working_token(
    session: &Session,
    context: &Context,
    server: TrustedServer,
    new: &TokenId,
) -> Result<Option<TokenId>, Error> {
    let Some(Credentials::Token { id, secret }) = stored(context)? else { return Ok(None) };
    if id == *new {
        return Ok(None);
    }
    if !context.is_server_of_file()? {
        return Ok(Some(id));
    }
    let credentials = Credentials::Token { id: id.clone(), secret };
    let connected = Connected::open_with(session, context, server, credentials).await?;
    match connected.pve.version().await {
        Err(refused) if refused.is_unauthenticated() => Ok(None),
        Ok(_) | Err(_) => Ok(Some(id)),
    }
}

/// Ends the run if a token in the settings file that works would be replaced without consent.
pub(crate) async fn require_yes_to_replace(
    session: &Session,
    context: &Context,
    server: TrustedServer,
    new: &TokenId,
) -> Result<(), Error> {
    // What a rehearsal stored is a simulated token, of a server that is gone.
    if session.is_attended() || session.confirms_all || context.is_sandbox() {
        return Ok(());
    }
    match replaced_working_token(session, context, server, new).await? {
        None => Ok(()),
        Some(old) => require_yes(session, || {
            format!("{new} would replace {old} in {}, which may still work", context.store.path().display())
        }),
    }
}
