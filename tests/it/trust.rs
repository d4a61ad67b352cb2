//! Who is trusted: every policy against real TLS servers, among them some that lie.

use std::process::Command;
use std::time::Duration;

use glassdome::model::foreign::listed;
use glassdome::model::{Endpoint, Foreign, TokenId, TokenSecret};
use glassdome::pve::{ApiError, CaBundle, Limits, Proxies, Pve, Sizes, Trust, probe};
use rustls::version::{TLS12, TLS13};

use crate::support::server::{Asked, Authority, Identity, Server, ServerAction, closed_port, data};

/// Where the child process of the system's trust finds its servers.
const SERVERS: &str = "TRUST_TEST_SERVERS";

const SECRET: &str = "00000000-1111-2222-3333-444444444444";

fn limits() -> Limits {
    let long = Duration::from_secs(30);
    Limits { connect: long, answer: long, outcome: long, quiet: long, size: Sizes::all(1 << 20) }
}

fn pve(endpoint: Endpoint, trust: &Trust) -> Pve {
    let token: TokenId = "apex@pve!glassdome-token".parse().unwrap();
    let secret: TokenSecret = SECRET.parse().unwrap();
    Pve::new(endpoint, trust, limits(), &Proxies::none()).unwrap().with_token(&token, &secret).unwrap()
}

fn version(_: &Asked) -> ServerAction {
    data(r#"{"version":"9.2.11"}"#)
}

fn ca(authority: &Authority) -> CaBundle {
    CaBundle::from_pem(authority.pem.as_bytes()).unwrap()
}

/// Calls a server that presents an identity, and gives what came of it, in a word.
async fn outcome(identity: &Identity, trust: &Trust) -> &'static str {
    let server = Server::start(identity, version);
    let called = pve(server.endpoint(), trust).version().await;
    let word = word(&called.map(drop));
    let requests = server.asked().len();
    assert_eq!(requests, usize::from(word == "accepted"), "{word}, but the server was sent {requests} requests");
    word
}

fn word(outcome: &Result<(), ApiError>) -> &'static str {
    match outcome {
        Ok(()) => "accepted",
        Err(ApiError::CertificateUntrusted { .. }) => "untrusted",
        Err(ApiError::CertificateExpired { .. }) => "expired",
        Err(ApiError::AuthorityNotValid { .. }) => "authority not valid",
        Err(ApiError::CertificateWrongName { .. }) => "wrong name",
        Err(ApiError::CertificateChanged { .. }) => "changed",
        Err(ApiError::CertificateKeyMismatch { .. }) => "stolen",
        Err(ApiError::Handshake { .. }) => "handshake",
        Err(why) => panic!("{why:?}"),
    }
}

#[tokio::test]
async fn a_pin_asks_for_this_certificate_and_for_nothing_else() {
    let authority = Authority::new("the authority");
    let (good, other) = (authority.good(), authority.good());
    let expired = authority.sign(&["elsewhere.example"], (2020, 2021));
    assert_eq!(outcome(&good, &Trust::Pinned(good.fingerprint().into())).await, "accepted");
    assert_eq!(outcome(&expired, &Trust::Pinned(expired.fingerprint().into())).await, "accepted");
    assert_eq!(outcome(&other, &Trust::Pinned(good.fingerprint().into())).await, "changed");
}

#[tokio::test]
async fn a_pinned_certificate_that_has_expired_can_be_reported() {
    let expired = Authority::new("the authority").sign(&["elsewhere.example"], (2020, 2021));
    let server = Server::start(&expired, version);
    let pve = pve(server.endpoint(), &Trust::Pinned(expired.fingerprint().into()));
    assert_eq!(pve.leaf(), None);
    pve.version().await.unwrap();
    let leaf = pve.leaf().unwrap();
    assert!(!leaf.is_valid_at(time::OffsetDateTime::now_utc()));
    assert_eq!(
        (leaf.names.as_slice(), leaf.fingerprint),
        (&[Foreign::new("elsewhere.example")][..], expired.fingerprint())
    );
}

