//! The recordings of raw bytes, sent again over TLS in the world of the recordings, and answered alike.

use std::io::{Read, Write};
use std::time::Duration;

use glassdome::sandbox::cluster::Reach;
use glassdome::sandbox::{Options, Sandbox};
use serde_json::Value;

use crate::support::admin::connect;
use crate::support::recorded::{RELEASE, Recordings};
use crate::support::test_env::quick;

/// Longer than an answer takes, whatever the machine is doing.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// An answer that must not come is waited for only so long: a slow machine can make this pass, never fail.
const SILENCE: Duration = Duration::from_millis(300);

/// What a client sees of an answer.
#[derive(Debug, PartialEq)]
struct Seen {
    line: String,
    connection: Vec<String>,
    kind: Option<String>,
    body: Body,
}

/// A body, compared by value where it is JSON.
#[derive(Debug, PartialEq)]
enum Body {
    Json(Value),
    Text(String),
}

/// Takes one answer off the front of some bytes, once it is whole.
fn take(bytes: &mut Vec<u8>) -> Option<Seen> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (head, _) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let all = |name: &str| -> Vec<String> {
        headers.iter().filter(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned()).collect()
    };
    let length: usize = all("Content-Length").first().and_then(|length| length.parse().ok()).unwrap_or_default();
    let start = head.len() + 4;
    let body = String::from_utf8_lossy(bytes.get(start..start + length)?).into_owned();
    bytes.drain(..start + length);
    let body = serde_json::from_str(&body).map_or(Body::Text(body), |value| Body::Json(without_build(value)));
    Some(Seen { line, connection: all("Connection"), kind: all("Content-Type").pop(), body })
}

/// Takes out which build of the release it is.
fn without_build(mut value: Value) -> Value {
    if let Some(data) = value.get_mut("data").and_then(Value::as_object_mut) {
        data.remove("repoid");
    }
    value
}

/// Lists the answers of a recording.
fn recorded(recording: &Value) -> Vec<Seen> {
    let text = recording["response_raw"].as_str().unwrap();
    let text = text.split("\n<TimeoutError").next().unwrap_or_default();
    let mut bytes = text.as_bytes().to_vec();
    std::iter::from_fn(|| take(&mut bytes)).collect()
}

/// Completes the two requests that are too long to have been noted whole, with the headers of another one.
fn completed(name: &str, request: &str, other: &str) -> String {
    let (_, headers) = other.split_once("\r\n").unwrap();
    match name {
        "wire-long-query" => format!("{request} HTTP/1.1\r\n{headers}"),
        "wire-header-too-large" => format!("{request}{}\r\n{headers}", "a".repeat(9_000)),
        _ => request.to_owned(),
    }
}

/// Sends bytes, and waits for so many answers; where there is to be none, for a moment of silence.
fn answers(sandbox: &Sandbox, request: &[u8], count: usize) -> Vec<Seen> {
    let sent = || {
        let mut stream = connect(sandbox);
        stream.sock.set_read_timeout(Some(if count == 0 { SILENCE } else { ANSWER_WITHIN })).unwrap();
        stream.write_all(request).is_ok().then_some(stream)
    };
    // A body that is too long may be refused before all of it has left, and the answer be lost with the connection.
    let mut stream = std::iter::repeat_with(sent).take(50).flatten().next().unwrap();
    let (mut bytes, mut seen) = (Vec::new(), Vec::new());
    let mut chunk = [0; 4096];
    while seen.len() < count.max(1) {
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&chunk[..read]),
            _ => break,
        }
        seen.extend(std::iter::from_fn(|| take(&mut bytes)));
    }
    seen
}

/// Says whether a recording is played here.
pub(crate) fn plays(name: &str) -> bool {
    name.starts_with("wire-") || ODD_FORMS.contains(&name)
}

#[test]
fn recorded_bytes_are_answered_alike() {
    let recordings = Recordings::load();
    let sandbox = Sandbox::start(quick()).unwrap();
    sandbox.edit(|cluster| *cluster = recordings.cluster(recordings.access(RELEASE)));
    let whole = &recordings.0["wire-absolute-form"]["request_raw"];
    let mut count = 0;
    for (name, recording) in recordings.0.iter().filter(|(name, _)| name.starts_with("wire-")) {
        let expected = recorded(recording);
        let request = completed(name, text(&recording["request_raw"]), text(whole));
        assert_eq!(answers(&sandbox, request.as_bytes(), expected.len()), expected, "{name}");
        count += 1;
    }
    assert_eq!(count, 13);
}

