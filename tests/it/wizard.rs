//! `glassdome setup` at the keyboard: every question, wrong answers before right ones, every way out.

use glassdome::model::Fingerprint;
use glassdome::sandbox::{Flaw, Options, Sandbox};
use rustix::process::Signal;

use crate::support::lacks;
use crate::support::screen::lasting;
use crate::support::terminal::Terminal;
use crate::support::test_env::{TestEnv, mode, quick, signal};

const SECRET: &str = "00000000-1111-2222-3333-444444444444";

/// The keys that move in a menu.
const DOWN: &str = "\x1b[B";
/// The keys that choose a password in the menu of ways to a token.
const PASSWORD: &str = "\x1b[B\x1b[B\x1b[B\x1b[B\x1b[B";
const UP: &str = "\x1b[A";

/// The questions of a first run in their order, each with an answer that will do.
fn questions(sandbox: &Sandbox) -> Vec<(&'static str, String)> {
    vec![
        ("Proxmox VE host", sandbox.address().to_string()),
        ("Do you trust this certificate?", String::new()),
        ("User for the token", "apex".to_owned()),
        ("Realm of apex", String::new()),
        ("How do you want to get the token?", DOWN.to_owned()),
        ("Token name", String::new()),
        ("Paste the secret", SECRET.to_owned()),
        ("Template for Ubuntu 22.04", String::new()),
        ("Template for Ubuntu 20.04", String::new()),
        ("Save this?", String::new()),
        ("Verify with a test VM now", String::new()),
    ]
}

