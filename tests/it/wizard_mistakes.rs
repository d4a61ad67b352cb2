//! Mistakes in the wizard that the next try corrects: it goes on, and no answer is lost.

use std::os::unix::fs::PermissionsExt;

use glassdome::sandbox::{Fault, Sandbox};

use crate::support::admin::Admin;
use crate::support::terminal::Terminal;
use crate::support::test_env::{TestEnv, quick};

const SECRET: &str = "00000000-1111-2222-3333-444444444444";
const DOWN: &str = "\x1b[B";

fn scene() -> (Sandbox, TestEnv) {
    let sandbox = Sandbox::start(quick()).unwrap();
    let env = TestEnv::new();
    env.write("ca.pem", sandbox.ca_pem());
    (sandbox, env)
}

fn start(sandbox: &Sandbox, env: &TestEnv, more: &str) -> Terminal {
    let line = format!("setup --skip-test-vm --ca-file ca.pem --host {} {more}", sandbox.address());
    Terminal::start(env, 80, &line)
}

/// Answers what is left to ask once the token works.
fn finish(mut terminal: Terminal) {
    terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "").to("Save this?", "");
    terminal.end(0);
}

/// Types a password when it is asked for the nth time.
fn type_password(terminal: &mut Terminal, nth: usize, password: &str) {
    let is_asked = |screen: &str| screen.matches(" Password for").count() == nth && screen.ends_with("(0 characters)");
    terminal.wait_until("a password is asked for", is_asked).answer(password);
}

#[test]
fn a_login_that_fails_three_times_leads_to_another_one() {
    for given in ["--login-user root@pam", ""] {
        let (sandbox, env) = scene();
        let mut terminal = start(&sandbox, &env, &format!("--user svc@pve --token-name tt --create-token {given}"));
        if given.is_empty() {
            terminal.to("Log in as", "root@pam");
        }
        for nth in 1..=3 {
            type_password(&mut terminal, nth, "wrong");
        }
        terminal.wait_for("cannot log in as root@pam").to("What next?", "");
        terminal.to("Log in as", "root@pam");
        type_password(&mut terminal, 4, "sandbox");
        terminal.to("Which privileges should the token have?", "").to("Make these changes now?", "");
        finish(terminal);
        assert!(env.read(".env").contains("PROXMOX_USER=svc@pve\nPROXMOX_TOKEN_NAME=tt\n"));
    }
}

#[test]
fn a_login_whose_password_came_from_a_file_or_without_rights_is_asked_for_again() {
    let (sandbox, mut env) = scene();
    Admin::of(&sandbox).call("POST", "/access/users", "userid=nothing@pve&password=nothing1");
    env.set("PROXMOX_LOGIN_PASSWORD", "nothing1");
    let line = "--user svc@pve --token-name tt --create-token --rights needed --login-user nothing@pve";
    let mut terminal = start(&sandbox, &env, line);
    terminal.to("What next?", "").to("? Log in as", "root@pam");
    type_password(&mut terminal, 1, "sandbox");
    terminal.to("Make these changes now?", "");
    finish(terminal);
    assert!(env.read(".env").contains("PROXMOX_USER=svc@pve\n"));
}

#[test]
fn an_ssh_that_fails_leads_to_another_address_or_another_way() {
    let (sandbox, mut env) = scene();
    std::fs::create_dir(env.path("bin")).unwrap();
    let ssh = env.write("bin/ssh", "#!/bin/sh\necho 'ssh: Connection refused' >&2\nexit 255\n");
    std::fs::set_permissions(ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", env.path("bin").display());
    env.set("PATH", &path);
    let mut terminal = start(&sandbox, &env, "--user apex@pve --token-name glassdome-token --over-ssh root@first");
    terminal.wait_for("root@first").to("What next?", "").to("SSH destination", "root@second");
    terminal.wait_for("ssh could not connect to root@second");
    terminal.wait_for("❯ Run it again").press(DOWN).press("\r");
    terminal.to("How do you want to get the token?", &DOWN.repeat(4)).to("Paste the secret", SECRET);
    finish(terminal);
    assert!(env.read(".env").contains(SECRET));
}

#[test]
fn a_pasted_secret_outlives_a_wrong_user() {
    let (sandbox, env) = scene();
    let mut terminal = start(&sandbox, &env, "");
    terminal.to("User for the token", "apex@pam").to("How do you want to get the token?", &DOWN.repeat(4));
    terminal.to("Token name", "").to("Paste the secret", SECRET);
    terminal.wait_for("authentication failed for").to("What would you like to change?", &DOWN.repeat(2));
    terminal.wait_for("[apex@pam]").answer("apex@pve");
    finish(terminal);
    let file = env.read(".env");
    assert!(file.contains("PROXMOX_USER=apex@pve\n") && file.contains(SECRET), "{file}");
}

#[test]
fn a_server_that_fails_for_a_while_is_asked_again() {
    let (sandbox, env) = scene();
    let mut terminal = start(&sandbox, &env, "--user apex@pve --token-name glassdome-token");
    terminal.to("How do you want to get the token?", &DOWN.repeat(4)).wait_for("Paste the secret");
    sandbox.add_fault(Fault::Gateway(503));
    terminal.answer(SECRET).wait_for("What would you like to change?").wait_for("❯ Nothing, try again");
    sandbox.clear_faults();
    terminal.press("\r");
    finish(terminal);
}

#[test]
fn a_whole_token_id_is_taken_for_the_name() {
    let (sandbox, env) = scene();
    let mut terminal = start(&sandbox, &env, "");
    terminal.to("User for the token", "apex@pve");
    terminal.wait_for("How do you want to get the token?").press(&DOWN.repeat(4)).press("\r");
    terminal.to("Token name", "other@pve!glassdome-token").wait_for("token of other@pve");
    terminal.answer("apex@pve!glassdome-token").to("Paste the secret", SECRET);
    finish(terminal);
    assert!(env.read(".env").contains("PROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=glassdome-token\n"));
}

#[test]
fn who_has_no_ca_file_comes_back_to_the_certificate() {
    let (sandbox, env) = scene();
    let line = format!("setup --skip-test-vm --host {} --user apex@pve", sandbox.address());
    let mut terminal = Terminal::start(&env, 80, &line);
    terminal.wait_for("Do you trust this certificate?").press(&DOWN.repeat(2)).press("\r");
    terminal.to("CA file", "missing.pem").wait_for("cannot read the CA file").answer("");
    let is_back = |screen: &str| screen.contains("CA file ·") && screen.contains("❯ Yes, and trust the cluster's CA");
    terminal.wait_until("the question is back", is_back).press("\r");
    terminal.wait_for("How do you want to get the token?").press(&DOWN.repeat(4)).press("\r");
    terminal.to("Token name", "").to("Paste the secret", SECRET);
    finish(terminal);
}

#[test]
fn a_wrong_secret_is_called_that_where_the_ca_of_a_new_certificate_is_fetched_first() {
    let (sandbox, mut env) = scene();
    env.set("PROXMOX_TOKEN_VALUE", "00000000-1111-2222-3333-444444444445");
    let line = format!(
        "setup --no-input --host {} --user apex@pve --accept-new-certificate --skip-test-vm",
        sandbox.address()
    );
    env.glassdome(&line).expect(6).says("error: authentication failed for apex@pve!glassdome-token");
}
