//! What to do about each reason for which a server says no, or a task fails.

use crate::error::hint::{run, say};
use crate::error::{Hint, Operation};
use crate::pve::RefusalReason;

/// A hint without anything of the case at hand.
#[derive(Debug, Clone, Copy)]
enum Advice {
    Say(&'static str),
    Run(&'static str),
}

use Advice::{Run, Say};

const BEHIND_PROXY: Advice = Say("give --host the server itself, HOST:8006, or let /api2 pass without a login");

/// Says what to do about a reason; nothing where the operation alone tells more.
pub(super) fn hints(reason: RefusalReason, operation: &Operation) -> Vec<Hint> {
    let by_operation = match (reason, operation) {
        (RefusalReason::NoSuchVm, Operation::Clone { .. }) => vec![
            say("the template is gone: was it destroyed meanwhile? those that there are:"),
            run("glassdome template list"),
        ],
        _ => Vec::new(),
    };
    let general = advice(reason).iter().map(|advice| match advice {
        Say(text) => say(*text),
        Run(line) => run(*line),
    });
    by_operation.into_iter().chain(general).collect()
}

#[expect(clippy::too_many_lines, reason = "one match over all reasons, without a wildcard")]
fn advice(reason: RefusalReason) -> &'static [Advice] {
    use RefusalReason as Is;
    match reason {
        Is::NoCredentials
        | Is::NoSuchUser
        | Is::UserDisabled
        | Is::UserExpired
        | Is::NoSuchToken
        | Is::TokenExpired
        | Is::WrongSecret
        | Is::NoTokenId
        | Is::LoginRefused
        | Is::CredentialsRefused
        | Is::MissingPrivilege
        | Is::FileExists
        | Is::TokenExists
        | Is::UserExists
        | Is::RoleExists
        | Is::PoolExists
        | Is::NoSuchVm
        | Is::VmRunning
        | Is::VmNotRunning
        | Is::VmIsTemplate
        | Is::AgentDown
        | Is::InvalidParameter
        | Is::Unknown => &[],
        Is::TicketRefused | Is::CsrfRefused => TICKET_REFUSED,
        Is::UnknownUnauthorized => UNKNOWN_UNAUTHORIZED,
        Is::NeedsLogin => &[Say("no token can make this call: it needs a login")],
        Is::NoQuorum => &[
            Say(
                "the cluster has no quorum: fewer than half of its nodes reach each other, and nothing can be changed until they do; on a node:",
            ),
            Run("pvecm status"),
        ],
        Is::ClusterFilesystemDown => {
            &[Say("the file system of the cluster does not answer; on the node:"), Run("systemctl status pve-cluster")]
        }
        Is::NodeUnreachable => {
            &[Say("the node that was asked cannot reach the other one; is it up?"), Run("pvecm status")]
        }
        Is::NoSuchNode => &[Say("the nodes of the cluster, as root on one of them:"), Run("pvecm nodes")],
        Is::NoWorker => &[Say(
            "the server was too busy to begin, and nothing was done: run this again; of many at once, take fewer (--parallel)",
        )],
        Is::WorkerKilled => &[Say("the server's worker was killed; was the node restarted, or out of memory?")],
        Is::Interrupted => &[Say("the task was stopped by hand or by a restart: run this again")],
        Is::LockTimeout => {
            &[Say("another task held the lock for too long: run this again; of many at once, take fewer (--parallel)")]
        }
        Is::Timeout => &[
            Say("something that the server waits for does not answer in time, a storage for example; on the node:"),
            Run("pvesm status"),
        ],
        Is::NoSuchStorage => &[Say("the storages, as root on the node:"), Run("pvesm status")],
        Is::NoSuchVolume => &[Say("a disk or an image that it needs is gone: was it removed meanwhile?")],
        Is::StorageDisabled => {
            &[Say("enable the storage in the web interface (Datacenter > Storage), or give --storage another one")]
        }
        Is::StorageNotOnNode => &[Say(
            "the storage is not for this node: add the node in the web interface (Datacenter > Storage), or give --storage another one",
        )],
        Is::StorageOffline => &[
            Say("the storage does not answer: is its server up, and is it mounted? on the node:"),
            Run("pvesm status"),
        ],
        Is::StorageContent => &[Say(
            "the storage does not take this kind of content: allow it in the web interface (Datacenter > Storage), or give --storage another one",
        )],
        Is::StorageFull => &[Say("the storage is full: make room, or give --storage another one")],
        Is::LocalStorage => {
            &[Say("move the template's disks to storage that all nodes share, or clone on the template's own node")]
        }
        Is::DiskInUse => &[Say("linked clones still use the disk: destroy them first")],
        Is::DiskNotReady => &[Say("a disk did not appear on the node in time: wait a moment, then run this again")],
        Is::RateLimited => &[Say("the server wants fewer requests; wait a minute")],
        Is::ProxyTrouble => &[
            Say("a reverse proxy answers in place of the server; is the server behind it up? on the node, this tells:"),
            Run("systemctl status pveproxy pvedaemon"),
        ],
        Is::ForbiddenByProxy => &[BEHIND_PROXY],
        Is::Redirected => &[
            Say("something in front of the server, a login gateway perhaps, leads elsewhere, and no token passes it"),
            BEHIND_PROXY,
        ],
        Is::NotTheApi => &[Say("is this really a Proxmox VE server, or something in front of it?")],
        Is::NoFreeVmid => &[Say(
            "every VMID of the configured range is taken: widen it in the web interface (Datacenter > Options > Next Free VMID Range), or give --vmid a number outside it",
        )],
        Is::VmidTaken => &[Say("the VMID was taken meanwhile: run this again")],
        Is::NoSuchPool => {
            &[Say("the pool does not exist, or may not be seen; as root on a node:"), Run("pveum pool list")]
        }
        Is::NoSuchRole => &[Say("the roles, as root on a node:"), Run("pveum role list")],
        Is::RootOnly => &[Say(
            "only root@pam may use this option, of a raw device for example: take it out of the template, or map the device (Datacenter > Resource Mappings)",
        )],
        Is::VmLocked => &[Say(
            "another task holds the VM, a backup for example: wait for it; where none runs any more, root unlocks it with `qm unlock`",
        )],
        Is::VmProtected => {
            &[Say("the VM is protected: take the protection off in the web interface (Options > Protection)")]
        }
        Is::VmInHa => &[Say("take the VM out of HA first (Datacenter > HA)")],
        Is::VmHasSnapshots => &[Say("remove the snapshots of the VM first")],
        Is::AgentNotConfigured => &[Say("switch the guest agent on in the template (Options > QEMU Guest Agent)")],
        Is::CannotLink => {
            &[Say("a linked clone needs a template on storage that can link: make a full clone, with --full")]
        }
        Is::KvmUnavailable => &[Say(
            "the node has no hardware virtualization: enable VT-x or AMD-V in its BIOS, or nested virtualization where the node is itself a VM; or turn KVM off in the template (Options > KVM hardware virtualization)",
        )],
        Is::DeviceMissing => &[Say(
            "the node does not have a device of the template: take it out of the template, or map it for this node (Datacenter > Resource Mappings)",
        )],
        Is::BridgeMissing => &[Say(
            "the node does not have the bridge of the template's network card: create it (node > Network), or change the template",
        )],
        Is::OutOfMemory => &[Say("the node has too little free memory: stop other VMs, or give the template less")],
        Is::UnknownParameter | Is::NotImplemented => &[
            Say("the server does not know this call, so its version is another one than expected:"),
            Run("glassdome doctor"),
        ],
    }
}

const TICKET_REFUSED: &[Advice] = &[
    Say(
        "the login was accepted, and the ticket that it gave is refused: are the clocks of the nodes right, and does the name of the server lead to one cluster alone? on a node:",
    ),
    Run("timedatectl"),
];

const UNKNOWN_UNAUTHORIZED: &[Advice] = &[
    Say(
        "Proxmox VE does not say this: something in front of it, a proxy or a login gateway, may have answered, which no token passes",
    ),
    BEHIND_PROXY,
];

#[cfg(test)]
mod tests {
    use crate::error::{Error, Operation, VmError};
    use crate::model::{Foreign, VmId};
    use crate::pve::task::LogEnd;
    use crate::pve::{ApiError, Refusal};

