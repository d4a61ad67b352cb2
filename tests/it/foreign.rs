//! Text of a server that means no good, in every field that is read and in every command: it is shown escaped and cut, and
//! no line to paste runs it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use glassdome::sandbox::Sandbox;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::support::lacks;
use crate::support::server::{Asked, Authority, Identity, Server, ServerAction, data, reply};
use crate::support::test_env::{Outcome, TestEnv, quick};

/// Clears the screen, sets the title, colours, turns the text round, hides some of it, and runs as a command.
const PAYLOAD: &str =
    "\u{1b}[2J\u{1b}]0;pwn\u{7}EVIL\u{202e}\u{9b}31m\u{200b}\r\n';touch pwned;$(touch pwned)`touch pwned`";

/// The fields that are read as text, those together that make no difference to each other.
const FIELDS: [&[&str]; 16] = [
    &["version", "release", "repoid"],
    &["name"],
    &["comment", "description", "tags", "notes"],
    &["storage"],
    &["iface"],
    &["content"],
    &["status", "qmpstatus"],
    &["lock"],
    &["realm"],
    &["type"],
    &["roleid"],
    &["path"],
    &["ugid", "userid", "groups"],
    &["poolid", "pool"],
    &["exitstatus"],
    &["t"],
];

/// Commands with what they need to get far; each in text and in JSON.
const COMMANDS: [&str; 8] = [
    "doctor -vvv",
    "test-vm -vvv --timeout 2",
    "template list --all",
    "cleanup --dry-run",
    "setup --no-input --yes --skip-test-vm",
    "token list --login-user root@pam",
    "token create --token-name tt --rights needed --dry-run --login-user root@pam",
    "template create --release http://m.example/x.qcow2 --no-checksum --dry-run",
];

/// Carries requests to a sandbox, and changes what comes back.
struct TamperingProxy {
    address: std::net::SocketAddr,
    config: Arc<ClientConfig>,
}

impl TamperingProxy {
    fn to(sandbox: &Sandbox) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(sandbox.ca_pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        Self { address: sandbox.address(), config }
    }

    /// Gives head and body of the answer.
    fn carry(&self, request: &str) -> (String, String) {
        let name = ServerName::try_from(self.address.ip().to_string()).unwrap();
        let session = ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        let mut stream = StreamOwned::new(session, TcpStream::connect(self.address).unwrap());
        let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer); // a server may hang up without a word
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn answer(&self, asked: &Asked, fields: &[&str]) -> ServerAction {
        let (head, body) = self.carry(&asked.text);
        let mut words = head.lines().next().unwrap_or_default().splitn(3, ' ').skip(1);
        let (status, reason) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let body = match serde_json::from_str::<Value>(&body) {
            Ok(mut value) if status == "200" && !asked.line().contains("/access/ticket") => {
                spoil(&mut value, fields, None);
                value.to_string()
            }
            _ => body,
        };
        reply(status.parse().unwrap_or(500), reason, &body)
    }
}

fn spoil(value: &mut Value, fields: &[&str], key: Option<&str>) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| spoil(value, fields, Some(key))),
        Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, fields, key)),
        Value::String(text) if key.is_some_and(|key| fields.contains(&key)) => text.push_str(PAYLOAD),
        _ => {}
    }
}

/// A stage whose file leads to a server of the test.
fn stage(server: &Server, authority: &Authority, sandbox: &Sandbox) -> TestEnv {
    let mut stage = TestEnv::new();
    stage.point_at(sandbox);
    let settings = stage.read(".env").replace(&sandbox.address().to_string(), &server.endpoint().authority());
    stage.write(".env", &settings);
    stage.write("proxmox-ca.pem", &authority.pem);
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    stage
}

fn identity() -> (Authority, Identity) {
    let authority = Authority::new("the authority");
    let identity = authority.good();
    (authority, identity)
}

/// Says whether a terminal would do anything but show these bytes.
fn is_harmless(text: &str) -> bool {
    text.chars().all(|it| it == '\n' || glassdome::model::foreign::is_plain(it))
}

