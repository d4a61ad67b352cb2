//! Finds the server, and decides how its certificate is judged.

use crate::cli::Setup;
use crate::commands::connect::{Ground, Trusted};
use crate::commands::ladder::{self, IsNew, Wish};
use crate::commands::overheard::overheard;
use crate::error::{Doing, Error};
use crate::model::Endpoint;
use crate::pve::{self, Leaf, Pve, Realm, Trust, probe};
use crate::session::Session;
use crate::settings::Credentials;

/// The way to a server that was found to be Proxmox VE.
pub(super) struct Way {
    endpoint: Endpoint,
    trust: Trust,
    trusted: Trusted,
    /// The certificate that was looked at, where it was accepted as new.
    accepted: Option<Leaf>,
    realms: Vec<String>,
}

impl Way {
    /// Gives the names of the realms.
    pub(super) fn realms(&self) -> &[String] {
        &self.realms
    }

    /// Says what shall be stored of the certificate.
    pub(super) fn wish(&self, arguments: &Setup) -> Result<Wish, Error> {
        let is_new = if self.accepted.is_some() { IsNew::Yes } else { IsNew::No };
        Ok(ladder::wish(&self.trust, is_new, arguments.pin)?)
    }

    /// Gives what a connection is made of.
    pub(super) fn into_parts(self) -> (Endpoint, Trust, Trusted) {
        (self.endpoint, self.trust, self.trusted)
    }
}

/// Finds the server; a certificate that is not trusted ends it, unless it was to be accepted as new.
pub(super) async fn find(session: &Session, ground: &Ground, arguments: &Setup) -> Result<Way, Error> {
    let endpoint = ground.endpoint()?;
    let (mut trust, mut trusted) = ground.trust()?;
    let mut accepted = None;
    if arguments.accept_new_certificate {
        let probed = probe(&endpoint, ground.limits(), &ground.proxies(session)).await;
        let leaf = probed.map_err(|source| unreachable(&endpoint, source))?.leaf;
        (trust, trusted) = (Trust::Pinned(leaf.fingerprint), Trusted::Pin);
        accepted = Some(leaf);
    }
    let pve = Pve::new(endpoint.clone(), &trust, ground.limits(), &ground.proxies(session))
        .map_err(|source| unreachable(&endpoint, source))?;
    let pve = overheard(pve, session);
    let realms = pve.domains().await.map_err(|source| judge(&endpoint, source))?;
    let server = endpoint.authority();
    if !realms.iter().any(|realm| realm.kind == "pve") {
        return Err(Error::NotProxmox { server, what: product(&realms).to_owned() });
    }
    let realms = realms.into_iter().map(|realm| realm.name).collect();
    Ok(Way { endpoint, trust, trusted, accepted, realms })
}

/// Says which product of the same house answers, by the realm that each has of its own.
pub(crate) fn product(realms: &[Realm]) -> &'static str {
    let has = |kind: &str| realms.iter().any(|realm| realm.kind == kind || realm.name == kind);
    if has("pbs") {
        "it is a Proxmox Backup Server"
    } else if has("pmg") {
        "it is a Proxmox Mail Gateway"
    } else {
        "it has no realm `pve`"
    }
}

fn unreachable(endpoint: &Endpoint, source: pve::Error) -> Error {
    Error::server(Doing::Reach(endpoint.authority()), source)
}

/// Tells a certificate that is not trusted, and a server that is something else, from one that cannot be reached.
fn judge(endpoint: &Endpoint, source: pve::Error) -> Error {
    let server = endpoint.authority();
    match source {
        pve::Error::CertificateUntrusted { .. } => {
            let leaf = source.presented();
            let facts = leaf.map(facts).unwrap_or_default();
            let fingerprint = leaf.map(|leaf| leaf.fingerprint.to_string()).unwrap_or_default();
            Error::Untrusted { server, facts, fingerprint, source }
        }
        pve::Error::NotUnderstood { what, .. } => Error::NotProxmox { server, what },
        pve::Error::Gateway { status, .. } if status < 500 => {
            Error::NotProxmox { server, what: format!("it answers {status} where Proxmox VE lists its realms") }
        }
        other => unreachable(endpoint, other),
    }
}

/// Lists what a certificate says of itself.
fn facts(leaf: &Leaf) -> Vec<String> {
    vec![
        format!("subject      {}", leaf.subject),
        format!("issuer       {}", leaf.issuer),
        format!("names        {}", leaf.names.join(", ")),
        format!("valid        {} to {}", leaf.not_before.date(), leaf.not_after.date()),
        format!("fingerprint  {}", leaf.fingerprint),
    ]
}

/// Says how certificates are judged from here on.
pub(super) fn told(way: &Way) -> Vec<String> {
    let mut lines = match way.trusted {
        Trusted::System => vec!["the certificate is trusted by this system".to_owned()],
        Trusted::Ca => vec!["the certificate is signed by the CA that is trusted for it".to_owned()],
        Trusted::Pin => vec!["the certificate is the pinned one".to_owned()],
        Trusted::Unverified => {
            vec!["the certificate is NOT verified: whoever is in between can read the secret".to_owned()]
        }
    };
    if let Some(leaf) = &way.accepted {
        lines = vec!["the certificate is accepted as it is presented now, and pinned for this run".to_owned()];
        lines.extend(facts(leaf));
        lines.push("compare the fingerprint with `pvenode cert info` on the server, entry pve-ssl.pem".to_owned());
    }
    lines
}

/// Checks that the user's realm exists: the server itself only says "Authentication failed!".
pub(super) fn know_realm(way: &Way, credentials: &Credentials) -> Result<(), Error> {
    let user = match credentials {
        Credentials::Token { id, .. } => &id.user,
        Credentials::Password { user, .. } => user,
    };
    if way.realms.iter().any(|realm| realm == user.realm()) {
        return Ok(());
    }
    Err(Error::UnknownRealm { user: user.clone(), realms: way.realms.clone() })
}
