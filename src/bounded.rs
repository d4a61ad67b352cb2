//! Reads files up to a size limit, so that a large file cannot fill the memory, and never blocks on a FIFO.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// The largest settings file that is read, in bytes: real ones have a few kilobytes.
pub const SETTINGS_LIMIT: u64 = 16 << 20;

/// The largest CA file that is read, in bytes: all authorities of a system together have less than 1 MiB.
pub const CA_LIMIT: u64 = 4 << 20;

/// The largest file with one secret that is read, in bytes: a secret is a line, or a few lines of JSON.
pub const SECRET_LIMIT: u64 = 64 << 10;

/// The largest entry of a journal that is read, in bytes: one line is added for each VMID and each task.
pub const ENTRY_LIMIT: u64 = 1 << 20;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is larger than what it should hold ever is.
    #[error("it is larger than {}, the most that is read", size(*limit))]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It is not a regular file.
    #[error("it is {what}, not a regular file")]
    NotRegular {
        /// What it is, with its article.
        what: &'static str,
    },
    /// The system says no.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl ReadError {
    /// Returns whether there is no such file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::System(why) if why.kind() == io::ErrorKind::NotFound)
    }
}

impl From<ReadError> for io::Error {
    fn from(unread: ReadError) -> Self {
        match unread {
            ReadError::System(why) => why,
            ReadError::TooLarge { .. } => Self::new(io::ErrorKind::FileTooLarge, unread),
            ReadError::NotRegular { .. } => Self::new(io::ErrorKind::InvalidInput, unread),
        }
    }
}

/// Reads a regular file of at most `limit` bytes, following links.
///
/// # Errors
/// Fails if it is larger, is not a regular file, or the system says no.
pub fn read_regular(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    read_opened(&open_regular(path)?, limit)
}

/// Opens a regular file for reading, following links; anything else is refused without blocking.
///
/// # Errors
/// Fails if it is not a regular file, or the system says no.
pub fn open_regular(path: &Path) -> Result<File, ReadError> {
    // Opening some devices has an effect, rewinding a tape for example: so the type is checked before and after
    // opening.
    require_regular(&path.metadata()?)?;
    let file = non_blocking().read(true).open(path)?;
    require_regular(&file.metadata()?)?;
    Ok(file)
}

/// Returns options with which opening a FIFO does not block, and a terminal does not become the controlling one.
#[must_use]
pub fn non_blocking() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0));
    options
}

/// Reads an open regular file from its current position to its end, into memory that is wiped.
///
/// # Errors
/// Fails if it is larger than the limit, also if it grows meanwhile, or the system says no.
pub fn read_opened(file: &File, limit: u64) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let length = file.metadata()?.len();
    if length > limit {
        return Err(ReadError::TooLarge { limit });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    append(file, &mut bytes, limit)?;
    Ok(bytes)
}

/// Reads a stream to its end, into memory that is wiped; may wait for the writer.
///
/// # Errors
/// Fails if more than the limit comes, or the system says no.
pub fn read_stream(stream: impl Read, limit: u64) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let mut bytes = Zeroizing::new(Vec::new());
    append(stream, &mut bytes, limit)?;
    Ok(bytes)
}

fn append(stream: impl Read, bytes: &mut Vec<u8>, limit: u64) -> Result<(), ReadError> {
    let read = stream.take(limit.saturating_add(1)).read_to_end(bytes)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > limit { Err(ReadError::TooLarge { limit }) } else { Ok(()) }
}

/// Refuses what is not a regular file, naming what it is.
///
/// # Errors
/// Fails if it is not a regular file.
pub fn require_regular(metadata: &Metadata) -> Result<(), ReadError> {
    let kind = metadata.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a folder",
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_fifo() => "a FIFO (a named pipe)",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(ReadError::NotRegular { what })
}

/// Writes a limit as people do.
fn size(bytes: u64) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use super::{SETTINGS_LIMIT, read_opened, read_regular, read_stream, size};

    #[test]
    fn a_file_is_read_up_to_its_limit_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"12345678").unwrap();
        assert_eq!(read_regular(&path, 8).unwrap().as_slice(), b"12345678");
        let why = read_regular(&path, 7).unwrap_err();
        assert_eq!(why.to_string(), "it is larger than 0 KiB, the most that is read");
        assert_eq!(io::Error::from(why).kind(), io::ErrorKind::FileTooLarge);
        assert!(read_regular(&folder.path().join("none"), 8).unwrap_err().is_missing());
    }

    #[test]
    fn a_sparse_file_is_refused_before_it_is_read() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(3 << 30).unwrap();
        let why = read_opened(&file, SETTINGS_LIMIT).unwrap_err();
        assert_eq!(why.to_string(), "it is larger than 16 MiB, the most that is read");
    }

    #[test]
    fn a_file_that_tells_no_length_or_grows_is_refused_at_the_limit() {
        assert!(read_stream(io::repeat(b'x'), 1 << 16).is_err());
        assert_eq!(read_stream(&b"abc"[..], 3).unwrap().as_slice(), b"abc");
        if let Ok(file) = File::open("/proc/self/stat") {
            assert!(read_opened(&file, 3).is_err());
        }
    }

    #[test]
    fn what_is_no_regular_file_is_named_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        for (path, what) in [
            (folder.path(), "a folder"),
            (fifo.as_path(), "a FIFO (a named pipe)"),
            (&folder.path().join("socket"), "a socket"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            let why = read_regular(path, 8).unwrap_err();
            assert_eq!(why.to_string(), format!("it is {what}, not a regular file"), "{}", path.display());
        }
        assert_eq!([size(64 << 10), size(4 << 20)], ["64 KiB", "4 MiB"]);
    }
}
