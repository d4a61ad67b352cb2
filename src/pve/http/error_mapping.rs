//! Maps errors of the HTTP and TLS libraries to the errors of this client.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::model::Endpoint;
use crate::pve::ApiError;
use crate::pve::http::proxy::ProxyChoice;
use crate::pve::tls::CertError;

/// A second look at a port that did not shake hands takes no longer than this.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a request was going when it failed.
#[derive(Debug, Clone, Copy)]
pub(in crate::pve) struct RequestContext<'a> {
    pub(in crate::pve) endpoint: &'a Endpoint,
    pub(in crate::pve) proxy: Option<&'a ProxyChoice>,
    pub(in crate::pve) connect: Duration,
}

impl RequestContext<'_> {
    /// Tells why no connection came about.
    pub(in crate::pve) fn connect_error(&self, why: &reqwest::Error) -> ApiError {
        let server = self.endpoint.authority();
        match (causes(why).find_map(tls_error), self.proxy) {
            (Some(tls), Some(proxy)) if matches!(CertError::within(tls), Some(CertError::OfProxy(_))) => {
                self.through(proxy, handshake_error(tls, proxy.authority.clone()))
            }
            (Some(tls), _) => handshake_error(tls, server),
            (None, Some(proxy)) => self.through(proxy, self.socket_error(why, &proxy.host, &proxy.authority)),
            (None, None) => self.socket_error(why, &self.endpoint.host().to_string(), &server),
        }
    }

    /// Maps an I/O error on an established connection.
    pub(in crate::pve) fn io_error(&self, why: &reqwest::Error) -> ApiError {
        let server = self.endpoint.authority();
        let is_other_protocol = |cause: &hyper::Error| cause.is_parse();
        if causes(why).filter_map(|cause| cause.downcast_ref()).any(is_other_protocol) {
            return ApiError::NotUnderstood { server, what: "it is not HTTP".to_owned() };
        }
        ApiError::BrokenOff { server, why: deepest(why) }
    }

    fn through(&self, proxy: &ProxyChoice, source: ApiError) -> ApiError {
        let (shown, variable) = (proxy.shown.clone(), proxy.variable.clone());
        ApiError::Proxy { proxy: shown, variable, server: self.endpoint.authority(), source: Box::new(source) }
    }

    fn socket_error(&self, why: &reqwest::Error, host: &str, authority: &str) -> ApiError {
        let server = authority.to_owned();
        let system =
            causes(why).filter_map(|cause| cause.downcast_ref::<io::Error>()).find(|io| io.get_ref().is_none());
        if why.is_dns() {
            return ApiError::UnknownName { host: host.to_owned(), why: deepest(why) };
        }
        match system {
            Some(system) => system_error(system, server, self.connect),
            None if why.is_timeout() => ApiError::ConnectTimeout { server, seconds: whole(self.connect) },
            None => ApiError::BrokenOff { server, why: deepest(why) },
        }
    }

    /// Looks once more, without TLS, at a port that did not shake hands: many servers of plain HTTP hang up on a TLS
    /// greeting, or go on waiting for a line of text.
    pub(in crate::pve) async fn probe_without_tls(&self, why: ApiError) -> ApiError {
        let is_unclear = matches!(why, ApiError::ConnectTimeout { .. } | ApiError::BrokenOff { .. });
        if self.proxy.is_some() || !is_unclear {
            return why;
        }
        let within = PROBE_TIMEOUT.min(self.connect);
        let server = self.endpoint.authority();
        let host = self.endpoint.host().to_string();
        let Ok(Ok(mut stream)) = timeout(within, TcpStream::connect((host.as_str(), self.endpoint.port()))).await
        else {
            return why;
        };
        let ask = async {
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
            let mut answer = [0; 10];
            stream.read_exact(&mut answer).await?;
            io::Result::Ok(is_plain_http(&answer))
        };
        match (timeout(within, ask).await, why) {
            (Ok(Ok(true)), _) => ApiError::NotTls { server },
            (_, ApiError::ConnectTimeout { seconds, .. }) => ApiError::NoAnswer { server, seconds },
            (_, why) => why,
        }
    }
}

