//! `glassdome setup` by flags: what it checks, writes, keeps, and proves.

use glassdome::sandbox::{Fault, Options, Sandbox};

use crate::support::lacks;
use crate::support::test_env::{TestEnv, mode, quick};

#[test]
fn the_sandbox_needs_nothing_and_writes_eight_keys() {
    let stage = TestEnv::new();
    let outcome = stage.glassdome("setup --sandbox --no-input -o json").expect(0);
    let document = outcome.json();
    assert_eq!(document["schema"], "glassdome.setup/1");
    assert_eq!(document["ok"], true);
    assert_eq!(document["proof"]["ok"], true);
    assert_eq!(document["proof"]["left_behind"], serde_json::Value::Null);
    assert_eq!(document["changed"].as_array().map(Vec::len), Some(8));
    insta::assert_snapshot!(stage.read(".env.sandbox"), @r"
    # Proxmox Configuration
    PROXMOX_HOST=sandbox.invalid
    PROXMOX_USER=apex@pve
    PROXMOX_TOKEN_NAME=glassdome-token
    PROXMOX_TOKEN_VALUE=00000000-1111-2222-3333-444444444444
    PROXMOX_VERIFY_SSL=false
    PROXMOX_NODE=pve

    # Template IDs
    UBUNTU_2204_TEMPLATE_ID=9000
    UBUNTU_2004_TEMPLATE_ID=9001
    ");
    assert_eq!(mode(&stage.path(".env.sandbox")), 0o600);
    assert!(!stage.path(".env").exists());

    let before = std::fs::metadata(stage.path(".env.sandbox")).unwrap().modified().unwrap();
    let text = stage.read(".env.sandbox");
    let again = stage.glassdome("setup --sandbox --no-input -o json").expect(0).json();
    assert_eq!(again["changed"], serde_json::json!([]));
    assert_eq!(stage.read(".env.sandbox"), text);
    assert_eq!(std::fs::metadata(stage.path(".env.sandbox")).unwrap().modified().unwrap(), before);
    assert!(!stage.path(".env.sandbox.bak").exists());
}

#[test]
fn the_sandbox_never_touches_the_file_of_a_real_server() {
    let mut stage = TestEnv::new();
    let text = "PROXMOX_HOST=pve.lan\nPROXMOX_TOKEN_VALUE=12345678-abcd-ef12-3456-7890abcdef12\n";
    stage.write(".env", text);
    stage.set("PROXMOX_HOST", "pve.lan");
    stage.set("PROXMOX_TOKEN_VALUE", "12345678-abcd-ef12-3456-7890abcdef12");
    stage.glassdome("setup --sandbox --no-input").expect(0);
    assert_eq!(stage.read(".env"), text);
    stage.glassdome("setup --sandbox --no-input --env-file .env").expect(3).says("is for a real server");
    assert_eq!(stage.read(".env"), text);
    let mut clean = TestEnv::new();
    clean.set("GLASSDOME_ENV_FILE", "other.env");
    clean.glassdome("setup --sandbox --no-input --skip-test-vm").expect(0);
    assert!(clean.path("other.env").exists());
    clean.glassdome("test-vm").expect(3).says("--sandbox");
}

#[test]
fn a_server_is_set_up_by_flags_alone() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let outcome = stage.run(stage.flags_to(&sandbox, "setup --no-input")).expect(0);
    assert!(
        outcome.results.contains("apex@pve!glassdome-token can create VMs on pve (template 9000"),
        "{}",
        outcome.results
    );
    let file = stage.read(".env");
    assert!(file.contains(&format!("PROXMOX_HOST={}\n", sandbox.address())), "{file}");
    assert!(file.contains("PROXMOX_CA_FILE=ca.pem\n"), "{file}");
    assert!(file.contains("PROXMOX_VERIFY_SSL=false\n"), "{file}");
    assert!(stage.entries().is_empty());
    stage.glassdome("test-vm").expect(0);
}

#[test]
fn what_is_there_already_stays_as_it_is_spelt() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.run(stage.flags_to(&sandbox, "setup --no-input --skip-test-vm")).expect(0);
    let old = format!(
        "# mine\r\nexport OTHER='kept' # really\r\n{}",
        stage.read(".env").replace("=false", "=No").replace('\n', "\r\n")
    );
    stage.write(".env", &old);
    stage.glassdome("setup --no-input --skip-test-vm").expect(0);
    assert_eq!(stage.read(".env"), old);
    stage.glassdome("setup --no-input --skip-test-vm --ubuntu-2204-template-id 9001").expect(0);
    assert_eq!(stage.read(".env"), old.replace("UBUNTU_2204_TEMPLATE_ID=9000", "UBUNTU_2204_TEMPLATE_ID=9001"));
    assert_eq!(stage.read(".env.bak"), old);
    assert_eq!(mode(&stage.path(".env.bak")), 0o600);
}

