//! A server that cannot be reached, or refuses a call: kind and hints of `pve::ApiError`.

use crate::error::connection::{changed, untrusted};
use crate::error::hint::{run, say};
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
        | Pve::CertificateStolen { .. }
        | Pve::CertificateBroken { .. } => Kind::Tls,
        Pve::SecondFactor { .. } => Kind::Authentication,
        Pve::Refusal(refusal) => of_refusal(refusal),
        Pve::TooLarge { .. } | Pve::Gateway { .. } | Pve::Redirect { .. } | Pve::NotUnderstood { .. } => Kind::Server,
        Pve::Preparation { .. } => Kind::Unexpected,
    }
}

fn of_refusal(refusal: &pve::Refusal) -> Kind {
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
        Pve::UnknownName { .. } => vec![say("check the spelling, or give the IP address with --host")],
        Pve::NoRoute { .. } => vec![say("is the server in a network that can be reached from here, perhaps by VPN?")],
        Pve::Refused { .. } => {
            vec![say("is it the right port? Proxmox VE listens on 8006"), run("systemctl status pveproxy")]
        }
        Pve::ConnectTimeout { .. } => {
            vec![say("does a firewall drop the packets? is the address right? --connect-timeout waits longer")]
        }
        Pve::Proxy { variable, .. } => {
            vec![say(format!("if no proxy is needed, name the server in NO_PROXY; else correct {variable}"))]
        }
        Pve::BadProxy { variable } => vec![say(format!("write {variable} as http://host:port"))],
        Pve::BrokenOff { .. } | Pve::NoAnswer { .. } | Pve::Stalled { .. } => {
            vec![
                say("try again; `glassdome doctor` tells where on the way it breaks"),
                say("on the node, this says how its API is:"),
                run("systemctl status pveproxy pvedaemon"),
            ]
        }
        Pve::OutcomeUnknown { source } => hints(operation, source),
        Pve::TooLarge { .. } | Pve::NotUnderstood { .. } => advice_on(RefusalReason::NotTheApi, operation),
        Pve::Redirect { .. } => advice_on(RefusalReason::Redirected, operation),
        Pve::NotTls { .. } => vec![say("Proxmox VE speaks HTTPS on port 8006; is it the right port?")],
        Pve::Handshake { .. } => no_handshake(),
        Pve::CertificateBroken { .. } => another_certificate(),
        Pve::CertificateUntrusted { leaf, .. } | Pve::CertificateUnfit { leaf, .. } => {
            untrusted(&leaf.fingerprint.to_string())
        }
        Pve::CertificateExpired { .. } => vec![
            say("is the clock right here and there? else renew it, as root on the node:"),
            run("pvecm updatecerts --force && systemctl restart pveproxy"),
        ],
        Pve::AuthorityNotValid { leaf, .. } => authority_not_valid(&leaf.fingerprint.to_string()),
        Pve::CertificateWrongName { leaf, .. } => wrong_name(leaf),
        Pve::CertificateChanged { leaf, .. } => changed(&leaf.fingerprint.to_string()),
        Pve::CertificateStolen { .. } => {
            vec![say("do not continue: another machine answers in place of the server. Ask your network administrator")]
        }
        Pve::NoSystemTrust => vec![say("install the package ca-certificates, or give --ca-file or --fingerprint")],
        Pve::NotACa { .. } | Pve::Preparation { .. } => Vec::new(),
        Pve::Unsendable { name, found } => unsendable(name, *found),
        Pve::SecondFactor { .. } => {
            vec![say("make a token in the web interface (Datacenter > Permissions > API Tokens) and use that")]
        }
        Pve::Gateway { method, status, .. } => of_proxy(operation, method, *status),
        Pve::Refusal(refusal) => of_no(operation, refusal),
    }
}

