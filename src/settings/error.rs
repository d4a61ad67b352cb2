//! What can be wrong with settings and their file.

mod warning;

pub use warning::Warning;

use std::io;
use std::path::PathBuf;

use super::encoding::Encoding;
use super::keys::Key;
use super::parsers::Reader;
use super::quoting::Unwritable;
use super::source::Source;
use crate::model::{TokenName, UserId, characters, endpoint, fingerprint, ids, token, token_secret};

/// Why settings cannot be read or stored. No text of a secret is ever in it.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value that is not what its key wants.
    #[error("{origin}: {why}")]
    Invalid {
        /// Where the value comes from.
        origin: Source,
        /// What is wrong with it.
        #[source]
        why: InvalidValue,
    },
    /// A full token ID whose user is not the one of `PROXMOX_USER`.
    #[error("{0}")]
    TwoUsers(Box<TwoUsers>),
    /// A secret beside which another token's name is.
    #[error("{0}")]
    TwoTokens(Box<TwoTokens>),
    /// A key without which nothing works.
    #[error("{variable} is not set: pass {flag}, or set it in the environment or in the file")]
    Missing {
        /// The key's variable.
        variable: String,
        /// The key's flag.
        flag: &'static str,
    },
    /// A value that cannot be written so that every reader reads it back.
    #[error("the value of {name} cannot be written to the file so that all programs read it the same way: {why}")]
    Unwritable {
        /// The variable.
        name: String,
        /// The class that the value is of.
        #[source]
        why: Unwritable,
    },
    /// An edit after which some reader would read another key differently.
    #[error(
        "this edit would change what {reader} reads on line {line} of the file, probably because of an unclosed quote"
    )]
    WouldReadDifferently {
        /// Who would read it differently.
        reader: Reader,
        /// The number of the line, from 1.
        line: usize,
    },
    /// The file was written by another program meanwhile.
    #[error("{} has changed since it was read", path.display())]
    ChangedMeanwhile {
        /// The file.
        path: PathBuf,
    },
    /// Another run holds the lock.
    #[error("another run is writing to {}", folder.display())]
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
    #[error("{} is a symbolic link that points back to itself", path.display())]
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
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// What is no file.
        path: PathBuf,
    },
    /// A symbolic link where a file of ours should be.
    #[error("{} is a symbolic link; glassdome does not replace its target", path.display())]
    IsLink {
        /// The link.
        path: PathBuf,
    },
    /// More than any settings file holds.
    #[error("{} is larger than {} MiB, too large for a settings file", path.display(), limit >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// Text that is not UTF-8, and nothing like it.
    #[error("{} is encoded in {encoding}; settings files must be UTF-8", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        encoding: Encoding,
    },
    /// A byte that no text contains.
    #[error("{} is not a text file: line {line} contains a NUL byte (UTF-16 text may have been appended)", path.display())]
    NulByte {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// A file that was mounted by itself.
    #[error("{} cannot be replaced: it is a mount point (a single file mounted into a container)", path.display())]
    MountPoint {
        /// The file.
        path: PathBuf,
    },
    /// A file that the file system protects.
    #[error("{} cannot be replaced: the file system protects it (immutable or append-only)", path.display())]
    Immutable {
        /// The file.
        path: PathBuf,
    },
    /// A name beside which there is no room for the name of a backup.
    #[error("the name of {} is too long: the name of its backup needs four more bytes", path.display())]
    NameTooLong {
        /// The file.
        path: PathBuf,
    },
    /// Not permitted.
    #[error("no permission to {doing} {}", path.display())]
    Denied {
        /// What was tried.
        doing: FileOperation,
        /// With what.
        path: PathBuf,
    },
    /// A file system that cannot be written to.
    #[error("cannot {doing} {}: the file system is read-only", path.display())]
    ReadOnly {
        /// What was tried.
        doing: FileOperation,
        /// With what.
        path: PathBuf,
    },
    /// No space left.
    #[error("cannot {doing} {}: the disk is full", path.display())]
    DiskFull {
        /// What was tried.
        doing: FileOperation,
        /// With what.
        path: PathBuf,
    },
    /// Anything else that the system says.
    #[error("cannot {doing} {}: {why}", path.display())]
    System {
        /// What was tried.
        doing: FileOperation,
        /// With what.
        path: PathBuf,
        /// The system's own words.
        #[source]
        why: io::Error,
    },
}

/// A value that cannot be used, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSetting {
    /// The key.
    pub key: Key,
    /// Where its value comes from.
    pub source: Source,
    /// What is wrong with it.
    pub why: SettingFault,
}

impl InvalidSetting {
    /// Returns whether it is a value of its key, and contradicts another one.
    pub(super) const fn is_contradiction(&self) -> bool {
        !matches!(self.why, SettingFault::Value(_))
    }
}

/// What is wrong with the value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingFault {
    /// It is not a value of that key.
    Value(InvalidValue),
    /// It names another user than a token ID does.
    TwoUsers(Box<TwoUsers>),
    /// It names another token than is beside the secret.
    TwoTokens(Box<TwoTokens>),
}

impl From<InvalidSetting> for SettingsError {
    fn from(invalid: InvalidSetting) -> Self {
        match invalid.why {
            SettingFault::Value(why) => Self::Invalid { origin: invalid.source, why },
            SettingFault::TwoUsers(users) => Self::TwoUsers(users),
            SettingFault::TwoTokens(tokens) => Self::TwoTokens(tokens),
        }
    }
}

/// A token of one user beside the name of another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{token} is a token of {token_user}, but {user} is {other_user}")]
pub struct TwoUsers {
    /// Where the token ID is.
    pub token: Source,
    /// Its user.
    pub token_user: UserId,
    /// Where the user is.
    pub user: Source,
    /// That user.
    pub other_user: UserId,
}

/// The secret of one token beside the name of another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{secret} is the secret of token {secret_token}, but {name} is {other_token}")]
pub struct TwoTokens {
    /// Where the secret is.
    pub secret: Source,
    /// The token that it says it is of.
    pub secret_token: TokenName,
    /// Where the name is.
    pub name: Source,
    /// That name.
    pub other_token: TokenName,
}

/// What was being done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOperation {
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

impl std::fmt::Display for FileOperation {
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
pub enum InvalidValue {
    /// Bytes that are no text.
    #[error("not UTF-8 text")]
    NotText,
    /// A character that a program put into it on its way here.
    #[error("character {position} is not allowed: {}", characters::named(*found))]
    Character {
        /// Where it is, counted from 1.
        position: usize,
        /// Which it is.
        found: char,
    },
    /// Not a boolean.
    #[error("not a boolean: use true or false (1/0, yes/no and on/off also work)")]
    Boolean,
    /// Not a server.
    #[error(transparent)]
    Endpoint(#[from] endpoint::InvalidEndpoint),
    /// Not a user, token name or token ID.
    #[error(transparent)]
    Token(#[from] token::InvalidToken),
    /// Not a token secret.
    #[error(transparent)]
    Secret(#[from] token_secret::BadSecret),
    /// Not a node, pool or VMID.
    #[error(transparent)]
    Id(#[from] ids::InvalidId),
    /// Not a fingerprint.
    #[error(transparent)]
    Fingerprint(#[from] fingerprint::InvalidFingerprint),
}