#[tokio::test]
async fn a_server_with_the_certificate_without_its_key_is_refused_before_any_request() {
    let authority = Authority::new("the authority");
    let real = authority.good();
    let trusts = [
        Trust::Pinned(real.fingerprint().into()),
        Trust::Ca(ca(&authority)),
        Trust::CaAndPinned(ca(&authority), real.fingerprint().into()),
        Trust::Unverified,
    ];
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let thief = real.with_foreign_key(algorithm);
        for versions in [&[&TLS12][..], &[&TLS13]] {
            for trust in &trusts {
                let server = Server::speaking(&thief, versions, version);
                let refused = pve(server.endpoint(), trust).version().await.unwrap_err();
                assert!(
                    matches!(refused, ApiError::CertificateKeyMismatch { .. }),
                    "{algorithm:?} {versions:?} {trust:?}: {refused:?}"
                );
                assert_eq!(server.asked().len(), 0, "{trust:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_changed_certificate_is_shown_beside_the_pinned_one() {
    let authority = Authority::new("the authority");
    let (old, new) = (authority.good(), authority.good());
    let server = Server::start(&new, version);
    let refused = pve(server.endpoint(), &Trust::Pinned(old.fingerprint().into())).version().await.unwrap_err();
    let ApiError::CertificateChanged { pinned, leaf, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!((*pinned, leaf.fingerprint), (old.fingerprint(), new.fingerprint()));
    assert_eq!(leaf.issuer, "CN=the authority");
    assert_eq!(refused.presented().map(|leaf| listed(&leaf.names)).as_deref(), Some("127.0.0.1, localhost"));
}

#[tokio::test]
async fn an_authority_vouches_for_its_own_for_their_names_and_for_their_time() {
    let (authority, other) = (Authority::new("the authority"), Authority::new("the authority"));
    let trust = Trust::Ca(ca(&authority));
    assert_eq!(outcome(&authority.good(), &trust).await, "accepted");
    assert_eq!(outcome(&other.good(), &trust).await, "untrusted");
    assert_eq!(outcome(&authority.sign(&["127.0.0.1"], (2020, 2021)), &trust).await, "expired");
    assert_eq!(outcome(&authority.sign(&["127.0.0.1"], (2080, 2081)), &trust).await, "expired");
    assert_eq!(outcome(&authority.sign(&["127.0.0.2", "pve.lan"], (2020, 2090)), &trust).await, "wrong name");
    assert_eq!(outcome(&authority.sign(&[], (2020, 2090)), &trust).await, "wrong name");
}

#[tokio::test]
async fn an_authority_whose_time_is_not_now_vouches_for_nothing() {
    let (past, future) = ((2020, 2021), (2080, 2090));
    let valid = Authority::new("valid");
    let (ended, begins) = (Authority::in_years("ended", past), Authority::in_years("begins", future));
    let bundle = |authorities: &[&Authority]| {
        let pem: String = authorities.iter().map(|it| it.pem.clone()).collect();
        Trust::Ca(CaBundle::from_pem(pem.as_bytes()).unwrap())
    };
    for (identity, trust, expected) in [
        (ended.good(), bundle(&[&ended]), "authority not valid"),
        (begins.good(), bundle(&[&begins]), "authority not valid"),
        (ended.good(), bundle(&[&ended, &valid]), "authority not valid"),
        (ended.good(), bundle(&[&valid, &ended, &begins]), "authority not valid"),
        (valid.good(), bundle(&[&ended, &valid]), "accepted"),
        (valid.good(), bundle(&[&valid, &begins]), "accepted"),
        (valid.good(), bundle(&[&ended]), "untrusted"),
        (ended.sign(&["pve.lan"], (2020, 2090)), bundle(&[&ended]), "wrong name"),
        (ended.sign(&["127.0.0.1"], past), bundle(&[&ended]), "expired"),
        // In between: what is presented beside the server's own certificate.
        (valid.below("good", (2020, 2090)).good_with_chain(), bundle(&[&valid]), "accepted"),
        (valid.below("ended", past).good_with_chain(), bundle(&[&valid]), "authority not valid"),
        (valid.below("begins", future).good_with_chain(), bundle(&[&valid]), "authority not valid"),
        (ended.below("good", (2020, 2090)).good_with_chain(), bundle(&[&ended]), "authority not valid"),
    ] {
        assert_eq!(outcome(&identity, &trust).await, expected, "{trust:?}");
        // Beside a pin the authority must hold as well; a pin alone needs no signer.
        let Trust::Ca(authorities) = trust else { unreachable!() };
        let both = Trust::CaAndPinned(authorities, identity.fingerprint().into());
        assert_eq!(outcome(&identity, &both).await, expected);
        assert_eq!(outcome(&identity, &Trust::Pinned(identity.fingerprint().into())).await, "accepted");
    }
    for (authority, words) in
        [(&ended, "expired on 2021-01-01 (CN=ended)"), (&begins, "is not valid before 2080-01-01 (CN=begins)")]
    {
        let server = Server::start(&authority.good(), version);
        let refused = pve(server.endpoint(), &bundle(&[authority])).version().await.unwrap_err();
        assert!(refused.to_string().ends_with(words), "{refused}");
    }
}

#[tokio::test]
async fn a_wrong_name_lists_the_right_ones() {
    let authority = Authority::new("the authority");
    let server = Server::start(&authority.sign(&["pve.lan", "10.0.0.1", "::1"], (2020, 2090)), version);
    let refused = pve(server.endpoint(), &Trust::Ca(ca(&authority))).version().await.unwrap_err();
    assert!(refused.to_string().ends_with("is for a different name: pve.lan, 10.0.0.1, ::1"), "{refused}");
}

#[tokio::test]
async fn with_an_authority_and_a_pin_both_must_hold() {
    let (authority, other) = (Authority::new("the authority"), Authority::new("another"));
    let (good, twin, foreign) = (authority.good(), authority.good(), other.good());
    let both = |identity: &Identity| Trust::CaAndPinned(ca(&authority), identity.fingerprint().into());
    assert_eq!(outcome(&good, &both(&good)).await, "accepted");
    assert_eq!(outcome(&twin, &both(&good)).await, "changed");
    assert_eq!(outcome(&foreign, &both(&foreign)).await, "untrusted");
    let expired = authority.sign(&["127.0.0.1"], (2020, 2021));
    assert_eq!(outcome(&expired, &both(&expired)).await, "expired");
}

#[tokio::test]
async fn without_verification_everything_goes_that_has_its_key() {
    let authority = Authority::new("the authority");
    assert_eq!(outcome(&authority.sign(&["elsewhere.example"], (2020, 2021)), &Trust::Unverified).await, "accepted");
}

#[tokio::test]
async fn requests_that_fail_together_are_all_given_the_reason() {
    let (authority, other) = (Authority::new("the authority"), Authority::new("another"));
    let server = Server::start(&other.good(), version);
    let pve = pve(server.endpoint(), &Trust::Ca(ca(&authority)));
    let (first, second, third) = tokio::join!(pve.version(), pve.version(), pve.version());
    for outcome in [first, second, third] {
        assert_eq!(word(&outcome.map(drop)), "untrusted");
    }
}

/// The system's trust is a matter of the environment, so a process of its own is started with another one.
#[tokio::test]
async fn under_system_trust_the_systems_authorities_decide() {
    if let Ok(servers) = std::env::var(SERVERS) {
        for server in servers.split(' ') {
            let (expected, address) = server.split_once('=').unwrap();
            let called = pve(address.parse().unwrap(), &Trust::System).version().await;
            assert_eq!(word(&called.map(drop)).replace(' ', "-"), expected);
        }
        return;
    }
    let (authority, other) = (Authority::new("the authority"), Authority::new("another"));
    let ended = Authority::in_years("ended", (2020, 2021));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorities.pem");
    std::fs::write(&file, format!("{}{}", authority.pem, ended.pem)).unwrap();
    let servers = [
        ("accepted", authority.good()),
        ("expired", authority.sign(&["127.0.0.1"], (2020, 2021))),
        ("wrong-name", authority.sign(&["pve.lan"], (2020, 2090))),
        ("untrusted", other.good()),
        ("authority-not-valid", ended.good()),
        ("stolen", authority.good().with_foreign_key(&rcgen::PKCS_ECDSA_P256_SHA256)),
    ]
    .map(|(expected, identity)| (expected, Server::start(&identity, version)));
    let list: Vec<String> = servers.iter().map(|(word, it)| format!("{word}={}", it.endpoint().authority())).collect();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "trust::under_system_trust_the_systems_authorities_decide", "--nocapture"]);
    child.env_remove("SSL_CERT_DIR").env("SSL_CERT_FILE", &file).env(SERVERS, list.join(" "));
    let output = child.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    let requests: Vec<usize> = servers.iter().map(|(_, server)| server.asked().len()).collect();
    assert_eq!(requests, [1, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_look_at_the_certificate_sends_no_request() {
    let authority = Authority::new("the authority");
    let expired = authority.sign(&["pve.lan"], (2020, 2021));
    for (identity, versions) in
        [(&authority.good(), &[&TLS13][..]), (&authority.good(), &[&TLS12]), (&expired, &[&TLS13])]
    {
        let server = Server::speaking(identity, versions, version);
        let probed = probe(&server.endpoint(), limits(), &Proxies::none()).await.unwrap();
        assert_eq!(probed.leaf.fingerprint, identity.fingerprint());
        assert_eq!((server.asked().len(), server.connections()), (0, 1));
    }
    let server = Server::start(&authority.good().with_foreign_key(&rcgen::PKCS_ECDSA_P256_SHA256), version);
    let refused = probe(&server.endpoint(), limits(), &Proxies::none()).await.unwrap_err();
    assert!(matches!(refused, ApiError::CertificateKeyMismatch { .. }), "{refused:?}");
}

#[tokio::test]
async fn an_authority_that_was_fetched_is_held_against_the_certificate() {
    let (authority, other) = (Authority::new("the authority"), Authority::new("the authority"));
    let cases = [
        (authority.good(), &authority, "accepted"),
        (authority.good(), &other, "untrusted"),
        (authority.sign(&["pve.lan"], (2020, 2090)), &authority, "wrong name"),
        (authority.sign(&["127.0.0.1"], (2020, 2021)), &authority, "expired"),
    ];
    for (identity, fetched, expected) in cases {
        let server = Server::start(&identity, version);
        let probed = probe(&server.endpoint(), limits(), &Proxies::none()).await.unwrap();
        assert_eq!(word(&probed.is_signed_by(&ca(fetched))), expected);
    }
    let refused = CaBundle::authorities_from_pem(authority.good().pem.as_bytes()).unwrap_err();
    assert_eq!(refused.to_string(), "it contains a certificate that is not a CA certificate");
}

#[tokio::test]
async fn a_look_goes_through_the_proxy_as_the_requests_do() {
    let authority = Authority::new("the authority");
    let identity = authority.good();
    let (server, proxy) = (Server::start(&identity, version), Server::proxy());
    let address = format!("http://{}", proxy.endpoint().authority());
    let proxies = Proxies::from_variables(&|name| (name == "HTTPS_PROXY").then(|| address.clone()));
    let probed = probe(&server.endpoint(), limits(), &proxies).await.unwrap();
    assert_eq!(probed.leaf.fingerprint, identity.fingerprint());
    let pve = Pve::new(server.endpoint(), &Trust::Ca(ca(&authority)), limits(), &proxies).unwrap();
    assert_eq!(pve.version().await.unwrap().to_string(), "9.2.11");
    assert_eq!((proxy.asked().len(), server.asked().len()), (2, 1));
    let other = Trust::Ca(ca(&Authority::new("another")));
    let pve = Pve::new(server.endpoint(), &other, limits(), &proxies).unwrap();
    assert_eq!(word(&pve.version().await.map(drop)), "untrusted");
}

#[tokio::test]
async fn a_look_tells_the_ways_apart_in_which_there_is_no_certificate() {
    let short = Limits { connect: Duration::from_millis(500), ..limits() };
    let plain = Server::without_tls(|_| ServerAction::Close(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()));
    let refused = probe(&plain.endpoint(), short, &Proxies::none()).await.unwrap_err();
    assert!(matches!(refused, ApiError::NotTls { .. }), "{refused:?}");
    let refused = probe(&closed_port(), short, &Proxies::none()).await.unwrap_err();
    assert!(matches!(refused, ApiError::Refused { .. }), "{refused:?}");
    let refused = probe(&Server::mute().endpoint(), short, &Proxies::none()).await.unwrap_err();
    assert!(matches!(refused, ApiError::NoAnswer { .. }), "{refused:?}");
    let refused = probe(&"no.such.host.invalid".parse().unwrap(), limits(), &Proxies::none()).await.unwrap_err();
    assert!(matches!(&refused, ApiError::UnknownName { host, .. } if host == "no.such.host.invalid"), "{refused:?}");
}
