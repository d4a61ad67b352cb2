//! The real path of a file, links followed, and its current state.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::attributes::Attributes;
use super::obstacle::require_replaceable;
use super::system;
use crate::bounded::{self, ReadError};
use crate::settings::error::{FileOperation, SettingsError};

/// What the name of the old text ends with.
const BACKUP: &str = ".bak";

/// The longest name that file systems take, in bytes.
const MAX_NAME: usize = 255;

/// A place for a file: links followed, its folder known to exist.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: PathBuf,
    pub(super) folder: PathBuf,
}

/// A file that is there.
pub(super) struct TargetState {
    pub(super) file: File,
    pub(super) metadata: Metadata,
    pub(super) attributes: Attributes,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

impl Target {
    pub(super) fn find(path: &Path) -> Result<Self, SettingsError> {
        let target = match path.canonicalize() {
            Ok(target) => target,
            Err(why) if why.kind() == ErrorKind::NotFound => Self::new_file(path)?,
            Err(why) => return Err(system(FileOperation::Read, path, why)),
        };
        let folder = target.parent().ok_or_else(|| SettingsError::IsFolder { path: target.clone() })?.to_path_buf();
        Ok(Self { path: target, folder })
    }

    /// Finds the place of a file that must not be a link: its folder is followed, its name is not.
    pub(super) fn find_unlinked(path: &Path) -> Result<Self, SettingsError> {
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(SettingsError::IsLink { path: path.to_path_buf() });
        }
        let target = Self::new_file(path)?;
        let folder = target.parent().ok_or_else(|| SettingsError::IsFolder { path: target.clone() })?.to_path_buf();
        Ok(Self { path: target, folder })
    }

    /// Returns the place of a file that is not there yet.
    fn new_file(path: &Path) -> Result<PathBuf, SettingsError> {
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(SettingsError::DanglingLink { path: path.to_path_buf() });
        }
        let Some(name) = path.file_name() else { return Err(SettingsError::IsFolder { path: path.to_path_buf() }) };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match folder.canonicalize() {
            Ok(folder) => Ok(folder.join(name)),
            Err(why) if why.kind() == ErrorKind::NotFound => Err(SettingsError::NoFolder { path: path.to_path_buf() }),
            Err(why) => Err(system(FileOperation::Read, folder, why)),
        }
    }

    /// Reads what is there, up to a limit; `None` if nothing is. Never waits for the other end of a FIFO.
    pub(super) fn read(&self, limit: u64) -> Result<Option<TargetState>, SettingsError> {
        let path = &self.path;
        let failed = |why| system(FileOperation::Read, path, why);
        match path.symlink_metadata() {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(failed(why)),
            Ok(found) => require_regular_file(path, &found)?,
        }
        let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).unwrap_or(0);
        let opened = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = opened.map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        require_regular_file(path, &metadata)?;
        let bytes = match bounded::read_opened(&file, limit) {
            Ok(bytes) => bytes,
            Err(ReadError::TooLarge { limit }) => return Err(SettingsError::TooLarge { path: path.clone(), limit }),
            Err(why @ (ReadError::NotRegular { .. } | ReadError::System(_))) => return Err(failed(why.into())),
        };
        let attributes = Attributes::of(&file);
        Ok(Some(TargetState { file, metadata, attributes, bytes }))
    }

    /// Returns the path where the old text is kept.
    pub(super) fn backup(&self) -> PathBuf {
        let mut name = self.path.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
        name.push(BACKUP);
        self.folder.join(name)
    }

    /// Refuses a file that no other can take the place of, though its folder may be written to.
    pub(super) fn require_replaceable(&self) -> Result<(), SettingsError> {
        if self.path.file_name().is_some_and(|name| name.len() + BACKUP.len() > MAX_NAME) {
            return Err(SettingsError::NameTooLong { path: self.path.clone() });
        }
        require_replaceable(&self.path, &self.folder)?;
        require_replaceable(&self.backup(), &self.folder)
    }
}

fn require_regular_file(path: &Path, metadata: &Metadata) -> Result<(), SettingsError> {
    if metadata.is_dir() {
        return Err(SettingsError::IsFolder { path: path.to_path_buf() });
    }
    if metadata.is_file() { Ok(()) } else { Err(SettingsError::NotAFile { path: path.to_path_buf() }) }
}
