//! The answers of the wizard on the screen: how long ones are typed, what becomes of their marks, and which of them hold.

use glassdome::sandbox::Sandbox;

use crate::support::admin::Admin;
use crate::support::terminal::Terminal;
use crate::support::test_env::{TestEnv, quick};

const SECRET: &str = "00000000-1111-2222-3333-444444444444";
/// The flags that name the token of the sandbox.
const TOKEN: &str = "--user apex@pve --token-name glassdome-token --token-value-file secret.txt";

const DOWN: &str = "\x1b[B";
const UP: &str = "\x1b[A";

/// A sandbox, and a folder that holds its CA.
fn scene() -> (Sandbox, TestEnv) {
    let sandbox = Sandbox::start(quick()).unwrap();
    let env = TestEnv::new();
    env.write("ca.pem", sandbox.ca_pem());
    env.write("secret.txt", SECRET);
    (sandbox, env)
}

/// The command line of a run in which all but the templates is given.
fn with_token(sandbox: &Sandbox) -> String {
    format!("setup --host {} --ca-file ca.pem {TOKEN}", sandbox.address())
}

#[test]
fn an_answer_that_is_wider_than_its_line_leaves_nothing_behind() {
    let (sandbox, _) = scene();
    for (columns, variables) in [(40, [("LANG", "C.UTF-8")]), (80, [("LANG", "C.UTF-8")]), (40, [("LC_ALL", "C")])] {
        let mut env = TestEnv::new();
        for (name, value) in variables {
            env.set(name, value);
        }
        env.write("ca.pem", sandbox.ca_pem());
        let mut terminal = Terminal::start(&env, columns, "setup --ca-file ca.pem --user apex@pve");
        let begin = terminal.wait_for("? Proxmox VE host").text();
        let above = begin.split("? Proxmox VE host").next().unwrap().to_owned();
        let long = format!("{} {}", "x".repeat(150), "日本".repeat(30));
        terminal.press(&long).wait_until("its end is shown", |screen| screen.trim_end().ends_with("日本"));
        let is_one_row = terminal.text().lines().count() <= begin.lines().count();
        assert!(is_one_row, "{}", terminal.text());
        terminal.press("\r").wait_until("it is refused", |screen| screen.contains(['✗']) || screen.contains("\nx "));
        let refused = terminal.text();
        assert!(refused.starts_with(&above) && !refused.contains("日本日本日本日本日本日本日本日本日本"), "{refused}");
        // What is removed key by key is removed on the screen as well.
        terminal.press(&format!("{}{}", "y".repeat(100), "\x7f".repeat(100)));
        let address = sandbox.address().to_string();
        terminal.press(&address).wait_until("it is typed", |screen| screen.trim_end().ends_with(&address));
        assert!(!terminal.text().contains('y') || !terminal.text().contains("yy"), "{}", terminal.text());
        terminal.press("\r").wait_for("How do you want to get the token?");
        let answered = terminal.text();
        assert!(answered.starts_with(&above) && !answered.contains("xx"), "{answered}");
        terminal.press("\x03");
        terminal.end(130);
    }
}

#[test]
fn a_default_that_is_wider_than_its_line_leaves_nothing_behind() {
    let env = TestEnv::new();
    env.write(".env", &format!("PROXMOX_HOST={}.invalid\n", ["a-long-name"; 9].join(".")));
    let mut terminal = Terminal::start(&env, 40, "setup");
    terminal.wait_for("? Proxmox VE host").answer("127.0.0.1:1").wait_for("cannot reach 127.0.0.1:1");
    assert!(!terminal.text().contains("a-long-name"), "{}", terminal.text());
    terminal.press("\x03");
    terminal.end(130);
}

