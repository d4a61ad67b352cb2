//! What answers is not the server, or not provably.

use crate::error::hint::{by_flag, not_in_wizard, run, say};
use crate::error::{Hint, Kind};
use crate::model::Foreign;
use crate::pve;
use crate::settings::Sourced;
use crate::ui::Printable;
use std::path::PathBuf;

/// What answers is not the server, or not provably.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// Something answers, and it is not Proxmox VE.
    #[error("{server} is not Proxmox VE: {what}")]
    NotProxmox {
        /// Which server.
        server: String,
        /// What it seems to be.
        what: String,
    },
    /// The certificate is not trusted, and there is no terminal to ask at.
    #[error("the certificate of {server} is not trusted")]
    Untrusted {
        /// Which server.
        server: String,
        /// What it presented.
        facts: Vec<String>,
        /// Its fingerprint.
        fingerprint: String,
        /// Why it is not trusted.
        #[source]
        source: pve::ApiError,
    },
    /// A CA is stored for the server, and the certificate that is presented was not signed by it.
    #[error("the certificate of {server} is not signed by the CA in {} ({})", stored.value.display(), stored.source)]
    NotFromStoredCa {
        /// Which server.
        server: String,
        /// The file of the CA, and what names it.
        stored: Box<Sourced<PathBuf>>,
        /// What the server presented.
        facts: Vec<String>,
        /// The fingerprint of that.
        fingerprint: String,
        /// Why it is not trusted.
        #[source]
        source: pve::ApiError,
    },
}

impl ConnectionError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::NotProxmox { .. } => Kind::Server,
            Self::Untrusted { .. } | Self::NotFromStoredCa { .. } => Kind::Tls,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NotProxmox { .. } => {
                vec![by_flag(
                    "Proxmox VE listens on port 8006 unless a proxy is in front of it; pass --host NAME:PORT",
                    "Proxmox VE listens on port 8006 unless a proxy is in front of it; enter NAME:PORT",
                )]
            }
            Self::Untrusted { fingerprint, .. } => untrusted(fingerprint),
            Self::NotFromStoredCa { fingerprint, .. } => changed(fingerprint),
        }
    }

    /// Returns the lines of detail.
    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::Untrusted { facts, .. } | Self::NotFromStoredCa { facts, .. } => {
                facts.iter().map(|fact| Printable(fact).to_string()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the server's own words.
    pub(super) fn server_message(&self) -> Option<Foreign> {
        match self {
            Self::Untrusted { source, .. } | Self::NotFromStoredCa { source, .. } => source.server_text(),
            _ => None,
        }
    }
}

pub(super) fn untrusted(fingerprint: &str) -> Vec<Hint> {
    vec![
        say(
            "compare the fingerprint with that of `pve-ssl.pem` on the server (web interface: node > System > Certificates), or in its shell:",
        ),
        run("pvenode cert info"),
        by_flag("if they match, trust it by adding:", "if they match, trust it"),
        not_in_wizard(run(format!("--fingerprint {fingerprint}"))),
        by_flag(
            "or trust it without comparing (setup --accept-new-certificate, then the cluster CA is trusted), pass a CA certificate (--ca-file), or do not verify (--insecure)",
            "or trust a CA certificate in a file",
        ),
    ]
}

pub(super) fn not_as_given(given_by: &str, fingerprint: &str) -> Vec<Hint> {
    vec![
        by_flag(
            format!(
                "compare {given_by} with the fingerprint of `pve-ssl.pem` that this shows in the shell of the node:"
            ),
            "compare the fingerprint with that of `pve-ssl.pem` that this shows in the shell of the node:",
        ),
        run("pvenode cert info"),
        not_in_wizard(say("if that is the one that the server presented, pass it:")),
        not_in_wizard(run(format!("--fingerprint {fingerprint}"))),
    ]
}

pub(super) fn changed(fingerprint: &str) -> Vec<Hint> {
    vec![
        say(
            "the certificate was renewed (Proxmox VE does so every two years), or another machine is intercepting the connection; compare the fingerprint in the shell of the node:",
        ),
        run("pvenode cert info"),
        by_flag(
            "if they match, pin the new certificate and trust the cluster CA, which remains valid for longer:",
            "if they match, trust it and the cluster CA, which remains valid for longer",
        ),
        not_in_wizard(run(format!("glassdome setup --fingerprint {fingerprint} --pin ca"))),
    ]
}
