//! A lock on the folder of the settings file, so that two runs do not write at once.

use super::system;
use crate::clock::SystemClock;
use crate::settings::error::{FileOperation, SettingsError, Warning};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// How long it rests between two tries.
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// A lock on the folder itself, so that no lock file remains.
pub(super) enum Lock {
    Locked { folder: File },
    Unsupported,
}

impl Lock {
    pub(super) fn take(folder: &Path, at_most: Duration) -> Result<Self, SettingsError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(folder, flags, Mode::empty());
        let file = File::from(opened.map_err(|why| system(FileOperation::Lock, folder, why.into()))?);
        let tries = at_most.as_millis() / LOCK_RETRY_INTERVAL.as_millis().max(1) + 1;
        for attempt in 0..tries {
            if attempt > 0 {
                SystemClock.block(LOCK_RETRY_INTERVAL);
            }
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self::Locked { folder: file }),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                // Network file systems lock files that are open for writing, and a folder cannot be.
                Err(Errno::BADF | Errno::NOTSUP | Errno::NOLCK | Errno::INVAL | Errno::NOSYS) => {
                    return Ok(Self::Unsupported);
                }
                Err(why) => return Err(system(FileOperation::Lock, folder, why.into())),
            }
        }
        Err(SettingsError::Locked { folder: folder.to_path_buf() })
    }

    pub(super) const fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }

    pub(super) fn warning(&self, folder: &Path) -> Vec<Warning> {
        if self.is_locked() { Vec::new() } else { vec![Warning::NotLocked { folder: folder.to_path_buf() }] }
    }
}

impl Drop for Lock {
    /// Closing the folder would leave the lock to a child process that is just being started, until it has executed its
    /// program.
    fn drop(&mut self) {
        if let Self::Locked { folder } = self {
            let _ = rustix::fs::flock(folder, FlockOperation::Unlock); // closing it unlocks, too, if a little later
        }
    }
}
