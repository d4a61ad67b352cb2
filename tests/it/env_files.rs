//! The real binary and the files around a settings file: its encoding, its size, its links, its CA, its state folder.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use glassdome::sandbox::Sandbox;

use crate::support::test_env::{BOUND, Outcome, TestEnv, quick, scene};
use crate::support::{lacks, make_fifo};

/// Everything that may change a server or a file.
const CHANGES: [&str; 7] = [
    "setup --no-input --yes",
    "setup --no-input --yes --create-token --regenerate --login-user root@pam --login-password-file password",
    "test-vm",
    "token create --yes --no-input --login-user root@pam --login-password-file password",
    "token rotate --yes --no-input --login-user root@pam --login-password-file password",
    "template create --no-input --yes",
    "cleanup",
];

#[test]
fn no_command_changes_anything_when_the_settings_are_not_utf_8() {
    let (sandbox, stage) = scene(quick());
    stage.write("password", "sandbox");
    let text = stage.read(".env");
    for bytes in [
        text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
        format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect(),
        text.chars().flat_map(|it| u32::from(it).to_le_bytes()).collect(),
    ] {
        fs::write(stage.path(".env"), &bytes).unwrap();
        for line in CHANGES {
            stage.glassdome(line).expect(3).says("settings files must be UTF-8").says("iconv -f UTF-");
        }
        stage.glassdome("doctor").expect(3).shows("settings files must be UTF-8");
        stage.glassdome("env").expect(3).says("settings files must be UTF-8");
        assert_eq!(fs::read(stage.path(".env")).unwrap(), bytes);
        assert!(!stage.path(".env.bak").exists());
    }
    assert!(sandbox.seen().is_empty(), "nothing was sent");
    // The command that is advised works.
    let stderr = stage.glassdome("test-vm").stderr;
    let line = stderr.lines().find(|line| line.contains("iconv")).unwrap().trim();
    if !lacks(&["iconv", "mv"]) {
        assert!(Command::new("/bin/sh").arg("-c").arg(line).status().unwrap().success(), "{line}");
        assert_eq!(stage.read(".env"), text);
        assert_eq!(crate::env_store::mode(&stage.path(".env")), 0o600);
    }
}

#[test]
fn whatever_is_too_large_or_never_ends_is_refused_in_time() {
    let (sandbox, stage) = scene(quick());
    File::create(stage.path("sparse")).unwrap().set_len(3 << 30).unwrap();
    fs::create_dir(stage.path("folder")).unwrap();
    make_fifo(&stage.path("fifo"));
    let began = Instant::now();
    for name in ["sparse", "folder", "fifo", "/dev/zero", "/dev/full", "/proc/self/mem"] {
        let outcome = stage.glassdome(&format!("test-vm --env-file {name}"));
        assert!((1..=3).contains(&outcome.code), "{name}: {outcome:?}");
        let outcome = stage.glassdome(&format!("test-vm --ca-file {name}")).expect(3);
        assert!(outcome.stderr.contains("cannot read the CA file"), "{name}: {outcome:?}");
    }
    let line = format!("test-vm --env-file {}", stage.path("sparse").display());
    stage.glassdome(&line).expect(3).says("larger than 16 MiB");
    stage.glassdome("test-vm --ca-file sparse").expect(3).says("larger than 4 MiB");
    let completed = Command::new(env!("CARGO_BIN_EXE_glassdome"))
        .current_dir(stage.folder())
        .env("GLASSDOME_COMPLETE", "bash")
        .env("GLASSDOME_ENV_FILE", "fifo")
        .env("_CLAP_COMPLETE_INDEX", "2")
        .args(["--", "glassdome", "--instance", ""])
        .output()
        .unwrap();
    assert!(completed.status.success(), "{completed:?}");
    assert!(began.elapsed() < BOUND);
    assert!(sandbox.seen().is_empty(), "nothing was sent");
}

/// Settings that are pinned to the certificate and reached by a link: `app/.env` leads to `real/env`.
fn linked() -> (Sandbox, TestEnv) {
    let (sandbox, stage) = scene(quick());
    let text = stage.read(".env").replace("PROXMOX_CA_FILE=proxmox-ca.pem\n", "");
    for name in [".env", "proxmox-ca.pem"] {
        fs::remove_file(stage.path(name)).unwrap();
    }
    for name in ["real", "app", "other"] {
        fs::create_dir(stage.path(name)).unwrap();
    }
    stage.write("real/env", &text.replace("PROXMOX_VERIFY_SSL=false\n", ""));
    symlink("../real/env", stage.path("app/.env")).unwrap();
    (sandbox, stage)
}

const SETUP: &str = "setup --no-input --yes --skip-test-vm --accept-new-certificate --env-file app/.env";

#[test]
fn the_ca_lies_beside_the_file_and_is_found_by_every_way_to_it() {
    let (sandbox, stage) = linked();
    stage.glassdome(SETUP).expect(0).says("real/proxmox-ca.pem");
    assert_eq!(stage.read("real/proxmox-ca.pem"), sandbox.ca_pem());
    assert!(!stage.path("app/proxmox-ca.pem").exists());
    assert!(stage.read("real/env").contains("PROXMOX_CA_FILE=proxmox-ca.pem\n"));
    let written = stage.read("real/env");
    for file in ["app/.env", "real/env"] {
        stage.glassdome(&format!("test-vm --env-file {file}")).expect(0);
        stage.glassdome(&format!("setup --no-input --skip-test-vm --env-file {file}")).expect(0);
        assert_eq!(stage.read("real/env"), written, "{file}");
    }
    // Beside the link, where it was written before, it is still found.
    fs::rename(stage.path("real/proxmox-ca.pem"), stage.path("app/proxmox-ca.pem")).unwrap();
    stage.glassdome("test-vm --env-file app/.env").expect(0);
    stage.glassdome("setup --no-input --skip-test-vm --env-file app/.env").expect(0);
    assert_eq!(stage.read("real/env"), written);
    // Of two the one beside the file counts.
    stage.write("real/proxmox-ca.pem", sandbox.ca_pem());
    stage.write("app/proxmox-ca.pem", "nothing");
    stage.glassdome("test-vm --env-file app/.env").expect(0);
}

