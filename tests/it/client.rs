//! The client on connections that misbehave, and on every answer that was ever recorded.

use std::collections::HashSet;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use glassdome::model::{Foreign, NodeName, Secret, TokenId, TokenSecret, VmId};
use glassdome::pve::{ApiError, CaBundle, CloneRequest, Limits, Proxies, Pve, Sizes, Trust};
use serde_json::Value;

use crate::support::recorded::Recordings;
use crate::support::server::{Asked, Authority, Server, ServerAction, closed_port, data, reply};

const SECRET: &str = "00000000-1111-2222-3333-444444444444";
pub(crate) const UPID: &str = "UPID:pve:00000132:0002DDB7:6B04F200:qmclone:9000:apex@pve!glassdome-token:";

/// A server with a certificate, and a client that trusts it and has a token.
pub(crate) struct Pair {
    pub(crate) server: Server,
    pub(crate) pve: Pve,
}

/// Limits that a test never reaches unless it shortens one.
pub(crate) fn patient() -> Limits {
    let long = Duration::from_secs(30);
    Limits { connect: long, answer: long, outcome: long, quiet: long, size: Sizes::all(1024) }
}

pub(crate) fn with_limits(limits: Limits, answer: impl Fn(&Asked) -> ServerAction + Send + Sync + 'static) -> Pair {
    let authority = Authority::new("the authority");
    let server = Server::start(&authority.good(), answer);
    let trust = Trust::Ca(CaBundle::from_pem(authority.pem.as_bytes()).unwrap());
    let pve = Pve::new(server.endpoint(), &trust, limits, &Proxies::none()).unwrap();
    let token: TokenId = "apex@pve!glassdome-token".parse().unwrap();
    let secret: TokenSecret = SECRET.parse().unwrap();
    Pair { server, pve: pve.with_token(&token, &secret).unwrap() }
}

pub(crate) fn pair(answer: impl Fn(&Asked) -> ServerAction + Send + Sync + 'static) -> Pair {
    with_limits(patient(), answer)
}

pub(crate) fn node() -> NodeName {
    "pve".parse().unwrap()
}

pub(crate) fn vmid(number: u64) -> VmId {
    VmId::new(number).unwrap()
}

fn clone_request() -> CloneRequest {
    CloneRequest {
        newid: vmid(100),
        name: "glassdome-test-1".to_owned(),
        description: "line one\nünd zwei & mehr".to_owned(),
        full: Some(true),
        storage: Some("local-lvm".parse().unwrap()),
        pool: None,
        target: None,
    }
}

fn hang_up() -> ServerAction {
    ServerAction::Close(Vec::new())
}

