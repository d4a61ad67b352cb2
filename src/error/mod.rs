//! What can go wrong in a command: one enum a domain, each with its kind and its hints.

mod auth;
mod authentication;
mod batch;
mod cleanup;
mod conditions;
mod config;
mod connection;
mod hint;
mod kind;
mod operation;
mod permission;
mod placement;
mod preflight;
mod refusal;
mod report;
mod run;
mod server;
mod settings;
mod template;
mod token;
mod usage;
mod vm;

use crate::model::{Endpoint, Foreign};
use crate::pve::RefusalReason;
use crate::pve::privileges::MissingPrivileges;
use crate::session::NoStateFolder;
use crate::{journal, pve};

pub use auth::AuthError;
pub use batch::BatchError;
pub use cleanup::CleanupError;
pub use config::ConfigError;
pub use connection::ConnectionError;
pub use hint::{Hint, draw_hints};
pub use kind::{KINDS, Kind};
pub(crate) use operation::Doing;
pub use operation::{AccessChange, Operation};
pub use permission::PermissionError;
pub use placement::{DriveMedium, PlacementError};
pub use preflight::{PreflightError, StorageState};
pub use report::Report;
pub use run::{Aftermath, RunError};
pub use template::TemplateError;
pub use token::{KeptObject, Leftovers, Regeneration, TokenError};
pub use usage::{MissingAnswer, UsageError};
pub use vm::VmError;