#[test]
fn an_answer_whose_check_fails_loses_its_check_mark() {
    let (sandbox, _) = scene();
    for (variables, good, bad) in [([("LANG", "C.UTF-8")], "✔", "✗"), ([("LC_ALL", "C")], "ok", "x")] {
        let mut stage = TestEnv::new();
        for (name, value) in variables {
            stage.set(name, value);
        }
        stage.write("ca.pem", sandbox.ca_pem());
        let dot = if good == "ok" { "-" } else { "·" };
        let mut terminal = Terminal::start(&stage, 80, "setup --ca-file ca.pem --user apex@pve");
        terminal.to("Proxmox VE host", "127.0.0.1:1").wait_for("cannot reach 127.0.0.1:1");
        let begins = |mark: &str, text: &str| format!("\n{mark} {text}");
        let screen = terminal.wait_for("? Proxmox VE host").text();
        assert!(screen.contains(&begins(bad, &format!("Proxmox VE host {dot} 127.0.0.1:1"))), "{screen}");
        assert!(!screen.contains(&begins(good, "Proxmox VE host")), "{screen}");
        terminal.answer(&sandbox.address().to_string());
        terminal.to("How do you want to get the token?", &DOWN.repeat(4)).to("Token name", "wrong-name");
        terminal.to("Paste the secret", SECRET).to("What would you like to change?", &DOWN.repeat(2));
        let screen = terminal.wait_for("How do you want to get the token?").text();
        assert!(screen.contains(&begins(bad, &format!("Token {dot} apex@pve!wrong-name, secret 0000"))), "{screen}");
        assert!(screen.contains(&begins(good, &format!("Token name {dot} wrong-name"))), "{screen}");
        terminal.press(&DOWN.repeat(5)).press("\r").to("Password of apex@pve", "wrong");
        let screen = terminal.wait_for("What would you like to change?").text();
        assert!(screen.contains(&begins(bad, &format!("Password of apex@pve {dot} "))), "{screen}");
        terminal.press("\x03");
        terminal.end(130);
    }
}

#[test]
fn an_answer_with_other_answers_below_it_is_marked_in_its_place() {
    let (sandbox, env) = scene();
    Admin::of(&sandbox).call("PUT", "/nodes/pve/qemu/9000/config", "lock=backup");
    let mut terminal = Terminal::start(&env, 80, &with_token(&sandbox));
    terminal.to("Template for Ubuntu 22.04", "9000").to("Template for Ubuntu 20.04", "9001");
    let screen = terminal.wait_for("? What next?").text();
    assert!(screen.contains("\n✗ Template for Ubuntu 22.04 · 9000"), "{screen}");
    assert!(screen.contains("\n✔ Template for Ubuntu 20.04 · 9001"), "{screen}");
    assert_eq!(screen.matches("Template for Ubuntu 20.04").count(), 1, "{screen}");
    terminal.press("\x03");
    terminal.end(130);
}

#[test]
fn no_answer_is_shown_as_none() {
    let (sandbox, env) = scene();
    let mut terminal = Terminal::start(&env, 80, &format!("setup --host {}", sandbox.address()));
    terminal.to("Do you trust this certificate?", &DOWN.repeat(2)).to("CA file", "");
    let screen = terminal.wait_for("? Do you trust this certificate?").text();
    assert!(screen.contains("\n✔ CA file · (none)\n"), "{screen}");
    terminal.press("\x03");
    terminal.end(130);
}

#[test]
fn a_template_that_was_declined_is_not_cloned() {
    let (sandbox, env) = scene();
    let mut terminal = Terminal::start(&env, 80, &with_token(&sandbox));
    terminal.to("Template for Ubuntu 22.04", "None").to("Template for Ubuntu 20.04", "9001");
    terminal.wait_for("for cloning template 9001").to("Save this?", "");
    terminal.wait_for("clones template 9001").to("Verify with a test VM now?", "");
    terminal.end(0).says("(template 9001");
    let file = env.read(".env");
    assert!(!file.contains("UBUNTU_2204") && file.contains("UBUNTU_2004_TEMPLATE_ID=9001"), "{file}");
    // What comes later takes the same one.
    env.glassdome("test-vm").expect(0).shows("template 9001");
    env.glassdome("test-vm --dry-run").expect(0).shows("/qemu/9001/clone");
    env.glassdome("doctor -v").expect(0).shows("9001");
    let clones = sandbox.seen().into_iter().filter(|seen| seen.path.contains("/9000/clone")).count();
    assert_eq!(clones, 0, "the declined template was cloned");
}

#[test]
fn without_any_template_nothing_is_cloned() {
    let (sandbox, env) = scene();
    let mut terminal = Terminal::start(&env, 80, &with_token(&sandbox));
    terminal.to("Template for Ubuntu 22.04", "None").to("Template for Ubuntu 20.04", "None");
    terminal.wait_for("no template chosen").to("Save this?", "");
    let ended = terminal.end(0).says("glassdome test-vm --template VMID");
    assert!(!ended.text.contains("Verify with a test VM"), "{}", ended.text);
    assert!(!env.read(".env").contains("TEMPLATE"), "{}", env.read(".env"));
    assert!(!sandbox.seen().iter().any(|seen| seen.path.contains("clone") && seen.method == "POST"));
}