    fn told(error: &Error) -> (u8, String) {
        let hints: Vec<String> = error.hints().iter().map(|hint| hint.text().to_owned()).collect();
        (error.kind().exit_code(), hints.join("\n"))
    }

    #[test]
    fn every_sentence_has_its_exit_code_and_its_advice() {
        for (status, sentence, code, advice) in [
            (401, "Authentication failed!", 6, "all 36 characters"),
            (401, "permission denied - invalid PVE ticket", 6, "the login was accepted"),
            (401, "Permission denied - invalid csrf token", 6, "the login was accepted"),
            (401, "Unauthorized", 6, "something in front of it"),
            (403, "Permission check failed (/vms/9000, VM.Clone)", 7, "privilege separation"),
            (403, "Permission check failed (pool 'x' does not exist)", 8, "pveum pool list"),
            (403, "Permission check failed (URI '/x' not available with API token, need proper ticket.", 7, "a login"),
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
            (500, "storage 'exonly' is not available on node 'pve'", 9, "is not for this node"),
            (500, "storage 'nfs' is not online", 9, "is it mounted?"),
            (500, "storage 'local' is not configured for content-type 'iso'", 9, "this kind of content"),
            (500, "VM is locked (backup)", 9, "qm unlock"),
            (500, "can't remove VM 7701 - protection mode enabled", 9, "take the protection off"),
            (500, "unable to remove VM 1 - used in HA resources and purge parameter not set.", 9, "out of HA"),
            (500, "unable to create template, because VM contains snapshots", 9, "remove the snapshots"),
            (500, "No QEMU guest agent configured", 9, "QEMU Guest Agent"),
            (500, "Linked clone feature is not supported for 'local:1/a.qcow2' (scsi0)", 9, "--full"),
            (500, "can't clone VM to node 'pve2' (VM uses local storage)", 9, "storage that all nodes share"),
            (501, "Method 'GET /cluster/mapping/dir' not implemented", 9, "glassdome doctor"),
            (429, "Too Many Requests", 9, "fewer requests"),
        ] {
            let refusal = ApiError::Refusal(Refusal::new(status, Foreign::new(sentence)));
            let operation = Operation::Clone { template: VmId::new(9000).unwrap(), vmid: VmId::new(100).unwrap() };
            let (exit_code, hints) = told(&Error::server(operation, refusal));
            assert_eq!(exit_code, code, "{sentence}");
            assert!(hints.contains(advice), "{sentence}: {hints}");
        }
    }

