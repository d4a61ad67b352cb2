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
    /// Nobody said anything.
    Default(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => formatter.write_str(flag),
            Self::Variable(name) => write!(formatter, "the variable {name}"),
            Self::File { path, line, name } => write!(formatter, "{}:{line}: {name}", path.display()),
            Self::Default(name) => write!(formatter, "the default of {name}"),
        }
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
