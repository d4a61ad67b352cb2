//! Finds the port of a server whose address came from a browser without one.

use crate::error::Error;
use crate::model::Endpoint;
use crate::ops::context::Context;
use crate::ops::with_spinner;
use crate::pve::probe;
use crate::session::Session;
use crate::settings::Setting;

/// Whether the port that answers is going to be written to the settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PortUse {
    /// In this run alone.
    Now,
    /// It is stored, too.
    Stored,
}

/// Decides between the port of Proxmox VE and that of the web, where an address leaves it open: an `https://` address of
/// a browser without a port. What answers is kept; where nothing does, the port of Proxmox VE stays.
pub(crate) async fn settle_port(session: &Session, context: &mut Context, port_use: PortUse) -> Result<(), Error> {
    // A missing or invalid server is reported by the step that needs it.
    let Ok(host) = context.host() else { return Ok(()) };
    let Some(other) = host.alternative().filter(|_| !context.is_sandbox()) else { return Ok(()) };
    let (port, other_port) = (host.port(), other.port());
    if with_spinner(session, &format!("Trying port {port}"), is_answering(session, context, &host)).await {
        return Ok(());
    }
    if with_spinner(session, &format!("Trying port {other_port}"), is_answering(session, context, &other)).await {
        let end = if port_use == PortUse::Stored { "used and stored" } else { "used" };
        session.note(format!("port {port} does not answer, port {other_port} does: it is {end}"));
        return context.answer(Setting::Host(other));
    }
    session.note(format!("neither port {port} nor port {other_port} of {} answers", host.host()));
    Ok(())
}

/// Returns whether something speaks TLS there, whatever its certificate.
async fn is_answering(session: &Session, context: &Context, endpoint: &Endpoint) -> bool {
    match probe(endpoint, context.limits(), &context.proxies(session)).await {
        Ok(_) => true,
        Err(why) => why.is_of_tls() && !matches!(why, crate::pve::ApiError::NotTls { .. }),
    }
}
