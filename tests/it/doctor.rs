//! `glassdome doctor`: what it finds, what it says about it, and that it changes nothing.

use std::os::unix::fs::PermissionsExt;

use glassdome::sandbox::cluster::{Reach, Statistics};
use glassdome::sandbox::{Fault, Options, Sandbox};
use serde_json::Value;

use crate::support::admin::Admin;
use crate::support::lacks;
use crate::support::terminal::Terminal;
use crate::support::test_env::{self, BOUND, Outcome, TestEnv, quick};

/// Every check, in the order in which things break.
const IDS: [&str; 30] = [
    "env-file",
    "env-mode",
    "env-git",
    "sources",
    "shadowed",
    "endpoint",
    "trust",
    "credentials",
    "proxy",
    "dns",
    "tcp",
    "tls",
    "certificate",
    "product",
    "clock",
    "realm",
    "authentication",
    "token",
    "node",
    "quorum",
    "template",
    "cloud-init",
    "guest-agent",
    "linked-clone",
    "storage",
    "bridge",
    "free-vmid",
    "privileges",
    "journal",
    "leftovers",
];

fn scene(options: Options) -> (Sandbox, TestEnv) {
    let (sandbox, stage) = test_env::scene(options);
    std::fs::set_permissions(stage.path(".env"), std::fs::Permissions::from_mode(0o600)).unwrap();
    (sandbox, stage)
}

/// Gives the check of a document.
#[track_caller]
fn check<'a>(document: &'a Value, id: &str) -> &'a Value {
    let all = document["checks"].as_array().expect("checks");
    all.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id} in {document}"))
}

/// Runs the diagnosis, and checks its exit code, that every check is there once and in order, and what some came to.
#[track_caller]
fn finds(stage: &TestEnv, line: &str, code: i32, expected: &[(&str, &str)]) -> Value {
    let outcome = stage.glassdome(&format!("doctor -o json {line}")).expect(code);
    let document = outcome.json();
    let all = document["checks"].as_array().expect("checks");
    let ids: Vec<&str> = all.iter().filter_map(|check| check["id"].as_str()).collect();
    assert_eq!(ids, IDS, "{document}");
    for (id, status) in expected {
        assert_eq!(check(&document, id)["status"], *status, "{id}: {}", check(&document, id));
    }
    assert_eq!(document["ok"], code == 0);
    if code != 0 {
        assert_eq!(document["error"]["exit_code"], code, "{document}");
    }
    document
}

#[test]
fn a_good_set_up_passes_every_check_and_nothing_but_reads_is_sent() {
    let (sandbox, stage) = scene(quick());
    let file = stage.read(".env");
    let document = finds(&stage, "", 0, &[]);
    assert_eq!(document["schema"], "glassdome.doctor/1");
    for check in document["checks"].as_array().unwrap() {
        assert_eq!(check["status"], "ok", "{check}");
        assert_eq!(check["fix"], serde_json::json!([]), "{check}");
    }
    assert!(sandbox.seen().iter().all(|seen| seen.method == "GET"), "{:?}", sandbox.seen());
    assert_eq!(stage.read(".env"), file);
    assert!(stage.entries().is_empty());
    let text = stage.glassdome("doctor").expect(0).results;
    assert!(text.contains("No problems found"), "{text}");
}

#[test]
fn the_sandbox_in_process_passes_too() {
    let stage = TestEnv::new();
    let outcome = stage.glassdome("doctor --sandbox").expect(0);
    assert!(outcome.stderr.contains("(sandbox)"), "{}", outcome.stderr);
    assert_eq!(std::fs::read_dir(stage.folder()).unwrap().count(), 0, "nothing is written");
}

