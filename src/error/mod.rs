//! What can go wrong in a command.

mod advice;
mod authentication;
mod report;
mod template;
mod token;

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::model::{Endpoint, Foreign, NodeName, PoolName, StorageName, UserId, VmId};
use crate::pve::RefusalReason;
use crate::pve::privileges::{Caller, FixScript, MissingPrivileges};
use crate::pve::task::LogEnd;
use crate::session::{NoStateFolder, Signal};
use crate::settings::{self, Sourced};
use crate::{journal, pve};

pub use report::{Hint, KINDS, Kind, Report, draw_hints};
pub use template::TemplateError;
pub use token::{Kept, Left, TokenError};

/// What the program was doing when a server said no, as it stands behind "cannot".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Talking to the server for the first time.
    Reach(String),
    /// Talking to something that answers as no API does.
    Understand(String),
    /// Being known to a server that may have known the caller before.
    Authenticate(String),
    /// Logging in.
    LogIn(String),
    /// Reading the list of nodes.
    ReadNodes,
    /// Reading the certificates of a node.
    ReadCertificates,
    /// Reading the template's configuration.
    ReadTemplate(VmId),
    /// Reading the list of VMs.
    ReadVms,
    /// Reading storages.
    ReadStorages(NodeName),
    /// Reading the caller's own privileges.
    ReadPrivileges,
    /// Reading users, roles and entries.
    ReadAccess,
    /// Reading a user's tokens.
    ReadTokens(String),
    /// Removing a token.
    RevokeToken(String),
    /// Changing one of them; what `pveum` would be told.
    ChangeAccess(String),
    /// Reading the list of running tasks.
    ReadTasks,
    /// Finding a free VMID.
    FindId,
    /// Cloning.
    Clone {
        /// From.
        template: VmId,
        /// To.
        vmid: VmId,
    },
    /// Reading a VM.
    ReadVm(VmId),
    /// Setting links down.
    LinksDown(VmId),
    /// Starting.
    Start(VmId),
    /// Asking the guest agent.
    AskAgent(VmId),
    /// Stopping.
    Stop(VmId),
    /// Taking off the protection.
    Unprotect(VmId),
    /// Destroying.
    Destroy(VmId),
    /// Stopping a task.
    Abort,
    /// Letting the server fetch an image.
    FetchImage(String),
    /// Sending an image.
    SendImage(String),
    /// Removing an image.
    RemoveImage(String),
    /// Reading which images a storage holds.
    ReadImages(String),
    /// Making a VM.
    CreateVm(VmId),
    /// Growing the disk of a VM.
    Resize(VmId),
    /// Making a template of a VM.
    Convert(VmId),
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reach(server) => write!(formatter, "reach {server}"),
            Self::Understand(server) => {
                write!(formatter, "talk to {server}: something answers there, and not as the API does")
            }
            Self::Authenticate(server) => write!(formatter, "go on: {server} does not know who asks"),
            Self::LogIn(user) => write!(formatter, "log in as {user}"),
            Self::ReadNodes => formatter.write_str("read the list of nodes"),
            Self::ReadCertificates => formatter.write_str("read the certificates of the node"),
            Self::ReadTemplate(vmid) => write!(formatter, "read template {vmid}"),
            Self::ReadVms => formatter.write_str("read the list of VMs"),
            Self::ReadStorages(node) => write!(formatter, "read the storages of node {node}"),
            Self::ReadPrivileges => formatter.write_str("read the privileges"),
            Self::ReadAccess => formatter.write_str("read users, roles and permissions"),
            Self::ReadTokens(user) => write!(formatter, "read the tokens of {user}"),
            Self::RevokeToken(token) => write!(formatter, "revoke {token}"),
            Self::ChangeAccess(line) => write!(formatter, "do what `{line}` does"),
            Self::ReadTasks => formatter.write_str("read the running tasks"),
            Self::FindId => formatter.write_str("find a free VMID"),
            Self::Clone { template, vmid } => write!(formatter, "clone template {template} to VM {vmid}"),
            Self::ReadVm(vmid) => write!(formatter, "read VM {vmid}"),
            Self::LinksDown(vmid) => write!(formatter, "set the links of VM {vmid} down"),
            Self::Start(vmid) => write!(formatter, "start VM {vmid}"),
            Self::AskAgent(vmid) => write!(formatter, "ask the guest agent of VM {vmid}"),
            Self::Stop(vmid) => write!(formatter, "stop VM {vmid}"),
            Self::Unprotect(vmid) => write!(formatter, "take the protection off VM {vmid}"),
            Self::Destroy(vmid) => write!(formatter, "destroy VM {vmid}"),
            Self::FetchImage(image) => write!(formatter, "let the server fetch {image}"),
            Self::SendImage(image) => write!(formatter, "send {image}"),
            Self::RemoveImage(image) => write!(formatter, "remove {image}"),
            Self::ReadImages(storage) => write!(formatter, "read which images are on {storage}"),
            Self::CreateVm(vmid) => write!(formatter, "make VM {vmid}"),
            Self::Resize(vmid) => write!(formatter, "grow the disk of VM {vmid}"),
            Self::Convert(vmid) => write!(formatter, "make a template of VM {vmid}"),
            Self::Abort => formatter.write_str("stop the clone task"),
        }
    }
}

