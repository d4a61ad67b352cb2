//! One trust policy per run, and what can be wrong with a certificate under it.

mod authorities;
mod ca_bundle;
mod certificate;
mod key;
mod probe;
mod verifier;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, OtherError};
use time::OffsetDateTime;

pub use self::ca_bundle::{CaBundle, certificates_in};
pub use self::certificate::{Leaf, NotValid};
pub use self::probe::{Probed, probe};
use self::verifier::Verifier;
use crate::model::foreign::listed;
use crate::model::{Endpoint, Fingerprint, Foreign};
use crate::pve::ApiError;

/// How the certificate of the server is judged: one policy, decided once, for every request of a run.
#[derive(Debug, Clone)]
pub enum Trust {
    /// By the authorities that the system trusts.
    System,
    /// By one authority alone.
    Ca(CaBundle),
    /// By one authority, and the certificate must be this one as well.
    CaAndPinned(CaBundle, PinnedFingerprint),
    /// The certificate must be this one; who signed it, for which name and how long does not matter.
    Pinned(PinnedFingerprint),
    /// Not at all: anyone on the network path can read the secret. Exists only because `PROXMOX_VERIFY_SSL=false` does.
    Unverified,
}

/// The fingerprint of the only certificate that is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedFingerprint {
    /// The fingerprint.
    pub fingerprint: Fingerprint,
    /// The flag or variable of this run that says it; `None` if it was stored earlier, so that another certificate is a
    /// changed one.
    pub given_by: Option<String>,
}

impl From<Fingerprint> for PinnedFingerprint {
    /// Makes a stored one.
    fn from(fingerprint: Fingerprint) -> Self {
        Self { fingerprint, given_by: None }
    }
}

/// Why no authority vouches for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UntrustedCause {
    /// It is signed with its own key.
    SelfSigned,
    /// The system does not know its issuer.
    NotInSystem(Foreign),
    /// The CA file does not hold its issuer, but these.
    NotInFile {
        /// The issuer of the certificate.
        issuer: Foreign,
        /// The subjects of what the file holds.
        held: Vec<Foreign>,
    },
    /// An authority of the same name, with another key, signed it.
    OtherKey(Foreign),
}

impl fmt::Display for UntrustedCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfSigned => formatter.write_str("it is self-signed"),
            Self::NotInSystem(issuer) => write!(formatter, "this system does not trust its issuer, {issuer}"),
            Self::NotInFile { issuer, held } => write!(
                formatter,
                "its issuer, {issuer}, is not in the CA file (it contains: {}); if the issuer is an intermediate CA, the server does not send its certificate",
                listed(held)
            ),
            Self::OtherKey(issuer) => {
                write!(formatter, "it was signed by a CA with the same name but a different key: {issuer}")
            }
        }
    }
}

/// Why a certificate is not accepted. It is passed inside the TLS library's error, so that it is reported for exactly
/// the handshake that it belongs to.
#[derive(Debug, Clone)]
pub(super) enum CertError {
    Untrusted(UntrustedCause, Leaf),
    Expired(Leaf),
    /// Signed by a trusted CA, but not usable for a server.
    Unfit(String, Leaf),
    /// The certificate of the authority itself, or of an intermediate one, is not valid now.
    AuthorityNotValid(Leaf, NotValid, Leaf),
    WrongName(Leaf),
    NotPinned(PinnedFingerprint, Leaf),
    KeyMismatch,
    Broken(String),
    /// It is the certificate of the proxy, which has nothing to do with the trust in the server.
    OfProxy(String),
    /// Nothing is wrong with it: it was only to be read, and the handshake is ended before any request.
    ProbeOnly,
}

impl CertError {
    /// Finds the verdict in an error of the TLS library.
    pub(super) fn within(why: &rustls::Error) -> Option<&Self> {
        let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = why else { return None };
        inner.downcast_ref()
    }

    /// Makes the error that the user lives through.
    pub(super) fn error(self, server: String) -> ApiError {
        match self {
            Self::Untrusted(cause, leaf) => ApiError::CertificateUntrusted { server, cause, leaf: Box::new(leaf) },
            Self::Unfit(why, leaf) => ApiError::CertificateUnfit { server, why, leaf: Box::new(leaf) },
            Self::Expired(leaf) => ApiError::CertificateExpired { server, leaf: Box::new(leaf) },
            Self::AuthorityNotValid(authority, why, leaf) => {
                ApiError::AuthorityNotValid { server, authority: authority.subject, why, leaf: Box::new(leaf) }
            }
            Self::WrongName(leaf) => ApiError::CertificateWrongName { server, leaf: Box::new(leaf) },
            Self::NotPinned(PinnedFingerprint { fingerprint: pinned, given_by }, leaf) => {
                let leaf = Box::new(leaf);
                match given_by {
                    Some(given_by) => ApiError::CertificateNotAsGiven { server, given_by, pinned, leaf },
                    None => ApiError::CertificateChanged { server, pinned, leaf },
                }
            }
            Self::KeyMismatch => ApiError::CertificateKeyMismatch { server },
            Self::Broken(why) => ApiError::CertificateBroken { server, why },
            Self::OfProxy(why) => ApiError::Handshake { server, why },
            Self::ProbeOnly => ApiError::Handshake { server, why: "ended after reading the certificate".to_owned() },
        }
    }

