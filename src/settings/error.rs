//! What can be wrong with settings and their file.

use std::io;
use std::path::PathBuf;

use super::quoting::Unwritable;
use super::readers::Reader;
use super::source::Source;
use crate::model::{UserId, endpoint, fingerprint, ids, token};

/// Why settings cannot be read or stored. No text of a secret is ever in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value that is not what its key wants.
    #[error("{origin}: {why}")]
    Invalid {
        /// Where the value comes from.
        origin: Source,
        /// What is wrong with it.
        #[source]
        why: Invalid,
    },
    /// A full token ID whose user is not the one of `PROXMOX_USER`.
    #[error("{0}")]
    TwoUsers(Box<TwoUsers>),
    /// A key without which nothing works.
    #[error("{variable} is not set: give {flag}, the variable, or a line in the file")]
    Missing {
        /// The key's variable.
        variable: String,
        /// The key's flag.
        flag: &'static str,
    },
    /// A value that cannot be written so that every reader reads it back.
    #[error("the value of {name} cannot be written so that every reader of the file reads it back: {why}")]
    Unwritable {
        /// The variable.
        name: String,
        /// The class that the value is of.
        #[source]
        why: Unwritable,
    },
    /// An edit after which some reader would read another key differently.
    #[error("the edit would change what {reader} reads in line {line} of the file; is a quote there never closed?")]
    Entangled {
        /// Who would read it differently.
        reader: Reader,
        /// Where.
        line: usize,
    },
    /// Somebody else wrote the file meanwhile.
    #[error("{} has changed since it was read", path.display())]
    ChangedMeanwhile {
        /// The file.
        path: PathBuf,
    },
    /// Another run holds the lock.
    #[error("another run is writing in {}", folder.display())]
    Locked {
        /// The locked folder.
        folder: PathBuf,
    },
    /// A symbolic link that leads nowhere.
    #[error("{} is a symbolic link to something that does not exist", path.display())]
    DanglingLink {
        /// The link.
        path: PathBuf,
    },
    /// Symbolic links in a circle.
    #[error("{} is a symbolic link that leads back to itself", path.display())]
    LinkLoop {
        /// The link.
        path: PathBuf,
    },
    /// No folder to write in.
    #[error("the folder of {} does not exist", path.display())]
    NoFolder {
        /// The file.
        path: PathBuf,
    },
    /// A folder where the file should be.
    #[error("{} is a folder, not a file", path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A FIFO, a socket or a device where the file should be.
    #[error("{} is no regular file", path.display())]
    NotAFile {
        /// What is no file.
        path: PathBuf,
    },
    /// Not permitted.
    #[error("no permission to {doing} {}", path.display())]
    Denied {
        /// What was tried.
        doing: Doing,
        /// With what.
        path: PathBuf,
    },
    /// A file system that cannot be written to.
    #[error("cannot {doing} {}: the file system is read-only", path.display())]
    ReadOnly {
        /// What was tried.
        doing: Doing,
        /// With what.
        path: PathBuf,
    },
    /// No space left.
    #[error("cannot {doing} {}: the disk is full", path.display())]
    DiskFull {
        /// What was tried.
        doing: Doing,
        /// With what.
        path: PathBuf,
    },
    /// Anything else that the system says.
    #[error("cannot {doing} {}: {why}", path.display())]
    System {
        /// What was tried.
        doing: Doing,
        /// With what.
        path: PathBuf,
        /// The system's own words.
        #[source]
        why: io::Error,
    },
}

/// A token of one user beside the name of another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{token} names the token of {token_user}, but {user} says {other_user}")]
pub struct TwoUsers {
    /// Where the token ID stands.
    pub token: Source,
    /// Its user.
    pub token_user: UserId,
    /// Where the user stands.
    pub user: Source,
    /// That user.
    pub other_user: UserId,
}

/// What was being done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Reading it.
    Read,
    /// Creating or writing it.
    Write,
    /// Putting it in its place.
    Replace,
    /// Keeping others out.
    Lock,
    /// Giving it its mode or owner.
    Protect,
}

impl std::fmt::Display for Doing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Replace => "replace",
            Self::Lock => "lock",
            Self::Protect => "set the mode or owner of",
        })
    }
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Bytes that are no text.
    #[error("not UTF-8 text")]
    NotText,
    /// Not a boolean.
    #[error("not a boolean: write true or false (1/0, yes/no and on/off are read too)")]
    Boolean,
    /// Not a server.
    #[error(transparent)]
    Endpoint(#[from] endpoint::Invalid),
    /// Not a user, token name or token ID.
    #[error(transparent)]
    Token(#[from] token::Invalid),
    /// Not a token secret.
    #[error(transparent)]
    Secret(#[from] token::BadSecret),
    /// Not a node, pool or VMID.
    #[error(transparent)]
    Id(#[from] ids::Invalid),
    /// Not a fingerprint.
    #[error(transparent)]
    Fingerprint(#[from] fingerprint::Invalid),
}

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
    /// The file belonged to somebody else.
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