/// Answers questions in their order, up to one that is only waited for.
fn answer_until(terminal: &mut Terminal, questions: &[(&'static str, String)], last: &str) {
    for (question, answer) in questions {
        terminal.wait_for(&format!("? {question}"));
        if *question == last {
            return;
        }
        terminal.answer(answer);
    }
}

/// Runs the whole wizard once, without the proof, and gives what stands in the file then.
fn set_up(stage: &TestEnv, sandbox: &Sandbox) -> String {
    let mut terminal = Terminal::start(stage, 80, "setup --skip-test-vm");
    let questions = questions(sandbox);
    answer_until(&mut terminal, &questions[..10], "");
    terminal.end(0);
    stage.read(".env")
}

#[test]
fn a_person_is_led_from_the_first_question_to_the_test_vm() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let mut terminal = Terminal::start(&stage, 80, "setup");
    answer_until(&mut terminal, &questions(&sandbox), "");
    let ended = terminal.end(0);
    ended.says("Verified: apex@pve!glassdome-token can create VMs on pve (template 9000");
    assert_eq!(
        stage.read(".env"),
        format!(
            "# Proxmox Configuration\nPROXMOX_HOST={}\nPROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=glassdome-token\n\
             PROXMOX_TOKEN_VALUE={SECRET}\nPROXMOX_VERIFY_SSL=false\nPROXMOX_NODE=pve\nPROXMOX_CA_FILE=proxmox-ca.pem\n\n\
             # Template IDs\nUBUNTU_2204_TEMPLATE_ID=9000\nUBUNTU_2004_TEMPLATE_ID=9001\n",
            sandbox.address()
        )
    );
    assert_eq!(stage.read("proxmox-ca.pem"), sandbox.ca_pem());
    stage.glassdome("test-vm").expect(0);
}

#[test]
fn a_wrong_answer_is_asked_again_with_its_reason() {
    let (sandbox, other) = (Sandbox::start(quick()).unwrap(), Sandbox::start(quick()).unwrap());
    let stage = TestEnv::new();
    stage.write("other.pem", other.ca_pem());
    stage.write("right.pem", sandbox.ca_pem());
    let mut terminal = Terminal::start(&stage, 80, "setup");
    terminal.to("Proxmox VE host", "ftp://pve.lan").wait_for("uses https");
    terminal.answer("127.0.0.1:1").wait_for("error: cannot reach 127.0.0.1:1");
    terminal.to("Proxmox VE host", &sandbox.address().to_string());
    terminal
        .to("Do you trust this certificate?", &DOWN.repeat(2))
        .to("? CA file", "nowhere.pem")
        .wait_for("No such file");
    terminal.answer("other.pem").wait_for("this CA cannot be used").answer("right.pem");
    terminal.wait_for("Certificate verified with the cluster CA");
    terminal.to("User for the token", "apex@nowhere").wait_for("no realm `nowhere`; it has pam, pve");
    terminal.answer("a pex@pve").wait_for("without spaces").answer("apex@pve!tt").wait_for("this is a token ID");
    terminal.answer("apex@pve").to("How do you want to get", &DOWN.repeat(4));
    terminal.to("Token name", "1x").wait_for("at least two characters: a letter").answer("wrong-name");
    for (wrong, reason) in [
        ("abc123", "too short: 6 of 36"),
        ("apex@pve!glassdome-token", "this is the token ID, not the secret"),
        ("mysecretpassword", "this looks like a password"),
        ("00000000111122223333444444444444", "the hyphens are missing"),
        ("00000000-1111-2222-3333-44444444444g", "character 36 of 36"),
        ("", "the secret is empty"),
    ] {
        terminal.wait_until("it is asked", |screen| screen.ends_with("(0 characters)")).answer(wrong).wait_for(reason);
    }
    terminal.answer(SECRET).wait_for("authentication failed for apex@pve!wrong-name");
    terminal.to("What would you like to change?", DOWN).wait_for("[wrong-name]").answer("glassdome-token");
    terminal.to("Template for Ubuntu 22.04", "nothing like this").wait_for("(nothing matches)");
    terminal.press(&"\x7f".repeat(17)).wait_for("❯ 9000").press("\r");
    terminal
        .to("Template for Ubuntu 20.04", "")
        .to("Save this?", "maybe")
        .wait_for("✗ y: yes, n: no, c: change an answer");
    terminal.answer("y").to("Verify with a test VM now", "what").wait_for("y for yes, n for no");
    terminal.answer("no");
    terminal.end(0).says("confirm that VMs can be created");
    assert!(stage.read(".env").contains("PROXMOX_CA_FILE=right.pem\n"));
}

#[test]
fn leaving_at_any_prompt_gives_the_terminal_back_and_writes_nothing() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let questions = questions(&sandbox);
    for (prompt, _) in questions.iter().take(10) {
        let is_menu = ["How", "Do you trust", "Realm", "Template"].iter().any(|begin| prompt.starts_with(begin));
        let keys: &[&str] = match () {
            () if is_menu => &["\x03", "\x1b\x04\x03"],
            () if prompt.starts_with("Paste") => &["\x03", "\x04", "half a secret\x04"],
            () => &["half an answer\x03", "\x1b\x04\x03"],
        };
        for key in keys {
            let stage = TestEnv::new();
            let mut terminal = Terminal::start(&stage, 80, "setup");
            answer_until(&mut terminal, &questions, prompt);
            terminal.press(key);
            terminal.end(130);
            assert!(!stage.path(".env").exists() && !stage.path("proxmox-ca.pem").exists(), "{prompt}");
        }
    }
    assert!(sandbox.seen().iter().all(|seen| seen.method == "GET"), "nothing was changed");
}

#[test]
fn stty_says_that_the_terminal_is_as_it_was() {
    if lacks(&["stty"]) {
        return;
    }
    let stage = TestEnv::new();
    for (prompt, key) in [("Proxmox VE host", "\x03"), ("Proxmox VE host", "half an answer\x03")] {
        let run = "trap : INT; before=$(stty -g); \"$GLASSDOME\" setup; echo code $?; [ \"$before\" = \"$(stty -g)\" ] && echo same; read -r rest";
        let mut terminal = Terminal::shell(&stage, run);
        terminal.wait_for(prompt).press(key).wait_for("code 130").wait_for("same").answer("");
        terminal.end(0);
    }
}

#[test]
fn declining_to_write_writes_nothing() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let mut terminal = Terminal::start(&stage, 80, "setup");
    answer_until(&mut terminal, &questions(&sandbox), "Save this?");
    terminal.answer("n");
    terminal.end(130);
    assert!(!stage.path(".env").exists());
}

