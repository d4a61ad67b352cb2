//! The checks that need the server: what needs no other answer is asked at once, and the rest at once behind it.

use crate::cli::Proof;
use crate::commands::connect::{Connected, Ground};
use crate::commands::doctor::check::{Check, Failure, Status};
use crate::commands::doctor::clone::{self, Inside};
use crate::commands::doctor::{Examination, SKIPPED_WAY, access, way};
use crate::commands::overheard::overheard;
use crate::commands::proof::order::Order;
use crate::commands::test_vm;
use crate::error::Error;
use crate::pve::{self, Pve, Realm, Vm};
use crate::session::Session;
use crate::settings::{Credentials, Key};

/// A server that let us in, and those VMs there that matter.
pub(super) struct Reached {
    pub(super) connected: Connected,
    pub(super) vms: Result<Vec<Vm>, pve::ApiError>,
}

/// Makes the checks that need the server; gives it, where it let us in.
pub(super) async fn checks(session: &Session, ground: &Ground, examination: &mut Examination) -> Option<Reached> {
    let Ok(endpoint) = ground.endpoint() else {
        examination.skip_from(0, "no server is known");
        return None;
    };
    let path = way::Path::look(session, ground, &endpoint).await;
    let is_open = path.is_open();
    let mut way = path.into_checks();
    let anonymous = ground
        .trust()
        .ok()
        .and_then(|(trust, _)| Pve::new(endpoint.clone(), &trust, ground.limits(), &ground.proxies(session)).ok());
    let (true, Some(anonymous)) = (is_open, anonymous) else {
        way.extend(SKIPPED_WAY.map(|id| Check::skipped(id, "there is no way to the server, or no trust in it")));
        examination.groups.push(("Way", way));
        examination.skip_from(1, "the server could not be asked");
        return None;
    };
    let anonymous = overheard(anonymous, session);
    let order = test_vm::order(ground, &Proof::default());
    // The clocks are compared when the answer comes: the others may take longer.
    let realms = async { (anonymous.domains().await, session.clock.utc()) };
    let ((realms, now), inside) = tokio::join!(realms, inside(session, ground, order.as_ref().ok()));
    way.extend(way::answered(ground, &anonymous, &realms, now));
    let names = anonymous.leaf().map(|leaf| leaf.names).unwrap_or_default();
    examination.note("HOST", names.iter().filter(|name| **name != "localhost").map(ToString::to_string));
    examination.groups.push(("Way", way));
    within(session, ground, examination, Asked { realms, inside, order }).await
}

/// Authenticates, and asks at once all that needs no other answer.
async fn inside(
    session: &Session,
    ground: &Ground,
    order: Option<&Order>,
) -> Option<Result<(Connected, Inside), Error>> {
    let (credentials, _) = ground.settings.credentials().ok()?;
    let (endpoint, trust) = ground.endpoint().ok().zip(ground.trust().ok())?;
    let connected = Connected::with(session, ground, (endpoint, trust.0, trust.1), credentials).await;
    Some(match connected {
        Ok(connected) => {
            let inside = Inside::read(&connected, order).await;
            Ok((connected, inside))
        }
        Err(why) => Err(why),
    })
}

/// What the first questions brought.
struct Asked {
    realms: Result<Vec<Realm>, pve::ApiError>,
    /// Nothing where there are no credentials of the right form.
    inside: Option<Result<(Connected, Inside), Error>>,
    order: Result<Order, Error>,
}

/// Makes the checks behind the authentication.
async fn within(
    session: &Session,
    ground: &Ground,
    examination: &mut Examination,
    Asked { realms, inside, order }: Asked,
) -> Option<Reached> {
    let user = ground.settings.credentials().ok().map(|(credentials, _)| match credentials {
        Credentials::Token { id, .. } => id.user,
        Credentials::Password { user, .. } => user,
    });
    let mut access = vec![match &user {
        Some(user) => access::realm(user, &realms),
        None => Check::skipped("realm", "no user is known"),
    }];
    let (connected, inside) = match inside {
        Some(Ok(inside)) => inside,
        Some(Err(why)) => {
            access.push(Check::failed("authentication", &why));
            return examination.cut(access, "nobody is logged in");
        }
        None => {
            access.push(Check::skipped("authentication", "there are no credentials of the right form"));
            return examination.cut(access, "there are no credentials");
        }
    };
    if realms.is_err() && inside.nodes.is_err() {
        access.push(Check::skipped("authentication", "the server could not be asked"));
        return examination.cut(access, "the server could not be asked");
    }
    let proof = access::authentication(&connected, &inside.nodes, &inside.version).await;
    let is_in = proof.status == Status::Ok;
    access.push(proof);
    if !is_in {
        let is_unknown = access.last().and_then(|check| check.failure.as_ref()).is_some_and(Failure::is_of_credentials);
        let why =
            if is_unknown { "the server does not know who asks" } else { "the server does not answer as it should" };
        return examination.cut(access, why);
    }
    let nodes = inside.nodes.iter().flatten().map(|node| node.name.to_string());
    examination.note("NODE", nodes);
    let vms = inside.vms.clone();
    let variable = Key::Node.variable(&ground.instance);
    let clone = async {
        match &order {
            Ok(order) => clone::checks(&connected, order, variable, inside).await,
            Err(why) => {
                let mut checks = vec![Check::failed("node", why)];
                checks.extend(clone::skipped("the settings cannot be read").split_off(1));
                checks
            }
        }
    };
    let (token, clone) = tokio::join!(access::token(session, &connected), clone);
    access.push(token);
    examination.groups.push(("Access", access));
    examination.groups.push(("Clone", clone));
    Some(Reached { connected, vms })
}