#[test]
fn a_token_that_was_just_made_can_be_kept_at_the_review() {
    let (sandbox, env) = scene();
    let line = format!("setup --skip-test-vm --host {} --ca-file ca.pem --user svc@pve", sandbox.address());
    let mut terminal = Terminal::start(&env, 80, &line);
    terminal.to("How do you want to get the token?", "").to("Token name", "tt");
    terminal.to("Log in as", "root@pam").to("Password for root@pam", "sandbox");
    terminal.to("Which privileges should the token have?", "").to("Make these changes now?", "");
    terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "");
    terminal.to("Save this?", "c").wait_for("✔ Save this? · change an answer");
    terminal.to("Which answer do you want to change?", "").wait_for("❯ Keep svc@pve!tt, secret");
    terminal.press("\r").to("Save this?", "");
    terminal.end(0);
    assert!(env.read(".env").contains("PROXMOX_TOKEN_NAME=tt\n"), "{}", env.read(".env"));
    env.glassdome("doctor").expect(0);
}

#[test]
fn a_token_that_is_not_saved_can_be_revoked_at_once() {
    for (answer, is_left) in [("", false), ("n", true)] {
        let (sandbox, env) = scene();
        let line = format!("setup --skip-test-vm --host {} --ca-file ca.pem --user svc@pve", sandbox.address());
        let mut terminal = Terminal::start(&env, 80, &line);
        terminal.to("How do you want to get the token?", "").to("Token name", "tt");
        terminal.to("Log in as", "root@pam").to("Password for root@pam", "sandbox");
        terminal.to("Which privileges should the token have?", "").to("Make these changes now?", "");
        terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "").to("Save this?", "n");
        terminal.to("Revoke svc@pve!tt now?", answer);
        if is_left {
            terminal.end(130).says("pveum user token remove 'svc@pve' tt");
        } else {
            terminal.to("Log in as", "").to("Password for root@pam", "sandbox");
            terminal.end(130).says("svc@pve!tt revoked").says("nothing was written");
        }
        let users = Admin::of(&sandbox).call("GET", "/access/users", "").to_string();
        assert_eq!(users.contains("svc@pve"), is_left, "{users}");
        assert!(!env.path(".env").exists());
    }
}

#[test]
fn the_answer_about_the_certificate_can_be_kept() {
    let (sandbox, env) = scene();
    let line = format!(
        "setup --skip-test-vm --host {} {TOKEN} \
         --ubuntu-2204-template-id 9000 --ubuntu-2004-template-id 9001",
        sandbox.address()
    );
    for (choice, keys, up) in [("cluster CA", "", 2), ("this certificate only", DOWN, 3)] {
        let mut terminal = Terminal::start(&env, 80, &line);
        terminal.to("Do you trust this certificate?", keys).to("Save this?", "c");
        terminal.to("Which answer do you want to change?", "");
        terminal.wait_for(&format!("Go back, and keep the answer: {choice}")).press(&UP.repeat(up));
        terminal.wait_for("❯ Go back").press("\r").to("Save this?", "n");
        let ended = terminal.end(130);
        let reviews: Vec<&str> = ended.text.split("\nReview").skip(1).collect();
        let lines =
            |review: &str| review.lines().filter(|line| line.starts_with("   +")).collect::<Vec<_>>().join("\n");
        assert_eq!(lines(reviews[0]), lines(reviews[1]), "{choice}");
    }
}

#[test]
fn a_numbered_list_hangs_under_its_own_words() {
    let (sandbox, _) = scene();
    let mut env = TestEnv::new();
    env.set("TERM", "dumb");
    let mut terminal = Terminal::start(&env, 50, &format!("setup --host {}", sandbox.address()));
    let screen = terminal.wait_for("Number, 1 to").text();
    assert!(screen.contains("\n  3. I have the CA in a file\n"), "{screen}");
    assert!(
        screen.contains("\n  4. Do not verify: anyone on the network path can\n     read the secret\n"),
        "{screen}"
    );
    terminal.answer("99").wait_for("a number from 1 to").press("\x03");
    terminal.end(130);
}
