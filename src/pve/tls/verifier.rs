//! The TLS verifier, which applies the trust policy of the run to every handshake.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};

use super::authorities::{Authorities, TlsRefusal};
use super::ca_bundle::CaBundle;
use super::certificate::fingerprint;
use super::key::{UNUSUAL_SCHEMES, explained, unsupported_key, verify_tls12, verify_tls13};
use super::{CertError, HandshakePurpose, PinnedFingerprint, Presented, Trust, server_name};
use crate::model::Endpoint;
use crate::pve::ApiError;

/// Judges certificates by the trust of the run. Whatever the trust, the server must have the certificate's key.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) server: Option<ServerName<'static>>,
    pinned: Option<PinnedFingerprint>,
    authorities: Option<Authorities>,
    /// The system's authorities, which judge a proxy that is itself reached by TLS.
    of_proxies: OnceLock<Option<Authorities>>,
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) presented: Presented,
    purpose: HandshakePurpose,
}

impl Verifier {
    pub(super) fn new(endpoint: &Endpoint, trust: &Trust, purpose: HandshakePurpose) -> Result<Self, ApiError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let of_bundle = |bundle: &CaBundle| Authorities::of_bundle(bundle, &provider);
        let (authorities, pinned) = match trust {
            Trust::System => (Some(Authorities::of_system(&provider)?), None),
            Trust::Ca(bundle) => (Some(of_bundle(bundle)?), None),
            Trust::CaAndPinned(bundle, pin) => (Some(of_bundle(bundle)?), Some(pin.clone())),
            Trust::Pinned(pin) => (None, Some(pin.clone())),
            Trust::Unverified => (None, None),
        };
        let (server, of_proxies, presented) = (server_name(endpoint), OnceLock::new(), Presented::default());
        Ok(Self { server, pinned, authorities, of_proxies, provider, presented, purpose })
    }

    /// Judges the certificate of a proxy, by the system's authorities.
    fn verify_proxy(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let system = || Authorities::of_system(&self.provider).ok();
        let refused = |why: String| CertError::OfProxy(format!("the certificate of the proxy is not trusted: {why}"));
        let Some(system) = self.of_proxies.get_or_init(system) else {
            return Err(refused("this system has no trusted CA certificates".to_owned()).into());
        };
        system.check_chain(leaf, rest, name, now).map_err(|refusal| match refusal {
            TlsRefusal::NotValid(_) => refused("the certificate of its CA is not valid now".to_owned()).into(),
            TlsRefusal::Other(why) => refused(why.to_string()).into(),
        })
    }

    /// Checks the signature over the handshake. A bad one means that the machine does not have the certificate's key.
    fn check_signature(
        &self,
        certificate: &CertificateDer<'_>,
        signature: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match signature {
            Ok(_) if self.purpose != HandshakePurpose::Requests && self.presented.is_of_server(certificate) => {
                Err(CertError::ProbeOnly.into())
            }
            Ok(valid) => Ok(valid),
            Err(why) if is_of_another_key(&why) => Err(CertError::KeyMismatch.into()),
            Err(why) => Err(CertError::Broken(why.to_string()).into()),
        }
    }
}

/// Returns whether a signature was made by another key than the certificate's.
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
            return self.verify_proxy(end_entity, intermediates, server_name, now);
        }
        self.presented.note(end_entity, intermediates);
        if let Some(pinned) = &self.pinned
            && fingerprint(end_entity) != pinned.fingerprint
        {
            return Err(CertError::on(end_entity, |leaf| CertError::NotPinned(pinned.clone(), leaf)).into());
        }
        if let Some(key) = unsupported_key(end_entity) {
            return Err(CertError::Broken(explained(&key)).into());
        }
        let Some(authorities) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        authorities.check_chain(end_entity, intermediates, server_name, now).map_err(|refusal| match refusal {
            TlsRefusal::NotValid(authority) => CertError::on_authority(&authority, end_entity, now).into(),
            TlsRefusal::Other(why) => {
                CertError::on(end_entity, |leaf| authorities.explain(&why, leaf, end_entity, intermediates)).into()
            }
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.check_signature(certificate, verify_tls12(&self.provider, message, certificate, signature))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.check_signature(certificate, verify_tls13(&self.provider, message, certificate, signature))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        if self.purpose == HandshakePurpose::Identify {
            schemes.extend(UNUSUAL_SCHEMES);
        }
        schemes
    }
}
