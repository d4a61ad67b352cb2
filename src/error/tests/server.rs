//! A server that cannot be reached, is not trusted, or answers strangely.

use super::{leaf, line, refused, screen};
use crate::error::{Error, Operation};
use crate::model::Foreign;
use crate::pve::{ApiError, Leaf, NotValid, UntrustedCause};

use time::macros::date;

fn untrusted(cause: UntrustedCause) -> ApiError {
    ApiError::CertificateUntrusted { server: server(), cause, leaf: Box::new(leaf()) }
}

fn wrong_name(names: &[&str], addresses_as_names: &[&str]) -> ApiError {
    let foreign = |list: &[&str]| list.iter().map(|it| Foreign::new(*it)).collect();
    let leaf = Leaf { names: foreign(names), addresses_as_names: foreign(addresses_as_names), ..leaf() };
    ApiError::CertificateWrongName { server: server(), leaf: Box::new(leaf) }
}

fn server() -> String {
    "pve.lan:8006".to_owned()
}

fn gateway(method: &str, status: u16, phrase: &str) -> ApiError {
    ApiError::Gateway { server: server(), method: method.to_owned(), status, phrase: Foreign::new(phrase) }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one sample for each variant")]
fn api() {
    let endpoint = super::read("pve.lan");
    let reaching = |source: ApiError| match Error::connecting(&endpoint, source.clone()) {
        error @ Error::Server { operation: Operation::VerifyCertificate(_) | Operation::StartTls(_), .. } => {
            screen(error)
        }
        _ => screen(Error::server(Operation::Reach(server()), source)),
    };
    let unsendable = |name: &str, found| ApiError::Unsendable { name: name.to_owned(), found };
    let text = screens! { ApiError, reaching;
        UnknownName => ApiError::UnknownName { host: "pve.lna".to_owned(), why: "Name or service not known".to_owned() };
        NoRoute => ApiError::NoRoute { server: server() };
        Refused => ApiError::Refused { server: server() };
        ConnectTimeout => ApiError::ConnectTimeout { server: server(), seconds: 10 };
        Proxy => ApiError::Proxy {
            proxy: "http://proxy.lan:3128".to_owned(),
            variable: "HTTPS_PROXY".to_owned(),
            server: server(),
            source: Box::new(ApiError::Refused { server: "proxy.lan:3128".to_owned() }),
        };
        BadProxy => ApiError::BadProxy { variable: "HTTPS_PROXY".to_owned() };
        BrokenOff => ApiError::BrokenOff { server: server(), why: "connection reset by peer".to_owned() };
        NoAnswer => ApiError::NoAnswer { server: server(), seconds: 30 };
        Stalled => ApiError::Stalled { server: server(), seconds: 30 };
        TooLarge => ApiError::TooLarge { server: server(), mebibytes: 64 };
        OutcomeUnknown => ApiError::OutcomeUnknown {
            source: Box::new(ApiError::NoAnswer { server: server(), seconds: 30 }),
        };
        NotTls => ApiError::NotTls { server: server() };
        Handshake => ApiError::Handshake { server: server(), why: "received fatal alert: HandshakeFailure".to_owned() };
        CertificateUntrusted => untrusted(UntrustedCause::NotInSystem(leaf().issuer));
        CertificateExpired => ApiError::CertificateExpired { server: server(), leaf: Box::new(leaf()) };
        AuthorityNotValid => ApiError::AuthorityNotValid {
            server: server(),
            authority: leaf().issuer,
            why: NotValid::Expired(date!(2026 - 01 - 01)),
            leaf: Box::new(leaf()),
        };
        CertificateUnfit => ApiError::CertificateUnfit {
            server: server(),
            why: "it is signed with SHA-1, which is not secure".to_owned(),
            leaf: Box::new(leaf()),
        };
        CertificateWrongName => wrong_name(&["pve.lan", "192.168.1.50"], &[]),
            wrong_name(&[], &[]),
            wrong_name(&[], &["192.168.1.50"]),
            wrong_name(&["pve.lan"], &["192.168.1.50"]);
        CertificateChanged => ApiError::CertificateChanged {
            server: server(),
            pinned: super::read(&"0A:1B:2C:3D:".repeat(8)[..95]),
            leaf: Box::new(leaf()),
        };
        CertificateNotAsGiven => ApiError::CertificateNotAsGiven {
            server: server(),
            given_by: "--fingerprint".to_owned(),
            pinned: super::read(&"0A:1B:2C:3D:".repeat(8)[..95]),
            leaf: Box::new(leaf()),
        };
        CertificateKeyMismatch => ApiError::CertificateKeyMismatch { server: server() };
        CertificateBroken => ApiError::CertificateBroken { server: server(), why: "it has no public key".to_owned() };
        NoSystemTrust => ApiError::NoSystemTrust;
        NotACa => ApiError::NotACa { why: "it holds no certificate" };
        Refusal => refused(500, "something new"), refused(403, "Permission check failed (/vms/9000, VM.Clone)");
        Gateway => gateway("GET", 404, "Not Found"),
            gateway("DELETE", 405, "Method Not Allowed"),
            gateway("GET", 502, "Bad Gateway");
        Redirect => ApiError::Redirect {
            server: server(),
            status: 302,
            phrase: Foreign::new("Found"),
            to: Some(Foreign::new("https://login.lan/")),
        };
        NotUnderstood => ApiError::NotUnderstood { server: server(), what: "`data` is missing".to_owned() };
        SecondFactor => ApiError::SecondFactor { user: "apex@pve".to_owned() };
        Unsendable => unsendable("мир@pve", 'м'), unsendable("foo!bar@pve", '!');
        Preparation => ApiError::Preparation { why: "the credentials contain characters that are not allowed in a header".to_owned() };
    };
    insta::assert_snapshot!(text);
}

#[test]
fn untrusted_causes() {
    let issuer = || leaf().issuer;
    let text = screens! { UntrustedCause, |cause| line(untrusted(cause));
        SelfSigned => UntrustedCause::SelfSigned;
        NotInSystem => UntrustedCause::NotInSystem(issuer());
        NotInFile => UntrustedCause::NotInFile { issuer: issuer(), held: vec![Foreign::new("CN=Lab CA")] };
        OtherKey => UntrustedCause::OtherKey(issuer());
    };
    let validity = screens! { NotValid, |why: NotValid| line(format!("the CA {why}"));
        Expired => NotValid::Expired(date!(2026 - 01 - 01));
        NotYet => NotValid::NotYet(date!(2027 - 01 - 01));
    };
    insta::assert_snapshot!(format!("{text}\n{validity}"));
}

#[test]
fn a_call_that_needs_more_than_the_login_may() {
    for operation in [Operation::ReadAccess, Operation::ReadTokens("apex@pve".to_owned())] {
        let text = screen(Error::server(operation, refused(403, "Permission check failed")));
        assert!(text.contains("--login-user root@pam"), "{text}");
    }
}
