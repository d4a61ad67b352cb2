//! Where a file really lies, and what stands there now.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::attributes::Attributes;
use super::system;
use crate::bounded::{self, Unread};
use crate::settings::error::{Doing, Error};

/// What the name of the old text ends with.
const BACKUP: &str = ".bak";

/// The longest name that file systems take, in bytes.
const NAME_AT_MOST: usize = 255;

/// The bit of a folder in which only owners may replace their files.
const STICKY: u32 = 0o1000;

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
    pub(super) attributes: Attributes,
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

    /// Finds the place of a file that must not be a link: its folder is followed, its name is not.
    pub(super) fn find_unlinked(path: &Path) -> Result<Self, Error> {
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(Error::IsLink { path: path.to_path_buf() });
        }
        let target = Self::fresh(path)?;
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

    /// Reads what stands there, up to a limit; nothing where nothing does. Never waits for the other end of a FIFO.
    pub(super) fn read(&self, limit: u64) -> Result<Option<Found>, Error> {
        let path = &self.target;
        let failed = |why| system(Doing::Read, path, why);
        match path.symlink_metadata() {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(failed(why)),
            Ok(found) => refuse_what_is_no_file(path, &found)?,
        }
        let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).unwrap_or(0);
        let opened = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = opened.map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        refuse_what_is_no_file(path, &metadata)?;
        let bytes = match bounded::read_opened(&file, limit) {
            Ok(bytes) => bytes,
            Err(Unread::TooLarge { limit }) => return Err(Error::TooLarge { path: path.clone(), limit }),
            Err(why @ (Unread::NotRegular { .. } | Unread::System(_))) => return Err(failed(why.into())),
        };
        let attributes = Attributes::of(&file);
        Ok(Some(Found { file, metadata, attributes, bytes }))
    }

    /// Gives the path where the old text is kept.
    pub(super) fn backup(&self) -> PathBuf {
        let mut name = self.target.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
        name.push(BACKUP);
        self.folder.join(name)
    }

    /// Refuses a file that no other can take the place of, though its folder may be written to.
    pub(super) fn require_replaceable(&self, found: &Found) -> Result<(), Error> {
        let path = || self.target.clone();
        match obstacle(&found.file) {
            Some(Obstacle::MountPoint) => return Err(Error::MountPoint { path: path() }),
            Some(Obstacle::Immutable) => return Err(Error::Immutable { path: path() }),
            None => {}
        }
        if self.target.file_name().is_some_and(|name| name.len() + BACKUP.len() > NAME_AT_MOST) {
            return Err(Error::NameTooLong { path: path() });
        }
        let folder = self.folder.metadata().map_err(|why| system(Doing::Read, &self.folder, why))?;
        let me = rustix::process::geteuid();
        let is_mine = [found.metadata.uid(), folder.uid()].contains(&me.as_raw());
        if folder.mode() & STICKY != 0 && !is_mine && !me.is_root() {
            return Err(Error::Denied { doing: Doing::Replace, path: path() });
        }
        Ok(())
    }
}

/// What keeps a file where it is.
enum Obstacle {
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux mounts single files"))]
    MountPoint,
    Immutable,
}

#[cfg(target_os = "linux")]
fn obstacle(file: &File) -> Option<Obstacle> {
    use rustix::fs::{AtFlags, StatxAttributes, StatxFlags, statx};
    // Where the system does not tell, the renaming will.
    let told = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::empty()).ok()?.stx_attributes;
    if told.contains(StatxAttributes::MOUNT_ROOT) {
        return Some(Obstacle::MountPoint);
    }
    told.intersects(StatxAttributes::IMMUTABLE | StatxAttributes::APPEND).then_some(Obstacle::Immutable)
}

#[cfg(not(target_os = "linux"))]
fn obstacle(file: &File) -> Option<Obstacle> {
    const IMMUTABLE_OR_APPEND: u32 = 0x0002_0002 | 0x0004_0004; // UF_ and SF_, of <sys/stat.h>
    let flags = rustix::fs::fstat(file).ok()?.st_flags;
    (flags & IMMUTABLE_OR_APPEND != 0).then_some(Obstacle::Immutable)
}

fn refuse_what_is_no_file(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    if metadata.is_dir() {
        return Err(Error::IsFolder { path: path.to_path_buf() });
    }
    if metadata.is_file() { Ok(()) } else { Err(Error::NotAFile { path: path.to_path_buf() }) }
}
