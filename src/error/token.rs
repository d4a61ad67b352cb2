//! What can go wrong with trust and tokens, how that ends, and what to do about it.

mod advice;
mod left;

use crate::error::{Error, Kind};
use crate::model::foreign::listed;
use crate::model::{Destination, Foreign, TokenId, UserId};
use crate::pve::privileges::GrantRefused;
use crate::session::Signal;
pub use left::{KeptObject, Leftovers};
use std::path::PathBuf;

/// What can go wrong with trust and tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The cluster's CA was asked for, but could not be fetched.
    #[error("cannot trust the cluster CA of {server} instead of its certificate: {why}")]
    NoCa {
        /// Which server.
        server: String,
        /// Why not.
        why: String,
    },
    /// The file for the CA holds another one.
    #[error("{} contains a certificate other than the CA of this cluster", path.display())]
    OtherCaFile {
        /// Which file.
        path: PathBuf,
    },
    /// `--pin` was given, but no certificate is pinned.
    #[error("--pin has no effect: no certificate is accepted or pinned here")]
    NothingToPin,
    /// The user logs in with a factor that cannot be asked for here.
    #[error(
        "{user} uses a second factor that is not supported here ({}); only one-time codes (TOTP) are",
        named(factors)
    )]
    OtherFactor {
        /// Which user.
        user: UserId,
        /// Its factors.
        factors: Vec<Foreign>,
    },
    /// No node answers.
    #[error("no node of the cluster at {server} is online")]
    NoNode {
        /// Which server.
        server: String,
    },
    /// The token exists.
    #[error("token {token} already exists")]
    Exists {
        /// The full token ID, `USER@REALM!NAME`.
        token: TokenId,
        /// Whether the server can give it a new secret.
        regeneration: Regeneration,
    },
    /// The token does not exist.
    #[error("token {token} does not exist")]
    Unknown {
        /// The full token ID, `USER@REALM!NAME`.
        token: TokenId,
        /// The names of those that there are.
        known: Vec<String>,
    },
    /// The token would expire before it could be used.
    #[error("--expire: this date is in the past")]
    ExpiresBeforeUse,
    /// The second token of a rotation has other rights than the first.
    #[error("{new} was granted the same permissions as {old}, but has different privileges")]
    NotTheSame {
        /// The first.
        old: TokenId,
        /// The second.
        new: TokenId,
    },
    /// The login may not see what a user or token holds.
    #[error("{admin} cannot read the permissions of {who}, so it is unknown which of them a grant would replace")]
    Unseen {
        /// Whose rights.
        who: String,
        /// Who logged in.
        admin: UserId,
    },
    /// Every plan would take a privilege from a user, group or token.
    #[error("cannot grant permissions to {token}: {why}")]
    Refused {
        /// Which token.
        token: TokenId,
        /// Why not.
        why: GrantRefused,
    },
    /// The log-in may not make the entries.
    #[error("{admin} may not change permissions on {path} (missing {privilege}); nothing was changed")]
    MayNotGrant {
        /// Who logged in.
        admin: UserId,
        /// The ACL path.
        path: String,
        /// What that would take.
        privilege: &'static str,
        /// The lines for an administrator.
        lines: Vec<String>,
        /// The token that they make.
        token: TokenId,
    },
    /// The server is too old to give a token a new secret.
    #[error("this server cannot generate a new secret for {token}: that needs Proxmox VE 9.1 (access-control 9.1.0)")]
    CannotRegenerate {
        /// Which token.
        token: TokenId,
    },
    /// A flag about a new token where none is created.
    #[error("{flag} applies only when a token is created")]
    NothingToCreate {
        /// Which flag.
        flag: &'static str,
    },
    /// Rights were to be granted over SSH.
    #[error("a token created over SSH has all privileges of its user; --rights needed requires a login")]
    ShellGivesAll,
    /// The server's own name is no destination for ssh.
    #[error("the name of the server is not a valid SSH destination")]
    NoDestination,
    /// The sandbox has no shell.
    #[error("the sandbox has no shell for SSH")]
    NoShellInSandbox,
    /// There is no ssh on this machine.
    #[error("`ssh` is not installed on this machine")]
    NoSsh {
        /// What would have been run.
        line: String,
    },
    /// ssh could not be run.
    #[error("cannot run ssh")]
    SshUnusable {
        /// The system's error.
        #[source]
        source: std::io::Error,
        /// What would have been run.
        line: String,
    },
    /// ssh did not get as far as a command.
    #[error("ssh could not connect to {to}")]
    SshFailed {
        /// Where to.
        to: Destination,
        /// What it said; `None` if that went to the terminal.
        said: Option<Foreign>,
        /// What would have been run.
        line: String,
    },
    /// The other side is no node.
    #[error("`pveum` was not found on {to}: it is not a Proxmox VE node, or the SSH user is not root")]
    NoPveum {
        /// The SSH destination.
        to: Destination,
        /// What would have been run.
        line: String,
    },
    /// pveum refused.
    #[error("pveum failed on {to}")]
    PveumFailed {
        /// The SSH destination.
        to: Destination,
        /// What it said; `None` if that went to the terminal.
        said: Option<Foreign>,
        /// What was run.
        line: String,
    },
    /// What came back holds no secret. It is not shown: it could hold one after all.
    #[error("unexpected output from pveum on {to} ({length} bytes)")]
    SshGarbage {
        /// Where from.
        to: Destination,
        /// How much it was.
        length: usize,
    },
    /// The answer of the server has no secret.
    #[error("the server returned no secret")]
    NoSecret,
    /// Something failed after the token was made, and not everything could be undone.
    #[error("{why}")]
    LeftOnServer {
        /// What failed.
        #[source]
        why: Box<Error>,
        /// What is left.
        left: Leftovers,
    },
    /// The plan that was agreed to does not fit the server any more.
    #[error("permissions, users or tokens on the server changed after the plan was shown; nothing was changed")]
    PlanChanged,
    /// A person has looked at the plan and does not want it.
    #[error("stopped; nothing was changed on the server")]
    PlanDeclined,
    /// What the plan was made from was changed while it was being carried out.
    #[error("another program or user changed the permissions or tokens of {who} during this run")]
    ChangedMeanwhile {
        /// The user.
        who: UserId,
    },
    /// With the new entries a user or token holds less than without them.
    #[error("{who} would lose privileges on {path} ({lost}), because permissions changed during this run")]
    WouldHaveLost {
        /// The user, group or token, as the server names it.
        who: Foreign,
        /// The ACL path.
        path: String,
        /// The privileges that would be lost, as a list.
        lost: String,
    },
    /// A secret that is to be replaced is used by other lines of the settings file.
    #[error("the secret of {token} is shared: {place} in {} also uses it", file.display())]
    UsedElsewhere {
        /// Which token.
        token: TokenId,
        /// The variable that uses it.
        place: String,
        /// The settings file.
        file: PathBuf,
    },
}

