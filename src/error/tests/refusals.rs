//! The advice for every reason for which a server says no, or a task fails, below the server's own words.

use super::vm::task_failed;
use super::{read, refused, screen};
use crate::error::{Error, Operation};
use crate::model::Foreign;
use crate::pve::{ApiError, Refusal, RefusalReason, SentCredential};

fn clone() -> Operation {
    Operation::Clone { template: read("9000"), vmid: read("100") }
}

fn said(status: u16, sentence: &str) -> Error {
    Error::server(clone(), refused(status, sentence))
}

fn task(exit_status: &str) -> Error {
    task_failed(Operation::Start(read("100")), exit_status).into()
}

fn page(status: u16) -> Error {
    let (server, method) = ("pve.lan:8006".to_owned(), "POST".to_owned());
    Error::server(clone(), ApiError::Gateway { server, method, status, phrase: Foreign::new("No") })
}

/// Says no to the ticket that the server gave itself.
fn ticket() -> Error {
    let credential = SentCredential::Ticket;
    let refusal = Refusal { credential, ..Refusal::new(401, Foreign::new("Authentication failed!")) };
    Error::server(Operation::ReadNodes, ApiError::Refusal(refusal))
}

/// Draws an error that must be recognized as this reason.
fn drawn((reason, error): (RefusalReason, Error)) -> String {
    assert_eq!(error.reason(), Some(reason), "{error:?}");
    screen(error)
}

/// Pairs each reason with the error that a server's own words become; as above, none can be left out.
macro_rules! reasons {
    ($($reason:ident => $($error:expr),+;)+) => {{
        const fn is_sampled(reason: RefusalReason) -> bool {
            match reason {
                $(RefusalReason::$reason => true,)+
            }
        }
        let mut screens = Vec::new();
        $($(
            assert!(is_sampled(RefusalReason::$reason));
            screens.push(format!("# {}\n{}", stringify!($reason), drawn((RefusalReason::$reason, $error))));
        )+)+
        screens.join("\n")
    }};
}

#[test]
fn credentials_and_permissions() {
    let text = reasons().0;
    insta::assert_snapshot!(text);
}

#[test]
fn cluster_storage_and_vm() {
    let text = reasons().1;
    insta::assert_snapshot!(text);
}

