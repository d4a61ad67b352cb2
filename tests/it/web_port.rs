//! A server behind a reverse proxy, at the port of the web: its address comes from a browser, without a port.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use glassdome::model::Fingerprint;
use glassdome::model::endpoint::WEB_PORT;
use glassdome::sandbox::{Options, Sandbox};

use crate::support::skipped;
use crate::support::terminal::Terminal;
use crate::support::test_env::{TestEnv, quick};

/// How many addresses of the loopback are tried: another process may use the port on some.
const TRIES: u16 = 50;

/// A sandbox at port 443, on an address of the loopback where nothing listens on 8006.
struct SandboxOn443 {
    sandbox: Sandbox,
    address: Ipv4Addr,
    stage: TestEnv,
}

impl SandboxOn443 {
    /// Starts it; nothing where this machine lets nothing listen on such a port, which is counted as skipped.
    fn start() -> Option<Self> {
        static COUNT: AtomicU16 = AtomicU16::new(0);
        let [process, _, ..] = std::process::id().to_le_bytes();
        for _ in 0..TRIES {
            let [low, high] = COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes();
            let address = Ipv4Addr::new(127, 64 + high, process, low);
            if TcpListener::bind((address, 8006)).is_err_and(|why| why.kind() == ErrorKind::AddrInUse) {
                continue;
            }
            match Sandbox::start(Options { listen: SocketAddr::from((address, WEB_PORT)), ..quick() }) {
                Ok(sandbox) => {
                    let stage = TestEnv::new();
                    stage.write("secret.txt", sandbox.default_token().2);
                    return Some(Self { sandbox, address, stage });
                }
                Err(why) if why.kind() == ErrorKind::AddrInUse => {}
                Err(why) => {
                    skipped(&format!("cannot listen on port {WEB_PORT} of {address}: {why}"));
                    return None;
                }
            }
        }
        panic!("no address of the loopback is free")
    }

    fn browser_address(&self) -> String {
        format!("https://{}/", self.address)
    }

    fn server(&self) -> String {
        format!("{}:{WEB_PORT}", self.address)
    }

    /// Writes a settings file that names this host, with a fingerprint.
    fn settings(&self, host: &str, fingerprint: &str) {
        let (user, name, secret) = self.sandbox.default_token();
        let text = format!(
            "PROXMOX_HOST={host}\nPROXMOX_USER={user}\nPROXMOX_TOKEN_NAME={name}\nPROXMOX_TOKEN_VALUE={secret}\n\
             PROXMOX_VERIFY_SSL=false\nPROXMOX_FINGERPRINT={fingerprint}\nPROXMOX_NODE=pve\nUBUNTU_2204_TEMPLATE_ID=9000\n"
        );
        self.stage.write(".env", &text);
    }

    fn fingerprint(&self) -> String {
        Fingerprint::new(self.sandbox.fingerprint()).to_string()
    }

    /// Gives the fingerprint of a certificate that the server does not present.
    fn other_fingerprint(&self) -> String {
        Fingerprint::new(self.sandbox.fingerprint().map(|byte| !byte)).to_string()
    }
}