/// Lets a shell read each line that is meant for one, with commands of the node that do nothing.
fn paste(stage: &TestEnv, outcome: &Outcome) {
    let programs = ["qm", "pveum", "pvesm", "wget", "glassdome", "echo", "rm"];
    let functions: String = programs.iter().map(|name| format!("{name}() {{ :; }}; ")).collect();
    for line in format!("{}\n{}", outcome.results, outcome.stderr).lines().map(str::trim) {
        if programs.iter().any(|name| line.starts_with(&format!("{name} "))) {
            let run =
                Command::new("bash").args(["-c", &format!("{functions}{line}")]).current_dir(stage.folder()).output();
            let _ = run.expect("bash runs");
        }
    }
    assert!(!Path::new(&stage.path("pwned")).exists(), "a line runs what the server says:\n{}", outcome.stderr);
}

#[test]
fn nothing_that_a_server_says_reaches_the_terminal_or_a_shell_as_it_came() {
    if lacks(&["bash"]) {
        return;
    }
    let sandbox = Sandbox::start(quick()).unwrap();
    let (authority, identity) = identity();
    let mut shown = 0;
    for fields in FIELDS {
        let carrier = TamperingProxy::to(&sandbox);
        let server = Server::start(&identity, move |asked| carrier.answer(asked, fields));
        let stage = stage(&server, &authority, &sandbox);
        for (number, line) in COMMANDS.into_iter().enumerate() {
            // Both forms of output are tried with each field, and with each command.
            let in_json = (number + usize::from(fields[0].len() % 2 == 0)) % 2 == 0;
            let outcome = stage.glassdome(&if in_json { format!("{line} -o json") } else { line.to_owned() });
            if in_json {
                outcome.json();
            }
            for text in [&outcome.stderr, &outcome.results] {
                assert!(is_harmless(text), "{fields:?}, {line}:\n{text:?}");
            }
            shown += usize::from(format!("{}{}", outcome.stderr, outcome.results).contains("EVIL"));
            paste(&stage, &outcome);
        }
    }
    assert!(shown > 20, "the text is shown escaped, not hidden: {shown} times");
}

#[test]
fn a_refusal_without_end_is_reported_in_few_words() {
    let (authority, identity) = identity();
    let sandbox = Sandbox::start(quick()).unwrap();
    let long = "x".repeat(3_000_000);
    let message = format!("{{\"data\":null,\"message\":\"{long}\"}}");
    let errors = format!("{{\"data\":null,\"errors\":{{\"{}\":\"{}\"}}}}", &long[..300_000], &long[..300_000]);
    for (status, reason, body) in
        [(500, "boom", message.as_str()), (403, "no", &errors), (500, &long[..300_000], ""), (200, "OK", &message)]
    {
        let (reason, body) = (reason.to_owned(), body.to_owned());
        let server = Server::start(&identity, move |_| reply(status, &reason, &body));
        let stage = stage(&server, &authority, &sandbox);
        for line in ["test-vm", "doctor", "template list", "doctor -o json", "test-vm -o json"] {
            let outcome = stage.glassdome(line);
            let length = outcome.stderr.len() + outcome.results.len();
            assert!(outcome.code != 0 && length < 50_000, "{line} on {status}: {length} bytes");
        }
    }
}

#[test]
fn a_redirect_is_named_with_its_target_and_not_followed() {
    let (authority, identity) = identity();
    let sandbox = Sandbox::start(quick()).unwrap();
    let head = "HTTP/1.1 302 Found\r\nLocation: https://login.example/\u{9b}31m\u{202e}x\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start(&identity, move |_| ServerAction::Keep(head.as_bytes().to_vec()));
    let outcome = stage(&server, &authority, &sandbox).glassdome("test-vm").expect(9);
    let outcome = outcome.says("answered 302 Found with a redirect, to https://login.example/\\u{9b}31m\\u{202e}x;");
    assert!(is_harmless(&outcome.stderr), "{:?}", outcome.stderr);
}

#[test]
fn the_names_of_a_certificate_are_harmless() {
    let authority = Authority::new("the \u{1b}[2J\u{202e}authority");
    let identity = authority.sign(&["pve.example"], (2020, 2090));
    let server = Server::start(&identity, |_| data("[]"));
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&server, &Authority::new("another"), &sandbox);
    for line in ["doctor", "test-vm", "setup --no-input --yes", "setup --no-input --yes -o json"] {
        let outcome = stage.glassdome(line);
        assert!(
            outcome.code != 0 && is_harmless(&outcome.stderr) && is_harmless(&outcome.results),
            "{line}: {outcome:?}"
        );
    }
}
