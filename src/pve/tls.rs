//! Looks at a certificate, and holds one trust policy per run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::digest;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::model::{Endpoint, Fingerprint, Host};
use crate::pve::Error;

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

/// The certificates of authorities, from a PEM file.
#[derive(Debug, Clone)]
pub struct CaBundle {
    certificates: Vec<CertificateDer<'static>>,
}

impl CaBundle {
    /// Reads a PEM file. Every certificate in it must be one of an authority.
    ///
    /// # Errors
    /// Where there is none, or one that may not sign others.
    pub fn from_pem(text: &[u8]) -> Result<Self, Error> {
        let read: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(text).collect();
        let certificates = read.map_err(|_| Error::NotACa { why: "it is not in PEM form" })?;
        if certificates.is_empty() {
            return Err(Error::NotACa { why: "there is no certificate in it" });
        }
        for certificate in &certificates {
            let leaf =
                Leaf::read(certificate).map_err(|_| Error::NotACa { why: "a certificate in it cannot be read" })?;
            if !leaf.is_ca {
                return Err(Error::NotACa { why: "a certificate in it is not that of an authority" });
            }
        }
        Ok(Self { certificates })
    }

    fn roots(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in &self.certificates {
            roots.add(certificate.clone()).map_err(|_| Error::NotACa { why: "a certificate in it cannot be used" })?;
        }
        Ok(roots)
    }
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// From when on it is valid.
    pub not_before: OffsetDateTime,
    /// Until when it is valid.
    pub not_after: OffsetDateTime,
    /// Its SHA-256 fingerprint.
    pub fingerprint: Fingerprint,
    /// Whether it may sign others.
    pub is_ca: bool,
}

impl Leaf {
    /// Reads a certificate in DER form.
    fn read(der: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|why| why.to_string())?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.iter().filter_map(shown_name).collect());
        Ok(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names: names.unwrap_or_default(),
            not_before: certificate.validity().not_before.to_datetime(),
            not_after: certificate.validity().not_after.to_datetime(),
            fingerprint: fingerprint(der),
            is_ca: certificate.is_ca(),
        })
    }
}

fn shown_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|it| std::net::Ipv4Addr::from(it).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|it| std::net::Ipv6Addr::from(it).to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn fingerprint(der: &CertificateDer<'_>) -> Fingerprint {
    let digest = digest::digest(&digest::SHA256, der);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    Fingerprint::new(bytes)
}

/// What the judge noted of the last handshake that failed.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    Untrusted(Leaf),
    Expired(Leaf),
    WrongName(Leaf),
    Changed(Fingerprint, Leaf),
    Stolen,
    Broken(String),
}

impl Verdict {
    /// Makes the error that the user lives through.
    pub(super) fn error(self, server: String) -> Error {
        match self {
            Self::Untrusted(leaf) => Error::CertificateUntrusted { server, leaf: Box::new(leaf) },
            Self::Expired(leaf) => Error::CertificateExpired { server, leaf: Box::new(leaf) },
            Self::WrongName(leaf) => Error::CertificateWrongName { server, leaf: Box::new(leaf) },
            Self::Changed(pinned, leaf) => Error::CertificateChanged { server, pinned, leaf: Box::new(leaf) },
            Self::Stolen => Error::CertificateStolen { server },
            Self::Broken(why) => Error::CertificateBroken { server, why },
        }
    }
}

/// Where the judge leaves its verdict: the TLS library carries only a word of it.
pub(super) type Docket = Arc<Mutex<Option<Verdict>>>;

/// Judges certificates by the trust of the run. Whatever the trust, the server must have the certificate's key.
#[derive(Debug)]
struct Judge {
    pinned: Option<Fingerprint>,
    authority: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    docket: Docket,
}

impl Judge {
    fn new(trust: &Trust, docket: Docket) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (roots, pinned) = match trust {
            Trust::System => (Some(system_roots()?), None),
            Trust::Ca(bundle) => (Some(bundle.roots()?), None),
            Trust::CaAndPinned(bundle, pin) => (Some(bundle.roots()?), Some(*pin)),
            Trust::Pinned(pin) => (None, Some(*pin)),
            Trust::Unverified => (None, None),
        };
        let build = |roots| WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        let authority = roots.map(build).transpose().map_err(|why| Error::Preparation { why: why.to_string() })?;
        Ok(Self { pinned, authority, provider, docket })
    }

    fn note(&self, verdict: Verdict) {
        *self.docket.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
    }

    /// Notes why a certificate is not accepted.
    fn refuse(&self, der: &CertificateDer<'_>, verdict: impl FnOnce(Leaf) -> Verdict) -> rustls::Error {
        self.note(match Leaf::read(der) {
            Ok(leaf) => verdict(leaf),
            Err(why) => Verdict::Broken(why),
        });
        rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
    }

    /// A bad signature over the handshake: the certificate is presented by somebody who has not its key.
    fn signed(
        &self,
        result: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        result.inspect_err(|_| self.note(Verdict::Stolen))
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(pinned) = self.pinned
            && fingerprint(end_entity) != pinned
        {
            return Err(self.refuse(end_entity, |leaf| Verdict::Changed(pinned, leaf)));
        }
        let Some(authority) = &self.authority else {
            return Ok(ServerCertVerified::assertion());
        };
        let judged = authority.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        judged.map_err(|why| match why {
            rustls::Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => self.refuse(end_entity, Verdict::Expired),
            rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => self.refuse(end_entity, Verdict::WrongName),
            _ => self.refuse(end_entity, Verdict::Untrusted),
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed(verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        ))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed(verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        ))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Reads the system's authorities; only under system trust, since it takes some milliseconds.
fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 { Err(Error::NoSystemTrust) } else { Ok(roots) }
}