#[test]
fn enter_all_the_way_changes_nothing_and_one_answer_changes_one_line() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    set_up(&stage, &sandbox);
    let old = format!("# mine\nOTHER='x y'\n{}", stage.read(".env").replace("=false", "=No"));
    stage.write(".env", &old);
    let before = std::fs::metadata(stage.path(".env")).unwrap().modified().unwrap();
    let again = |name: &str| {
        let mut terminal = Terminal::start(&stage, 80, "setup --skip-test-vm");
        terminal.to("Proxmox VE host", "").to("User for the token", "").to("Token name", "");
        terminal.to("Keep the secret 0000", "").to("Template for Ubuntu 22.04", name);
        terminal.to("Template for Ubuntu 20.04", "");
        terminal
    };
    again("").end(0).says("is already up to date; it was not changed");
    assert_eq!(stage.read(".env"), old);
    assert_eq!(std::fs::metadata(stage.path(".env")).unwrap().modified().unwrap(), before);
    let mut terminal = again("9001");
    terminal.to("Save this?", "");
    terminal.end(0).says("-UBUNTU_2204_TEMPLATE_ID=9000 +UBUNTU_2204_TEMPLATE_ID=9001");
    assert_eq!(stage.read(".env"), old.replace("UBUNTU_2204_TEMPLATE_ID=9000", "UBUNTU_2204_TEMPLATE_ID=9001"));
}

#[test]
fn a_secret_that_no_longer_works_is_asked_for_again() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let good = set_up(&stage, &sandbox);
    stage.write(".env", &good.replace(SECRET, "12345678-abcd-ef12-3456-7890abcdef12"));
    let mut terminal = Terminal::start(&stage, 80, "setup --skip-test-vm");
    terminal.to("Proxmox VE host", "").to("User for the token", "").to("Token name", "");
    terminal
        .to("Keep the secret 1234", "")
        .wait_for("authentication failed for")
        .to("What would you like to change?", "");
    terminal.to("Paste the secret", SECRET).to("Template for Ubuntu 22.04", "");
    terminal.to("Template for Ubuntu 20.04", "").to("Save this?", "");
    terminal.end(0);
    assert_eq!(stage.read(".env"), good);
}

#[test]
fn a_token_of_another_user_brings_its_name_along_and_must_not_contradict_a_flag() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.write("ca.pem", sandbox.ca_pem());
    let line = format!("setup --skip-test-vm --host {} --ca-file ca.pem", sandbox.address());
    let mut terminal = Terminal::start(&stage, 80, &format!("{line} --user root@pam"));
    terminal.to("How do you want to get", &DOWN.repeat(4)).to("Token name", "some-name");
    terminal.to("Paste the secret", &format!("apex@pve!glassdome-token={SECRET}"));
    terminal.wait_for("a token of apex@pve, but --user says root@pam").press("\x03");
    terminal.end(130);
    let mut terminal = Terminal::start(&stage, 80, &line);
    terminal.to("User for the token", "root@pam").to("How do you want to get", &DOWN.repeat(4));
    terminal.to("Token name", "some-name");
    terminal.wait_for("Paste the secret").paste(&format!("apex@pve!glassdome-token={SECRET}\n")).press("\r");
    terminal.wait_for("apex@pve!glassdome-token, secret 0000••••").to("Template for Ubuntu 22.04", "");
    terminal.to("Template for Ubuntu 20.04", "").to("Save this?", "");
    terminal.end(0);
    assert!(stage.read(".env").contains("PROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=glassdome-token\n"));
}

#[test]
fn a_password_takes_the_place_of_the_token_and_back() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let with_token = set_up(&stage, &sandbox);
    let mut terminal = Terminal::start(&stage, 80, "setup --skip-test-vm");
    terminal.to("Proxmox VE host", "").to("User for the token", "").to("Token name", "");
    terminal.to("Keep the secret", "n").to("How do you want to get", PASSWORD).wait_for("A token is safer");
    terminal.to("Password of apex@pve", "").wait_for("the password is empty");
    terminal.answer("wrong").wait_for("authentication failed for apex@pve");
    terminal.to("What would you like to change?", "").wait_for("(0 characters)");
    terminal.answer("sandbox").to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "");
    terminal.to("Save this?", "");
    terminal.end(0);
    let file = stage.read(".env");
    assert!(file.contains("PROXMOX_PASSWORD=sandbox\n") && !file.contains("TOKEN"), "{file}");
    let mut terminal = Terminal::start(&stage, 80, "setup --skip-test-vm");
    terminal.to("Proxmox VE host", "").to("User for the token", "").to("Keep the password", "n");
    terminal.to("How do you want to get", &DOWN.repeat(4)).to("Token name", "").to("Paste the secret", SECRET);
    terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "").to("Save this?", "");
    terminal.end(0);
    let (mut lines, mut expected): (Vec<_>, Vec<_>) =
        (stage.read(".env").lines().map(str::to_owned).collect(), with_token.lines().map(str::to_owned).collect());
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
}

