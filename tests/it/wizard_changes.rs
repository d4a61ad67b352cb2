//! Answers of the wizard that are changed later: from the review, and on the way back from a failed check.

use std::os::unix::fs::PermissionsExt;

use glassdome::model::Fingerprint;
use glassdome::sandbox::{Options, Sandbox};

use crate::support::admin::Admin;
use crate::support::terminal::Terminal;
use crate::support::test_env::{TestEnv, quick};

const SECRET: &str = "00000000-1111-2222-3333-444444444444";
const DOWN: &str = "\x1b[B";
const UP: &str = "\x1b[A";

/// The places of the answers in the menu of the review.
const SERVER: usize = 0;
const CERTIFICATE: usize = 1;
const USER: usize = 2;
const TOKEN: usize = 3;
const NODE: usize = 4;
const TEMPLATE: usize = 5;

fn two_nodes() -> Sandbox {
    Sandbox::start(Options { nodes: 2, shared_storage: true, ..quick() }).unwrap()
}

/// Answers everything up to the review.
fn to_the_review(env: &TestEnv, sandbox: &Sandbox, more: &str) -> Terminal {
    let mut terminal = Terminal::start(env, 100, &format!("setup --skip-test-vm {more}"));
    terminal.to("Proxmox VE host", &sandbox.address().to_string()).to("Do you trust this certificate?", "");
    terminal.to("User for the token", "apex@pve").to("How do you want to get the token?", &DOWN.repeat(4));
    terminal.to("Token name", "").to("Paste the secret", SECRET).to("Node for new VMs", "");
    terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "");
    terminal
}

/// Chooses an answer in the menu of the review.
fn change(terminal: &mut Terminal, place: usize) {
    terminal.to("Save this?", "c").to("Which answer do you want to change?", &DOWN.repeat(place));
}

#[test]
fn each_answer_can_be_changed_at_the_review_and_the_others_stay() {
    let sandbox = two_nodes();
    let env = TestEnv::new();
    let mut terminal = to_the_review(&env, &sandbox, "");
    change(&mut terminal, SERVER);
    terminal.wait_for(&format!("[{}]", sandbox.address())).answer("");
    terminal.wait_for("Cluster CA fetched");
    change(&mut terminal, CERTIFICATE);
    terminal.wait_for("❯ Yes, and trust the cluster's CA").press(DOWN).press("\r").wait_for("it is the pinned one");
    change(&mut terminal, CERTIFICATE);
    terminal.wait_for("❯ Yes, only this certificate").press("\r");
    change(&mut terminal, USER);
    terminal.wait_for("[apex@pve]").answer("nobody@pve").wait_for("authentication failed for");
    terminal.to("What would you like to change?", &DOWN.repeat(2)).wait_for("[nobody@pve]").answer("apex@pve");
    change(&mut terminal, TOKEN);
    terminal.to("How do you want to get the token?", &DOWN.repeat(4)).to("Token name", "powerless");
    terminal.to("Paste the secret", "00000000-1111-2222-3333-555555555555").wait_for("lacks privileges");
    terminal.to("What next?", DOWN).to("User for the token", "");
    terminal.to("How do you want to get the token?", &DOWN.repeat(4)).to("Token name", "glassdome-token");
    terminal.to("Paste the secret", SECRET);
    change(&mut terminal, NODE);
    terminal.wait_for("❯ pve ").press(DOWN).press("\r").wait_for("Node · pve2").wait_for("on pve2");
    change(&mut terminal, TEMPLATE);
    terminal.wait_for("❯ 9000").press(DOWN).press("\r");
    change(&mut terminal, TEMPLATE + 1);
    terminal.wait_for("❯ 9001").press(DOWN).press("\r").wait_for("Template for Ubuntu 20.04 · none");
    terminal.to("Save this?", "c").to("Which answer do you want to change?", UP).to("Save this?", "yes");
    terminal.end(0);
    assert_eq!(
        env.read(".env"),
        format!(
            "# Proxmox Configuration\nPROXMOX_HOST={}\nPROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=glassdome-token\n\
             PROXMOX_TOKEN_VALUE={SECRET}\nPROXMOX_VERIFY_SSL=false\nPROXMOX_NODE=pve2\nPROXMOX_FINGERPRINT={}\n\n\
             # Template IDs\nUBUNTU_2204_TEMPLATE_ID=9001\n",
            sandbox.address(),
            Fingerprint::new(sandbox.fingerprint())
        )
    );
}

