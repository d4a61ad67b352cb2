//! Where a server listens: host and port, in every form that users enter.

mod host;

pub use host::Host;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::model::Validated;
use crate::model::characters::named;
use crate::model::secret_form::is_pasted_secret;

/// The port of the Proxmox VE API.
pub const DEFAULT_PORT: u16 = 8006;

/// The port of other web servers, behind which a reverse proxy may serve the web interface.
pub const WEB_PORT: u16 = 443;

/// Why a text says no server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// Nothing at all.
    #[error("enter a host name or an IP address")]
    Empty,
    /// `ftp://…`
    #[error("the address begins with `{scheme}://`; Proxmox VE uses https")]
    Scheme {
        /// What is before `://`.
        scheme: String,
    },
    /// `https//host`, where a character is missing or another one is in its place.
    #[error("the address begins with a mistyped scheme; use `https://` or only the host")]
    MistypedScheme,
    /// `https://host/prefix/`. The API has a fixed path on a server.
    #[error("the address contains a path, which Proxmox VE does not support; use only the host")]
    Path,
    /// `192.168.1.0/24`.
    #[error("this is a network with a mask, not a server; use only the address")]
    Mask,
    /// `https://user:password@host`. The text is not repeated: it may be a password.
    #[error("the address contains a user name or password; use only the host")]
    Credentials,
    /// The secret of a token: it is not looked up as a name.
    #[error("this looks like a secret, not a server")]
    Secret,
    /// Something behind the colon that is no port.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// An address of the local link with its interface.
    #[error("IPv6 addresses with a zone (`%eth0`) are not supported; use a global address or a name")]
    Zone,
    /// Four numbers that are no IPv4 address.
    #[error("not an IPv4 address (four numbers from 0 to 255)")]
    Ipv4,
    /// Colons that make no IPv6 address.
    #[error("not an IPv6 address (with a port: `[address]:port`)")]
    Ipv6,
    /// A character that no host name has. One character tells nothing of a secret that was pasted by mistake.
    #[error("a host name consists of letters, digits, hyphens and dots; character {position} is not allowed: {}", named(*found))]
    Character {
        /// Where it is, counted from 1.
        position: usize,
        /// Which it is.
        found: char,
    },
    /// A letter that is not of ASCII.
    #[error("write a host name with letters other than a to z in its `xn--` form")]
    Letter,
    /// Hyphens or dots where no host name has them.
    #[error("not a host name: labels have 1 to 63 characters and do not begin or end with a hyphen")]
    Name,
}

/// A host and a port.
#[derive(Debug, Clone)]
pub struct Endpoint {
    host: Host,
    port: u16,
    /// Where else the server may listen, where the port was not given.
    other_port: Option<u16>,
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        (&self.host, self.port) == (&other.host, other.port)
    }
}

impl Eq for Endpoint {}

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.host, self.port).hash(state);
    }
}

impl Endpoint {
    /// Puts host and port together.
    #[must_use]
    pub const fn new(host: Host, port: u16) -> Self {
        Self { host, port, other_port: None }
    }

    /// Returns the host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns where else the server may listen: an address that begins with `https://` and has no port is that of a
    /// browser, for which it means port 443.
    #[must_use]
    pub fn alternative(&self) -> Option<Self> {
        self.other_port.map(|port| Self::new(self.host.clone(), port))
    }

    /// Returns whether both are one server: the same name or address, also where an IPv4 address is written as an IPv6
    /// one (`::ffff:192.0.2.1`), and the same port, or one of the two where an address leaves it open.
    #[must_use]
    pub fn is_same_server(&self, other: &Self) -> bool {
        let address = |endpoint: &Self| endpoint.host.address().map(|address| address.to_canonical());
        other.ports().any(|port| self.ports().any(|own| own == port))
            && (self.host == other.host || address(self).is_some_and(|it| address(other) == Some(it)))
    }

    /// Lists the ports at which the server may listen.
    fn ports(&self) -> impl Iterator<Item = u16> {
        [self.port].into_iter().chain(self.other_port)
    }

    /// Returns `host:port`, an IPv6 address in brackets, as URLs and messages want it.
    #[must_use]
    pub fn authority(&self) -> String {
        match &self.host {
            Host::V6(address) => format!("[{address}]:{}", self.port),
            host => format!("{host}:{}", self.port),
        }
    }

