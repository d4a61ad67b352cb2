//! The real binary on a machine that does not play along: disks, files, streams, signals, environments.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use glassdome::sandbox::{Fault, Sandbox};
use rustix::process::Signal;

use crate::env_store::{SmallDisk, is_root};
use crate::support::admin::Admin;
use crate::support::terminal::Terminal;
use crate::support::test_env::{BOUND, Outcome, TestEnv, quick, scene, signal};
use crate::support::{make_fifo, skipped};

const WORLD: [u64; 3] = [101, 9000, 9001];

/// Fills a small disk to its last block.
fn full_disk() -> Option<SmallDisk> {
    let disk = SmallDisk::new()?;
    let mut size = 64 * 1024;
    while size > 0 {
        let path = disk.0.path().join(format!("filler-{size}"));
        if fs::write(&path, vec![b'x'; size]).is_err() {
            let _ = fs::remove_file(path);
            size /= 2;
            continue;
        }
        size /= 2;
    }
    Some(disk)
}

#[test]
fn a_full_disk_costs_neither_the_settings_nor_a_vm() {
    let (sandbox, mut stage) = scene(quick());
    let Some(disk) = SmallDisk::new() else { return skipped("cannot mount a small file system") };
    let path = disk.0.path().join(".env");
    let old = stage.read(".env").replace("PROXMOX_NODE=pve\n", "");
    fs::write(&path, &old).unwrap();
    fs::copy(stage.path("proxmox-ca.pem"), disk.0.path().join("proxmox-ca.pem")).unwrap();
    while fs::write(disk.0.path().join(format!("{:?}", Instant::now())), [b'x'; 4096]).is_ok() {}
    let line = format!("setup --no-input --skip-test-vm --env-file {}", path.display());
    let outcome = stage.glassdome(&line).expect(3);
    assert!(outcome.stderr.contains("full") || outcome.stderr.contains("space"), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), old);

    // No note of a VM, no VM.
    let Some(state) = full_disk() else { return skipped("cannot mount a small file system") };
    stage.set("XDG_STATE_HOME", &state.0.path().display().to_string());
    stage.glassdome("test-vm").expect(3).says("cannot write the journal");
    assert!(sandbox.seen().iter().all(|seen| seen.method == "GET"), "nothing was cloned");
}

