//! `glassdome sandbox` in the foreground: it announces itself, serves, and ends when it is told to.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use glassdome::sandbox::{Options, Sandbox};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::admin::Admin;
use crate::support::test_env::{Outcome, TestEnv, signal};

/// Starts one on a free port, and reads the line in which it says where it listens.
fn start(stage: &TestEnv, line: &str) -> (Child, Value) {
    let words = format!("sandbox --listen 127.0.0.1:0 -o json {line}");
    let mut command = stage.command(words.split_whitespace());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut announced = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut announced).unwrap();
    (child, serde_json::from_str(&announced).unwrap())
}

#[test]
fn it_says_where_it_listens_and_who_may_log_in() {
    let stage = TestEnv::new();
    let (mut child, said) = start(&stage, "--until-stdin-closes");
    assert_eq!((&said["schema"], &said["ok"]), (&"glassdome.sandbox/1".into(), &true.into()));
    assert_eq!(said["url"], format!("https://127.0.0.1:{}", said["port"]));
    assert_eq!(said["users"].as_array().unwrap().len(), 4);
    let token = &said["tokens"][0];
    stage.write("secret", token["secret"].as_str().unwrap());
    let (user, name) = token["tokenid"].as_str().unwrap().split_once('!').unwrap();
    let trust = format!("--fingerprint {}", said["fingerprint"].as_str().unwrap());
    let host = format!("--host 127.0.0.1:{} --user {user} --token-name {name}", said["port"]);
    stage.glassdome(&format!("setup --no-input {host} --token-value-file secret {trust}")).expect(0);
    stage.write("ca.pem", said["ca_pem"].as_str().unwrap());
    stage.glassdome(&format!("test-vm --no-start {host} --token-value-file secret --ca-file ca.pem")).expect(0);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success(), "the end of its input is its end");
    let mut more = String::new();
    child.stdout.take().unwrap().read_to_string(&mut more).unwrap();
    assert_eq!(more, "", "one document, and nothing else");
}

#[test]
fn a_signal_ends_it_well_and_a_person_reads_its_log_ins() {
    let stage = TestEnv::new();
    for sent in [Signal::INT, Signal::TERM] {
        let (mut child, _) = start(&stage, "--nodes 2 --pve-version 8.4 --seed 7");
        signal(&child, sent);
        assert!(child.wait().unwrap().success(), "{sent:?}");
    }
    let words = ["sandbox", "--listen", "127.0.0.1:0", "--until-stdin-closes"];
    let shown = stage.run(words).expect(0).results;
    for words in ["address      https://127.0.0.1:", "root@pam password sandbox", "apex@pve!powerless secret"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn what_it_cannot_be_is_reported_at_once() {
    let stage = TestEnv::new();
    stage.glassdome("sandbox --listen 127.0.0.1:0 --fault nonsense").expect(2).says("there is no fault `nonsense`");
    stage.glassdome("sandbox --listen 127.0.0.1:0 --pve-version nonsense").expect(2).says("no version of Proxmox VE");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let line = format!("sandbox --listen {}", taken.local_addr().unwrap());
    let outcome: Outcome = stage.glassdome(&line).expect(1);
    outcome.says("--listen 127.0.0.1:0");
}

/// Waits until a task of the sandbox has ended well.
fn finished(admin: &Admin<'_>, upid: &Value) {
    let path = format!("/nodes/pve/tasks/{}/status", upid.as_str().unwrap());
    loop {
        let status = admin.call("GET", &path, "");
        if status["status"] == "stopped" {
            assert_eq!(status["exitstatus"], "OK", "{status}");
            return;
        }
    }
}

#[test]
fn a_snapshot_is_kept_listed_described_restored_and_removed() {
    let sandbox = Sandbox::start(Options { task_time: std::time::Duration::ZERO, ..Options::default() }).unwrap();
    let admin = Admin::of(&sandbox);
    let vm = "/nodes/pve/qemu/101";
    let snapshots = format!("{vm}/snapshot");
    for name in ["first", "second"] {
        admin.call("PUT", &format!("{vm}/config"), &format!("cores=2&description=at+{name}"));
        finished(&admin, &admin.call("POST", &snapshots, &format!("snapname={name}&description=before+{name}")));
    }
    let of = |list: &Value, name: &str| list.as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone();
    let list = admin.call("GET", &snapshots, "");
    let second = of(&list, "second");
    assert_eq!((&second["description"], &second["parent"]), (&"before second".into(), &"first".into()));
    assert!(second["snaptime"].is_u64() && second["vmstate"] == 0, "{second}");
    assert_eq!(of(&list, "current")["parent"], "second");
    admin.call("PUT", &format!("{snapshots}/first/config"), "description=changed");
    assert_eq!(admin.call("GET", &format!("{snapshots}/first/config"), "")["description"], "changed");
    admin.call("PUT", &format!("{vm}/config"), "cores=8");
    finished(&admin, &admin.call("POST", &format!("{snapshots}/first/rollback"), ""));
    let config = admin.call("GET", &format!("{vm}/config"), "");
    assert_eq!((&config["cores"], &config["parent"]), (&2.into(), &"first".into()));
    assert_eq!(config["description"], "at second", "a VM keeps its own description");
    finished(&admin, &admin.call("DELETE", &format!("{snapshots}/first"), ""));
    let list = admin.call("GET", &snapshots, "");
    assert_eq!((&of(&list, "second")["parent"], &of(&list, "current")["parent"]), (&Value::Null, &Value::Null));
}

#[test]
fn the_lists_that_other_tools_begin_with_are_answered() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    let admin = Admin::of(&sandbox);
    for path in [
        "/nodes/pve/lxc",
        "/nodes/pve/replication",
        "/cluster/backup",
        "/cluster/ha/resources",
        "/cluster/ha/rules",
        "/cluster/replication",
    ] {
        assert_eq!(admin.call("GET", path, ""), serde_json::json!([]), "{path}");
    }
    assert_eq!(admin.call("GET", "/cluster/config/qdevice", ""), serde_json::json!({}));
    assert_eq!(admin.call("GET", "/nodes/pve/subscription", "")["status"], "notfound");
    assert_eq!(admin.call("GET", "/cluster/backup-info/not-backed-up", "").as_array().unwrap().len(), 3);
    assert_eq!(admin.call("GET", "/cluster/ha/status/manager_status", "")["quorum"]["quorate"], "1");
}
