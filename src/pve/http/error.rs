//! What can go wrong between here and a server.

mod conditions;

use crate::model::foreign::listed;
use crate::model::{Fingerprint, Foreign};
use crate::pve::http::refusal_reason::RefusalReason;
use crate::pve::http::reply::Refusal;
use crate::pve::tls::{Leaf, NotValid, UntrustedCause};

/// What can go wrong between here and a server.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// The name is not in the DNS.
    #[error("the name {host} does not resolve: {why}")]
    UnknownName {
        /// The name.
        host: String,
        /// The resolver's own words.
        why: String,
    },
    /// No way to the address.
    #[error("no route to {server}")]
    NoRoute {
        /// Which server.
        server: String,
    },
    /// Nothing listens there.
    #[error("{server} refused the connection: nothing is listening on that port")]
    Refused {
        /// Which server.
        server: String,
    },
    /// No connection in time.
    #[error("{server} did not accept a connection within {seconds} s")]
    ConnectTimeout {
        /// Which server.
        server: String,
        /// For how long it was tried.
        seconds: u64,
    },
    /// A proxy is in between, and did not let us through.
    #[error("the proxy {proxy} (from {variable}) did not connect to {server}")]
    Proxy {
        /// The proxy, without its password.
        proxy: String,
        /// The variable that names it.
        variable: String,
        /// Which server.
        server: String,
        /// What happened.
        #[source]
        source: Box<ApiError>,
    },
    /// The value of a proxy variable is no proxy.
    #[error("the value of {variable} is not a usable proxy")]
    BadProxy {
        /// The variable.
        variable: String,
    },
    /// The connection broke.
    #[error("the connection to {server} was lost: {why}")]
    BrokenOff {
        /// Which server.
        server: String,
        /// The system's own words.
        why: String,
    },
    /// No answer in time.
    #[error("{server} did not answer within {seconds} s")]
    NoAnswer {
        /// Which server.
        server: String,
        /// For how long it was waited.
        seconds: u64,
    },
    /// An answer that began and did not go on.
    #[error("{server} stopped responding in the middle of a response ({seconds} s without data)")]
    Stalled {
        /// Which server.
        server: String,
        /// For how long it was waited.
        seconds: u64,
    },
    /// An answer without an end.
    #[error("the response of {server} is larger than {mebibytes} MiB")]
    TooLarge {
        /// Which server.
        server: String,
        /// The limit.
        mebibytes: u64,
    },
    /// A request that changes something, and whose answer was lost: it may have been carried out or not.
    #[error("the request may or may not have been carried out")]
    OutcomeUnknown {
        /// What happened to the answer.
        #[source]
        source: Box<ApiError>,
    },
    /// Something else than TLS speaks on the port.
    #[error("{server} does not use TLS; a plain HTTP server seems to be listening there")]
    NotTls {
        /// Which server.
        server: String,
    },
    /// The TLS handshake failed for another reason.
    #[error("cannot establish a TLS connection to {server}: {why}")]
    Handshake {
        /// Which server.
        server: String,
        /// The reason, as it is shown.
        why: String,
    },
    /// No trusted authority signed the certificate.
    #[error("the certificate of {server} is not trusted: {cause}")]
    CertificateUntrusted {
        /// Which server.
        server: String,
        /// Why not.
        cause: UntrustedCause,
        /// What it presented.
        leaf: Box<Leaf>,
    },
    /// The certificate has expired, or is not valid yet.
    #[error("the certificate of {server} is valid only from {} to {}", leaf.not_before.date(), leaf.not_after.date())]
    CertificateExpired {
        /// Which server.
        server: String,
        /// What it presented.
        leaf: Box<Leaf>,
    },
    /// The certificate of an authority is not valid now, so that it vouches for nothing.
    #[error("the CA that signed the certificate of {server} {why} ({authority})")]
    AuthorityNotValid {
        /// Which server.
        server: String,
        /// The subject of the authority.
        authority: Foreign,
        /// Why it is not valid.
        why: NotValid,
        /// What the server presented.
        leaf: Box<Leaf>,
    },
    /// The certificate cannot be used for a server, whatever signed it.
    #[error("the certificate of {server} cannot be used: {why}")]
    CertificateUnfit {
        /// Which server.
        server: String,
        /// Why not.
        why: String,
        /// What it presented.
        leaf: Box<Leaf>,
    },
    /// The certificate is for other names.
    #[error("the certificate of {server} is for a different name{}", named(leaf))]
    CertificateWrongName {
        /// Which server.
        server: String,
        /// What it presented.
        leaf: Box<Leaf>,
    },
    /// Another certificate than the pinned one.
    #[error("the certificate of {server} has changed: {} is pinned, the server presented {}", pinned, leaf.fingerprint)]
    CertificateChanged {
        /// Which server.
        server: String,
        /// What was pinned.
        pinned: Fingerprint,
        /// What it presented.
        leaf: Box<Leaf>,
    },
    /// Another certificate than the one that a flag or a variable of this run names.
    #[error("the certificate of {server} does not match {given_by}: the server presented {}", leaf.fingerprint)]
    CertificateNotAsGiven {
        /// Which server.
        server: String,
        /// The flag or variable.
        given_by: String,
        /// What it says.
        pinned: Fingerprint,
        /// What the server presented.
        leaf: Box<Leaf>,
    },
    /// The certificate was presented without its key.
    #[error(
        "{server} presented a certificate without having its private key: another machine is intercepting the connection"
    )]
    CertificateKeyMismatch {
        /// Which server.
        server: String,
    },
    /// A certificate that cannot be read.
    #[error("the certificate of {server} cannot be used: {why}")]
    CertificateBroken {
        /// Which server.
        server: String,
        /// The reason, as it is shown.
        why: String,
    },
    /// The system has no trusted certificates.
    #[error("this system has no trusted CA certificates")]
    NoSystemTrust,
    /// A file that should hold the certificate of an authority.
    #[error("{why}")]
    NotACa {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The server says no.
    #[error("{0}")]
    Refusal(Refusal),
    /// A page of something in between, or of the server in trouble.
    #[error("{server} answered {status} {phrase} with a page that is not from the API")]
    Gateway {
        /// Which server.
        server: String,
        /// The method of the request.
        method: String,
        /// The status.
        status: u16,
        /// The reason phrase.
        phrase: Foreign,
    },
    /// An answer that leads elsewhere.
    #[error("{server} answered {status} {phrase} with a redirect{}", to.as_ref().map(|to| format!(", to {to}")).unwrap_or_default())]
    Redirect {
        /// Which server.
        server: String,
        /// The status.
        status: u16,
        /// The reason phrase.
        phrase: Foreign,
        /// Where it leads.
        to: Option<Foreign>,
    },
    /// An answer that is not the API's.
    #[error("unexpected response from {server}: {what}")]
    NotUnderstood {
        /// Which server.
        server: String,
        /// What is strange about it.
        what: String,
    },
    /// The user needs a second factor to log in.
    #[error("{user} needs a second factor to log in (an API token does not)")]
    SecondFactor {
        /// Which user.
        user: String,
    },
    /// A name that no call can hold.
    #[error("{name} cannot be used in an API call because of the character `{found}`")]
    Unsendable {
        /// The name.
        name: String,
        /// The character.
        found: char,
    },
    /// The client could not be made.
    #[error("cannot prepare the connection: {why}")]
    Preparation {
        /// The reason, as it is shown.
        why: String,
    },
}

