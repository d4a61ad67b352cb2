//! The secret shows up nowhere it should not.

use std::fs;
use std::path::Path;
use std::time::Duration;

use glassdome::sandbox::{Fault, Options, Sandbox};

use crate::support::admin::Admin;
use crate::support::lacks;
use crate::support::test_env::{TestEnv, mode, quick};

/// A token of the sandbox whose secret is used nowhere else.
fn canary(sandbox: &Sandbox) -> String {
    let admin = Admin::of(sandbox);
    let secret = admin.token("canary@pve", "tt", false);
    admin.grant("/", "canary@pve", "Administrator");
    secret
}

/// Fails if the secret, or more than its first four characters, stands in a text.
#[track_caller]
fn is_clean(secret: &str, what: &str, text: &str) {
    assert!(!text.contains(&secret[..13]), "{what} shows the secret:\n{text}");
    assert!(!text.contains(&secret[5..]), "{what} shows the secret:\n{text}");
}

/// Walks through all files below a folder.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn no_output_shows_it_whatever_happens() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let secret = canary(&sandbox);
    let stage = TestEnv::new();
    stage.point_with(&sandbox, "canary@pve", "tt", &secret);
    for line in [
        "test-vm -vv",
        "test-vm -vv -o json",
        "setup --no-input -vv",
        "setup --no-input -vv -o json --dry-run",
        "test-vm -vv --template 101",
        "test-vm -vv --user canary@pam",
        "test-vm -vv --host 127.0.0.1:1",
        "cleanup -vv",
    ] {
        let outcome = stage.glassdome(line);
        is_clean(&secret, line, &outcome.results);
        is_clean(&secret, line, &outcome.stderr);
    }
    let half = &secret[..35];
    stage.point_with(&sandbox, "canary@pve", "tt", half);
    let outcome = stage.glassdome("test-vm -vv").expect(3).says("35 of 36");
    is_clean(&secret, "a secret that was cut off", &outcome.stderr);
    stage.write("secret.txt", half);
    let outcome = stage.glassdome("setup --no-input -vv --token-value-file secret.txt").expect(3);
    is_clean(&secret, "a file with a secret that was cut off", &outcome.stderr);
}

#[test]
fn every_file_that_holds_it_is_private() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let secret = canary(&sandbox);
    let stage = TestEnv::new();
    stage.write("ca.pem", sandbox.ca_pem());
    let given = stage.write("secret.txt", &secret);
    let line = format!(
        "setup --no-input -vv --host {} --user canary@pve --token-name tt --token-value-file secret.txt --ca-file ca.pem",
        sandbox.address()
    );
    stage.glassdome(&line).expect(0);
    stage.glassdome("setup --no-input --skip-test-vm --ubuntu-2204-template-id 9001").expect(0);
    let mut all = Vec::new();
    files(stage.folder().parent().unwrap(), &mut all);
    let holding: Vec<_> = all
        .into_iter()
        .filter(|path| *path != given && String::from_utf8_lossy(&fs::read(path).unwrap()).contains(&secret))
        .collect();
    assert_eq!(holding.len(), 2, "{holding:?}");
    assert!(holding.iter().all(|path| mode(path) == 0o600), "{holding:?}");
}

#[test]
fn no_process_shows_it_in_its_arguments_or_hands_it_on() {
    if lacks(&["env"]) {
        return;
    }
    let sandbox = Sandbox::start(Options { task_time: Duration::from_secs(2), ..quick() }).unwrap();
    let secret = canary(&sandbox);
    let mut stage = TestEnv::new();
    stage.point_with(&sandbox, "canary@pve", "tt", &secret);
    let settings = stage.read(".env").replace(&format!("PROXMOX_TOKEN_VALUE={secret}\n"), "");
    stage.write(".env", &settings);
    stage.set("PROXMOX_TOKEN_VALUE", &secret);
    // A `git` of ours writes down what it is given: the real one is started by the same line.
    let record = stage.path("environment.txt");
    let tools = stage.path("tools");
    fs::create_dir(&tools).unwrap();
    let script = format!("#!/bin/sh\nenv >> {}\nexit 1\n", record.display());
    fs::write(tools.join("git"), script).unwrap();
    fs::set_permissions(tools.join("git"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::create_dir(stage.path(".git")).unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    stage.set("PATH", &path);
    let child = stage.spawn("setup --no-input -vv");
    while !sandbox.seen().iter().any(|seen| seen.path.contains(":qmclone:")) {
        assert!(sandbox.wait_until_seen(sandbox.seen().len() + 1, Duration::from_secs(60)));
    }
    let arguments = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    is_clean(&secret, "the process list", &String::from_utf8_lossy(&arguments));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let handed_on = fs::read_to_string(&record).unwrap();
    assert!(handed_on.contains("PATH="), "git was asked");
    is_clean(&secret, "the environment of git", &handed_on);
}

#[test]
fn a_server_that_echoes_it_does_not_get_it_printed() {
    let sandbox = Sandbox::start(Options { faults: vec![Fault::Gateway(502)], ..quick() }).unwrap();
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    let (_, _, secret) = sandbox.default_token();
    let outcome = stage.glassdome("test-vm -vv").expect(9);
    is_clean(secret, "the error", &outcome.stderr);
}
