//! Why a server, or something in front of it, says no: its sentences are recognized here and nowhere else.

use std::convert::Infallible;
use std::str::FromStr;

use crate::model::{Foreign, Validated};
use crate::pve::http::reply::SentCredential;

/// Why a call was refused or a task failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// The request carried no credentials, or something in between removed them.
    NoCredentials,
    /// The user does not exist.
    NoSuchUser,
    /// The user is disabled.
    UserDisabled,
    /// The user has expired.
    UserExpired,
    /// The token does not exist.
    NoSuchToken,
    /// The token has expired.
    TokenExpired,
    /// The secret is not that of the token.
    WrongSecret,
    /// The server found no token ID in the header.
    NoTokenId,
    /// The ticket of a login is not accepted.
    TicketRefused,
    /// The CSRF token of a login is not accepted.
    CsrfRefused,
    /// The password or the one-time code of a login is not accepted.
    LoginRefused,
    /// A credential is not accepted, and the server does not say why.
    CredentialsRefused,
    /// A 401 in words that are not those of Proxmox VE: something in front of it may have answered.
    UnknownUnauthorized,
    /// The caller lacks a privilege.
    MissingPrivilege,
    /// The call needs a login, and a token made it.
    NeedsLogin,
    /// Only root@pam may do that.
    RootOnly,
    /// The cluster has no quorum, so that nothing can be changed.
    NoQuorum,
    /// The file system of the cluster does not answer.
    ClusterFilesystemDown,
    /// The node that the call is for cannot be reached by the server.
    NodeUnreachable,
    /// The cluster has no such node.
    NoSuchNode,
    /// The server could not start a worker for the task, which was not carried out.
    NoWorker,
    /// The worker of the task was killed.
    WorkerKilled,
    /// The task was stopped.
    Interrupted,
    /// A lock was held by something else for too long.
    LockTimeout,
    /// Something that the server asked did not answer in time.
    Timeout,
    /// No VMID of the configured range is free.
    NoFreeVmid,
    /// The VMID is taken.
    VmidTaken,
    /// A file of that name exists.
    FileExists,
    /// The token exists.
    TokenExists,
    /// The user exists.
    UserExists,
    /// The role exists.
    RoleExists,
    /// The pool exists.
    PoolExists,
    /// The VM has no configuration on that node.
    NoSuchVm,
    /// The role does not exist.
    NoSuchRole,
    /// The pool does not exist, or may not be seen.
    NoSuchPool,
    /// The storage does not exist.
    NoSuchStorage,
    /// A disk, an image or another volume does not exist.
    NoSuchVolume,
    /// Another task holds the VM, or one that broke off left it locked.
    VmLocked,
    /// The VM runs, and may not.
    VmRunning,
    /// The VM does not run, and should.
    VmNotRunning,
    /// The VM is protected against removal.
    VmProtected,
    /// High availability manages the VM.
    VmInHa,
    /// The VM has snapshots.
    VmHasSnapshots,
    /// The VM is a template, and may not be.
    VmIsTemplate,
    /// The VM has no guest agent in its configuration.
    AgentNotConfigured,
    /// The guest agent does not answer.
    AgentDown,
    /// Linked clones still use the disk.
    DiskInUse,
    /// A linked clone of the VM is not possible.
    CannotLink,
    /// The VM cannot be cloned to another node, because one of its disks is on local storage.
    LocalStorage,
    /// The storage is disabled.
    StorageDisabled,
    /// The storage is not for that node.
    StorageNotOnNode,
    /// The storage does not answer, or is not mounted.
    StorageOffline,
    /// The storage is not for that kind of content.
    StorageContent,
    /// The storage is full.
    StorageFull,
    /// The node has no hardware virtualization.
    KvmUnavailable,
    /// A device of the VM does not exist on the node.
    DeviceMissing,
    /// A disk of the VM did not appear on the node in time.
    DiskNotReady,
    /// A bridge of the VM does not exist on the node.
    BridgeMissing,
    /// The node has too little memory.
    OutOfMemory,
    /// A parameter is not accepted.
    InvalidParameter,
    /// The server does not know a parameter: it is of another version.
    UnknownParameter,
    /// The server does not know the call: it is of another version.
    NotImplemented,
    /// Too many requests.
    RateLimited,
    /// A proxy in front of the server gets no answer from it.
    ProxyTrouble,
    /// A proxy in front of the server does not let the call through.
    ForbiddenByProxy,
    /// The server, or a proxy in front of it, does not accept a request of this size.
    RequestTooLarge,
    /// The answer leads elsewhere, to the page of a login gateway for example.
    Redirected,
    /// Something else than the API answers.
    NotTheApi,
    /// Words that are not known.
    Unknown,
}

use RefusalReason as Is;

