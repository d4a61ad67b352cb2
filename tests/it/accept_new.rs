//! `setup --accept-new-certificate` at a server that logs what it is sent: a certificate is new only where nothing is stored.

use std::fmt::Write;

use crate::support::server::{Asked, Authority, Identity, Server, ServerAction, data, reply};
use crate::support::terminal::Terminal;
use crate::support::test_env::{Outcome, TestEnv};

const SECRET: &str = "cafebabe-1111-2222-3333-444444444444";

/// Where a pin or a CA is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    Nowhere,
    Flag,
    Variable,
    /// In the file, which names the server of the run, in another spelling.
    FileOfThisServer,
    FileOfAnother,
    /// In the file, which names no server.
    FileOfNone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pin,
    Ca,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matches {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AcceptsNew {
    Yes,
    No,
}

/// The instance, and whether the file says not to verify, as every file with a pin does.
const FILES: [(&str, &str); 2] = [("01", "PROXMOX_VERIFY_SSL=false\n"), ("02", "")];

/// Answers calls that need no credentials, and rejects all credentials.
fn closed(asked: &Asked) -> ServerAction {
    if asked.line().contains("/access/domains") {
        return data(r#"[{"realm":"pve","type":"pve"},{"realm":"pam","type":"pam"}]"#);
    }
    reply(401, "No ticket", "")
}

/// One row of the table.
struct Case<'a> {
    stored: Stored,
    kind: Kind,
    matches: Matches,
    accepts: AcceptsNew,
    file: (&'a str, &'a str),
}

impl Case<'_> {
    /// Says whether the server is to be sent the secret.
    fn is_trusted(&self) -> bool {
        let accepts = self.accepts == AcceptsNew::Yes;
        match (self.stored, self.kind) {
            // The CA of another server may be that of the whole cluster.
            (Stored::FileOfAnother, Kind::Ca) => accepts || self.matches == Matches::Yes,
            (Stored::FileOfAnother, Kind::Pin) => accepts,
            (Stored::Nowhere, _) => accepts || !self.file.1.is_empty(),
            _ => self.matches == Matches::Yes,
        }
    }

    fn run(&self, authority: &Authority, presented: &Identity) {
        let (server, mut stage) = (Server::start(presented, closed), TestEnv::new());
        let other = Authority::new("another authority");
        let port = server.endpoint().port();
        let (instance, verify) = self.file;
        let infix = if instance == "01" { "" } else { "02_" };
        let mut line = format!("setup --no-input --skip-test-vm --instance {instance} --host {}", server.endpoint());
        line += " --user apex@pve --token-name tt --token-value-file secret.txt";
        stage.write("secret.txt", SECRET);
        let value = match (self.kind, self.matches) {
            (Kind::Pin, Matches::Yes) => presented.fingerprint().to_string(),
            (Kind::Pin, Matches::No) => other.good().fingerprint().to_string(),
            (Kind::Ca, matches) => {
                let pem = if matches == Matches::Yes { &authority.pem } else { &other.pem };
                stage.write("stored.pem", pem);
                "stored.pem".to_owned()
            }
        };
        let (flag, key) = match self.kind {
            Kind::Pin => ("--fingerprint", format!("PROXMOX_{infix}FINGERPRINT")),
            Kind::Ca => ("--ca-file", format!("PROXMOX_{infix}CA_FILE")),
        };
        let mut file = verify.replace("PROXMOX_", &format!("PROXMOX_{infix}"));
        let mut in_file = |host: Option<String>| {
            file.extend(host.map(|host| format!("PROXMOX_{infix}HOST={host}\n")));
            let _ = writeln!(file, "{key}={value}");
        };
        match self.stored {
            Stored::Nowhere => {}
            Stored::Flag => line += &format!(" {flag} {value}"),
            Stored::Variable => stage.set(&key, &value),
            Stored::FileOfThisServer => in_file(Some(format!("https://[::FFFF:127.0.0.1]:{port}/#v1:0"))),
            Stored::FileOfAnother => in_file(Some(format!("127.0.0.1:{}", port ^ 1))),
            Stored::FileOfNone => in_file(None),
        }
        if self.accepts == AcceptsNew::Yes {
            line += " --accept-new-certificate";
        }
        stage.write(".env", &file);
        let outcome = stage.glassdome(&line);
        let what = format!("{:?} {:?} {:?} {:?} {:?}", self.stored, self.kind, self.matches, self.accepts, self.file);
        assert_eq!(outcome.code, if self.is_trusted() { 6 } else { 5 }, "{what}\n{}", outcome.stderr);
        assert_eq!(is_sent(&server), self.is_trusted(), "{what}\n{}", outcome.stderr);
        assert_eq!(stage.read(".env"), file, "{what}");
    }
}