#[test]
fn a_certificate_that_changes_while_a_person_thinks_is_noticed() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let shown = |bytes: [u8; 32]| Fingerprint::new(bytes).to_string()[..47].to_owned();
    let mut terminal = Terminal::start(&stage, 80, "setup");
    terminal.to("Proxmox VE host", &sandbox.address().to_string()).wait_for("Do you trust this certificate?");
    terminal.wait_for(&shown(sandbox.fingerprint()));
    let new = sandbox.renew_certificate(Flaw::Foreign).unwrap();
    terminal.press(DOWN).press("\r").wait_for("is not the one that was pinned").wait_for(&shown(new));
    terminal.wait_for("❯ Quit").press("\r");
    terminal.end(5);
    // Later, at any question: the pin holds for the whole run.
    let mut terminal = Terminal::start(&stage, 80, "setup");
    terminal.to("Proxmox VE host", &sandbox.address().to_string()).to("Do you trust this certificate?", DOWN);
    let questions = questions(&sandbox);
    answer_until(&mut terminal, &questions[2..], "Paste the secret");
    sandbox.renew_certificate(Flaw::None).unwrap();
    terminal.answer(SECRET);
    terminal.end(5).says("has changed");
    assert!(!stage.path(".env").exists());
    let seen = sandbox.seen();
    assert!(!seen.iter().any(|seen| seen.path.contains("version")), "no secret was sent: {seen:?}");
}

#[test]
fn a_certificate_for_other_names_offers_them() {
    let sandbox = Sandbox::start(quick()).unwrap();
    sandbox.renew_certificate(Flaw::WrongName).unwrap();
    let stage = TestEnv::new();
    let mut terminal = Terminal::start(&stage, 80, "setup");
    terminal
        .to("Proxmox VE host", &sandbox.address().to_string())
        .to("Do you trust this certificate?", &DOWN.repeat(2));
    stage.write("ca.pem", sandbox.ca_pem());
    terminal.to("CA file", "ca.pem").wait_for("this CA cannot be used").press("\x03");
    terminal.end(130);
}

#[test]
fn what_git_and_the_group_may_read_is_asked() {
    if lacks(&["git"]) {
        return;
    }
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let git = std::process::Command::new("git").arg("-C").arg(stage.folder()).args(["init", "-q"]).status().unwrap();
    assert!(git.success());
    set_mode(&stage.write(".env", "OTHER=1\n"), 0o640);
    let mut terminal = Terminal::start(&stage, 80, "setup --skip-test-vm");
    answer_until(&mut terminal, &questions(&sandbox)[..10], "");
    terminal.to("Its group has rights in the file (mode 0640). Keep them?", "n").to("Add to .gitignore", "");
    terminal.end(0).says(".env is written, mode 0600");
    assert_eq!(mode(&stage.path(".env")), 0o600);
    assert_eq!(stage.read(".gitignore"), "/.env\n/.env.bak\n/proxmox-ca.pem\n");
}

fn set_mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_password_that_readers_disagree_on_is_written_only_with_consent() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let password = "${HOME} is where";
    let stage = TestEnv::new();
    stage.write("ca.pem", sandbox.ca_pem());
    let admin = crate::support::admin::Admin::of(&sandbox);
    let form = format!("userid=odd@pve&password={}", password.replace('$', "%24").replace(' ', "%20"));
    admin.call("POST", "/access/users", &form);
    admin.grant("/", "odd@pve", "Administrator");
    let line = format!("setup --skip-test-vm --host {} --ca-file ca.pem --user odd@pve", sandbox.address());
    for (consent, code) in [("", 3), ("y", 0)] {
        let mut terminal = Terminal::start(&stage, 80, &line);
        terminal.to("How do you want to get", PASSWORD).to("Password of odd@pve", password);
        terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "");
        terminal.wait_for("no spelling that every reader").to("Write it in a form", consent);
        if code == 0 {
            terminal.to("Save this?", "");
        } else {
            terminal.wait_for("What next?").press(UP).press("\r");
        }
        terminal.end(code);
        assert_eq!(stage.path(".env").exists(), code == 0);
    }
}