/// What can go wrong in a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is wrong with a command line, or missing from it.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// What ends a run from outside: a signal, the system, an output that cannot be written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// What is wrong with files and variables that say how to connect.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What answers is not the server, or not provably.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The server does not accept the credentials.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Privileges are missing.
    #[error(transparent)]
    Permission(#[from] PermissionError),
    /// The node, template, storage, pool or VMID that a clone needs.
    #[error(transparent)]
    Placement(#[from] PlacementError),
    /// What the preflight finds in the way of a clone: locks, devices, storages.
    #[error(transparent)]
    Preflight(#[from] PreflightError),
    /// What can go wrong with a VM: its task, its state, its removal.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// What can go wrong when a test VM is removed, and what is left then.
    #[error(transparent)]
    Cleanup(#[from] CleanupError),
    /// What can go wrong with many test VMs.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The settings.
    #[error(transparent)]
    Settings(#[from] crate::settings::SettingsError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::JournalError),
    /// There is no folder for the journal.
    #[error(transparent)]
    NoStateFolder(#[from] NoStateFolder),
    /// Trust and tokens.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The making of a template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A server could not be reached, or said no.
    #[error("cannot {operation}")]
    Server {
        /// What was being done.
        operation: Operation,
        /// What came of it.
        #[source]
        source: pve::ApiError,
    },
}

impl Error {
    /// Decides on the kind, from which the exit code follows.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Usage(error) => error.kind(),
            Self::Run(error) => error.kind(),
            Self::Config(error) => error.kind(),
            Self::Connection(error) => error.kind(),
            Self::Auth(error) => error.kind(),
            Self::Permission(error) => error.kind(),
            Self::Placement(error) => error.kind(),
            Self::Preflight(error) => error.kind(),
            Self::Vm(error) => error.kind(),
            Self::Cleanup(error) => error.kind(),
            Self::Batch(error) => error.kind(),
            Self::Token(error) => error.kind(),
            Self::Template(error) => error.kind(),
            Self::Server { source, .. } => server::kind(source),
            Self::Settings(_) | Self::Journal(_) | Self::NoStateFolder(_) => Kind::Configuration,
        }
    }

    /// Says what to do next.
    pub(crate) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::Usage(error) => error.hints(),
            Self::Run(error) => error.hints(),
            Self::Config(error) => error.hints(),
            Self::Connection(error) => error.hints(),
            Self::Auth(error) => error.hints(),
            Self::Permission(error) => error.hints(),
            Self::Placement(error) => error.hints(),
            Self::Preflight(error) => error.hints(),
            Self::Vm(error) => error.hints(),
            Self::Cleanup(error) => error.hints(),
            Self::Batch(error) => error.hints(),
            Self::Token(error) => error.hints(),
            Self::Template(error) => error.hints(),
            Self::Server { operation, source } => server::hints(operation, source),
            Self::Settings(error) => settings::hints(error),
            Self::NoStateFolder(_) => {
                vec![hint::say("set XDG_STATE_HOME to the absolute path of a writable folder")]
            }
            Self::Journal(_) => vec![hint::say("set XDG_STATE_HOME to a writable folder")],
        }
    }

    /// Returns the privileges that are missing, where that is the failure.
    pub(crate) fn missing_privileges(&self) -> &[MissingPrivileges] {
        if let Self::Permission(error) = self { error.missing() } else { &[] }
    }

    /// Returns the lines of detail below the causes: a table of privileges, a log, a certificate.
    pub(crate) fn details(&self) -> Vec<String> {
        match self {
            Self::Connection(error) => error.details(),
            Self::Auth(error) => error.details(),
            Self::Permission(error) => error.details(),
            Self::Vm(error) => error.details(),
            Self::Cleanup(error) => error.details(),
            Self::Batch(error) => error.details(),
            Self::Token(error) => error.details(),
            Self::Template(error) => error.details(),
            Self::Usage(_)
            | Self::Run(_)
            | Self::Config(_)
            | Self::Placement(_)
            | Self::Preflight(_)
            | Self::Server { .. }
            | Self::Settings(_)
            | Self::Journal(_)
            | Self::NoStateFolder(_) => Vec::new(),
        }
    }

    /// Returns the server's own words.
    pub(crate) fn server_message(&self) -> Option<Foreign> {
        match self {
            Self::Server { source, .. } => source.server_text(),
            Self::Connection(error) => error.server_message(),
            Self::Auth(error) => error.server_message(),
            Self::Permission(error) => error.server_message(),
            Self::Vm(error) => error.server_message(),
            Self::Cleanup(error) => error.server_message(),
            Self::Batch(error) => error.server_message(),
            Self::Token(error) => error.why().and_then(Self::server_message),
            Self::Template(error) => error.why().and_then(Self::server_message),
            Self::Usage(_)
            | Self::Run(_)
            | Self::Config(_)
            | Self::Placement(_)
            | Self::Preflight(_)
            | Self::Settings(_)
            | Self::Journal(_)
            | Self::NoStateFolder(_) => None,
        }
    }

    /// Adds to a missing answer that the command would have prompted for it in a terminal.
    #[must_use]
    pub(crate) fn without_terminal(self) -> Self {
        match self {
            Self::Usage(missing) => Self::Usage(missing.without_terminal()),
            other => other,
        }
    }

    /// Makes an error of a refused call and the operation that it was for.
    #[must_use]
    pub const fn server(operation: Operation, source: pve::ApiError) -> Self {
        Self::Server { operation, source }
    }

    /// Turns the failure of the first call to a server into an error: unreachable, not Proxmox VE, or untrusted.
    #[must_use]
    pub fn connecting(endpoint: &Endpoint, source: pve::ApiError) -> Self {
        Self::first_call_failed(endpoint.authority(), source)
    }

    /// Turns the failure of the first call to a server into an error, by how far the call got.
    fn first_call_failed(server: String, source: pve::ApiError) -> Self {
        use pve::ApiError as Pve;
        match &source {
            _ if source.is_unauthenticated() => Self::server(Operation::Authenticate(server), source),
            Pve::Gateway { status, phrase, .. } if *status < 500 && *status != 429 => {
                let what = format!("it answered {status} {phrase} with a page that is not from the API");
                ConnectionError::NotProxmox { server, what }.into()
            }
            Pve::Redirect { status, phrase, to, .. } => {
                let to = to.as_ref().map(|to| format!(", to {to}")).unwrap_or_default();
                let gateway = "a token cannot pass a login gateway";
                let what = format!("it answered {status} {phrase} with a redirect{to}; {gateway}");
                ConnectionError::NotProxmox { server, what }.into()
            }
            Pve::Gateway { .. } | Pve::NotUnderstood { .. } | Pve::TooLarge { .. } => {
                Self::server(Operation::Understand(server), source)
            }
            Pve::NotTls { .. } | Pve::Handshake { .. } => Self::server(Operation::StartTls(server), source),
            Pve::CertificateUntrusted { .. }
            | Pve::CertificateExpired { .. }
            | Pve::AuthorityNotValid { .. }
            | Pve::CertificateUnfit { .. }
            | Pve::CertificateWrongName { .. }
            | Pve::CertificateChanged { .. }
            | Pve::CertificateNotAsGiven { .. }
            | Pve::CertificateKeyMismatch { .. }
            | Pve::CertificateBroken { .. } => Self::server(Operation::VerifyCertificate(server), source),
            // It has answered, so it was reached.
            Pve::Refusal(_) => Self::server(Operation::Query(server), source),
            Pve::UnknownName { .. }
            | Pve::NoRoute { .. }
            | Pve::Refused { .. }
            | Pve::ConnectTimeout { .. }
            | Pve::Proxy { .. }
            | Pve::BadProxy { .. }
            | Pve::BrokenOff { .. }
            | Pve::NoAnswer { .. }
            | Pve::Stalled { .. }
            | Pve::OutcomeUnknown { .. }
            | Pve::NoSystemTrust
            | Pve::NotACa { .. }
            | Pve::SecondFactor { .. }
            | Pve::Unsendable { .. }
            | Pve::Preparation { .. } => Self::server(Operation::Reach(server), source),
        }
    }

    /// Says why the server said no, or why a task failed.
    #[must_use]
    pub fn reason(&self) -> Option<RefusalReason> {
        match self {
            Self::Server { source, .. } => source.reason(),
            Self::Vm(VmError::TaskFailed { exit_status, log, .. }) => {
                Some(RefusalReason::of_task(exit_status, log.lines()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