#[test]
fn a_ca_file_that_is_a_link_is_not_written_through_without_a_person() {
    for target in ["../other/theirs.pem", "../other/none.pem"] {
        let (sandbox, stage) = linked();
        stage.write("other/theirs.pem", "theirs");
        symlink(target, stage.path("real/proxmox-ca.pem")).unwrap();
        let before = stage.read("real/env");
        stage.glassdome(SETUP).expect(3).says("is a symbolic link");
        stage.glassdome(&SETUP.replace("--yes ", "")).expect(3);
        assert_eq!((stage.read("real/env"), stage.read("other/theirs.pem")), (before, "theirs".to_owned()));
        assert_eq!(fs::read_dir(stage.path("other")).unwrap().count(), 1);
        // Where it holds the very CA there is nothing to write.
        fs::write(stage.path("other/theirs.pem"), sandbox.ca_pem()).unwrap();
        if target.ends_with("theirs.pem") {
            stage.glassdome(SETUP).expect(0);
        }
    }
}

#[test]
fn what_stands_in_place_of_the_ca_file_is_named_and_nothing_is_written() {
    for kind in ["folder", "fifo", "sparse"] {
        let (_sandbox, stage) = linked();
        let path = stage.path("real/proxmox-ca.pem");
        match kind {
            "folder" => fs::create_dir(&path).unwrap(),
            "fifo" => make_fifo(&path),
            _ => File::create(&path).unwrap().set_len(3 << 30).unwrap(),
        }
        let before = stage.read("real/env");
        stage.glassdome(SETUP).expect(3).says("cannot read the CA file");
        assert_eq!(stage.read("real/env"), before, "{kind}");
    }
}

/// Runs with other values for the variables that lead to the state folder.
fn at_home(stage: &TestEnv, variables: &[(&str, &str)], line: &str) -> Outcome {
    let mut command = stage.command(line.split_whitespace());
    command.env_remove("HOME").env_remove("XDG_STATE_HOME").envs(variables.iter().copied());
    Outcome::of(&command.output().unwrap())
}

#[test]
fn a_state_folder_that_cannot_be_used_is_reported_before_anything_is_asked_or_changed() {
    let (sandbox, stage) = scene(quick());
    stage.write("password", "sandbox");
    stage.write("file", "");
    let file = stage.path("file").display().to_string();
    let settings = stage.read(".env");
    stage.write(".env", &settings.replace("PROXMOX_NODE=pve\n", ""));
    let before = stage.read(".env");
    for (variables, words) in [
        (vec![], "neither XDG_STATE_HOME nor HOME is set"),
        (vec![("HOME", "rel")], "HOME is not an absolute path: `rel`"),
        (vec![("HOME", "/"), ("XDG_STATE_HOME", "state")], "XDG_STATE_HOME is not an absolute path: `state`"),
        (vec![("XDG_STATE_HOME", file.as_str())], "cannot write the journal"),
        (vec![("HOME", "/proc/none")], "cannot write the journal"),
    ] {
        for line in ["test-vm", "setup --no-input --yes", "template create --no-input --yes"] {
            at_home(&stage, &variables, line).expect(3).says(words);
        }
        at_home(&stage, &variables, "env").expect(0);
        at_home(&stage, &variables, "test-vm --sandbox").expect(0);
    }
    assert!(sandbox.seen().is_empty(), "nothing was sent");
    assert_eq!(stage.read(".env"), before);
    let left: Vec<_> = fs::read_dir(stage.folder()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "rel" || name == "state"), "{left:?}");
}

#[test]
fn what_is_not_an_entry_in_the_journal_is_reported_and_stops_nothing() {
    let (_sandbox, stage) = scene(quick());
    stage.glassdome("test-vm").expect(0);
    let folder = stage.folder().parent().unwrap().join("state/glassdome/journal");
    let made = |path: &Path| make_fifo(path);
    made(&folder.join("a.json"));
    fs::create_dir(folder.join("b.json")).unwrap();
    symlink("/dev/zero", folder.join("c.json")).unwrap();
    File::create(folder.join("d.json")).unwrap().set_len(3 << 30).unwrap();
    let began = Instant::now();
    for name in ["a", "b", "c", "d"] {
        let words = format!("{name}.json is not a readable journal entry");
        stage.glassdome("cleanup").expect(0).shows(&words);
        stage.glassdome("doctor").expect(0).shows(&words);
    }
    stage.glassdome("test-vm").expect(0);
    assert!(began.elapsed() < BOUND);
}

#[test]
fn the_diagnosis_tells_of_hard_links() {
    let (_sandbox, stage) = scene(quick());
    fs::hard_link(stage.path(".env"), stage.path("second")).unwrap();
    stage.glassdome("doctor").expect(0).shows("1 other name(s) (hard links)");
    stage.write(".env", &stage.read(".env").replace("PROXMOX_NODE=pve\n", ""));
    stage.glassdome("setup --no-input --skip-test-vm").expect(0).says("hard link");
}