    /// Returns the address of the web interface, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.authority())
    }
}

impl Validated for Endpoint {}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    /// Accepts a name, an address, `host:port`, and the web interface's address as a browser shows it.
    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let text = text.trim();
        if is_pasted_secret(text) {
            return Err(InvalidEndpoint::Secret);
        }
        let (scheme, text) = strip_scheme(text)?;
        let authority = text.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(InvalidEndpoint::Credentials);
        }
        check_characters(authority)?;
        let (host, port) = split_port(authority)?;
        let host: Host = host.parse()?;
        check_path(&host, text.strip_prefix(authority).unwrap_or_default())?;
        let other_port = (scheme == Scheme::Https && port.is_none()).then_some(WEB_PORT);
        Ok(Self { host, port: port.unwrap_or(DEFAULT_PORT), other_port })
    }
}

/// What is before `://`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    /// `https`.
    Https,
    /// `http`: a browser that was sent to it shows it; the API itself speaks https only.
    Http,
    /// Nothing.
    None,
}

fn strip_scheme(text: &str) -> Result<(Scheme, &str), InvalidEndpoint> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return if is_mistyped(text) { Err(InvalidEndpoint::MistypedScheme) } else { Ok((Scheme::None, text)) };
    };
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok((Scheme::Https, rest)),
        "http" => Ok((Scheme::Http, rest)),
        other if other.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) => {
            Err(InvalidEndpoint::Scheme { scheme: other.to_owned() })
        }
        _ => Err(InvalidEndpoint::MistypedScheme),
    }
}

/// Returns whether a text without `://` begins with a scheme all the same: `https//h`, `https:/h`, `https:h`,
/// `https;//h`. A host may be called `https`, with a port behind it.
fn is_mistyped(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("https").or_else(|| lower.strip_prefix("http")) else { return false };
    match rest.strip_prefix([':', ';', '/', '\\', ',']) {
        Some(behind) => !behind.is_empty() && !behind.starts_with(|it: char| it.is_ascii_digit()),
        None => false,
    }
}

/// Checks what is behind the host: nothing but what the address of the web interface or of the API has there.
fn check_path(host: &Host, behind: &str) -> Result<(), InvalidEndpoint> {
    let path = behind.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
    if path.is_empty() || path == "api2" || path.starts_with("api2/") {
        return Ok(());
    }
    let is_mask = path.parse::<u8>().is_ok() || path.parse::<Ipv4Addr>().is_ok();
    Err(if host.address().is_some() && is_mask { InvalidEndpoint::Mask } else { InvalidEndpoint::Path })
}

/// Names a quotation mark, a semicolon or an invisible character before it is taken for a part of the host or the port.
fn check_characters(authority: &str) -> Result<(), InvalidEndpoint> {
    let is_possible = |it: char| it.is_alphanumeric() || "-_.:[]%+".contains(it);
    match authority.chars().enumerate().find(|(_, it)| !is_possible(*it)) {
        Some((index, found)) => Err(InvalidEndpoint::Character { position: index + 1, found }),
        None => Ok(()),
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), InvalidEndpoint> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(InvalidEndpoint::Ipv6)?;
        if !host.contains(':') {
            return Err(InvalidEndpoint::Ipv6);
        }
        return match port.strip_prefix(':') {
            None if port.is_empty() => Ok((host, None)),
            None => Err(InvalidEndpoint::Ipv6),
            Some(port) => Ok((host, Some(read_port(port)?))),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) if !port.contains(':') => Ok((host, Some(read_port(port)?))),
        _ => Ok((authority, None)),
    }
}

fn read_port(text: &str) -> Result<u16, InvalidEndpoint> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidEndpoint::Port);
    }
    text.parse().ok().filter(|port| *port != 0).ok_or(InvalidEndpoint::Port)
}

impl fmt::Display for Endpoint {
    /// Writes what `PROXMOX_HOST` holds: the host alone where the port is the usual one, else `host:port`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == DEFAULT_PORT { self.host.fmt(formatter) } else { formatter.write_str(&self.authority()) }
    }
}

#[cfg(test)]
mod tests;