fn is_sent(server: &Server) -> bool {
    server.asked().iter().any(|asked| asked.text.contains(SECRET) || asked.text.contains("Authorization"))
}

#[test]
fn what_is_stored_decides_and_only_where_nothing_is_a_certificate_is_new() {
    let authority = Authority::new("the authority");
    let presented = authority.good();
    let all = [
        Stored::Nowhere,
        Stored::Flag,
        Stored::Variable,
        Stored::FileOfThisServer,
        Stored::FileOfAnother,
        Stored::FileOfNone,
    ];
    for stored in all {
        for kind in [Kind::Pin, Kind::Ca] {
            for matches in [Matches::Yes, Matches::No] {
                for accepts in [AcceptsNew::Yes, AcceptsNew::No] {
                    for file in FILES {
                        Case { stored, kind, matches, accepts, file }.run(&authority, &presented);
                    }
                }
            }
        }
    }
}

/// Writes settings with a pin or a CA for a server.
fn store(stage: &TestEnv, server: &Server, line: &str) {
    let host = server.endpoint();
    stage.write("secret.txt", SECRET);
    stage.write(
        ".env",
        &format!(
            "PROXMOX_HOST={host}\nPROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=tt\nPROXMOX_TOKEN_VALUE={SECRET}\nPROXMOX_VERIFY_SSL=false\n{line}\n"
        ),
    );
}

#[test]
fn a_changed_certificate_is_an_alarm_at_a_terminal_and_to_leave_is_proposed() {
    let (authority, other) = (Authority::new("the authority"), Authority::new("another authority"));
    let pin = format!("PROXMOX_FINGERPRINT={}", other.good().fingerprint());
    for (line, words) in [
        (pin.as_str(), "is not the one that was pinned"),
        ("PROXMOX_CA_FILE=stored.pem", "is not signed by the CA that is stored for this server"),
    ] {
        for flag in ["", " --accept-new-certificate"] {
            let (server, stage) = (Server::start(&authority.good(), closed), TestEnv::new());
            stage.write("stored.pem", &other.pem);
            store(&stage, &server, line);
            let host = server.endpoint();
            let mut terminal = Terminal::start(&stage, 100, &format!("setup --skip-test-vm --host {host}{flag}"));
            terminal.to("Do you trust this certificate?", "");
            let ended = terminal.end(5);
            let shown = ended.text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(shown.contains(words) && !shown.contains("That is the default"), "{}", ended.text);
            assert!(!is_sent(&server), "{}", ended.text);
        }
    }
}

#[test]
fn a_stored_value_that_cannot_be_read_is_not_replaced_by_what_is_presented() {
    let server = Server::start(&Authority::new("the authority").good(), closed);
    for line in ["PROXMOX_FINGERPRINT=AB:CD", "PROXMOX_CA_FILE=missing.pem", "PROXMOX_CA_FILE=secret.txt"] {
        let stage = TestEnv::new();
        store(&stage, &server, line);
        stage.glassdome("setup --no-input --skip-test-vm --accept-new-certificate").expect(3);
        let words = "setup --skip-test-vm --accept-new-certificate --user apex@pve";
        if line.contains("FINGERPRINT") {
            Terminal::start(&stage, 100, words).end(3);
        }
    }
    assert!(!is_sent(&server));
}

#[test]
fn the_certificate_of_something_else_is_not_called_usual() {
    let server = Server::start(&Authority::new("NAS").good(), closed);
    let stage = TestEnv::new();
    let mut terminal = Terminal::start(&stage, 100, "setup --skip-test-vm");
    terminal.to("Proxmox VE host", &server.endpoint().to_string()).wait_for("Quit (nothing");
    let shown = terminal.text();
    assert!(!shown.contains("That is the default") && !shown.contains("recommended"), "{shown}");
    assert!(shown.contains("does not look like a certificate of Proxmox VE"), "{shown}");
    // To name another server is what is proposed.
    terminal.answer("").wait_for("Proxmox VE host").press("\x03");
    terminal.end(130);
    assert_eq!(server.lines(), [""; 0]);
}

#[test]
fn a_flag_for_the_new_certificate_beats_what_the_file_says() {
    let identity = Authority::new("the authority").good();
    let (server, stage) = (Server::start(&identity, closed), TestEnv::new());
    store(&stage, &server, &format!("PROXMOX_FINGERPRINT={}", Authority::new("old").good().fingerprint()));
    let line = format!("setup --no-input --skip-test-vm --fingerprint {}", identity.fingerprint());
    let outcomes: Vec<Outcome> =
        ["", " --accept-new-certificate"].iter().map(|more| stage.glassdome(&format!("{line}{more}"))).collect();
    assert!(outcomes.iter().all(|outcome| outcome.code == 6), "{outcomes:?}");
}
