//! What can go wrong with many test VMs.

use crate::error::hint::{run, say};
use crate::error::{Error, Hint, Kind};
use crate::model::{Foreign, VmId};

/// What can go wrong with many test VMs.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Many test VMs were made, and not all succeeded.
    #[error("{failed} of {count} test VMs failed; the first: {first}")]
    SomeFailed {
        /// How many failed.
        failed: usize,
        /// How many were asked for.
        count: usize,
        /// The VMs that are still there, and their nodes.
        left: Vec<(u32, String)>,
        /// The first failure.
        #[source]
        first: Box<Error>,
    },
    /// No node of the cluster can make a clone.
    #[error("template {template} cannot be cloned on any online node")]
    NoPlace {
        /// The template.
        template: VmId,
    },
}

impl BatchError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::SomeFailed { left, first, .. } => {
                if left.is_empty() {
                    first.kind()
                } else {
                    Kind::LeftBehind
                }
            }
            Self::NoPlace { .. } => Kind::NotFound,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::SomeFailed { left, first, .. } => {
                let mut hints = first.hints();
                if !left.is_empty() && !hints.contains(&run("glassdome cleanup")) {
                    hints.push(run("glassdome cleanup"));
                }
                hints
            }
            Self::NoPlace { .. } => vec![say("check that a node with access to the storage of the template is online")],
        }
    }

    /// Returns the lines of detail.
    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::SomeFailed { first, .. } => first.details(),
            _ => Vec::new(),
        }
    }

    /// Returns the server's own words.
    pub(super) fn server_message(&self) -> Option<Foreign> {
        match self {
            Self::SomeFailed { first, .. } => first.server_message(),
            _ => None,
        }
    }
}