/// Returns the screens in two halves: those before the first reason that is about the cluster, and the rest.
#[expect(clippy::too_many_lines, reason = "one sample for each variant")]
fn reasons() -> (String, String) {
    let text = reasons! {
        NoCredentials => said(401, "No ticket");
        NoSuchUser => said(401, "no such user ('apex@nowhere')");
        UserDisabled => said(401, "user 'apex@pve' is disabled");
        UserExpired => said(401, "user 'apex@pve' access expired");
        NoSuchToken => said(401, "no such token 'nope' for user 'apex@pve'");
        TokenExpired => said(401, "token 'tok' access expired");
        WrongSecret => said(401, "invalid token value!");
        NoTokenId => said(401, "no tokenid specified");
        TicketRefused => ticket();
        CsrfRefused => said(401, "Permission denied - invalid csrf token");
        LoginRefused => said(401, "authentication failure");
        CredentialsRefused => said(401, "Authentication failed!");
        UnknownUnauthorized => said(401, "Unauthorized");
        MissingPrivilege => said(403, "Permission check failed (/vms/9000, VM.Clone)");
        NeedsLogin => said(403, "Permission check failed (URI '/x' not available with API token, need proper ticket.");
        RootOnly => said(500, "only root can set 'hostpci0' config for non-mapped devices");
        NoQuorum => said(500, "cluster not ready - no quorum?");
        ClusterFilesystemDown => said(500, "RPCEnvironment init request failed: Connection refused");
        NodeUnreachable => said(595, "No route to host");
        NoSuchNode => said(500, "no such cluster node 'nope'");
        NoWorker => said(500, "got no worker upid - start worker failed");
        WorkerKilled => task("unexpected status");
        Interrupted => task("received interrupt");
        LockTimeout => said(500, "can't lock file '/var/lock/qemu-server/lock-9000.conf' - got timeout");
        Timeout => said(500, "got timeout");
        NoFreeVmid => said(500, "unable to get any free VMID in range [1000, 1002]");
        VmidTaken => said(500, "unable to create VM 102: config file already exists");
        FileExists => said(500, "refusing to override existing file '/var/lib/vz/import/jammy.qcow2'");
        TokenExists => said(400, "Token already exists.");
        UserExists => said(500, "create user failed: user 'apex@pve' already exists");
        RoleExists => said(500, "create role failed: role 'GlassdomeProvisioner' already exists");
        PoolExists => said(500, "create pool failed: pool 'lab' already exists");
        NoSuchVm => said(500, "unable to find configuration file for VM 9000 on node 'pve'"),
            Error::server(Operation::ReadVm(read("100")), refused(500, "Configuration file '100.conf' does not exist"));
        NoSuchRole => said(500, "ACL update failed: role 'Nope' does not exist");
        NoSuchPool => said(403, "Permission check failed (pool 'nosuch' does not exist)");
        NoSuchStorage => said(500, "storage 'nope' does not exist");
        NoSuchVolume => task("volume 'local:iso/nothere.iso' does not exist");
        VmLocked => said(500, "VM is locked (backup)");
        VmRunning => task("VM 301 already running");
        VmNotRunning => said(500, "VM 101 is not running");
        VmProtected => said(500, "can't remove VM 7701 - protection mode enabled");
        VmInHa => said(500, "unable to remove VM 1 - used in HA resources and purge parameter not set.");
        VmHasSnapshots => said(500, "unable to create template, because VM contains snapshots");
        VmIsTemplate => task("you can't start a vm if it's a template");
        AgentNotConfigured => said(500, "No QEMU guest agent configured");
        AgentDown => said(500, "QEMU guest agent is not running");
        DiskInUse => task("base volume 'local:9000/base-9000-disk-0.qcow2' is still in use by linked cloned");
        CannotLink => said(500, "Linked clone feature is not supported for 'local:1/a.qcow2' (scsi0)");
        LocalStorage => said(500, "can't clone VM to node 'pve2' (VM uses local storage)");
        StorageDisabled => said(500, "storage 'exdis' is disabled");
        StorageNotOnNode => said(500, "storage 'exonly' is not available on node 'pve'");
        StorageOffline => said(500, "storage 'nfs' is not online");
        StorageContent => said(500, "storage 'local' is not configured for content-type 'iso'");
        StorageFull => task("clone failed: copy failed: No space left on device");
        KvmUnavailable => task("KVM virtualisation configured, but not available.");
        DeviceMissing => task("PCI device mapping not found for 'exmap'");
        DiskNotReady => task("timeout: no zvol device link for 'vm-100-cloudinit' found after 300 sec.");
        BridgeMissing => task("bridge 'vmbr77' does not exist");
        OutOfMemory => task("start failed: Cannot allocate memory");
        InvalidParameter => said(400, "Parameter verification failed.");
        UnknownParameter => said(400, "Unknown option: regenerate");
        NotImplemented => said(501, "Method 'GET /cluster/mapping/dir' not implemented");
        RateLimited => said(429, "Too Many Requests");
        ProxyTrouble => page(502);
        ForbiddenByProxy => page(403);
        Redirected => Error::server(clone(), ApiError::Redirect {
            server: "pve.lan:8006".to_owned(),
            status: 302,
            phrase: Foreign::new("Found"),
            to: None,
        });
        RequestTooLarge => page(413);
        NotTheApi => page(404);
        Unknown => said(500, "something new");
    };
    let (first, rest) = text.split_once("# NoQuorum\n").unwrap();
    (first.to_owned(), format!("# NoQuorum\n{rest}"))
}