#[test]
fn a_read_only_folder_is_reported_and_the_file_stays() {
    let (_sandbox, stage) = scene(quick());
    if !is_root() {
        return skipped("only root can change its user");
    }
    let old = stage.read(".env").replace("PROXMOX_NODE=pve\n", "");
    stage.write(".env", &old);
    // The program is copied, because the unprivileged user may not enter the folder that it was built in.
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    // By another process: a child of a test beside this one would inherit the open file, and a file that is open for
    // writing cannot be run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_glassdome")).arg(place.path()).status().unwrap();
    assert!(copied.success());
    for folder in stage.folder().ancestors().take(2) {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(stage.path(".env"), Permissions::from_mode(0o644)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(place.path().join("glassdome"))
        .args(["setup", "--no-input", "--skip-test-vm"])
        .current_dir(stage.folder())
        .env_clear()
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else { return skipped("setpriv is not installed; run .ci/install") };
    Outcome::of(&output).expect(3).says("that you can write to");
    assert_eq!(stage.read(".env"), old);
    assert!(!stage.path(".env.bak").exists());
}

#[test]
fn what_stands_in_place_of_the_file_is_named_and_nothing_hangs() {
    for (kind, words) in
        [("folder", "folder"), ("fifo", "not a regular file"), ("dangling", "symbolic link"), ("loop", "link")]
    {
        let stage = TestEnv::new();
        let path = stage.path(".env");
        match kind {
            "folder" => fs::create_dir(&path).unwrap(),
            "fifo" => make_fifo(&path),
            "dangling" => symlink(stage.path("nowhere/.env"), &path).unwrap(),
            _ => symlink(&path, &path).unwrap(),
        }
        let began = Instant::now();
        for line in ["setup --no-input", "test-vm", "cleanup", "doctor"] {
            let outcome = stage.glassdome(line).expect(3);
            let told = format!("{}{}", outcome.results, outcome.stderr);
            assert!(told.contains(words), "{kind}, {line}: {told}");
        }
        assert!(began.elapsed() < BOUND);
    }
}

#[test]
fn a_file_of_another_user_keeps_its_owner() {
    let (_sandbox, stage) = scene(quick());
    if !is_root() {
        return skipped("only root can give a file away");
    }
    stage.write(".env", &stage.read(".env").replace("PROXMOX_NODE=pve\n", ""));
    fs::set_permissions(stage.path(".env"), Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(stage.path(".env"), Some(65534), Some(65534)).unwrap();
    stage.glassdome("doctor").expect(0).shows("belongs to user 65534");
    stage.glassdome("setup --no-input --skip-test-vm").expect(0);
    let found = fs::metadata(stage.path(".env")).unwrap();
    assert_eq!((found.uid(), found.mode() & 0o777), (65534, 0o600));
}

#[test]
fn of_two_wizards_at_once_the_second_writes_nothing() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let start = || {
        let mut terminal = Terminal::of(stage.command(stage.flags_to(&sandbox, "setup --skip-test-vm")), 80);
        terminal.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "").wait_for("Save this?");
        terminal
    };
    let (mut first, mut second) = (start(), start());
    first.press("\r");
    first.end(0);
    let written = stage.read(".env");
    second.press("\r");
    second.end(3).says("nothing was written");
    assert_eq!(stage.read(".env"), written);

    // Another user with an editor, in place of the first wizard.
    Admin::of(&sandbox).call("POST", "/pools", "poolid=lab");
    let mut third =
        Terminal::of(stage.command(stage.flags_to(&sandbox, "setup --skip-test-vm --node pve --pool lab")), 80);
    third.to("Template for Ubuntu 22.04", "").to("Template for Ubuntu 20.04", "").wait_for("Save this?");
    let edited = format!("{written}# mine\n");
    stage.write(".env", &edited);
    third.press("\r");
    third.end(3).says("nothing was written");
    assert_eq!(stage.read(".env"), edited);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let (sandbox, stage) = scene(quick());
    for line in ["help", "doctor", "doctor -o json", "test-vm", "test-vm -o json", "cleanup", "env", "sandbox --help"] {
        let words = line.split_whitespace();
        let mut child = stage.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{line}");
    }
    assert_eq!(Admin::of(&sandbox).vmids(), WORLD);
}

#[test]
fn without_a_home_there_is_no_note_and_so_no_vm() {
    let (sandbox, stage) = scene(quick());
    let homeless = |line: &str| {
        let mut command = stage.command(line.split_whitespace());
        command.env_remove("HOME").env_remove("XDG_STATE_HOME");
        Outcome::of(&command.output().unwrap())
    };
    homeless("test-vm").expect(3).says("neither XDG_STATE_HOME nor HOME is set");
    homeless("cleanup").expect(3).says("XDG_STATE_HOME");
    homeless("doctor").expect(3).shows("neither XDG_STATE_HOME nor HOME is set").shows("required privileges");
    homeless("setup --no-input --skip-test-vm").expect(0);
    homeless("test-vm --sandbox").expect(0);
    assert!(sandbox.seen().iter().all(|seen| seen.method == "GET"));
}

#[test]
fn bytes_that_are_not_text_are_reported_where_they_matter() {
    let (_sandbox, stage) = scene(quick());
    let strange = OsStr::from_bytes(b"\xff\xfe");
    let with = |name: &OsStr, line: &str| {
        let mut command = stage.command(line.split_whitespace());
        Outcome::of(&command.env(name, strange).output().unwrap())
    };
    with(strange, "test-vm").expect(0);
    with(OsStr::new("SOMETHING"), "doctor").expect(0);
    for line in ["test-vm", "doctor", "setup --no-input"] {
        let outcome = with(OsStr::new("PROXMOX_NODE"), line).expect(3);
        assert!(format!("{}{}", outcome.results, outcome.stderr).contains("the variable PROXMOX_NODE"), "{line}");
    }
    // The diagnosis goes on with what the file says.
    with(OsStr::new("PROXMOX_NODE"), "doctor").expect(3).shows("node pve, template 9000");
    // In the file: a line that is not ours is none of our business, and is kept byte for byte.
    let file = [b"# caf\xe9\nOTHER=\xff\n".as_slice(), stage.read(".env").replace("PROXMOX_NODE=pve\n", "").as_bytes()]
        .concat();
    fs::write(stage.path(".env"), &file).unwrap();
    stage.glassdome("doctor").expect(0).shows("is not UTF-8");
    stage.glassdome("setup --no-input --skip-test-vm").expect(0);
    assert!(fs::read(stage.path(".env")).unwrap().starts_with(b"# caf\xe9\nOTHER=\xff\n"));
    let path = stage.folder().join(OsStr::from_bytes(b"\xff.env"));
    fs::rename(stage.path(".env"), &path).unwrap();
    let mut command = stage.command([OsStr::new("test-vm"), OsStr::new("--env-file"), path.as_os_str()]);
    Outcome::of(&command.output().unwrap()).expect(0);
}

/// Holds a run at a request and sends signals; gives what came of it, or nothing where the run ended before.
fn signalled(line: &str, number: usize, signals: &[Signal]) -> Option<(Sandbox, TestEnv, Outcome)> {
    let (sandbox, stage) = scene(quick());
    sandbox.add_fault(Fault::HoldBefore(number));
    let mut child = stage.spawn(line);
    while !sandbox.wait_until_seen(number, Duration::from_millis(20)) {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
    }
    let (first, more) = signals.split_first().unwrap();
    if more.is_empty() {
        sandbox.clear_faults();
    }
    signal(&child, *first);
    for again in more {
        signal(&child, *again);
    }
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    sandbox.clear_faults();
    Some((sandbox, stage, outcome))
}

#[test]
fn a_signal_at_any_step_of_the_test_vm_leaves_nothing() {
    // Up to the start: what comes behind it is clean-up already, which no single signal hurries.
    let (sandbox, stage) = scene(quick());
    stage.glassdome("test-vm").expect(0);
    let last = sandbox.seen().iter().position(|seen| seen.path.ends_with("/status/start")).unwrap() + 1;
    for number in 1..=last {
        let kind = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)][number % 3];
        let Some((sandbox, stage, outcome)) = signalled("test-vm --timeout 5", number, &[kind.0]) else { return };
        assert_eq!(outcome.code, kind.1, "{number}\n{}", outcome.stderr);
        assert_eq!(Admin::of(&sandbox).vmids(), WORLD, "{number}\n{}", outcome.stderr);
        assert!(stage.entries().is_empty(), "{number}\n{}", outcome.stderr);
    }
}

