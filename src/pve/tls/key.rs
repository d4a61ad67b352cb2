//! The public key of a certificate: whether it can be used here, and whether it made a signature.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use x509_parser::asn1_rs::{Any, FromDer, Oid, oid};
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The sizes of RSA keys, in bits, whose signatures the TLS library verifies.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

const EC_KEY: Oid<'static> = oid!(1.2.840.10045.2.1);
const RSA_KEY: Oid<'static> = oid!(1.2.840.113549.1.1.1);
const RSA_PSS_KEY: Oid<'static> = oid!(1.2.840.113549.1.1.10);
const DSA_KEY: Oid<'static> = oid!(1.2.840.10040.4.1);
const ED25519_KEY: Oid<'static> = oid!(1.3.101.112);
const ED448_KEY: Oid<'static> = oid!(1.3.101.113);
const P256: Oid<'static> = oid!(1.2.840.10045.3.1.7);
const P384: Oid<'static> = oid!(1.3.132.0.34);
const P521: Oid<'static> = oid!(1.3.132.0.35);

/// Signature schemes of servers with unusual keys. They are offered only so that the server shows its certificate.
pub(super) const UNUSUAL_SCHEMES: [SignatureScheme; 6] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED448,
    SignatureScheme::Unknown(0x0809),
    SignatureScheme::Unknown(0x080A),
    SignatureScheme::Unknown(0x080B),
    SignatureScheme::RSA_PKCS1_SHA1,
];

/// Names the key of a certificate where signatures of it cannot be verified; `None` if they can.
pub(super) fn unsupported_key(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let key = certificate.public_key();
    let named = |name: &str| Some(name.to_owned());
    match &key.algorithm.algorithm {
        kind if *kind == RSA_KEY => match key.parsed() {
            Ok(PublicKey::RSA(rsa)) => {
                let bits = 8 * rsa.modulus.iter().skip_while(|byte| **byte == 0).count();
                (!RSA_BITS.contains(&bits)).then(|| format!("an RSA key of {bits} bits"))
            }
            _ => named("an RSA key that cannot be read"),
        },
        kind if *kind == EC_KEY => {
            match key.algorithm.parameters.as_ref().and_then(|curve| Oid::try_from(curve.clone()).ok()) {
                Some(curve) if curve == P256 || curve == P384 => None,
                Some(curve) if curve == P521 => named("a P-521 key"),
                Some(curve) => Some(format!("a key on the curve {curve}")),
                None => named("a key on a curve without a name"),
            }
        }
        kind if *kind == ED25519_KEY => None,
        kind if *kind == ED448_KEY => named("an Ed448 key"),
        kind if *kind == RSA_PSS_KEY => named("an RSA-PSS key"),
        kind if *kind == DSA_KEY => named("a DSA key"),
        other => Some(format!("a key of type {other}")),
    }
}

/// Says that a certificate has such a key, and which keys would do.
pub(super) fn explained(key: &str) -> String {
    format!("it has {key}, which is not supported: use RSA with 2048 to 8192 bits, P-256, P-384 or Ed25519")
}

/// Verifies a signature over a handshake of TLS 1.2 by the key of a certificate alone: nothing else of the certificate
/// matters, its version for example.
pub(super) fn verify_tls12(
    provider: &CryptoProvider,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    let bad_encoding = || rustls::Error::from(CertificateError::BadEncoding);
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| bad_encoding())?;
    let key = certificate.public_key();
    let kind = algorithm_id(key).ok_or_else(bad_encoding)?;
    let known = provider.signature_verification_algorithms.mapping.iter();
    let algorithms = known.filter(|(scheme, _)| *scheme == signature.scheme).flat_map(|(_, algorithms)| *algorithms);
    let mut algorithms = algorithms.filter(|algorithm| algorithm.public_key_alg_id().as_ref() == kind);
    let is_valid = algorithms.any(|algorithm| {
        algorithm.verify_signature(&key.subject_public_key.data, message, signature.signature()).is_ok()
    });
    if is_valid { Ok(HandshakeSignatureValid::assertion()) } else { Err(CertificateError::BadSignature.into()) }
}

/// Verifies a signature over a handshake of TLS 1.3 by the key of a certificate alone.
pub(super) fn verify_tls13(
    provider: &CryptoProvider,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    let (_, read) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let key = SubjectPublicKeyInfoDer::from(read.public_key().raw);
    verify_tls13_signature_with_raw_key(message, &key, signature, &provider.signature_verification_algorithms)
}

/// Returns the encoding of the key's algorithm, without tag and length.
fn algorithm_id<'a>(key: &SubjectPublicKeyInfo<'a>) -> Option<&'a [u8]> {
    let (_, whole) = Any::from_der(key.raw).ok()?;
    let (_, algorithm) = Any::from_der(whole.data).ok()?;
    Some(algorithm.data)
}
