//! One trust policy per run, and the judge that holds every handshake to it.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use time::OffsetDateTime;

use crate::model::{Endpoint, Fingerprint, Host};
use crate::pve::ApiError;
use crate::pve::certificate::{CaBundle, Leaf, NotValid, fingerprint};

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
pub(super) enum CertError {
    Untrusted(Leaf),
    Expired(Leaf),
    /// The certificate of the authority itself, or of an intermediate one, is not valid now.
    AuthorityNotValid(Leaf, NotValid, Leaf),
    WrongName(Leaf),
    Changed(Fingerprint, Leaf),
    Stolen,
    Broken(String),
    /// It is the certificate of the proxy, which has nothing to do with the trust in the server.
    OfProxy(String),
    /// Nothing is wrong with it: it was to be looked at, and the handshake is broken off before any request.
    Seen,
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
            Self::Untrusted(leaf) => ApiError::CertificateUntrusted { server, leaf: Box::new(leaf) },
            Self::Expired(leaf) => ApiError::CertificateExpired { server, leaf: Box::new(leaf) },
            Self::AuthorityNotValid(authority, why, leaf) => {
                ApiError::AuthorityNotValid { server, authority: authority.subject, why, leaf: Box::new(leaf) }
            }
            Self::WrongName(leaf) => ApiError::CertificateWrongName { server, leaf: Box::new(leaf) },
            Self::Changed(pinned, leaf) => ApiError::CertificateChanged { server, pinned, leaf: Box::new(leaf) },
            Self::Stolen => ApiError::CertificateStolen { server },
            Self::Broken(why) => ApiError::CertificateBroken { server, why },
            Self::OfProxy(why) => ApiError::Handshake { server, why },
            Self::Seen => ApiError::Handshake { server, why: "broken off after a look at the certificate".to_owned() },
        }
    }

    /// Says of a certificate that cannot be read just that, and of any other what is to be said.
    fn on(der: &CertificateDer<'_>, verdict: impl FnOnce(Leaf) -> Self) -> Self {
        match Leaf::read(der) {
            Ok(leaf) => verdict(leaf),
            Err(why) => Self::Broken(why),
        }
    }

    /// Says that an authority is not valid now, or that its certificate cannot be read.
    fn on_authority(authority: &CertificateDer<'_>, leaf: &CertificateDer<'_>, now: UnixTime) -> Self {
        let broken = |why: &str| Self::Broken(why.to_owned());
        let Ok(authority) = Leaf::read(authority) else { return broken("that of its authority cannot be read") };
        let Some(why) = date(now).and_then(|now| authority.not_valid_at(now)) else {
            return broken("its authority is not valid now");
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
pub(super) enum HandshakePurpose {
    /// Lets the requests through.
    Requests,
    /// Breaks the handshake off, so that nothing can ever be sent.
    Probe,
}

/// Judges certificates by the trust of the run. Whatever the trust, the server must have the certificate's key.
#[derive(Debug)]
struct Verifier {
    server: Option<ServerName<'static>>,
    pinned: Option<Fingerprint>,
    authorities: Option<Authorities>,
    /// The system's authorities, which judge a proxy that is itself reached by TLS.
    of_proxies: OnceLock<Option<Authorities>>,
    provider: Arc<CryptoProvider>,
    presented: Presented,
    purpose: HandshakePurpose,
}

impl Verifier {
    fn new(endpoint: &Endpoint, trust: &Trust, purpose: HandshakePurpose) -> Result<Self, ApiError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let of_bundle = |bundle: &CaBundle| Authorities::new(bundle.certificates().to_vec(), &provider);
        let (authorities, pinned) = match trust {
            Trust::System => (Some(Authorities::of_system(&provider)?), None),
            Trust::Ca(bundle) => (Some(of_bundle(bundle)?), None),
            Trust::CaAndPinned(bundle, pin) => (Some(of_bundle(bundle)?), Some(*pin)),
            Trust::Pinned(pin) => (None, Some(*pin)),
            Trust::Unverified => (None, None),
        };
        let (server, of_proxies, presented) = (server_name(endpoint), OnceLock::new(), Presented::default());
        Ok(Self { server, pinned, authorities, of_proxies, provider, presented, purpose })
    }

    /// Judges the certificate of a proxy, by the system's authorities.
    fn judge_proxy(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let system = || Authorities::of_system(&self.provider).ok();
        let refused = |why: String| CertError::OfProxy(format!("the certificate of the proxy is not accepted: {why}"));
        let Some(system) = self.of_proxies.get_or_init(system) else {
            return Err(refused("this system has no trusted authorities".to_owned()).into());
        };
        system.judge(leaf, rest, name, now).map_err(|refusal| match refusal {
            TlsRefusal::NotValid(_) => refused("its authority is not valid now".to_owned()).into(),
            TlsRefusal::Other(why) => refused(why.to_string()).into(),
        })
    }

    /// Ends the judgement with the signature over the handshake. A bad one means that the certificate is presented by
    /// somebody who has not its key.
    fn conclude(
        &self,
        certificate: &CertificateDer<'_>,
        signature: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match signature {
            Ok(_) if self.purpose == HandshakePurpose::Probe && self.presented.is_of_server(certificate) => {
                Err(CertError::Seen.into())
            }
            Ok(valid) => Ok(valid),
            Err(why) if is_of_another_key(&why) => Err(CertError::Stolen.into()),
            Err(why) => Err(CertError::Broken(why.to_string()).into()),
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

impl ServerCertVerifier for Verifier {
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
            return Err(CertError::on(end_entity, |leaf| CertError::Changed(pinned, leaf)).into());
        }
        let Some(authorities) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        authorities.judge(end_entity, intermediates, server_name, now).map_err(|refusal| match refusal {
            TlsRefusal::NotValid(authority) => CertError::on_authority(&authority, end_entity, now).into(),
            TlsRefusal::Other(why) => CertError::on(end_entity, kind_of(&why)).into(),
        })
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
const fn kind_of(why: &rustls::Error) -> fn(Leaf) -> CertError {
    match why {
        why if is_of_time(why) => CertError::Expired,
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => CertError::WrongName,
        _ => CertError::Untrusted,
    }
}

/// The authorities of one trust. The library does not ask whether an authority is valid itself, so those that are not
/// valid now are kept apart: they vouch for nothing, but can be named.
#[derive(Debug)]
struct Authorities {
    /// Nothing where none is valid.
    valid: Option<Arc<WebPkiServerVerifier>>,
    not_valid: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

/// Why the authorities do not vouch for a certificate.
enum TlsRefusal {
    /// This authority signed it, and is not valid now.
    NotValid(CertificateDer<'static>),
    /// What the library says.
    Other(rustls::Error),
}

impl Authorities {
    fn new(certificates: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Result<Self, ApiError> {
        let now = UnixTime::now();
        let (valid, not_valid): (Vec<_>, Vec<_>) = certificates.into_iter().partition(|it| is_valid_at(it, now));
        let valid = if valid.is_empty() { None } else { Some(verifier(valid, provider)?) };
        Ok(Self { valid, not_valid, provider: Arc::clone(provider) })
    }

    /// Reads the system's authorities; only where they are needed, since it takes some milliseconds.
    fn of_system(provider: &Arc<CryptoProvider>) -> Result<Self, ApiError> {
        let mut found = rustls_native_certs::load_native_certs().certs;
        found.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
        if found.is_empty() { Err(ApiError::NoSystemTrust) } else { Self::new(found, provider) }
    }

    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsRefusal> {
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let judged = self.valid.as_ref().map(|valid| valid.verify_server_cert(leaf, rest, name, &[], now));
        let mut why = match judged {
            Some(Ok(verified)) => return Ok(verified),
            Some(Err(why)) => why,
            None => unknown.clone(),
        };
        if is_of_time(&why) && is_valid_at(leaf, now) {
            // The leaf is valid, so it is one of those between it and the authority that is not.
            if let Some(between) = rest.iter().find(|between| !is_valid_at(between, now)) {
                return Err(TlsRefusal::NotValid(between.clone().into_owned()));
            }
        }
        if why != unknown {
            return Err(TlsRefusal::Other(why));
        }
        for authority in &self.not_valid {
            let Ok(verifier) = verifier(vec![authority.clone()], &self.provider) else { continue };
            match verifier.verify_server_cert(leaf, rest, name, &[], now) {
                Ok(_) => return Err(TlsRefusal::NotValid(authority.clone())),
                // What else is wrong with it is worth more than that nobody vouches for it.
                Err(other) if self.valid.is_none() => why = other,
                Err(_) => {}
            }
        }
        Err(TlsRefusal::Other(why))
    }
}

/// Says whether a certificate is valid at a time. One that cannot be read here is left to the library.
fn is_valid_at(certificate: &CertificateDer<'_>, time: UnixTime) -> bool {
    match (Leaf::read(certificate), date(time)) {
        (Ok(read), Some(time)) => read.is_valid_at(time),
        _ => true,
    }
}

fn date(time: UnixTime) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(time.as_secs()).ok()?).ok()
}

const fn is_of_time(why: &rustls::Error) -> bool {
    matches!(
        why,
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    )
}

fn verifier(
    authorities: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, ApiError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority).map_err(|why| ApiError::Preparation { why: why.to_string() })?;
    }
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    builder.build().map_err(|why| ApiError::Preparation { why: why.to_string() })
}

/// Makes the TLS configuration of a run, and the place where its judge leaves what was presented.
pub(super) fn configuration(
    endpoint: &Endpoint,
    trust: &Trust,
    purpose: HandshakePurpose,
) -> Result<(ClientConfig, Presented), ApiError> {
    let judge = Verifier::new(endpoint, trust, purpose)?;
    let presented = judge.presented.clone();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&judge.provider));
    let builder =
        builder.with_safe_default_protocol_versions().map_err(|why| ApiError::Preparation { why: why.to_string() })?;
    let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(judge)).with_no_client_auth();
    Ok((config, presented))
}

/// Judges a certificate that was looked at as a run would judge it that trusts these authorities.
pub(super) fn judge_again(bundle: &CaBundle, chain: &Chain, endpoint: &Endpoint) -> Result<(), ApiError> {
    let server = endpoint.authority();
    let judge = Verifier::new(endpoint, &Trust::Ca(bundle.clone()), HandshakePurpose::Requests)?;
    let unusable = |why: &str| ApiError::CertificateBroken { server: server.clone(), why: why.to_owned() };
    let name = judge.server.clone().ok_or_else(|| unusable("the name of the server cannot stand in a certificate"))?;
    let (leaf, rest) = chain.split_first().ok_or_else(|| unusable("none was presented"))?;
    let judged = judge.verify_server_cert(leaf, rest, &name, &[], UnixTime::now());
    judged.map(drop).map_err(|why| match CertError::within(&why) {
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
