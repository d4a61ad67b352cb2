//! `glassdome token create`: makes a token with a log-in, tries it, and puts it into the settings file.

use serde_json::json;

use crate::cli::{Global, TokenCreate};
use crate::commands::ladder::Wish;
use crate::commands::test_vm::order;
use crate::commands::token::Told;
use crate::commands::token::create::{Creation, create};
use crate::commands::token::desk::Desk;
use crate::commands::token::notes::forget;
use crate::commands::token::save::save;
use crate::commands::unless_interrupted;
use crate::error::Error;
use crate::session::Session;
use crate::settings::AmbiguousValues;

pub(super) async fn run(session: &Session, global: &Global, arguments: &TokenCreate) -> Result<Told, Error> {
    let opened = Desk::open(session, global, &arguments.connection, "New token");
    let desk = unless_interrupted(session, opened).await?;
    let order = order(&desk.ground, &arguments.proof)?;
    let creation = Creation {
        login: &arguments.login,
        new: &arguments.new,
        order: &order,
        realms: &desk.realms,
        wish: Wish::Leaf,
        consent: AmbiguousValues::Withheld,
        is_rehearsal: arguments.dry_run,
    };
    let token = desk.token()?;
    let Some(created) = create(session, &desk.ground, desk.way(), &creation).await? else {
        let told = Told::of(json!({ "token": { "id": token.to_string(), "created": false }, "changed": [] }));
        return Ok(told.saying("dry run: nothing was changed".to_owned()));
    };
    let id = created.connected.who();
    match save(session, &desk.ground, &created.token, &created.secret, order.pool.as_ref()) {
        Ok(changed) => {
            created.made.saved()?;
            forget(session, &desk.ground, &created.token)?;
            let told = Told::of(json!({ "token": { "id": id, "created": true }, "changed": changed }));
            Ok(told.saying(format!("{id} is made, and its secret is in {}", desk.ground.store.path().display())))
        }
        Err(why) => Err(created.made.left(why)),
    }
}
