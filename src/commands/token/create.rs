//! `glassdome token create`: creates a token with an administrator login, tests it, and saves it to the settings file.

use serde_json::json;

use crate::cli::{Global, TokenCreate};
use crate::commands::options;
use crate::commands::token::TokenOutput;
use crate::error::Error;
use crate::ops::pin_ca::PinPolicy;
use crate::ops::token::admin_session::AdminSession;
use crate::ops::token::issue::{Creation, NodeNeeded, create, replaced};
use crate::ops::token::notes::{forget, replaced_token};
use crate::ops::token::store::save;
use crate::ops::unless_interrupted;
use crate::session::Session;
use crate::settings::AmbiguousValues;

pub(super) async fn run(session: &Session, global: &Global, arguments: &TokenCreate) -> Result<TokenOutput, Error> {
    let connection = options::connection(global, &arguments.connection);
    let opened = AdminSession::open(session, &connection, "New token");
    let admin_session = unless_interrupted(session, opened).await?;
    let order = options::test_vm(&admin_session.context, &(&arguments.privileges_for).into())?;
    let (login, new) = ((&arguments.login).into(), (&arguments.new).into());
    let creation = Creation {
        login: &login,
        new: &new,
        options: &order,
        realms: &admin_session.realms,
        pin_policy: PinPolicy::Leaf,
        consent: AmbiguousValues::Withheld,
        is_dry_run: arguments.dry_run,
        node: NodeNeeded::Later,
    };
    let token = admin_session.token()?;
    let Some(created) = create(session, &admin_session.context, admin_session.server(), &creation).await? else {
        let report = json!({ "token": { "id": token.to_string(), "created": false }, "changed": [] });
        return Ok(TokenOutput::dry_run(report));
    };
    let id = created.connected.caller_name();
    let replaced = replaced(&admin_session.context, &created.token);
    match save(session, &admin_session.context, &created.token, &created.secret, order.pool.as_ref()) {
        Ok(changed) => {
            created.made.saved()?;
            forget(session, &admin_session.context, &created.token)?;
            if let Some(old) = replaced {
                session.note(replaced_token(&old));
            }
            let output = TokenOutput::of(json!({ "token": { "id": id, "created": true }, "changed": changed }));
            Ok(output.saying(format!(
                "{id} created, and its secret saved in {}",
                admin_session.context.store.path().display()
            )))
        }
        Err(why) => Err(created.made.into_error(why)),
    }
}