/// Whether a server can give a token a new secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regeneration {
    /// It may be offered.
    Offered,
    /// The server is too old.
    Unavailable,
}

impl TokenError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::NoCa { .. } => Kind::Tls,
            Self::OtherCaFile { .. } | Self::Exists { .. } => Kind::Configuration,
            Self::NothingToPin
            | Self::ExpiresBeforeUse
            | Self::NothingToCreate { .. }
            | Self::ShellGivesAll
            | Self::NoDestination
            | Self::NoShellInSandbox => Kind::Usage,
            Self::NoSsh { .. } | Self::SshUnusable { .. } => Kind::Configuration,
            Self::SshFailed { .. } => Kind::Unreachable,
            Self::NoPveum { .. } => Kind::NotFound,
            Self::PveumFailed { .. } | Self::SshGarbage { .. } => Kind::Server,
            Self::Unknown { .. } => Kind::NotFound,
            Self::NotTheSame { .. }
            | Self::PlanChanged
            | Self::ChangedMeanwhile { .. }
            | Self::WouldHaveLost { .. } => Kind::Server,
            Self::PlanDeclined => Kind::Interrupted(Signal::Interrupt),
            Self::UsedElsewhere { .. } => Kind::Configuration,
            Self::OtherFactor { .. } => Kind::Authentication,
            Self::NoNode { .. } | Self::CannotRegenerate { .. } | Self::NoSecret => Kind::Server,
            Self::Unseen { .. } | Self::Refused { .. } | Self::MayNotGrant { .. } => Kind::Permission,
            Self::LeftOnServer { why, .. } => why.kind(),
        }
    }

    /// Returns the error that caused this one and is reported in its place.
    pub(super) fn why(&self) -> Option<&Error> {
        match self {
            Self::LeftOnServer { why, .. } => Some(why),
            _ => None,
        }
    }

    /// Returns the lines of detail: what ssh or pveum said.
    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::LeftOnServer { why, .. } => why.details(),
            Self::SshFailed { said: Some(said), .. } | Self::PveumFailed { said: Some(said), .. } => {
                said.split(&['\n']).iter().map(ToString::to_string).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn named(factors: &[Foreign]) -> String {
    if factors.is_empty() { "the server does not say which one".to_owned() } else { listed(factors) }
}
