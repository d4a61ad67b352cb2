//! The checks that need the server: requests that do not depend on each other are sent at the same time.

use std::time::Duration;

use crate::cli::TestVmFlags;
use crate::commands::doctor::check::{Check, CheckFailure, CheckStatus};
use crate::commands::doctor::clone::{self, ServerReads};
use crate::commands::doctor::{Diagnosis, TLS_CHECKS, access, network};
use crate::commands::options;
use crate::error::Error;
use crate::ops::call_log::log_calls;
use crate::ops::connection::{Connected, TrustedServer};
use crate::ops::context::Context;
use crate::ops::test_vm::options::TestVmOptions;
use crate::pve::{self, Pve, Realm, Vm};
use crate::session::Session;
use crate::settings::{Key, SettingsError};

/// A server that accepted the credentials, and its VMs that matter to the diagnosis.
pub(super) struct ReachedServer {
    pub(super) connected: Connected,
    pub(super) vms: Result<Vec<Vm>, pve::ApiError>,
}

/// Makes the checks that need the server; returns it if it accepted the credentials.
pub(super) async fn checks(session: &Session, context: &Context, diagnosis: &mut Diagnosis) -> Option<ReachedServer> {
    let Ok(endpoint) = context.endpoint() else {
        diagnosis.skip_from(0, "no server is configured");
        return None;
    };
    let path = network::NetworkCheck::look(session, context, &endpoint).await;
    let is_open = path.is_open();
    let mut network = path.into_checks();
    let anonymous = context
        .trust()
        .ok()
        .and_then(|(trust, _)| Pve::new(endpoint.clone(), &trust, context.limits(), &context.proxies(session)).ok());
    let (true, Some(anonymous)) = (is_open, anonymous) else {
        network.extend(TLS_CHECKS.map(|id| Check::skipped(id, "the server is unreachable or not trusted")));
        diagnosis.groups.push(("Connection", network));
        diagnosis.skip_from(1, "the server could not be queried");
        return None;
    };
    let anonymous = log_calls(anonymous, session);
    let options = options::test_vm(context, &TestVmFlags::default());
    // The clocks are compared when the answer comes: the others may take longer.
    let realms = async { (anonymous.domains().await, session.clock.utc()) };
    let ((realms, now), inside) = tokio::join!(realms, log_in_and_read(session, context, options.as_ref().ok()));
    network.extend(network::answered(context, &anonymous, &realms, now));
    let names = anonymous.leaf().map(|leaf| leaf.names).unwrap_or_default();
    diagnosis.note("HOST", names.iter().filter(|name| **name != "localhost").map(ToString::to_string));
    diagnosis.groups.push(("Connection", network));
    authenticated_checks(session, context, diagnosis, AccessReads { realms, inside, options }).await
}

/// How long a node is waited for.
const NODE_LIMIT: Duration = Duration::from_secs(5);

/// Authenticates, and sends all requests that do not depend on another answer at once.
async fn log_in_and_read(
    session: &Session,
    context: &Context,
    options: Option<&TestVmOptions>,
) -> Option<Result<(Connected, ServerReads), Error>> {
    let (credentials, _) = context.settings.credentials().ok()?;
    let (endpoint, (trust, trusted)) = context.endpoint().ok().zip(context.trust().ok())?;
    let server = TrustedServer { endpoint, trust, trusted };
    let connected = Connected::open_with(session, context, server, credentials).await;
    Some(match connected {
        Ok(mut connected) => {
            connected.pve = connected.pve.with_node_limit(NODE_LIMIT);
            let inside = ServerReads::read(&connected, options).await;
            Ok((connected, inside))
        }
        Err(why) => Err(why),
    })
}

/// What the first questions brought.
struct AccessReads {
    realms: Result<Vec<Realm>, pve::ApiError>,
    /// Nothing where the credentials are invalid.
    inside: Option<Result<(Connected, ServerReads), Error>>,
    options: Result<TestVmOptions, Error>,
}

/// Makes the checks behind the authentication.
async fn authenticated_checks(
    session: &Session,
    context: &Context,
    diagnosis: &mut Diagnosis,
    AccessReads { realms, inside, options }: AccessReads,
) -> Option<ReachedServer> {
    let mut access = vec![realm_of(context, &realms)];
    if access.first().is_some_and(|realm| realm.status == CheckStatus::Failed) {
        access.push(Check::skipped("authentication", "the server has no such realm"));
        return diagnosis.skip_after_access(access, "the user's realm does not exist");
    }
    let (connected, inside) = match inside {
        Some(Ok(inside)) => inside,
        Some(Err(why)) => {
            access.push(Check::failed("authentication", &why));
            return diagnosis.skip_after_access(access, "not logged in");
        }
        None => {
            let is_missing = matches!(context.settings.credentials(), Err(SettingsError::Missing { .. }));
            let why = if is_missing { "no credentials are configured" } else { "the credentials are invalid" };
            access.push(Check::skipped("authentication", why));
            return diagnosis.skip_after_access(access, why);
        }
    };
    if realms.is_err() && inside.nodes.is_err() {
        access.push(Check::skipped("authentication", "the server could not be queried"));
        return diagnosis.skip_after_access(access, "the server could not be queried");
    }
    let authentication = access::authentication(&connected, &inside.nodes, &inside.version).await;
    let is_in = authentication.status == CheckStatus::Ok;
    access.push(authentication);
    if !is_in {
        let is_unknown =
            access.last().and_then(|check| check.failure.as_ref()).is_some_and(CheckFailure::is_of_credentials);
        let why = if is_unknown {
            "the server did not authenticate the request"
        } else {
            "the server does not respond correctly"
        };
        return diagnosis.skip_after_access(access, why);
    }
    let nodes = inside.nodes.iter().flatten().map(|node| node.name.to_string());
    diagnosis.note("NODE", nodes);
    let vms = inside.vms.clone();
    let variable = Key::Node.variable(&context.instance);
    let clone = async {
        match &options {
            Ok(options) => clone::checks(&connected, options, variable, inside).await,
            Err(why) => {
                let mut checks = vec![Check::failed("node", why)];
                checks.extend(clone::skipped("a setting is invalid").split_off(1));
                checks
            }
        }
    };
    let (token, clone) = tokio::join!(access::token(session, &connected), clone);
    access.push(token);
    diagnosis.groups.push(("Access", access));
    diagnosis.groups.push(("Test VM", clone));
    Some(ReachedServer { connected, vms })
}

fn realm_of(context: &Context, realms: &Result<Vec<Realm>, pve::ApiError>) -> Check {
    match context.settings.user() {
        Some(user) => access::realm(&user.value, realms),
        None if context.settings.source(Key::User).is_some() => Check::skipped("realm", "the user is invalid"),
        None => Check::skipped("realm", "no user is configured"),
    }
}