#[test]
fn a_signal_during_the_removal_is_told_by_the_exit_code_once_the_vm_is_gone() {
    // A loop of a shell goes on after Ctrl-C where the program ends with 0.
    for (ending, method) in [("/status/stop", "POST"), ("/qemu/100", "DELETE")] {
        let (sandbox, stage) = scene(quick());
        let (sender, seen) = std::sync::mpsc::channel();
        sandbox.before_call(move |called, path, _| {
            if called == method && path.ends_with(ending) {
                let _ = sender.send(()); // the test may be over
            }
        });
        let child = stage.spawn("test-vm");
        seen.recv_timeout(BOUND).unwrap();
        signal(&child, Signal::INT);
        let outcome = Outcome::of(&child.wait_with_output().unwrap()).expect(130);
        assert_eq!(Admin::of(&sandbox).vmids(), WORLD, "{outcome:?}");
        assert!(stage.entries().is_empty(), "{outcome:?}");
        outcome.says("VM 100 deleted; nothing left on pve");
    }
}

#[test]
fn two_signals_at_any_step_end_it_at_once_and_no_vm_is_forgotten() {
    for number in 1.. {
        let began = Instant::now();
        // Two of one kind may be one to the system, where the first was not taken in yet.
        let signals = [Signal::INT, Signal::TERM];
        let Some((sandbox, stage, outcome)) = signalled("test-vm", number, &signals) else {
            assert!(number > 15, "a proof takes more than fifteen requests");
            return;
        };
        assert!(began.elapsed() < BOUND);
        assert!([130, 143].contains(&outcome.code), "{number}: {}\n{}", outcome.code, outcome.stderr);
        if !stage.entries().is_empty() {
            assert!(outcome.stderr.contains("VM 100"), "{number}\n{}", outcome.stderr);
        }
        stage.glassdome("cleanup").expect(0);
        assert_eq!(Admin::of(&sandbox).vmids(), WORLD, "{number}\n{}", outcome.stderr);
        assert!(stage.entries().is_empty(), "{number}");
    }
}

#[test]
fn a_signal_at_any_step_of_the_other_commands_ends_them() {
    for (line, least) in [("doctor", 10), ("setup --no-input --skip-test-vm", 10), ("cleanup", 1)] {
        for number in (1..).step_by(3) {
            let Some((sandbox, stage, outcome)) = signalled(line, number, &[Signal::TERM]) else {
                assert!(number > least, "{line} takes more than {least} requests");
                break;
            };
            assert_eq!(outcome.code, 143, "{line} at {number}\n{}", outcome.stderr);
            assert_eq!(Admin::of(&sandbox).vmids(), WORLD);
            assert!(!stage.path(".env.bak").exists(), "{line} at {number}: nothing was written");
        }
    }
}