/// What stands after a command whose result could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aftermath {
    /// It reads only.
    Nothing,
    /// It may have changed a server, or a file.
    Changes,
}

/// What can go wrong in a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line was not understood.
    #[error("{message}")]
    Usage {
        /// What clap says.
        message: String,
    },
    /// The command line was not understood, as its reader says.
    #[error("{message}")]
    CommandLine {
        /// What is wrong with it.
        message: String,
        /// What may have been meant.
        tips: Vec<String>,
        /// The command that was asked for, with the name of the program.
        command: String,
    },
    /// `glassdome help` was asked for something unknown.
    #[error("there is no help about `{topic}`")]
    UnknownTopic {
        /// What was asked for.
        topic: String,
    },
    /// Two secrets were to come from standard input.
    #[error("only one secret can come from standard input")]
    StandardInputTwice,
    /// A file with a secret could not be read.
    #[error("cannot read the secret for {flag} from {place}")]
    SecretFile {
        /// The flag that named it.
        flag: &'static str,
        /// Its path, or "standard input".
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A secret would be typed where it can be seen.
    #[error("{flag} reads from a terminal, and no question may be put there: what is typed would be shown")]
    SecretAtTerminal {
        /// The flag.
        flag: &'static str,
    },
    /// The system starts no thread.
    #[error("cannot start a thread")]
    NoThread {
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// Nobody said something that must be known.
    #[error("{what} is not known, and nobody can be asked")]
    Unanswered {
        /// What is missing.
        what: &'static str,
        /// The flag that says it, where the command has one.
        flag: Option<&'static str>,
        /// The variable that says it, and the file in which it is a key, where it is one; nothing where only the flag can.
        key: Option<(String, Option<PathBuf>)>,
        /// The command that shows the whole without any answer.
        rehearsal: Option<&'static str>,
    },
    /// Something that exists would be replaced or removed, and nobody agreed to it.
    #[error("{what}: without a terminal that needs --yes; nothing was changed")]
    NeedsYes {
        /// What would be done.
        what: String,
    },
    /// The person left a question open.
    #[error("stopped at a question; nothing that comes after it was done")]
    Cancelled,
    /// `--sandbox` with a file that belongs to a real server.
    #[error("{} belongs to a real server; the sandbox never touches it", path.display())]
    NotSandboxFile {
        /// Which file.
        path: PathBuf,
    },
    /// A file of the sandbox without `--sandbox`.
    #[error("`sandbox.invalid` is reached with --sandbox alone")]
    SandboxOnly,
    /// The simulated server did not start.
    #[error("cannot start the sandbox")]
    Sandbox {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A value for `--fault` or `--pve-version` that does not exist.
    #[error("{message}")]
    SandboxOption {
        /// What is wrong.
        message: String,
    },
    /// The process could not be set up.
    #[error("cannot start")]
    NoRuntime {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The settings.
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::JournalError),
    /// There is no folder for the journal.
    #[error(transparent)]
    NoStateFolder(#[from] NoStateFolder),
    /// Trust and tokens.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Another tool's variables.
    #[error("--import: {why}")]
    Import {
        /// What is wrong with them.
        why: settings::BadImport,
    },
    /// The making of a template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The instance has no usable name.
    #[error("--instance: {why}")]
    Instance {
        /// Why not.
        why: settings::BadInstance,
    },
    /// A file of certificates could not be read.
    #[error("cannot read the CA file {}", path.display())]
    CaFileUnread {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of certificates could not be used.
    #[error("cannot use the CA file {}", path.display())]
    CaFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: pve::ApiError,
    },
    /// A server could not be reached, or said no.
    #[error("cannot {operation}")]
    Server {
        /// What was being done.
        operation: Operation,
        /// What came of it.
        #[source]
        source: pve::ApiError,
    },
    /// Something answers, and it is not Proxmox VE.
    #[error("{server} is not Proxmox VE: {what}")]
    NotProxmox {
        /// Which server.
        server: String,
        /// What it seems to be.
        what: String,
    },
    /// The server does not take the caller for who it says.
    #[error("{} is not authenticated", named(caller))]
    Unauthenticated {
        /// Who called.
        caller: Caller,
        /// The realms of the server, where they could be asked for.
        realms: Option<Vec<String>>,
        /// What the server said.
        #[source]
        source: pve::ApiError,
    },
    /// The user's realm does not exist on the server.
    #[error("{user} cannot be known there: the server has no realm `{}`", user.realm())]
    UnknownRealm {
        /// The user.
        user: UserId,
        /// The realms that there are.
        realms: Vec<String>,
    },
    /// The certificate is not trusted, and nobody can be asked.
    #[error("the certificate of {server} is not trusted")]
    Untrusted {
        /// Which server.
        server: String,
        /// What it presented.
        facts: Vec<String>,
        /// Its fingerprint.
        fingerprint: String,
        /// Why it is not trusted.
        #[source]
        source: pve::ApiError,
    },
    /// A CA is stored for the server, and the certificate that is presented was not signed by it.
    #[error("the certificate of {server} is not signed by the CA in {} ({})", stored.value.display(), stored.source)]
    NotFromStoredCa {
        /// Which server.
        server: String,
        /// The file of the CA, and what names it.
        stored: Box<Sourced<PathBuf>>,
        /// What the server presented.
        facts: Vec<String>,
        /// The fingerprint of that.
        fingerprint: String,
        /// Why it is not trusted.
        #[source]
        source: pve::ApiError,
    },
    /// No node was named, and there are several.
    #[error("there are several nodes, and PROXMOX_NODE names none of them")]
    WhichNode {
        /// Which there are.
        nodes: Vec<String>,
        /// The variable of this instance.
        variable: String,
    },
    /// The node does not exist.
    #[error("there is no node `{node}`")]
    UnknownNode {
        /// Which was named.
        node: NodeName,
        /// Which there are.
        known: Vec<String>,
    },
    /// The node does not answer.
    #[error("node {node} is not online: its status is `{status}`")]
    NodeOffline {
        /// Which.
        node: NodeName,
        /// What the cluster says of it.
        status: Foreign,
    },
    /// The template does not exist.
    #[error("there is no VM {template} on any node")]
    NoTemplate {
        /// Which was named.
        template: VmId,
        /// Templates that can be seen.
        known: Vec<String>,
    },
    /// No template was named, and none can be seen.
    #[error("no template is visible to {who}")]
    NoTemplateVisible {
        /// To whom.
        who: String,
    },
    /// The VM is no template.
    #[error("VM {vmid} ({name}) is no template")]
    NotATemplate {
        /// Which.
        vmid: VmId,
        /// Its name.
        name: Foreign,
        /// Templates that can be seen.
        known: Vec<String>,
    },
    /// The template is on another node, on storage that only that node has.
    #[error("template {template} is on node {on}, and its storage {storage} is local to it; {node} cannot clone it")]
    TemplateElsewhere {
        /// Which.
        template: VmId,
        /// Where it is.
        on: NodeName,
        /// Where it should be cloned.
        node: NodeName,
        /// The storage of its disk.
        storage: Foreign,
    },
    /// The storage does not exist on the node.
    #[error("there is no storage `{storage}` for disks on node {node}")]
    UnknownStorage {
        /// Which was named.
        storage: StorageName,
        /// Where it was looked for.
        node: NodeName,
        /// Which can be seen.
        known: Vec<String>,
    },
    /// The pool does not exist.
    #[error("there is no pool `{pool}`")]
    UnknownPool {
        /// Which was named.
        pool: PoolName,
    },
    /// The VMID that was named is taken.
    #[error("VM {vmid} exists already")]
    VmidTaken {
        /// Which.
        vmid: VmId,
        /// The flag that named it.
        flag: &'static str,
    },
    /// Every VMID that was tried was taken by somebody else.
    #[error("no free VMID after {tries} tries: others were faster each time")]
    NoFreeId {
        /// How many were tried.
        tries: usize,
    },
    /// A linked clone was asked for where the storage can make none.
    #[error("the storage of template {template} cannot make a linked clone")]
    CannotLink {
        /// The template.
        template: VmId,
    },
    /// An address was asked for, and the template has no agent.
    #[error("template {template} has the guest agent switched off, so no address can be asked for")]
    AgentDisabled {
        /// Which.
        template: VmId,
    },
    /// Privileges are missing.
    #[error("{who} lacks privileges that the proof needs")]
    Lacking {
        /// Who.
        who: String,
        /// What is missing, path by path.
        gaps: Vec<MissingPrivileges>,
        /// The lines that close the gap.
        blocks: Vec<FixScript>,
        /// Whether it could be seen why they are missing.
        is_explained: bool,
        /// The server's own words, where it refused.
        said: Option<Foreign>,
    },
    /// A task failed.
    #[error("cannot {operation}: the task failed")]
    TaskFailed {
        /// What the task was for.
        operation: Operation,
        /// Its ID.
        upid: String,
        /// How it ended.
        exit_status: Foreign,
        /// The last lines of its log.
        log: LogEnd,
    },
    /// A task made no progress.
    #[error("cannot {operation}: no progress for {seconds} s")]
    NoProgress {
        /// What the task was for.
        operation: Operation,
        /// Its ID.
        upid: String,
        /// For how long.
        seconds: u64,
    },
    /// The clone does not carry the marker.
    #[error("VM {vmid} was cloned, and does not carry the name and the marker that it was given")]
    MarkerMissing {
        /// Which.
        vmid: VmId,
    },
    /// The clone is on another node.
    #[error("VM {vmid} was made on node {node} instead of {expected}")]
    WrongNode {
        /// Which.
        vmid: VmId,
        /// Where it is.
        node: NodeName,
        /// Where it should be.
        expected: NodeName,
    },
    /// A disk of the clone is on another storage.
    #[error("disk {disk} of VM {vmid} is on storage `{storage}`, where it should not be")]
    WrongStorage {
        /// Which VM.
        vmid: VmId,
        /// Which disk.
        disk: String,
        /// Where it is.
        storage: Foreign,
    },
    /// The clone was started and does not run.
    #[error("VM {vmid} was started, and its status is `{status}`")]
    NotRunning {
        /// Which.
        vmid: VmId,
        /// What the server says of it.
        status: Foreign,
    },
    /// The guest agent reported no address in time.
    #[error("the guest agent of VM {vmid} reported no address within {seconds} s")]
    NoAddress {
        /// Which.
        vmid: VmId,
        /// For how long it was asked.
        seconds: u64,
        /// What it said last.
        last: Foreign,
    },
    /// The VM is still there after it was destroyed.
    #[error("VM {vmid} is still there")]
    NotGone {
        /// Which.
        vmid: VmId,
    },
    /// A VM that was named carries no marker of a test VM, or that cannot be seen.
    #[error("VM {vmid}{} is no test VM that can be seen", name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default())]
    NoTestVm {
        /// Which.
        vmid: VmId,
        /// Its name, where there is such a VM.
        name: Option<Foreign>,
    },
    /// A VM that was named carries the marker of a test VM, and another name than a test VM usually has.
    #[error("VM {vmid} carries the marker of a test VM, and is called `{name}`: it is destroyed only after a yes")]
    OddName {
        /// Which.
        vmid: VmId,
        /// Its name.
        name: String,
    },
    /// A VM that was named belongs to a run that is alive.
    #[error("VM {vmid} belongs to a run that is alive on this machine")]
    TestVmInUse {
        /// Which.
        vmid: VmId,
    },
    /// A VM that was ours has another name or description, or a drive more.
    #[error("VM {vmid} is no longer as this program made it: its name or marker was changed, or a drive was added")]
    TakenOver {
        /// Which.
        vmid: VmId,
    },
    /// A clone whose task has ended is still locked.
    #[error("VM {vmid} is still locked by a clone that did not finish; only root can unlock it")]
    StuckClone {
        /// Which.
        vmid: VmId,
        /// Where.
        node: NodeName,
    },
    /// A test VM could not be removed.
    #[error("VM {vmid} ({name}) had to be left behind on {node}")]
    LeftBehind {
        /// Which.
        vmid: u32,
        /// Where.
        node: String,
        /// Its name.
        name: String,
        /// Why it could not be removed.
        why: Box<Error>,
        /// What had failed before.
        proof: Option<Box<Error>>,
    },
    /// A VM was destroyed, and the server could not remove all of its disks.
    #[error("VM {vmid} ({name}) is gone, and {} of its disks had to be left behind on {node}", disks.len())]
    DisksLeft {
        /// Which VM.
        vmid: u32,
        /// Where it was.
        node: String,
        /// Its name.
        name: String,
        /// The volume IDs of the disks.
        disks: Vec<Foreign>,
        /// What had failed before.
        proof: Option<Box<Error>>,
    },
    /// A journal entry that says something impossible.
    #[error("a journal entry says something impossible")]
    StrangeEntry,
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
    /// A tool that takes tokens alone, and a password.
    #[error("{tool} cannot be told a password, only a token")]
    TokenAlone {
        /// Which tool.
        tool: &'static str,
    },
    /// The command behind `--` could not be started.
    #[error("cannot run {command}")]
    CannotRun {
        /// Which.
        command: String,
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
    /// Many proofs were made, and not all succeeded.
    #[error("{failed} of {count} proofs failed; the first: {first}")]
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
    #[error("template {template} cannot be cloned on any node that is online")]
    NoPlace {
        /// The template.
        template: VmId,
    },
    /// What was written reads back differently.
    #[error("{} does not read back as it was written", path.display())]
    ReadBack {
        /// Which file.
        path: PathBuf,
    },
}

/// Names a caller.
fn named(caller: &Caller) -> String {
    match caller {
        Caller::User(user) => user.to_string(),
        Caller::Token(token, _) => token.to_string(),
    }
}

impl Error {
    /// Says what was being done when a server said no.
    #[must_use]
    pub const fn server(operation: Operation, source: pve::ApiError) -> Self {
        Self::Server { operation, source }
    }

    /// Says that a server could not be reached, or did not answer as a server should whose name and trust are right.
    #[must_use]
    pub fn reaching(endpoint: &Endpoint, source: pve::ApiError) -> Self {
        Self::seeing(endpoint.authority(), source)
    }

    /// Says what came of a first call, as far as it got.
    fn seeing(server: String, source: pve::ApiError) -> Self {
        use pve::ApiError as Pve;
        match &source {
            _ if source.is_unauthenticated() => Self::server(Operation::Authenticate(server), source),
            Pve::Gateway { status, phrase, .. } if *status < 500 && *status != 429 => {
                let what = format!("TLS, but not its API; it answers {status} {phrase} with a page of its own");
                Self::NotProxmox { server, what }
            }
            Pve::Redirect { status, phrase, to, .. } => {
                let to = to.as_ref().map(|to| format!(", to {to}")).unwrap_or_default();
                let gateway = "a login gateway in front of the API cannot be passed";
                let what = format!("it answers {status} {phrase} and leads elsewhere{to}; {gateway}");
                Self::NotProxmox { server, what }
            }
            Pve::Gateway { .. } | Pve::NotUnderstood { .. } | Pve::TooLarge { .. } => {
                Self::server(Operation::Understand(server), source)
            }
            _ => Self::server(Operation::Reach(server), source),
        }
    }

    /// Says whether somebody else was faster with a VMID: it is taken, or its lock is held.
    #[must_use]
    pub fn is_lost_race(&self, vmid: VmId) -> bool {
        let lock = format!("lock-{vmid}.conf");
        self.is_id_taken() || (self.is_lock_timeout() && self.said_by_server().is_some_and(|text| text.contains(&lock)))
    }

    /// Says whether the VMID was taken, as the call or the task tells it.
    #[must_use]
    pub fn is_id_taken(&self) -> bool {
        self.reason() == Some(RefusalReason::VmidTaken)
    }

    /// Says whether a download was refused because a file of that name is there.
    #[must_use]
    pub fn is_file_taken(&self) -> bool {
        self.reason() == Some(RefusalReason::FileExists)
    }

    /// Says whether a lock was held by somebody else for too long.
    #[must_use]
    pub fn is_lock_timeout(&self) -> bool {
        self.reason() == Some(RefusalReason::LockTimeout)
    }

    /// Says whether a VM was gone when something was asked of it.
    #[must_use]
    pub fn is_missing_vm(&self) -> bool {
        self.reason() == Some(RefusalReason::NoSuchVm)
    }

    /// Says whether another task of the VM was under way.
    #[must_use]
    pub fn is_busy_vm(&self) -> bool {
        matches!(self.reason(), Some(RefusalReason::VmRunning | RefusalReason::LockTimeout))
    }

    /// Says whether it is one node that stands in the way: another may do.
    #[must_use]
    pub fn is_about_one_node(&self) -> bool {
        match self {
            Self::TemplateElsewhere { .. } | Self::NodeOffline { .. } => true,
            Self::Server { source, .. } => source.is_about_one_node(),
            _ => false,
        }
    }

    /// Says whether the task that is spoken of has ended.
    #[must_use]
    pub const fn is_task_over(&self) -> bool {
        matches!(self, Self::TaskFailed { .. })
    }

    /// Says whether the server did not take the caller for who it says.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        matches!(self, Self::Server { source, .. } if source.is_unauthenticated())
    }

    /// Gives the server's own words where it refused a call for want of privileges.
    #[must_use]
    pub fn forbidden_text(&self) -> Option<Foreign> {
        match self {
            Self::Server { source, .. } if source.is_forbidden() => source.server_text(),
            _ => None,
        }
    }

    /// Says why the server said no, or why a task failed.
    #[must_use]
    pub fn reason(&self) -> Option<RefusalReason> {
        match self {
            Self::Server { source, .. } => source.reason(),
            Self::TaskFailed { exit_status, log, .. } => Some(RefusalReason::of_task(exit_status, log.lines())),
            _ => None,
        }
    }

    /// Gives the server's own words.
    fn said_by_server(&self) -> Option<Foreign> {
        match self {
            Self::Server { source, .. } => source.server_text(),
            Self::TaskFailed { exit_status, .. } => Some(exit_status.clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Operation};
    use crate::model::{Foreign, VmId};
    use crate::pve::task::LogEnd;

    fn task_failed(exit_status: &str) -> Error {
        let operation = Operation::FindId;
        Error::TaskFailed {
            operation,
            upid: String::new(),
            exit_status: Foreign::new(exit_status),
            log: LogEnd::default(),
        }
    }

    #[test]
    fn a_lost_race_is_known_by_its_words() {
        let vmid = VmId::new(100).unwrap();
        for (words, lost) in [
            ("unable to create VM 100: config file already exists", true),
            ("can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout", true),
            // The template's lock is no reason to try another number.
            ("can't lock file '/var/lock/qemu-server/lock-9000.conf' - got timeout", false),
            ("clone failed: no space left", false),
        ] {
            assert_eq!(task_failed(words).is_lost_race(vmid), lost, "{words}");
        }
        assert!(task_failed("VM 100 is running - destroy failed").is_busy_vm());
    }
}
