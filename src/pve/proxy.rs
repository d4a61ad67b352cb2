//! Which proxy leads to the server, as curl reads it from the environment.

use std::net::IpAddr;

use reqwest::{Proxy, Url};

use crate::model::{Endpoint, Host};
use crate::pve::Error;

/// The proxy variables of the environment.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    proxy: Option<(String, String)>,
    exceptions: Vec<String>,
}

/// The proxy that leads to a server.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) proxy: Proxy,
    /// The proxy without its password.
    pub(super) shown: String,
    /// The variable that names it.
    pub(super) variable: String,
}

impl Proxies {
    /// Gives no proxy at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the variables in curl's order: `https_proxy` before `all_proxy`, lower case before upper case.
    #[must_use]
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| Some(((*name).to_owned(), variable(name)?)));
        let exceptions = first(&["no_proxy", "NO_PROXY"]).map(|(_, list)| list).unwrap_or_default();
        Self {
            proxy: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            exceptions: exceptions
                .split([',', ' '])
                .map(|it| it.trim().to_ascii_lowercase())
                .filter(|it| !it.is_empty())
                .collect(),
        }
    }

    /// Decides for one server.
    pub(super) fn chosen(&self, endpoint: &Endpoint) -> Result<Option<Chosen>, Error> {
        let Some((variable, address)) = &self.proxy else { return Ok(None) };
        if self.excepts(endpoint) {
            return Ok(None);
        }
        let bad = || Error::BadProxy { variable: variable.clone() };
        let with_scheme = if address.contains("://") { address.clone() } else { format!("http://{address}") };
        let url = Url::parse(&with_scheme).map_err(|_| bad())?;
        let proxy = Proxy::all(url.clone()).map_err(|_| bad())?;
        Ok(Some(Chosen { proxy, shown: masked(url), variable: variable.clone() }))
    }

    /// Says whether `NO_PROXY` names the server: `*`, a name, a domain with or without its leading dot, an address, a
    /// block of addresses; a port in an entry must be the server's.
    fn excepts(&self, endpoint: &Endpoint) -> bool {
        self.exceptions.iter().any(|exception| {
            let (exception, port) = split_port(exception);
            let port_fits = port.is_none_or(|port| port == endpoint.port());
            port_fits && (exception == "*" || names(exception, endpoint.host()))
        })
    }
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

/// Says whether an address, or a block such as `192.168.0.0/16`, holds an address.
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

/// Shows a proxy without its password.
fn masked(mut url: Url) -> String {
    if url.password().is_some() && url.set_password(Some("****")).is_err() {
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
            (&[("HTTP_PROXY", "http://proxy:3128")], "pve.lan", None),
            (
                &[("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "http://lower:1")],
                "pve.lan",
                Some("http://lower:1"),
            ),
            (&[("ALL_PROXY", "socks5h://user:hunter2@proxy:1080")], "pve.lan", Some("socks5h://user:****@proxy:1080")),
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
        let lookup = |name: &str| (name == "HTTPS_PROXY").then(|| "http://".to_owned());
        let endpoint: Endpoint = "pve.lan".parse().unwrap();
        assert!(Proxies::from_variables(&lookup).chosen(&endpoint).is_err());
    }
}
