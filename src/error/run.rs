//! What ends a run from outside: a signal, the system, an output that cannot be written.

use crate::error::hint::{run, say};
use crate::error::{Hint, Kind};
use crate::session::Signal;
use std::io;
use std::path::PathBuf;

/// What a command may have done before its result could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aftermath {
    /// It reads only.
    Nothing,
    /// It may have changed a server, or a file.
    Changes,
}

/// What ends a run from outside: a signal, the system, an output that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system starts no thread.
    #[error("cannot start a thread")]
    NoThread {
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// The person left a question open.
    #[error("cancelled at a prompt; none of the following steps were run")]
    Cancelled,
    /// A person said no to the one thing that was to be done.
    #[error("cancelled; {outcome}")]
    Declined {
        /// What follows from it: "nothing was revoked".
        outcome: &'static str,
    },
    /// The simulated server did not start.
    #[error("cannot start the sandbox")]
    Sandbox {
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The process could not be set up.
    #[error("cannot start")]
    NoRuntime {
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A signal asked the program to end; everything was cleaned up.
    #[error("interrupted")]
    Interrupted {
        /// The signal that was received.
        signal: Signal,
    },
    /// The setup ended before it wrote anything.
    #[error("{}; nothing was written", if signal.is_some() { "interrupted" } else { "cancelled" })]
    NothingWritten {
        /// The signal; `None` if a person left a question open.
        signal: Option<Signal>,
    },
    /// A second signal came before everything was cleaned up.
    #[error("interrupted twice; cleanup was abandoned")]
    Abandoned {
        /// One of the two.
        signal: Signal,
        /// The VM that is perhaps still there, and its node.
        left: Option<(u32, String)>,
    },
    /// The result of a command could not be written.
    #[error("cannot write the result to standard output")]
    ResultUnwritten {
        /// Whether the command may have changed something.
        after: Aftermath,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Unwritten {
        /// The path of the file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The `.gitignore` could not be written.
    #[error("cannot write {}", path.display())]
    GitIgnore {
        /// The path of the file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The report could not be written.
    #[error("cannot write the report {}", path.display())]
    Bundle {
        /// The path of the file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

impl RunError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::NoThread { .. } | Self::Sandbox { .. } | Self::NoRuntime { .. } | Self::ResultUnwritten { .. } => {
                Kind::Unexpected
            }
            Self::Cancelled | Self::Declined { .. } => Kind::Interrupted(Signal::Interrupt),
            Self::Interrupted { signal } | Self::Abandoned { signal, .. } => Kind::Interrupted(*signal),
            Self::NothingWritten { signal } => Kind::Interrupted(signal.unwrap_or(Signal::Interrupt)),
            Self::Unwritten { source, .. } | Self::Bundle { source, .. } => file_error_kind(source),
            Self::GitIgnore { .. } => Kind::Configuration,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NoThread { .. } => {
                vec![say("check the limits on processes and memory (ulimit -u, ulimit -v)")]
            }
            Self::Cancelled
            | Self::Declined { .. }
            | Self::Interrupted { .. }
            | Self::NothingWritten { .. }
            | Self::Abandoned { left: None, .. }
            | Self::ResultUnwritten { after: Aftermath::Nothing, .. } => Vec::new(),
            Self::Sandbox { .. } => vec![say("if the port is in use, pass --listen 127.0.0.1:0 for a free one")],
            Self::NoRuntime { .. } => vec![say("check the limits on open files and processes (ulimit -n, ulimit -u)")],
            Self::Abandoned { left: Some((vmid, node)), .. } => {
                vec![say(format!("VM {vmid} may still exist on {node}; to delete it:")), run("glassdome cleanup")]
            }
            Self::ResultUnwritten { after: Aftermath::Changes, .. } => {
                vec![say("the command itself completed, and its changes remain")]
            }
            Self::Unwritten { source, .. } if file_error_kind(source) == Kind::Unexpected => Vec::new(),
            Self::Unwritten { .. } => vec![say("check that the folder exists and is writable")],
            Self::GitIgnore { .. } => vec![say("add the lines yourself, or omit --yes")],
            Self::Bundle { source, .. } if file_error_kind(source) == Kind::Unexpected => Vec::new(),
            Self::Bundle { .. } => vec![say("pass --bundle with the path of a file that does not exist yet")],
        }
    }
}

/// Decides about a file that could not be written: whether another path would do, or nothing can be written there.
fn file_error_kind(source: &io::Error) -> Kind {
    use io::ErrorKind as Why;
    let is_path = [
        Why::NotFound,
        Why::PermissionDenied,
        Why::AlreadyExists,
        Why::IsADirectory,
        Why::NotADirectory,
        Why::ReadOnlyFilesystem,
        Why::InvalidFilename,
        Why::InvalidInput,
    ];
    if is_path.contains(&source.kind()) { Kind::Configuration } else { Kind::Unexpected }
}
