//! Which addresses a name has, and whether a server listens there: for a diagnosis, without TLS.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::model::{Endpoint, Host};
use crate::pve::ApiError;
use crate::pve::http::error_mapping::{system_error, whole};

/// Looks up all addresses of a server.
///
/// # Errors
/// If the name does not resolve in time.
pub async fn addresses(endpoint: &Endpoint, within: Duration) -> Result<Vec<SocketAddr>, ApiError> {
    let port = endpoint.port();
    let name = match endpoint.host() {
        Host::V4(address) => return Ok(vec![SocketAddr::new(IpAddr::V4(*address), port)]),
        Host::V6(address) => return Ok(vec![SocketAddr::new(IpAddr::V6(*address), port)]),
        Host::Name(name) => name,
    };
    let unknown = |why: String| ApiError::UnknownName { host: name.clone(), why };
    let found = timeout(within, lookup_host((name.as_str(), port))).await;
    let found = found.map_err(|_| unknown(format!("no response within {} s", whole(within))))?;
    let mut all: Vec<SocketAddr> = found.map_err(|why| unknown(why.to_string()))?.collect();
    all.sort_unstable();
    all.dedup();
    if all.is_empty() { Err(unknown("the name has no address".to_owned())) } else { Ok(all) }
}

/// Connects to an address and hangs up again.
///
/// # Errors
/// If the connection is not accepted in time.
pub async fn tcp_connect(address: SocketAddr, within: Duration) -> Result<(), ApiError> {
    match timeout(within, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(why)) => Err(system_error(&why, address.to_string(), within)),
        Err(_) => Err(ApiError::ConnectTimeout { server: address.to_string(), seconds: whole(within) }),
    }
}
