//! The first contact with a server, and what went wrong in it.

use super::{Server, certificate_details};
use crate::cli::Setup;
use crate::error::{ConnectionError, Error};
use crate::model::Endpoint;
use crate::ops::call_log::log_calls;
use crate::ops::connection::TrustSource;
use crate::ops::context::Context;
use crate::ops::pin_ca::CertificateSeen;
use crate::ops::product::product;
use crate::pve::{self, Pve, Trust, probe};
use crate::session::Session;
use crate::settings::{Key, Source};

pub(super) async fn connect(session: &Session, context: &Context, arguments: &Setup) -> Result<Server, Error> {
    let endpoint = context.endpoint()?;
    let mut accepted = None;
    let (trust, trusted) = if arguments.accept_new_certificate && is_first_contact(context)? {
        let probed = probe(&endpoint, context.limits(), &context.proxies(session)).await;
        let leaf = probed.map_err(|source| Error::connecting(&endpoint, source))?.leaf;
        (Trust::Pinned(accepted.insert(leaf).fingerprint.into()), TrustSource::Pin)
    } else {
        context.trust()?
    };
    context.accepted.set(accepted.as_ref().map(|leaf| leaf.fingerprint));
    context.repeat_flags(session);
    let pve = Pve::new(endpoint.clone(), &trust, context.limits(), &context.proxies(session))
        .map_err(|source| Error::connecting(&endpoint, source))?;
    let pve = log_calls(pve, session);
    let realms = match pve.domains().await {
        Ok(realms) => realms,
        Err(source) => return Err(classify(context, &endpoint, source)?),
    };
    let server = endpoint.authority();
    if !realms.iter().any(|realm| realm.kind == "pve") {
        return Err(Error::Connection(ConnectionError::NotProxmox { server, what: product(&realms).to_owned() }));
    }
    let realms = realms.into_iter().map(|realm| realm.name.to_string()).collect();
    let is_new = if accepted.is_some() { CertificateSeen::JustAccepted } else { CertificateSeen::Before };
    Ok(Server { pve, endpoint, trust, trusted, accepted, is_new, realms })
}

/// Returns whether nothing is stored for this server, and its certificate was not decided on in this run, so that
/// whatever it presents may be accepted as new.
fn is_first_contact(context: &Context) -> Result<bool, Error> {
    let is_decided = matches!(context.settings.source(Key::VerifySsl), Some(Source::Answer));
    Ok(!is_decided && !context.has_stored_trust())
}

/// Distinguishes an untrusted certificate and a server that is not Proxmox VE from a server that cannot be reached.
fn classify(context: &Context, endpoint: &Endpoint, source: pve::ApiError) -> Result<Error, Error> {
    let server = endpoint.authority();
    Ok(match source {
        pve::ApiError::CertificateUntrusted { .. } => {
            let leaf = source.presented();
            let facts = leaf.map(certificate_details).unwrap_or_default();
            let fingerprint = leaf.map(|leaf| leaf.fingerprint.to_string()).unwrap_or_default();
            match context.settings.ca_file() {
                Some(stored) if !context.is_for_another_server(Key::CaFile) => {
                    Error::Connection(ConnectionError::NotFromStoredCa {
                        server,
                        stored: Box::new(stored),
                        facts,
                        fingerprint,
                        source,
                    })
                }
                _ => Error::Connection(ConnectionError::Untrusted { server, facts, fingerprint, source }),
            }
        }
        pve::ApiError::NotUnderstood { what, .. } => {
            Error::Connection(ConnectionError::NotProxmox { server, what: format!("unexpected response ({what})") })
        }
        other => Error::connecting(endpoint, other),
    })
}
