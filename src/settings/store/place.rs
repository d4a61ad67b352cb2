//! Where a file really lies, and what stands there now.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::{read_all, system};
use crate::settings::error::{Doing, Error};

/// A place for a file: links followed, its folder known to exist.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) target: PathBuf,
    pub(super) folder: PathBuf,
}

/// A file that stands there.
pub(super) struct Found {
    pub(super) file: File,
    pub(super) metadata: Metadata,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

impl Place {
    pub(super) fn find(path: &Path) -> Result<Self, Error> {
        let target = match path.canonicalize() {
            Ok(target) => target,
            Err(why) if why.kind() == ErrorKind::NotFound => Self::fresh(path)?,
            Err(why) => return Err(system(Doing::Read, path, why)),
        };
        let folder = target.parent().ok_or_else(|| Error::IsFolder { path: target.clone() })?.to_path_buf();
        Ok(Self { target, folder })
    }

    /// Gives the place of a file that is not there yet.
    fn fresh(path: &Path) -> Result<PathBuf, Error> {
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(Error::DanglingLink { path: path.to_path_buf() });
        }
        let Some(name) = path.file_name() else { return Err(Error::IsFolder { path: path.to_path_buf() }) };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match folder.canonicalize() {
            Ok(folder) => Ok(folder.join(name)),
            Err(why) if why.kind() == ErrorKind::NotFound => Err(Error::NoFolder { path: path.to_path_buf() }),
            Err(why) => Err(system(Doing::Read, folder, why)),
        }
    }

    /// Reads what stands there; nothing where nothing does. Never waits for the other end of a FIFO.
    pub(super) fn read(&self) -> Result<Option<Found>, Error> {
        let path = &self.target;
        let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits()).unwrap_or(0);
        match path.symlink_metadata() {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(system(Doing::Read, path, why)),
            Ok(found) => refuse_what_is_no_file(path, &found)?,
        }
        let opened = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = opened.map_err(|why| system(Doing::Read, path, why))?;
        let metadata = file.metadata().map_err(|why| system(Doing::Read, path, why))?;
        refuse_what_is_no_file(path, &metadata)?;
        let bytes = read_all(path, &file, metadata.len())?;
        Ok(Some(Found { file, metadata, bytes }))
    }

    /// Gives the name of the file itself.
    pub(super) fn name(&self) -> String {
        self.target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Gives the path where the old text is kept.
    pub(super) fn backup(&self) -> PathBuf {
        let mut name = self.target.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
        name.push(".bak");
        self.folder.join(name)
    }
}

fn refuse_what_is_no_file(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    if metadata.is_dir() {
        return Err(Error::IsFolder { path: path.to_path_buf() });
    }
    if metadata.is_file() { Ok(()) } else { Err(Error::NotAFile { path: path.to_path_buf() }) }
}
