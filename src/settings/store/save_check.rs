//! Checks whether a file could be saved, before anything irreversible is done.

use super::lock::Lock;
use std::path::Path;

use super::obstacle::require_replaceable;
use super::target::{Target, TargetState};
use super::temp_file::TempFile;
use super::{CA_LIMIT, PRIVATE, Stamp, Store, protection};
use crate::settings::env_file::EnvFile;
use crate::settings::error::SettingsError;

/// What is in a trial file in the place of the text, which may hold secrets.
const FILLER: u8 = b'#';

impl Store {
    /// Checks that this text could be saved now: everything that saving does is tried in the folder, except for putting
    /// the new file in the place of the old one.
    ///
    /// # Errors
    ///
    /// Fails, with nothing changed, for each reason for which saving would fail.
    pub fn check_save(&self, file: &EnvFile, since: &Stamp) -> Result<(), SettingsError> {
        let target = Target::find(&self.path)?;
        let _lock = Lock::take(&target.folder, self.wait_for_lock)?;
        let found = self.unchanged(&target, since)?;
        let kept = match &found {
            Some(found) => Some(write_trial_file(&target, found.bytes.len(), Some(found))?),
            None => None,
        };
        let new = write_trial_file(&target, file.bytes().len(), found.as_ref());
        // Both are on the disk at the same time, as when saving.
        drop(kept);
        new.map(drop)
    }

    /// Checks that a public file of this length could be written into the folder of the `.env` file.
    ///
    /// # Errors
    ///
    /// Fails, with nothing changed, for each reason for which writing it would fail.
    pub fn check_save_beside(&self, path: &Path, length: usize) -> Result<(), SettingsError> {
        let target = Target::find_unlinked(path)?;
        let _lock = Lock::take(&target.folder, self.wait_for_lock)?;
        let found = target.read(CA_LIMIT)?;
        require_replaceable(&target.path, &target.folder)?;
        write_trial_file(&target, length, found.as_ref()).map(drop)
    }
}

/// Writes a file of this length, gives it its owner, and renames it.
fn write_trial_file(target: &Target, length: usize, old: Option<&TargetState>) -> Result<TempFile, SettingsError> {
    let mut trial = TempFile::write(target, &vec![FILLER; length])?;
    if let Some(old) = old {
        trial.copy_owner(&old.metadata)?;
    }
    protection::protect(&target.path, trial.file(), PRIVATE)?;
    trial.sync(&target.path)?;
    trial.rename_once(target)?;
    Ok(trial)
}
