//! Locks that tasks take, of VMs and of storages.

use std::time::Duration;

use crate::sandbox::cluster::Storage;

/// What a task logs that waits for a lock of the node.
pub(crate) const WAITS: &str = "trying to acquire lock...";

/// What a lock is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {
    /// A VM.
    Vm(u32),
    /// A storage of one node.
    Storage(String),
    /// A storage of all nodes, whose lock is the cluster's.
    SharedStorage(String),
}

impl Lock {
    /// Says what a task logs while it waits, and how long after it began to: of the cluster's locks once a second.
    pub(crate) fn lines(&self, patience: Duration) -> Vec<(Duration, String)> {
        match self {
            Self::Vm(_) | Self::Storage(_) => vec![(Duration::ZERO, WAITS.to_owned())],
            Self::SharedStorage(name) => {
                let line = format!("trying to acquire cfs lock 'storage-{name}' ...");
                (0..patience.as_secs()).map(|second| (Duration::from_secs(second), line.clone())).collect()
            }
        }
    }

    /// Says how it ends where it is waited for too long.
    pub(crate) fn refusal(&self) -> String {
        let file = match self {
            Self::Vm(vmid) => format!("/var/lock/qemu-server/lock-{vmid}.conf"),
            Self::Storage(name) => format!("/var/lock/pve-manager/pve-storage-{name}"),
            Self::SharedStorage(name) => {
                return format!("cfs-lock 'storage-{name}' error: got lock request timeout");
            }
        };
        format!("can't lock file '{file}' - got timeout")
    }
}

/// A lock that a task needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Of what.
    pub lock: Lock,
    /// Whether others who share it may hold it too.
    pub shared: bool,
}

impl Claim {
    /// Claims a VM for oneself.
    pub fn vm(vmid: u32) -> Self {
        Self { lock: Lock::Vm(vmid), shared: false }
    }

    /// Claims a storage for oneself.
    pub fn storage(name: &str, storage: &Storage) -> Self {
        let name = name.to_owned();
        let lock = if storage.shared { Lock::SharedStorage(name) } else { Lock::Storage(name) };
        Self { lock, shared: false }
    }

    pub(crate) fn excludes(&self, other: &Self) -> bool {
        self.lock == other.lock && !(self.shared && other.shared)
    }
}
