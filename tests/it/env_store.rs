//! The file on disk: whole at every moment, private, and no other program's change lost.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use glassdome::settings::{EnvFile, GroupRights, SaveOutcome, SaveReport, SettingsError, Store, Warning};
use rustix::fs::FlockOperation;
use tempfile::TempDir;

use crate::support::skipped;

const OLD: &[u8] = b"PROXMOX_HOST=old\n";
const NEW: &[u8] = b"PROXMOX_HOST=new\nPROXMOX_NODE=pve\n";

/// Names the file that the child of another test shall write.
const CHILD_FILE: &str = "GLASSDOME_TEST_CHILD_FILE";

/// How many calls of each kind the child makes before it saves: more than its main thread makes at the start, because
/// strace counts each thread and each kind of call by itself.
const BURNT: usize = 100;

fn folder_with(mode: u32) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    fs::write(&path, OLD).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

fn save(path: &Path, text: &[u8], group: GroupRights) -> Result<SaveReport, SettingsError> {
    let store = Store::new(path).waiting_at_most(Duration::from_millis(1));
    let loaded = store.load()?;
    store.save(&EnvFile::new(text.to_vec()), &loaded.stamp, group)
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_new_file_is_private_and_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    let saved = save(&path, NEW, GroupRights::Keep).unwrap();
    assert_eq!((saved.outcome, saved.backup, saved.mode, saved.warnings), (SaveOutcome::Written, None, 0o600, vec![]));
    assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (NEW, 0o600));
    assert_eq!(names(folder.path()), [".env"]);
}

#[test]
fn the_old_file_is_kept_once_and_private() {
    let (folder, path) = folder_with(0o600);
    save(&path, b"A=1\n", GroupRights::Keep).unwrap();
    let saved = save(&path, NEW, GroupRights::Keep).unwrap();
    let backup = fs::canonicalize(folder.path()).unwrap().join(".env.bak");
    assert_eq!(saved.backup.as_ref(), Some(&backup));
    assert_eq!((fs::read(&backup).unwrap().as_slice(), mode(&backup)), (b"A=1\n".as_slice(), 0o600));
    assert_eq!(names(folder.path()), [".env", ".env.bak"]);
}

#[test]
fn an_unchanged_file_is_not_rewritten() {
    let (folder, path) = folder_with(0o600);
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
    let before = fs::metadata(&path).unwrap();
    assert_eq!(save(&path, OLD, GroupRights::Keep).unwrap().outcome, SaveOutcome::Unchanged);
    let after = fs::metadata(&path).unwrap();
    assert_eq!((after.ino(), after.modified().unwrap()), (before.ino(), long_ago));
    assert_eq!(names(folder.path()), [".env"]);
}

#[test]
fn what_everybody_may_read_is_tightened_and_the_group_is_asked_about() {
    for (before, group, after) in [
        (0o600, GroupRights::Keep, 0o600),
        (0o644, GroupRights::Keep, 0o640),
        (0o644, GroupRights::Drop, 0o600),
        (0o666, GroupRights::Keep, 0o660),
        (0o640, GroupRights::Keep, 0o640),
        (0o640, GroupRights::Drop, 0o600),
        (0o604, GroupRights::Keep, 0o600),
        (0o400, GroupRights::Keep, 0o400),
    ] {
        for text in [OLD, NEW] {
            let (_folder, path) = folder_with(before);
            let saved = save(&path, text, group).unwrap();
            assert_eq!((saved.mode, mode(&path)), (after, after), "{before:o}");
            let is_reported = saved.warnings.iter().any(|it| matches!(it, Warning::Tightened { .. }));
            assert_eq!(is_reported, before & 0o7 != 0, "{before:o}");
            let is_warned = saved.warnings.iter().any(|it| matches!(it, Warning::GroupMayRead { .. }));
            assert_eq!(is_warned, after & 0o70 != 0, "{before:o}");
        }
    }
}

#[test]
fn a_links_target_is_replaced_and_the_link_stays() {
    let (folder, path) = folder_with(0o600);
    let other = tempfile::tempdir().unwrap();
    let link = other.path().join(".env");
    symlink(&path, other.path().join("middle")).unwrap();
    symlink("middle", &link).unwrap();
    save(&link, NEW, GroupRights::Keep).unwrap();
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("middle"));
    assert_eq!(fs::read(&path).unwrap(), NEW);
    assert_eq!(names(folder.path()), [".env", ".env.bak"]);
    assert_eq!(names(other.path()), [".env", "middle"]);
}

