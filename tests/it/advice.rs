//! What an error advises helps where it stands: flags that the command has, lines that can be pasted, what helps most first.

use glassdome::sandbox::{Options, Sandbox};

use crate::support::test_env::{Outcome, TestEnv, quick, scene};

#[test]
fn a_command_with_an_administrator_login_does_not_ask_for_a_token_secret() {
    let stage = TestEnv::new();
    for line in ["token list", "token revoke --yes", "token rotate --yes"] {
        let outcome = stage.glassdome(&format!("{line} --login-user root@pam")).expect(3);
        outcome.says("the server and the user are not set").never_says(&["secret", "terminal"]);
    }
    stage.glassdome("test-vm").expect(3).says("the server, the user and the token secret are not set");
}

#[test]
fn what_helps_most_against_a_missing_privilege_comes_first() {
    let (sandbox, stage) = scene(quick());
    stage.point_with(&sandbox, "apex@pve", "powerless", "00000000-1111-2222-3333-555555555555");
    let outcome = stage.glassdome("test-vm").expect(7).never_says(&["glassdome-none"]);
    let place = |words: &str| outcome.stderr.find(words).unwrap_or_else(|| panic!("{words}: {}", outcome.stderr));
    let order = [
        "apex@pve!powerless lacks privileges to test template 9000",
        "VM.Audit, VM.Clone                   on /vms/9000",
        "VM.Allocate, VM.Audit, VM.PowerMgmt  on /vms/100 (the new VM)",
        "most likely cause: privilege separation is enabled for this token",
        "disable privilege separation for this token (Datacenter > Permissions > API Tokens > Edit)",
        "pveum user token modify 'apex@pve' powerless --privsep 0",
        "glassdome token create --rights needed",
        "glassdome doctor --grant-script",
    ]
    .map(place);
    assert!(order.is_sorted(), "{}", outcome.stderr);
    // What was read of the template says which storages and bridges it needs; until then none is called missing.
    let outcome = outcome.never_says(&["/storage", "/sdn", "999999999", "(to )", "$("]);
    assert!(outcome.stderr.lines().skip_while(|line| !line.starts_with("error:")).count() <= 12, "{}", outcome.stderr);
}

#[test]
fn a_command_is_not_warned_of_flags_that_it_does_not_have() {
    let (_sandbox, stage) = scene(quick());
    stage.glassdome("env --instance 03").expect(3).says("set PROXMOX_03_HOST").never_says(&["--host"]);
    stage.write(".env.sandbox", "PROXMOX_HOST=sandbox.invalid\n");
    let outcome = stage.glassdome("env --env-file .env.sandbox").expect(3);
    outcome.says("pass --env-file with the settings of your server").never_says(&["--host"]);
    let outcome = stage.glassdome("template create --release 22.04 --no-checksum --id 101");
    outcome.says("omit --id").never_says(&["--vmid"]);
    stage.glassdome("test-vm --vmid 101").expect(3).says("omit --vmid");
}

#[test]
fn the_password_of_an_administrator_is_asked_for_in_no_file() {
    let (_sandbox, stage) = scene(quick());
    let outcome = stage.glassdome("token create --token-name more --login-user root@pam").expect(3);
    outcome.says("pass --login-password-file, or set PROXMOX_LOGIN_PASSWORD").never_says(&["/.env"]);
}

#[test]
fn a_log_in_without_the_right_is_not_warned_of_privilege_separation() {
    let (_sandbox, mut stage) = scene(quick());
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    let outcome = stage.glassdome("token list --user apex@pve --login-user nobody@pve").expect(7);
    outcome.says("--login-user root@pam").never_says(&["rivilege separation"]);
}

#[test]
fn the_rehearsal_is_proposed_where_the_server_is_not_known_yet() {
    let stage = TestEnv::new();
    stage.glassdome("setup --no-input").expect(3).says("glassdome setup --sandbox --no-input");
    for line in ["token revoke --yes", "token list", "env", "test-vm"] {
        stage.glassdome(line).expect(3).never_says(&["--sandbox --no-input"]);
    }
}

#[test]
fn an_import_names_the_variables_of_its_tool() {
    let mut stage = TestEnv::new();
    stage.set("PROXMOX_URL", "https://pve.example:8006/api2/json");
    let outcome = stage.glassdome("setup --no-input --import=packer").expect(3);
    outcome.says("PROXMOX_URL, PROXMOX_USERNAME, PROXMOX_TOKEN, PROXMOX_PASSWORD").never_says(&["help env"]);
}

#[test]
fn doctor_does_not_suggest_doctor() {
    let stage = TestEnv::new();
    let sandbox = Sandbox::start(Options { faults: vec!["gateway=502".parse().unwrap()], ..quick() }).unwrap();
    stage.point_at(&sandbox);
    let outcome = stage.glassdome("doctor");
    let all = format!("{}{}", outcome.results, outcome.stderr);
    assert!(!all.contains("`glassdome doctor`"), "{all}");
}

/// Runs a command against a server that has a fault.
fn with_fault(fault: &str, line: &str) -> Outcome {
    let (sandbox, stage) =
        (Sandbox::start(Options { faults: vec![fault.parse().unwrap()], ..quick() }).unwrap(), TestEnv::new());
    stage.point_at(&sandbox);
    let mut outcome = stage.glassdome(line);
    outcome.stderr = format!("{}{}", outcome.results, outcome.stderr);
    outcome
}

#[test]
fn a_server_that_answers_is_not_reported_unreachable() {
    for line in ["test-vm", "doctor"] {
        let outcome = with_fault("gateway=502", line).expect(9).never_says(&["cannot reach"]);
        outcome.says("unexpected response, not the Proxmox VE API").says("502 Bad Gateway");
        let outcome = with_fault("not-proxmox", line).expect(9).never_says(&["cannot reach", "reverse proxy"]);
        outcome.says("is not Proxmox VE: it answered 404");
        with_fault("escapes", line).never_says(&["not Proxmox VE: it is not HTTP", "cannot reach"]);
    }
    with_fault("wrong-types=1", "doctor").never_says(&["does not know who asks"]);
}

#[test]
fn a_template_that_is_gone_is_helped_by_those_that_are_left() {
    with_fault("template-gone", "test-vm")
        .expect(8)
        .says("try: the template may have been deleted")
        .says("glassdome template list");
}

#[test]
fn an_expired_certificate_has_dates_alone() {
    let outcome = with_fault("expired-certificate", "test-vm").never_says(&["+00:00", "00:00:00"]);
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
}

#[test]
fn a_script_reads_which_privileges_are_missing() {
    let (sandbox, stage) = scene(quick());
    stage.point_with(&sandbox, "apex@pve", "powerless", "00000000-1111-2222-3333-555555555555");
    for line in ["test-vm -o json", "setup --no-input -o json"] {
        let missing = stage.glassdome(line).expect(7).json()["error"]["missing"].clone();
        let template = serde_json::json!({"path": "/vms/9000", "privileges": ["VM.Audit", "VM.Clone"]});
        assert_eq!(missing[0], template, "{missing}");
        assert_eq!(missing[1]["path"], "/vms/100", "{missing}");
    }
    stage.point_at(&sandbox);
    let document = stage.glassdome("test-vm --template 8888 -o json").expect(8).json();
    assert!(document["error"].get("missing").is_none(), "{document}");
}