#[test]
fn recorded_requests_of_odd_form_are_answered_alike() {
    let recordings = Recordings::load();
    let sandbox = Sandbox::start(quick()).unwrap();
    sandbox.edit(|cluster| *cluster = recordings.cluster(recordings.access(RELEASE)));
    for name in ODD_FORMS {
        let (request, response) = (&recordings.0[*name]["request"], &recordings.0[*name]["response"]);
        let body = request["body"].as_str().unwrap_or_default();
        let mut bytes = format!("{} {} HTTP/1.1\r\nHost: x\r\n", text(&request["method"]), text(&request["url"]));
        for (header, value) in request["headers"].as_object().unwrap() {
            bytes.push_str(&format!("{header}: {}\r\n", text(value)));
        }
        bytes.push_str(&format!("\r\n{body}"));
        let seen = answers(&sandbox, bytes.as_bytes(), 1).pop().unwrap_or_else(|| panic!("{name}: no answer"));
        // The recorder gave the bytes of a header as Latin-1.
        let line = format!("HTTP/1.1 {} {}", response["status"], text(&response["reason"]));
        assert_eq!(seen.line.chars().flat_map(latin).collect::<String>(), line, "{name}");
        let recorded = text(&response["body"]);
        let seen = match seen.body {
            Body::Json(value) => value.to_string(),
            Body::Text(text) => text,
        };
        match serde_json::from_str::<Value>(recorded) {
            Ok(value) => {
                let expected = without_build(value).to_string();
                assert_eq!(seen, expected, "{name}");
            }
            Err(_) => assert_eq!(seen, recorded, "{name}"),
        }
    }
}

/// What came over a connection until it ended, and whether TLS said that it was the end.
fn until_the_end(sandbox: &Sandbox, request: &str) -> (Vec<u8>, bool) {
    let mut stream = connect(sandbox);
    stream.sock.set_read_timeout(Some(ANSWER_WITHIN)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    assert!(end.as_ref().err().is_none_or(|why| why.kind() == std::io::ErrorKind::UnexpectedEof), "{end:?}");
    (bytes, end.is_ok())
}

#[test]
fn answers_of_version_8_end_as_recorded() {
    let recordings = Recordings::of_version_8();
    for (prefix, version, ends_properly) in [
        ("pve84-r803-version-", "8.0.3", false),
        ("pve84-r832-version-", "8.3.2", false),
        ("pve84-r832-body-", "8.3.2", false),
        ("pve84-r832-no", "8.3.2", false),
        ("pve84-version-", "8.4.14", true),
        ("pve84-body-", "8.4.14", true),
        ("pve84-r8421-version-", "8.4.21", true),
    ] {
        let sandbox = Sandbox::start(Options { pve_version: version.to_owned(), ..quick() }).unwrap();
        let release = sandbox.edit(|cluster| cluster.release());
        sandbox.edit(|cluster| {
            *cluster = recordings.version_8(release);
            cluster.foreign_hosts.extend([("pve2".to_owned(), Reach::NoRoute)]);
        });
        let mut played = 0;
        for (name, recording) in recordings.0.iter().filter(|(name, _)| name.starts_with(prefix)) {
            let (request, response) = (&recording["request"], &recording["response"]);
            let mut head = format!("{} {} HTTP/1.1\r\n", text(&request["method"]), text(&request["url"]));
            for (header, value) in request["headers"].as_object().unwrap() {
                head.push_str(&format!("{header}: {}\r\n", text(value)));
            }
            let body = request["body"].as_str().unwrap_or_default();
            // A refused body may still be on its way: only its announced length is sent.
            let body = if body.len() > 1000 { "" } else { body };
            let (bytes, ended) = until_the_end(&sandbox, &format!("{head}Connection: close\r\n\r\n{body}"));
            let answer = String::from_utf8(bytes).unwrap();
            let line = format!("HTTP/1.1 {} {}\r\n", response["status"], text(&response["reason"]));
            assert!(answer.starts_with(&line), "{name}: {answer}");
            let announces = |headers: &Value| headers.to_string().contains("Content-Length");
            assert_eq!(answer.contains("Content-Length"), announces(&response["headers"]), "{name}: {answer}");
            assert_eq!(ended, ends_properly, "{name}");
            played += 1;
        }
        assert!(played > 0, "{prefix}");
    }
}

/// Requests about the form of HTTP rather than about the cluster.
const ODD_FORMS: &[&str] = &[
    "api2-extjs-version",
    "body-600k",
    "body-json-malformed",
    "body-multipart",
    "body-on-delete-form",
    "body-on-get",
    "body-text-plain",
    "head-version",
    "method-options",
    "method-patch",
    "utf8-in-error-2",
];

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Gives a character's bytes as the characters of Latin-1.
fn latin(character: char) -> Vec<char> {
    character.to_string().bytes().map(char::from).collect()
}
