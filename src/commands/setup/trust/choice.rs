//! What can be done about a certificate that is not trusted.

use super::certificate::Flaw;
use crate::error::Error;
use crate::model::{Endpoint, Host};
use crate::ops::context::Context;
use crate::pve::Leaf;
use crate::session::Session;
use crate::settings::Key;
use std::path::PathBuf;

/// What can be done about a certificate.
#[derive(Clone)]
pub(in crate::commands::setup) enum TrustChoice {
    Cluster,
    Pin,
    /// Trust the CA in a file; which one is asked once this is chosen.
    CaFile(Option<PathBuf>),
    /// Call the server by a name that the certificate is for.
    Name(Endpoint),
    Unverified,
    OtherServer,
    /// Keep what was chosen before.
    Keep,
    Leave,
}

impl TrustChoice {
    /// Returns the line of an answer.
    pub(super) fn short(&self) -> String {
        match self {
            Self::Cluster => "cluster CA".to_owned(),
            Self::Pin => "this certificate only".to_owned(),
            Self::CaFile(_) => "CA file".to_owned(),
            Self::Name(endpoint) => format!("connect to {endpoint}"),
            Self::Unverified => "not verified".to_owned(),
            Self::OtherServer | Self::Keep => "go back".to_owned(),
            Self::Leave => "quit".to_owned(),
        }
    }
}

/// Lists what can be done. Where a certificate has changed, to leave is what is proposed; where it does not look like one of
/// Proxmox VE, to name another server. What was chosen `before` can be kept.
pub(super) fn trust_choices(
    session: &Session,
    context: &Context,
    leaf: &Leaf,
    flaw: &Flaw,
    before: Option<&TrustChoice>,
) -> Result<Vec<(TrustChoice, String)>, Error> {
    let mut ways = Vec::new();
    if context.is_open(session, Key::Host) && *flaw == Flaw::WrongName {
        let port = context.host()?.port();
        let names = leaf.names.iter().filter_map(|name| name.parse::<Host>().ok()).filter(is_reachable);
        ways.extend(names.map(|host| {
            let endpoint = Endpoint::new(host, port);
            let text = format!("Connect to {endpoint} instead, a name in the certificate");
            (TrustChoice::Name(endpoint), text)
        }));
    }
    let is_unknown_issuer = *flaw == Flaw::UnknownIssuer && !leaf.is_of_proxmox;
    let other = (TrustChoice::OtherServer, "Go back and enter a different server".to_owned());
    let is_host_open = context.is_open(session, Key::Host);
    if is_unknown_issuer && is_host_open {
        ways.push(other.clone());
    }
    let recommended = if is_unknown_issuer { "" } else { " (recommended)" };
    ways.push((TrustChoice::Cluster, format!("Yes, and trust the cluster's CA from now on{recommended}")));
    ways.push((TrustChoice::Pin, "Yes, only this certificate".to_owned()));
    if !context.is_sandbox() {
        ways.push((TrustChoice::CaFile(None), "I have the CA in a file".to_owned()));
    }
    ways.push((TrustChoice::Unverified, "Do not verify: anyone on the network path can read the secret".to_owned()));
    if !is_unknown_issuer && is_host_open {
        ways.push(other);
    }
    if let Some(before) = before {
        ways.push((TrustChoice::Keep, format!("Go back, and keep the answer: {}", before.short())));
    }
    let leave = (TrustChoice::Leave, "Quit (nothing was written)".to_owned());
    if matches!(flaw, Flaw::Changed | Flaw::NotFromStoredCa) || (is_unknown_issuer && !is_host_open) {
        ways.insert(0, leave);
    } else {
        ways.push(leave);
    }
    Ok(ways)
}

/// Returns whether a name leads from here to the server, and not to this machine.
fn is_reachable(host: &Host) -> bool {
    match host.address() {
        Some(address) => !address.is_loopback(),
        None => host.to_string() != "localhost",
    }
}
