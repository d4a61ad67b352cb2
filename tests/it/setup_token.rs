//! `setup --create-token`: from a bare server to a proven token in one go, by flags and at the keyboard.

use glassdome::sandbox::auth::one_time_code;
use glassdome::sandbox::{Flaw, Options, Sandbox};

use crate::support::admin::Admin;
use crate::support::terminal::Terminal;
use crate::support::test_env::{TestEnv, quick};

#[test]
fn a_bare_server_and_a_log_in_lead_to_a_verified_token_under_the_clusters_ca() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let mut stage = TestEnv::new();
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    let line = format!(
        "setup --no-input -o json --host {} --user svc@pve --create-token --login-user root@pam --accept-new-certificate",
        sandbox.address()
    );
    stage.glassdome(&format!("{line} --dry-run")).expect(0).says("pveum user add 'svc@pve'");
    assert!(!stage.path(".env").exists() && !stage.path("proxmox-ca.pem").exists());
    assert!(sandbox.edit(|cluster| !cluster.access.users.contains_key("svc@pve")));
    let document = stage.glassdome(&line).expect(0).json();
    assert_eq!(document["token"], serde_json::json!({ "id": "svc@pve!glassdome-token", "created": true }));
    assert_eq!((&document["trust"], &document["proof"]["ok"]), (&"ca".into(), &true.into()));
    sandbox.renew_certificate(Flaw::None).unwrap();
    stage.glassdome("test-vm").expect(0);
    // Once more: the token exists.
    stage.glassdome(&line).expect(3).says("--regenerate");
    let again = stage.glassdome("setup --no-input -o json --skip-test-vm").expect(0).json();
    assert_eq!(again["token"]["created"], false);
    stage.glassdome("setup --no-input --rights user").expect(2).says("--create-token");
}

#[test]
fn the_sandbox_rehearses_it_without_any_answer() {
    let stage = TestEnv::new();
    let line = "setup --sandbox --no-input --create-token";
    stage.glassdome(&format!("{line} --token-name glassdome-token")).expect(3).says("already exists");
    // The name that is taken was not chosen by the user: the next one is.
    stage.glassdome(line).expect(0);
    assert!(stage.read(".env.sandbox").contains("PROXMOX_TOKEN_NAME=glassdome-token-2\n"));
    let line = format!("{line} --user svc@pve --token-name rehearsed");
    stage.glassdome(&line).expect(0);
    assert!(stage.read(".env.sandbox").contains("PROXMOX_TOKEN_NAME=rehearsed\n"));
}

#[test]
fn the_next_sandbox_knows_the_token_that_one_made() {
    let stage = TestEnv::new();
    let all = |stage: &TestEnv| {
        for line in ["test-vm", "setup --no-input --skip-test-vm", "doctor", "template list"] {
            stage.glassdome(&format!("{line} --sandbox")).expect(0);
        }
    };
    stage.glassdome("setup --sandbox --no-input --create-token --user svc@pve --skip-test-vm").expect(0);
    all(&stage);
    let made = stage.read(".env.sandbox");
    for line in ["rotate", "rotate --in-place", "create --token-name other"] {
        stage.glassdome(&format!("token {line} --sandbox --no-input --yes")).expect(0);
        assert_ne!(stage.read(".env.sandbox"), made);
        all(&stage);
    }
    // The one that may nothing goes on to do so.
    stage.write("powerless.txt", "00000000-1111-2222-3333-555555555555");
    let line = "doctor --sandbox --user apex@pve --token-name powerless --token-value-file powerless.txt";
    stage.glassdome(line).expect(7);
}

#[test]
fn at_the_keyboard_a_name_that_is_taken_is_no_end() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let mut stage = TestEnv::new();
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    stage.write("ca.pem", sandbox.ca_pem());
    let line = format!(
        "setup --skip-test-vm --ca-file ca.pem --host {} --user apex@pve --create-token --login-user root@pam",
        sandbox.address()
    );
    for (answer, name) in [("", "glassdome-token-2"), ("\x1b[B", "glassdome-token")] {
        let mut terminal = Terminal::start(&stage, 100, &line);
        terminal.to("Token name", "glassdome-token").to("Which privileges should the token have?", "");
        terminal.wait_for("apex@pve!glassdome-token already exists").to("What next?", answer);
        if answer.is_empty() {
            terminal.to("Token name [glassdome-token-2]", "");
        }
        terminal.wait_for("Make these changes now?").answer("");
        terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "").to("Save this?", "");
        terminal.end(0);
        assert!(stage.read(".env").contains(&format!("PROXMOX_TOKEN_NAME={name}\n")));
        stage.glassdome("test-vm").expect(0);
    }
    assert!(stage.path(".env.bak").exists());
}

#[test]
fn a_token_that_cannot_be_saved_is_not_made() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let mut stage = TestEnv::new();
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    stage.write("ca.pem", sandbox.ca_pem());
    std::os::unix::fs::symlink("/proc/self", stage.path("gone")).unwrap();
    stage.write("settings.env", "X=1\n");
    std::fs::create_dir(stage.path("settings.env.bak")).unwrap();
    for (file, words) in
        [("gone/.env", "/proc/"), ("settings.env", "settings.env.bak is a folder"), ("no/.env", "no/.env")]
    {
        let line = format!(
            "setup --no-input --env-file {file} --ca-file ca.pem --host {} --user svc@pve --create-token --login-user root@pam",
            sandbox.address()
        );
        let outcome = stage.glassdome(&line).expect(3).says(words);
        assert!(!outcome.stderr.contains("still on the server"), "{outcome:?}");
        assert!(sandbox.edit(|cluster| !cluster.access.users.contains_key("svc@pve")), "{file}");
    }
}

