//! Which proxy leads to the server, as curl reads it from the environment.

use std::fmt;
use std::net::IpAddr;

use reqwest::{Proxy, Url};

use crate::model::{Endpoint, Host, Register};
use crate::pve::ApiError;

/// Curl's port for a proxy whose address names none.
const DEFAULT_PORT: u16 = 1080;

/// The kinds of proxy that can be used.
const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

/// The proxy variables of the environment.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    named: Option<ProxyVariable>,
    exceptions: Vec<String>,
}

/// A variable and what it holds, perhaps with a password in it.
#[derive(Clone)]
struct ProxyVariable {
    variable: String,
    address: String,
}

/// The proxy that leads to a server.
#[derive(Clone)]
pub(in crate::pve) struct ProxyChoice {
    pub(in crate::pve) proxy: Proxy,
    /// The proxy without its password.
    pub(in crate::pve) shown: String,
    /// Its host.
    pub(in crate::pve) host: String,
    /// Its host and port.
    pub(in crate::pve) authority: String,
    /// The variable that names it.
    pub(in crate::pve) variable: String,
}

/// A proxy as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxySeen {
    /// Its address, without its password.
    pub address: String,
    /// The variable that names it.
    pub variable: String,
}

impl fmt::Debug for ProxyVariable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.variable)
    }
}

impl fmt::Debug for ProxyChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl Proxies {
    /// Returns no proxy at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the variables in curl's order: `https_proxy` before `all_proxy`, lower case before upper case; an empty
    /// one counts for nothing.
    #[must_use]
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let filled = |name: &&str| {
            let address = variable(name).filter(|it| !it.trim().is_empty())?;
            Some(ProxyVariable { variable: (*name).to_owned(), address: address.trim().to_owned() })
        };
        let exceptions = ["no_proxy", "NO_PROXY"].iter().find_map(filled).map(|it| it.address.to_ascii_lowercase());
        let words = exceptions.as_deref().unwrap_or_default().split([',', ' ']).map(str::trim);
        Self {
            named: ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"].iter().find_map(filled),
            exceptions: words.filter(|it| !it.is_empty()).map(str::to_owned).collect(),
        }
    }

    /// Says which proxy leads to a server.
    ///
    /// # Errors
    /// If the variable names none that can be used.
    pub fn seen(&self, endpoint: &Endpoint) -> Result<Option<ProxySeen>, ApiError> {
        let chosen = self.chosen(endpoint)?;
        Ok(chosen.map(|chosen| ProxySeen { address: chosen.shown, variable: chosen.variable }))
    }

    /// Decides for one server.
    pub(in crate::pve) fn chosen(&self, endpoint: &Endpoint) -> Result<Option<ProxyChoice>, ApiError> {
        match &self.named {
            Some(named) if !self.bypasses(endpoint) => match named.read() {
                Some(chosen) => Ok(Some(chosen)),
                None => Err(ApiError::BadProxy { variable: named.variable.clone() }),
            },
            _ => Ok(None),
        }
    }

    /// Returns whether `NO_PROXY` names the server: `*`, a name, a domain with or without its leading dot, an address,
    /// a block of addresses; a port in an entry must be the server's.
    fn bypasses(&self, endpoint: &Endpoint) -> bool {
        self.exceptions.iter().any(|exception| {
            let (exception, port) = split_port(exception);
            let port_fits = port.is_none_or(|port| port == endpoint.port());
            port_fits && (exception == "*" || names(exception, endpoint.host()))
        })
    }
}

impl ProxyVariable {
    fn read(&self) -> Option<ProxyChoice> {
        let address = &self.address;
        let with_scheme = if address.contains("://") { address.clone() } else { format!("http://{address}") };
        let mut url = Url::parse(&with_scheme).ok().filter(|url| SCHEMES.contains(&url.scheme()))?;
        if !names_port(&with_scheme) && url.scheme() != "https" {
            url.set_port(Some(DEFAULT_PORT)).ok()?;
        }
        let user_information = format!("{}:{}", url.username(), url.password().unwrap_or_default());
        Register::of_process().notice_user(&user_information);
        let host = url.host_str().filter(|host| !host.is_empty())?.to_owned();
        let port = url.port_or_known_default().unwrap_or(DEFAULT_PORT);
        let proxy = Proxy::all(url.clone()).ok()?;
        let authority = format!("{host}:{port}");
        Some(ProxyChoice { proxy, shown: masked(url), host, authority, variable: self.variable.clone() })
    }
}

/// Returns whether an address names a port; the URL forgets one that is usual for its scheme.
fn names_port(address: &str) -> bool {
    let authority = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.rsplit(']').next().is_some_and(|rest| rest.contains(':'))
}