    /// Makes the error for a certificate, or one that says that it cannot be read.
    fn on(der: &CertificateDer<'_>, verdict: impl FnOnce(Leaf) -> Self) -> Self {
        match Leaf::read(der) {
            Ok(leaf) => verdict(leaf),
            Err(why) => Self::Broken(why),
        }
    }

    /// Says that an authority is not valid now, or that its certificate cannot be read.
    fn on_authority(authority: &CertificateDer<'_>, leaf: &CertificateDer<'_>, now: UnixTime) -> Self {
        let broken = |why: &str| Self::Broken(why.to_owned());
        let Ok(authority) = Leaf::read(authority) else { return broken("the certificate of its CA cannot be read") };
        let Some(why) = date(now).and_then(|now| authority.not_valid_at(now)) else {
            return broken("the certificate of its CA is not valid now");
        };
        Self::on(leaf, |leaf| Self::AuthorityNotValid(authority, why, leaf))
    }
}

impl fmt::Display for CertError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the certificate is not accepted")
    }
}

impl std::error::Error for CertError {}

impl From<CertError> for rustls::Error {
    fn from(verdict: CertError) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(verdict))))
    }
}

/// The certificates that a server presented, its own first.
pub(super) type Chain = Vec<CertificateDer<'static>>;

/// Where the verifier stores the certificates that the server presented last.
#[derive(Debug, Clone, Default)]
pub(super) struct Presented(Arc<Mutex<Chain>>);

impl Presented {
    /// Returns the certificates; none before the first handshake.
    pub(super) fn chain(&self) -> Chain {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether a certificate is the server's own, and not a proxy's.
    fn is_of_server(&self, certificate: &CertificateDer<'_>) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first().is_some_and(|leaf| leaf == certificate)
    }

    fn note(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) {
        let chain = std::iter::once(leaf).chain(rest).map(|it| it.clone().into_owned()).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = chain;
    }
}

/// What the verifier does if it has found nothing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandshakePurpose {
    /// Lets the requests through.
    Requests,
    /// Breaks the handshake off, so that nothing can ever be sent.
    Probe,
    /// As `Probe`, but accepts signatures that cannot be verified, to read the certificate after a failed handshake.
    Identify,
}

/// Makes the TLS configuration of a run, and the place where its verifier stores the presented certificates.
pub(super) fn configuration(
    endpoint: &Endpoint,
    trust: &Trust,
    purpose: HandshakePurpose,
) -> Result<(ClientConfig, Presented), ApiError> {
    let verifier = Verifier::new(endpoint, trust, purpose)?;
    let presented = verifier.presented.clone();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider));
    let builder =
        builder.with_safe_default_protocol_versions().map_err(|why| ApiError::Preparation { why: why.to_string() })?;
    let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    Ok((config, presented))
}

/// Verifies a certificate that was read earlier as a run that trusts these CAs would.
pub(super) fn verify_against(bundle: &CaBundle, chain: &Chain, endpoint: &Endpoint) -> Result<(), ApiError> {
    let server = endpoint.authority();
    let verifier = Verifier::new(endpoint, &Trust::Ca(bundle.clone()), HandshakePurpose::Requests)?;
    let unusable = |why: &str| ApiError::CertificateBroken { server: server.clone(), why: why.to_owned() };
    let name =
        verifier.server.clone().ok_or_else(|| unusable("the name of the server is not allowed in a certificate"))?;
    let (leaf, rest) = chain.split_first().ok_or_else(|| unusable("the server presented none"))?;
    let verified = verifier.verify_server_cert(leaf, rest, &name, &[], UnixTime::now());
    verified.map(drop).map_err(|why| match CertError::within(&why) {
        Some(verdict) => verdict.clone().error(server.clone()),
        None => unusable(&why.to_string()),
    })
}

/// Returns the name that the server has for TLS: the host of its URL as the HTTP library reads it.
fn server_name(endpoint: &Endpoint) -> Option<ServerName<'static>> {
    let url = Url::parse(&endpoint.url()).ok()?;
    ServerName::try_from(url.host_str()?.trim_matches(['[', ']']).to_owned()).ok()
}

fn date(time: UnixTime) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(time.as_secs()).ok()?).ok()
}
