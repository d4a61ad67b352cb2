//! The requests that create VMs on servers, recorded on disk until the VM is gone: the proof of ownership after a
//! crash.

mod creation;
mod freed;
mod rotation;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::marker::PhantomData;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bounded::{self, ENTRY_LIMIT, ReadError};
use crate::model::Marker;

pub use creation::CreationNote;
pub use freed::FreedIds;
pub use rotation::Rotation;

/// Something that is noted before it is done.
pub trait JournalRecord: Serialize + DeserializeOwned {
    /// The folder of its entries below the state folder.
    const FOLDER: &'static str;

    /// Returns a random text that no other entry has.
    fn nonce(&self) -> &str;
}

impl JournalRecord for Record {
    const FOLDER: &'static str = "journal";

    fn nonce(&self) -> &str {
        &self.nonce
    }
}

/// What is known of one test VM before it exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The server, `host:port`.
    pub server: String,
    /// The node that was asked for the clone, where its task runs.
    pub node: String,
    /// The node that the clone is made for.
    pub target: String,
    /// The template.
    pub template: u32,
    /// Every VMID that this run asked for and that may still carry its VM, the newest last.
    pub vmids: Vec<u32>,
    /// The task that clones, once the server has named it.
    pub upid: Option<String>,
    /// The name of the VM.
    pub name: String,
    /// The nonce in its description.
    pub nonce: String,
    /// When it was made, RFC 3339.
    pub made: String,
    /// The volume ID of the image that a template is made of, while it may be on the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The drives that the VM is made with, by their slots; with another one in it, it is no longer this run's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drives: Option<Vec<String>>,
}

impl Record {
    /// Returns the marker that the VM carries.
    #[must_use]
    pub fn marker(&self) -> Marker {
        Marker { name: self.name.clone(), nonce: self.nonce.clone() }
    }
}

