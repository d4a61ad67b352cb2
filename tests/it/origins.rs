//! Which sources decide where a secret goes: what is said where they differ, and where nothing is verified.

use glassdome::model::Fingerprint;
use glassdome::sandbox::Sandbox;

use crate::support::lacks;
use crate::support::test_env::{Outcome, TestEnv, quick};

const UNVERIFIED: &str = "the certificate of the server is not verified";
const MIXED: &str = "make sure that they belong together";

/// Every command that talks to a server, and that needs no more than a token for it.
const COMMANDS: [&str; 6] = [
    "test-vm --no-start",
    "template list",
    "cleanup",
    "doctor",
    "setup --no-input --skip-test-vm --dry-run",
    "template create --dry-run --no-checksum --release ./disk.qcow2",
];

/// Where something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    File,
    Variable,
    Flag,
}

const ALL: [From; 3] = [From::File, From::Variable, From::Flag];

/// Settings for a sandbox, each from its own source.
struct Sources {
    host: From,
    secret: From,
    trust: From,
    /// The key and the flag of the trust, and its value.
    verify: (&'static str, &'static str, String),
}

impl Sources {
    fn run(&self, sandbox: &Sandbox, line: &str, more: &str) -> Outcome {
        let (mut stage, mut file, mut flags) = (TestEnv::new(), String::new(), String::new());
        let (user, name, secret) = sandbox.default_token();
        stage.write("secret", secret);
        stage.write("disk.qcow2", "QFI");
        let address = sandbox.address().to_string();
        let mut say = |from: From, key: &str, flag: &str, value: &str| match from {
            From::File => file += &format!("{key}={value}\n"),
            From::Variable => stage.set(key, value),
            From::Flag if key == "PROXMOX_TOKEN_VALUE" => flags += " --token-value-file secret",
            From::Flag if key == "PROXMOX_VERIFY_SSL" => flags += " --insecure",
            From::Flag => flags += &format!(" {flag} {value}"),
        };
        say(self.host, "PROXMOX_HOST", "--host", &address);
        say(self.secret, "PROXMOX_TOKEN_VALUE", "", secret);
        say(self.trust, self.verify.0, self.verify.1, &self.verify.2);
        file += &format!("PROXMOX_USER={user}\nPROXMOX_TOKEN_NAME={name}\nPROXMOX_NODE=pve\n");
        stage.write(".env", &file);
        stage.glassdome(&format!("{line}{flags}{more}"))
    }
}

fn unverified(host: From, secret: From, trust: From) -> Sources {
    Sources { host, secret, trust, verify: ("PROXMOX_VERIFY_SSL", "--insecure", "false".to_owned()) }
}

#[test]
fn every_command_says_that_nothing_is_verified() {
    let sandbox = Sandbox::start(quick()).unwrap();
    for line in COMMANDS {
        for trust in ALL {
            let outcome = unverified(From::File, From::File, trust).run(&sandbox, line, "");
            assert_eq!(outcome.stderr.matches(UNVERIFIED).count(), 1, "{line} {trust:?}\n{}", outcome.stderr);
            assert!(!outcome.stderr.contains(MIXED), "{line} {trust:?}\n{}", outcome.stderr);
        }
    }
    let login = "token list --login-user root@pam --login-password-file password";
    let stage = TestEnv::new();
    stage.write("password", "sandbox");
    stage.write(
        ".env",
        &format!("PROXMOX_HOST={}\nPROXMOX_VERIFY_SSL=false\nPROXMOX_USER=apex@pve\n", sandbox.address()),
    );
    stage.glassdome(login).expect(0).says(UNVERIFIED).says("but the secret by --login-password-file");
    // Server and trust of the file are the usual case; where only one of them is there, it is named.
    let pin = Fingerprint::new(sandbox.fingerprint()).to_string();
    let trust = format!("PROXMOX_FINGERPRINT={pin}\nPROXMOX_USER=apex@pve\n");
    stage.write(".env", &format!("PROXMOX_HOST={}\n{trust}", sandbox.address()));
    let outcome = stage.glassdome(login).expect(0);
    assert!(!outcome.stderr.contains(MIXED), "{}", outcome.stderr);
    stage.write(".env", &trust);
    stage
        .glassdome(&format!("{login} --host {}", sandbox.address()))
        .expect(0)
        .says("the trust in the server is set by");
    // Where something is verified, nothing is said; nor on the sandbox, which is this program itself.
    let pin = Fingerprint::new(sandbox.fingerprint()).to_string();
    for line in COMMANDS {
        let verify = ("PROXMOX_FINGERPRINT", "--fingerprint", pin.clone());
        let outcome =
            Sources { host: From::File, secret: From::File, trust: From::File, verify }.run(&sandbox, line, "");
        assert!(!outcome.stderr.contains(UNVERIFIED), "{line}\n{}", outcome.stderr);
    }
    let outcome = TestEnv::new().glassdome("test-vm --sandbox --no-start").expect(0);
    assert!(!outcome.stderr.contains(UNVERIFIED), "{}", outcome.stderr);
}

