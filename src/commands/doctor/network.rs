//! What can be wrong between here and the server: proxy, name, port, certificate, product, clock.

use crate::commands::doctor::check::Check;
use crate::error::{ConnectionError, Error, Operation};
use crate::model::foreign::listed;
use crate::model::{Endpoint, Host};
use crate::ops::concurrently;
use crate::ops::connection::TrustSource;
use crate::ops::context::Context;
use crate::pve::{self, Leaf, ProxySeen, Pve, Realm, addresses, tcp_connect};
use crate::session::Session;
use crate::ui::Printable;
use std::net::SocketAddr;

use time::OffsetDateTime;

/// A certificate that expires within so many days is reported: Proxmox VE renews those of its own CA two weeks before.
const EXPIRY_WARNING_DAYS: i64 = 13;

/// Clocks that differ by less are the same: an answer may have been on its way for some seconds.
const MAX_CLOCK_SKEW_SECONDS: u64 = 30;

/// The way as far as it can be seen without TLS.
pub(super) struct NetworkCheck {
    endpoint: Endpoint,
    proxy: Result<Option<ProxySeen>, pve::ApiError>,
    names: Result<Vec<SocketAddr>, pve::ApiError>,
    connects: Vec<(SocketAddr, Result<(), pve::ApiError>)>,
}

impl NetworkCheck {
    /// Resolves the name, and connects to each of its addresses; behind a proxy, the proxy does both.
    pub(super) async fn look(session: &Session, context: &Context, endpoint: &Endpoint) -> Self {
        let proxy = context.proxies(session).seen(endpoint);
        let mut path = Self { endpoint: endpoint.clone(), proxy, names: Ok(Vec::new()), connects: Vec::new() };
        if !matches!(path.proxy, Ok(None)) {
            return path;
        }
        let within = context.limits().connect;
        path.names = addresses(endpoint, within).await;
        let all = path.names.clone().unwrap_or_default();
        let heard = concurrently(all.iter().map(|address| tcp_connect(*address, within))).await;
        path.connects = all.into_iter().zip(heard).collect();
        path
    }

    /// Returns whether a TLS handshake can be tried.
    pub(super) fn is_open(&self) -> bool {
        match &self.proxy {
            Ok(None) => self.connects.iter().any(|(_, heard)| heard.is_ok()),
            Ok(Some(_)) => true,
            Err(_) => false,
        }
    }

    /// Tells what was seen.
    pub(super) fn into_checks(self) -> Vec<Check> {
        let server = || Operation::Reach(self.endpoint.authority());
        let proxy = match self.proxy {
            Ok(None) => Check::ok("proxy", "no proxy configured"),
            Ok(Some(seen)) => {
                let checks = ["dns", "tcp"].map(|id| Check::inapplicable(id, "the proxy does this"));
                let proxy =
                    format!("the connection uses the proxy {} (from {})", Printable(&seen.address), seen.variable);
                let brief = format!("through the proxy {}", Printable(&seen.address));
                return std::iter::once(Check::ok("proxy", proxy).with_short_text(brief)).chain(checks).collect();
            }
            Err(why) => {
                let checks = ["dns", "tcp"].map(|id| Check::skipped(id, "the proxy cannot be used"));
                let failed = Check::failed("proxy", &Error::server(server(), why));
                return std::iter::once(failed).chain(checks).collect();
            }
        };
        let dns = match self.names {
            Ok(found) => resolved(&self.endpoint, &found),
            Err(why) => {
                let failed = Check::failed("dns", &Error::server(server(), why));
                return vec![proxy, failed, Check::skipped("tcp", "no address to connect to")];
            }
        };
        vec![proxy, dns, port(&self.endpoint, self.connects)]
    }
}

fn resolved(endpoint: &Endpoint, found: &[SocketAddr]) -> Check {
    match endpoint.host() {
        Host::Name(name) => Check::ok("dns", format!("{name} resolves to {}", listed(found.iter().map(|it| it.ip())))),
        address => Check::ok("dns", format!("{address} is an IP address; no DNS lookup needed")),
    }
}

fn port(endpoint: &Endpoint, connects: Vec<(SocketAddr, Result<(), pve::ApiError>)>) -> Check {
    let mut lines = Vec::new();
    let mut first = None;
    let count = connects.len();
    for (_, heard) in connects {
        if let Err(why) = heard {
            lines.push(why.to_string());
            first = first.or(Some(why));
        }
    }
    match first {
        None => {
            let server = endpoint.authority();
            Check::ok("tcp", format!("{server} accepts connections")).with_short_text(server)
        }
        Some(why) if lines.len() == count => {
            lines.remove(0);
            Check::failed("tcp", &Error::server(Operation::Reach(endpoint.authority()), why)).with_details(lines)
        }
        Some(_) => {
            Check::warning("tcp", format!("{} accepts connections, but not at every address", endpoint.authority()))
                .with_details(lines)
                .with_hint("remove the address that does not work from the DNS, or pass --host with one that does")
        }
    }
}