fn names(exception: &str, host: &Host) -> bool {
    match host {
        Host::Name(name) => {
            let domain = exception.trim_start_matches("*.").trim_start_matches('.').trim_end_matches('.');
            name == domain || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
        }
        Host::V4(address) => holds(exception, IpAddr::V4(*address)),
        Host::V6(address) => holds(exception, IpAddr::V6(*address)),
    }
}

/// Returns whether an address, or a block such as `192.168.0.0/16`, holds an address.
fn holds(block: &str, address: IpAddr) -> bool {
    let (network, bits) =
        block.split_once('/').map_or((block, None), |(network, bits)| (network, bits.parse::<u32>().ok()));
    let Ok(network) = network.trim_matches(['[', ']']).parse::<IpAddr>() else { return false };
    let common = match (network, address) {
        (IpAddr::V4(left), IpAddr::V4(right)) => (left.to_bits() ^ right.to_bits()).leading_zeros(),
        (IpAddr::V6(left), IpAddr::V6(right)) => (left.to_bits() ^ right.to_bits()).leading_zeros(),
        _ => return false,
    };
    let whole = if address.is_ipv4() { 32 } else { 128 };
    common >= if block.contains('/') { bits.unwrap_or(whole) } else { whole }
}

fn split_port(exception: &str) -> (&str, Option<u16>) {
    match exception.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (exception, None),
        },
        _ => (exception, None),
    }
}

/// Shows a proxy without user and password: some take a token in the place of the user.
fn masked(mut url: Url) -> String {
    let is_named = !url.username().is_empty() || url.password().is_some();
    if is_named && (url.set_password(None).is_err() || url.set_username("****").is_err()) {
        return url.host_str().unwrap_or_default().to_owned();
    }
    url.to_string().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::Proxies;
    use crate::model::Endpoint;

    fn chosen(variables: &[(&str, &str)], server: &str) -> Option<(String, String)> {
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let endpoint: Endpoint = server.parse().unwrap();
        Proxies::from_variables(&lookup).chosen(&endpoint).unwrap().map(|it| (it.shown, it.variable))
    }

    #[test]
    fn the_variables_are_read_as_curl_reads_them() {
        for (variables, server, shown) in [
            (&[][..], "pve.lan", None),
            (&[("HTTPS_PROXY", "http://proxy:3128")], "pve.lan", Some("http://proxy:3128")),
            (&[("HTTPS_PROXY", "proxy:3128")], "pve.lan", Some("http://proxy:3128")),
            (&[("HTTPS_PROXY", "proxy")], "pve.lan", Some("http://proxy:1080")),
            (&[("HTTPS_PROXY", "http://proxy:80")], "pve.lan", Some("http://proxy")),
            (&[("HTTPS_PROXY", "https://proxy")], "pve.lan", Some("https://proxy")),
            (&[("HTTPS_PROXY", "http://u:p%40w@[::1]")], "pve.lan", Some("http://****@[::1]:1080")),
            (&[("HTTPS_PROXY", ""), ("ALL_PROXY", "proxy:1")], "pve.lan", Some("http://proxy:1")),
            (&[("HTTP_PROXY", "http://proxy:3128")], "pve.lan", None),
            (
                &[("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "http://lower:1")],
                "pve.lan",
                Some("http://lower:1"),
            ),
            (&[("ALL_PROXY", "socks5h://user:hunter2@proxy:1080")], "pve.lan", Some("socks5h://****@proxy:1080")),
            (&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", "*")], "pve.lan", None),
            (&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", "other, .lan")], "pve.lan", None),
            (&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", "lan")], "pve.lan", None),
            (&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", "an")], "pve.lan", Some("http://p:1")),
            (&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", "pve.lan:443")], "pve.lan", Some("http://p:1")),
            (&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", "pve.lan:8006")], "pve.lan", None),
            (&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", "192.168.0.0/16")], "192.168.1.50", None),
            (&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", "192.168.0.0/24")], "192.168.1.50", Some("http://p:1")),
            (&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", "::1")], "[::1]:8006", None),
        ] {
            assert_eq!(chosen(variables, server).map(|it| it.0).as_deref(), shown, "{variables:?} {server}");
        }
    }

    #[test]
    fn a_variable_that_names_no_proxy_is_an_error() {
        for address in ["http://", "ftp://proxy:21", "://", "http://proxy:port", "http://user:hunter2@"] {
            let lookup = |name: &str| (name == "HTTPS_PROXY").then(|| address.to_owned());
            let proxies = Proxies::from_variables(&lookup);
            let refused = proxies.chosen(&"pve.lan".parse().unwrap()).unwrap_err();
            assert!(refused.to_string().contains("HTTPS_PROXY"), "{address}");
            assert!(!format!("{refused} {refused:?} {proxies:?}").contains("hunter2"));
        }
    }
}
