//! The pictures of the README: real sessions at a real terminal, which must still look like that.
//!
//! `bash .ci/pictures` draws them anew.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use glassdome::sandbox::Sandbox;

use crate::support::picture::Picture;
use crate::support::terminal::Terminal;
use crate::support::test_env::{TestEnv, quick};

/// The default width of a terminal.
const COLUMNS: u16 = 80;

/// The variable that asks for new pictures.
const DRAW: &str = "DRAW_PICTURES";

/// The folder that the pictures show in place of a temporary one.
const HOME: &str = "/home/me/glassdome";

/// Runs a session to its end, with an answer to each question, and compares it with its picture, or draws it.
fn is_like_its_picture(stage: &TestEnv, name: &str, line: &str, questions: &[(&str, &str)], code: i32) {
    let mut terminal = Terminal::start(stage, COLUMNS, line);
    for (question, answer) in questions {
        terminal.to(question, answer);
    }
    let sent = terminal.end(code).everything;
    let line = format!("glassdome {line}");
    let sent = sent.replace(&*stage.folder().to_string_lossy(), HOME);
    let picture = Picture::of(&format!("$ {line}\r\n{sent}"), COLUMNS);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".github/pictures").join(name);
    if std::env::var_os(DRAW).is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path.with_extension("svg"), picture.svg(&line)).unwrap();
        fs::write(path.with_extension("txt"), picture.text() + "\n").unwrap();
        return;
    }
    let drawn = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
    assert_eq!(lasting(&picture.text()), lasting(&drawn), "the picture of `{line}` is stale: bash .ci/pictures");
    assert!(path.with_extension("svg").exists());
}

/// Leaves out what differs from run to run: each word with a digit, names made by chance, the blanks around them, and
/// of many test VMs what took how much of their time.
fn lasting(text: &str) -> Vec<&str> {
    let is_lasting = |word: &&str| !word.contains(|it: char| it.is_ascii_digit()) && !word.contains("glassdome-test-");
    let (before, figures) = text.split_once("Time per VM").unwrap_or((text, ""));
    let after = figures.split_once("Verified: ").map_or("", |(_, after)| after);
    before.split_whitespace().chain(after.split_whitespace()).filter(is_lasting).collect()
}

#[test]
fn a_test_vm_looks_like_its_picture() {
    is_like_its_picture(&TestEnv::new(), "test-vm", "test-vm --sandbox", &[], 0);
}

#[test]
fn many_test_vms_look_like_their_picture() {
    is_like_its_picture(&TestEnv::new(), "many", "test-vm --sandbox --count 6 --parallel 3", &[], 0);
}

#[test]
fn a_diagnosis_that_finds_something_looks_like_its_picture() {
    let stage = TestEnv::new();
    let settings = stage.write(".env.sandbox", "PROXMOX_NODE=pve2\nPROXMOX_VERIFY_SSL=yes\n");
    fs::set_permissions(settings, fs::Permissions::from_mode(0o600)).unwrap();
    is_like_its_picture(&stage, "doctor", "doctor --sandbox", &[], 8);
}

#[test]
fn the_wizard_looks_like_its_picture() {
    let questions = [
        ("Proxmox VE host", ""),
        ("Do you trust this certificate?", ""),
        ("User for the token", ""),
        ("How do you want to get the token?", "\x1b[B\x1b[B\x1b[B\x1b[B"),
        ("Token name", ""),
        ("Paste the secret", "00000000-1111-2222-3333-444444444444"),
        ("Template for Ubuntu 22.04", ""),
        ("Template for Ubuntu 20.04", ""),
        ("Save this?", ""),
        ("Verify with a test VM now", ""),
    ];
    is_like_its_picture(&TestEnv::new(), "setup", "setup --sandbox", &questions, 0);
}

/// The session of the README: a run by flags, as a script would make it.
#[test]
fn the_session_of_the_readme_is_a_run() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let start = readme.find("<!-- session: setup -->\n```console\n$ glassdome ").expect("a session");
    let shown = readme[start..].split("```").nth(1).unwrap().trim_start_matches("console\n");
    let line = shown.lines().next().unwrap().trim_start_matches("$ glassdome ");

    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.write("secret.txt", sandbox.default_token().2);
    stage.write("pve-root-ca.pem", sandbox.ca_pem());
    let (server, example) = (sandbox.address().to_string(), "192.168.1.50");
    let outcome = stage.glassdome(&line.replace(example, &server)).expect(0);
    let printed = outcome.stderr + &outcome.results;
    let printed = printed.replace(&server, example).replace(&*stage.folder().to_string_lossy(), HOME);
    // What to do next is told at length, and is in the picture of the wizard.
    let printed = printed.split("\nQuick reference").next().unwrap();
    let session = format!("$ glassdome {line}\n{}\n", printed.trim_end());
    if std::env::var_os(DRAW).is_some() {
        fs::write(&path, readme.replacen(shown, &session, 1)).unwrap();
        return;
    }
    assert_eq!(lasting(&session), lasting(shown), "the session in README.md is stale: bash .ci/pictures");
}
