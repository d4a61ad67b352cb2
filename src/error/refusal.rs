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
mod tests;
