//! A server that cannot be reached, or refuses a call: kind and hints of `pve::ApiError`.

use std::fmt;

use crate::error::connection::{changed, not_as_given, untrusted};
use crate::error::hint::{by_flag, not_in_wizard, run, say};
use crate::error::refusal::hints as advice_on;
use crate::error::{Hint, Kind, Operation};
use crate::model::foreign::listed;
use crate::pve::{self, RefusalReason};
use crate::settings::sh_word;

pub(super) fn kind(source: &pve::ApiError) -> Kind {
    use pve::ApiError as Pve;
    match source {
        Pve::UnknownName { .. }
        | Pve::NoRoute { .. }
        | Pve::Refused { .. }
        | Pve::ConnectTimeout { .. }
        | Pve::Proxy { .. }
        | Pve::BrokenOff { .. }
        | Pve::NoAnswer { .. }
        | Pve::Stalled { .. }
        | Pve::NotTls { .. } => Kind::Unreachable,
        Pve::OutcomeUnknown { source } => kind(source),
        Pve::BadProxy { .. } | Pve::NotACa { .. } | Pve::NoSystemTrust | Pve::Unsendable { .. } => Kind::Configuration,
        Pve::Handshake { .. }
        | Pve::CertificateUntrusted { .. }
        | Pve::CertificateUnfit { .. }
        | Pve::CertificateExpired { .. }
        | Pve::AuthorityNotValid { .. }
        | Pve::CertificateWrongName { .. }
        | Pve::CertificateChanged { .. }
        | Pve::CertificateNotAsGiven { .. }
        | Pve::CertificateKeyMismatch { .. }
        | Pve::CertificateBroken { .. } => Kind::Tls,
        Pve::SecondFactor { .. } => Kind::Authentication,
        Pve::Refusal(refusal) => refusal_kind(refusal),
        Pve::TooLarge { .. } | Pve::Gateway { .. } | Pve::Redirect { .. } | Pve::NotUnderstood { .. } => Kind::Server,
        Pve::Preparation { .. } => Kind::Unexpected,
    }
}

fn refusal_kind(refusal: &pve::Refusal) -> Kind {
    use RefusalReason as Is;
    let is_missing = matches!(refusal.reason(), Is::NoSuchStorage | Is::NoSuchNode | Is::NoSuchVm | Is::NoSuchPool);
    match refusal.status {
        401 => Kind::Authentication,
        _ if is_missing => Kind::NotFound,
        403 => Kind::Permission,
        _ => Kind::Server,
    }
}

