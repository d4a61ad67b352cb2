//! One trust policy per run, and the judge that holds every handshake to it.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use crate::model::{Endpoint, Fingerprint, Host};
use crate::pve::Error;
use crate::pve::certificate::{CaBundle, Leaf, fingerprint};

/// How the certificate of the server is judged: one policy, decided once, for every request of a run.
#[derive(Debug, Clone)]
pub enum Trust {
    /// By the authorities that the system trusts.
    System,
    /// By one authority alone.
    Ca(CaBundle),
    /// By one authority, and the certificate must be this one as well.
    CaAndPinned(CaBundle, Fingerprint),
    /// The certificate must be this one; who signed it, for which name and how long does not matter.
    Pinned(Fingerprint),
    /// Not at all: whoever is in between can read the secret. Exists only because `PROXMOX_VERIFY_SSL=false` does.
    Unverified,
}

/// Why a certificate is not accepted. It travels inside the TLS library's error, so that it is told of the handshake
/// that it belongs to and of no other.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    Untrusted(Leaf),
    Expired(Leaf),
    WrongName(Leaf),
    Changed(Fingerprint, Leaf),
    Stolen,
    Broken(String),
    /// It is the certificate of the proxy, which has nothing to do with the trust in the server.
    OfProxy(String),
    /// Nothing is wrong with it: it was to be looked at, and the handshake is broken off before any request.
    Seen,
}

impl Verdict {
    /// Finds the verdict in an error of the TLS library.
    pub(super) fn within(why: &rustls::Error) -> Option<&Self> {
        let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = why else { return None };
        inner.downcast_ref()
    }

    /// Makes the error that the user lives through.
    pub(super) fn error(self, server: String) -> Error {
        match self {
            Self::Untrusted(leaf) => Error::CertificateUntrusted { server, leaf: Box::new(leaf) },
            Self::Expired(leaf) => Error::CertificateExpired { server, leaf: Box::new(leaf) },
            Self::WrongName(leaf) => Error::CertificateWrongName { server, leaf: Box::new(leaf) },
            Self::Changed(pinned, leaf) => Error::CertificateChanged { server, pinned, leaf: Box::new(leaf) },
            Self::Stolen => Error::CertificateStolen { server },
            Self::Broken(why) => Error::CertificateBroken { server, why },
            Self::OfProxy(why) => Error::Handshake { server, why },
            Self::Seen => Error::Handshake { server, why: "broken off after a look at the certificate".to_owned() },
        }
    }

    /// Says of a certificate that cannot be read just that, and of any other what is to be said.
    fn on(der: &CertificateDer<'_>, verdict: impl FnOnce(Leaf) -> Self) -> Self {
        match Leaf::read(der) {
            Ok(leaf) => verdict(leaf),
            Err(why) => Self::Broken(why),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the certificate is not accepted")
    }
}

impl std::error::Error for Verdict {}

impl From<Verdict> for rustls::Error {
    fn from(verdict: Verdict) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(verdict))))
    }
}

/// The certificates that a server presented, its own first.
pub(super) type Chain = Vec<CertificateDer<'static>>;

/// Where the judge leaves what the server presented last.
#[derive(Debug, Clone, Default)]
pub(super) struct Presented(Arc<Mutex<Chain>>);

impl Presented {
    /// Gives the certificates; none before the first handshake.
    pub(super) fn chain(&self) -> Chain {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says whether a certificate is the server's own, and not a proxy's.
    fn is_of_server(&self, certificate: &CertificateDer<'_>) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first().is_some_and(|leaf| leaf == certificate)
    }

    fn note(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) {
        let chain = std::iter::once(leaf).chain(rest).map(|it| it.clone().into_owned()).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = chain;
    }
}

/// What the judge does once it has found nothing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Lets the requests through.
    Requests,
    /// Breaks the handshake off, so that nothing can ever be sent.
    Look,
}

/// Judges certificates by the trust of the run. Whatever the trust, the server must have the certificate's key.
#[derive(Debug)]
struct Judge {
    server: Option<ServerName<'static>>,
    pinned: Option<Fingerprint>,
    authority: Option<Arc<WebPkiServerVerifier>>,
    /// The system's authorities, which judge a proxy that is itself reached by TLS.
    of_proxies: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
    provider: Arc<CryptoProvider>,
    presented: Presented,
    purpose: Purpose,
}

