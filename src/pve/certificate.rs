//! What a certificate says of itself.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use ring::digest::{SHA256, digest};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::{Date, OffsetDateTime};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

use crate::model::{Fingerprint, Foreign};
use crate::pve::ApiError;

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Whose it is.
    pub subject: Foreign,
    /// Who signed it.
    pub issuer: Foreign,
    /// The names and addresses that it is for.
    pub names: Vec<Foreign>,
    /// From when on it is valid.
    pub not_before: OffsetDateTime,
    /// Until when it is valid.
    pub not_after: OffsetDateTime,
    /// Its SHA-256 fingerprint.
    pub fingerprint: Fingerprint,
    /// Whether it may sign others.
    pub is_ca: bool,
    /// Whether it has the form that Proxmox VE gives to the certificates that it makes for its nodes.
    pub is_of_proxmox: bool,
}

impl Leaf {
    /// Reads a certificate in DER form.
    pub(super) fn read(der: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|why| why.to_string())?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.iter().filter_map(shown_name).collect());
        Ok(Self {
            subject: Foreign::new(certificate.subject().to_string()),
            issuer: Foreign::new(certificate.issuer().to_string()),
            names: names.unwrap_or_default(),
            not_before: certificate.validity().not_before.to_datetime(),
            not_after: certificate.validity().not_after.to_datetime(),
            fingerprint: fingerprint(der),
            is_ca: certificate.is_ca(),
            is_of_proxmox: is_of_proxmox(&certificate),
        })
    }

    /// Says whether it is valid at a time.
    #[must_use]
    pub fn is_valid_at(&self, time: OffsetDateTime) -> bool {
        self.not_valid_at(time).is_none()
    }

    /// Says why it is not valid at a time; nothing where it is.
    #[must_use]
    pub fn not_valid_at(&self, time: OffsetDateTime) -> Option<NotValid> {
        if time < self.not_before {
            Some(NotValid::NotYet(self.not_before.date()))
        } else if time > self.not_after {
            Some(NotValid::Expired(self.not_after.date()))
        } else {
            None
        }
    }
}

/// Why a certificate is not valid at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotValid {
    /// It was valid until this day.
    Expired(Date),
    /// It will be valid from this day on.
    NotYet(Date),
}

impl fmt::Display for NotValid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(day) => write!(formatter, "expired on {day}"),
            Self::NotYet(day) => write!(formatter, "is not valid before {day}"),
        }
    }
}

/// Says whether subject and issuer are those of a node and of its cluster's own CA.
fn is_of_proxmox(certificate: &X509Certificate<'_>) -> bool {
    let (subject, issuer) = (certificate.subject(), certificate.issuer());
    let is_only = |mut found: Vec<&str>, wanted: &str| found.pop() == Some(wanted) && found.is_empty();
    let organizations = |name: &X509Name<'_>, wanted: &str| {
        is_only(name.iter_organization().filter_map(|it| it.as_str().ok()).collect(), wanted)
    };
    let units = |name: &X509Name<'_>, wanted: &str| {
        is_only(name.iter_organizational_unit().filter_map(|it| it.as_str().ok()).collect(), wanted)
    };
    let product = "Proxmox Virtual Environment";
    !certificate.is_ca()
        && organizations(subject, product)
        && units(subject, "PVE Cluster Node")
        && organizations(issuer, "PVE Cluster Manager CA")
        && is_only(issuer.iter_common_name().filter_map(|it| it.as_str().ok()).collect(), product)
}

fn shown_name(name: &GeneralName<'_>) -> Option<Foreign> {
    let name = match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|it| Ipv4Addr::from(it).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|it| Ipv6Addr::from(it).to_string()),
            _ => None,
        },
        _ => None,
    };
    name.map(Foreign::new)
}

/// Gives the SHA-256 fingerprint of a certificate in DER form.
pub(super) fn fingerprint(der: &[u8]) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, der).as_ref());
    Fingerprint::new(bytes)
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
    pub fn from_pem(text: &[u8]) -> Result<Self, ApiError> {
        let read: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(text).collect();
        let certificates = read.map_err(|_| ApiError::NotACa { why: "it is not in PEM form" })?;
        if certificates.is_empty() {
            return Err(ApiError::NotACa { why: "there is no certificate in it" });
        }
        for certificate in &certificates {
            let leaf =
                Leaf::read(certificate).map_err(|_| ApiError::NotACa { why: "a certificate in it cannot be read" })?;
            if !leaf.is_ca {
                return Err(ApiError::NotACa { why: "a certificate in it is not that of an authority" });
            }
        }
        let bundle = Self { certificates };
        let mut roots = RootCertStore::empty();
        for certificate in &bundle.certificates {
            let added = roots.add(certificate.clone());
            added.map_err(|_| ApiError::NotACa { why: "a certificate in it cannot be used" })?;
        }
        Ok(bundle)
    }

    /// Gives the certificates.
    pub(super) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }
}

/// Gives the certificates in a PEM text without anything around them: what a server says may hold more than it should.
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
    use super::{CaBundle, Leaf, certificates_in, fingerprint};

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
            ("", "there is no certificate in it"),
            ("nonsense", "there is no certificate in it"),
            ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "it is not in PEM form"),
            ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "a certificate in it cannot be read"),
        ] {
            assert_eq!(CaBundle::from_pem(pem.as_bytes()).unwrap_err().to_string(), why, "{pem}");
        }
    }

    #[test]
    fn a_certificate_that_is_none_is_described_as_such() {
        assert!(Leaf::read(&b"garbage".as_slice().into()).is_err());
    }

    #[test]
    fn a_fingerprint_is_the_digest_of_the_whole() {
        let shown = fingerprint(b"abc").to_string();
        assert!(shown.starts_with("BA:78:16:BF:8F:01:CF:EA"), "{shown}");
    }
}
