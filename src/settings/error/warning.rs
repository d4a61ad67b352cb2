//! What a person should know of a settings file that was read or written.

use crate::settings::parsers::Reader;
use crate::settings::source::Source;
use std::path::PathBuf;

/// Something to know about a settings file, that is not an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// dotenvy would read another value.
    #[error(
        "line {line}: dotenvy reads {name} differently; using the value that python-dotenv reads (put it in single quotes)"
    )]
    ReadDifferently {
        /// The variable.
        name: String,
        /// Its line.
        line: usize,
    },
    /// A key that occurs twice.
    #[error("{name} is set more than once; using the last one, line {line} (dotenvy uses the first)")]
    Twice {
        /// The variable.
        name: String,
        /// The line that counts.
        line: usize,
    },
    /// A key behind a byte order mark.
    #[error("line 1 begins with a byte order mark, so python-dotenv does not read {name}")]
    ByteOrderMark {
        /// The variable.
        name: String,
    },
    /// Bytes that python-dotenv stumbles over.
    #[error("line {line} is not UTF-8, so python-dotenv cannot read the file at all")]
    NotUtf8 {
        /// The line.
        line: usize,
    },
    /// A key that a reader cannot see where it is.
    #[error("line {line}: {reader} does not read {name}, probably because of an unclosed quote before it")]
    NotRead {
        /// The variable.
        name: String,
        /// Its line.
        line: usize,
        /// Who does not.
        reader: Reader,
    },
    /// A value that was written by consent.
    #[error("only python-dotenv is known to read {name} correctly; other programs may read a different value")]
    ForPythonAlone {
        /// The variable.
        name: String,
    },
    /// A token secret in a form that this program alone reads.
    #[error(
        "line {line}: {name} contains more than the secret; glassdome extracts it, but other programs use the whole value"
    )]
    NotBare {
        /// The variable.
        name: String,
        /// Its line.
        line: usize,
    },
    /// A token and a password.
    #[error("{token} and {password} are both set; using the token")]
    TokenBeatsPassword {
        /// Where the token's secret is.
        token: Source,
        /// Where the password is.
        password: Source,
    },
    /// A secret of the right form that no server gives out.
    #[error("the token secret from {secret} is one digit repeated, which looks like a placeholder from an example")]
    LooksLikePlaceholder {
        /// Where it is.
        secret: Source,
    },
    /// Rights of others were taken away.
    #[error("{}: mode changed from {before:04o}, readable by everyone, to {after:04o}", path.display())]
    Tightened {
        /// The file.
        path: PathBuf,
        /// Its mode before.
        before: u32,
        /// Its mode now.
        after: u32,
    },
    /// Rights of the group were kept.
    #[error("{}: readable by its group (mode {mode:04o})", path.display())]
    GroupMayRead {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Rights of the group could not be kept, because the group could not.
    #[error("{}: its group could not be preserved, so its group permissions were removed", path.display())]
    GroupLost {
        /// The file.
        path: PathBuf,
    },
    /// Rights by an access list were kept.
    #[error("{}: its access control list (ACL) also grants access to {}", path.display(), names.join(", "))]
    AccessListKept {
        /// The file.
        path: PathBuf,
        /// Who is on the list.
        names: Vec<String>,
    },
    /// An access list could not be kept.
    #[error("{}: its access control list (ACL) was lost; only mode {mode:04o} applies now{}", path.display(), former(names))]
    AccessListLost {
        /// The file.
        path: PathBuf,
        /// Its mode now.
        mode: u32,
        /// Who was on the list.
        names: Vec<String>,
    },
    /// Extended attributes could not be kept.
    #[error("{}: these extended attributes were lost: {}", path.display(), names.join(", "))]
    AttributesLost {
        /// The file.
        path: PathBuf,
        /// The attributes.
        names: Vec<String>,
    },
    /// A file with hard links.
    #[error("{}: the file has {count} other {} (hard links), which still have the old content", path.display(), if *count == 1 { "name" } else { "names" })]
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
    #[error("{}: this file system does not support locks, so do not run two commands at the same time", folder.display())]
    NotLocked {
        /// The folder.
        folder: PathBuf,
    },
}

/// Names those who lost their access.
pub(super) fn former(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" (it granted access to {})", names.join(", ")) }
}