/// Why the journal could not be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder or a file in it could not be used.
    #[error("cannot write the journal in {}", path.display())]
    File {
        /// The path of the file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// The folder of the entries.
#[derive(Debug, Clone)]
pub struct Journal<R = Record> {
    folder: PathBuf,
    kind: PhantomData<R>,
}

/// One entry, locked while this value lives.
#[derive(Debug)]
pub struct JournalEntry<R = Record> {
    path: PathBuf,
    file: File,
    /// What it says.
    pub record: R,
}

/// The entries of the journal's folder, by state.
#[derive(Debug)]
pub struct JournalContents<R = Record> {
    /// Entries of runs that have ended, now locked by this run.
    pub orphans: Vec<JournalEntry<R>>,
    /// How many entries belong to runs that are alive.
    pub alive: usize,
    /// What those entries say, as far as they could be read.
    pub active: Vec<R>,
    /// Files that are not entries, or cannot be read; they are skipped.
    pub unreadable: Vec<PathBuf>,
}

impl<R: JournalRecord> Journal<R> {
    /// Uses the journal below the state folder.
    #[must_use]
    pub fn new(state_folder: PathBuf) -> Self {
        Self { folder: state_folder.join(R::FOLDER), kind: PhantomData }
    }

    /// Returns what is noted beside the entries about VMIDs of a server that were freed a moment ago.
    #[must_use]
    pub fn freed_ids(&self, server: &str) -> FreedIds {
        FreedIds::new(self.folder.parent().unwrap_or(&self.folder), server)
    }

    /// Checks that an entry could be written now, before anything is changed on a server. Leaves nothing but the
    /// folder.
    ///
    /// # Errors
    /// If the folder or a file in it cannot be made.
    pub fn check_writable(&self) -> Result<(), JournalError> {
        self.make_folder()?;
        let path = self.folder.join(format!("{}.new", uuid::Uuid::new_v4().simple()));
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let tried = made.and_then(|mut file| file.write_all(b"\n"));
        let removed = if path.exists() { fs::remove_file(&path) } else { Ok(()) };
        tried.and(removed).map_err(|source| JournalError::File { path: self.folder.clone(), source })
    }

    fn make_folder(&self) -> Result<(), JournalError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(|source| JournalError::File { path: self.folder.clone(), source })
    }

    /// Writes a new entry, locked and on the disk when this returns.
    ///
    /// # Errors
    /// If the folder or the file cannot be made.
    pub fn open(&self, record: R) -> Result<JournalEntry<R>, JournalError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| JournalError::File { path, source }
        };
        self.make_folder()?;
        let path = self.folder.join(format!("{}.json", record.nonce()));
        // Others look at files that end in `.json`: this one gets its name when it is locked and whole.
        let unfinished = path.with_extension("new");
        let mut options = OpenOptions::new();
        options.read(true).append(true).create_new(true).mode(0o600);
        let file = options.open(&unfinished).map_err(failed(&unfinished))?;
        file.lock().map_err(failed(&unfinished))?;
        let mut entry = JournalEntry { path, file, record };
        entry.save()?;
        fs::rename(&unfinished, &entry.path).map_err(failed(&entry.path))?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed(&self.folder))?;
        Ok(entry)
    }

    /// Reads all entries; those of ended runs are locked by this run.
    ///
    /// # Errors
    /// If the folder exists and cannot be read.
    pub fn read(&self) -> Result<JournalContents<R>, JournalError> {
        let failed = |source| JournalError::File { path: self.folder.clone(), source };
        let mut found = JournalContents::default();
        let listing = match fs::read_dir(&self.folder) {
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(found),
            other => other.map_err(failed)?,
        };
        let mut paths: Vec<PathBuf> = Vec::new();
        for item in listing {
            paths.push(item.map_err(failed)?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        paths.sort();
        for path in paths {
            found.add(path);
        }
        Ok(found)
    }
}

impl<R> Default for JournalContents<R> {
    fn default() -> Self {
        Self { orphans: Vec::new(), active: Vec::new(), alive: 0, unreadable: Vec::new() }
    }
}

impl<R: JournalRecord> JournalContents<R> {
    fn add(&mut self, path: PathBuf) {
        let file = match open_entry(&path) {
            Err(gone) if gone.is_missing() => return,
            Err(_) => return self.unreadable.push(path),
            Ok(file) => file,
        };
        let is_alive = match file.try_lock() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(_)) => return self.unreadable.push(path),
        };
        let bytes = bounded::read_opened(&file, ENTRY_LIMIT).unwrap_or_default();
        let record = last_record(&String::from_utf8_lossy(&bytes));
        match record {
            _ if is_alive => {
                self.alive += 1;
                self.active.extend(record);
            }
            Some(record) => self.orphans.push(JournalEntry { path, file, record }),
            None => self.unreadable.push(path),
        }
    }
}

/// Opens what may be an entry: a regular file of this folder, no link, and nothing that has to be waited for.
fn open_entry(path: &Path) -> Result<File, ReadError> {
    bounded::require_regular(&path.symlink_metadata()?)?;
    let file = bounded::non_blocking().read(true).append(true).open(path)?;
    bounded::require_regular(&file.metadata()?)?;
    Ok(file)
}

impl<R: JournalRecord> JournalEntry<R> {
    /// Changes the entry, on the disk when this returns.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn update(&mut self, change: impl FnOnce(&mut R)) -> Result<(), JournalError> {
        change(&mut self.record);
        self.save()
    }

    /// Removes the entry: the VM is gone, or never was.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub fn close(self) -> Result<(), JournalError> {
        fs::remove_file(&self.path).map_err(|source| JournalError::File { path: self.path.clone(), source })
    }

    /// Appends the entry as one line: killed in between, the line before it is still whole.
    fn save(&mut self) -> Result<(), JournalError> {
        let mut text = serde_json::to_string(&self.record).unwrap_or_default();
        text.push('\n');
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_all());
        written.map_err(|source| JournalError::File { path: self.path.clone(), source })
    }
}

impl<R> Drop for JournalEntry<R> {
    /// Closing the file would leave the lock to a child that was being started at this moment, until it is its own.
    fn drop(&mut self) {
        let _ = self.file.unlock(); // closing it unlocks, too, if a little later
    }
}

/// Reads the newest line that is whole.
fn last_record<R: JournalRecord>(text: &str) -> Option<R> {
    text.lines().rev().find_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
mod tests;