/// Makes the TLS configuration of a run, and the place where its judge leaves verdicts.
pub(super) fn configuration(trust: &Trust) -> Result<(ClientConfig, Docket), Error> {
    let docket = Docket::default();
    let judge = Judge::new(trust, Arc::clone(&docket))?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&judge.provider));
    let builder =
        builder.with_safe_default_protocol_versions().map_err(|why| Error::Preparation { why: why.to_string() })?;
    let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(judge)).with_no_client_auth();
    Ok((config, docket))
}

/// Looks at the certificate that a server presents, over a bare connection: nothing but a handshake is sent, and there
/// is no way for a secret to get in here.
///
/// # Errors
/// Where no TLS connection comes about.
pub async fn probe(endpoint: &Endpoint, within: Duration) -> Result<Leaf, Error> {
    let server = endpoint.authority();
    let (mut config, _) = configuration(&Trust::Unverified)?;
    let docket = Arc::new(Mutex::new(None));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    config.dangerous().set_certificate_verifier(Arc::new(Witness { provider, seen: Arc::clone(&docket) }));
    let shaken = shake_hands(endpoint, config, within).await;
    let seen = docket.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (seen, shaken) {
        (Some(der), Ok(())) => Leaf::read(&der).map_err(|why| Error::CertificateBroken { server, why }),
        (_, Err(why)) => Err(if speaks_plainly(endpoint, within).await { Error::NotTls { server } } else { why }),
        (None, Ok(())) => Err(Error::Handshake { server, why: "no certificate was presented".to_owned() }),
    }
}

/// Keeps the certificate, and verifies that the server has its key.
#[derive(Debug)]
struct Witness {
    provider: Arc<CryptoProvider>,
    seen: Arc<Mutex<Option<CertificateDer<'static>>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.clone().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

async fn connect(endpoint: &Endpoint, within: Duration) -> Result<TcpStream, Error> {
    let server = endpoint.authority();
    let host = endpoint.host().to_string();
    match timeout(within, TcpStream::connect((host.as_str(), endpoint.port()))).await {
        Err(_) => Err(Error::ConnectTimeout { server, seconds: within.as_secs() }),
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(why)) => Err(super::transport::of_io(&why, endpoint)),
    }
}

/// Drives a handshake by hand over the socket.
async fn shake_hands(endpoint: &Endpoint, config: ClientConfig, within: Duration) -> Result<(), Error> {
    let server = endpoint.authority();
    let mut stream = connect(endpoint, within).await?;
    let name = server_name(endpoint)
        .ok_or_else(|| Error::Handshake { server: server.clone(), why: "no usable name".to_owned() })?;
    let failed = |why: String| Error::Handshake { server: server.clone(), why };
    let mut session = rustls::ClientConnection::new(Arc::new(config), name).map_err(|why| failed(why.to_string()))?;
    let exchange = async {
        let mut buffer = vec![0; 16 * 1024];
        while session.is_handshaking() {
            while session.wants_write() {
                let mut outgoing = Vec::new();
                session.write_tls(&mut outgoing).map_err(|why| failed(why.to_string()))?;
                stream.write_all(&outgoing).await.map_err(|why| super::transport::of_io(&why, endpoint))?;
            }
            if !session.is_handshaking() {
                break;
            }
            let count = stream.read(&mut buffer).await.map_err(|why| super::transport::of_io(&why, endpoint))?;
            if count == 0 {
                return Err(Error::BrokenOff {
                    server: server.clone(),
                    why: "closed during the TLS handshake".to_owned(),
                });
            }
            let mut incoming = buffer.get(..count).unwrap_or_default();
            while !incoming.is_empty() {
                session.read_tls(&mut incoming).map_err(|why| failed(why.to_string()))?;
                session.process_new_packets().map_err(|why| failed(why.to_string()))?;
            }
        }
        Ok(())
    };
    timeout(within, exchange)
        .await
        .map_err(|_| Error::NoAnswer { server: server.clone(), seconds: within.as_secs() })?
}

/// Says whether something answers in plain HTTP.
async fn speaks_plainly(endpoint: &Endpoint, within: Duration) -> bool {
    let Ok(mut stream) = connect(endpoint, within).await else { return false };
    let ask = async {
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(&answer == b"HTTP/")
    };
    matches!(timeout(within.min(Duration::from_secs(3)), ask).await, Ok(Ok(true)))
}

fn server_name(endpoint: &Endpoint) -> Option<ServerName<'static>> {
    match endpoint.host() {
        Host::Name(name) => ServerName::try_from(name.clone()).ok(),
        Host::V4(address) => Some(ServerName::from(*address)),
        Host::V6(address) => Some(ServerName::from(*address)),
    }
}