#[test]
fn a_new_certificate_is_accepted_only_on_request_and_then_pinned() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let (user, _, secret) = sandbox.default_token();
    stage.write("secret.txt", secret);
    let line = format!("setup --no-input --host {} --user {user} --token-value-file secret.txt", sandbox.address());
    stage.glassdome(&line).expect(5).says("--fingerprint").says("--accept-new-certificate");
    assert!(!stage.path(".env").exists());
    stage.glassdome(&format!("{line} --accept-new-certificate --pin leaf")).expect(0);
    let fingerprint = glassdome::model::Fingerprint::new(sandbox.fingerprint()).to_string();
    assert!(stage.read(".env").contains(&format!("PROXMOX_FINGERPRINT={fingerprint}\n")));
    assert!(stage.read(".env").contains("PROXMOX_VERIFY_SSL=false\n"));
    stage.glassdome("test-vm").expect(0);
}

#[test]
fn a_dry_run_changes_nothing_anywhere() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let outcome = stage.run(stage.flags_to(&sandbox, "setup --no-input --dry-run")).expect(0);
    assert!(outcome.stderr.contains("+PROXMOX_USER=apex@pve"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains(sandbox.default_token().2), "the diff is masked");
    assert!(!stage.path(".env").exists());
    assert!(sandbox.seen().iter().all(|seen| seen.method == "GET"), "{:?}", sandbox.seen());
    let document = stage.run(stage.flags_to(&sandbox, "setup --no-input --dry-run -o json")).expect(0).json();
    assert_eq!((&document["dry_run"], &document["changed"]), (&true.into(), &serde_json::json!([])));
}

#[test]
fn what_is_printed_to_paste_is_about_the_same_settings() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.run(stage.flags_to(&sandbox, "setup --no-input --skip-test-vm")).expect(0);
    let outcome = stage.run(stage.flags_to(&sandbox, "setup --no-input --instance 02 --env-file .env")).expect(0);
    for line in [
        "glassdome test-vm --env-file .env --instance 02\n",
        "glassdome doctor --env-file .env --instance 02\n",
        "eval \"$(glassdome env --format sh --reveal --env-file .env --instance 02)\"\n",
        "\"$PROXMOX_TOKEN_VALUE_02\" | curl --cacert ",
    ] {
        assert!(outcome.results.contains(line), "{line} in {}", outcome.results);
    }
    // It has a name of its own, which goes on to hold when the first one gets another.
    assert!(stage.read(".env").contains("PROXMOX_02_TOKEN_NAME=glassdome-token\n"));
    // Before anything is saved, the server is repeated, too.
    let sandbox = Sandbox::start(Options { faults: vec![Fault::NoTemplates], ..quick() }).unwrap();
    let stage = TestEnv::new();
    let outcome = stage.run(stage.flags_to(&sandbox, "setup --no-input")).expect(8);
    let host = sandbox.address();
    let line = format!(
        "glassdome setup --create-template --host {host} --user apex@pve --token-name glassdome-token --ca-file "
    );
    assert!(outcome.stderr.contains(&line), "{line} in {}", outcome.stderr);
    assert!(outcome.stderr.contains(" --token-value-file "), "{}", outcome.stderr);
}

#[test]
fn the_curl_line_never_drops_a_pin() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.write("secret.txt", sandbox.default_token().2);
    let line = format!(
        "setup --no-input --skip-test-vm --host {} --user apex@pve --token-value-file secret.txt \
         --accept-new-certificate --pin leaf",
        sandbox.address()
    );
    let outcome = stage.glassdome(&line).expect(0);
    assert!(outcome.results.contains("curl cannot check a fingerprint"), "{}", outcome.results);
    assert!(!outcome.results.contains("insecure") && !outcome.results.contains(" -k "), "{}", outcome.results);
}