#[test]
fn what_is_no_file_is_named_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    symlink("nowhere", at("dangling")).unwrap();
    symlink("circle", at("circle")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    let made = rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0);
    made.unwrap();
    let before = names(folder.path());
    for name in ["dangling", "circle", "folder", "fifo", "missing/.env"] {
        let why = save(&at(name), NEW, GroupRights::Keep).unwrap_err();
        let is_right = match name {
            "dangling" => matches!(why, SettingsError::DanglingLink { .. }),
            "circle" => matches!(why, SettingsError::LinkLoop { .. }),
            "folder" => matches!(why, SettingsError::IsFolder { .. }),
            "fifo" => matches!(why, SettingsError::NotAFile { .. }),
            _ => matches!(why, SettingsError::NoFolder { .. }),
        };
        assert!(is_right, "{name}: {why:?}");
    }
    assert_eq!(names(folder.path()), before);
}

#[test]
fn a_file_that_another_user_changed_is_not_overwritten() {
    let (folder, path) = folder_with(0o600);
    let store = Store::new(&path);
    let loaded = store.load().unwrap();
    fs::write(&path, "THEIRS=1\n").unwrap();
    let why = store.save(&EnvFile::new(NEW.to_vec()), &loaded.stamp, GroupRights::Keep).unwrap_err();
    assert!(matches!(why, SettingsError::ChangedMeanwhile { .. }), "{why:?}");
    fs::remove_file(&path).unwrap();
    let why = store.save(&EnvFile::new(NEW.to_vec()), &loaded.stamp, GroupRights::Keep).unwrap_err();
    assert!(matches!(why, SettingsError::ChangedMeanwhile { .. }), "{why:?}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn two_runs_are_kept_apart_without_leaving_a_lock() {
    let (folder, path) = folder_with(0o600);
    let held = fs::File::open(folder.path()).unwrap();
    rustix::fs::flock(&held, FlockOperation::LockExclusive).unwrap();
    let why = save(&path, NEW, GroupRights::Keep).unwrap_err();
    assert!(matches!(why, SettingsError::Locked { .. }), "{why:?}");
    assert_eq!(fs::read(&path).unwrap(), OLD);
    drop(held);
    save(&path, NEW, GroupRights::Keep).unwrap();
    assert_eq!(names(folder.path()), [".env", ".env.bak"]);
}

#[test]
fn what_a_killed_run_left_is_removed_and_nothing_else() {
    let (folder, path) = folder_with(0o600);
    let random = "0123456789abcdef0123456789abcdef";
    let others = format!(".env.sandbox.glassdome-{random}.tmp");
    for name in [&format!(".env.glassdome-{random}.tmp"), &others, ".env.glassdome-notes.tmp"] {
        fs::write(folder.path().join(name), "SECRET=1").unwrap();
    }
    save(&path, NEW, GroupRights::Keep).unwrap();
    assert_eq!(names(folder.path()), [".env", ".env.bak", ".env.glassdome-notes.tmp", others.as_str()]);
}

#[test]
fn a_certificate_is_saved_beside_the_file() {
    let (folder, path) = folder_with(0o600);
    let store = Store::new(&path);
    let saved = store.folder().join("proxmox-ca.pem");
    store.save_beside(&saved, b"certificate").unwrap();
    assert_eq!((fs::read(&saved).unwrap().as_slice(), mode(&saved)), (b"certificate".as_slice(), 0o644));
    let inode = fs::metadata(&saved).unwrap().ino();
    store.save_beside(&saved, b"certificate").unwrap();
    assert_eq!(fs::metadata(&saved).unwrap().ino(), inode);
    assert_eq!(names(folder.path()), [".env", "proxmox-ca.pem"]);
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn the_owner_is_kept_when_root_writes() {
    if !is_root() {
        return skipped("only root can give a file away");
    }
    let (folder, path) = folder_with(0o640);
    std::os::unix::fs::chown(&path, Some(65534), Some(65533)).unwrap();
    let saved = save(&path, NEW, GroupRights::Keep).unwrap();
    for name in [".env", ".env.bak"] {
        let owned = fs::metadata(folder.path().join(name)).unwrap();
        assert_eq!((owned.uid(), owned.gid()), (65534, 65533), "{name}");
    }
    assert_eq!((saved.mode, mode(&path)), (0o640, 0o640));
}

/// Runs this test program once more, to do nothing but `the_child_of_other_tests`.
pub(crate) fn child(program: &[&str], executable: &Path, file: &Path) -> Command {
    let mut words: Vec<&std::ffi::OsStr> = program.iter().map(std::ffi::OsStr::new).collect();
    words.push(executable.as_os_str());
    let (first, rest) = words.split_first().unwrap();
    let mut command = Command::new(first);
    command.args(rest).args(["--exact", "env_store::the_child_of_other_tests", "--nocapture", "--test-threads=1"]);
    command.env(CHILD_FILE, file).stdin(Stdio::null());
    command
}

#[test]
fn the_child_of_other_tests() {
    let Some(path) = std::env::var_os(CHILD_FILE) else { return };
    for _ in 0..BURNT {
        let mut sink = fs::File::options().write(true).open("/dev/null").unwrap();
        sink.write_all(b"x").unwrap();
        sink.metadata().unwrap();
    }
    match save(Path::new(&path), NEW, GroupRights::Keep) {
        Ok(saved) => println!("SAVED {saved:?}"),
        Err(why) => println!("REFUSED {why:?}"),
    }
}

#[test]
fn a_folder_without_write_permission_leaves_the_file_as_it_was() {
    let (folder, path) = folder_with(0o644);
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    let stderr = if is_root() {
        if Command::new("setpriv").arg("--version").output().is_err() {
            return skipped("setpriv is not installed; run .ci/install");
        }
        // The program is copied, because the unprivileged user may not enter the folder that it was built in.
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
        let executable = place.path().join("it");
        // Another process copies it: a file that is open for writing here, and so in what another test starts at that
        // moment, cannot be run.
        let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&executable).status().unwrap();
        assert!(copied.success());
        let unprivileged = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        let output = child(&unprivileged, &executable, &path).current_dir(place.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    } else {
        format!("REFUSED {:?}", save(&path, NEW, GroupRights::Keep).unwrap_err())
    };
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    assert!(stderr.contains("REFUSED Denied"), "{stderr}");
    assert_eq!(fs::read(&path).unwrap(), OLD);
    assert_eq!(names(folder.path()), [".env"]);
}

/// A small file system that is taken down again.
pub(crate) struct SmallDisk(pub(crate) TempDir);

impl SmallDisk {
    pub(crate) fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(folder.path()).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status(); // a folder that stays mounted is seen in `names`
    }
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let Some(disk) = SmallDisk::new() else { return skipped("cannot mount a small file system") };
    let path = disk.0.path().join(".env");
    fs::write(&path, OLD).unwrap();
    let filler = vec![b'x'; 48 * 1024];
    fs::write(disk.0.path().join("filler"), filler).unwrap();
    let large = [NEW, vec![b'#'; 32 * 1024].as_slice()].concat();
    let why = save(&path, &large, GroupRights::Keep).unwrap_err();
    assert!(matches!(why, SettingsError::DiskFull { .. }), "{why:?}");
    assert_eq!(fs::read(&path).unwrap(), OLD);
    assert_eq!(names(disk.0.path()), [".env", ".env.bak", "filler"]);
}

#[test]
fn killed_before_any_system_call_the_file_is_old_or_new_and_whole() {
    let works = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        return skipped("strace does not work; run .ci/install");
    }
    let executable = std::env::current_exe().unwrap();
    let (mut kills, mut old_seen, mut new_seen) = (0, 0, 0);
    for (call, first) in [
        ("flock", 1),
        ("openat", BURNT),
        ("statx", BURNT),
        ("write", BURNT),
        ("close", BURNT),
        ("fchmod", 1),
        ("fsync", 1),
        ("rename", 1),
        ("unlink", 1),
    ] {
        for when in first.. {
            let (folder, path) = folder_with(0o600);
            let inject = format!("inject={call}:signal=KILL:when={when}");
            let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject.as_str()];
            let output = child(&strace, &executable, &path).output().unwrap();
            for name in names(folder.path()) {
                assert_eq!(mode(&folder.path().join(&name)) & 0o177, 0, "{call} {when}: {name}");
            }
            let found = fs::read(&path).unwrap();
            assert!(found == OLD || found == NEW, "{call} {when}: {found:?}");
            if output.status.success() {
                assert!(String::from_utf8_lossy(&output.stdout).contains("SAVED"), "{call} {when}");
                break;
            }
            kills += 1;
            if found == OLD {
                old_seen += 1
            } else {
                new_seen += 1
            }
            save(&path, b"LATER=1\n", GroupRights::Keep).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"LATER=1\n", "{call} {when}");
            assert_eq!(names(folder.path()), [".env", ".env.bak"], "{call} {when}");
        }
    }
    eprintln!("killed {kills} times: {old_seen} times the old file, {new_seen} times the new one");
    assert!(old_seen >= 20 && new_seen >= 5, "{old_seen} old, {new_seen} new");
}