#[test]
fn what_a_flag_says_is_not_among_the_answers_to_change() {
    let sandbox = two_nodes();
    let env = TestEnv::new();
    env.write("ca.pem", sandbox.ca_pem());
    env.write("secret.txt", SECRET);
    let line = format!(
        "setup --skip-test-vm --host {} --ca-file ca.pem --user apex@pve --token-name glassdome-token --token-value-file secret.txt --node pve \
         --ubuntu-2204-template-id 9000",
        sandbox.address()
    );
    let mut terminal = Terminal::start(&env, 100, &line);
    terminal.to("Template for Ubuntu 20.04", "").to("Save this?", "c").wait_for("❯ Ubuntu 20.04  9001");
    terminal.wait_for("None, back to the review").press(DOWN).press("\r").to("Save this?", "n");
    let ended = terminal.end(130).says("nothing was written");
    assert_eq!(ended.text.matches("Ubuntu 22.04").count(), 1, "{}", ended.text);
    let line = format!("{line} --ubuntu-2004-template-id 9001");
    let mut terminal = Terminal::start(&env, 100, &line);
    terminal.wait_for("Save this? (y: yes, n: no)").answer("c").wait_for("✗ y: yes, n: no").answer("y");
    terminal.end(0);
}

#[test]
fn with_yes_nothing_is_asked_at_the_review() {
    let sandbox = two_nodes();
    let env = TestEnv::new();
    let terminal = to_the_review(&env, &sandbox, "--yes");
    terminal.end(0);
    assert!(env.read(".env").contains(SECRET));
}

#[test]
fn going_back_asks_the_earlier_question_and_then_goes_on() {
    let sandbox = two_nodes();
    let env = TestEnv::new();
    let mut terminal = Terminal::start(&env, 100, "setup --skip-test-vm");
    let address = sandbox.address().to_string();
    terminal.to("Proxmox VE host", &address).to("Do you trust this certificate?", &DOWN.repeat(4));
    terminal.to("Proxmox VE host", "").to("Do you trust this certificate?", "");
    terminal.to("User for the token", "nobody@pve").to("How do you want to get the token?", UP);
    terminal.wait_for("[nobody@pve]").answer("apex@pve").to("How do you want to get the token?", &DOWN.repeat(4));
    terminal.to("Token name", "").to("Paste the secret", SECRET).to("Node for new VMs", UP);
    terminal.wait_for("How do you want to get the token?").press(&DOWN.repeat(4)).press("\r");
    terminal.to("Token name", "").to("Paste the secret", SECRET).to("Node for new VMs", "");
    terminal.to("Template for Ubuntu 22.04", UP).to("Node for new VMs", DOWN);
    terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "").to("Save this?", "");
    terminal.end(0);
    let file = env.read(".env");
    assert!(file.contains("PROXMOX_NODE=pve2\n") && file.contains("PROXMOX_USER=apex@pve\n"), "{file}");
}

#[test]
fn a_token_that_was_made_and_is_not_used_is_revoked_or_named() {
    for revokes in [true, false] {
        make_one_and_use_another(revokes);
    }
}

fn make_one_and_use_another(revokes: bool) {
    let sandbox = two_nodes();
    let env = TestEnv::new();
    env.write("ca.pem", sandbox.ca_pem());
    let line = format!("setup --skip-test-vm --host {} --ca-file ca.pem", sandbox.address());
    let mut terminal = Terminal::start(&env, 100, &line);
    terminal.to("User for the token", "svc@pve").to("How do you want to get the token?", "").to("Token name", "tt");
    terminal.to("Log in as", "root@pam").to("Password for root@pam", "sandbox");
    terminal.to("Which privileges should the token have?", "").to("Make these changes now?", "");
    terminal.to("Node for new VMs", "").to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "");
    // Another answer keeps it.
    terminal
        .to("Save this?", "c")
        .to("Which answer do you want to change?", &DOWN.repeat(2))
        .to("Node for new VMs", DOWN);
    // The user and the token; server and certificate are given by flags.
    terminal.to("Save this?", "c").to("Which answer do you want to change?", "").to("User for the token", "apex@pve");
    terminal.wait_for("authentication failed for").to("What would you like to change?", &DOWN.repeat(3));
    terminal.to("How do you want to get the token?", &DOWN.repeat(4)).to("Token name", "glassdome-token");
    terminal.to("Paste the secret", SECRET).wait_for("svc@pve!tt was created in this run and is no longer used");
    if revokes {
        terminal.to("Revoke svc@pve!tt now?", "").to("Log in as", "").to("Password for root@pam", "sandbox");
        terminal.wait_for("svc@pve!tt revoked");
    } else {
        terminal.to("Revoke svc@pve!tt now?", "n").wait_for("pveum user token remove 'svc@pve' tt");
    }
    terminal.to("Save this?", "");
    terminal.end(0);
    assert!(env.read(".env").contains("PROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=glassdome-token\n"));
    let admin = Admin::of(&sandbox);
    if revokes {
        // The user was made for it as well, and so were the role and what was granted.
        for path in ["/access/users", "/access/acl", "/access/roles"] {
            let rest = admin.call("GET", path, "").to_string();
            assert!(!rest.contains("svc@pve") && !rest.contains("GlassdomeProvisioner"), "{path}: {rest}");
        }
        env.glassdome("doctor").expect(0).shows("nothing from earlier runs");
    } else {
        let tokens = admin.call("GET", "/access/users/svc@pve/token", "");
        assert!(tokens.to_string().contains("\"tt\""), "{tokens}");
    }
}