/// The known sentences: parts that appear in this order, whatever the case of their letters; `#` is a number. The first
/// match decides, so specific sentences and causes come first. Only sentences that servers have been seen to say belong
/// here: single words such as "space" appear in names, too.
const SENTENCES: &[(&[&str], RefusalReason)] = &[
    (&["no quorum"], Is::NoQuorum),
    (&["unable to open file '/etc/pve/", "' - Permission denied"], Is::NoQuorum),
    (&["RPCEnvironment init request failed"], Is::ClusterFilesystemDown),
    (&["ipcc_send_rec", "failed: Connection refused"], Is::ClusterFilesystemDown),
    (&["got no worker upid"], Is::NoWorker),
    (&["interrupted by signal"], Is::Interrupted),
    (&["received interrupt"], Is::Interrupted),
    (&["need proper ticket"], Is::NeedsLogin),
    (&["Permission check failed (pool '", "' does not exist)"], Is::NoSuchPool),
    (&["Permission check failed"], Is::MissingPrivilege),
    (&["only root can "], Is::RootOnly),
    (&["No ticket"], Is::NoCredentials),
    (&["no tokenid specified"], Is::NoTokenId),
    (&["invalid PVE ticket"], Is::TicketRefused),
    (&["invalid csrf token"], Is::CsrfRefused),
    (&["invalid token value"], Is::WrongSecret),
    (&["token '", "' access expired"], Is::TokenExpired),
    (&["user '", "' access expired"], Is::UserExpired),
    (&["user '", "' is disabled"], Is::UserDisabled),
    (&["no such token"], Is::NoSuchToken),
    (&["no such user"], Is::NoSuchUser),
    (&["user '", "' does not exist"], Is::NoSuchUser),
    (&["Authentication failed!"], Is::CredentialsRefused),
    (&["authentication failure"], Is::LoginRefused),
    (&["unable to get any free VMID in range"], Is::NoFreeVmid),
    (&["no such cluster node"], Is::NoSuchNode),
    (&["hostname lookup '", "' failed"], Is::NoSuchNode),
    (&["Token already exists"], Is::TokenExists),
    (&["user '", "' already exists"], Is::UserExists),
    (&["role '", "' already exists"], Is::RoleExists),
    (&["pool '", "' already exists"], Is::PoolExists),
    (&["config file already exists"], Is::VmidTaken),
    (&["VM # already exists"], Is::VmidTaken),
    (&["refusing to override existing file"], Is::FileExists),
    (&["Configuration file '", "' does not exist"], Is::NoSuchVm),
    (&["unable to find configuration file for VM"], Is::NoSuchVm),
    (&["role '", "' does not exist"], Is::NoSuchRole),
    (&["pool '", "' does not exist"], Is::NoSuchPool),
    (&["no such pool"], Is::NoSuchPool),
    (&["storage '", "' is disabled"], Is::StorageDisabled),
    (&["storage '", "' is not available on node"], Is::StorageNotOnNode),
    (&["storage '", "' is not online"], Is::StorageOffline),
    (&["unable to activate storage"], Is::StorageOffline),
    (&["storage '", "' is not configured for content-type"], Is::StorageContent),
    (&["storage '", "' does not support"], Is::StorageContent),
    (&["storage '", "' does not exist"], Is::NoSuchStorage),
    (&["no such storage"], Is::NoSuchStorage),
    (&["volume '", "' does not exist"], Is::NoSuchVolume),
    (&["No space left on device"], Is::StorageFull),
    (&["Disk quota exceeded"], Is::StorageFull),
    (&["': out of space"], Is::StorageFull),
    (&["insufficient free space"], Is::StorageFull),
    (&["not enough free space"], Is::StorageFull),
    (&["free space in thin pool", "reached threshold"], Is::StorageFull),
    (&["can't lock file", "got timeout"], Is::LockTimeout),
    (&["got lock request timeout"], Is::LockTimeout),
    (&["got lock timeout"], Is::LockTimeout),
    (&["unable to acquire lock"], Is::LockTimeout),
    (&["VM is locked"], Is::VmLocked),
    (&["VM # is running - destroy failed"], Is::VmRunning),
    (&["VM # already running"], Is::VmRunning),
    (&["if VM is running"], Is::VmRunning),
    (&["No QEMU guest agent configured"], Is::AgentNotConfigured),
    (&["guest agent is not running"], Is::AgentDown),
    (&["VM # is not running"], Is::VmNotRunning),
    (&["protection mode enabled"], Is::VmProtected),
    (&["used in HA resources"], Is::VmInHa),
    (&["VM contains snapshots"], Is::VmHasSnapshots),
    (&["if it's a template"], Is::VmIsTemplate),
    (&["convert a template to a template"], Is::VmIsTemplate),
    (&["is still in use by linked clone"], Is::DiskInUse),
    (&["Linked clone feature is not supported"], Is::CannotLink),
    (&["not allowed for linked clones"], Is::CannotLink),
    (&["can't clone VM to node", "VM uses local storage"], Is::LocalStorage),
    (&["can't clone to non-shared storage"], Is::LocalStorage),
    (&["KVM virtualisation configured, but not available"], Is::KvmUnavailable),
    (&["Could not access KVM kernel module"], Is::KvmUnavailable),
    (&["failed to initialize KVM"], Is::KvmUnavailable),
    (&["PCI device mapping"], Is::DeviceMissing),
    (&["USB device mapping"], Is::DeviceMissing),
    (&["pci device '", "' not found"], Is::DeviceMissing),
    (&["no such serial device"], Is::DeviceMissing),
    (&["bridge '", "' does not exist"], Is::BridgeMissing),
    (&["Cannot allocate memory"], Is::OutOfMemory),
    (&["for data too large"], Is::RequestTooLarge),
    (&["property is not defined in schema"], Is::UnknownParameter),
    (&["Unknown option: "], Is::UnknownParameter),
    (&["Method '", "' not implemented"], Is::NotImplemented),
    (&["timeout: no ", "device link"], Is::DiskNotReady),
    (&["timeout waiting on systemd"], Is::Timeout),
    (&["got timeout"], Is::Timeout),
    (&["Parameter verification failed"], Is::InvalidParameter),
    (&["unable to parse option"], Is::InvalidParameter),
];

