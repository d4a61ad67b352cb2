//! `glassdome token create`: makes a token with a log-in, tries it, and puts it into the settings file.

use serde_json::json;

use crate::cli::{Global, TokenCreate};
use crate::commands::pin_ca::PinPolicy;
use crate::commands::test_vm::order;
use crate::commands::token::TokenOutput;
use crate::commands::token::admin_session::AdminSession;
use crate::commands::token::issue::{Creation, create};
use crate::commands::token::notes::forget;
use crate::commands::token::save::save;
use crate::commands::unless_interrupted;
use crate::error::Error;
use crate::session::Session;
use crate::settings::AmbiguousValues;

pub(super) async fn run(session: &Session, global: &Global, arguments: &TokenCreate) -> Result<TokenOutput, Error> {
    let opened = AdminSession::open(session, global, &arguments.connection, "New token");
    let desk = unless_interrupted(session, opened).await?;
    let order = order(&desk.context, &arguments.proof)?;
    let creation = Creation {
        login: &arguments.login,
        new: &arguments.new,
        order: &order,
        realms: &desk.realms,
        pin_policy: PinPolicy::Leaf,
        consent: AmbiguousValues::Withheld,
        is_rehearsal: arguments.dry_run,
    };
    let token = desk.token()?;
    let Some(created) = create(session, &desk.context, desk.way(), &creation).await? else {
        let told = TokenOutput::of(json!({ "token": { "id": token.to_string(), "created": false }, "changed": [] }));
        return Ok(told.saying("dry run: nothing was changed".to_owned()));
    };
    let id = created.connected.who();
    match save(session, &desk.context, &created.token, &created.secret, order.pool.as_ref()) {
        Ok(changed) => {
            created.made.saved()?;
            forget(session, &desk.context, &created.token)?;
            let told = TokenOutput::of(json!({ "token": { "id": id, "created": true }, "changed": changed }));
            Ok(told.saying(format!("{id} is made, and its secret is in {}", desk.context.store.path().display())))
        }
        Err(why) => Err(created.made.left(why)),
    }
}