/// Counts the requests that go out before the first of them that is held is answered.
fn sent_while_held_from(number: usize, count: usize) {
    let (sandbox, stage) = scene(quick());
    sandbox.add_fault(Fault::HoldBefore(number));
    let mut child = stage.spawn("doctor");
    assert!(sandbox.wait_until_seen(count, BOUND), "{} of {count} from {number} on", sandbox.seen().len());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn two_waves_of_requests_are_enough() {
    let (sandbox, stage) = scene(quick());
    stage.glassdome("doctor").expect(0);
    let (all, handshakes) = (sandbox.seen().len(), sandbox.handshakes());
    assert_eq!(all, 9 + 6);
    assert!(handshakes <= 9, "{handshakes} handshakes");
    // Nine go out before any is answered, and the rest before any of the rest is.
    sent_while_held_from(1, 9);
    sent_while_held_from(10, all);
}

#[test]
fn a_password_logs_in_and_then_only_reads() {
    let (sandbox, stage) = scene(quick());
    let settings = stage.read(".env").replace(
        "PROXMOX_TOKEN_NAME=glassdome-token\nPROXMOX_TOKEN_VALUE=00000000-1111-2222-3333-444444444444\n",
        "PROXMOX_PASSWORD=sandbox\n",
    );
    stage.write(".env", &settings);
    finds(&stage, "", 0, &[("credentials", "warning"), ("authentication", "ok"), ("token", "skipped")]);
    let changes: Vec<String> =
        sandbox.seen().iter().filter(|seen| seen.method != "GET").map(|seen| seen.path.clone()).collect();
    assert_eq!(changes, ["/access/ticket"]);
    stage.write(".env", &settings.replace("=sandbox", "=wrong"));
    let document =
        finds(&stage, "", 6, &[("tls", "ok"), ("realm", "ok"), ("authentication", "failed"), ("node", "skipped")]);
    assert!(!document.to_string().contains("wrong\""), "{document}");
}

#[test]
fn what_is_wrong_on_this_side_is_found() {
    let (_sandbox, mut stage) = scene(quick());
    let good = stage.read(".env");
    std::fs::set_permissions(stage.path(".env"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let document = finds(&stage, "", 0, &[("env-mode", "warning")]);
    assert!(check(&document, "env-mode")["fix"].to_string().contains("chmod 600"));
    std::fs::set_permissions(stage.path(".env"), std::fs::Permissions::from_mode(0o600)).unwrap();

    stage.write(".env", &format!("{good}PROXMOX_NODE=pve\nPROXMOX_NODE=pve\n"));
    finds(&stage, "", 0, &[("env-file", "warning")]);

    // A secret that was cut off: everything that needs none is checked all the same.
    stage.write(".env", &good.replace("444444444444", "44444444444"));
    let document =
        finds(&stage, "", 3, &[("credentials", "failed"), ("tls", "ok"), ("product", "ok"), ("node", "skipped")]);
    assert!(check(&document, "credentials")["summary"].as_str().unwrap().contains("35 of 36"), "{document}");

    stage.write(".env", &good.replace("PROXMOX_CA_FILE=proxmox-ca.pem", "PROXMOX_CA_FILE=nosuch.pem"));
    finds(&stage, "", 3, &[("trust", "failed"), ("tcp", "ok"), ("tls", "skipped")]);

    stage.write(".env", &good);
    stage.set("PROXMOX_NODE", "pve9");
    let document = finds(&stage, "", 8, &[("shadowed", "warning"), ("node", "failed"), ("template", "skipped")]);
    assert_eq!(check(&document, "shadowed")["fix"][0], "unset PROXMOX_NODE");
}

#[test]
fn a_file_that_cannot_be_read_hides_nothing_that_variables_say() {
    let (sandbox, mut stage) = scene(quick());
    for line in stage.read(".env").lines() {
        let (name, value) = line.split_once('=').unwrap();
        stage.set(name, value);
    }
    std::fs::remove_file(stage.path(".env")).unwrap();
    finds(&stage, "", 0, &[("env-file", "warning"), ("privileges", "ok")]);
    std::fs::create_dir(stage.path(".env")).unwrap();
    finds(&stage, "", 3, &[("env-file", "failed"), ("privileges", "ok")]);
    assert!(sandbox.seen().len() > 20);
}

#[test]
fn git_is_asked_about_the_file() {
    if lacks(&["git"]) {
        return;
    }
    let (_sandbox, stage) = scene(quick());
    let git = |arguments: &[&str]| {
        let done = std::process::Command::new("git").current_dir(stage.folder()).args(arguments).output().unwrap();
        assert!(done.status.success(), "git {arguments:?}");
    };
    git(&["init", "-q"]);
    let document = finds(&stage, "", 0, &[("env-git", "warning")]);
    assert!(check(&document, "env-git")["fix"].to_string().contains("echo /.env >> .gitignore"), "{document}");
    git(&["add", ".env"]);
    let document = finds(&stage, "", 0, &[("env-git", "warning")]);
    assert!(check(&document, "env-git")["fix"].to_string().contains("git rm --cached -- .env"), "{document}");
}

#[test]
fn what_is_local_and_safe_is_fixed_if_asked_for() {
    if lacks(&["git"]) {
        return;
    }
    let (_sandbox, stage) = scene(quick());
    let mode = || std::fs::metadata(stage.path(".env")).unwrap().permissions().mode() & 0o777;
    let set_mode = |mode| std::fs::set_permissions(stage.path(".env"), PermissionsExt::from_mode(mode)).unwrap();
    let before = std::fs::read(stage.path(".env")).unwrap();
    let done = std::process::Command::new("git").current_dir(stage.folder()).args(["init", "-q"]).output().unwrap();
    assert!(done.status.success());

    // A group keeps its permissions unless a person agrees.
    set_mode(0o644);
    let outcome = stage.glassdome("doctor --fix").expect(0);
    assert_eq!(mode(), 0o640, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("Changed the mode of") && outcome.stderr.contains("from 0644 to 0640"));
    assert_eq!(std::fs::read_to_string(stage.path(".gitignore")).unwrap(), "/.env\n");
    for _ in 0..2 {
        assert!(!outcome.stderr.contains("Nothing to fix"));
        let outcome = stage.glassdome("doctor --fix").expect(0);
        outcome.says("The permissions of the group (mode 0640) were kept").says("`glassdome doctor --fix --yes`");
        assert_eq!(mode(), 0o640);
    }
    finds(&stage, "--fix --yes", 0, &[("env-mode", "ok"), ("env-git", "ok")]);
    assert_eq!(mode(), 0o600);
    assert_eq!(std::fs::read(stage.path(".env")).unwrap(), before, "the text stays as it is");
    let outcome = stage.glassdome("doctor --fix").expect(0);
    assert!(outcome.stderr.contains("Nothing to fix"), "{}", outcome.stderr);

    set_mode(0o666);
    let mut terminal = Terminal::start(&stage, 100, "doctor --fix");
    terminal.wait_for("from 0666").press("n\r");
    let ended = terminal.end(0).says("mode 0666");
    assert!(!ended.text.contains("Nothing to fix"), "what was declined is not called right: {}", ended.text);
    assert_eq!(mode(), 0o666, "what is not wanted is not done");
    let mut terminal = Terminal::start(&stage, 200, "doctor --fix");
    terminal.wait_for("from 0666 to 0660").press("y\r").wait_for("from 0660 to 0600 (its group").press("n\r");
    terminal.end(0).says("mode 0660");
    assert_eq!(mode(), 0o660, "the group is asked about by itself");
    let mut terminal = Terminal::start(&stage, 200, "doctor --fix");
    terminal.wait_for("from 0660 to 0600 (its group").press("y\r");
    let _ = terminal.end(0);
    assert_eq!(mode(), 0o600);
}

#[test]
fn a_diagnosis_has_a_line_for_each_group_and_v_lists_every_check() {
    let (_sandbox, stage) = scene(quick());
    let brief = stage.glassdome("doctor").expect(0).results;
    let full = stage.glassdome("doctor -v").expect(0).results;
    for group in ["Settings", "Connection", "Access", "Test VM", "Left behind"] {
        assert_eq!(brief.lines().filter(|line| line.starts_with(group)).count(), 1, "{group}: {brief}");
    }
    assert!(brief.lines().count() < 12, "{brief}");
    let checks = |text: &str| text.lines().filter(|line| line.contains("ok ") || line.contains('\u{2714}')).count();
    assert!(checks(&full) > checks(&brief) + 15, "{full}");
}

#[test]
fn a_cluster_without_a_quorum_is_a_failed_check() {
    let (sandbox, stage) = scene(Options { nodes: 2, ..quick() });
    finds(&stage, "", 0, &[("quorum", "ok")]);
    sandbox.edit(|cluster| cluster.quorate = false);
    let document = finds(&stage, "", 9, &[("quorum", "failed"), ("node", "ok"), ("template", "ok")]);
    assert!(check(&document, "quorum")["fix"].to_string().contains("pvecm status"), "{document}");
    // What most tokens may not read is neither right nor wrong, and takes no line.
    stage.point_with(&sandbox, "apex@pve", "powerless", "00000000-1111-2222-3333-555555555555");
    let text = stage.glassdome("doctor").expect(7).results;
    assert!(!text.contains("quorum"), "{text}");
}

#[test]
fn a_wrong_template_is_reported_with_the_command_that_chooses_another() {
    let (_sandbox, stage) = scene(quick());
    let text = std::fs::read_to_string(stage.path(".env")).unwrap();
    std::fs::write(stage.path(".env"), format!("{text}UBUNTU_2204_TEMPLATE_ID=8888\n")).unwrap();
    let document = finds(&stage, "", 8, &[("template", "failed"), ("privileges", "skipped"), ("storage", "skipped")]);
    let told = check(&document, "template");
    assert_eq!(told["fix"], serde_json::json!(["glassdome setup --ubuntu-2204-template-id 9000"]), "{told}");
    assert!(told["detail"].as_str().unwrap().contains("visible templates: 9000 "), "{told}");
}

#[test]
fn what_is_wrong_on_the_way_is_found_where_it_breaks() {
    for (fault, code, failed, skipped) in [
        (Fault::PlainHttp, 4, "tls", "product"),
        (Fault::ExpiredCertificate, 5, "tls", "product"),
        (Fault::FutureCertificate, 5, "tls", "clock"),
        (Fault::WrongName, 5, "tls", "product"),
        (Fault::Stall, 4, "tls", "product"),
        (Fault::NotProxmox, 9, "product", "node"),
        (Fault::Redirect, 9, "product", "node"),
        (Fault::Gateway(502), 9, "product", "node"),
    ] {
        let (_sandbox, stage) = scene(Options { faults: vec![fault], ..quick() });
        let document =
            finds(&stage, "--connect-timeout 2", code, &[(failed, "failed"), (skipped, "skipped"), ("tcp", "ok")]);
        assert_eq!(check(&document, "env-file")["status"], "ok", "{fault:?}");
    }
    let stage = TestEnv::new();
    stage.write(".env", "PROXMOX_HOST=nosuch.invalid\nPROXMOX_USER=apex@pve\nPROXMOX_TOKEN_VALUE=00000000-1111-2222-3333-444444444444\n");
    finds(&stage, "", 4, &[("dns", "failed"), ("tcp", "skipped"), ("tls", "skipped"), ("leftovers", "skipped")]);
    finds(&stage, "--host 127.0.0.1:1", 4, &[("dns", "ok"), ("tcp", "failed"), ("tls", "skipped")]);
}

#[test]
fn a_proxy_is_named_without_its_password() {
    let (_sandbox, mut stage) = scene(quick());
    stage.set("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:1");
    let outcome = stage.glassdome("doctor -o json").expect(4);
    let document = outcome.json();
    assert_eq!(check(&document, "proxy")["status"], "ok");
    assert_eq!(check(&document, "tls")["status"], "failed");
    assert!(document.to_string().contains("HTTPS_PROXY") && !outcome.results.contains("hunter2"), "{document}");
}

#[test]
fn a_changed_certificate_is_reported_and_nothing_is_sent() {
    let (sandbox, stage) = scene(quick());
    let pin = glassdome::model::Fingerprint::new(sandbox.fingerprint());
    let settings = stage.read(".env").replace("PROXMOX_CA_FILE=proxmox-ca.pem", &format!("PROXMOX_FINGERPRINT={pin}"));
    stage.write(".env", &settings);
    finds(&stage, "", 0, &[]);
    let before = sandbox.seen().len();
    sandbox.add_fault(Fault::ChangedCertificate(1));
    let document = finds(&stage, "", 5, &[("tls", "failed"), ("certificate", "ok"), ("product", "skipped")]);
    assert!(check(&document, "tls")["fix"].to_string().contains("pvenode cert info"), "{document}");
    assert_eq!(sandbox.seen().len(), before);
}

#[test]
fn bad_credentials_are_diagnosed_as_far_as_they_can_be() {
    let (sandbox, stage) = scene(quick());
    let admin = Admin::of(&sandbox);
    let (wrong, right) = ("00000000-1111-2222-3333-999999999999", "00000000-1111-2222-3333-444444444444");
    stage.point_with(&sandbox, "apex@pve", "glassdome-token", wrong);
    let document = finds(&stage, "", 6, &[("realm", "ok"), ("authentication", "failed"), ("privileges", "skipped")]);
    let told = check(&document, "authentication");
    assert!(
        told["detail"]
            .as_str()
            .unwrap()
            .contains("already checked: the server received credentials; the realm `pve` exists"),
        "{told}"
    );
    // The answer came at once, so no delay is explained.
    assert!(!told["detail"].as_str().unwrap().contains("three seconds"), "{told}");
    assert!(told["fix"].to_string().contains("pveum user token list apex@pve"), "{told}");
    assert!(told["fix"].to_string().contains("journalctl"), "{told}");
    stage.glassdome("test-vm").expect(6).says("pveum user token list apex@pve").says("the realm `pve` exists");
    stage.point_with(&sandbox, "apex@nowhere", "glassdome-token", right);
    finds(&stage, "", 6, &[("realm", "failed"), ("authentication", "skipped")]);
    stage.glassdome("test-vm").expect(6).says("no realm `nowhere`");
    drop(admin);

    let (sandbox, stage) = scene(Options { pve_version: "9.1.2".to_owned(), ..quick() });
    let admin = Admin::of(&sandbox);
    stage.point_with(&sandbox, "apex@pve", "nosuch", right);
    stage.glassdome("test-vm").expect(6).says("no such token").says("list the tokens of the user");
    stage.point_with(&sandbox, "apex@pve", "glassdome-token", wrong);
    stage.glassdome("doctor").expect(6).shows("the secret is not its secret");
    admin.call("PUT", "/access/users/apex@pve", "enable=0");
    stage.glassdome("doctor").expect(6).shows("pveum user modify apex@pve --enable 1");
}

#[test]
fn missing_rights_are_listed_with_the_lines_that_grant_them() {
    let (sandbox, stage) = scene(quick());
    stage.point_with(&sandbox, "apex@pve", "powerless", "00000000-1111-2222-3333-555555555555");
    let document = finds(
        &stage,
        "",
        7,
        &[("authentication", "ok"), ("token", "unknown"), ("template", "unknown"), ("privileges", "failed")],
    );
    let told = check(&document, "privileges");
    assert!(told["detail"].as_str().unwrap().contains("/vms/9000"), "{told}");
    assert!(told["fix"].to_string().contains("pveum user token modify"), "{told}");
}

#[test]
fn a_vm_that_is_not_a_template_is_reported() {
    let (sandbox, stage) = scene(quick());
    let settings = stage.read(".env");
    stage.write(".env", &settings.replace("=9000", "=101"));
    finds(&stage, "", 8, &[("node", "ok"), ("template", "failed"), ("privileges", "ok")]);
    stage.write(".env", &settings.replace("=9000", "=555"));
    finds(&stage, "", 8, &[("template", "failed"), ("storage", "skipped")]);
    stage.write(".env", &settings.replace("=9000", "=none"));
    finds(&stage, "", 3, &[("authentication", "ok"), ("node", "failed")]);
    stage.write(".env", &settings);
    sandbox.edit(|cluster| cluster.set_option(9000, "agent", "0"));
    sandbox.edit(|cluster| cluster.set_option(9000, "net0", "virtio,bridge=vmbr7"));
    let document = finds(&stage, "", 8, &[("guest-agent", "warning"), ("bridge", "failed")]);
    assert_eq!(check(&document, "guest-agent")["fix"][1], "qm set 9000 --agent 1");
}

#[test]
fn what_a_start_needs_is_looked_for_on_the_node_of_the_clone() {
    let (sandbox, stage) = scene(Options { nodes: 2, shared_storage: true, ..quick() });
    sandbox.edit(|cluster| {
        cluster.set_option(9000, "net0", "virtio,bridge=vmbr7");
        cluster.nodes.get_mut("pve2").unwrap().bridges.push("vmbr7".to_owned());
    });
    finds(&stage, "--node pve2", 0, &[("bridge", "ok"), ("template", "ok")]);
    let document = finds(&stage, "--node pve", 8, &[("bridge", "failed"), ("template", "ok")]);
    assert!(check(&document, "bridge").to_string().contains("no such bridge on node pve:"), "{document}");
    stage.glassdome("test-vm --node pve2").expect(0);
    stage.glassdome("test-vm --node pve").expect(8);
    sandbox.edit(|cluster| cluster.set_option(9000, "scsi5", "/dev/disk/by-id/x"));
    finds(&stage, "--node pve2", 9, &[("template", "failed")]);
    stage.glassdome("test-vm --node pve2").expect(9);
}

#[test]
fn nodes_are_distinguished() {
    let (_sandbox, stage) = scene(Options { nodes: 2, faults: vec![Fault::NodeOffline], ..quick() });
    finds(&stage, "", 0, &[("node", "ok")]);
    finds(&stage, "--node pve2", 9, &[("node", "failed")]);
    let settings = stage.read(".env").replace("PROXMOX_NODE=pve\n", "");
    stage.write(".env", &settings);
    finds(&stage, "", 3, &[("node", "failed"), ("template", "skipped")]);
    let (_sandbox, stage) = scene(Options { nodes: 2, ..quick() });
    finds(&stage, "--node pve2", 8, &[("node", "ok"), ("template", "failed")]);
}

#[test]
fn a_node_that_does_not_answer_is_asked_once_for_each_thing() {
    for (statistics, named) in [(Statistics::Old, true), (Statistics::Current, false)] {
        let (sandbox, stage) = scene(Options { nodes: 2, ..quick() });
        sandbox.edit(|cluster| {
            let node = cluster.nodes.get_mut("pve2").unwrap();
            (node.reach, node.statistics) = (Reach::NoRoute, statistics);
        });
        let document = finds(&stage, "--node pve2", 9, &[("privileges", "skipped")]);
        let failed = if named { "template" } else { "node" };
        assert_eq!(check(&document, failed)["status"], "failed", "{document}");
        if named {
            assert!(check(&document, failed).to_string().contains("No route to host"), "{document}");
        }
        assert!(!document.to_string().contains("pveum"), "nothing is called missing: {document}");
        let mut asked: Vec<String> =
            sandbox.seen().into_iter().map(|seen| seen.path).filter(|path| path.contains("/nodes/pve2/")).collect();
        let count = asked.len();
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), count, "each is asked once: {asked:?}");
        assert!(count <= 3, "nothing but what goes out before the list of nodes is read: {asked:?}");
    }
}

#[test]
fn what_others_left_behind_is_listed() {
    let (sandbox, stage) = scene(quick());
    sandbox.edit(|cluster| {
        cluster.add_vm(700, "glassdome-test-0a1b2c", "pve", "local-lvm");
        let text = "Test VM of glassdome, made 2026-01-02T03:04:05Z by attic. It proves that VMs can be created here and may be deleted.\nglassdome-nonce: 0123456789abcdef0123456789abcdef\n";
        cluster.set_option(700, "description", text);
    });
    let document = finds(&stage, "", 0, &[("journal", "ok"), ("leftovers", "warning")]);
    let told = check(&document, "leftovers");
    assert!(told["detail"].as_str().unwrap().contains("VM 700 (glassdome-test-0a1b2c) on pve, created"), "{told}");
    assert!(told["detail"].as_str().unwrap().contains("on host attic"), "{told}");
    assert!(told["fix"].to_string().contains("glassdome cleanup --vmid 700"), "{told}");
}

#[test]
fn a_report_for_others_is_anonymous() {
    let (sandbox, mut stage) = scene(quick());
    let admin = Admin::of(&sandbox);
    let secret = admin.token("jane@pve", "janes-token", false);
    stage.point_with(&sandbox, "jane@pve", "janes-token", &secret);
    stage.set("USER", "jdoe");
    stage.glassdome("doctor --bundle report.json").expect(7);
    let report = stage.read("report.json");
    let document: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(document["schema"], "glassdome.report/1");
    assert_eq!(document["diagnosis"]["error"]["exit_code"], 7);
    let folder = stage.folder().display().to_string();
    for told in ["jane", "janes-token", "127.0.0.1", "jdoe", &folder, &secret[..8], &secret[9..]] {
        assert!(!report.contains(told), "{told} stands in {report}");
    }
    assert!(
        report.contains("USER-1@pve!TOKEN-1, secret SECRET-1 ")
            && report.contains("TOKEN-1")
            && report.contains("ADDRESS-1"),
        "{report}"
    );
    assert_eq!(std::fs::metadata(stage.path("report.json")).unwrap().permissions().mode() & 0o777, 0o600);
    stage.glassdome("doctor --bundle report.json").expect(3).says("does not exist yet");
    assert_eq!(stage.read("report.json"), report);
}

#[test]
fn usage_errors_are_no_diagnosis() {
    let stage = TestEnv::new();
    let outcome: Outcome = stage.glassdome("doctor -o json --instance a/b").expect(2);
    assert_eq!(outcome.json()["error"]["kind"], "usage");
}

#[test]
fn the_grant_script_is_all_that_goes_to_standard_output() {
    let (sandbox, stage) = scene(quick());
    let nothing = stage.glassdome("doctor --grant-script").expect(0);
    assert!(nothing.results.ends_with("# No privilege is missing: there is nothing to run.\n"), "{}", nothing.results);
    stage.point_with(&sandbox, "apex@pve", "powerless", "00000000-1111-2222-3333-555555555555");
    let outcome = stage.glassdome("doctor --grant-script").expect(0);
    for line in [
        "#!/bin/sh",
        "#   pveum user token modify 'apex@pve' powerless --privsep 0",
        "acl_modify /vms/9000 --users 'apex@pve' --roles PVETemplateUser --propagate 0",
        "acl_modify /vms/9000 --tokens 'apex@pve!powerless' --roles PVETemplateUser --propagate 0",
    ] {
        assert!(outcome.results.lines().any(|it| it == line), "{line}: {}", outcome.results);
    }
    // Of the template nothing could be read.
    for unknown in ["/storage", "/sdn", "999999999", "glassdome-none"] {
        assert!(!outcome.results.contains(unknown), "{unknown}: {}", outcome.results);
    }
    let document = stage.glassdome("doctor --grant-script -o json").expect(0).json();
    assert_eq!(document["script"], outcome.results);
}

#[test]
fn the_drive_of_the_node_is_taken_out_and_never_granted() {
    for slot in ["ide2", "sata5"] {
        let (sandbox, stage) = scene(quick());
        sandbox.edit(|cluster| cluster.set_option(9000, slot, "cdrom,media=cdrom"));
        for role in ["PVEVMAdmin", "PVEDatastoreAdmin", "PVESDNUser"] {
            Admin::of(&sandbox).grant("/", "apex@pve!powerless", role);
        }
        stage.point_with(&sandbox, "apex@pve", "powerless", "00000000-1111-2222-3333-555555555555");
        let outcome = stage.glassdome("test-vm --no-start").expect(7);
        let command = format!("qm set 9000 --{slot} none,media=cdrom");
        let hints = outcome.stderr.split_once("try:").map(|(_, hints)| hints.to_owned()).unwrap_or_default();
        assert!(hints.lines().nth(1).is_some_and(|line| line.trim() == command), "{}", outcome.stderr);
        let script = stage.glassdome("doctor --grant-script").expect(0).results;
        let commands: Vec<&str> = script.lines().filter(|line| line.starts_with("acl_modify / ")).collect();
        assert!(script.contains("# Sys.Console on / is not granted") && commands.is_empty(), "{script}");
    }
}

#[test]
fn an_invalid_credential_is_reported_once_and_the_realm_is_checked_all_the_same() {
    let (_sandbox, stage) = scene(quick());
    let valid = stage.read(".env");
    for (key, value, others) in [
        ("PROXMOX_TOKEN_VALUE", "hunter2", "realm"),
        ("PROXMOX_TOKEN_NAME", "!", "realm"),
        ("PROXMOX_USER", "apex", ""),
    ] {
        let lines = valid.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n");
        stage.write(".env", &format!("{lines}\n{key}={value}\n"));
        let outcome = stage.glassdome("doctor -v").expect(3);
        let shown = outcome.results.clone();
        assert_eq!(shown.matches(&format!(": {key}: ")).count(), 1, "{shown}");
        assert!(
            !shown.contains("no user is configured") && !shown.contains("no credentials are configured"),
            "{shown}"
        );
        assert!(shown.contains("not checked (the credentials are invalid)"), "{shown}");
        assert_eq!(shown.contains("the server has the realm `pve`"), others == "realm", "{shown}");
    }
}