#[test]
fn five_hundred_templates_are_found_by_typing_whatever_they_are_called() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let long = "x".repeat(63);
    sandbox.edit(|cluster| {
        let node = cluster.local.clone();
        if let Some(storage) = cluster.storages.get_mut("local-lvm") {
            storage.total *= 100;
        }
        for number in 0..498 {
            cluster.add_template(10_000 + number, &format!("image-{number}"), &node, "local-lvm");
        }
        cluster.set_option(10_007, "name", &long);
        cluster.set_option(10_008, "name", "日本語のテンプレート日本語のテンプレート");
    });
    for columns in [80, 40] {
        let stage = TestEnv::new();
        let mut terminal = Terminal::start(&stage, columns, "setup --skip-test-vm");
        let questions = questions(&sandbox);
        answer_until(&mut terminal, &questions, "Template for Ubuntu 22.04");
        terminal.wait_for("or type to filter").press("日本語の").wait_for("(1 of 502)");
        terminal.wait_for("❯ 10008  日本語のテンプレート");
        terminal.press(&"\x7f".repeat(4)).press("xxx").wait_for("❯ 10007").press("\r");
        terminal.to("Template for Ubuntu 20.04", "image-497").to("Save this?", "");
        terminal.end(0);
        let file = stage.read(".env");
        assert!(file.contains("UBUNTU_2204_TEMPLATE_ID=10007\nUBUNTU_2004_TEMPLATE_ID=10497\n"), "{file}");
    }
}

#[test]
fn several_nodes_are_a_menu() {
    let sandbox = Sandbox::start(Options { nodes: 3, ..quick() }).unwrap();
    let stage = TestEnv::new();
    let mut terminal = Terminal::start(&stage, 80, "setup --skip-test-vm");
    let questions = questions(&sandbox);
    answer_until(&mut terminal, &questions[..7], "");
    terminal.wait_for("Node for new VMs").wait_for("16 CPUs").press(DOWN).press("\r");
    terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "");
    terminal.wait_for("cannot access").to("What next?", "");
    terminal.wait_for("Node for new VMs").press(UP).press("\r");
    terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "");
    terminal.to("Save this?", "");
    terminal.end(0);
    assert!(stage.read(".env").contains("PROXMOX_NODE=pve\n"));
}

#[test]
fn every_step_is_rehearsed_on_the_sandbox() {
    let stage = TestEnv::new();
    let mut terminal = Terminal::start(&stage, 80, "setup --sandbox");
    terminal.to("Proxmox VE host", "192.168.1.50").wait_for("the sandbox reaches only sandbox.invalid").answer("");
    for (question, answer) in REHEARSAL.iter().skip(1) {
        terminal.to(question, answer);
    }
    terminal.to("Verify with a test VM now", "");
    terminal.end(0).says("Server (sandbox)").says("Verified: apex@pve!glassdome-token");
    assert!(stage.read(".env.sandbox").contains("PROXMOX_HOST=sandbox.invalid\n"));
}

