//! A new file next to the old one: private from the start, complete before it replaces the old one, deleted if it never
//! does.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::target::Target;
use super::{PRIVATE, system};
use crate::settings::error::{FileOperation, SettingsError, Warning};

/// A file that takes another's place, or is removed.
pub(super) struct TempFile {
    path: PathBuf,
    folder: PathBuf,
    file: File,
}

/// Whether a new file has the owner and group of the old one.
pub(super) struct Ownership {
    user_kept: bool,
    pub(super) group_kept: bool,
}

impl Ownership {
    pub(super) fn warnings(&self, path: &Path, before: &Metadata) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if !self.user_kept {
            warnings.push(Warning::OwnerChanged { path: path.to_path_buf() });
        }
        if !self.group_kept && before.mode() & 0o070 != 0 {
            warnings.push(Warning::GroupLost { path: path.to_path_buf() });
        }
        warnings
    }
}

impl TempFile {
    /// Writes a private file with a name that cannot be guessed.
    pub(super) fn write(target: &Target, bytes: &[u8]) -> Result<Self, SettingsError> {
        let path = fresh_path(target);
        let opened = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&path);
        let file = opened.map_err(|why| system(FileOperation::Write, &target.path, why))?;
        let mut temporary = Self { path, folder: target.folder.clone(), file };
        temporary.file.write_all(bytes).map_err(|why| system(FileOperation::Write, &target.path, why))?;
        Ok(temporary)
    }

    /// Sets the owner and the group of another file, if the system allows it.
    pub(super) fn copy_owner(&self, other: &Metadata) -> Result<Ownership, SettingsError> {
        let mine = self.file.metadata().map_err(|why| system(FileOperation::Protect, &self.path, why))?;
        let user_kept = mine.uid() == other.uid();
        let group_kept = mine.gid() == other.gid();
        if user_kept && group_kept {
            return Ok(Ownership { user_kept, group_kept });
        }
        if rustix::process::geteuid().is_root() {
            let given = fchown(&self.file, Some(other.uid()), Some(other.gid()));
            given.map_err(|why| system(FileOperation::Protect, &self.path, why))?;
            return Ok(Ownership { user_kept: true, group_kept: true });
        }
        let group_kept = group_kept || fchown(&self.file, None, Some(other.gid())).is_ok();
        Ok(Ownership { user_kept, group_kept })
    }

    /// Returns the open file.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Waits until it is on the disk, which may turn out to be full only then.
    pub(super) fn sync(&self, target: &Path) -> Result<(), SettingsError> {
        self.file.sync_all().map_err(|why| system(FileOperation::Write, target, why))
    }

    /// Gets another name in its folder, and goes on under that one.
    pub(super) fn rename_once(&mut self, target: &Target) -> Result<(), SettingsError> {
        let path = fresh_path(target);
        std::fs::rename(&self.path, &path).map_err(|why| system(FileOperation::Replace, &target.path, why))?;
        self.path = path;
        Ok(())
    }

    /// Takes the place of another file: synced, renamed, folder synced.
    pub(super) fn rename_to(self, target: &Path) -> Result<(), SettingsError> {
        self.sync(target)?;
        std::fs::rename(&self.path, target).map_err(|why| system(FileOperation::Replace, target, why))?;
        let folder = File::open(&self.folder).map_err(|why| system(FileOperation::Read, &self.folder, why))?;
        // Some file systems cannot sync a folder; the file is in its place all the same.
        let _ = folder.sync_all();
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // Once it was renamed there is nothing under this name.
        let _ = std::fs::remove_file(&self.path);
    }
}

const SUFFIX: &[u8] = b".tmp";

/// Returns a path beside the file with a name that cannot be guessed.
fn fresh_path(target: &Target) -> PathBuf {
    let random = uuid::Uuid::new_v4().simple().to_string();
    target.folder.join(OsStr::from_bytes(&[&prefix(target), random.as_bytes(), SUFFIX].concat()))
}

/// So many bytes of a file's name are kept in that of its temporary file: with the rest it has at most 255.
const MAX_NAME: usize = 200;

fn prefix(target: &Target) -> Vec<u8> {
    // Hidden, and under a name that a rule for `.env.*` ignores too.
    let name = target.path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    let name = name.get(..MAX_NAME).unwrap_or(name);
    let dot: &[u8] = if name.starts_with(b".") { b"" } else { b"." };
    [dot, name, b".glassdome-"].concat()
}

/// Removes what killed runs left behind. Only for the holder of the lock: then no such file can be in use.
pub(super) fn remove_stale(target: &Target) {
    let Ok(entries) = std::fs::read_dir(&target.folder) else { return };
    let prefix = prefix(target);
    for entry in entries.flatten() {
        let name = entry.file_name();
        let random = name.as_bytes().strip_prefix(prefix.as_slice()).and_then(|rest| rest.strip_suffix(SUFFIX));
        let is_ours = random.is_some_and(|it| it.len() == 32 && it.iter().all(u8::is_ascii_hexdigit));
        if is_ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            // What cannot be removed does no harm: it is private.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