/// Tells which names a certificate is for.
fn named(leaf: &Leaf) -> String {
    let misfiled = listed(&leaf.addresses_as_names);
    let misfiled = if misfiled.is_empty() {
        misfiled
    } else {
        format!("; it contains {misfiled} as a DNS name, but an address is valid only as an IP address (IP:{misfiled})")
    };
    match (leaf.names.is_empty(), misfiled.is_empty()) {
        (true, true) => ": it contains no names (no subject alternative name)".to_owned(),
        (true, false) => misfiled,
        (false, _) => format!(": {}{misfiled}", listed(&leaf.names)),
    }
}

impl ApiError {
    /// Says that no call can hold a name.
    pub(in crate::pve) fn unsendable(name: &str, found: char) -> Self {
        Self::Unsendable { name: name.to_owned(), found }
    }

    /// Returns the server's own words, where it said no.
    #[must_use]
    pub fn server_text(&self) -> Option<Foreign> {
        match self {
            Self::Refusal(refusal) => Some(refusal.text()),
            Self::Gateway { status, phrase, .. } | Self::Redirect { status, phrase, .. } => {
                Some(Foreign::new(format!("{status} {phrase}")))
            }
            Self::OutcomeUnknown { source } => source.server_text(),
            _ => None,
        }
    }

    /// Returns the refusal, where the server said no.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refusal(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Says why the server, or something in front of it, said no; `None` if it did not.
    #[must_use]
    pub fn reason(&self) -> Option<RefusalReason> {
        match self {
            Self::Refusal(refusal) => Some(refusal.reason()),
            Self::Gateway { status, .. } => Some(RefusalReason::of_page(*status)),
            Self::Redirect { .. } => Some(RefusalReason::Redirected),
            Self::OutcomeUnknown { source } => source.reason(),
            _ => None,
        }
    }

    /// Returns the certificate that was presented and not accepted.
    #[must_use]
    pub const fn presented(&self) -> Option<&Leaf> {
        match self {
            Self::CertificateUntrusted { leaf, .. }
            | Self::CertificateUnfit { leaf, .. }
            | Self::CertificateExpired { leaf, .. }
            | Self::AuthorityNotValid { leaf, .. }
            | Self::CertificateWrongName { leaf, .. }
            | Self::CertificateChanged { leaf, .. }
            | Self::CertificateNotAsGiven { leaf, .. } => Some(leaf),
            _ => None,
        }
    }
}