#[test]
fn every_screen_works_without_colour_unicode_or_control_sequences() {
    let sandbox = Sandbox::start(quick()).unwrap();
    for (columns, variables) in [
        (40, &[("NO_COLOR", "1")][..]),
        (40, &[("LANG", "C")]),
        (80, &[("TERM", "dumb")]),
        (20, &[("LANG", "C"), ("NO_COLOR", "1")]),
    ] {
        let mut stage = TestEnv::new();
        for (name, value) in variables {
            stage.set(name, value);
        }
        let mut terminal = Terminal::start(&stage, columns, "setup --skip-test-vm");
        let is_dumb = variables.contains(&("TERM", "dumb"));
        for (question, answer) in &questions(&sandbox)[..10] {
            // Without control sequences menus are numbered.
            terminal.to(question, if is_dumb && answer == DOWN { "2" } else { answer });
        }
        let ended = terminal.end(0);
        assert!(stage.path(".env").exists());
        let everything = ended.everything.as_str();
        let is_plain = variables.contains(&("TERM", "dumb"));
        assert_eq!(everything.matches("(36 characters)\r\n").count(), 1, "{variables:?}\n{everything:?}");
        assert_eq!(everything.contains('\u{1b}'), !is_plain, "{variables:?}\n{everything:?}");
        assert!(!everything.contains("\u{1b}[1m") || variables == [("LANG", "C")], "{variables:?}\n{everything:?}");
        let speaks_ascii = variables.contains(&("LANG", "C"));
        assert!(!speaks_ascii || everything.is_ascii(), "{variables:?}\n{everything:?}");
        assert!(!everything.contains(&SECRET[4..]), "{variables:?}\n{everything:?}");
    }
}

#[test]
fn signals_end_the_wizard_at_a_menu_with_their_code() {
    let sandbox = Sandbox::start(quick()).unwrap();
    for (sent, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let stage = TestEnv::new();
        let mut terminal = Terminal::start(&stage, 80, "setup");
        answer_until(&mut terminal, &questions(&sandbox), "How do you want to get the token?");
        signal(terminal.child(), sent);
        terminal.end(code);
        assert!(!stage.path(".env").exists());
    }
}

#[test]
fn a_file_that_says_nonsense_is_corrected_at_the_keyboard() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let good = set_up(&stage, &sandbox);
    let bad = good.replace("apex@pve", "apex").replace(SECRET, "abc").replace("PROXMOX_NODE=pve", "PROXMOX_NODE=p v e");
    stage.write(".env", &bad);
    std::fs::remove_file(stage.path("proxmox-ca.pem")).unwrap();
    stage.glassdome("setup --no-input").expect(3);
    let mut terminal = Terminal::start(&stage, 80, "setup --skip-test-vm");
    terminal
        .wait_for("e.g. `apex@pve`; please enter it again")
        .wait_for("too short: 3 of 36 characters; please enter it again");
    terminal.to("Proxmox VE host", "").wait_for("cannot read the CA file");
    terminal.to("Do you trust this certificate?", "").to("User for the token", "apex@pve");
    terminal.to("How do you want to get", DOWN).to("Token name", "").to("Paste the secret", SECRET);
    terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "").to("Save this?", "");
    terminal.end(0);
    assert_eq!(stage.read(".env"), good);
    assert_eq!(stage.read("proxmox-ca.pem"), sandbox.ca_pem());
}

#[test]
fn a_file_of_the_older_scripts_is_led_to_a_verified_certificate() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let good = set_up(&stage, &sandbox);
    let old = good.replace("PROXMOX_CA_FILE=proxmox-ca.pem\n", "");
    for (leaves, expected) in [("", &old), ("n", &good)] {
        stage.write(".env", &old);
        let mut terminal = Terminal::start(&stage, 80, "setup --skip-test-vm");
        terminal.to("Proxmox VE host", "").wait_for("Keep it disabled?").answer(leaves);
        if leaves == "n" {
            terminal.to("Do you trust this certificate?", "");
        }
        terminal.to("User for the token", "").to("Token name", "").to("Keep the secret", "");
        terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "");
        if leaves == "n" {
            terminal.to("Save this?", "");
        }
        terminal.end(0);
        assert_eq!(stage.read(".env"), *expected);
    }
}

/// The questions of a rehearsal, with what is typed.
const REHEARSAL: [(&str, &str); 9] = [
    ("Proxmox VE host", ""),
    ("Do you trust this certificate?", ""),
    ("User for the token", ""),
    ("How do you want to get", "\x1b[B\x1b[B\x1b[B\x1b[B"),
    ("Token name", ""),
    ("Paste the secret", SECRET),
    ("Template for Ubuntu 22.04", ""),
    ("Template for Ubuntu 20.04", ""),
    ("Save this?", ""),
];

