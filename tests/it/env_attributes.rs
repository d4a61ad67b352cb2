//! What a settings file carries besides its text: access lists, extended attributes, other names, and what keeps it in
//! its place.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use glassdome::settings::{EnvFile, GroupRights, SaveReport, SettingsError, Store, Warning};
use rustix::buffer::spare_capacity;
use rustix::fs::{XattrFlags, getxattr, setxattr};
use tempfile::TempDir;

use crate::env_store::{SmallDisk, child, is_root, mode, names};
use crate::support::skipped;

const OLD: &[u8] = b"PROXMOX_HOST=old\n";
const NEW: &[u8] = b"PROXMOX_HOST=new\n";

const ACL: &str = "system.posix_acl_access";
const DEFAULT_ACL: &str = "system.posix_acl_default";

/// The entries of an access list, as Linux stores them.
fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// A list that lets user 1000 read: the group has these permissions, everybody else those.
fn list(group: u16, mask: u16, other: u16) -> Vec<u8> {
    let no_id = u32::MAX;
    acl(&[(0x01, 6, no_id), (0x02, 4, 1000), (0x04, group, no_id), (0x10, mask, no_id), (0x20, other, no_id)])
}

fn attribute(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(4096);
    getxattr(path, name, spare_capacity(&mut bytes)).ok().map(|_| bytes)
}

/// A folder with a settings file that has an attribute; nothing where the file system keeps none.
fn file_with(name: &str, value: &[u8]) -> Option<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    fs::write(&path, OLD).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    if setxattr(&path, name, value, XattrFlags::empty()).is_err() {
        skipped("the file system keeps no such attributes");
        return None;
    }
    Some((folder, path))
}

fn save(path: &Path, text: &[u8], group: GroupRights) -> Result<SaveReport, SettingsError> {
    let store = Store::new(path).waiting_at_most(Duration::from_millis(1));
    let loaded = store.load()?;
    store.save(&EnvFile::new(text.to_vec()), &loaded.stamp, group)
}

fn rehearse(path: &Path) -> Result<(), SettingsError> {
    let store = Store::new(path).waiting_at_most(Duration::from_millis(1));
    store.check_save(&EnvFile::new(NEW.to_vec()), &store.load()?.stamp)
}

#[test]
fn an_access_list_is_kept_and_no_access_is_added() {
    for (before, after, shown) in [
        (list(0, 4, 0), list(0, 4, 0), 0o640),
        (list(4, 6, 0), list(4, 6, 0), 0o660),
        (list(0, 4, 4), list(0, 4, 0), 0o640),
        (list(7, 0, 0), list(7, 0, 0), 0o600),
    ] {
        for text in [OLD, NEW] {
            let Some((folder, path)) = file_with(ACL, &before) else { return };
            let saved = save(&path, text, GroupRights::Keep).unwrap();
            assert_eq!((attribute(&path, ACL), saved.mode, mode(&path)), (Some(after.clone()), shown, shown));
            let kept = saved.warnings.iter().any(|it| matches!(it, Warning::AccessListKept { .. }));
            assert_eq!(kept, shown & 0o070 != 0, "{:?}", saved.warnings);
            assert!(!saved.warnings.iter().any(|it| matches!(it, Warning::GroupMayRead { .. })));
            if text == NEW {
                let backup = folder.path().join(".env.bak");
                assert_eq!((attribute(&backup, ACL), mode(&backup)), (None, 0o600));
            }
        }
    }
}

#[test]
fn dropping_the_groups_rights_drops_the_list() {
    for text in [OLD, NEW] {
        let Some((_folder, path)) = file_with(ACL, &list(4, 4, 0)) else { return };
        assert_eq!(Store::new(&path).load().unwrap().listed, ["user 1000", "its group"]);
        let saved = save(&path, text, GroupRights::Drop).unwrap();
        assert_eq!((attribute(&path, ACL), saved.mode, mode(&path)), (None, 0o600, 0o600));
        assert!(saved.warnings.is_empty(), "{:?}", saved.warnings);
    }
}

