//! Private, atomic, locked reading and writing of the `.env` file.

mod acl;
mod attributes;
mod lock;
mod obstacle;
mod protection;
mod save_check;
mod target;
mod temp_file;

use self::lock::Lock;
use std::fs::File;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use zeroize::Zeroizing;

use self::target::{Target, TargetState};
use self::temp_file::TempFile;
use super::encoding::wide_encoding;
use super::env_file::EnvFile;
use super::error::{FileOperation, SettingsError, Warning};
use super::parsers::line_at;
use super::trust::folders;
use crate::bounded::{self, CA_LIMIT, SETTINGS_LIMIT};

/// How long a run waits for another one that is writing: a write takes milliseconds, a slow disk a second or two.
const WAIT_FOR_LOCK: Duration = Duration::from_secs(5);

/// The mode of a file that holds secrets: its owner's alone.
const PRIVATE: u32 = 0o600;

/// The mode of a certificate, which is public.
const PUBLIC: u32 = 0o644;

/// What happens to the permissions of the group and of the access list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupRights {
    /// They stay, with a warning: a service may have access through the group.
    #[default]
    Keep,
    /// They are taken away.
    Drop,
}

/// A file as it was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its text; empty where there is no file.
    pub file: EnvFile,
    /// To detect later whether the file was changed meanwhile.
    pub stamp: Stamp,
    /// Its permission bits, where there is a file.
    pub mode: Option<u32>,
    /// Who may use it by an access list besides its owner; none without a list.
    pub listed: Vec<String>,
    /// How many other names (hard links) it has.
    pub other_names: u64,
}

impl Loaded {
    /// Returns what there is where there is no file.
    #[must_use]
    pub fn nothing() -> Self {
        Self { file: EnvFile::default(), stamp: Stamp(None), mode: None, listed: Vec::new(), other_names: 0 }
    }
}

/// The text of a file at the time it was read; nothing where there was none.
#[derive(Clone, PartialEq, Eq)]
pub struct Stamp(Option<Zeroizing<Vec<u8>>>);

impl std::fmt::Debug for Stamp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Stamp({:?} bytes)", self.0.as_ref().map(|bytes| bytes.len()))
    }
}

/// What saving did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveReport {
    /// Whether the file was written, or already had this text.
    pub outcome: SaveOutcome,
    /// Where the old text was kept.
    pub backup: Option<PathBuf>,
    /// The permission bits that the file has now.
    pub mode: u32,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

/// Whether a file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveOutcome {
    /// It had this text already.
    Unchanged,
    /// It has a new text.
    Written,
}

/// A `.env` file on disk.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
    wait_for_lock: Duration,
}

