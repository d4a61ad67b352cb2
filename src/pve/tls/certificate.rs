//! What a certificate says of itself.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use time::{Date, OffsetDateTime};
use x509_parser::asn1_rs::{Oid, oid};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name, X509Version};

use crate::model::{Fingerprint, Foreign};

const SHA1_WITH_RSA: Oid<'static> = oid!(1.2.840.113549.1.1.5);
const SHA1_WITH_ECDSA: Oid<'static> = oid!(1.2.840.10045.4.1);

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Whose it is.
    pub subject: Foreign,
    /// Who signed it.
    pub issuer: Foreign,
    /// The names and addresses that it is for.
    pub names: Vec<Foreign>,
    /// Addresses that it holds as DNS names, where they count for nothing.
    pub addresses_as_names: Vec<Foreign>,
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
    /// Whether subject and issuer are the same.
    pub is_self_issued: bool,
    /// Whether it is of version 1, which has no extensions.
    pub is_version_1: bool,
    /// Whether it is signed with SHA-1.
    pub is_sha1: bool,
}

impl Leaf {
    /// Reads a certificate in DER form.
    pub(in crate::pve) fn read(der: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|why| why.to_string())?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.iter().collect::<Vec<_>>()).unwrap_or_default();
        let (addresses_as_names, names): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| is_address_as_name(name));
        let shown = |names: Vec<&GeneralName<'_>>| names.into_iter().filter_map(shown_name).collect();
        let signature = &certificate.signature_algorithm.algorithm;
        Ok(Self {
            subject: Foreign::new(certificate.subject().to_string()),
            issuer: Foreign::new(certificate.issuer().to_string()),
            names: shown(names),
            addresses_as_names: shown(addresses_as_names),
            not_before: certificate.validity().not_before.to_datetime(),
            not_after: certificate.validity().not_after.to_datetime(),
            fingerprint: fingerprint(der),
            is_ca: certificate.is_ca(),
            is_of_proxmox: is_of_proxmox(&certificate),
            is_self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            is_version_1: certificate.version() == X509Version::V1,
            is_sha1: [SHA1_WITH_RSA, SHA1_WITH_ECDSA].contains(signature),
        })
    }

    /// Returns whether it is valid at a time.
    #[must_use]
    pub fn is_valid_at(&self, time: OffsetDateTime) -> bool {
        self.not_valid_at(time).is_none()
    }

    /// Says why it is not valid at a time; `None` if it is.
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

/// Returns whether subject and issuer are those of a node and of its cluster's own CA.
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

/// Returns whether an address is written as a DNS name.
fn is_address_as_name(name: &GeneralName<'_>) -> bool {
    matches!(name, GeneralName::DNSName(name) if name.parse::<IpAddr>().is_ok())
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

/// Returns the SHA-256 fingerprint of a certificate in DER form.
pub(super) fn fingerprint(der: &[u8]) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, der).as_ref());
    Fingerprint::new(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Leaf, fingerprint};

    #[test]
    fn text_that_is_not_a_certificate_is_described_as_such() {
        assert!(Leaf::read(&b"garbage".as_slice().into()).is_err());
    }

    #[test]
    fn a_fingerprint_is_the_digest_of_the_whole() {
        let shown = fingerprint(b"abc").to_string();
        assert!(shown.starts_with("BA:78:16:BF:8F:01:CF:EA"), "{shown}");
    }
}