pub(super) fn hints(operation: &Operation, source: &pve::ApiError) -> Vec<Hint> {
    use pve::ApiError as Pve;
    match source {
        Pve::UnknownName { .. } => vec![by_flag(
            "check the spelling, or pass the IP address with --host",
            "check the spelling, or enter the IP address",
        )],
        Pve::NoRoute { .. } => vec![say("check the address, and whether the network of the server needs a VPN")],
        Pve::Refused { .. } => {
            vec![say("check the port (Proxmox VE listens on 8006); on the node:"), run("systemctl status pveproxy")]
        }
        Pve::ConnectTimeout { .. } => {
            vec![check_firewall()]
        }
        Pve::Proxy { variable, .. } => {
            vec![say(format!("if the server needs no proxy, add it to NO_PROXY; otherwise correct {variable}"))]
        }
        Pve::BadProxy { variable } => vec![say(format!("write {variable} as http://host:port"))],
        Pve::BrokenOff { .. } | Pve::NoAnswer { .. } | Pve::Stalled { .. } => interrupted(),
        // What the server says was not begun, and yet something is there.
        Pve::OutcomeUnknown { source } if source.is_for(RefusalReason::NoWorker) => {
            vec![say("check the list of tasks of the node in the web interface before running this again")]
        }
        Pve::OutcomeUnknown { source } => hints(operation, source),
        Pve::TooLarge { .. } | Pve::NotUnderstood { .. } => advice_on(RefusalReason::NotTheApi, operation),
        Pve::Redirect { .. } => advice_on(RefusalReason::Redirected, operation),
        Pve::NotTls { .. } => vec![say("check the port: Proxmox VE serves HTTPS on 8006")],
        Pve::Handshake { .. } => no_handshake(),
        Pve::CertificateBroken { .. } => another_certificate(),
        Pve::CertificateUntrusted { leaf, .. } | Pve::CertificateUnfit { leaf, .. } => {
            untrusted(&leaf.fingerprint.to_string())
        }
        Pve::CertificateExpired { .. } => vec![
            say(
                "check the clocks of this machine and of the server; if they are right, renew the certificate, as root on the node:",
            ),
            run("pvecm updatecerts --force && systemctl restart pveproxy"),
        ],
        Pve::AuthorityNotValid { leaf, .. } => authority_not_valid(&leaf.fingerprint.to_string()),
        Pve::CertificateWrongName { leaf, .. } => wrong_name(leaf),
        Pve::CertificateChanged { leaf, .. } => changed(&leaf.fingerprint.to_string()),
        Pve::CertificateNotAsGiven { given_by, leaf, .. } => not_as_given(given_by, &leaf.fingerprint.to_string()),
        Pve::CertificateKeyMismatch { .. } => {
            vec![say("do not continue: another machine answers instead of the server; ask your network administrator")]
        }
        Pve::NoSystemTrust => vec![by_flag(
            "install the package ca-certificates, or pass --ca-file or --fingerprint",
            "install the package ca-certificates",
        )],
        Pve::NotACa { .. } | Pve::Preparation { .. } => Vec::new(),
        Pve::Unsendable { name, found } => unsendable(name, *found),
        Pve::SecondFactor { .. } => {
            vec![say("create a token in the web interface (Datacenter > Permissions > API Tokens) and use it instead")]
        }
        Pve::Gateway { method, status, .. } => proxy_hints(operation, method, *status),
        Pve::Refusal(refusal) => refusal_hints(operation, refusal),
    }
}

/// Returns whether something in front of the server answered in its place.
pub(super) fn is_answered_by_proxy(source: &pve::ApiError) -> bool {
    match source {
        pve::ApiError::OutcomeUnknown { source } => is_answered_by_proxy(source),
        other => matches!(other, pve::ApiError::Gateway { .. } | pve::ApiError::Redirect { .. }),
    }
}

/// Says what to do where a connection ended early.
fn interrupted() -> Vec<Hint> {
    vec![
        by_flag(
            "run this again; `glassdome doctor` shows where the connection fails",
            "it may be a short interruption: repeat the step",
        ),
        say("check the API services on the node:"),
        run("systemctl status pveproxy pvedaemon"),
    ]
}

fn check_firewall() -> Hint {
    by_flag(
        "check the address, and whether a firewall drops the packets; --connect-timeout allows more time",
        "check the address, and whether a firewall drops the packets",
    )
}

fn unsendable(name: &str, found: char) -> Vec<Hint> {
    if found != '!' {
        return vec![by_flag(
            "the API accepts only characters up to U+00FF in user names: choose another user with --user",
            "the API accepts only characters up to U+00FF in user names: choose another user",
        )];
    }
    vec![
        by_flag(
            "choose another user with --user; or create the token manually, as root on a node, and paste it into `glassdome setup`:",
            "choose another user; or create the token manually, as root on a node, and paste its secret here:",
        ),
        run(format!("pveum user token add {} glassdome-token --privsep 0", sh_word(name))),
    ]
}

fn no_handshake() -> Vec<Hint> {
    vec![
        say("check that this is the right port and a Proxmox VE server"),
        say(
            "the server needs TLS 1.2 or 1.3 and a certificate with a common key type (RSA, P-256, P-384, Ed25519; not P-521 or DSA)",
        ),
    ]
}

fn another_certificate() -> Vec<Hint> {
    vec![
        say("the server needs another certificate; to regenerate it, as root on the node:"),
        run("pvecm updatecerts --force && systemctl restart pveproxy"),
    ]
}