fn unsendable(name: &str, found: char) -> Vec<Hint> {
    if found != '!' {
        return vec![say("the API takes characters up to U+00FF in names of users: give --user another one")];
    }
    vec![
        say(
            "give --user another one; or create the token by hand, as root on a node, and give it to `glassdome setup`:",
        ),
        run(format!("pveum user token add {} glassdome-token --privsep 0", sh_word(name))),
    ]
}

fn no_handshake() -> Vec<Hint> {
    vec![
        say("is it the right port, and is this really Proxmox VE?"),
        say(
            "neither a server without TLS 1.2 and 1.3 can be used, nor a certificate with a key of an unusual kind (P-521, DSA)",
        ),
    ]
}

fn another_certificate() -> Vec<Hint> {
    vec![
        say("the server needs another certificate; Proxmox VE makes its own again, as root on the node:"),
        run("pvecm updatecerts --force && systemctl restart pveproxy"),
    ]
}

fn authority_not_valid(fingerprint: &str) -> Vec<Hint> {
    vec![
        say(
            "check the clock here; if it is right, get the current CA certificate from the server, on a node of the cluster:",
        ),
        run("cat /etc/pve/pve-root-ca.pem"),
        say(format!("or trust this certificate alone: --fingerprint {fingerprint}")),
    ]
}

fn wrong_name(leaf: &pve::Leaf) -> Vec<Hint> {
    let fingerprint = leaf.fingerprint.to_string();
    if leaf.names.is_empty() {
        return untrusted(&fingerprint);
    }
    vec![
        say(format!("give --host one of: {}", listed(&leaf.names))),
        say(format!("or trust this certificate for any name: --fingerprint {fingerprint}")),
    ]
}

fn of_no(operation: &Operation, refusal: &pve::Refusal) -> Vec<Hint> {
    let advice = advice_on(refusal.reason(), operation);
    match (refusal.status, operation) {
        _ if !advice.is_empty() => advice,
        (401, Operation::AnswerChallenge(_)) => vec![
            say("each code works once: wait for the next one"),
            say("is the clock right here, on the server, and on the device that makes the codes?"),
        ],
        (401, Operation::LogIn(_)) => vec![
            say("check the password, and the user's realm (`apex@pve`, not `apex@pam`)"),
            say("is the user enabled and not expired?"),
        ],
        (401, _) => unauthenticated(),
        (
            403,
            Operation::ReadTokens(_) | Operation::RevokeToken(_) | Operation::ReadAccess | Operation::ChangeAccess(_),
        ) => {
            vec![say("this login lacks the permission: log in as an administrator, e.g. --login-user root@pam")]
        }
        (403, _) => vec![
            say(
                "the most likely cause is privilege separation: without it a token may do what its user may. Either uncheck it (Datacenter > Permissions > API Tokens), or grant the token what is missing",
            ),
            run("glassdome doctor"),
        ],
        _ => Vec::new(),
    }
}

/// Says what to do where something in front of the server answers.
fn of_proxy(operation: &Operation, method: &str, status: u16) -> Vec<Hint> {
    let reason = match RefusalReason::of_page(status) {
        RefusalReason::NotTheApi if status >= 500 => RefusalReason::ProxyTrouble,
        reason => reason,
    };
    let mut hints = advice_on(reason, operation);
    if reason == RefusalReason::ForbiddenByProxy {
        let text = format!(
            "something in front of the server, a proxy or a web firewall, forbids {method}: allow it for /api2"
        );
        hints.insert(0, say(text));
    }
    hints
}

/// Since Proxmox VE 9.1.5 every bad credential gets the same answer, so everything has to be named.
fn unauthenticated() -> Vec<Hint> {
    vec![
        say("is the secret complete, all 36 characters, without blanks or quotes around it in the file?"),
        say("is the token name the one that was created, and the user's realm right (`apex@pve`, not `apex@pam`)?"),
        say("are user and token enabled and not expired?"),
        say("which of these it is, only the server can say; as root on a node:"),
        run("pveum user list --full 1"),
        run("journalctl -u pvedaemon -u pveproxy --since -5min | grep -i auth"),
    ]
}