#[test]
fn a_file_that_decides_about_a_secret_from_elsewhere_is_named() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let pin = Fingerprint::new(sandbox.fingerprint()).to_string();
    for host in ALL {
        for secret in ALL {
            for trust in ALL {
                for verify in [
                    ("PROXMOX_VERIFY_SSL", "", "false".to_owned()),
                    ("PROXMOX_FINGERPRINT", "--fingerprint", pin.clone()),
                ] {
                    let sources = Sources { host, secret, trust, verify };
                    let is_mixed = secret != From::File && (host == From::File || trust == From::File);
                    let outcome = sources.run(&sandbox, "template list", "").expect(0);
                    let what = format!("{host:?} {secret:?} {trust:?} {}\n{}", sources.verify.0, outcome.stderr);
                    assert_eq!(outcome.stderr.matches(MIXED).count(), usize::from(is_mixed), "{what}");
                    if is_mixed {
                        let key = if host == From::File { "PROXMOX_HOST" } else { sources.verify.0 };
                        let named = if secret == From::Flag {
                            "--token-value-file"
                        } else {
                            "the variable PROXMOX_TOKEN_VALUE"
                        };
                        assert!(outcome.stderr.contains(key) && outcome.stderr.contains(named), "{what}");
                    }
                }
            }
        }
    }
    // A file that was chosen by its name is no accident.
    let outcome = unverified(From::File, From::Variable, From::File).run(&sandbox, "template list", " --env-file .env");
    assert!(!outcome.stderr.contains(MIXED) && outcome.stderr.contains(UNVERIFIED), "{}", outcome.stderr);
    for line in COMMANDS {
        let outcome = unverified(From::File, From::Variable, From::Variable).run(&sandbox, line, "");
        assert_eq!(outcome.stderr.matches(MIXED).count(), 1, "{line}\n{}", outcome.stderr);
    }
}

#[test]
fn the_documents_hold_the_warnings_too() {
    let sandbox = Sandbox::start(quick()).unwrap();
    for line in [
        "test-vm --no-start -o json",
        "setup --no-input --skip-test-vm --dry-run -o json",
        "template create --dry-run --no-checksum --release ./disk.qcow2 -o json",
    ] {
        let outcome = unverified(From::File, From::Variable, From::File).run(&sandbox, line, "").expect(0);
        let warnings = outcome.json()["warnings"].to_string();
        assert!(warnings.contains(UNVERIFIED) && warnings.contains(MIXED), "{warnings}");
    }
    let outcome = unverified(From::File, From::Variable, From::File).run(&sandbox, "doctor -o json", "");
    assert!(outcome.results.contains("NOT verified") && outcome.results.contains(MIXED), "{}", outcome.results);
}

#[test]
fn git_and_ssh_get_the_variables_on_their_lists_and_no_other() {
    if lacks(&["env"]) {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::start(quick()).unwrap();
    let mut stage = TestEnv::new();
    stage.point_at(&sandbox);
    std::fs::create_dir_all(stage.path(".git")).unwrap();
    std::fs::create_dir(stage.path("bin")).unwrap();
    for name in ["git", "ssh"] {
        let output = stage.path(&format!("{name}.told"));
        let path = stage.write(&format!("bin/{name}"), &format!("#!/bin/sh\nenv >> '{}'\nexit 1\n", output.display()));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    stage.set("PATH", &format!("{}:{path}", stage.path("bin").display()));
    let secret =
        ["API_KEY", "HTTPS_PROXY", "DATABASE_URL", "LC_CUSTOM", "GIT_CONFIG_VALUE_0", "SSH_PASS", "ACCESS", "GIT_DIR"];
    for name in secret {
        stage.set(name, "http://canary:canary@127.0.0.1:9");
    }
    stage.set("no_proxy", "*");
    stage.set("SSH_AUTH_SOCK", "/agent");
    stage.glassdome("doctor").expect(0);
    stage.glassdome("setup --no-input --yes --over-ssh --token-name another --skip-test-vm");
    for (name, own) in [("git", "GIT_TERMINAL_PROMPT="), ("ssh", "SSH_AUTH_SOCK=/agent")] {
        let output = stage.read(&format!("{name}.told"));
        assert!(
            output.contains("HOME=") && output.contains("LANG=C.UTF-8") && output.contains(own),
            "{name}\n{output}"
        );
        assert!(!output.contains("canary") && !output.contains("PROXMOX"), "{name}\n{output}");
    }
}
