//! `glassdome token rotate`: replaces the secret in the settings file.

use serde_json::json;

use crate::cli::{Global, TokenRotate};
use crate::commands::options;
use crate::commands::token::TokenOutput;
use crate::error::Error;
use crate::journal::Journal;
use crate::ops::context::Context;
use crate::ops::token::admin_session::AdminSession;
use crate::ops::token::consent;
use crate::ops::token::rotate::{Preview, Rotated, RotationMethod, Rotator};
use crate::ops::unless_interrupted;
use crate::session::Session;
use crate::ui::Printable;

pub(super) async fn run(session: &Session, global: &Global, arguments: &TokenRotate) -> Result<TokenOutput, Error> {
    if !arguments.dry_run {
        consent::require_yes(session, || "rotating replaces the secret in the settings file".to_owned())?;
    }
    let journal = if arguments.connection.is_sandbox() { None } else { Some(Journal::new(session.state_folder()?)) };
    let opened = async {
        let admin_session =
            AdminSession::open(session, &options::connection(global, &arguments.connection), "Rotate the token")
                .await?;
        let admin = admin_session.admin(session, &(&arguments.login).into()).await?;
        Ok((admin_session, admin))
    };
    let (admin_session, admin) = unless_interrupted(session, opened).await?;
    let method = if arguments.in_place { RotationMethod::InPlace } else { RotationMethod::NewToken };
    let rotator = Rotator::new(session, admin_session, admin, journal);
    if arguments.dry_run {
        let Preview { old, new } = unless_interrupted(session, rotator.preview(method)).await?;
        let report = json!({ "token": { "id": new.to_string() }, "replaced": old.to_string() });
        return Ok(TokenOutput::dry_run(report));
    }
    let rotated = rotator.rotate(method).await?;
    Ok(output(rotator.context(), rotated))
}

fn output(context: &Context, rotated: Rotated) -> TokenOutput {
    let Rotated { old, new, how, kept } = rotated;
    let file = context.store.path().display();
    let line = if old == new {
        format!("{new} has a new secret, saved in {file}")
    } else {
        format!("{new} replaces {old}, and its secret is saved in {file}")
    };
    let mut output = TokenOutput::of(json!({
        "token": { "id": new.to_string() }, "replaced": old.to_string(), "how": how,
        "kept": kept.as_ref().map(|why| Printable(why).to_string()),
    }));
    output = output.saying(line);
    match kept {
        None => output,
        Some(why) => output.saying(format!("{old} is still on the server: {}", Printable(&why))),
    }
}
