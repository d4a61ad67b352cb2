//! Where a value comes from.

use std::fmt;
use std::path::PathBuf;

/// The place that a value was taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Flag(&'static str),
    /// A variable of the process.
    Variable(String),
    /// A line of the `.env` file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key's variable.
        name: String,
    },
    /// A person at the keyboard.
    Answer,
    /// The simulated server.
    Sandbox,
    /// Not set.
    Default(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => formatter.write_str(flag),
            Self::Variable(name) => write!(formatter, "the variable {name}"),
            Self::File { path, line, name } => write!(formatter, "{}:{line}: {name}", path.display()),
            Self::Answer => formatter.write_str("the answer at the prompt"),
            Self::Sandbox => formatter.write_str("the sandbox"),
            Self::Default(name) => write!(formatter, "the default of {name}"),
        }
    }
}

impl Source {
    /// Returns whether a value of this source counts more than one of another.
    #[must_use]
    pub const fn outranks(&self, other: &Self) -> bool {
        self.rank() > other.rank()
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) | Self::Answer => 3,
            Self::Variable(_) => 2,
            Self::File { .. } => 1,
            Self::Sandbox | Self::Default(_) => 0,
        }
    }

    /// Returns whether this is settled for the run: it need not be asked for.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Flag(_) | Self::Variable(_))
    }
}

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub source: Source,
}