#[test]
fn a_missing_answer_is_named_with_its_flag_and_variable() {
    let stage = TestEnv::new();
    stage.glassdome("setup --no-input").expect(3).says("--host").says("PROXMOX_HOST");
    stage.glassdome("setup --no-input --host 127.0.0.1:9").expect(3).says("--user").says("PROXMOX_USER");
    stage.glassdome("setup --no-input --host 127.0.0.1:9 --user apex@pve").expect(3).says("--token-value-file");
    stage.glassdome("setup --no-input --instance 02 --host 127.0.0.1:9").expect(3).says("PROXMOX_02_USER");
    stage.glassdome("test-vm").expect(3).says("PROXMOX_HOST");
    let document = stage.glassdome("setup --no-input -o json").expect(3).json();
    assert_eq!(document["error"]["kind"], "configuration");
    assert_eq!(document["error"]["exit_code"], 3);
}

#[test]
fn a_password_stands_in_place_of_the_token() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.write("password.txt", "sandbox\n");
    stage.write("ca.pem", sandbox.ca_pem());
    let line = format!(
        "setup --no-input --host {} --user apex@pve --password-file password.txt --ca-file ca.pem",
        sandbox.address()
    );
    stage.glassdome(&line).expect(0);
    let file = stage.read(".env");
    assert!(file.contains("PROXMOX_PASSWORD=sandbox\n") && !file.contains("TOKEN"), "{file}");
    stage.glassdome("test-vm").expect(0);
    stage.write("password.txt", "wrong");
    stage.glassdome(&line).expect(6);
    stage.glassdome(&line.replace("apex@pve", "totp@pve")).expect(6);
}

#[test]
fn git_is_asked_about_the_secret() {
    if lacks(&["git"]) {
        return;
    }
    let stage = TestEnv::new();
    let git = |arguments: &[&str]| {
        let output = stage.command(["--version"]).get_current_dir().map(std::path::Path::to_owned);
        let status = std::process::Command::new("git").arg("-C").arg(output.unwrap()).args(arguments).status().unwrap();
        assert!(status.success());
    };
    git(&["init", "-q"]);
    stage.glassdome("setup --sandbox --no-input --skip-test-vm").expect(0).says("not ignored by git: .env.sandbox");
    std::fs::remove_file(stage.path(".env.sandbox")).unwrap();
    stage.glassdome("setup --sandbox --no-input --skip-test-vm --yes").expect(0);
    assert_eq!(stage.read(".gitignore"), "/.env.sandbox\n/.env.sandbox.bak\n");
    git(&["add", "-f", ".env.sandbox"]);
    stage.glassdome("setup --sandbox --no-input --skip-test-vm").expect(0).says("git tracks .env.sandbox");
}

#[test]
fn a_password_that_no_reader_agrees_on_is_refused_before_writing() {
    let sandbox = Sandbox::start(quick()).unwrap();
    sandbox.edit(|cluster| {
        let user = glassdome::sandbox::auth::User::with_password("a${X}b");
        cluster.access.users.insert("odd@pve".to_owned(), user);
        cluster.access.grant("odd@pve", "/", "Administrator");
    });
    let stage = TestEnv::new();
    stage.write("password.txt", "a${X}b");
    stage.write("ca.pem", sandbox.ca_pem());
    let line = format!(
        "setup --no-input --host {} --user odd@pve --password-file password.txt --ca-file ca.pem",
        sandbox.address()
    );
    stage.glassdome(&line).expect(3).says("PROXMOX_PASSWORD");
    assert!(!stage.path(".env").exists());
}

#[test]
fn an_address_of_a_browser_without_a_port_is_looked_for_at_both_ports() {
    let stage = TestEnv::new();
    stage.write("secret.txt", "00000000-1111-2222-3333-444444444444");
    // Nothing listens on this address of the loopback, whatever the port.
    let line = "setup --no-input --insecure --user apex@pve --token-value-file secret.txt --connect-timeout 2";
    let outcome = stage.glassdome(&format!("{line} --host https://127.99.88.77/#v1:0:18:4"));
    outcome.expect(4).says("neither port 8006 nor port 443 of 127.99.88.77 answers");
    // So it is for every command that talks to a server.
    for command in [
        "test-vm",
        "test-vm --dry-run",
        "cleanup",
        "template list",
        "template create --no-checksum --release 22.04",
        "token list",
        "doctor",
    ] {
        let line = format!(
            "{command} --no-input --insecure --user apex@pve --token-value-file secret.txt --connect-timeout 2"
        );
        let outcome = stage.glassdome(&format!("{line} --host https://127.99.88.77/"));
        outcome.says("neither port 8006 nor port 443 of 127.99.88.77 answers");
    }
    let outcome = stage.glassdome(&format!("{line} --host 127.99.88.77")).expect(4);
    assert!(!outcome.stderr.contains("443"), "{}", outcome.stderr);
}
