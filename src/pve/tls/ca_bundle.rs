//! The certificates of a CA file.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::certificate::Leaf;
use crate::model::Foreign;
use crate::pve::ApiError;

/// What begins a file that some editors write.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The object identifier of signed data (1.2.840.113549.1.7.2), which a PKCS#7 file in DER form has near its beginning.
const SIGNED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";

/// The certificates of a CA file in PEM form.
#[derive(Debug, Clone)]
pub struct CaBundle {
    /// Those of authorities.
    authorities: Vec<CertificateDer<'static>>,
    /// The others, which vouch for themselves alone.
    others: Vec<CertificateDer<'static>>,
}

impl CaBundle {
    /// Reads a PEM file. A certificate in it that is not a CA's is trusted only for itself.
    ///
    /// # Errors
    /// If there is none, or one that cannot be used.
    pub fn from_pem(text: &[u8]) -> Result<Self, ApiError> {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let read: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(text).collect();
        let certificates = read.map_err(|_| not_a_ca("it is not in PEM format"))?;
        if certificates.is_empty() {
            return Err(not_a_ca(other_form(text)));
        }
        let (mut authorities, mut others, mut roots) = (Vec::new(), Vec::new(), RootCertStore::empty());
        for certificate in certificates {
            let leaf =
                Leaf::read(&certificate).map_err(|_| not_a_ca("it contains a certificate that cannot be read"))?;
            // Before version 3 a certificate could not say that it is that of an authority.
            if leaf.is_ca || (leaf.is_version_1 && leaf.is_self_issued) {
                roots
                    .add(certificate.clone())
                    .map_err(|_| not_a_ca("it contains a certificate that cannot be used"))?;
                authorities.push(certificate);
            } else {
                others.push(certificate);
            }
        }
        Ok(Self { authorities, others })
    }

    /// Reads a PEM text in which every certificate must be that of an authority.
    ///
    /// # Errors
    /// If there is none, or one that may not sign others.
    pub fn authorities_from_pem(text: &[u8]) -> Result<Self, ApiError> {
        let bundle = Self::from_pem(text)?;
        if bundle.others.is_empty() {
            Ok(bundle)
        } else {
            Err(not_a_ca("it contains a certificate that is not a CA certificate"))
        }
    }

    /// Returns those of authorities.
    pub(super) fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }

    /// Returns whether it holds this very certificate.
    pub(super) fn holds(&self, certificate: &CertificateDer<'_>) -> bool {
        self.authorities.iter().chain(&self.others).any(|held| held == certificate)
    }

    /// Lists the subjects of its certificates.
    pub(super) fn subjects(&self) -> Vec<Foreign> {
        let all = self.authorities.iter().chain(&self.others);
        all.filter_map(|held| Leaf::read(held).ok()).map(|leaf| leaf.subject).collect()
    }
}

const fn not_a_ca(why: &'static str) -> ApiError {
    ApiError::NotACa { why }
}

/// Says in which form a file is that holds no certificate in PEM form.
fn other_form(bytes: &[u8]) -> &'static str {
    let has = |words: &[u8]| bytes.windows(words.len()).any(|window| window == words);
    let is_der = bytes.starts_with(b"\x30");
    let beginning = bytes.get(..bytes.len().min(32)).unwrap_or_default();
    if has(b"-----BEGIN PKCS7-----") {
        "it is in PKCS#7 format; to convert it to PEM: openssl pkcs7 -print_certs -in FILE -out ca.pem"
    } else if is_der && beginning.windows(SIGNED_DATA.len()).any(|window| window == SIGNED_DATA) {
        "it is in PKCS#7 format; to convert it to PEM: openssl pkcs7 -inform DER -print_certs -in FILE -out ca.pem"
    } else if is_der && Leaf::read(&bytes.into()).is_ok() {
        "it is in DER format; to convert it to PEM: openssl x509 -inform DER -in FILE -out ca.pem"
    } else if is_der {
        "it is in a binary format (possibly PKCS#12), not PEM"
    } else if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        "it is in UTF-16; save it as UTF-8"
    } else if has(b"-----BEGIN TRUSTED CERTIFICATE-----") {
        "it is in OpenSSL's own format; to convert it to PEM: openssl x509 -in FILE -out ca.pem"
    } else if has(b"CERTIFICATE REQUEST-----") {
        "it contains a certificate request, not a certificate"
    } else if has(b"PRIVATE KEY-----") || has(b"PUBLIC KEY-----") {
        "it contains a key, not a certificate"
    } else {
        "it contains no certificate"
    }
}

/// Returns the certificates in a PEM text without anything around them: what a server says may hold more than it
/// should.
#[must_use]
pub fn certificates_in(text: &str) -> String {
    let mut kept = String::new();
    let mut is_inside = false;
    for line in text.lines().map(str::trim) {
        is_inside |= line == "-----BEGIN CERTIFICATE-----";
        let is_plain = line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if is_inside && is_plain && !line.is_empty() {
            kept.push_str(line);
            kept.push('\n');
        }
        is_inside &= line != "-----END CERTIFICATE-----";
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{CaBundle, certificates_in};

    #[test]
    fn nothing_but_certificates_is_kept() {
        let block = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
        let text = format!("Subject: x\r\n{key}{block}\x1b[2J\n{}trailing", block.replace('\n', "\r\n"));
        assert_eq!(certificates_in(&text), format!("{block}{block}"));
        assert_eq!(certificates_in("nothing"), "");
    }

    #[test]
    fn what_is_no_authority_is_refused_with_the_reason() {
        for (pem, why) in [
            ("", "it contains no certificate"),
            ("\u{feff}nonsense", "it contains no certificate"),
            (
                "-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n",
                "it is in PKCS#7 format; to convert it to PEM: openssl pkcs7 -print_certs -in FILE -out ca.pem",
            ),
            (
                "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n",
                "it contains a certificate request, not a certificate",
            ),
            ("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", "it contains a key, not a certificate"),
            ("nonsense", "it contains no certificate"),
            ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "it is not in PEM format"),
            (
                "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
                "it contains a certificate that cannot be read",
            ),
        ] {
            assert_eq!(CaBundle::from_pem(pem.as_bytes()).unwrap_err().to_string(), why, "{pem}");
        }
    }
}
