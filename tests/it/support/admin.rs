//! An administrator with all rights on a sandbox, who calls its API over a plain TLS socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use glassdome::sandbox::Sandbox;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;

/// `root@pam`, logged in.
pub(crate) struct Admin<'a> {
    sandbox: &'a Sandbox,
    ticket: String,
    csrf: String,
}

impl<'a> Admin<'a> {
    /// Logs in.
    pub(crate) fn of(sandbox: &'a Sandbox) -> Self {
        let mut admin = Self { sandbox, ticket: String::new(), csrf: String::new() };
        let data = admin.call("POST", "/access/ticket", "username=root@pam&password=sandbox");
        admin.ticket = data["ticket"].as_str().expect("a ticket").to_owned();
        admin.csrf = data["CSRFPreventionToken"].as_str().expect("a CSRF token").to_owned();
        admin
    }

    /// Makes a call that must go well, and gives its data.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, form: &str) -> Value {
        let (status, body) = self.try_call(method, path, form);
        assert_eq!(status, 200, "{method} {path} {form}: {body}");
        let document: Value = serde_json::from_str(&body).expect("JSON");
        document["data"].clone()
    }

    /// Makes a call; gives the status and the body.
    pub(crate) fn try_call(&self, method: &str, path: &str, form: &str) -> (u16, String) {
        let mut head = format!("{method} /api2/json{path} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n");
        if !self.ticket.is_empty() {
            head.push_str(&format!("Cookie: PVEAuthCookie={}\r\n", encode(&self.ticket)));
            head.push_str(&format!("CSRFPreventionToken: {}\r\n", self.csrf));
        }
        let body = if method == "GET" || method == "DELETE" { "" } else { form };
        if method == "POST" || method == "PUT" {
            head.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        let answer = exchange(self.sandbox, format!("{head}\r\n{body}").as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or_default();
        (status, body.to_owned())
    }

    /// Lists the VMIDs on the node `pve`.
    pub(crate) fn vmids(&self) -> Vec<u64> {
        let list = self.call("GET", "/nodes/pve/qemu", "");
        let mut vmids: Vec<u64> =
            list.as_array().expect("a list").iter().filter_map(|vm| vm["vmid"].as_u64()).collect();
        vmids.sort_unstable();
        vmids
    }

    /// Makes a user with a token; gives the token's secret.
    pub(crate) fn token(&self, user: &str, name: &str, separated: bool) -> String {
        self.try_call("POST", "/access/users", &format!("userid={user}"));
        let form = format!("privsep={}", u8::from(separated));
        let data = self.call("POST", &format!("/access/users/{user}/token/{name}"), &form);
        data["value"].as_str().expect("a secret").to_owned()
    }

    /// Grants a role.
    pub(crate) fn grant(&self, path: &str, subject: &str, role: &str) {
        let kind = if subject.contains('!') { "tokens" } else { "users" };
        self.call("PUT", "/access/acl", &format!("path={path}&roles={role}&{kind}={}", encode(subject)));
    }
}

/// Percent-encodes everything that is not a letter or a digit.
fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Sends bytes over a fresh TLS connection, and reads all that comes back.
pub(crate) fn exchange(sandbox: &Sandbox, request: &[u8]) -> String {
    let mut stream = connect(sandbox);
    stream.write_all(request).expect("the request goes out");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer); // a close without a TLS alert is an end, too
    String::from_utf8_lossy(&answer).into_owned()
}

/// Opens a TLS connection that trusts the sandbox's authority alone.
pub(crate) fn connect(sandbox: &Sandbox) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(sandbox.ca_pem().as_bytes()).expect("PEM")).expect("a CA");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::from(sandbox.address().ip());
    let session = rustls::ClientConnection::new(Arc::new(config), name).expect("a session");
    let socket = TcpStream::connect(sandbox.address()).expect("the sandbox listens");
    rustls::StreamOwned::new(session, socket)
}
