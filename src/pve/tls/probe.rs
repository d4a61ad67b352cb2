//! Reads the certificate that a server presents, before it is trusted.

use super::ca_bundle::CaBundle;
use super::certificate::Leaf;
use super::{Chain, HandshakePurpose, Trust, verify_against};
use crate::model::Endpoint;
use crate::pve::ApiError;
use crate::pve::http::http_client::{HttpClient, Limits};
use crate::pve::http::proxy::Proxies;

/// What a server presented.
#[derive(Debug, Clone)]
pub struct Probed {
    /// Its own certificate.
    pub leaf: Leaf,
    endpoint: Endpoint,
    chain: Chain,
}

impl Probed {
    /// Says whether these authorities signed the certificate, for this server's name and for today: whether a run that
    /// trusts them would accept it.
    ///
    /// # Errors
    /// If they did not, what is wrong.
    pub fn is_signed_by(&self, bundle: &CaBundle) -> Result<(), ApiError> {
        verify_against(bundle, &self.chain, &self.endpoint)
    }
}

/// Reads the certificate that a server presents. The handshake is ended as soon as the server has proved that it has
/// the certificate's key: no request is sent, and no secret can be.
///
/// # Errors
/// If no TLS connection comes about.
pub async fn probe(endpoint: &Endpoint, limits: Limits, proxies: &Proxies) -> Result<Probed, ApiError> {
    let way = HttpClient::new(endpoint.clone(), &Trust::Unverified, limits, proxies, HandshakePurpose::Probe)?;
    let ended = way.handshake().await;
    let chain = way.presented.chain();
    match (ended, chain.first()) {
        (Ok(()), Some(der)) => match Leaf::read(der) {
            Ok(leaf) => Ok(Probed { leaf, endpoint: endpoint.clone(), chain }),
            Err(why) => Err(ApiError::CertificateBroken { server: endpoint.authority(), why }),
        },
        (Ok(()), None) => Err(ApiError::Handshake {
            server: endpoint.authority(),
            why: "the server presented no certificate".to_owned(),
        }),
        (Err(why), _) => Err(why),
    }
}
