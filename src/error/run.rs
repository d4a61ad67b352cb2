//! What ends a run from outside: a signal, the system, an output that cannot be written.

use crate::error::hint::{run, say};
use crate::error::{Hint, Kind};
use crate::session::Signal;
use std::io;
use std::path::PathBuf;

/// What stands after a command whose result could not be written.
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
    #[error("stopped at a question; nothing that comes after it was done")]
    Cancelled,
    /// The simulated server did not start.
    #[error("cannot start the sandbox")]
    Sandbox {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The process could not be set up.
    #[error("cannot start")]
    NoRuntime {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A signal asked the program to end; everything was cleaned up.
    #[error("interrupted")]
    Interrupted {
        /// Which.
        signal: Signal,
    },
    /// The setup ended before it wrote anything.
    #[error("{}; nothing was written", if signal.is_some() { "interrupted" } else { "stopped" })]
    NothingWritten {
        /// The signal; nothing where a person left a question open.
        signal: Option<Signal>,
    },
    /// A second signal came before everything was cleaned up.
    #[error("interrupted twice; nothing more was cleaned up")]
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
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Unwritten {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The `.gitignore` could not be written.
    #[error("cannot write {}", path.display())]
    GitIgnore {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The report could not be written.
    #[error("cannot write the report {}", path.display())]
    Bundle {
        /// Where.
        path: PathBuf,
        /// Why.
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
            Self::Cancelled => Kind::Interrupted(Signal::Interrupt),
            Self::Interrupted { signal } | Self::Abandoned { signal, .. } => Kind::Interrupted(*signal),
            Self::NothingWritten { signal } => Kind::Interrupted(signal.unwrap_or(Signal::Interrupt)),
            Self::Unwritten { source, .. } | Self::Bundle { source, .. } => of_file(source),
            Self::GitIgnore { .. } => Kind::Configuration,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NoThread { .. } => {
                vec![say("the limit of processes, threads or memory is reached (ulimit -u, ulimit -v)")]
            }
            Self::Cancelled
            | Self::Interrupted { .. }
            | Self::NothingWritten { .. }
            | Self::Abandoned { left: None, .. }
            | Self::ResultUnwritten { after: Aftermath::Nothing, .. } => Vec::new(),
            Self::Sandbox { .. } => vec![say("is the port taken? `--listen 127.0.0.1:0` takes a free one")],
            Self::NoRuntime { .. } => vec![say("is the limit of open files or processes reached?")],
            Self::Abandoned { left: Some((vmid, node)), .. } => {
                vec![say(format!("VM {vmid} on {node} may still be there")), run("glassdome cleanup")]
            }
            Self::ResultUnwritten { after: Aftermath::Changes, .. } => {
                vec![say("the command has run to its end: what it changed stands")]
            }
            Self::Unwritten { source, .. } if of_file(source) == Kind::Unexpected => Vec::new(),
            Self::Unwritten { .. } => vec![say("does the folder exist, and may you write to it?")],
            Self::GitIgnore { .. } => vec![say("add the lines yourself, or leave --yes out")],
            Self::Bundle { source, .. } if of_file(source) == Kind::Unexpected => Vec::new(),
            Self::Bundle { .. } => vec![say("give --bundle the path of a file that does not exist yet")],
        }
    }
}

/// Decides about a file that could not be written: whether another path would do, or nothing can be written there.
fn of_file(source: &io::Error) -> Kind {
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
