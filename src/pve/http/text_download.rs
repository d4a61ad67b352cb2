//! Reads a small text from a web server that is no Proxmox VE: a list of checksums.

use reqwest::{Client, Url, redirect};
use tokio::time::timeout;

use crate::model::{Endpoint, Host};
use crate::pve::http::error_mapping::deepest;
use crate::pve::http::http_client::Limits;
use crate::pve::http::proxy::Proxies;
use crate::pve::tls::{HandshakePurpose, Trust, configuration};

/// A list of checksums is some hundred lines; what is longer is something else.
const MAX_TEXT: usize = 1024 * 1024;

/// Why there is no such text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoText {
    /// No connection, or no answer in time.
    #[error("cannot reach {host}: {why}")]
    Unreachable {
        /// The host that was called.
        host: String,
        /// Why not.
        why: String,
    },
    /// There was an answer, or there was nothing to call.
    #[error("{0}")]
    Unusable(String),
}

/// Reads a text, under the system's trust, through the proxy that the environment names. Nothing of ours is sent along.
///
/// # Errors
/// Why there is no such text.
pub async fn text_at(address: &str, limits: Limits, proxies: &Proxies) -> Result<String, NoText> {
    let (client, url) = client(address, limits, proxies).map_err(NoText::Unusable)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let unreachable = |why: String| NoText::Unreachable { host: host.clone(), why };
    let read = async {
        let mut response = client.get(url).send().await.map_err(|why| unreachable(deepest(&why)))?;
        if !response.status().is_success() {
            return Err(NoText::Unusable(format!("{address} responded with {}", response.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|why| unreachable(deepest(&why)))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_TEXT {
                return Err(NoText::Unusable(format!("{address} is not a list of checksums")));
            }
        }
        String::from_utf8(body).map_err(|_| NoText::Unusable(format!("{address} is not text")))
    };
    let silent = |_| Err(unreachable("no response in time".to_owned()));
    timeout(limits.connect + limits.quiet, read).await.unwrap_or_else(silent)
}

/// Prepares the call of an address.
fn client(address: &str, limits: Limits, proxies: &Proxies) -> Result<(Client, Url), String> {
    let url = Url::parse(address).map_err(|why| why.to_string())?;
    let host: Host = url
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .parse()
        .map_err(|why: crate::model::endpoint::InvalidEndpoint| why.to_string())?;
    let endpoint = Endpoint::new(host, url.port_or_known_default().unwrap_or(443));
    let (config, _) =
        configuration(&endpoint, &Trust::System, HandshakePurpose::Requests).map_err(|why| why.to_string())?;
    let mut builder = Client::builder()
        .tls_backend_preconfigured(config)
        .http1_only()
        .redirect(redirect::Policy::none())
        .connect_timeout(limits.connect)
        .no_proxy();
    if let Some(chosen) = proxies.chosen(&endpoint).map_err(|why| why.to_string())? {
        builder = builder.proxy(chosen.proxy);
    }
    Ok((builder.build().map_err(|why| deepest(&why))?, url))
}
