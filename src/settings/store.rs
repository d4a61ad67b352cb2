//! Private, atomic, locked reading and writing of the `.env` file.

mod place;
mod temporary;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use self::place::Place;
use self::temporary::Temporary;
use super::env_file::EnvFile;
use super::error::{Doing, Error, Warning};

/// How long a run waits for another one that is writing: a write takes milliseconds, a slow disk a second or two.
const WAIT_FOR_LOCK: Duration = Duration::from_secs(5);

/// How long it rests between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// The mode of a file that holds secrets: its owner's alone.
const PRIVATE: u32 = 0o600;

/// The mode of a certificate, which is public.
const PUBLIC: u32 = 0o644;

/// What becomes of the group's rights in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupRights {
    /// They stay, with a warning: a service may read the file by its group.
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
    /// What tells later whether somebody else wrote it meanwhile.
    pub stamp: Stamp,
    /// Its permission bits, where there is a file.
    pub mode: Option<u32>,
}

impl Loaded {
    /// Gives what there is where there is no file.
    #[must_use]
    pub fn nothing() -> Self {
        Self { file: EnvFile::default(), stamp: Stamp(None), mode: None }
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
pub struct Saved {
    /// Whether the file was written, or already had this text.
    pub outcome: Outcome,
    /// Where the old text was kept.
    pub backup: Option<PathBuf>,
    /// The permission bits that the file has now.
    pub mode: u32,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

/// Whether a file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
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

    /// Gives the path as it was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file; one that does not exist is empty.
    ///
    /// # Errors
    ///
    /// Fails where something that is no file stands in its place, or it cannot be read.
    pub fn load(&self) -> Result<Loaded, Error> {
        let place = Place::find(&self.path)?;
        let found = place.read()?;
        let mode = found.as_ref().map(|found| found.metadata.mode() & 0o7777);
        let bytes = found.map(|found| found.bytes);
        let file = EnvFile::new(bytes.as_ref().map_or_else(Vec::new, |bytes| bytes.to_vec()));
        Ok(Loaded { file, stamp: Stamp(bytes), mode })
    }

    /// Puts a new text in place of the one that was read, and keeps the old one beside it. Killed at any moment, the old
    /// text or the new one is there, whole.
    ///
    /// # Errors
    ///
    /// Fails, the file untouched, where another run is writing, somebody else wrote it since it was read, or the system
    /// says no.
    pub fn save(&self, file: &EnvFile, since: &Stamp, group: GroupRights) -> Result<Saved, Error> {
        let place = Place::find(&self.path)?;
        let lock = Lock::take(&place.folder, self.wait_for_lock)?;
        let mut warnings = lock.warning(&place.folder);
        if lock.is_held() {
            temporary::sweep(&place);
        }
        let found = place.read()?;
        if found.as_ref().map(|found| found.bytes.as_slice()) != since.0.as_ref().map(|bytes| bytes.as_slice()) {
            return Err(Error::ChangedMeanwhile { path: place.target });
        }
        let Some(found) = found else {
            let temporary = Temporary::write(&place, file.bytes())?;
            temporary.protect(PRIVATE)?;
            temporary.put_at(&place.target)?;
            return Ok(Saved { outcome: Outcome::Written, backup: None, mode: PRIVATE, warnings });
        };
        if found.bytes.as_slice() == file.bytes() {
            let mode = tightened(&place, &found, group, &mut warnings);
            if mode != found.metadata.mode() & 0o7777 {
                set_mode(&place.target, &found.file, mode)?;
            }
            return Ok(Saved { outcome: Outcome::Unchanged, backup: None, mode, warnings });
        }
        let backup = place.backup();
        let kept = Temporary::write(&place, &found.bytes)?;
        kept.give_to(&found.metadata)?;
        kept.protect(PRIVATE)?;
        kept.put_at(&backup)?;
        let new = Temporary::write(&place, file.bytes())?;
        let ownership = new.give_to(&found.metadata)?;
        let group = if ownership.group_kept { group } else { GroupRights::Drop };
        warnings.extend(ownership.warnings(&place.target, &found.metadata));
        let mode = tightened(&place, &found, group, &mut warnings);
        new.protect(mode)?;
        if place.read()?.is_none_or(|now| now.bytes != found.bytes) {
            return Err(Error::ChangedMeanwhile { path: place.target });
        }
        new.put_at(&place.target)?;
        Ok(Saved { outcome: Outcome::Written, backup: Some(backup), mode, warnings })
    }

    /// Writes a public file, a certificate for example, into the folder of the `.env` file, in the same atomic way.
    ///
    /// # Errors
    ///
    /// Fails where another run is writing or the system says no.
    pub fn save_beside(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
        let path = self.path.parent().unwrap_or(Path::new("")).join(name);
        let place = Place::find(&path)?;
        let lock = Lock::take(&place.folder, self.wait_for_lock)?;
        if lock.is_held() {
            temporary::sweep(&place);
        }
        let found = place.read()?;
        if found.as_ref().is_none_or(|found| found.bytes.as_slice() != bytes) {
            let temporary = Temporary::write(&place, bytes)?;
            if let Some(found) = found {
                temporary.give_to(&found.metadata)?;
            }
            temporary.protect(PUBLIC)?;
            temporary.put_at(&place.target)?;
        }
        Ok(path)
    }
}

/// Gives the mode that a file shall have: nothing for others, and for the group what it had, if it keeps it.
fn tightened(place: &Place, found: &place::Found, group: GroupRights, warnings: &mut Vec<Warning>) -> u32 {
    let before = found.metadata.mode() & 0o7777;
    let after = match group {
        GroupRights::Keep => before & 0o770,
        GroupRights::Drop => before & 0o700,
    };
    let path = place.target.clone();
    if before & 0o007 != 0 {
        warnings.push(Warning::Tightened { path: path.clone(), before, after });
    }
    if after & 0o070 != 0 {
        warnings.push(Warning::GroupMayRead { path, mode: after });
    }
    after
}

fn set_mode(path: &Path, file: &File, mode: u32) -> Result<(), Error> {
    let permissions = std::fs::Permissions::from_mode(mode);
    file.set_permissions(permissions).map_err(|why| system(Doing::Protect, path, why))
}

/// Keeps two runs apart by a lock on the folder itself, so that no lock file is left lying about.
enum Lock {
    Held { folder: File },
    Unsupported,
}

impl Lock {
    fn take(folder: &Path, at_most: Duration) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(folder, flags, Mode::empty());
        let file = File::from(opened.map_err(|why| system(Doing::Lock, folder, why.into()))?);
        let tries = at_most.as_millis() / BETWEEN_TRIES.as_millis().max(1) + 1;
        for attempt in 0..tries {
            if attempt > 0 {
                std::thread::sleep(BETWEEN_TRIES);
            }
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self::Held { folder: file }),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                // Network file systems lock files that are open for writing, and a folder cannot be.
                Err(Errno::BADF | Errno::NOTSUP | Errno::NOLCK | Errno::INVAL | Errno::NOSYS) => {
                    return Ok(Self::Unsupported);
                }
                Err(why) => return Err(system(Doing::Lock, folder, why.into())),
            }
        }
        Err(Error::Locked { folder: folder.to_path_buf() })
    }

    const fn is_held(&self) -> bool {
        matches!(self, Self::Held { .. })
    }

    fn warning(&self, folder: &Path) -> Vec<Warning> {
        if self.is_held() { Vec::new() } else { vec![Warning::NotLocked { folder: folder.to_path_buf() }] }
    }
}

impl Drop for Lock {
    /// Closing the folder would leave the lock to a child that was being started at this moment, until it is its own.
    fn drop(&mut self) {
        if let Self::Held { folder } = self {
            let _ = rustix::fs::flock(folder, FlockOperation::Unlock); // closing it unlocks, too, if a little later
        }
    }
}

/// Reads a whole file into memory that is wiped.
fn read_all(path: &Path, mut file: &File, length: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    file.read_to_end(&mut bytes).map_err(|why| system(Doing::Read, path, why))?;
    Ok(bytes)
}

/// Puts the system's error into words.
fn system(doing: Doing, path: &Path, why: std::io::Error) -> Error {
    let path = path.to_path_buf();
    match Errno::from_io_error(&why) {
        Some(Errno::ACCESS | Errno::PERM) => Error::Denied { doing, path },
        Some(Errno::ROFS) => Error::ReadOnly { doing, path },
        Some(Errno::NOSPC | Errno::DQUOT) => Error::DiskFull { doing, path },
        Some(Errno::LOOP) => Error::LinkLoop { path },
        Some(Errno::ISDIR) => Error::IsFolder { path },
        _ => Error::System { doing, path, why },
    }
}