#[test]
fn attributes_are_kept_in_the_file_and_its_backup() {
    let mut names = vec![("user.note", b"keep me".as_slice()), ("user.empty", b"")];
    if is_root() {
        // The second is what lets a program open ports below 1024; for a settings file it is as good as any.
        names.push(("trusted.note", b"root's"));
        names.push(("security.capability", &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    }
    for (name, value) in names {
        let Some((folder, path)) = file_with(name, value) else { continue };
        let saved = save(&path, NEW, GroupRights::Keep).unwrap();
        assert!(saved.warnings.is_empty(), "{:?}", saved.warnings);
        for file in [&path, &folder.path().join(".env.bak")] {
            assert_eq!(attribute(file, name).as_deref(), Some(value), "{name} of {}", file.display());
        }
    }
}

#[test]
fn the_list_that_a_folder_gives_new_files_adds_no_access() {
    let folder = tempfile::tempdir().unwrap();
    if setxattr(folder.path(), DEFAULT_ACL, &list(7, 7, 7), XattrFlags::empty()).is_err() {
        return skipped("the file system keeps no access lists");
    }
    let path = folder.path().join(".env");
    save(&path, OLD, GroupRights::Keep).unwrap();
    assert_eq!((attribute(&path, ACL), mode(&path)), (None, 0o600));
    // Nor does it where the group may read: those on the folder's list are not the group.
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    save(&path, NEW, GroupRights::Keep).unwrap();
    assert_eq!((attribute(&path, ACL), mode(&path)), (None, 0o640));
    assert_eq!(attribute(&folder.path().join(".env.bak"), ACL), None);
}

#[test]
fn the_group_of_a_folder_that_hands_it_down_is_not_taken_over() {
    if !is_root() {
        return skipped("only root can give a folder away");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    fs::write(&path, OLD).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::chown(folder.path(), None, Some(65533)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o2775)).unwrap();
    let before = fs::metadata(&path).unwrap().gid();
    save(&path, NEW, GroupRights::Keep).unwrap();
    for name in [".env", ".env.bak"] {
        assert_eq!(fs::metadata(folder.path().join(name)).unwrap().gid(), before, "{name}");
    }
}

#[test]
fn what_cannot_be_kept_is_reported_and_the_mask_never_becomes_the_groups() {
    let works = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        return skipped("strace does not work; run .ci/install");
    }
    let executable = std::env::current_exe().unwrap();
    for why in ["EOPNOTSUPP", "EPERM", "EINVAL", "ENOSPC"] {
        for (group, expected) in [(0, 0o600), (4, 0o640)] {
            let Some((folder, path)) = file_with(ACL, &list(group, 4, 0)) else { return };
            setxattr(&path, "user.note", b"keep me", XattrFlags::empty()).unwrap();
            let inject = format!("inject=fsetxattr:error={why}");
            let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject.as_str()];
            let output = child(&strace, &executable, &path).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(stderr.contains("SAVED") && stderr.contains("AccessListLost"), "{why}: {stderr}");
            assert!(stderr.contains("user 1000") && stderr.contains("AttributesLost"), "{why}: {stderr}");
            assert_eq!((attribute(&path, ACL), mode(&path)), (None, expected), "{why}");
            assert_eq!(mode(&folder.path().join(".env.bak")), 0o600);
        }
    }
}

#[test]
fn other_names_of_the_file_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    fs::write(&path, OLD).unwrap();
    for name in ["second", "third"] {
        fs::hard_link(&path, folder.path().join(name)).unwrap();
    }
    assert_eq!(Store::new(&path).load().unwrap().other_names, 2);
    let saved = save(&path, OLD, GroupRights::Keep).unwrap();
    assert!(!saved.warnings.iter().any(|it| matches!(it, Warning::OtherNames { .. })), "nothing was written");
    let saved = save(&path, NEW, GroupRights::Keep).unwrap();
    let told = saved.warnings.iter().find(|it| matches!(it, Warning::OtherNames { .. })).unwrap();
    assert!(told.to_string().ends_with("has 2 other names (hard links), which still have the old content"), "{told}");
    assert_eq!(fs::read(folder.path().join("second")).unwrap(), OLD);
}

