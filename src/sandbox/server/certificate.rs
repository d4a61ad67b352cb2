//! Certificates as a cluster makes them: an authority of its own, and a leaf for the node.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use ring::digest;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

/// What is strange about a leaf, to rehearse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    Future,
    /// It is for another name.
    WrongName,
    /// It expires within days.
    Expiring,
    /// Another authority has signed it.
    Foreign,
}

/// The authority of the cluster.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    subject: String,
    card: Value,
}

/// A leaf, ready to serve.
pub(crate) struct Leaf {
    /// What connections are accepted with.
    pub(crate) config: Arc<ServerConfig>,
    /// Its SHA-256 fingerprint.
    pub(crate) fingerprint: [u8; 32],
    card: Value,
}

impl Leaf {
    /// Returns what the API says of the certificate.
    pub(crate) fn card(&self) -> Value {
        self.card.clone()
    }
}

impl Authority {
    /// Makes an authority that is valid for ten years.
    pub(crate) fn new(cluster: &str) -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&[
            (DnType::CommonName, "Proxmox Virtual Environment"),
            (DnType::OrganizationalUnitName, cluster),
            (DnType::OrganizationName, "PVE Cluster Manager CA"),
        ]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let now = OffsetDateTime::now_utc();
        (params.not_before, params.not_after) = (now - Duration::days(1), now + Duration::days(3650));
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        let subject = format!("/CN=Proxmox Virtual Environment/OU={cluster}/O=PVE Cluster Manager CA");
        let card = card("pve-root-ca.pem", (&subject, &subject), &certificate, (&params, &[]));
        Ok(Self { pem: certificate.pem(), issuer: Issuer::new(params, key), subject, card })
    }

    /// Returns its certificate as PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns what the API says of the certificate.
    pub(crate) fn card(&self) -> Value {
        self.card.clone()
    }

    /// Makes a leaf for the first node. The server sends the leaf alone, as a real one does.
    pub(crate) fn leaf(&self, node: &str, flaw: Flaw) -> io::Result<Leaf> {
        let domain = format!("{node}.sandbox.invalid");
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&[
            (DnType::OrganizationalUnitName, "PVE Cluster Node"),
            (DnType::OrganizationName, "Proxmox Virtual Environment"),
            (DnType::CommonName, &domain),
        ]);
        params.subject_alt_names = names(node, &domain, flaw)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let now = OffsetDateTime::now_utc();
        let (from, to) = match flaw {
            Flaw::Expired => (-730, -1),
            Flaw::Future => (1, 730),
            Flaw::Expiring => (-720, 10),
            Flaw::None | Flaw::WrongName | Flaw::Foreign => (-1, 729),
        };
        (params.not_before, params.not_after) = (now + Duration::days(from), now + Duration::days(to));
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        let subject = format!("/OU=PVE Cluster Node/O=Proxmox Virtual Environment/CN={domain}");
        let san = ["127.0.0.1", "0000:0000:0000:0000:0000:0000:0000:0001", "localhost", node, &domain];
        let card = card("pve-ssl.pem", (&subject, &self.subject), &certificate, (&params, &san));
        let der = certificate.der().clone();
        let fingerprint = fingerprint(&der);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.map_err(io::Error::other)?.with_no_client_auth().with_single_cert(vec![der], key);
        Ok(Leaf { config: Arc::new(config.map_err(io::Error::other)?), fingerprint, card })
    }
}

fn fingerprint(der: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
    bytes
}

/// Says of a certificate what `/nodes/{node}/certificates/info` says.
fn card(
    file: &str,
    (subject, issuer): (&str, &str),
    certificate: &Certificate,
    (params, san): (&CertificateParams, &[&str]),
) -> Value {
    let pairs: Vec<String> = fingerprint(certificate.der()).iter().map(|byte| format!("{byte:02X}")).collect();
    json!({
        "filename": file,
        "fingerprint": pairs.join(":"),
        "subject": subject,
        "issuer": issuer,
        "notbefore": params.not_before.unix_timestamp(),
        "notafter": params.not_after.unix_timestamp(),
        "pem": certificate.pem(),
        "public-key-type": "id-ecPublicKey",
        "public-key-bits": 256,
        "san": san,
    })
}

fn name(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (kind, text) in parts {
        name.push(kind.clone(), *text);
    }
    name
}

fn names(node: &str, domain: &str, flaw: Flaw) -> io::Result<Vec<SanType>> {
    let dns = |text: &str| io::Result::Ok(SanType::DnsName(text.try_into().map_err(io::Error::other)?));
    if flaw == Flaw::WrongName {
        return Ok(vec![dns("other.sandbox.invalid")?]);
    }
    Ok(vec![
        SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()),
        SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
        dns("localhost")?,
        dns(node)?,
        dns(domain)?,
        dns("sandbox.invalid")?,
    ])
}