#[test]
fn a_pool_of_the_file_can_be_changed_or_left_out() {
    let sandbox = two_nodes();
    let admin = Admin::of(&sandbox);
    admin.call("POST", "/pools", "poolid=one");
    admin.call("POST", "/pools", "poolid=two");
    for (keys, line) in [(DOWN, Some("PROXMOX_POOL=two")), (UP, None)] {
        let env = TestEnv::new();
        env.point_at(&sandbox);
        env.write(".env", &format!("{}PROXMOX_POOL=one\n", env.read(".env")));
        let mut terminal = Terminal::start(&env, 100, "setup --skip-test-vm");
        terminal.to("Proxmox VE host", "").to("User for the token", "").to("Token name", "").to("Keep the secret", "");
        terminal.to("Node for new VMs", DOWN).to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "");
        terminal.to("Save this?", "c").wait_for("Pool          one").press(&UP.repeat(2)).press("\r");
        terminal.wait_for("❯ one").press(keys).press("\r").to("Save this?", "");
        terminal.to("Its group has rights in the file", "");
        terminal.end(0);
        assert_eq!(env.read(".env").lines().find(|it| it.contains("POOL")), line);
    }
}

#[test]
fn the_web_interface_is_opened_only_where_the_person_sits_and_wants_it() {
    let sandbox = two_nodes();
    for (variables, answer, opens) in [
        (&[("DISPLAY", ":0")][..], Some("y"), true),
        (&[("WAYLAND_DISPLAY", "wayland-0"), ("PROXMOX_X", "secret")], Some(""), true),
        (&[("DISPLAY", ":0")], Some("n"), false),
        (&[("DISPLAY", ":0"), ("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")], None, false),
        (&[("DISPLAY", ":0"), ("SSH_TTY", "/dev/pts/1")], None, false),
        (&[], None, false),
    ] {
        let mut env = TestEnv::new();
        env.write("ca.pem", sandbox.ca_pem());
        std::fs::create_dir(env.path("bin")).unwrap();
        let script = format!("#!/bin/sh\n{{ echo \"$@\"; env; }} >'{}'\n", env.path("opened").display());
        let opener = env.write("bin/xdg-open", &script);
        std::fs::set_permissions(opener, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", env.path("bin").display());
        env.set("PATH", &path);
        for (name, value) in variables {
            env.set(name, value);
        }
        let address = sandbox.address();
        let line = format!("setup --skip-test-vm --host {address} --ca-file ca.pem --user apex@pve --yes");
        let mut terminal = Terminal::start(&env, 100, &line);
        terminal.to("How do you want to get the token?", DOWN).to("Token name", "");
        if let Some(answer) = answer {
            terminal.to("Open it in your browser?", answer);
        }
        terminal.to("Paste the secret", SECRET).to("Node for new VMs", "");
        terminal.wait_for("? Template for Ubuntu 22.04").press("\x03");
        terminal.end(130);
        let opened = std::fs::read_to_string(env.path("opened")).unwrap_or_default();
        assert_eq!(opened.starts_with(&format!("https://{address}\n")), opens, "{variables:?} {opened}");
        assert!(!opened.contains("secret") && !opened.contains("PROXMOX"), "{opened}");
    }
}