#[test]
fn at_the_keyboard_password_and_code_may_be_wrong_first() {
    let sandbox = Sandbox::start(quick()).unwrap();
    Admin::of(&sandbox).grant("/", "totp@pve", "Administrator");
    let stage = TestEnv::new();
    stage.write("ca.pem", sandbox.ca_pem());
    let line = format!(
        "setup --skip-test-vm --ca-file ca.pem --host {} --user svc@pve --token-name tt --create-token",
        sandbox.address()
    );
    let mut terminal = Terminal::start(&stage, 100, &line);
    terminal.to("Log in as", "totp@pve");
    terminal
        .wait_for("(0 characters)")
        .answer("wrong")
        .wait_for("refused the login of totp@pve: wrong password")
        .wait_for("(0 characters)");
    terminal.answer("sandbox").wait_for("One-time code").answer("000000").wait_for("code rejected");
    terminal.wait_for("? One-time code");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    terminal.answer(&one_time_code("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", now).unwrap());
    terminal.to("Which privileges should the token have?", "");
    terminal.wait_for("Make these changes now?").wait_for("pveum user add 'svc@pve'").answer("");
    terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "").to("Save this?", "");
    let ended = terminal.end(0);
    assert!(!ended.everything.contains("sandbox\r"), "the password is not echoed");
    assert!(stage.read(".env").contains("PROXMOX_USER=svc@pve\n"));
}

#[test]
fn at_the_keyboard_the_menu_creates_the_token() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let mut terminal = Terminal::start(&stage, 100, "setup --skip-test-vm");
    terminal.to("Proxmox VE host", &sandbox.address().to_string());
    terminal.wait_for("trust the cluster's CA from now on (recommended)").answer("");
    terminal.to("User for the token", "svc@pve");
    terminal.wait_for("administrator login (recommended)").answer("");
    terminal.to("Token name", "").to("Log in as", "root").to("Realm of root", "");
    terminal.wait_for("(0 characters)").answer("sandbox").to("Which privileges should the token have?", "");
    terminal.wait_for("Make these changes now?").answer("");
    terminal.wait_for("password not stored").to("Template for Ubuntu 22.04", "");
    terminal.to("Template for Ubuntu 20.04", "").to("Save this?", "");
    terminal.end(0);
    let file = stage.read(".env");
    assert!(file.contains("PROXMOX_USER=svc@pve\n") && file.contains("PROXMOX_CA_FILE=proxmox-ca.pem\n"), "{file}");
    assert_eq!(stage.read("proxmox-ca.pem"), sandbox.ca_pem());
    stage.glassdome("test-vm").expect(0);
}

#[test]
fn at_the_keyboard_a_token_that_may_nothing_is_changed_for_another() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let mut stage = TestEnv::new();
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    stage.point_with(&sandbox, "apex@pve", "powerless", "00000000-1111-2222-3333-555555555555");
    let mut terminal = Terminal::start(&stage, 100, "setup --skip-test-vm --login-user root@pam");
    terminal.to("Proxmox VE host", "").to("User for the token", "").to("Token name", "");
    terminal.to("Keep the secret", "").wait_for("lacks privileges").wait_for("What next?");
    terminal.press("\x1b[B").press("\r");
    terminal.to("User for the token", "svc@pve").to("How do you want to get the token?", "");
    terminal.to("Token name", "svc").to("Which privileges should the token have?", "");
    terminal.to("Make these changes now?", "").wait_for("Token svc@pve!svc created and checked");
    terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "").to("Save this?", "");
    terminal.to("Its group has rights in the file", "");
    terminal.end(0);
    assert!(stage.read(".env").contains("PROXMOX_USER=svc@pve\nPROXMOX_TOKEN_NAME=svc\n"), "{}", stage.read(".env"));
    stage.glassdome("test-vm").expect(0);
}

#[test]
fn a_plan_that_is_declined_is_no_end() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.write("ca.pem", sandbox.ca_pem());
    let line =
        format!("setup --skip-test-vm --ca-file ca.pem --host {} --token-name tt --create-token", sandbox.address());
    let mut terminal = Terminal::start(&stage, 100, &line);
    terminal.to("User for the token", "svc@pve").to("Log in as", "root@pam");
    terminal.wait_for("(0 characters)").answer("sandbox");
    terminal.to("Which privileges should the token have?", "").to("Make these changes now?", "n");
    terminal.wait_for("Get the token in another way");
    assert!(sandbox.edit(|cluster| !cluster.access.users.contains_key("svc@pve")));
    terminal.to("What next?", "");
    terminal.to("Log in as", "root@pam").wait_for("(0 characters)").answer("sandbox");
    terminal.to("Which privileges should the token have?", "").to("Make these changes now?", "");
    terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "").to("Save this?", "");
    terminal.end(0);
    assert!(stage.read(".env").contains("PROXMOX_USER=svc@pve\n"));
}

#[test]
fn without_a_terminal_the_node_is_known_before_a_token_is_created() {
    let sandbox = Sandbox::start(Options { nodes: 2, ..quick() }).unwrap();
    let mut stage = TestEnv::new();
    stage.write("ca.pem", sandbox.ca_pem());
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    let line = format!(
        "setup --no-input --skip-test-vm --ca-file ca.pem --host {} --user svc@pve --create-token --login-user root@pam",
        sandbox.address()
    );
    for (flags, code, words) in [("", 3, "--node"), (" --node pve9", 8, "pve9")] {
        let outcome = stage.glassdome(&format!("{line}{flags}")).expect(code).says(words);
        assert!(!outcome.stderr.contains("still on the server"), "{outcome:?}");
        assert!(sandbox.edit(|cluster| !cluster.access.users.contains_key("svc@pve")), "{flags}");
    }
    stage.glassdome(&format!("{line} --node pve")).expect(0);
}
