//! The CAs of a trust policy, and why a certificate is not accepted by them.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, OtherError, RootCertStore};

use super::ca_bundle::CaBundle;
use super::certificate::Leaf;
use super::key::{explained, unsupported_key};
use super::{CertError, UntrustedCause, date};
use crate::model::Foreign;
use crate::pve::ApiError;

/// The CAs of one trust policy. The library does not check whether a CA is valid itself, so CAs that are not valid now
/// are kept apart: they sign for nothing, but can be named in errors.
#[derive(Debug)]
pub(super) struct Authorities {
    /// Nothing where none is valid.
    valid: Option<Arc<WebPkiServerVerifier>>,
    not_valid: Vec<CertificateDer<'static>>,
    /// The CA file that they are from; `None` if they are the system's.
    file: Option<CaBundle>,
    provider: Arc<CryptoProvider>,
}

/// Why a certificate is not accepted by the CAs.
pub(super) enum TlsRefusal {
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
        Ok(Self { valid, not_valid, file: None, provider: Arc::clone(provider) })
    }

    /// Takes those of a CA file.
    pub(super) fn of_bundle(bundle: &CaBundle, provider: &Arc<CryptoProvider>) -> Result<Self, ApiError> {
        let authorities = Self::new(bundle.authorities().to_vec(), provider)?;
        Ok(Self { file: Some(bundle.clone()), ..authorities })
    }

    /// Reads the system's authorities; only where they are needed, since it takes some milliseconds.
    pub(super) fn of_system(provider: &Arc<CryptoProvider>) -> Result<Self, ApiError> {
        let mut found = rustls_native_certs::load_native_certs().certs;
        found.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
        if found.is_empty() { Err(ApiError::NoSystemTrust) } else { Self::new(found, provider) }
    }

    /// Verifies a certificate, with the intermediate ones that the server sent. One that is in the CA file itself is
    /// accepted as pinned.
    pub(super) fn check_chain(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsRefusal> {
        if self.file.as_ref().is_some_and(|file| file.holds(leaf)) {
            return Ok(ServerCertVerified::assertion());
        }
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let verified = self.valid.as_ref().map(|valid| valid.verify_server_cert(leaf, rest, name, &[], now));
        let mut why = match verified {
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
                // What else is wrong with it matters more than the missing signature.
                Err(other) if self.valid.is_none() => why = other,
                Err(_) => {}
            }
        }
        Err(TlsRefusal::Other(why))
    }

    /// Says what is wrong with a certificate that the library does not accept.
    pub(super) fn explain(
        &self,
        why: &rustls::Error,
        leaf: Leaf,
        end_entity: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
    ) -> CertError {
        let rustls::Error::InvalidCertificate(why) = why else { return CertError::Broken(why.to_string()) };
        match Complaint::of(why) {
            Complaint::Time => CertError::Expired(leaf),
            Complaint::Name => CertError::WrongName(leaf),
            _ if leaf.is_version_1 => CertError::Unfit(VERSION_1.to_owned(), leaf),
            Complaint::Purpose => {
                CertError::Unfit("its extended key usage does not allow server authentication".to_owned(), leaf)
            }
            Complaint::NameConstraint => {
                let why = "the name constraints of its CA do not allow that name";
                CertError::Unfit(why.to_owned(), leaf)
            }
            Complaint::Signature => match self.unsupported_issuer(&leaf, rest) {
                Some(key) => CertError::Unfit(format!("the key of its CA cannot be used: {}", explained(&key)), leaf),
                None if leaf.is_sha1 => {
                    CertError::Unfit("it is signed with SHA-1, which is not secure".to_owned(), leaf)
                }
                None => CertError::Untrusted(UntrustedCause::OtherKey(leaf.issuer.clone()), leaf),
            },
            Complaint::Issuer if leaf.is_self_issued => CertError::Untrusted(UntrustedCause::SelfSigned, leaf),
            Complaint::Issuer if leaf.is_ca && self.knows(&leaf.issuer) => {
                CertError::Unfit("it is a CA certificate, not a server certificate".to_owned(), leaf)
            }
            Complaint::Issuer => CertError::Untrusted(self.unknown_issuer(end_entity, rest), leaf),
            Complaint::Other(why) => CertError::Unfit(why, leaf),
        }
    }

    /// Names the first issuer of the chain that is neither sent nor trusted.
    fn unknown_issuer(&self, end_entity: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> UntrustedCause {
        let sent: Vec<Leaf> = rest.iter().filter_map(|sent| Leaf::read(sent).ok()).collect();
        let mut issuer = Leaf::read(end_entity).map(|leaf| leaf.issuer).unwrap_or_default();
        for _ in 0..sent.len() {
            match sent.iter().find(|it| it.subject == issuer && !it.is_self_issued) {
                Some(above) => issuer.clone_from(&above.issuer),
                None => break,
            }
        }
        match &self.file {
            Some(file) => UntrustedCause::NotInFile { issuer, held: file.subjects() },
            None => UntrustedCause::NotInSystem(issuer),
        }
    }

    /// Returns the key of a certificate's issuer if that key is not supported.
    fn unsupported_issuer(&self, leaf: &Leaf, rest: &[CertificateDer<'_>]) -> Option<String> {
        let held = self.file.iter().flat_map(|file| file.authorities());
        let all = rest.iter().chain(held).filter(|it| Leaf::read(it).is_ok_and(|it| it.subject == leaf.issuer));
        all.filter_map(unsupported_key).next()
    }

    /// Returns whether the CA file holds an authority of this name.
    fn knows(&self, issuer: &Foreign) -> bool {
        self.file.as_ref().is_some_and(|file| file.subjects().contains(issuer))
    }
}

/// What is said of a version 1 certificate.
const VERSION_1: &str = "it is a version 1 certificate, which cannot contain names; version 3 is required";

/// What the library complains about.
enum Complaint {
    Time,
    Name,
    Purpose,
    NameConstraint,
    /// The signature of the issuer cannot be verified.
    Signature,
    Issuer,
    /// Something else, in words.
    Other(String),
}

impl Complaint {
    fn of(why: &CertificateError) -> Self {
        use CertificateError as Why;
        match why {
            why if is_time(why) => Self::Time,
            Why::NotValidForName | Why::NotValidForNameContext { .. } => Self::Name,
            Why::InvalidPurpose | Why::InvalidPurposeContext { .. } => Self::Purpose,
            Why::BadSignature
            | Why::UnsupportedSignatureAlgorithmContext { .. }
            | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::Signature,
            Why::UnknownIssuer => Self::Issuer,
            // The library below gives these no name of their own.
            Why::Other(OtherError(inner)) => match format!("{inner:?}").as_str() {
                "NameConstraintViolation" => Self::NameConstraint,
                "CaUsedAsEndEntity" => Self::Issuer,
                name => Self::Other(words_for(name)),
            },
            other => Self::Other(words_for(&format!("{other:?}"))),
        }
    }
}

/// Says in words what the library names by an identifier only.
fn words_for(name: &str) -> String {
    let words = match name {
        "UnsupportedCriticalExtension" => "it has a critical extension that is not supported",
        "EndEntityUsedAsCa" => "its issuer is not a CA (CA:FALSE)",
        "PathLenConstraintViolated" | "MaximumPathDepthExceeded" => "its chain is longer than its CA allows",
        "BadEncoding" | "BadDer" | "MalformedExtensions" | "ExtensionValueInvalid" => "it is not encoded correctly",
        "MalformedDnsIdentifier" | "UnsupportedNameType" => "it contains a name in an invalid form",
        "EmptyEkuExtension" => "its extended key usage is empty",
        "Revoked" => "it is revoked",
        _ => return format!("it does not meet the requirements for server certificates ({name})"),
    };
    words.to_owned()
}

/// Returns whether a certificate is valid at a time. One that cannot be read here is left to the library.
fn is_valid_at(certificate: &CertificateDer<'_>, time: UnixTime) -> bool {
    match (Leaf::read(certificate), date(time)) {
        (Ok(read), Some(time)) => read.is_valid_at(time),
        _ => true,
    }
}

const fn is_of_time(why: &rustls::Error) -> bool {
    matches!(why, rustls::Error::InvalidCertificate(why) if is_time(why))
}

const fn is_time(why: &CertificateError) -> bool {
    matches!(
        why,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
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
