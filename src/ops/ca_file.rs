//! The CA file: read once, and also from a pipe that is held open.

use crate::bounded::{self, CA_LIMIT, ReadError};
use crate::error::{ConfigError, Error};
use crate::pve::{self, CaBundle};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_setfl};
use zeroize::Zeroizing;

/// A CA as it was read from its file.
pub(crate) struct CaFile {
    path: PathBuf,
    read: CaFileOrigin,
}

/// What it was read from.
enum CaFileOrigin {
    /// A file, which may say something else the next time.
    File(CaBundle),
    /// A pipe, which says it once.
    Pipe(Result<CaBundle, pve::ApiError>),
}

impl CaFile {
    /// Reads it; `None` if it cannot be read. The reason is reported when the file is read again. May wait for ever for
    /// a writer that holds a pipe open and writes nothing.
    pub(crate) fn read(path: PathBuf) -> Option<Self> {
        let is_pipe = path.metadata().is_ok_and(|found| found.file_type().is_fifo());
        let read = if is_pipe {
            CaFileOrigin::Pipe(CaBundle::from_pem(&read_pipe(&path).ok()??))
        } else {
            CaFileOrigin::File(read_ca(&path).ok()?)
        };
        Some(Self { path, read })
    }

    /// Returns it, if it is the one in this file.
    pub(crate) fn at(&self, path: &Path) -> Option<Result<CaBundle, pve::ApiError>> {
        (self.path == path).then(|| match &self.read {
            CaFileOrigin::File(bundle) => Ok(bundle.clone()),
            CaFileOrigin::Pipe(read) => read.clone(),
        })
    }

    /// Returns whether the file can be read again.
    pub(crate) const fn can_be_read_again(&self) -> bool {
        matches!(self.read, CaFileOrigin::File(_))
    }

    /// Says that a later run could not read it.
    pub(crate) fn not_permanent(&self) -> Error {
        let source = ReadError::NotRegular { what: "a pipe, which cannot be read twice" };
        Error::Config(ConfigError::CaFileUnreadable { path: self.path.clone(), source: source.into() })
    }
}

/// Reads a CA file.
pub(crate) fn read_ca(path: &Path) -> Result<CaBundle, Error> {
    let read = bounded::read_regular(path, CA_LIMIT)
        .map_err(|why| Error::Config(ConfigError::CaFileUnreadable { path: path.to_owned(), source: why.into() }))?;
    CaBundle::from_pem(&read).map_err(|source| Error::Config(ConfigError::CaFile { path: path.to_owned(), source }))
}

/// Reads a pipe to its end; `None` if its other end is closed and it is empty.
fn read_pipe(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, ReadError> {
    let mut pipe: File = bounded::non_blocking().read(true).open(path)?;
    let mut first = [0; 4096];
    let count = match pipe.read(&mut first) {
        Ok(0) => return Ok(None),
        Ok(count) => count,
        Err(why) if why.kind() == io::ErrorKind::WouldBlock => 0,
        Err(why) => return Err(why.into()),
    };
    fcntl_setfl(&pipe, OFlags::empty()).map_err(io::Error::from)?;
    let begun = first.get(..count).unwrap_or_default();
    bounded::read_stream(begun.chain(pipe), CA_LIMIT).map(Some)
}
