//! Results that cannot be written: a full disk is a failure, a reader that has gone away is none.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use glassdome::sandbox::Sandbox;

use crate::support::admin::Admin;
use crate::support::skipped;
use crate::support::test_env::{Outcome, TestEnv, quick, scene};

/// Opens the device that is always full; there is none outside Linux.
fn full() -> Option<File> {
    let full = OpenOptions::new().write(true).open("/dev/full");
    full.map_err(|_| skipped("missing: /dev/full")).ok()
}

/// Runs a command whose results go to a full disk.
fn onto_a_full_disk(stage: &TestEnv, line: &str) -> Option<Outcome> {
    let mut command = stage.command(line.split_whitespace());
    let output = command.stdout(full()?).stderr(Stdio::piped()).output().unwrap();
    Some(Outcome::of(&output))
}

const LOGIN: &str = "--login-user root@pam --login-password-file password.txt --no-input";

fn stage() -> (Sandbox, TestEnv) {
    let (sandbox, stage) = scene(quick());
    stage.write("password.txt", "sandbox");
    (sandbox, stage)
}

#[test]
fn every_command_fails_whose_result_cannot_be_written() {
    let (_sandbox, stage) = stage();
    for line in [
        "doctor",
        "doctor -o json",
        "template list",
        "template list -o json",
        "test-vm",
        "test-vm -o json",
        "test-vm --count 2 -o json",
        "setup --no-input --yes --skip-test-vm",
        "setup --no-input --yes --skip-test-vm -o json",
        "setup --no-input --dry-run",
        "token list {login} -o json",
        "token create --token-name one --yes {login} -o json",
        "cleanup",
        "cleanup -o json",
        "env",
        "env --reveal",
        "env --reveal --format json",
        "env -o json --reveal",
        "env --format curl",
        "completions bash",
        "man",
        "help exit-codes",
        "help",
        "help setup",
        "--help",
        "setup --help",
        "--version",
    ] {
        let line = line.replace("{login}", LOGIN);
        let Some(outcome) = onto_a_full_disk(&stage, &line) else { return };
        assert_eq!(outcome.code, 1, "{line}: {outcome:?}");
        assert!(outcome.stderr.contains("error: cannot write the result to standard output"), "{line}: {outcome:?}");
        assert!(outcome.stderr.contains("No space left on device"), "{line}: {outcome:?}");
    }
}

#[test]
fn what_was_changed_is_reported_elsewhere_and_stands() {
    let (sandbox, stage) = stage();
    let line = format!("token create --user new@pve --token-name one --yes -o json {LOGIN}");
    let Some(outcome) = onto_a_full_disk(&stage, &line) else { return };
    let outcome = outcome.expect(1).says("its changes remain").says(r#""schema":"glassdome.token/1""#);
    Admin::of(&sandbox).call("GET", "/access/users/new@pve/token/one", "");
    let secret = stage.read(".env").lines().find_map(|it| it.strip_prefix("PROXMOX_TOKEN_VALUE=").map(str::to_owned));
    assert!(!outcome.stderr.contains(&secret.unwrap()), "{outcome:?}");
    // A failure of the command itself outweighs it.
    let line = "test-vm --template 101 -o json";
    onto_a_full_disk(&stage, line).unwrap().expect(stage.glassdome(line).code).says("cannot write the result");
    // A revealed secret is not printed anywhere else.
    let revealed = onto_a_full_disk(&stage, "env --reveal").unwrap();
    assert!(!revealed.stderr.contains("PROXMOX_TOKEN_VALUE"), "{revealed:?}");
}

#[test]
fn an_unreachable_sandbox_ends() {
    let stage = TestEnv::new();
    for line in ["sandbox --listen 127.0.0.1:0", "sandbox --listen 127.0.0.1:0 -o json"] {
        let Some(outcome) = onto_a_full_disk(&stage, line) else { return };
        outcome.expect(1).says("No space left on device");
    }
}

#[test]
fn a_standard_output_that_is_only_read_from_is_a_failure() {
    let (_sandbox, stage) = stage();
    for line in ["env --reveal", "--version", "template list -o json"] {
        let to = File::open(stage.path(".env")).unwrap();
        let output = stage.command(line.split_whitespace()).stdout(to).stderr(Stdio::piped()).output().unwrap();
        Outcome::of(&output).expect(1).says("cannot write the result to standard output");
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let (_sandbox, stage) = stage();
    for line in ["man", "--help", "completions zsh", "env --reveal", "template list -o json", "--version"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = stage.command(line.split_whitespace());
        let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let outcome = Outcome::of(&output).expect(0);
        assert!(!outcome.stderr.contains("error"), "{line}: {outcome:?}");
    }
}

#[test]
fn errors_that_cannot_be_reported_change_nothing() {
    let (_sandbox, stage) = stage();
    for (line, code) in [("test-vm --template 101", 8), ("--nonsense", 2), ("env", 0), ("help nothing", 2)] {
        let expected = stage.glassdome(line).code;
        assert_eq!(expected, code, "{line}");
        let Some(full) = full() else { return };
        let output = stage.command(line.split_whitespace()).stdout(Stdio::piped()).stderr(full).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}");
        let quoted = format!("exec \"$0\" {line} 2>&-");
        let status = shell(&stage, &quoted).stdout(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(code), "{line}");
    }
}

/// Prepares a shell that runs the binary as `$0`.
fn shell(stage: &TestEnv, script: &str) -> Command {
    let ours = stage.command::<&str>([]);
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg(ours.get_program()).current_dir(stage.folder()).env_clear().stdin(Stdio::null());
    command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[test]
fn files_that_cannot_be_written_whole_are_failures_and_are_not_left() {
    let (_sandbox, stage) = stage();
    if full().is_none() {
        return;
    }
    fs::create_dir(stage.path("pages")).unwrap();
    symlink("/dev/full", stage.path("pages/glassdome.1")).unwrap();
    stage.glassdome("man --dir pages").expect(1).says("No space left on device");
    // No file may grow: as if the disk were full from here on.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" doctor --bundle report.json";
    let outcome = Outcome::of(&shell(&stage, script).output().unwrap()).expect(1);
    outcome.says("cannot write the report");
    assert!(!stage.path("report.json").exists());
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" env --reveal > settings.txt";
    Outcome::of(&shell(&stage, script).output().unwrap()).expect(1).says("cannot write the result");
    // Where another path would do, that is what is told.
    stage.write("report.json", "");
    stage.glassdome("doctor --bundle report.json").expect(3).says("a file that does not exist yet");
}
