//! Advice for every sentence of the server.

use crate::error::{Error, Operation, VmError};
use crate::model::{Foreign, VmId};
use crate::pve::task::LogEnd;
use crate::pve::{ApiError, Refusal, RefusalReason};

/// Lists the reasons; one that is new does not compile before it is named here, and then needs a row of its own.
macro_rules! reasons {
    ($($name:ident)*) => {
        const REASONS: &[RefusalReason] = &[$(RefusalReason::$name),*];

        const fn is_named(reason: RefusalReason) -> bool {
            match reason {
                $(RefusalReason::$name => true,)*
            }
        }
    };
}

reasons! {
    NoCredentials NoSuchUser UserDisabled UserExpired NoSuchToken TokenExpired
    WrongSecret NoTokenId TicketRefused CsrfRefused LoginRefused CredentialsRefused
    UnknownUnauthorized MissingPrivilege NeedsLogin RootOnly NoQuorum ClusterFilesystemDown
    NodeUnreachable NoSuchNode NoWorker WorkerKilled Interrupted LockTimeout
    Timeout NoFreeVmid VmidTaken FileExists TokenExists UserExists
    RoleExists PoolExists NoSuchVm NoSuchRole NoSuchPool NoSuchStorage
    NoSuchVolume VmLocked VmRunning VmNotRunning VmProtected VmInHa
    VmHasSnapshots VmIsTemplate AgentNotConfigured AgentDown DiskInUse CannotLink
    LocalStorage StorageDisabled StorageNotOnNode StorageOffline StorageContent StorageFull
    KvmUnavailable DeviceMissing DiskNotReady BridgeMissing OutOfMemory InvalidParameter
    UnknownParameter NotImplemented RateLimited ProxyTrouble ForbiddenByProxy Redirected RequestTooLarge
    NotTheApi Unknown
}

#[test]
fn every_reason_has_a_row() {
    let answers = ANSWERS.iter().map(|(status, sentence, ..)| Refusal::new(*status, Foreign::new(*sentence)).reason());
    let tasks = TASKS.iter().map(|(status, _)| RefusalReason::of_text(&Foreign::new(*status)));
    let pages = PAGES.iter().map(|(_, status, _)| RefusalReason::of_page(*status));
    let others = [
        // A page of another status, and an answer that leads elsewhere, have no sentence; the exit status of a worker
        // that was killed is no text of the server's either.
        RefusalReason::Redirected,
        RefusalReason::WorkerKilled,
    ];
    let tried: Vec<RefusalReason> = answers.chain(tasks).chain(pages).chain(others).collect();
    let missing: Vec<&RefusalReason> = REASONS.iter().filter(|reason| !tried.contains(reason)).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
    assert!(REASONS.iter().all(|reason| is_named(*reason)));
}

fn exit_code_and_hints(error: &Error) -> (u8, String) {
    let hints: Vec<String> = error.hints().iter().map(|hint| hint.text().to_owned()).collect();
    (error.kind().exit_code(), hints.join("\n"))
}

