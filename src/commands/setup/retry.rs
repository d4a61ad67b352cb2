//! What a person can do when a token could not be made: nothing is lost, and nothing was changed.

use crate::error::{Error, Kind, Report, TokenError};
use crate::ops::ask;
use crate::ops::context::Context;
use crate::session::Session;
use crate::ui::prompt::ChoicePrompt;

use super::server::Server;
use super::tell;
use super::token::{self, Identified};
use super::token_source::{LoginSource, TokenSource};

/// Shows why a token could not be made, and asks for another try or another way to one.
pub(super) async fn token(
    session: &Session,
    context: &mut Context,
    pve_server: &Server,
    source: &TokenSource,
    why: Error,
) -> Result<Identified, Error> {
    let again = match source {
        TokenSource::LogIn(_) => "log in again, or as another user",
        TokenSource::Shell(_) => "run it again, or at another address",
        TokenSource::Known => return Err(why),
    };
    if !session.is_attended() || is_final(&why) {
        return Err(why);
    }
    tell(session, &why);
    let items = [again, "get the token in another way", "quit (nothing was written)"].map(str::to_owned).to_vec();
    let menu = ChoicePrompt::new("What next?", items);
    match (ask::choice(session, menu, || ask::only_by("--no-input", "how it goes on")).await?, source) {
        (0, TokenSource::Shell(_)) => {
            let to = token::destination(session, &context.endpoint()?).await?;
            Ok(Identified::ToBeMade(TokenSource::Shell(Some(to))))
        }
        (0, _) => Ok(Identified::ToBeMade(TokenSource::LogIn(LoginSource::AskedAgain))),
        (1, _) => token::other_way(session, context, pve_server.clone()).await,
        _ => Err(why),
    }
}

/// Says whether nothing can follow: the person wants to leave, the certificate has changed, or something is left on the
/// server that has to be reported last.
fn is_final(why: &Error) -> bool {
    matches!(Report::of(why).kind, Kind::Interrupted(_) | Kind::LeftBehind | Kind::Tls)
        || matches!(why, Error::Token(TokenError::LeftOnServer { .. }))
}