impl Judge {
    fn new(endpoint: &Endpoint, trust: &Trust, purpose: Purpose) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (roots, pinned) = match trust {
            Trust::System => (Some(system_roots()?), None),
            Trust::Ca(bundle) => (Some(bundle.roots()?), None),
            Trust::CaAndPinned(bundle, pin) => (Some(bundle.roots()?), Some(*pin)),
            Trust::Pinned(pin) => (None, Some(*pin)),
            Trust::Unverified => (None, None),
        };
        let authority = roots.map(|roots| verifier(roots, &provider)).transpose()?;
        let (server, of_proxies, presented) = (server_name(endpoint), OnceLock::new(), Presented::default());
        Ok(Self { server, pinned, authority, of_proxies, provider, presented, purpose })
    }

    /// Judges the certificate of a proxy, by the system's authorities.
    fn judge_proxy(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let system = || system_roots().and_then(|roots| verifier(roots, &self.provider)).ok();
        let refused = |why: String| Verdict::OfProxy(format!("the certificate of the proxy is not accepted: {why}"));
        let Some(system) = self.of_proxies.get_or_init(system) else {
            return Err(refused("this system has no trusted authorities".to_owned()).into());
        };
        system.verify_server_cert(leaf, rest, name, &[], now).map_err(|why| refused(why.to_string()).into())
    }

    /// Ends the judgement with the signature over the handshake. A bad one means that the certificate is presented by
    /// somebody who has not its key.
    fn conclude(
        &self,
        certificate: &CertificateDer<'_>,
        signature: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match signature {
            Ok(_) if self.purpose == Purpose::Look && self.presented.is_of_server(certificate) => {
                Err(Verdict::Seen.into())
            }
            Ok(valid) => Ok(valid),
            Err(why) if is_of_another_key(&why) => Err(Verdict::Stolen.into()),
            Err(why) => Err(Verdict::Broken(why.to_string()).into()),
        }
    }
}

/// Says whether a signature was made by another key than the certificate's.
const fn is_of_another_key(why: &rustls::Error) -> bool {
    matches!(
        why,
        rustls::Error::InvalidCertificate(
            CertificateError::BadSignature | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        )
    )
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.server.as_ref().is_some_and(|server| server != server_name) {
            return self.judge_proxy(end_entity, intermediates, server_name, now);
        }
        self.presented.note(end_entity, intermediates);
        if let Some(pinned) = self.pinned
            && fingerprint(end_entity) != pinned
        {
            return Err(Verdict::on(end_entity, |leaf| Verdict::Changed(pinned, leaf)).into());
        }
        let Some(authority) = &self.authority else {
            return Ok(ServerCertVerified::assertion());
        };
        let judged = authority.verify_server_cert(end_entity, intermediates, server_name, &[], now);
        judged.map_err(|why| Verdict::on(end_entity, kind_of(&why)).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        self.conclude(certificate, verify_tls12_signature(message, certificate, signature, known))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        self.conclude(certificate, verify_tls13_signature(message, certificate, signature, known))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Chooses the verdict for what the verifier complains about.
const fn kind_of(why: &rustls::Error) -> fn(Leaf) -> Verdict {
    match why {
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Verdict::Expired,
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Verdict::WrongName,
        _ => Verdict::Untrusted,
    }
}

/// Reads the system's authorities; only where they are needed, since it takes some milliseconds.
fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 { Err(Error::NoSystemTrust) } else { Ok(roots) }
}

fn verifier(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    builder.build().map_err(|why| Error::Preparation { why: why.to_string() })
}

/// Makes the TLS configuration of a run, and the place where its judge leaves what was presented.
pub(super) fn configuration(
    endpoint: &Endpoint,
    trust: &Trust,
    purpose: Purpose,
) -> Result<(ClientConfig, Presented), Error> {
    let judge = Judge::new(endpoint, trust, purpose)?;
    let presented = judge.presented.clone();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&judge.provider));
    let builder =
        builder.with_safe_default_protocol_versions().map_err(|why| Error::Preparation { why: why.to_string() })?;
    let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(judge)).with_no_client_auth();
    Ok((config, presented))
}

/// Judges a certificate that was looked at as a run would judge it that trusts these authorities.
pub(super) fn judge_again(bundle: &CaBundle, chain: &Chain, endpoint: &Endpoint) -> Result<(), Error> {
    let server = endpoint.authority();
    let judge = Judge::new(endpoint, &Trust::Ca(bundle.clone()), Purpose::Requests)?;
    let unusable = |why: &str| Error::CertificateBroken { server: server.clone(), why: why.to_owned() };
    let name = judge.server.clone().ok_or_else(|| unusable("the name of the server cannot stand in a certificate"))?;
    let (leaf, rest) = chain.split_first().ok_or_else(|| unusable("none was presented"))?;
    let judged = judge.verify_server_cert(leaf, rest, &name, &[], UnixTime::now());
    judged.map(drop).map_err(|why| match Verdict::within(&why) {
        Some(verdict) => verdict.clone().error(server.clone()),
        None => unusable(&why.to_string()),
    })
}

fn server_name(endpoint: &Endpoint) -> Option<ServerName<'static>> {
    match endpoint.host() {
        Host::Name(name) => ServerName::try_from(name.clone()).ok(),
        Host::V4(address) => Some(ServerName::from(*address)),
        Host::V6(address) => Some(ServerName::from(*address)),
    }
}
