//! The kinds of failure, each with its exit code.

use crate::session::Signal;

/// The kinds of failure, each with its exit code: a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Unexpected error.
    Unexpected,
    /// Usage.
    Usage,
    /// Configuration or input missing, invalid or not confirmed.
    Configuration,
    /// DNS failure, no route, connection refused or lost, timeout, proxy.
    Unreachable,
    /// Certificate not trusted, or changed.
    Tls,
    /// Not authenticated.
    Authentication,
    /// Not permitted.
    Permission,
    /// No such node, template, storage, token; no VM template.
    NotFound,
    /// The server failed.
    Server,
    /// A test VM had to be left behind.
    LeftBehind,
    /// A signal.
    Interrupted(Signal),
}

/// Every kind with its meaning, for `help exit-codes` and the documentation.
pub const KINDS: [(Kind, &str); 13] = [
    (Kind::Unexpected, "unexpected error"),
    (Kind::Usage, "the command line is not understood, or lacks a flag"),
    (Kind::Configuration, "configuration or input missing, invalid or not confirmed"),
    (Kind::Unreachable, "DNS failure, no route, connection refused or lost, timeout, proxy"),
    (Kind::Tls, "certificate not trusted, or changed"),
    (Kind::Authentication, "not authenticated (401)"),
    (Kind::Permission, "not permitted (403, or found before the clone)"),
    (Kind::NotFound, "no such node, template, storage, token; no VM template"),
    (Kind::Server, "the server failed (5xx, task failed, no progress, not understood)"),
    (Kind::LeftBehind, "a test VM had to be left behind"),
    (Kind::Interrupted(Signal::Hangup), "SIGHUP"),
    (Kind::Interrupted(Signal::Interrupt), "SIGINT, Ctrl-C, or a confirmation answered with no"),
    (Kind::Interrupted(Signal::Terminate), "SIGTERM"),
];

impl Kind {
    /// Returns the word for it in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unexpected => "unexpected",
            Self::Usage => "usage",
            Self::Configuration => "configuration",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::Server => "server",
            Self::LeftBehind => "left_behind",
            Self::Interrupted(_) => "interrupted",
        }
    }

    /// Returns its exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::Unreachable => 4,
            Self::Tls => 5,
            Self::Authentication => 6,
            Self::Permission => 7,
            Self::NotFound => 8,
            Self::Server => 9,
            Self::LeftBehind => 10,
            Self::Interrupted(signal) => signal.exit_code(),
        }
    }
}
