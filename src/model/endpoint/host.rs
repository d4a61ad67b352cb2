//! The name or address of a server.

use super::InvalidEndpoint;
use crate::model::Validated;
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A host: a DNS name in lower case, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
}

impl Host {
    /// Returns the address where the host is one.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }
}

impl Validated for Host {}

impl FromStr for Host {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        if text.is_empty() {
            return Err(InvalidEndpoint::Empty);
        }
        if text.contains('%') {
            return Err(InvalidEndpoint::Zone);
        }
        if text.contains(':') {
            return text.parse().map(Self::V6).map_err(|_| InvalidEndpoint::Ipv6);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::V4(address));
        }
        let is_part = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
        if let Some((index, found)) = text.chars().enumerate().find(|(_, it)| !is_part(*it)) {
            let is_letter = found.is_alphabetic();
            return Err(if is_letter {
                InvalidEndpoint::Letter
            } else {
                InvalidEndpoint::Character { position: index + 1, found }
            });
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        // A name whose last label is a number is an IPv4 address to every URL parser, and never a DNS name (RFC 3696, 2).
        let last_label = name.rsplit('.').next().unwrap_or_default();
        if last_label.bytes().all(|byte| byte.is_ascii_digit()) && !last_label.is_empty() {
            return Err(InvalidEndpoint::Ipv4);
        }
        let is_hexadecimal = last_label.to_ascii_lowercase().starts_with("0x");
        if is_hexadecimal && last_label.bytes().skip(2).all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidEndpoint::Ipv4);
        }
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err(InvalidEndpoint::Name);
        }
        Ok(Self::Name(name.to_ascii_lowercase()))
    }
}

/// One label of a host name. Underscores are not allowed by the standard, but they are in many a hosts file.
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::V4(address) => address.fmt(formatter),
            Self::V6(address) => address.fmt(formatter),
        }
    }
}