/// Returns whether an answer begins as that of a server of plain HTTP. Proxmox VE itself answers plain HTTP on its port
/// by leading to https, so an answer that leads elsewhere says nothing against TLS.
fn is_plain_http(answer: &[u8; 10]) -> bool {
    answer.starts_with(b"HTTP/1.") && answer.get(8..) != Some(b" 3")
}

/// Maps the system's error on a connection that could not be established.
pub(in crate::pve) fn system_error(why: &io::Error, server: String, connect: Duration) -> ApiError {
    match why.kind() {
        io::ErrorKind::ConnectionRefused => ApiError::Refused { server },
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            ApiError::NoRoute { server }
        }
        io::ErrorKind::TimedOut => ApiError::ConnectTimeout { server, seconds: whole(connect) },
        _ => ApiError::BrokenOff { server, why: why.to_string() },
    }
}

/// Returns whether a handshake was broken off on purpose, after a look at the certificate.
pub(in crate::pve) fn is_seen(why: &reqwest::Error) -> bool {
    causes(why)
        .find_map(tls_error)
        .and_then(CertError::within)
        .is_some_and(|verdict| matches!(verdict, CertError::ProbeOnly))
}

/// Returns a limit in whole seconds, as it is shown.
pub(in crate::pve) fn whole(limit: Duration) -> u64 {
    limit.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

fn handshake_error(why: &rustls::Error, server: String) -> ApiError {
    match (CertError::within(why), why) {
        (Some(verdict), _) => verdict.clone().error(server),
        (None, rustls::Error::InvalidMessage(_)) => ApiError::NotTls { server },
        (None, other) => ApiError::Handshake { server, why: other.to_string() },
    }
}

/// Walks down the causes, from the error itself.
fn causes<'a>(why: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(why), |cause: &&'a (dyn StdError + 'static)| (**cause).source())
}

/// Finds an error of the TLS library, which travels inside errors of the socket that do not name it as their cause.
fn tls_error<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = cause;
    loop {
        match cause.downcast_ref::<rustls::Error>() {
            Some(tls) => return Some(tls),
            None => cause = cause.downcast_ref::<io::Error>()?.get_ref()?,
        }
    }
}

/// Returns the words of the innermost cause.
pub(in crate::pve) fn deepest(why: &(dyn StdError + 'static)) -> String {
    causes(why).last().map(|cause| without_address(&cause.to_string()).to_owned()).unwrap_or_default()
}

/// Leaves out the address of the manual that the TLS library appends to some of its errors.
fn without_address(text: &str) -> &str {
    text.split_once(": https://docs.rs/").map_or(text, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{is_plain_http, whole, without_address};

    #[test]
    fn an_error_of_the_library_does_not_refer_to_its_manual() {
        let text = "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/latest/x.html#eof";
        assert_eq!(without_address(text), "peer closed connection without sending TLS close_notify");
        assert_eq!(without_address("connection reset by peer"), "connection reset by peer");
    }

    #[test]
    fn a_server_that_leads_from_http_to_https_may_speak_tls() {
        for (answer, is_plain) in
            [(b"HTTP/1.1 2", true), (b"HTTP/1.0 4", true), (b"HTTP/1.1 3", false), (b"SSH-2.0-Op", false)]
        {
            assert_eq!(is_plain_http(answer), is_plain, "{answer:?}");
        }
    }

    #[test]
    fn a_limit_is_reported_in_whole_seconds() {
        for (milliseconds, seconds) in [(0, 0), (1, 1), (200, 1), (1_000, 1), (1_001, 2), (10_000, 10)] {
            assert_eq!(whole(Duration::from_millis(milliseconds)), seconds, "{milliseconds} ms");
        }
    }
}
