//! What to do about each reason for which a server says no, or a task fails.

use crate::error::hint::{by_flag, not_in_wizard, run, say};
use crate::error::{Hint, Operation};
use crate::pve::RefusalReason;

/// A hint without anything of the case at hand.
#[derive(Debug, Clone, Copy)]
enum Advice {
    Say(&'static str),
    Run(&'static str),
    /// What names a flag, and what the wizard says in its place.
    ByFlag(&'static str, &'static str),
    /// A command that the wizard leaves out.
    NotInWizard(&'static str),
}

use Advice::{ByFlag, NotInWizard, Run, Say};

const BEHIND_PROXY: Advice = ByFlag(
    "connect to the server directly (--host HOST:8006), or exempt /api2 from the login",
    "connect to the server directly (HOST:8006), or exempt /api2 from the login",
);

/// Says what to do about a reason; nothing where the operation alone tells more.
pub(super) fn hints(reason: RefusalReason, operation: &Operation) -> Vec<Hint> {
    let by_operation = match (reason, operation) {
        (RefusalReason::NoSuchVm, Operation::Clone { .. }) => vec![
            by_flag(
                "the template may have been deleted meanwhile; list the templates:",
                "the template may have been deleted meanwhile: choose another one",
            ),
            not_in_wizard(run("glassdome template list")),
        ],
        (
            RefusalReason::NoSuchVm,
            Operation::Start(_)
            | Operation::Stop(_)
            | Operation::Destroy(_)
            | Operation::ReadVm(_)
            | Operation::LinksDown(_)
            | Operation::Unprotect(_)
            | Operation::AskAgent(_)
            | Operation::Resize(_)
            | Operation::Convert(_),
        ) => {
            vec![say("the VM no longer exists there: another user or program has deleted or moved it; run this again")]
        }
        (RefusalReason::RequestTooLarge, Operation::SendImage(_)) => {
            vec![by_flag(
                "or let the server download the image: pass its address with --release",
                "or let the server download the image: enter its address",
            )]
        }
        _ => Vec::new(),
    };
    let general = advice(reason).iter().map(|advice| match advice {
        Say(text) => say(*text),
        Run(line) => run(*line),
        ByFlag(text, asked) => by_flag(*text, *asked),
        NotInWizard(line) => not_in_wizard(run(*line)),
    });
    if reason == RefusalReason::RequestTooLarge {
        return general.chain(by_operation).collect();
    }
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
        Is::NeedsLogin => &[Say("API tokens cannot make this call: log in with a password")],
        Is::NoQuorum => &[
            Say("the cluster has no quorum: without a majority of its nodes nothing can be changed; on a node:"),
            Run("pvecm status"),
        ],
        Is::ClusterFilesystemDown => {
            &[Say("the cluster file system is not responding; on the node:"), Run("systemctl status pve-cluster")]
        }
        Is::NodeUnreachable => {
            &[Say("the server cannot reach the other node; check that it is up:"), Run("pvecm status")]
        }
        Is::NoSuchNode => &[Say("list the nodes of the cluster, as root on one of them:"), Run("pvecm nodes")],
        Is::NoWorker => &[ByFlag(
            "the server was too busy to start the task, and nothing was done: run this again, with fewer clones in parallel (--parallel)",
            "the server was too busy to start the task, and nothing was done: try again",
        )],
        Is::WorkerKilled => {
            &[Say("the worker process was killed: check whether the node restarted or ran out of memory")]
        }
        Is::Interrupted => &[Say("the task was stopped by a user or by a restart: run this again")],
        Is::LockTimeout => &[ByFlag(
            "another task held the lock for too long: run this again, with fewer clones in parallel (--parallel)",
            "another task held the lock for too long: try again",
        )],
        Is::Timeout => &[
            Say("something that the server depends on is not responding, e.g. a storage; on the node:"),
            Run("pvesm status"),
        ],
        Is::NoSuchStorage => &[Say("list the storages, as root on the node:"), Run("pvesm status")],
        Is::NoSuchVolume => {
            &[Say("a disk or image that it needs no longer exists: it may have been deleted meanwhile")]
        }
        Is::StorageDisabled => &[ByFlag(
            "enable the storage in the web interface (Datacenter > Storage), or choose another one with --storage",
            "enable the storage in the web interface (Datacenter > Storage), or choose another one",
        )],
        Is::StorageNotOnNode => &[ByFlag(
            "the storage is restricted to other nodes: add this node in the web interface (Datacenter > Storage), or choose another one with --storage",
            "the storage is restricted to other nodes: add this node in the web interface (Datacenter > Storage), or choose another one",
        )],
        Is::StorageOffline => &[
            Say("the storage is not responding: check that its server is up and that it is mounted; on the node:"),
            Run("pvesm status"),
        ],
        Is::StorageContent => &[ByFlag(
            "the storage does not accept this content type: allow it in the web interface (Datacenter > Storage), or choose another one with --storage",
            "the storage does not accept this content type: allow it in the web interface (Datacenter > Storage), or choose another one",
        )],
        Is::StorageFull => &[ByFlag(
            "the storage is full: free some space, or choose another one with --storage",
            "the storage is full: free some space, or choose another one",
        )],
        Is::LocalStorage => {
            &[Say("move the template's disks to storage that all nodes share, or clone on the template's own node")]
        }
        Is::DiskInUse => &[Say("linked clones still use the disk: delete them first")],
        Is::DiskNotReady => &[Say("a disk did not appear on the node in time: wait a moment, then run this again")],
        Is::RateLimited => &[Say("the server limits the number of requests: wait a minute")],
        Is::ProxyTrouble => &[
            Say("a reverse proxy answered instead of the server: check that the server behind it is up; on the node:"),
            Run("systemctl status pveproxy pvedaemon"),
        ],
        Is::ForbiddenByProxy => &[BEHIND_PROXY],
        Is::RequestTooLarge => &[ByFlag(
            "a limit on the size of requests is in the way: raise it in the proxy in front of the server (nginx: client_max_body_size), or connect to the server directly (--host HOST:8006)",
            "a limit on the size of requests is in the way: raise it in the proxy in front of the server (nginx: client_max_body_size), or connect to the server directly (HOST:8006)",
        )],
        Is::Redirected => &[
            Say(
                "something in front of the server redirects the request, e.g. a login gateway, which a token cannot pass",
            ),
            BEHIND_PROXY,
        ],
        Is::NotTheApi => &[Say("check that this is a Proxmox VE server, and not something in front of it")],
        Is::NoFreeVmid => &[ByFlag(
            "every VMID in the configured range is in use: extend it in the web interface (Datacenter > Options > Next Free VMID Range), or pass --vmid with one outside it",
            "every VMID in the configured range is in use: extend it in the web interface (Datacenter > Options > Next Free VMID Range)",
        )],
        Is::VmidTaken => &[Say("another client took the VMID meanwhile: run this again")],
        Is::NoSuchPool => &[
            Say("the pool does not exist or is not visible; list the pools, as root on a node:"),
            Run("pveum pool list"),
        ],
        Is::NoSuchRole => &[Say("list the roles, as root on a node:"), Run("pveum role list")],
        Is::RootOnly => &[Say(
            "only root@pam may use this option, e.g. for a raw device: remove it from the template, or map the device (Datacenter > Resource Mappings)",
        )],
        Is::VmLocked => &[Say(
            "another task, e.g. a backup, has locked the VM: wait for it; if none is running, root can unlock the VM with `qm unlock`",
        )],
        Is::VmProtected => {
            &[Say("the VM is protected: remove the protection in the web interface (Options > Protection)")]
        }
        Is::VmInHa => &[Say("remove the VM from HA first (Datacenter > HA)")],
        Is::VmHasSnapshots => &[Say("delete the snapshots of the VM first")],
        Is::AgentNotConfigured => &[Say("enable the guest agent in the template (Options > QEMU Guest Agent)")],
        Is::CannotLink => &[ByFlag(
            "the storage of the template does not support linked clones: pass --full",
            "the storage of the template does not support linked clones",
        )],
        Is::KvmUnavailable => &[Say(
            "the node has no hardware virtualization: enable VT-x or AMD-V in its BIOS (nested virtualization if the node is a VM), or disable KVM in the template (Options > KVM hardware virtualization)",
        )],
        Is::DeviceMissing => &[Say(
            "the node does not have a device that the template uses: remove it from the template, or map it for this node (Datacenter > Resource Mappings)",
        )],
        Is::BridgeMissing => &[Say(
            "the node does not have the bridge that the template uses: create it (node > Network), or change the template",
        )],
        Is::OutOfMemory => {
            &[Say("the node does not have enough free memory: stop other VMs, or reduce the memory of the template")]
        }
        Is::UnknownParameter | Is::NotImplemented => &[
            ByFlag(
                "the server does not know this call: its version may not be supported; check it with:",
                "the server does not know this call: its version may not be supported",
            ),
            NotInWizard("glassdome doctor"),
        ],
    }
}

const TICKET_REFUSED: &[Advice] = &[
    Say(
        "the login was accepted, but not its ticket: check the clocks of the nodes, and that the host name belongs to only one cluster; on a node:",
    ),
    Run("timedatectl"),
];

const UNKNOWN_UNAUTHORIZED: &[Advice] = &[
    Say(
        "this is not a Proxmox VE message: a proxy or login gateway in front of it may have answered, and a token cannot pass it",
    ),
    BEHIND_PROXY,
];

#[cfg(test)]
mod tests;
