//! What a person should know of a settings file that was read or written.

use crate::settings::parsers::Reader;
use crate::settings::source::Source;
use std::path::PathBuf;

/// What a person should know, though the work goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// dotenvy would read another value.
    #[error("line {line}: dotenvy reads {name} differently; the value used is python-dotenv's")]
    ReadDifferently {
        /// The variable.
        name: String,
        /// Its line.
        line: usize,
    },
    /// A key that stands twice.
    #[error("{name} stands in the file more than once; line {line}, the last, counts (dotenvy takes the first)")]
    Twice {
        /// The variable.
        name: String,
        /// The line that counts.
        line: usize,
    },
    /// A key behind a byte order mark.
    #[error("line 1 begins with a byte order mark, so python-dotenv does not see {name} there")]
    ByteOrderMark {
        /// The variable.
        name: String,
    },
    /// Bytes that python-dotenv stumbles over.
    #[error("line {line} is not UTF-8; python-dotenv cannot read the file at all")]
    NotUtf8 {
        /// The line.
        line: usize,
    },
    /// A key that a reader cannot see where it stands.
    #[error("line {line}: {reader} does not read {name} there; is a quote before it never closed?")]
    NotRead {
        /// The variable.
        name: String,
        /// Its line.
        line: usize,
        /// Who does not.
        reader: Reader,
    },
    /// A value that was written by consent.
    #[error("the value of {name} is read back by python-dotenv; other readers may read another one")]
    ForPythonAlone {
        /// The variable.
        name: String,
    },
    /// A token secret in a form that this program alone reads.
    #[error(
        "line {line}: {name} holds more than the secret; it is found here, but other programs read the whole value"
    )]
    NotBare {
        /// The variable.
        name: String,
        /// Its line.
        line: usize,
    },
    /// A token and a password.
    #[error("{token} and {password} are both set; the token is used")]
    TokenBeatsPassword {
        /// Where the token's secret stands.
        token: Source,
        /// Where the password stands.
        password: Source,
    },
    /// Rights of others were taken away.
    #[error("{}: mode {before:04o} let everybody read it; it is {after:04o} now", path.display())]
    Tightened {
        /// The file.
        path: PathBuf,
        /// Its mode before.
        before: u32,
        /// Its mode now.
        after: u32,
    },
    /// Rights of the group were kept.
    #[error("{}: its group may read it (mode {mode:04o})", path.display())]
    GroupMayRead {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Rights of the group could not be kept, because the group could not.
    #[error("{}: its group could not be kept, so the group's rights were dropped", path.display())]
    GroupLost {
        /// The file.
        path: PathBuf,
    },
    /// Rights by an access list were kept.
    #[error("{}: by its access list (ACL) it may be used by {}", path.display(), names.join(", "))]
    AccessListKept {
        /// The file.
        path: PathBuf,
        /// Who is on the list.
        names: Vec<String>,
    },
    /// An access list could not be kept.
    #[error("{}: its access list (ACL) could not be kept; mode {mode:04o} alone counts now{}", path.display(), former(names))]
    AccessListLost {
        /// The file.
        path: PathBuf,
        /// Its mode now.
        mode: u32,
        /// Who was on the list.
        names: Vec<String>,
    },
    /// Extended attributes could not be kept.
    #[error("{}: these extended attributes could not be kept: {}", path.display(), names.join(", "))]
    AttributesLost {
        /// The file.
        path: PathBuf,
        /// The attributes.
        names: Vec<String>,
    },
    /// A file with hard links.
    #[error("{}: the file has {count} other {} (hard links), which keep the old content", path.display(), if *count == 1 { "name" } else { "names" })]
    OtherNames {
        /// The file.
        path: PathBuf,
        /// How many.
        count: u64,
    },
    /// The file belonged to another user.
    #[error("{}: it belonged to another user and now belongs to you", path.display())]
    OwnerChanged {
        /// The file.
        path: PathBuf,
    },
    /// A file system without locks.
    #[error("{}: this file system has no locks, so two runs are not kept apart", folder.display())]
    NotLocked {
        /// The folder.
        folder: PathBuf,
    },
}

/// Names those who lost their access.
pub(super) fn former(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" (it let in: {})", names.join(", ")) }
}