impl Store {
    /// Names the file; nothing is touched yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), wait_for_lock: WAIT_FOR_LOCK }
    }

    /// Waits at most so long for another run that is writing.
    #[must_use]
    pub fn waiting_at_most(self, wait_for_lock: Duration) -> Self {
        Self { path: self.path, wait_for_lock }
    }

    /// Returns the path as it was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file; one that does not exist is empty.
    ///
    /// # Errors
    ///
    /// Fails if something that is no file is in its place, it is too large or in another encoding than UTF-8, or it
    /// cannot be read.
    pub fn load(&self) -> Result<Loaded, SettingsError> {
        let target = Target::find(&self.path)?;
        let Some(found) = target.read(SETTINGS_LIMIT)? else { return Ok(Loaded::nothing()) };
        require_text(&target.path, &found.bytes)?;
        Ok(Loaded {
            file: EnvFile::new(found.bytes.to_vec()),
            mode: Some(found.metadata.mode() & 0o7777),
            listed: found.attributes.acl.others(),
            other_names: found.metadata.nlink().saturating_sub(1),
            stamp: Stamp(Some(found.bytes)),
        })
    }

    /// Replaces the text that was read by a new one, and keeps the old one as a backup. If the process is killed at any
    /// moment, either the old or the new text is there, complete.
    ///
    /// # Errors
    ///
    /// Fails, the file untouched, where another run is writing, it was written since it was read, or the system
    /// says no.
    pub fn save(&self, file: &EnvFile, since: &Stamp, group: GroupRights) -> Result<SaveReport, SettingsError> {
        let target = Target::find(&self.path)?;
        let lock = Lock::take(&target.folder, self.wait_for_lock)?;
        let mut warnings = lock.warning(&target.folder);
        if lock.is_locked() {
            temp_file::remove_stale(&target);
        }
        let Some(found) = self.unchanged(&target, since)? else {
            let temporary = TempFile::write(&target, file.bytes())?;
            protection::protect(&target.path, temporary.file(), PRIVATE)?;
            temporary.rename_to(&target.path)?;
            return Ok(SaveReport { outcome: SaveOutcome::Written, backup: None, mode: PRIVATE, warnings });
        };
        if found.bytes.as_slice() == file.bytes() {
            let mode = protection::tighten(&target, &found, group, &mut warnings)?;
            return Ok(SaveReport { outcome: SaveOutcome::Unchanged, backup: None, mode, warnings });
        }
        let backup = target.backup();
        let kept = TempFile::write(&target, &found.bytes)?;
        protection::make_private(&kept, &target, &found)?;
        kept.rename_to(&backup)?;
        let new = TempFile::write(&target, file.bytes())?;
        let mode = protection::copy_protection(&new, &target, &found, group, &mut warnings)?;
        if target.read(SETTINGS_LIMIT)?.is_none_or(|now| now.bytes != found.bytes) {
            return Err(SettingsError::ChangedMeanwhile { path: target.path });
        }
        let names = found.metadata.nlink();
        if names > 1 {
            warnings.push(Warning::OtherNames { path: target.path.clone(), count: names - 1 });
        }
        new.rename_to(&target.path)?;
        Ok(SaveReport { outcome: SaveOutcome::Written, backup: Some(backup), mode, warnings })
    }

    /// Reads the file again: it must be unchanged and replaceable.
    fn unchanged(&self, target: &Target, since: &Stamp) -> Result<Option<TargetState>, SettingsError> {
        let found = target.read(SETTINGS_LIMIT)?;
        if found.as_ref().map(|found| found.bytes.as_slice()) != since.0.as_ref().map(|bytes| bytes.as_slice()) {
            return Err(SettingsError::ChangedMeanwhile { path: target.path.clone() });
        }
        if found.is_some() {
            target.require_replaceable()?;
        }
        Ok(found)
    }

    /// Returns the folder that the file itself lies in: the one of its target, where it is a link.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        match folders(&self.path).as_slice() {
            [] => PathBuf::new(),
            [folder] => folder.clone(),
            [folder, ..] => folder.canonicalize().unwrap_or_else(|_| folder.clone()),
        }
    }

    /// Writes a public file, a certificate for example, into the folder of the `.env` file, in the same atomic way. Where
    /// it is a symbolic link to something else, that is not replaced.
    ///
    /// # Errors
    ///
    /// Fails if it is such a link, another run is writing, or the system says no.
    pub fn save_beside(&self, path: &Path, bytes: &[u8]) -> Result<(), SettingsError> {
        if bounded::read_regular(path, CA_LIMIT).is_ok_and(|found| found.as_slice() == bytes) {
            return Ok(());
        }
        let target = Target::find_unlinked(path)?;
        let lock = Lock::take(&target.folder, self.wait_for_lock)?;
        if lock.is_locked() {
            temp_file::remove_stale(&target);
        }
        let found = target.read(CA_LIMIT)?;
        if found.as_ref().is_none_or(|found| found.bytes.as_slice() != bytes) {
            let temporary = TempFile::write(&target, bytes)?;
            if let Some(found) = &found {
                obstacle::require_replaceable(&target.path, &target.folder)?;
                temporary.copy_owner(&found.metadata)?;
                let _ = found.attributes.copy_to(temporary.file()); // everybody may read it, with or without them
            }
            protection::protect(&target.path, temporary.file(), PUBLIC)?;
            temporary.rename_to(&target.path)?;
        }
        Ok(())
    }
}

/// Refuses a file that no reader would read as text, before anything is added to it.
fn require_text(path: &Path, bytes: &[u8]) -> Result<(), SettingsError> {
    let path = path.to_path_buf();
    if let Some(encoding) = wide_encoding(bytes) {
        return Err(SettingsError::Encoding { path, encoding });
    }
    match bytes.iter().position(|byte| *byte == 0) {
        Some(offset) => Err(SettingsError::NulByte { path, line: line_at(bytes, offset) }),
        None => Ok(()),
    }
}

fn set_mode(path: &Path, file: &File, mode: u32) -> Result<(), SettingsError> {
    let permissions = std::fs::Permissions::from_mode(mode);
    file.set_permissions(permissions).map_err(|why| system(FileOperation::Protect, path, why))
}

/// Puts the system's error into words.
fn system(doing: FileOperation, path: &Path, why: std::io::Error) -> SettingsError {
    let path = path.to_path_buf();
    match Errno::from_io_error(&why) {
        Some(Errno::ACCESS | Errno::PERM) => SettingsError::Denied { doing, path },
        Some(Errno::ROFS) => SettingsError::ReadOnly { doing, path },
        Some(Errno::NOSPC | Errno::DQUOT) => SettingsError::DiskFull { doing, path },
        Some(Errno::LOOP) => SettingsError::LinkLoop { path },
        Some(Errno::ISDIR) => SettingsError::IsFolder { path },
        Some(Errno::BUSY) if doing == FileOperation::Replace => SettingsError::MountPoint { path },
        Some(Errno::NAMETOOLONG) => SettingsError::NameTooLong { path },
        _ => SettingsError::System { doing, path, why },
    }
}