#[tokio::test]
async fn head_and_body_of_a_post_arrive_in_one_read() {
    let Pair { server, pve } = pair(|_| data(&format!("\"{UPID}\"")));
    let upid = pve.clone_vm(&node(), vmid(9000), &clone_request()).await.unwrap();
    assert_eq!(upid.to_string(), UPID);
    let asked = server.asked().remove(0);
    assert_eq!(asked.first_read, asked.text);
    let body = "newid=100&name=glassdome-test-1&description=line+one%0A%C3%BCnd+zwei+%26+mehr&full=1&storage=local-lvm";
    assert!(asked.text.starts_with("POST /api2/json/nodes/pve/qemu/9000/clone HTTP/1.1\r\n"), "{}", asked.text);
    assert!(asked.text.ends_with(&format!("\r\n\r\n{body}")), "{}", asked.text);
    let head = asked.text.to_ascii_lowercase();
    let token = format!("\r\nauthorization: pveapitoken=apex@pve!glassdome-token={SECRET}\r\n");
    for line in [
        &*format!("\r\ncontent-length: {}\r\n", body.len()),
        "\r\ncontent-type: application/x-www-form-urlencoded\r\n",
        &token,
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(!head.contains("transfer-encoding") && !head.contains("expect:"), "{head}");
}

#[tokio::test]
async fn a_post_without_parameters_says_that_its_body_is_empty() {
    let Pair { server, pve } = pair(|_| data(&format!("\"{UPID}\"")));
    pve.start(&node(), vmid(100)).await.unwrap();
    pve.destroy(&node(), vmid(100)).await.unwrap();
    let asked = server.asked();
    assert!(asked[0].text.to_ascii_lowercase().contains("\r\ncontent-length: 0\r\n"), "{}", asked[0].text);
    // Neither `purge` nor `destroy-unreferenced-disks`, and no body, which the server refuses on DELETE.
    assert_eq!(server.lines()[1], "DELETE /nodes/pve/qemu/100");
    assert!(asked[1].text.ends_with("\r\n\r\n"), "{}", asked[1].text);
}

#[tokio::test]
async fn an_error_that_closes_its_connection_disturbs_nothing() {
    let Pair { server, pve } = pair(|asked| match asked.before % 2 {
        0 => ServerAction::Close(
            b"HTTP/1.1 500 VM is locked (backup)\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ),
        _ => data(&format!("\"{UPID}\"")),
    });
    for _ in 0..3 {
        let refused = pve.start(&node(), vmid(100)).await.unwrap_err();
        assert_eq!(refused.to_string(), "VM is locked (backup)");
        pve.start(&node(), vmid(100)).await.unwrap();
    }
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test]
async fn a_read_on_a_closed_connection_is_repeated_on_a_fresh_one() {
    // Three connections are open at once, and each of them dies at its second request, as if the server had closed it
    // a moment before.
    let (together, seen) = (Barrier::new(3), Mutex::new(HashSet::new()));
    let Pair { server, pve } = pair(move |asked| {
        if !seen.lock().unwrap().insert(asked.connection) {
            return hang_up();
        }
        if asked.before < 3 {
            together.wait();
        }
        data(r#"{"version":"9.2.11"}"#)
    });
    let (first, second, third) = tokio::join!(pve.version(), pve.version(), pve.version());
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!(server.connections(), 3);
    pve.version().await.unwrap();
    assert_eq!((server.asked().len(), server.connections()), (5, 4));
}

#[tokio::test]
async fn a_read_is_repeated_once_and_no_more() {
    let Pair { server, pve } = pair(|_| hang_up());
    let refused = pve.version().await.unwrap_err();
    assert!(matches!(refused, ApiError::BrokenOff { .. }), "{refused:?}");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_not_repeated() {
    let Pair { server, pve } =
        pair(|asked| if asked.line().starts_with("GET") { data(r#"{"version":"9.2.11"}"#) } else { hang_up() });
    // On a connection that was kept alive, and on one of its own.
    pve.version().await.unwrap();
    for _ in 0..2 {
        let refused = pve.clone_vm(&node(), vmid(9000), &clone_request()).await.unwrap_err();
        assert!(
            matches!(&refused, ApiError::OutcomeUnknown { source } if matches!(**source, ApiError::BrokenOff { .. }))
        );
        assert!(refused.is_outcome_unknown());
    }
    let lost = [
        pve.configure(&node(), vmid(100), None, &[("protection", "0".to_owned())]).await.unwrap_err(),
        pve.stop(&node(), vmid(100)).await.unwrap_err(),
        pve.destroy(&node(), vmid(100)).await.unwrap_err(),
        pve.abort(&UPID.parse().unwrap()).await.unwrap_err(),
    ];
    assert!(lost.iter().all(ApiError::is_outcome_unknown), "{lost:?}");
    assert_eq!(server.asked().len(), 1 + 2 + 4);
}

#[tokio::test]
async fn a_change_is_unknown_wherever_it_may_have_been_carried_out() {
    for (status, reason, body, is_unknown) in [
        (200, "OK", "<html>", true),
        (200, "OK", r#"{"data":null}"#, true),
        (200, "OK", r#"{"data":"no task"}"#, true),
        (502, "Bad Gateway", "<html>", true),
        (504, "Gateway Time-out", "", true),
        (596, "Connection timed out", "", true),
        (595, "Connection refused", "", false),
        (503, "Service Unavailable", "", false),
        (301, "Moved Permanently", "", false),
        (500, "VM is locked (clone)", "", false),
        (401, "Authentication failed!", "", false),
    ] {
        let Pair { server: _server, pve } = pair(move |_| reply(status, reason, body));
        let refused = pve.clone_vm(&node(), vmid(9000), &clone_request()).await.unwrap_err();
        assert_eq!(refused.is_outcome_unknown(), is_unknown, "{status} {body}: {refused:?}");
    }
}

#[tokio::test]
async fn a_change_that_was_never_sent_is_known_not_to_be_done() {
    let pve = Pve::new(closed_port(), &Trust::Unverified, patient(), &Proxies::none()).unwrap();
    let refused = pve.clone_vm(&node(), vmid(9000), &clone_request()).await.unwrap_err();
    assert!(matches!(refused, ApiError::Refused { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let Pair { server, pve } = pair(|_| {
        ServerAction::Close(
            b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n".to_vec(),
        )
    });
    let refused = pve.version().await.unwrap_err();
    assert!(
        refused.to_string().ends_with("answered 302 Found with a redirect, to https://elsewhere.invalid/"),
        "{refused}"
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_ends_at_the_limit_whether_it_says_its_length_or_not() {
    let chunks = "400\r\n".to_owned() + &"x".repeat(1024) + "\r\n400\r\n" + &"x".repeat(1024) + "\r\n";
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1025\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"),
        format!("HTTP/1.1 500 Error\r\nConnection: close\r\n\r\n{}", "x".repeat(1025)),
    ] {
        let sent = answer.clone();
        let Pair { server: _server, pve } = pair(move |_| ServerAction::Stall(sent.clone().into_bytes()));
        let refused = pve.version().await.unwrap_err();
        assert!(matches!(refused, ApiError::TooLarge { .. }), "{refused:?} for {answer}");
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    let short = Duration::from_millis(200);
    let silent = Limits { connect: Duration::from_secs(1), answer: short, ..patient() };
    let Pair { server: _server, pve } = with_limits(silent, |_| ServerAction::Stall(Vec::new()));
    let refused = pve.version().await.unwrap_err();
    assert!(matches!(refused, ApiError::NoAnswer { .. }), "{refused:?}");

    let silent = Limits { connect: Duration::from_secs(1), outcome: short, ..patient() };
    let Pair { server: _server, pve } = with_limits(silent, |_| ServerAction::Stall(Vec::new()));
    let refused = pve.start(&node(), vmid(100)).await.unwrap_err();
    assert!(refused.is_outcome_unknown(), "{refused:?}");

    let stalling = Limits { quiet: short, ..patient() };
    let Pair { server: _server, pve } = with_limits(stalling, |_| {
        ServerAction::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"data\"".to_vec())
    });
    let refused = pve.version().await.unwrap_err();
    assert!(matches!(refused, ApiError::Stalled { .. }), "{refused:?}");
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_broken_off() {
    let Pair { server: _server, pve } =
        pair(|_| ServerAction::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"data\"".to_vec()));
    let refused = pve.version().await.unwrap_err();
    assert!(matches!(refused, ApiError::BrokenOff { .. }), "{refused:?}");
}

#[tokio::test]
async fn ports_on_which_something_else_listens_are_distinguished() {
    let call = async |server: &Server, limits: Limits| {
        let pve = Pve::new(server.endpoint(), &Trust::Unverified, limits, &Proxies::none()).unwrap();
        pve.version().await.unwrap_err()
    };
    let short = Limits { connect: Duration::from_millis(500), ..patient() };
    let moved = Server::without_tls(|_| reply(400, "Bad Request", ""));
    let refused = call(&moved, short).await;
    assert!(matches!(refused, ApiError::NotTls { .. }), "{refused:?}");
    let refused = call(&Server::mute(), short).await;
    assert!(matches!(refused, ApiError::NoAnswer { .. }), "{refused:?}");
    let mail = Server::greeting(&Authority::new("the authority").good(), "220 mail.example ESMTP\r\n");
    let refused = call(&mail, patient()).await;
    assert!(matches!(refused, ApiError::NotUnderstood { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_proxy_that_does_not_lead_on_is_named_without_its_password() {
    let refusing =
        Server::without_tls(|_| ServerAction::Close(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n".to_vec()));
    for proxy in [refusing.endpoint(), closed_port()] {
        let address = format!("http://user:hunter2@{}", proxy.authority());
        let proxies = Proxies::from_variables(&|name| (name == "ALL_PROXY").then(|| address.clone()));
        let pve = Pve::new("pve.lan".parse().unwrap(), &Trust::Unverified, patient(), &proxies).unwrap();
        let refused = pve.version().await.unwrap_err();
        let ApiError::Proxy { proxy: shown, variable, server, source } = &refused else { panic!("{refused:?}") };
        assert_eq!((variable.as_str(), server.as_str()), ("ALL_PROXY", "pve.lan:8006"));
        assert_eq!(*shown, format!("http://****@{}", proxy.authority()));
        assert!(source.to_string().contains(&proxy.authority()), "{source}");
        assert!(!format!("{refused:?} {pve:?}").contains("hunter2"), "{refused:?} {pve:?}");
    }
}

#[tokio::test]
async fn a_ticket_goes_with_every_request_and_its_csrf_token_with_every_change() {
    let Pair { server, pve } = pair(|asked| match asked.line().contains("/access/ticket") {
        true => data(
            r#"{"ticket":"PVE:apex@pve:6B04F45A::a+b/c==","CSRFPreventionToken":"6B04F45A:xyz","username":"apex@pve"}"#,
        ),
        false => data(&format!("\"{UPID}\"")),
    });
    let unauthenticated = Pve::new(server.endpoint(), &Trust::Unverified, patient(), &Proxies::none()).unwrap();
    drop(pve);
    let user = "apex@pve".parse().unwrap();
    let pve = unauthenticated.log_in(&user, &Secret::new("p&ss wörd".to_owned())).await.unwrap();
    pve.next_id().await.unwrap_err();
    pve.start(&node(), vmid(100)).await.unwrap();
    let asked = server.asked();
    assert!(asked[0].text.ends_with("\r\n\r\nusername=apex%40pve&password=p%26ss+w%C3%B6rd"), "{}", asked[0].text);
    let cookie = "cookie: PVEAuthCookie=PVE:apex@pve:6B04F45A::a+b/c==\r\n";
    let csrf = "csrfpreventiontoken: 6B04F45A:xyz\r\n";
    let has = |index: usize, line: &str| asked[index].text.contains(line);
    assert_eq!([has(0, "cookie:"), has(1, cookie), has(2, cookie)], [false, true, true], "{asked:?}");
    assert_eq!([has(0, csrf), has(1, csrf), has(2, csrf)], [false, false, true]);
    assert!(!format!("{pve:?}").contains("a+b") && !format!("{pve:?}").contains("xyz"), "{pve:?}");
}

#[tokio::test]
async fn a_second_factor_is_said_to_be_needed() {
    let Pair { server: _server, pve } =
        pair(|_| data(r#"{"NeedTFA":1,"ticket":"PVE:!tfa!x:6B04F45A::y","username":"totp@pve"}"#));
    let refused = pve.log_in(&"totp@pve".parse().unwrap(), &Secret::new("sandbox".to_owned())).await.unwrap_err();
    assert!(matches!(&refused, ApiError::SecondFactor { user } if user == "totp@pve"), "{refused:?}");
}

#[tokio::test]
async fn nothing_of_the_secret_is_shown_for_debugging() {
    let Pair { server: _server, pve } = pair(|_| hang_up());
    assert!(!format!("{pve:?}").contains(&SECRET[..13]), "{pve:?}");
    assert!(!format!("{:?}", pve.version().await).contains(&SECRET[..13]));
}

#[tokio::test]
async fn a_node_that_cannot_be_asked_is_named() {
    let Pair { server: _server, pve } = pair(|_| reply(595, "No route to host", ""));
    let refused = pve.vm_config(&"pve2".parse().unwrap(), vmid(100)).await.unwrap_err();
    assert_eq!(refused.to_string(), "node pve2 cannot be reached: No route to host");
    assert_eq!(refused.server_text(), Some(Foreign::new("No route to host")));
}

/// A recorded exchange: the answer as it went over the wire.
struct Recording {
    name: String,
    method: String,
    url: String,
    status: u16,
    reason: String,
    body: String,
}

fn recordings() -> Vec<Recording> {
    let recordings = Recordings::load().0.into_iter();
    let exchanges = recordings.filter(|(_, recording)| recording["response"].is_object());
    let exchanges = exchanges.map(|(name, recording)| {
        let (request, response) = (&recording["request"], &recording["response"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Recording {
            name,
            method: text(&request["method"]),
            url: text(&request["url"]),
            status: response["status"].as_u64().unwrap().try_into().unwrap(),
            reason: text(&response["reason"]),
            body: text(&response["body"]),
        }
    });
    exchanges.collect()
}

impl Recording {
    /// Calls what was recorded, where the client knows the call; says how that went.
    async fn call(&self, pve: &Pve) -> Option<Result<(), ApiError>> {
        let path = self.url.strip_prefix("/api2/json")?;
        let path = path.split('?').next().unwrap_or_default().replace("%3A", ":");
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let node: NodeName = node();
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let called = match (self.method.as_str(), segments.as_slice()) {
            ("GET", ["version"]) => pve.version().await.map(drop),
            ("GET", ["access", "domains"]) => pve.domains().await.map(drop),
            ("GET", ["access", "permissions"]) => pve.permissions(None, None).await.map(drop),
            ("GET", ["nodes"]) => pve.nodes().await.map(drop),
            ("GET", ["cluster", "resources"]) => pve.vms_where(&|_| true).await.map(drop),
            ("GET", ["cluster", "nextid"]) => pve.next_id().await.map(drop),
            ("GET", ["nodes", _, "qemu"]) => pve.vms_on(&node).await.map(drop),
            ("GET", ["nodes", _, "storage"]) => pve.storages(&node).await.map(drop),
            ("GET", ["nodes", _, "storage", _, "content"]) => pve.images(&node, "local").await.map(drop),
            ("GET", ["nodes", _, "certificates", "info"]) => pve.cluster_ca(&node).await.map(drop),
            ("GET", ["nodes", _, "tasks"]) => pve.active_tasks(&node).await.map(drop),
            ("GET", ["nodes", _, "tasks", _, "status"]) => pve.task_status(&UPID.parse().unwrap()).await.map(drop),
            ("GET", ["nodes", _, "tasks", _, "log"]) => pve.task_log(&UPID.parse().unwrap(), 0, 50).await.map(drop),
            ("DELETE", ["nodes", _, "tasks", _]) => pve.abort(&UPID.parse().unwrap()).await,
            ("GET", ["nodes", _, "qemu", id, rest @ ..]) if is_number(id) => match rest {
                ["config"] => pve.vm_config(&node, vmid(100)).await.map(drop),
                ["status", "current"] => pve.vm_status(&node, vmid(100)).await.map(drop),
                ["feature"] => pve.clone_feature(&node, vmid(100)).await.map(drop),
                ["agent", "network-get-interfaces"] => pve.agent_addresses(&node, vmid(100)).await.map(drop),
                _ => return None,
            },
            ("PUT", ["nodes", _, "qemu", _, "config"]) => pve.configure(&node, vmid(100), None, &[]).await,
            ("POST", ["nodes", _, "qemu", _, "clone"]) => {
                pve.clone_vm(&node, vmid(9000), &clone_request()).await.map(drop)
            }
            ("POST", ["nodes", _, "qemu", _, "status", "start"]) => pve.start(&node, vmid(100)).await.map(drop),
            ("POST", ["nodes", _, "qemu", _, "status", "stop"]) => pve.stop(&node, vmid(100)).await.map(drop),
            ("DELETE", ["nodes", _, "qemu", _]) => pve.destroy(&node, vmid(100)).await.map(drop),
            _ => return None,
        };
        Some(called)
    }
}

/// Recordings with parameters of which this client makes no use.
const STRANGE: &[(&str, &str)] = &[("task-log-download", "download=1: a compressed file")];

#[tokio::test]
async fn every_recorded_answer_is_read_or_reported_in_the_servers_words() {
    let recordings = recordings();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let answer = Arc::clone(&sent);
    let limits = Limits { size: Sizes::all(1 << 20), ..patient() };
    let Pair { server: _server, pve } =
        with_limits(limits, move |_| ServerAction::Close(answer.lock().unwrap().clone()));
    let (mut read, mut output) = (0, 0);
    for recording in &recordings {
        let Recording { name, status, reason, body, .. } = recording;
        let head = format!("HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        *sent.lock().unwrap() = (head + body).into_bytes();
        let Some(called) = recording.call(&pve).await else { continue };
        if STRANGE.iter().any(|(strange, _)| strange == name) {
            continue;
        }
        match called {
            Ok(()) => {
                assert_eq!(*status, 200, "{name}");
                read += 1;
            }
            Err(why) => {
                assert_ne!(*status, 200, "{name}: {why:?}");
                let words = why.server_text().unwrap_or_else(|| panic!("{name}: {why:?}"));
                assert!(words.starts_with(reason.trim()), "{name}: {words}");
                assert_eq!(why.refusal().map(|refusal| refusal.status), Some(*status), "{name}");
                output += 1;
            }
        }
    }
    println!("{read} answers read, {output} refusals told, of {} recordings", recordings.len());
    assert!(read >= 100 && output >= 50, "{read} read, {output} told");
}

/// An answer that ends with its connection: no length, and no close_notify either.
fn ends_with_connection(status: &str, body: &str) -> ServerAction {
    let head = format!("HTTP/1.1 {status}\r\nCache-Control: max-age=0\r\nConnection: close\r\n\r\n");
    ServerAction::Close([head.as_bytes(), body.as_bytes()].concat())
}

#[tokio::test]
async fn an_answer_without_a_length_ends_with_its_connection() {
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        for (status, words, asked) in [
            ("401 invalid token value!", "invalid token value!", 1),
            ("401 no such user ('apex@pve')", "no such user ('apex@pve')", 1),
            ("401 Authentication failed!", "Authentication failed!", 1),
            ("401 No ticket", "No ticket", 1),
            ("501 for data too large", "for data too large", 1),
            ("595 Connection refused", "Connection refused", 5),
        ] {
            let authority = Authority::new("the authority");
            let server = Server::speaking(&authority.good(), versions, |_| ends_with_connection(status, ""));
            let trust = Trust::Ca(CaBundle::from_pem(authority.pem.as_bytes()).unwrap());
            let pve = Pve::new(server.endpoint(), &trust, patient(), &Proxies::none()).unwrap();
            let refused = pve.version().await.unwrap_err();
            assert_eq!(refused.server_text(), Some(Foreign::new(words)), "{refused:?}");
            assert_eq!(server.asked().len(), asked, "{status}");
        }
    }
}

#[tokio::test]
async fn a_good_answer_without_a_length_is_good_where_it_is_whole() {
    let Pair { server: _server, pve } = pair(|_| ends_with_connection("200 OK", r#"{"data":{"version":"8.3.2"}}"#));
    assert_eq!(pve.version().await.unwrap().to_string(), "8.3.2");
    // Cut off, it is no other answer than the connection's end.
    let Pair { server, pve } = pair(|_| ends_with_connection("200 OK", r#"{"data":{"version":"8.3"#));
    let refused = pve.version().await.unwrap_err();
    assert!(matches!(refused, ApiError::BrokenOff { .. }), "{refused:?}");
    assert_eq!(server.asked().len(), 5);
    let Pair { server, pve } = pair(|_| ends_with_connection("200 OK", r#"{"data":"#));
    let refused = pve.start(&node(), vmid(100)).await.unwrap_err();
    assert!(refused.is_outcome_unknown(), "{refused:?}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_with_a_length_stays_checked() {
    for head in ["Content-Length: 900\r\n", "Transfer-Encoding: chunked\r\n"] {
        let answer = format!("HTTP/1.1 500 no\r\n{head}\r\n");
        let Pair { server: _server, pve } = pair(move |_| ServerAction::Close(answer.clone().into_bytes()));
        let refused = pve.version().await.unwrap_err();
        assert!(matches!(refused, ApiError::BrokenOff { .. }), "{head}: {refused:?}");
    }
}

#[tokio::test]
async fn a_refused_credential_is_never_sent_again() {
    let short = Limits { quiet: Duration::from_millis(200), ..patient() };
    for head in ["", "Content-Length: 900\r\n", "Transfer-Encoding: chunked\r\n"] {
        for ends in [ServerAction::Close, ServerAction::Stall] {
            let answer = format!("HTTP/1.1 401 authentication failure\r\n{head}\r\n{{\"data\":nu").into_bytes();
            let Pair { server, pve } = with_limits(short, move |_| ends(answer.clone()));
            let refused = pve.version().await.unwrap_err();
            assert!(refused.is_unauthenticated(), "{head}: {refused:?}");
            let refused =
                pve.log_in(&"apex@pve".parse().unwrap(), &Secret::new("hunter2".to_owned())).await.unwrap_err();
            assert!(refused.is_unauthenticated(), "{head}: {refused:?}");
            assert_eq!(server.asked().len(), 2, "{head}");
        }
    }
}

#[tokio::test]
async fn the_log_of_an_unknown_task_is_one_line_in_either_form() {
    let line = r#"{"t":"unable to open file - No such file or directory","n":1}"#;
    for log in [line.to_owned(), format!("[{line}]")] {
        let Pair { server: _server, pve } = pair(move |_| data(&log));
        let lines = pve.task_log(&UPID.parse().unwrap(), 0, 50).await.unwrap();
        assert_eq!(lines, [Foreign::new("unable to open file - No such file or directory")]);
    }
}

#[tokio::test]
async fn any_user_is_sent_as_the_server_decodes_it() {
    let upid = "UPID:pve:00000132:0002DDB7:6B04F200:qmclone:9000:bugö%+;'#@pve!tt:";
    let Pair { server, pve } = pair(move |asked| match asked.line() {
        line if line.starts_with("POST") => data(&format!("\"{upid}\"")),
        _ => data(r#"{"privsep":0,"status":"running","node":"pve"}"#),
    });
    let token: TokenId = "bugö%+;'#@pve!tt".parse().unwrap();
    let pve = pve.with_token(&token, &SECRET.parse().unwrap()).unwrap();
    pve.token_entry(&token).await.unwrap();
    let started = pve.start(&node(), vmid(100)).await.unwrap();
    assert_eq!(started.to_string(), upid);
    let _ = pve.task_status(&started).await;
    assert_eq!(
        server.lines(),
        [
            "GET /access/users/bug%F6%25+%3B'%23@pve/token/tt",
            "POST /nodes/pve/qemu/100/status/start",
            "GET /nodes/pve/tasks/UPID:pve:00000132:0002DDB7:6B04F200:qmclone:9000:bug%F6%25+%3B'%23@pve!tt:/status",
        ]
    );
    let header = format!("PVEAPIToken=bug%F6%25+%3B'#@pve!tt={SECRET}");
    assert!(server.asked().iter().all(|asked| asked.text.contains(&header)), "{:?}", server.asked());
}

#[tokio::test]
async fn a_name_that_no_call_can_hold_is_never_sent() {
    let Pair { server, pve } = pair(|_| data("{}"));
    for (token, found) in [("foo!bar@pve!tt", '!'), ("zoë€@pve!tt", '€')] {
        let token: TokenId = token.parse().unwrap();
        let refused = pve.token_entry(&token).await.unwrap_err();
        assert!(matches!(refused, ApiError::Unsendable { found: it, .. } if it == found), "{refused:?}");
    }
    let token: TokenId = "zoë€@pve!tt".parse().unwrap();
    assert!(matches!(pve.with_token(&token, &SECRET.parse().unwrap()), Err(ApiError::Unsendable { found: '€', .. })));
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn a_ticket_goes_as_it_came_but_for_what_no_cookie_holds() {
    for (ticket, cookie) in [
        ("PVE:apex@pve:6B04F200::abc+/=", "PVE:apex@pve:6B04F200::abc+/="),
        ("PVE:a;b 50%@pve:6B04F200::abc", "PVE:a%3Bb%2050%25@pve:6B04F200::abc"),
    ] {
        let Pair { server, pve } = pair(move |asked| match asked.line() {
            line if line.starts_with("POST") => {
                data(&format!(r#"{{"ticket":"{ticket}","CSRFPreventionToken":"x","username":"apex@pve"}}"#))
            }
            _ => data(r#"{"version":"9.2.11"}"#),
        });
        let pve = pve.log_in(&"apex@pve".parse().unwrap(), &Secret::new("hunter2".to_owned())).await.unwrap();
        pve.version().await.unwrap();
        let asked = server.asked().remove(1).text;
        assert!(asked.contains(&format!("PVEAuthCookie={cookie}\r\n")), "{asked}");
    }
}

#[tokio::test]
async fn all_running_tasks_of_a_busy_node_are_seen() {
    const RUNNING: usize = 120;
    let authority = Authority::new("the authority");
    let server = Server::start(&authority.good(), |asked| {
        // The server gives 50 unless it is asked for more.
        let limit = asked.line().split(['?', '&', ' ']).find_map(|part| part.strip_prefix("limit=")?.parse().ok());
        let rows: Vec<String> = (0..RUNNING.min(limit.unwrap_or(50)))
            .map(|number| format!(r#"{{"upid":"UPID:pve:{number:08X}:00000001:6B000000:qmstart:{number}:root@pam:"}}"#))
            .collect();
        data(&format!("[{}]", rows.join(",")))
    });
    let trust = Trust::Ca(CaBundle::from_pem(authority.pem.as_bytes()).unwrap());
    let pve = Pve::new(server.endpoint(), &trust, Limits::default(), &Proxies::none()).unwrap();
    assert_eq!(pve.active_tasks(&node()).await.unwrap().len(), RUNNING);
}