    #[test]
    fn every_failed_task_has_its_own_advice() {
        let vmid = VmId::new(100).unwrap();
        for (exit_status, advice) in [
            ("clone failed: copy failed: No space left on device", "the storage is full"),
            ("clone failed: storage 'exdis' is disabled", "enable the storage"),
            ("unexpected status", "worker was killed"),
            ("clone failed: copy failed: command 'x' failed: interrupted by signal", "was stopped"),
            ("can't lock file '/var/lock/qemu-server/lock-1.conf' - got timeout", "held the lock"),
            ("KVM virtualisation configured, but not available.", "VT-x"),
            ("storage 'ceph' is not available on node 'pve'", "is not for this node"),
            ("timeout: no zvol device link for 'vm-100-cloudinit' found after 300 sec.", "did not appear"),
            ("PCI device mapping not found for 'exmap'", "Resource Mappings"),
            ("bridge 'vmbr77' does not exist", "have the bridge"),
            ("start failed: Cannot allocate memory", "too little free memory"),
            ("unable to create VM 308 - volume 'local:iso/nothere.iso' does not exist", "is gone"),
            ("base volume 'local:9000/b.qcow2' is still in use by linked cloned", "linked clones still use"),
            ("start failed: QEMU exited with code 1", "the node may lack the template's devices"),
        ] {
            for operation in [Operation::Start(vmid), Operation::Destroy(vmid)] {
                let starts = matches!(operation, Operation::Start(_));
                let (upid, log) = ("UPID:pve:1".to_owned(), LogEnd::default());
                let failed = VmError::TaskFailed { operation, upid, exit_status: Foreign::new(exit_status), log };
                let (exit_code, hints) = told(&failed.into());
                assert_eq!(exit_code, 9, "{exit_status}");
                assert!(hints.contains(advice) || !starts, "{exit_status}: {hints}");
                assert_eq!(hints.contains("only its start fails"), starts, "{exit_status}: {hints}");
            }
        }
        let namespace = Foreign::new("clone failed: rbd error: namespace lab does not exist");
        let (upid, log) = ("UPID:pve:1".to_owned(), LogEnd::default());
        let failed = VmError::TaskFailed { operation: Operation::Destroy(vmid), upid, exit_status: namespace, log };
        assert!(!told(&failed.into()).1.contains("full"));
    }

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
        for (error, advice) in [
            (page("POST", 403), "forbids POST"),
            (page("DELETE", 405), "forbids DELETE"),
            (page("GET", 502), "is the server behind it up?"),
            (page("GET", 520), "is the server behind it up?"),
            (page("GET", 429), "fewer requests"),
            (page("GET", 401), "something in front of it"),
            (page("GET", 404), "something in front of it"),
            (elsewhere, "no token passes it"),
        ] {
            let (_, hints) = told(&Error::server(Operation::ReadVms, error));
            assert!(hints.contains(advice), "{advice}: {hints}");
        }
    }
}
