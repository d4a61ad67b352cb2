//! What is wrong with files and variables that say how to connect.

use crate::error::hint::{run, say};
use crate::error::{Hint, Kind};
use crate::{pve, settings};
use std::io;
use std::path::PathBuf;

/// What is wrong with files and variables that say how to connect.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file with a secret could not be read.
    #[error("cannot read the secret for {flag} from {place}")]
    SecretFile {
        /// The flag that named it.
        flag: &'static str,
        /// Its path, or "standard input".
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `--sandbox` with a file that belongs to a real server.
    #[error("{} belongs to a real server; the sandbox never touches it", path.display())]
    NotSandboxFile {
        /// Which file.
        path: PathBuf,
    },
    /// A file of the sandbox without `--sandbox`.
    #[error("`sandbox.invalid` is reached with --sandbox alone")]
    SandboxOnly,
    /// Another tool's variables.
    #[error("--import: {why}")]
    Import {
        /// What is wrong with them.
        why: settings::BadImport,
    },
    /// A file of certificates could not be read.
    #[error("cannot read the CA file {}", path.display())]
    CaFileUnread {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of certificates could not be used.
    #[error("cannot use the CA file {}", path.display())]
    CaFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: pve::ApiError,
    },
    /// What was written reads back differently.
    #[error("{} does not read back as it was written", path.display())]
    ReadBack {
        /// Which file.
        path: PathBuf,
    },
}

impl ConfigError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::SecretFile { .. }
            | Self::NotSandboxFile { .. }
            | Self::SandboxOnly
            | Self::Import { .. }
            | Self::CaFileUnread { .. }
            | Self::CaFile { .. }
            | Self::ReadBack { .. } => Kind::Configuration,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::SecretFile { flag, .. } => {
                vec![say(format!("give {flag} a file that you may read, or `-` and the secret on standard input"))]
            }
            Self::NotSandboxFile { path } => {
                vec![say(format!("leave --env-file out, or remove {} if it was a rehearsal", path.display()))]
            }
            Self::SandboxOnly => vec![say(
                "the file is that of a rehearsal: give --env-file the file of your own server, or go on rehearsing with --sandbox, where a command has it",
            )],
            Self::Import { why } => of_import(why),
            Self::CaFileUnread { .. } | Self::CaFile { .. } => {
                vec![say("on a node, the authority of the cluster is the file"), run("/etc/pve/pve-root-ca.pem")]
            }
            Self::ReadBack { .. } => vec![say("was it written by another program at the same time? run this again")],
        }
    }
}

fn of_import(why: &settings::BadImport) -> Vec<Hint> {
    use settings::BadImport as Bad;
    match why {
        Bad::TwoTools { one, .. } => vec![say(format!("say whose count, `--import={one}` for example"))],
        Bad::Nothing { .. } => vec![say("set those of your tool, or leave --import out and answer the questions")],
        Bad::Missing { tool, .. } => {
            let names = settings::variables_of(*tool).join(", ");
            vec![say(format!("set it; of {tool} these are read: {names}"))]
        }
        Bad::Invalid { variable, .. } => vec![say(format!("correct {variable}, or leave --import out"))],
    }
}