/// Reports the handshake and the first call, which needs no credentials and was answered `now`.
pub(super) fn answered(
    context: &Context,
    pve: &Pve,
    realms: &Result<Vec<Realm>, pve::ApiError>,
    now: OffsetDateTime,
) -> Vec<Check> {
    let endpoint = pve.endpoint();
    let mut checks = Vec::new();
    let leaf = match realms {
        Err(why) if is_before_http(why, pve.leaf().as_ref()) => {
            checks.push(Check::failed("tls", &Error::connecting(endpoint, why.clone())));
            let detail = why.presented().map(|leaf| certificate(leaf, now));
            checks.push(detail.unwrap_or_else(|| Check::skipped("certificate", "no certificate was received")));
            checks.push(Check::skipped("product", "the connection failed"));
            checks.push(Check::skipped("clock", "no response contained the time"));
            return checks;
        }
        _ => pve.leaf(),
    };
    checks.push(handshake_check(context));
    checks.push(
        leaf.map_or_else(
            || Check::unknown("certificate", "no certificate was received"),
            |leaf| certificate(&leaf, now),
        ),
    );
    checks.push(product(endpoint, realms));
    checks.push(clock(pve.date(), now));
    checks
}

/// Returns whether something went wrong before a question could be asked: no certificate came, or it is not accepted.
fn is_before_http(why: &pve::ApiError, seen: Option<&Leaf>) -> bool {
    seen.is_none() || why.is_of_tls()
}

fn handshake_check(context: &Context) -> Check {
    match context.trust().map(|(_, word)| word) {
        Ok(TrustSource::Unverified) => Check::warning("tls", "certificate not verified"),
        Ok(source) => {
            let brief = match source {
                TrustSource::System => "TLS verified with the system's CAs",
                TrustSource::Ca => "TLS verified with the cluster CA",
                TrustSource::Pin | TrustSource::Unverified => "TLS verified by fingerprint",
            };
            Check::ok("tls", format!("the certificate is accepted (trust: {})", source.word())).with_short_text(brief)
        }
        Err(why) => Check::failed("tls", &why),
    }
}

fn certificate(leaf: &Leaf, now: OffsetDateTime) -> Check {
    let days = (leaf.not_after - now).whole_days();
    let until = leaf.not_after.date();
    let lines = vec![
        format!("for {}", listed(&leaf.names)),
        format!("signed by {}", leaf.issuer),
        format!("fingerprint  {}", leaf.fingerprint),
    ];
    let renew = |check: Check| {
        check
            .with_hint("renew it, as root on the node:")
            .with_command("pvecm updatecerts --force && systemctl restart pveproxy")
    };
    let check = if now < leaf.not_before {
        Check::warning(
            "certificate",
            format!("the certificate is not valid before {}: check the clock of this machine", leaf.not_before.date()),
        )
    } else if now > leaf.not_after {
        renew(Check::warning("certificate", format!("the certificate expired on {until}")))
    } else if days <= EXPIRY_WARNING_DAYS {
        renew(Check::warning("certificate", format!("the certificate expires on {until}, in {days} days")))
    } else {
        Check::ok("certificate", format!("the certificate is valid until {until}"))
            .with_short_text(format!("certificate valid until {until}"))
    };
    check.with_details(lines)
}

fn product(endpoint: &Endpoint, realms: &Result<Vec<Realm>, pve::ApiError>) -> Check {
    let server = endpoint.authority();
    match realms {
        Ok(realms) if realms.iter().any(|realm| realm.kind == "pve") => {
            let names = listed(realms.iter().map(|realm| &realm.name));
            Check::ok("product", "the server is Proxmox VE").with_detail(format!("realms: {names}"))
        }
        Ok(realms) => {
            let what = crate::ops::product::product(realms).to_owned();
            Check::failed("product", &Error::Connection(ConnectionError::NotProxmox { server, what }))
        }
        Err(pve::ApiError::NotUnderstood { what, .. }) => {
            let what = format!("unexpected response ({what})");
            Check::failed("product", &Error::Connection(ConnectionError::NotProxmox { server, what }))
        }
        Err(why) => Check::failed("product", &Error::connecting(endpoint, why.clone())),
    }
}

fn clock(there: Option<OffsetDateTime>, here: OffsetDateTime) -> Check {
    let Some(there) = there else { return Check::unknown("clock", "no response contained the time") };
    let apart = (here - there).abs().unsigned_abs().as_secs();
    if apart <= MAX_CLOCK_SKEW_SECONDS {
        return Check::ok("clock", "clock in sync with the server");
    }
    let order = if here > there { "ahead of" } else { "behind" };
    Check::warning("clock", format!("the clock of this machine is {} {order} that of the server", span(apart)))
        .with_detail("certificates, one-time codes and token expiry depend on the clock")
        .with_hint("synchronize both with NTP; to see which one is wrong, run on each:")
        .with_command("timedatectl status")
}

/// Writes a span of time in its largest unit.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
