//! Servers and proxies that repeat what they were sent, in every spelling: no secret is shown, whatever is run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use glassdome::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::support::admin::{Admin, exchange};
use crate::support::server::{Asked, Authority, Server, ServerAction};
use crate::support::test_env::{Outcome, TestEnv, quick};

const PASSWORD: &str = "hunter2 canary/P&ss=w%41rd";
const CODE: &str = "987654";
const SUM: &str = "abababababababababababababababababababababababababababababababab";

/// What the server does after so many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerBehavior {
    /// It refuses, and repeats the request in everything that it says.
    Refuses { after: usize, status: u16 },
    /// It does what is asked, and repeats the request in comments, descriptions and logs.
    Chats,
}

/// A server in front of a sandbox that repeats what it was sent.
struct Echo {
    sandbox: Arc<Sandbox>,
    server: Server,
    stage: TestEnv,
    manner: Arc<Mutex<(ServerBehavior, usize)>>,
    /// Every secret that went one way or the other.
    secrets: Arc<Mutex<BTreeSet<String>>>,
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * index) & 63) as usize];
            text.push(if index <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// Writes a text in one of the spellings.
fn spelled(text: &str, which: usize) -> String {
    let some = |encode: &dyn Fn(char) -> String, every: usize| -> String {
        let each = |(at, it): (usize, char)| if at % every == 0 { encode(it) } else { it.to_string() };
        text.chars().enumerate().map(each).collect()
    };
    let percent = |it: char| it.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    match which % 9 {
        0 => text.to_owned(),
        1 => base64(text.as_bytes()),
        2 => percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string(),
        3 => some(&percent, 1).to_lowercase(),
        4 => base64(format!("x{text}").as_bytes()).replace('+', "-").replace('/', "_"),
        5 => text.chars().map(|it| format!("\\u{:04x}", u32::from(it))).collect(),
        6 => some(&|it| format!("&#x{:x};", u32::from(it)), 1),
        7 => text.to_uppercase(),
        _ => format!("xx{}", base64(format!("xx{text}").as_bytes())),
    }
}

/// Gives the parts of a request that authenticate, and the whole of it.
fn repeated(asked: &Asked) -> [String; 2] {
    let (head, body) = asked.text.split_once("\r\n\r\n").unwrap_or((&asked.text, ""));
    let is_telling = |line: &&str| {
        ["authorization", "cookie", "csrfpreventiontoken"].iter().any(|it| line.to_ascii_lowercase().starts_with(it))
    };
    let telling: Vec<&str> = head.lines().filter(is_telling).collect();
    let short = format!("{} {body}", telling.join(" "));
    [short, asked.text.replace(['\r', '\n'], " ")]
}

fn refusal(asked: &Asked, status: u16, round: usize) -> ServerAction {
    let [short, whole] = repeated(asked);
    let body = json!({
        "data": null,
        "message": format!("denied: {}\n", spelled(&short, round + 1)),
        "errors": {"vmid": spelled(&short, round + 2), "password": spelled(&whole, round + 3)},
    });
    // The first byte of a reason phrase is no blank, and it has no line breaks.
    let reason = format!("denied {}", spelled(&short, round));
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nLocation: https://{round}/{}\r\nSet-Cookie: x={}\r\n",
        spelled(&short, 2),
        spelled(&short, 1)
    );
    let body = body.to_string();
    ServerAction::Close(format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

/// Adds the request to every text that says nothing to a program.
fn decorate(value: &mut Value, said: &dyn Fn() -> String) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| decorate(item, said)),
        Value::Object(map) => {
            for (name, item) in map {
                match item {
                    Value::String(text) if ["comment", "description", "t", "release"].contains(&name.as_str()) => {
                        text.push_str(&format!("\n{}", said()));
                    }
                    item => decorate(item, said),
                }
            }
        }
        _ => {}
    }
}

