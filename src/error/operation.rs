//! What the program was doing when a server refused.

use crate::error::Error;
use crate::model::{NodeName, VmId};
use crate::pve::ApiError;
use std::fmt;

/// A change of users, tokens, roles, pools or permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessChange {
    /// What was to be done: "create token apex@pve!tok".
    pub what: String,
    /// The line for `pveum` that does the same.
    pub line: String,
    /// The privilege that it takes, with its path.
    pub takes: String,
}

/// What the program was doing when a server said no, as it is behind "cannot".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Talking to the server for the first time.
    Reach(String),
    /// Verifying the certificate of a server, which was reached.
    VerifyCertificate(String),
    /// Setting up TLS with a server, which was reached.
    StartTls(String),
    /// Asking a server that answers with an error.
    Query(String),
    /// Calling a server whose answers are not those of the API.
    Understand(String),
    /// Authenticating with credentials that may have worked before.
    Authenticate(String),
    /// Logging in.
    LogIn(String),
    /// Answering the question for a one-time code.
    AnswerChallenge(String),
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
    /// Reading the list of pools.
    ReadPools,
    /// Reading users, roles and entries.
    ReadAccess,
    /// Reading a user's tokens.
    ReadTokens(String),
    /// Creating a token.
    CreateToken(String),
    /// Removing a token.
    RevokeToken(String),
    /// Changing one of them.
    ChangeAccess(AccessChange),
    /// Reading the list of running tasks.
    ReadTasks,
    /// Finding a free VMID.
    FindId,
    /// Cloning.
    Clone {
        /// The VMID of the template.
        template: VmId,
        /// The VMID of the new VM.
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

impl Operation {
    /// Says what is being done, for the line of a task that runs.
    #[must_use]
    pub fn in_progress(&self) -> String {
        match self {
            Self::Clone { template, vmid } => format!("Cloning {template} to VM {vmid}"),
            Self::Start(vmid) => format!("Starting VM {vmid}"),
            Self::Stop(vmid) => format!("Stopping VM {vmid}"),
            Self::Destroy(vmid) => format!("Deleting VM {vmid}"),
            Self::Abort => "Stopping the clone task".to_owned(),
            Self::FetchImage(image) => format!("Downloading {image} to the server"),
            Self::SendImage(image) => format!("Uploading {image}"),
            Self::RemoveImage(image) => format!("Deleting {image}"),
            Self::CreateVm(vmid) => format!("Creating VM {vmid}"),
            Self::Resize(vmid) => format!("Resizing the disk of VM {vmid}"),
            Self::Convert(vmid) => format!("Converting VM {vmid} to a template"),
            // None of these is a task that is waited for.
            other => format!("Waiting to {other}"),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reach(server) => write!(formatter, "reach {server}"),
            Self::VerifyCertificate(server) => write!(formatter, "verify the certificate of {server}"),
            Self::StartTls(server) => write!(formatter, "set up TLS with {server}"),
            Self::Query(server) => write!(formatter, "query {server}"),
            Self::Understand(server) => {
                write!(formatter, "use {server}: unexpected response, not the Proxmox VE API")
            }
            Self::Authenticate(server) => {
                write!(formatter, "continue: {server} rejected the request as not authenticated")
            }
            Self::LogIn(user) => write!(formatter, "log in as {user}"),
            Self::AnswerChallenge(user) => write!(formatter, "log in as {user}: the server rejected the one-time code"),
            Self::ReadNodes => formatter.write_str("read the list of nodes"),
            Self::ReadCertificates => formatter.write_str("read the certificates of the node"),
            Self::ReadTemplate(vmid) => write!(formatter, "read template {vmid}"),
            Self::ReadVms => formatter.write_str("read the list of VMs"),
            Self::ReadStorages(node) => write!(formatter, "read the storages of node {node}"),
            Self::ReadPrivileges => formatter.write_str("read the privileges"),
            Self::ReadPools => formatter.write_str("read the list of pools"),
            Self::ReadAccess => formatter.write_str("read users, roles and permissions"),
            Self::ReadTokens(user) => write!(formatter, "read the tokens of {user}"),
            Self::CreateToken(token) => write!(formatter, "create {token}"),
            Self::RevokeToken(token) => write!(formatter, "revoke {token}"),
            Self::ChangeAccess(AccessChange { what, line, .. }) => write!(formatter, "{what} (as `{line}` would)"),
            Self::ReadTasks => formatter.write_str("read the running tasks"),
            Self::FindId => formatter.write_str("find a free VMID"),
            Self::Clone { template, vmid } => write!(formatter, "clone template {template} to VM {vmid}"),
            Self::ReadVm(vmid) => write!(formatter, "read VM {vmid}"),
            Self::LinksDown(vmid) => write!(formatter, "set the links of VM {vmid} down"),
            Self::Start(vmid) => write!(formatter, "start VM {vmid}"),
            Self::AskAgent(vmid) => write!(formatter, "query the guest agent of VM {vmid}"),
            Self::Stop(vmid) => write!(formatter, "stop VM {vmid}"),
            Self::Unprotect(vmid) => write!(formatter, "remove the protection of VM {vmid}"),
            Self::Destroy(vmid) => write!(formatter, "destroy VM {vmid}"),
            Self::FetchImage(image) => write!(formatter, "download {image} to the server"),
            Self::SendImage(image) => write!(formatter, "upload {image}"),
            Self::RemoveImage(image) => write!(formatter, "remove {image}"),
            Self::ReadImages(storage) => write!(formatter, "list the images on {storage}"),
            Self::CreateVm(vmid) => write!(formatter, "create VM {vmid}"),
            Self::Resize(vmid) => write!(formatter, "resize the disk of VM {vmid}"),
            Self::Convert(vmid) => write!(formatter, "convert VM {vmid} to a template"),
            Self::Abort => formatter.write_str("stop the clone task"),
        }
    }
}

/// Says what was being done when a call failed.
pub(crate) trait Doing<T> {
    /// Turns the failure of a call into an error that names the operation.
    ///
    /// # Errors
    /// The failure of the call.
    fn doing(self, operation: Operation) -> Result<T, Error>;
}

impl<T> Doing<T> for Result<T, ApiError> {
    fn doing(self, operation: Operation) -> Result<T, Error> {
        self.map_err(|source| Error::server(operation, source))
    }
}
