//! What can go wrong with trust and tokens, how that ends, and what to do about it.

use std::path::PathBuf;

use crate::error::{Hint, Kind};

/// What can go wrong with trust and tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The cluster's CA was asked for and cannot be had.
    #[error("the CA of {server} cannot be trusted in place of its certificate: {why}")]
    NoCa {
        /// Which server.
        server: String,
        /// Why not.
        why: String,
    },
    /// The file for the CA holds another one.
    #[error("{} holds another certificate than the CA of this cluster", path.display())]
    OtherCaFile {
        /// Which file.
        path: PathBuf,
    },
    /// What of a certificate is stored was said where none is pinned.
    #[error("--pin says what is stored of a certificate, and none is accepted or pinned here")]
    NothingToPin,
}

impl TokenError {
    /// Decides on the kind.
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::NoCa { .. } => Kind::Tls,
            Self::OtherCaFile { .. } => Kind::Configuration,
            Self::NothingToPin => Kind::Usage,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NoCa { .. } => vec![say("pin the certificate itself: --pin leaf")],
            Self::OtherCaFile { path } => vec![
                say("does it belong to another cluster? then use another --instance or --env-file"),
                say(format!("to replace it: --yes, or move {} away", path.display())),
            ],
            Self::NothingToPin => vec![say("add --accept-new-certificate, or --fingerprint SHA256")],
        }
    }
}

fn say(text: impl Into<String>) -> Hint {
    Hint::Say(text.into())
}