fn authority_not_valid(fingerprint: &str) -> Vec<Hint> {
    vec![
        say(
            "check the clock of this machine; if it is right, get the current CA certificate from a node of the cluster:",
        ),
        run("cat /etc/pve/pve-root-ca.pem"),
        by_flag(
            format!("or trust only this certificate: --fingerprint {fingerprint}"),
            "or trust only this certificate",
        ),
    ]
}

fn wrong_name(leaf: &pve::Leaf) -> Vec<Hint> {
    let fingerprint = leaf.fingerprint.to_string();
    if leaf.names.is_empty() {
        return untrusted(&fingerprint);
    }
    vec![
        by_flag(
            format!("pass --host with one of: {}", listed(&leaf.names)),
            format!("enter one of the names in the certificate: {}", listed(&leaf.names)),
        ),
        by_flag(
            format!("or trust this certificate for any name: --fingerprint {fingerprint}"),
            "or trust only this certificate",
        ),
    ]
}

fn refusal_hints(operation: &Operation, refusal: &pve::Refusal) -> Vec<Hint> {
    let advice = advice_on(refusal.reason(), operation);
    match (refusal.status, operation) {
        _ if !advice.is_empty() => advice,
        (401, Operation::AnswerChallenge(_)) => vec![
            say("each code works only once: wait for the next one"),
            say("check the clocks of this machine, of the server and of the device that generates the codes"),
        ],
        (401, Operation::LogIn(_)) => vec![
            say("check the password and the realm of the user (`apex@pve`, not `apex@pam`)"),
            say("check that the user is enabled and not expired"),
        ],
        (401, _) => unauthenticated(),
        (403, Operation::ChangeAccess(change)) => {
            vec![needs_administrator(format!("that takes {}, which this login lacks", change.takes))]
        }
        (403, Operation::ReadTokens(_) | Operation::RevokeToken(_)) => {
            vec![needs_administrator("that takes User.Modify on /access/groups, which this login lacks")]
        }
        (403, Operation::ReadAccess) => {
            vec![needs_administrator("this login lacks the permission")]
        }
        (403, _) => vec![
            by_flag(
                "the most likely cause is privilege separation: uncheck it (Datacenter > Permissions > API Tokens), or grant the missing privileges to the token; for details:",
                "the most likely cause is privilege separation: uncheck it (Datacenter > Permissions > API Tokens), or use another token",
            ),
            not_in_wizard(run("glassdome doctor")),
        ],
        _ => Vec::new(),
    }
}

/// Says who may do what a login may not.
fn needs_administrator(why: impl fmt::Display) -> Hint {
    by_flag(
        format!("{why}: log in as an administrator, e.g. --login-user root@pam"),
        format!("{why}: log in as an administrator, e.g. root@pam"),
    )
}

/// Says what to do where something in front of the server answers.
fn proxy_hints(operation: &Operation, method: &str, status: u16) -> Vec<Hint> {
    let reason = match RefusalReason::of_page(status) {
        RefusalReason::NotTheApi if status >= 500 => RefusalReason::ProxyTrouble,
        reason => reason,
    };
    let mut hints = advice_on(reason, operation);
    if reason == RefusalReason::ForbiddenByProxy {
        let text =
            format!("something in front of the server (a proxy or web firewall) blocks {method}: allow it for /api2");
        hints.insert(0, say(text));
    }
    hints
}

/// Since Proxmox VE 9.1.5 every bad credential gets the same answer, so everything has to be named.
fn unauthenticated() -> Vec<Hint> {
    vec![
        say("check that the secret is complete (all 36 characters), without spaces or quotes around it in the file"),
        say("check the token name and the realm of the user (`apex@pve`, not `apex@pam`)"),
        say("check that user and token are enabled and not expired, as root on a node:"),
        run("pveum user list --full 1"),
        run("journalctl -u pvedaemon -u pveproxy --since -5min | grep -i auth"),
    ]
}