/// Runs the rehearsal with an existing token, and gives the whole screen, the folder taken out.
fn rehearsal(columns: u16) -> String {
    let stage = TestEnv::new();
    let mut terminal = Terminal::start(&stage, columns, "setup --sandbox --skip-test-vm");
    for (question, answer) in REHEARSAL {
        terminal.to(question, answer);
    }
    lasting(&stage, &terminal.end(0).text)
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is the whole screen")]
fn the_whole_rehearsal_fits_a_wide_terminal() {
    insta::assert_snapshot!(rehearsal(80), @"
    glassdome sets up an API token for Proxmox VE and writes .env.sandbox. Nothing
    is saved before you have seen and confirmed it.

    The server is a simulated one. Logins and tokens to try, which open nothing
    else:
      root@pam     password sandbox
      apex@pve     password sandbox
      totp@pve     password sandbox, one-time codes: oathtool --totp -b
                   JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP
      nobody@pve   password sandbox
      apex@pve!glassdome-token=00000000-1111-2222-3333-444444444444
      apex@pve!powerless=00000000-1111-2222-3333-555555555555

    Server (sandbox)
    ✔ Proxmox VE host · sandbox.invalid

    Certificate (sandbox)
       The certificate of sandbox.invalid is issued by the cluster's own CA, which
       this system does not trust. That is the default of Proxmox VE.
         subject      OU=PVE Cluster Node, O=Proxmox Virtual Environment,
                      CN=pve.sandbox.invalid
         issuer       CN=Proxmox Virtual Environment,
                      OU=6c1c2a3e-0000-4000-8000-5a11dba55000, O=PVE Cluster Manager
                      CA
         names        127.0.0.1, ::1, localhost, pve, pve.sandbox.invalid,
                      sandbox.invalid
         valid        2026-01-01 to 2026-01-01
         fingerprint  AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:
                      AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB
       Compare the fingerprint before you trust it: in the web interface, node >
       System > Certificates; in a shell on the server, `pvenode cert info`, the
       entry pve-ssl.pem.
    ✔ Trust · cluster CA
    ✔ sandbox.invalid is Proxmox VE (realms: pam, pve)
    ✔ Certificate trusted (pinned for now; the cluster CA will replace it)

    API token (sandbox)
    ✔ User for the token · apex@pve
    ✔ Token · an existing one
    ✔ Token name · glassdome-token
       The secret is sent to sandbox.invalid only, and saved in
       /home/me/xxxxxxxxxxx/.env.sandbox once everything is checked
    ✔ Token · apex@pve!glassdome-token, secret a1b2••••
    ✔ Cluster CA fetched; it replaces the pinned certificate
    ✔ Authenticated as apex@pve!glassdome-token on Proxmox VE 9.2.11

    Node and templates (sandbox)
    ✔ Node · pve (the only one)
    ✔ Template for Ubuntu 22.04 · 9000 ubuntu-2204-cloudinit-template
    ✔ Template for Ubuntu 20.04 · 9001 ubuntu-2004-cloudinit-template
    ✔ All required privileges present for cloning template 9000 on pve

    Review (sandbox)
       new file /home/me/xxxxxxxxxxx/.env.sandbox
       +# Proxmox Configuration
       +PROXMOX_HOST=sandbox.invalid
       +PROXMOX_USER=apex@pve
       +PROXMOX_TOKEN_NAME=glassdome-token
       +PROXMOX_TOKEN_VALUE=a1b2••••
       +PROXMOX_VERIFY_SSL=false
       +PROXMOX_NODE=pve
       +
       +# Template IDs
       +UBUNTU_2204_TEMPLATE_ID=9000
       +UBUNTU_2004_TEMPLATE_ID=9001
       the secret is stored in plain text; only you may read the file (mode 0600)
    ✔ Save this? · yes
    ✔ /home/me/xxxxxxxxxxx/.env.sandbox is written, mode 0600

    Quick reference
      user      apex@pve
      token     glassdome-token
      token ID  apex@pve!glassdome-token
      secret    in /home/me/xxxxxxxxxxx/.env.sandbox

    Next
      test VM skipped; to confirm that VMs can be created:
        glassdome test-vm --sandbox
      if something stops working:
        glassdome doctor --sandbox
    ");
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is the whole screen")]
fn the_whole_rehearsal_fits_a_narrow_terminal() {
    insta::assert_snapshot!(rehearsal(40), @"
    glassdome sets up an API token for
    Proxmox VE and writes .env.sandbox.
    Nothing is saved before you have seen
    and confirmed it.

    The server is a simulated one. Logins
    and tokens to try, which open nothing
    else:
      root@pam     password sandbox
      apex@pve     password sandbox
      totp@pve     password sandbox,
                   one-time codes: oathtool
                   --totp -b
                   JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP
      nobody@pve   password sandbox
      apex@pve!glassdome-token=00000000-1111-2222-3333-444444444444
      apex@pve!powerless=00000000-1111-2222-3333-555555555555

    Server (sandbox)
    ✔ Proxmox VE host · sandbox.invalid

    Certificate (sandbox)
       The certificate of sandbox.invalid is
       issued by the cluster's own CA, which
       this system does not trust. That is
       the default of Proxmox VE.
         subject      OU=PVE Cluster Node,
                      O=Proxmox Virtual
                      Environment,
                      CN=pve.sandbox.invalid
         issuer       CN=Proxmox Virtual
                      Environment,
                      OU=6c1c2a3e-0000-4000-8000-5a11dba55000,
                      O=PVE Cluster Manager
                      CA
         names        127.0.0.1, ::1,
                      localhost, pve,
                      pve.sandbox.invalid,
                      sandbox.invalid
         valid        2026-01-01 to
                      2026-01-01
         fingerprint
           AB:AB:AB:AB:AB:AB:AB:AB:
           AB:AB:AB:AB:AB:AB:AB:AB:
           AB:AB:AB:AB:AB:AB:AB:AB:
           AB:AB:AB:AB:AB:AB:AB:AB
       Compare the fingerprint before you
       trust it: in the web interface, node
       > System > Certificates; in a shell
       on the server, `pvenode cert info`,
       the entry pve-ssl.pem.
    ✔ Trust · cluster CA
    ✔ sandbox.invalid is Proxmox VE (realms:
      pam, pve)
    ✔ Certificate trusted (pinned for now;
      the cluster CA will replace it)

    API token (sandbox)
    ✔ User for the token · apex@pve
    ✔ Token · an existing one
    ✔ Token name · glassdome-token
       The secret is sent to sandbox.invalid
       only, and saved in
       /home/me/xxxxxxxxxxx/.env.sandbox
       once everything is checked
    ✔ Token · apex@pve!glassdome-token,
      secret a1b2••••
    ✔ Cluster CA fetched; it replaces the
      pinned certificate
    ✔ Authenticated as
      apex@pve!glassdome-token on Proxmox VE
      9.2.11

    Node and templates (sandbox)
    ✔ Node · pve (the only one)
    ✔ Template for Ubuntu 22.04 · 9000
      ubuntu-2204-cloudinit-template
    ✔ Template for Ubuntu 20.04 · 9001
      ubuntu-2004-cloudinit-template
    ✔ All required privileges present for
      cloning template 9000 on pve

    Review (sandbox)
       new file
       /home/me/xxxxxxxxxxx/.env.sandbox
       +# Proxmox Configuration
       +PROXMOX_HOST=sandbox.invalid
       +PROXMOX_USER=apex@pve
       +PROXMOX_TOKEN_NAME=glassdome-token
       +PROXMOX_TOKEN_VALUE=a1b2••••
       +PROXMOX_VERIFY_SSL=false
       +PROXMOX_NODE=pve
       +
       +# Template IDs
       +UBUNTU_2204_TEMPLATE_ID=9000
       +UBUNTU_2004_TEMPLATE_ID=9001
       the secret is stored in plain text;
       only you may read the file (mode
       0600)
    ✔ Save this? · yes
    ✔ /home/me/xxxxxxxxxxx/.env.sandbox is
      written, mode 0600

    Quick reference
      user      apex@pve
      token     glassdome-token
      token ID  apex@pve!glassdome-token
      secret    in
                /home/me/xxxxxxxxxxx/.env.sandbox

    Next
      test VM skipped; to confirm that VMs
      can be created:
        glassdome test-vm --sandbox
      if something stops working:
        glassdome doctor --sandbox
    ");
}