/// Remembers what an answer of the log-in or of a new token holds.
fn remember(document: &Value, secrets: &Mutex<BTreeSet<String>>) {
    let mut secrets = secrets.lock().unwrap();
    for name in ["value", "ticket", "CSRFPreventionToken"] {
        if let Some(text) = document["data"][name].as_str().filter(|text| text.len() >= 30) {
            secrets.insert(text.rsplit(':').next().unwrap().to_owned());
        }
    }
}

fn passed_on(
    sandbox: &Sandbox,
    asked: &Asked,
    round: Option<usize>,
    secrets: &Mutex<BTreeSet<String>>,
) -> ServerAction {
    let request = asked.text.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let answer = exchange(sandbox, request.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let Ok(mut document) = serde_json::from_str::<Value>(body) else {
        return ServerAction::Close(answer.into_bytes());
    };
    remember(&document, secrets);
    if let Some(round) = round {
        let [short, _] = repeated(asked);
        let count = AtomicUsize::new(round);
        decorate(&mut document, &|| spelled(&short, count.fetch_add(1, Ordering::SeqCst)));
    }
    let body = document.to_string();
    let kept = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length"));
    let head = kept.collect::<Vec<_>>().join("\r\n");
    ServerAction::Close(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

impl Echo {
    fn start() -> Self {
        let sandbox = Arc::new(Sandbox::start(quick()).unwrap());
        let admin = Admin::of(&sandbox);
        let encoded = percent_encoding::utf8_percent_encode(PASSWORD, percent_encoding::NON_ALPHANUMERIC);
        admin.call("POST", "/access/users", &format!("userid=canary@pve&password={encoded}"));
        admin.grant("/", "canary@pve", "Administrator");
        let secret = admin.token("canary@pve", "tt", false);
        let secrets = [secret.as_str(), PASSWORD, CODE].into_iter().map(str::to_owned).collect();
        let secrets = Arc::new(Mutex::new(secrets));
        let manner = Arc::new(Mutex::new((ServerBehavior::Chats, 0)));
        let authority = Authority::new("echo");
        let (server, known) = {
            let (sandbox, manner, secrets) = (Arc::clone(&sandbox), Arc::clone(&manner), Arc::clone(&secrets));
            let known = Arc::clone(&secrets);
            let answer = move |asked: &Asked| {
                let mut now = manner.lock().unwrap();
                now.1 += 1;
                let (manner, count) = *now;
                drop(now);
                match manner {
                    // Before it authenticates, the program must find that this is Proxmox VE.
                    _ if asked.line().contains("/access/domains") => passed_on(&sandbox, asked, None, &secrets),
                    ServerBehavior::Refuses { after, status } if count > after => refusal(asked, status, asked.before),
                    ServerBehavior::Refuses { .. } => passed_on(&sandbox, asked, None, &secrets),
                    ServerBehavior::Chats => passed_on(&sandbox, asked, Some(asked.before), &secrets),
                }
            };
            (Server::start(&authority.good(), answer), known)
        };
        let stage = TestEnv::new();
        stage.write("ca.pem", &authority.pem);
        stage.write("password.txt", PASSWORD);
        let echo = Self { sandbox, server, stage, manner, secrets: known };
        echo.point(&secret);
        echo
    }

    /// Writes settings that lead to the echo.
    fn point(&self, secret: &str) {
        let host = self.server.endpoint().authority();
        self.stage.write(
            ".env",
            &format!(
                "PROXMOX_HOST={host}\nPROXMOX_USER=canary@pve\nPROXMOX_TOKEN_NAME=tt\nPROXMOX_TOKEN_VALUE={secret}\n\
                 PROXMOX_VERIFY_SSL=false\nPROXMOX_CA_FILE=ca.pem\nPROXMOX_NODE=pve\nUBUNTU_2204_TEMPLATE_ID=9000\n"
            ),
        );
    }

    /// Runs a command, and sees that nothing of what was sent is shown. The settings are as they were before.
    fn run(&self, line: &str, manner: ServerBehavior) -> Outcome {
        *self.manner.lock().unwrap() = (manner, 0);
        let settings = self.stage.read(".env");
        let _ = fs::remove_file(self.stage.path("report.json"));
        let outcome = self.stage.glassdome(line);
        let report = fs::read_to_string(self.stage.path("report.json")).unwrap_or_default();
        let state = texts(&self.stage.folder().parent().unwrap().join("state"));
        for secret in self.secrets.lock().unwrap().iter() {
            for (what, text) in
                [("results", &outcome.results), ("talk", &outcome.stderr), ("report", &report), ("journal", &state)]
            {
                if let Some(spelling) = found(secret, text) {
                    panic!("`{line}` ({manner:?}) shows {secret} in its {what}, {spelling}:\n{text}");
                }
            }
        }
        self.stage.write(".env", &settings);
        outcome
    }
}

/// Gives what stands in all files below a folder.
fn texts(folder: &Path) -> String {
    let Ok(listing) = fs::read_dir(folder) else { return String::new() };
    let text = |path: &Path| {
        if path.is_dir() { texts(path) } else { String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned() }
    };
    listing.map(|item| text(&item.unwrap().path())).collect()
}

/// Looks for a secret in every spelling that an attacker would try; says in which spelling it is there.
fn found(secret: &str, text: &str) -> Option<&'static str> {
    let secret = secret.to_lowercase();
    let joined: String = text.lines().map(str::trim_start).collect();
    for text in [text.to_owned(), text.lines().map(str::trim).collect::<Vec<_>>().join(" "), joined] {
        let percent = percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned();
        let form = percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let numbers = unnumbered(&unnumbered(&text, "\\u", 16), "\\\\u", 16);
        let html = unnumbered(&text, "&#x", 16).replace(';', "");
        for (spelling, text) in [
            ("plain", &text),
            ("percent-encoded", &percent),
            ("form-encoded", &form),
            ("as numbers", &numbers),
            ("as HTML", &html),
        ] {
            if text.to_lowercase().contains(&secret) {
                return Some(spelling);
            }
        }
        // What stands between the letters that a secret shares with its neighbours.
        for offset in 0..3 {
            let whole = base64(format!("{}{secret}", "x".repeat(offset)).as_bytes());
            let core = whole.trim_end_matches('=');
            let core = core.get(offset + 1..core.len() - 1).unwrap_or(core);
            let url = core.replace('+', "-").replace('/', "_");
            if secret.len() > 8 && (text.contains(core) || text.contains(&url)) {
                return Some("in base64");
            }
        }
    }
    None
}

/// Replaces numbers of characters behind a prefix.
fn unnumbered(text: &str, prefix: &str, base: u32) -> String {
    let mut parts = text.split(prefix);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.chars().take(4).take_while(char::is_ascii_hexdigit).count();
        match u32::from_str_radix(&part[..digits], base).ok().and_then(char::from_u32) {
            Some(character) => {
                plain.push(character);
                plain.push_str(&part[digits..]);
            }
            None => plain.push_str(&format!("{prefix}{part}")),
        }
    }
    plain
}

const LOGIN: &str = "--login-user canary@pve --login-password-file password.txt";

/// Every command that talks to a server, with what is to be sent by it.
const COMMANDS: &[&str] = &[
    "doctor",
    "doctor -vvv --bundle report.json",
    "test-vm -v",
    "test-vm --count 2",
    "setup --yes --skip-test-vm -v",
    "setup --yes --skip-test-vm --create-token --token-name made {login}",
    "setup --yes --skip-test-vm --create-token --token-name tt --regenerate {login}",
    "setup --yes --skip-test-vm --import -vvv",
    "template list --all",
    "template create --id 9100 --checksum {sum} {login}",
    "token list {login} -vvv",
    "token create --token-name new --yes {login}",
    "token create --token-name tt --regenerate --yes {login} --totp {code}",
    "token rotate --yes {login}",
    "token revoke --token-name tt --yes {login}",
    "cleanup",
    "env",
    "env --format terraform-bpg",
];

fn line(command: &str, output: &str) -> String {
    let command = command.replace("{login}", LOGIN).replace("{sum}", SUM).replace("{code}", CODE);
    format!("{command} --no-input -o {output}")
}

#[test]
fn a_server_that_refuses_and_repeats_gets_nothing_printed() {
    let mut echo = Echo::start();
    echo.stage.set("PROXMOX_VE_ENDPOINT", &format!("https://{}/", echo.server.endpoint().authority()));
    let token = format!("canary@pve!tt={}", echo.secrets.lock().unwrap().iter().find(|it| it.len() == 36).unwrap());
    echo.stage.set("PROXMOX_VE_API_TOKEN", &token);
    let mut masked = 0;
    for (number, command) in COMMANDS.iter().enumerate() {
        for (after, output) in [(0, "text"), (1, "json"), (3 + number % 4, ["text", "json"][number % 2])] {
            let status = [401, 403, 500][(number + after) % 3];
            let outcome = echo.run(&line(command, output), ServerBehavior::Refuses { after, status });
            assert_ne!(outcome.code, 2, "{outcome:?}");
            masked += usize::from(outcome.stderr.contains("••••") || outcome.results.contains("••••"));
        }
    }
    assert!(masked > COMMANDS.len(), "only {masked} runs repeated anything");
    let sent = echo.server.asked().iter().any(|asked| asked.text.contains("hunter2"));
    assert!(sent, "the password was sent");
}

#[test]
fn a_server_that_does_what_is_asked_and_repeats_it_gets_nothing_printed() {
    let echo = Echo::start();
    for (number, command) in COMMANDS.iter().filter(|command| !command.contains("--import")).enumerate() {
        let output = ["text", "json"][number % 2];
        let outcome = echo.run(&line(command, output), ServerBehavior::Chats);
        assert_ne!(outcome.code, 2, "{outcome:?}");
        // Whatever was done to the token that is stored, the next command begins with one that is good.
        let admin = Admin::of(&echo.sandbox);
        admin.try_call("DELETE", "/access/users/canary@pve/token/tt", "");
        let secret = admin.token("canary@pve", "tt", false);
        echo.secrets.lock().unwrap().insert(secret.clone());
        echo.point(&secret);
    }
    assert!(echo.secrets.lock().unwrap().len() > 12, "tickets and new secrets are among what is looked for");
}

#[test]
fn a_proxy_that_repeats_gets_nothing_printed() {
    let proxy = Server::without_tls(|asked| {
        let lines: String = asked.text.lines().map(|line| format!("{line} ")).collect();
        let text = format!("{lines} {}", base64(lines.as_bytes()));
        let head = format!("HTTP/1.1 407 {text}\r\nProxy-Authenticate: Basic realm=\"{text}\"\r\n");
        ServerAction::Close(format!("{head}Content-Length: {}\r\n\r\n{text}", text.len()).into_bytes())
    });
    let echo = Echo::start();
    let address = proxy.endpoint().authority();
    for (user_information, canary) in [
        ("canaryTOKEN@", "canaryTOKEN"),
        ("canaryTOKEN:@", "canaryTOKEN"),
        ("me:canary%2Fsecret@", "canary/secret"),
        ("canaryTOKEN:x-oauth-basic@", "canaryTOKEN"),
    ] {
        for line in ["doctor -vvv", "test-vm -o json", "doctor --bundle report.json"] {
            let mut command = echo.stage.command(line.split_whitespace());
            let _ = fs::remove_file(echo.stage.path("report.json"));
            command.env("HTTPS_PROXY", format!("http://{user_information}{address}"));
            let outcome = Outcome::of(&command.output().unwrap());
            let report = fs::read_to_string(echo.stage.path("report.json")).unwrap_or_default();
            for text in [&outcome.results, &outcome.stderr, &report] {
                assert_eq!(found(canary, text), None, "{user_information} {line}: {text}");
            }
        }
    }
    assert!(!proxy.asked().is_empty());
}