/// A file that something was mounted on.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status(); // the folder cannot be removed then, which is seen
    }
}

#[test]
fn a_mounted_file_is_reported_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (path, outside) = (folder.path().join(".env"), folder.path().join("outside"));
    fs::write(&path, OLD).unwrap();
    fs::write(&outside, OLD).unwrap();
    let mounted = Command::new("mount").arg("--bind").args([&outside, &path]).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        return skipped("cannot mount a file");
    }
    let _mounted = Mounted(path.clone());
    for why in [save(&path, NEW, GroupRights::Keep).unwrap_err(), rehearse(&path).unwrap_err()] {
        assert!(matches!(why, SettingsError::MountPoint { .. }), "{why:?}");
    }
    assert_eq!(fs::read(&path).unwrap(), OLD);
    assert_eq!(names(folder.path()), [".env", "outside"]);
}

#[test]
fn a_protected_file_is_reported_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    fs::write(&path, OLD).unwrap();
    for flag in ["i", "a"] {
        let set = Command::new("chattr").arg(format!("+{flag}")).arg(&path).output();
        if !set.is_ok_and(|output| output.status.success()) {
            return skipped("the file system protects no files, or only root can say so");
        }
        let why = [save(&path, NEW, GroupRights::Keep).unwrap_err(), rehearse(&path).unwrap_err()];
        assert!(Command::new("chattr").arg(format!("-{flag}")).arg(&path).status().unwrap().success());
        for why in why {
            assert!(matches!(why, SettingsError::Immutable { .. }), "{flag}: {why:?}");
        }
        assert_eq!(names(folder.path()), [".env"]);
    }
}

#[test]
fn a_rehearsal_leaves_everything_as_it_was_and_fails_where_a_save_would() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    rehearse(&path).unwrap();
    assert!(names(folder.path()).is_empty());
    fs::write(&path, OLD).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    rehearse(&path).unwrap();
    assert_eq!((fs::metadata(&path).unwrap().ino(), names(folder.path())), (inode, vec![".env".to_owned()]));
    let stamp = Store::new(&path).load().unwrap().stamp;
    fs::write(&path, NEW).unwrap();
    assert!(matches!(
        Store::new(&path).check_save(&EnvFile::default(), &stamp).unwrap_err(),
        SettingsError::ChangedMeanwhile { .. }
    ));
    fs::create_dir(folder.path().join(".env.bak")).unwrap();
    for why in [rehearse(&path).unwrap_err(), save(&path, OLD, GroupRights::Keep).unwrap_err()] {
        assert!(matches!(&why, SettingsError::IsFolder { path } if path.ends_with(".env.bak")), "{why:?}");
    }
    let beside = folder.path().join("proxmox-ca.pem");
    Store::new(&path).check_save_beside(&beside, 2000).unwrap();
    symlink("elsewhere.pem", &beside).unwrap();
    assert!(matches!(Store::new(&path).check_save_beside(&beside, 2000).unwrap_err(), SettingsError::IsLink { .. }));
    assert_eq!(names(folder.path()), [".env", ".env.bak", "proxmox-ca.pem"]);
    assert!(matches!(rehearse(&folder.path().join("none/.env")).unwrap_err(), SettingsError::NoFolder { .. }));
    let Some(disk) = SmallDisk::new() else { return skipped("cannot mount a small file system") };
    let path = disk.0.path().join(".env");
    fs::write(&path, OLD).unwrap();
    fs::write(disk.0.path().join("filler"), vec![b'x'; 56 * 1024]).unwrap();
    let long = EnvFile::new(vec![b'#'; 8 * 1024]);
    let store = Store::new(&path);
    assert!(matches!(
        store.check_save(&long, &store.load().unwrap().stamp).unwrap_err(),
        SettingsError::DiskFull { .. }
    ));
    assert_eq!(names(disk.0.path()), [".env", "filler"]);
}

