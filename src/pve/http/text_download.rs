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

/// Reads a text, under the system's trust, through the proxy that the environment names. Nothing of ours is sent along.
///
/// # Errors
/// Why there is no such text, in words.
pub async fn text_at(address: &str, limits: Limits, proxies: &Proxies) -> Result<String, String> {
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
    let client = builder.build().map_err(|why| deepest(&why))?;
    let read = async {
        let mut response = client.get(url).send().await.map_err(|why| deepest(&why))?;
        if !response.status().is_success() {
            return Err(format!("{address} responded with {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|why| deepest(&why))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_TEXT {
                return Err(format!("{address} is not a list of checksums"));
            }
        }
        String::from_utf8(body).map_err(|_| format!("{address} is not text"))
    };
    timeout(limits.connect + limits.quiet, read)
        .await
        .unwrap_or_else(|_| Err(format!("{address} did not respond in time")))
}