#[test]
fn setup_stores_the_port_that_answers_and_every_command_uses_it() {
    let Some(behind) = SandboxOn443::start() else { return };
    let (stage, server) = (&behind.stage, behind.server());
    let line = format!(
        "setup --no-input --accept-new-certificate --user apex@pve --token-value-file secret.txt --host {}#v1:0:18:4",
        behind.browser_address()
    );
    let outcome = stage.glassdome(&line).expect(0);
    let outcome = outcome.says("port 8006 does not answer, port 443 does: it is used and stored");
    outcome.says(&format!("{server} is Proxmox VE")).shows(&format!("'https://{server}/api2/json/version'"));
    assert!(stage.read(".env").contains(&format!("PROXMOX_HOST={server}\n")), "{}", stage.read(".env"));
    for (command, shown) in [
        ("doctor", format!("{server}, TLS verified by fingerprint")),
        ("test-vm", format!("Test VM on {server}")),
        ("template list", format!("Templates on {server}")),
        ("cleanup", format!("Cleanup on {server}")),
        ("env --format ansible", "export PROXMOX_PORT='443'".to_owned()),
        ("setup --skip-test-vm", format!("{server} is Proxmox VE")),
    ] {
        let outcome = stage.glassdome(&format!("{command} --no-input")).expect(0);
        assert!((outcome.results.clone() + &outcome.stderr).contains(&shown), "{command}: {outcome:?}");
        assert!(!outcome.stderr.contains("port 8006"), "{command}: {outcome:?}");
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_shown_with_the_port_that_answers() {
    let Some(behind) = SandboxOn443::start() else { return };
    let line =
        format!("setup --no-input --user apex@pve --token-value-file secret.txt --host {}", behind.browser_address());
    let outcome = behind.stage.glassdome(&line).expect(5);
    outcome.says(&format!("the certificate of {} is not trusted", behind.server())).says(&behind.fingerprint());
    assert!(!behind.stage.path(".env").exists());
}

#[test]
fn the_wizard_asks_about_the_certificate_of_the_port_that_answers() {
    let Some(behind) = SandboxOn443::start() else { return };
    let mut terminal = Terminal::start(&behind.stage, 100, "setup");
    terminal.to("Proxmox VE host", &behind.browser_address());
    terminal.wait_for("port 8006 does not answer, port 443 does: it is used and stored");
    terminal.wait_for("? Do you trust this certificate?");
    assert!(terminal.text().contains(&behind.server()), "{}", terminal.text());
    terminal.press("\x03");
    terminal.end(130);
}

#[test]
fn what_is_stored_for_an_address_without_a_port_holds_at_the_port_that_answers() {
    let Some(behind) = SandboxOn443::start() else { return };
    let stage = &behind.stage;
    let (open, server, fingerprint) = (behind.browser_address(), behind.server(), behind.fingerprint());
    for (stored, said) in [(&open, None), (&open, Some(&server)), (&open, Some(&open)), (&server, Some(&open))] {
        let host = said.map(|host| format!(" --host {host}")).unwrap_or_default();
        let line = format!("setup --no-input --yes --skip-test-vm{host}");
        behind.settings(stored, &fingerprint);
        stage.glassdome(&line).expect(0).says("Certificate trusted: it is the pinned one");
        assert!(stage.read(".env").contains(&format!("PROXMOX_HOST={server}\n")), "{}", stage.read(".env"));
        // A certificate that differs from the stored one is not accepted as new.
        behind.settings(stored, &behind.other_fingerprint());
        let before = stage.read(".env");
        let outcome = stage.glassdome(&format!("{line} --accept-new-certificate")).expect(5);
        outcome.says(&format!("the certificate of {server} has changed"));
        assert_eq!(stage.read(".env"), before);
    }
}

#[test]
fn the_mapping_for_other_tools_says_which_port_it_assumes() {
    let stage = TestEnv::new();
    let file = |host: &str| {
        let text = format!(
            "PROXMOX_HOST={host}\nPROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=tt\n\
             PROXMOX_TOKEN_VALUE=00000000-1111-2222-3333-444444444444\n"
        );
        stage.write(".env", &text)
    };
    let warning = "PROXMOX_HOST names no port: 8006 is used here";
    for format in ["dotenv", "sh", "terraform-bpg", "ansible", "curl", "json"] {
        file("https://pve.example/");
        stage.glassdome(&format!("env --format {format}")).expect(0).says(warning);
        for named in ["pve.example", "https://pve.example:8006/", "pve.example:443"] {
            file(named);
            let outcome = stage.glassdome(&format!("env --format {format}")).expect(0);
            assert!(!outcome.stderr.contains("names no port"), "{named}: {outcome:?}");
        }
    }
}