#[test]
fn a_long_name_has_a_temporary_file_and_else_a_clear_error() {
    for (length, is_saved) in [(200, true), (251, true), (252, false), (255, false)] {
        let folder = tempfile::tempdir().unwrap();
        let name = "e".repeat(length);
        let path = folder.path().join(&name);
        save(&path, OLD, GroupRights::Keep).unwrap();
        match save(&path, NEW, GroupRights::Keep) {
            Ok(_) => assert!(is_saved, "{length}"),
            Err(why) => assert!(!is_saved && matches!(why, SettingsError::NameTooLong { .. }), "{length}: {why:?}"),
        }
        assert_eq!(rehearse(&path).is_ok(), is_saved, "{length}");
        let backup = format!("{name}.bak");
        assert_eq!(names(folder.path()), if is_saved { vec![name, backup] } else { vec![name] });
    }
}

#[test]
fn what_no_reader_takes_for_text_is_refused_and_kept() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for (bytes, expected) in [
        ([&[0xFF, 0xFE], wide("A=1\r\n").as_slice()].concat(), "is encoded in UTF-16; settings files must be UTF-8"),
        (wide("A=1\r\n"), "is encoded in UTF-16LE; settings files must be UTF-8"),
        // What PowerShell adds to a file that was UTF-8.
        ([b"A=1\nB=2\n".as_slice(), &wide("C=3\r\n")].concat(), "line 3 contains a NUL byte"),
        (b"A=1\n# \0\n".to_vec(), "line 2 contains a NUL byte"),
        (vec![0; 512], "is not a text file"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, &bytes).unwrap();
        let why = save(&path, NEW, GroupRights::Keep).unwrap_err().to_string();
        assert!(why.contains(expected), "{why}");
        assert_eq!((fs::read(&path).unwrap(), names(folder.path())), (bytes, vec![".env".to_owned()]));
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_with_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    let file = File::create(&path).unwrap();
    for (length, is_read) in [(16 << 20, true), ((16 << 20) + 1, false), (3 << 30, false)] {
        file.set_len(length).unwrap();
        let why = Store::new(&path).load().unwrap_err();
        // What is not too large is a file full of NUL bytes.
        assert_eq!(matches!(why, SettingsError::TooLarge { .. }), !is_read, "{why:?}");
    }
    let why = Store::new(&path).load().unwrap_err();
    assert_eq!(why.to_string(), format!("{} is larger than 16 MiB, too large for a settings file", path.display()));
}

#[test]
fn a_certificate_is_written_through_no_link() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::new(folder.path().join(".env"));
    let path = store.folder().join("proxmox-ca.pem");
    let other = elsewhere.path().join("other.pem");
    for is_there in [false, true] {
        if is_there {
            fs::write(&other, "theirs").unwrap();
        }
        let _ = fs::remove_file(&path);
        symlink(&other, &path).unwrap();
        assert!(matches!(store.save_beside(&path, b"ours").unwrap_err(), SettingsError::IsLink { .. }));
        assert_eq!(other.exists(), is_there);
    }
    assert_eq!(fs::read(&other).unwrap(), b"theirs");
    assert_eq!(names(elsewhere.path()), ["other.pem"]);
}

#[test]
fn what_lies_beside_a_linked_file_lies_beside_the_file_itself() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["real", "middle", "app"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("real/env"), OLD).unwrap();
    symlink("../real/env", folder.path().join("middle/env")).unwrap();
    symlink("../middle/env", folder.path().join("app/.env")).unwrap();
    let store = Store::new(folder.path().join("app/.env"));
    let real = folder.path().join("real").canonicalize().unwrap();
    assert_eq!(store.folder().canonicalize().unwrap(), real);
}