/// Status and sentence of an answer, the exit code, and a part of the advice; empty where the words say all.
const ANSWERS: &[(u16, &str, u8, &str)] = &[
    (401, "Authentication failed!", 6, "all 36 characters"),
    (401, "permission denied - invalid PVE ticket", 6, "the login was accepted"),
    (401, "Permission denied - invalid csrf token", 6, "the login was accepted"),
    (401, "Unauthorized", 6, "in front of it"),
    (403, "Permission check failed (/vms/9000, VM.Clone)", 7, "privilege separation"),
    (403, "Permission check failed (pool 'x' does not exist)", 8, "pveum pool list"),
    (
        403,
        "Permission check failed (URI '/x' not available with API token, need proper ticket.",
        7,
        "log in with a password",
    ),
    (500, "only root can set 'usb0' config for real devices", 9, "Resource Mappings"),
    (500, "cluster not ready - no quorum?", 9, "pvecm status"),
    (500, "create user failed: cfs-lock 'file-user_cfg' error: no quorum!", 9, "pvecm status"),
    (500, "RPCEnvironment init request failed: Connection refused", 9, "systemctl status pve-cluster"),
    (595, "No route to host", 9, "pvecm status"),
    (500, "no such cluster node 'nope'", 8, "pvecm nodes"),
    (500, "hostname lookup 'x' failed - failed to get address info for: x: unknown", 8, "pvecm nodes"),
    (500, "got no worker upid - start worker failed", 9, "nothing was done: run this again"),
    (500, "got timeout", 9, "pvesm status"),
    (500, "can't lock file '/var/lock/qemu-server/lock-1.conf' - got timeout", 9, "held the lock"),
    (500, "unable to get any free VMID in range [1000, 1002]", 9, "Next Free VMID Range"),
    (500, "unable to create VM 102: config file already exists", 9, "run this again"),
    (500, "unable to find configuration file for VM 9000 on node 'pve'", 8, "glassdome template list"),
    (500, "storage 'nope' does not exist", 8, "pvesm status"),
    (500, "storage 'exdis' is disabled", 9, "enable the storage"),
    (500, "storage 'exonly' is not available on node 'pve'", 9, "restricted to other nodes"),
    (500, "storage 'nfs' is not online", 9, "that it is mounted"),
    (500, "storage 'local' is not configured for content-type 'iso'", 9, "this content type"),
    (500, "VM is locked (backup)", 9, "qm unlock"),
    (500, "can't remove VM 7701 - protection mode enabled", 9, "remove the protection"),
    (500, "unable to remove VM 1 - used in HA resources and purge parameter not set.", 9, "from HA"),
    (500, "unable to create template, because VM contains snapshots", 9, "delete the snapshots"),
    (500, "No QEMU guest agent configured", 9, "QEMU Guest Agent"),
    (500, "Linked clone feature is not supported for 'local:1/a.qcow2' (scsi0)", 9, "--full"),
    (500, "can't clone VM to node 'pve2' (VM uses local storage)", 9, "storage that all nodes share"),
    (501, "Method 'GET /cluster/mapping/dir' not implemented", 9, "glassdome doctor"),
    (429, "Too Many Requests", 9, "number of requests"),
    (401, "No ticket", 6, "all 36 characters"),
    (401, "no tokenid specified", 6, "all 36 characters"),
    (401, "invalid token value!", 6, "all 36 characters"),
    (401, "no such token 'nope' for user 'apex@pve'", 6, "all 36 characters"),
    (401, "no such user ('apex@nowhere')", 6, "all 36 characters"),
    (401, "user 'disabled@pve' is disabled", 6, "all 36 characters"),
    (401, "user 'apex@pve' access expired", 6, "all 36 characters"),
    (401, "token 'expired' access expired", 6, "all 36 characters"),
    (401, "authentication failure", 6, "all 36 characters"),
    (500, "ACL update failed: role 'Nope' does not exist", 9, "pveum role list"),
    (500, "refusing to override existing file '/var/lib/vz/import/fetched.qcow2'", 9, ""),
    (400, "Token already exists.", 9, ""),
    (500, "create user failed: user 'apex@pve' already exists", 9, ""),
    (500, "create role failed: role 'Mine' already exists", 9, ""),
    (500, "create pool failed: pool 'lab' already exists", 9, ""),
    (500, "VM 101 is running - destroy failed", 9, ""),
    (500, "VM 101 is not running", 9, ""),
    (500, "you can't start a vm if it's a template", 9, ""),
    (500, "QEMU guest agent is not running", 9, ""),
    (400, "Parameter verification failed.", 9, ""),
    (
        400,
        "property is not defined in schema and the schema does not allow additional properties",
        9,
        "glassdome doctor",
    ),
    (501, "for data too large", 9, "limit on the size of requests"),
    (413, "Payload Too Large", 9, "limit on the size of requests"),
    (500, "some words", 9, ""),
];

#[test]
fn every_sentence_has_its_exit_code_and_its_advice() {
    for (status, sentence, code, advice) in ANSWERS.iter().copied() {
        let refusal = ApiError::Refusal(Refusal::new(status, Foreign::new(sentence)));
        let operation = Operation::Clone { template: VmId::new(9000).unwrap(), vmid: VmId::new(100).unwrap() };
        let (exit_code, hints) = exit_code_and_hints(&Error::server(operation, refusal));
        assert_eq!(exit_code, code, "{sentence}");
        assert!(hints.contains(advice) && advice.is_empty() == hints.is_empty(), "{sentence}: {hints}");
    }
}

