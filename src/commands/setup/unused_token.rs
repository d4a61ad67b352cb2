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
    while let Some(CreatedInRun { token, applied }) = report.unused.pop() {
        let text = format!("{} was created in this run and is no longer used", Printable(&token.to_string()));
        session.warn(text);
        let question = ConfirmPrompt::new(format!("Revoke {token} now?")).proposing_yes();
        let question = question.hinting("needs the administrator login again");
        let wants = applied.has_made(&token)
            && match ask::confirm_despite_yes(session, question, || {
                ask::answer_only_by("--no-input", "whether to revoke it")
            })
            .await
            {
                Ok(wants) => wants,
                Err(why) => return Err(applied.into_error(why)),
            };
        if !wants {
            session.info(&UnusedToken(applied.leftovers()));
            continue;
        }
        let login: LoginOptions = (&arguments.login).into();
        let admin = log_in(session, context, server.client(), server.realms(), &login);
        let admin = match unless_interrupted(session, admin).await {
            Ok(admin) => admin,
            Err(why) if is_final(&why) => return Err(applied.into_error(why)),
            Err(why) => {
                show_error(session, &why);
                session.info(&UnusedToken(applied.leftovers()));
                continue;
            }
        };
        let left = applied.revoke(session, &admin.pve, &token).await?;
        say(session, &token.to_string(), left);
    }
    Ok(())
}

/// Says what was removed, and what was not because others use it.
fn say(session: &Session, token: &str, left: Leftovers) {
    if left.lines.is_empty() && !left.kept.iter().any(|kept| kept.object.ends_with(token)) {
        session.done(format!("{} revoked; the login was discarded", Printable(token)));
    }
    for KeptObject { object, reason } in &left.kept {
        session.note(format!("{} was kept: {}", Printable(object), Printable(reason)));
    }
    if !left.lines.is_empty() {
        session.info(&UnusedToken(Leftovers { kept: Vec::new(), ..left }));
    }
}
