//! The sandbox's identities behind plain HTTP: the calls of `pveum`, and nothing else.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glassdome::sandbox::auth::{Access, Caller, Credentials, Refusal};
use glassdome::sandbox::cluster::{Cluster, Now};
use serde_json::{Value, json};

/// When everything happens here, in seconds since 1970.
const NOW: u64 = 1_800_000_000;

/// A server that answers until the test ends.
pub(crate) struct PlainServer {
    pub(crate) url: String,
    pub(crate) access: Arc<Mutex<Access>>,
}

impl PlainServer {
    pub(crate) fn start(access: Access) -> Self {
        let access = Arc::new(Mutex::new(access));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::clone(&access);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&stream.unwrap(), &shared);
            }
        });
        Self { url, access }
    }
}

/// Makes a call as a user.
pub(crate) fn call(
    access: &mut Access,
    subject: &str,
    method: &str,
    path: &str,
    params: BTreeMap<String, String>,
) -> Result<Value, Refusal> {
    let caller = Caller { subject: subject.to_owned() };
    let mut cluster = Cluster::bare(access.clone(), 1, Duration::ZERO, 1);
    let reply = cluster.call(method, path, &params, &caller, Now { unix: NOW, since_start: Duration::ZERO });
    *access = cluster.access;
    assert!(!matches!(&reply, Err(Refusal::Status { status: 501, .. })), "no such call: {method} {path}");
    reply.map(|reply| reply.data)
}

fn serve(stream: &TcpStream, access: &Mutex<Access>) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let of_name = |line: &&String| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        lines.iter().find(of_name).and_then(|line| line.split_once(": ")).map(|(_, value)| value)
    };
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let [method, target, _] = lines[0].split(' ').collect::<Vec<_>>()[..] else { panic!("{lines:?}") };
    let credentials = Credentials {
        cookie: header("cookie"),
        authorization: None,
        csrf: header("csrfpreventiontoken"),
        changes: method != "GET",
    };
    let (status, reason, answer) = answer(&mut access.lock().unwrap(), method, target, &body, credentials);
    let answer = answer.to_string();
    let head = format!("HTTP/1.1 {status} {reason}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
    let mut stream = stream;
    stream.write_all((head + &answer).as_bytes()).unwrap();
}

fn answer(access: &mut Access, method: &str, target: &str, body: &[u8], from: Credentials<'_>) -> (u16, String, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = percent_encoding::percent_decode_str(path).decode_utf8().unwrap();
    let path = path.strip_prefix("/api2/json").unwrap();
    let decoded = |text| form_urlencoded::parse(text).into_owned();
    let params = decoded(query.as_bytes()).chain(decoded(body)).collect();
    let subject =
        if path == "/access/ticket" { String::new() } else { access.authenticate(from, NOW).unwrap().subject };
    match call(access, &subject, method, path, params) {
        Ok(data) => (200, "OK".to_owned(), json!({"data": data})),
        Err(refusal) => (500, format!("{refusal:?}").replace('\n', " "), json!({"data": null})),
    }
}
