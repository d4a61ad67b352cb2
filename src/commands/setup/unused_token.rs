//! A token that this run made and that another one took the place of: revoked, if the person wants that.

use crate::cli::Setup;
use crate::error::{Error, KeptObject, Leftovers};
use crate::ops::context::Context;
use crate::ops::options::LoginOptions;
use crate::ops::token::login::log_in;
use crate::ops::{ask, unless_interrupted};
use crate::session::Session;
use crate::ui::Printable;
use crate::ui::prompt::ConfirmPrompt;

use super::instructions::UnusedToken;
use super::report::{CreatedInRun, SetupReport};
use super::retry::is_final;
use super::server::Server;
use super::show_error;

/// Offers to revoke what this run made and does not use; what stays is named with the lines that remove it.
pub(super) async fn offer_to_revoke(
    session: &Session,
    context: &Context,
    server: &Server,
    arguments: &Setup,
    report: &mut SetupReport,
) -> Result<(), Error> {
    while let Some(unused) = report.unused.pop() {
        let token = unused.token.to_string();
        session.warn(format!("{} was created in this run and is no longer used", Printable(&token)));
        if let Some(CreatedInRun { applied, .. }) =
            revoke_if_wanted(session, context, server, arguments, unused).await?
        {
            session.info(&UnusedToken(applied.leftovers()));
        }
    }
    Ok(())
}

/// Offers to revoke the token that was made, where the person does not want to save it. What stays is reported at the
/// end.
pub(super) async fn offer_to_revoke_unsaved(
    session: &Session,
    context: &Context,
    server: &Server,
    arguments: &Setup,
    report: &mut SetupReport,
) -> Result<(), Error> {
    if let Some(made) = report.made.take() {
        let token = made.token.to_string();
        session.warn(format!("{} was created in this run and is not saved", Printable(&token)));
        report.made = revoke_if_wanted(session, context, server, arguments, made).await?;
    }
    Ok(())
}

/// Asks, logs an administrator in, and revokes a token; gives it back where it stays.
async fn revoke_if_wanted(
    session: &Session,
    context: &Context,
    server: &Server,
    arguments: &Setup,
    made: CreatedInRun,
) -> Result<Option<CreatedInRun>, Error> {
    let CreatedInRun { token, applied } = made;
    if !applied.has_made(&token) {
        return Ok(Some(CreatedInRun { token, applied }));
    }
    let question = ConfirmPrompt::new(format!("Revoke {token} now?")).proposing_yes();
    let question = question.hinting("needs the administrator login again");
    let otherwise = || ask::answer_only_by("--no-input", "whether to revoke it");
    match ask::confirm_despite_yes(session, question, otherwise).await {
        Ok(true) => {}
        Ok(false) => return Ok(Some(CreatedInRun { token, applied })),
        Err(why) => return Err(applied.into_error(why)),
    }
    let login: LoginOptions = (&arguments.login).into();
    let admin = log_in(session, context, server.client(), server.realms(), &login);
    match unless_interrupted(session, admin).await {
        Ok(admin) => {
            let left = applied.revoke(session, &admin.pve, &token).await?;
            say(session, &token.to_string(), left);
            Ok(None)
        }
        Err(why) if is_final(&why) => Err(applied.into_error(why)),
        Err(why) => {
            show_error(session, &why);
            Ok(Some(CreatedInRun { token, applied }))
        }
    }
}

/// Says what was removed, and what was not because others use it.
fn say(session: &Session, token: &str, left: Leftovers) {
    if left.lines.is_empty() && !left.kept.iter().any(|kept| kept.object.ends_with(token)) {
        session.done(format!("{} revoked; password not stored", Printable(token)));
    }
    for KeptObject { object, reason } in &left.kept {
        session.note(format!("{} was kept: {}", Printable(object), Printable(reason)));
    }
    if !left.lines.is_empty() {
        session.info(&UnusedToken(Leftovers { kept: Vec::new(), ..left }));
    }
}