impl RefusalReason {
    /// Recognizes a sentence of the server, of a task or of `pveum`.
    #[must_use]
    pub fn of_text(text: &Foreign) -> Self {
        let Ok(reason) = text.parse::<Self>();
        reason
    }

    /// Recognizes why a task failed, by its exit status or else by the end of its log: of a copy that failed, the exit
    /// status names the command alone.
    #[must_use]
    pub fn of_task<'a>(exit_status: &'a Foreign, log: impl DoubleEndedIterator<Item = &'a Foreign>) -> Self {
        if *exit_status == "unexpected status" {
            return Self::WorkerKilled;
        }
        let texts = std::iter::once(exit_status).chain(log.rev());
        texts.map(Self::of_text).find(|reason| *reason != Self::Unknown).unwrap_or(Self::Unknown)
    }

    /// Recognizes an answer of the API by its status and its text, and by what the request authenticated with.
    pub(in crate::pve) fn of_answer(status: u16, text: &Foreign, credential: SentCredential) -> Self {
        match (status, Self::of_text(text)) {
            // The server gave the ticket itself, so that the user and the password are right.
            (401, Self::CredentialsRefused) if credential == SentCredential::Ticket => Self::TicketRefused,
            (595..=599, _) => Self::NodeUnreachable,
            (413, _) => Self::RequestTooLarge,
            (429, _) => Self::RateLimited,
            (401, Self::Unknown) => Self::UnknownUnauthorized,
            (_, reason) => reason,
        }
    }

    /// Recognizes an answer that is not the API's by its status.
    #[must_use]
    pub const fn of_page(status: u16) -> Self {
        match status {
            401 => Self::UnknownUnauthorized,
            403 | 405 => Self::ForbiddenByProxy,
            413 => Self::RequestTooLarge,
            429 => Self::RateLimited,
            status if is_proxy_trouble(status) => Self::ProxyTrouble,
            _ => Self::NotTheApi,
        }
    }

    /// Returns whether what the call was about does not exist (any more).
    #[must_use]
    pub const fn is_missing_object(self) -> bool {
        matches!(
            self,
            Self::NoSuchUser
                | Self::NoSuchToken
                | Self::NoSuchRole
                | Self::NoSuchPool
                | Self::NoSuchVm
                | Self::NoSuchStorage
                | Self::NoSuchVolume
        )
    }
}

/// Returns whether a reverse proxy answers so for a server that does not answer it. 520 and above are Cloudflare's.
pub(in crate::pve) const fn is_proxy_trouble(status: u16) -> bool {
    matches!(status, 502 | 503 | 504 | 520..=530)
}

impl Validated for RefusalReason {}

impl FromStr for RefusalReason {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let text = normalized(text);
        let found = SENTENCES.iter().find(|(parts, _)| are_in_order(&text, parts));
        Ok(found.map_or(Self::Unknown, |(_, reason)| *reason))
    }
}

/// Writes letters in lower case, and every number as `#`.
fn normalized(text: &str) -> String {
    let mut normalized = String::with_capacity(text.len());
    for character in text.chars() {
        if !character.is_ascii_digit() {
            normalized.push(character.to_ascii_lowercase());
        } else if !normalized.ends_with('#') {
            normalized.push('#');
        }
    }
    normalized
}

/// Returns whether all parts are in a normalized text, each behind the one before.
fn are_in_order(text: &str, parts: &[&str]) -> bool {
    let mut rest = text;
    for part in parts {
        let Some((_, behind)) = rest.split_once(part.to_ascii_lowercase().as_str()) else { return false };
        rest = behind;
    }
    true
}

#[cfg(test)]
mod tests;
