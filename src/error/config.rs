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
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// `--sandbox` with a file that belongs to a real server.
    #[error("{} is for a real server; the sandbox never changes it", path.display())]
    NotSandboxFile {
        /// Which file.
        path: PathBuf,
    },
    /// A file of the sandbox without `--sandbox`.
    #[error("`sandbox.invalid` can only be used with --sandbox")]
    SandboxOnly,
    /// Another tool's variables.
    #[error("--import: {why}")]
    Import {
        /// What is wrong with them.
        why: settings::BadImport,
    },
    /// A file of certificates could not be read.
    #[error("cannot read the CA file {}", path.display())]
    CaFileUnreadable {
        /// The path of the file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file of certificates could not be used.
    #[error("cannot use the CA file {}", path.display())]
    CaFile {
        /// The path of the file or folder.
        path: PathBuf,
        /// Why the content is not accepted.
        #[source]
        source: pve::ApiError,
    },
    /// What was written reads back differently.
    #[error("{} was written, but reading it back gives different values", path.display())]
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
            | Self::CaFileUnreadable { .. }
            | Self::CaFile { .. }
            | Self::ReadBack { .. } => Kind::Configuration,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::SecretFile { flag, .. } => {
                vec![say(format!("pass {flag} with a readable file, or with `-` and the secret on standard input"))]
            }
            Self::NotSandboxFile { path } => {
                vec![say(format!("omit --env-file, or delete {} if it came from a rehearsal", path.display()))]
            }
            Self::SandboxOnly => vec![say(
                "the settings are from a rehearsal: pass --env-file with the settings of your server, or continue with --sandbox if the command supports it",
            )],
            Self::Import { why } => import_hints(why),
            Self::CaFileUnreadable { .. } | Self::CaFile { .. } => {
                vec![
                    say("the CA certificate of the cluster is this file on every node:"),
                    run("/etc/pve/pve-root-ca.pem"),
                ]
            }
            Self::ReadBack { .. } => {
                vec![say("another program may have written to it at the same time: run this again")]
            }
        }
    }
}

fn import_hints(why: &settings::BadImport) -> Vec<Hint> {
    use settings::BadImport as Bad;
    match why {
        Bad::TwoTools { one, .. } => vec![say(format!("choose the tool, e.g. --import={one}"))],
        Bad::Nothing { .. } => vec![say("set the variables of your tool, or omit --import and answer the prompts")],
        Bad::Missing { tool, .. } => {
            let names = settings::variables_of(*tool).join(", ");
            vec![say(format!("set it; the variables read for {tool} are: {names}"))]
        }
        Bad::Invalid { variable, .. } => vec![say(format!("correct {variable}, or omit --import"))],
    }
}