/// The exit status of a task, and a part of the advice.
const TASKS: &[(&str, &str)] = &[
    ("clone failed: copy failed: No space left on device", "the storage is full"),
    ("clone failed: storage 'exdis' is disabled", "enable the storage"),
    ("unexpected status", "worker process was killed"),
    ("clone failed: copy failed: command 'x' failed: interrupted by signal", "was stopped"),
    ("can't lock file '/var/lock/qemu-server/lock-1.conf' - got timeout", "held the lock"),
    ("KVM virtualisation configured, but not available.", "VT-x"),
    ("storage 'ceph' is not available on node 'pve'", "restricted to other nodes"),
    ("timeout: no zvol device link for 'vm-100-cloudinit' found after 300 sec.", "did not appear"),
    ("PCI device mapping not found for 'exmap'", "Resource Mappings"),
    ("bridge 'vmbr77' does not exist", "have the bridge"),
    ("start failed: Cannot allocate memory", "enough free memory"),
    ("unable to create VM 308 - volume 'local:iso/nothere.iso' does not exist", "no longer exists"),
    ("base volume 'local:9000/b.qcow2' is still in use by linked cloned", "linked clones still use"),
    ("start failed: QEMU exited with code 1", "the node may lack memory, or a device"),
];

#[test]
fn every_failed_task_has_its_own_advice() {
    let vmid = VmId::new(100).unwrap();
    for (exit_status, advice) in TASKS.iter().copied() {
        for operation in [Operation::Start(vmid), Operation::Destroy(vmid)] {
            let starts = matches!(operation, Operation::Start(_));
            let (upid, log) = ("UPID:pve:1".to_owned(), LogEnd::default());
            let failed = VmError::TaskFailed { operation, upid, exit_status: Foreign::new(exit_status), log };
            let (exit_code, hints) = exit_code_and_hints(&failed.into());
            assert_eq!(exit_code, 9, "{exit_status}");
            assert!(hints.contains(advice) || !starts, "{exit_status}: {hints}");
            assert_eq!(hints.contains("only the start fails"), starts, "{exit_status}: {hints}");
        }
    }
    let gone = Foreign::new("Configuration file 'nodes/pve/qemu-server/100.conf' does not exist");
    for operation in [Operation::Start(vmid), Operation::Stop(vmid), Operation::Destroy(vmid)] {
        let (upid, log) = ("UPID:pve:1".to_owned(), LogEnd::default());
        let (_, hints) =
            exit_code_and_hints(&VmError::TaskFailed { operation, upid, exit_status: gone.clone(), log }.into());
        assert!(hints.contains("the VM no longer exists") && !hints.contains("cloning works"), "{hints}");
    }
    let namespace = Foreign::new("clone failed: rbd error: namespace lab does not exist");
    let (upid, log) = ("UPID:pve:1".to_owned(), LogEnd::default());
    let failed = VmError::TaskFailed { operation: Operation::Destroy(vmid), upid, exit_status: namespace, log };
    assert!(!exit_code_and_hints(&failed.into()).1.contains("full"));
}

/// The verb, the status of a page that is not the server's, and a part of the advice.
const PAGES: &[(&str, u16, &str)] = &[
    ("POST", 403, "blocks POST"),
    ("DELETE", 405, "blocks DELETE"),
    ("POST", 413, "client_max_body_size"),
    ("GET", 502, "that the server behind it is up"),
    ("GET", 520, "that the server behind it is up"),
    ("GET", 429, "number of requests"),
    ("GET", 401, "in front of it"),
    ("GET", 404, "in front of it"),
];

#[test]
fn what_stands_in_front_of_the_server_is_named() {
    let server = || "pve.lan:8006".to_owned();
    let page = |method: &str, status| ApiError::Gateway {
        server: server(),
        method: method.to_owned(),
        status,
        phrase: Foreign::new("No"),
    };
    let elsewhere = ApiError::Redirect { server: server(), status: 302, phrase: Foreign::new("Found"), to: None };
    for (method, status, advice) in PAGES.iter().copied() {
        let (_, hints) = exit_code_and_hints(&Error::server(Operation::ReadVms, page(method, status)));
        assert!(hints.contains(advice), "{advice}: {hints}");
    }
    let (_, hints) = exit_code_and_hints(&Error::server(Operation::ReadVms, elsewhere));
    assert!(hints.contains("a token cannot pass"), "{hints}");
}
