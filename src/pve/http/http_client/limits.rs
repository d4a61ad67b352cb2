//! How long and how large an answer may be.

use reqwest::{Method, StatusCode};
use std::time::Duration;

use crate::pve::http::row_splitter::RowSink;

/// Limits of waiting and of size.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a connection to come about, TLS included.
    pub connect: Duration,
    /// For the first byte of the answer to a read. The server delays a 401 by 3 s, and itself gives up on most of what
    /// it waits for (the guest agent, another node, a storage that hangs) within 5 to 20 s. A read can be repeated at
    /// no cost.
    pub answer: Duration,
    /// For the first byte of the answer to a change or a log-in. The server may wait 10 s for the lock of a VM and as
    /// long for one of the cluster, one after the other, or for a directory service; after a timeout the outcome is
    /// unknown.
    pub outcome: Duration,
    /// For the next byte of an answer. The whole answer may take this long plus its time at the slowest allowed rate.
    pub quiet: Duration,
    /// For a body.
    pub size: Sizes,
}

/// Limits of bodies, in bytes, by how they are read: what is kept of one is larger than itself.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// For a list that is read row by row, of which little is kept: 100 000 guests are 24 MiB.
    pub rows: u64,
    /// For what grows with the cluster and has to be read as a whole, at up to twenty times its size in memory: the
    /// privileges on all paths, the users with their tokens. 10 000 of these are 5 MiB.
    pub whole: u64,
    /// For everything else, a refusal among it.
    pub usual: u64,
}

impl Sizes {
    /// Returns one limit for all of them.
    #[must_use]
    pub const fn all(bytes: u64) -> Self {
        Self { rows: bytes, whole: bytes, usual: bytes }
    }
}

/// How a body is read.
pub(in crate::pve) enum Extent<'s> {
    /// Row by row, as it arrives: only what is not a row is kept.
    Rows(&'s mut dyn RowSink),
    /// As a whole, though it grows with the cluster.
    Whole,
    /// As a whole.
    Usual,
}

impl Extent<'_> {
    /// Gives the same for one try of several.
    pub(in crate::pve) fn reborrow(&mut self) -> Extent<'_> {
        match self {
            Self::Rows(sink) => Extent::Rows(&mut **sink),
            Self::Whole => Extent::Whole,
            Self::Usual => Extent::Usual,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            outcome: Duration::from_secs(60),
            quiet: Duration::from_secs(20),
            size: Sizes { rows: 64 * 1024 * 1024, whole: 8 * 1024 * 1024, usual: 1024 * 1024 },
        }
    }
}

impl Limits {
    /// Returns how long the first byte of an answer is waited for.
    ///
    /// It is also what ends an endless row of informational answers (1xx). They are passed over by the HTTP library, which
    /// keeps no more than one of them in memory; it could count them, and the client above it has no way to ask for that.
    pub(super) fn first_byte(&self, method: &Method) -> Duration {
        if method == Method::GET { self.answer } else { self.outcome }
    }

    /// Returns how large a body may be. Only a successful answer can be a long list.
    pub(super) fn size(&self, status: StatusCode, extent: &Extent<'_>) -> u64 {
        match extent {
            Extent::Rows(_) if status.is_success() => self.size.rows,
            Extent::Whole if status.is_success() => self.size.whole,
            _ => self.size.usual,
        }
    }
}
