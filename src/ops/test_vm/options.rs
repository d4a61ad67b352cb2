//! The options of a test VM.

use std::time::Duration;

use crate::model::{NodeName, PoolName, StorageName, VmId, VmName};

/// How the disk of the clone shall be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CloneMode {
    /// Linked where the storage can, else full.
    Whichever,
    /// Linked, or not at all.
    Linked,
    /// Full, on this storage or on the template's.
    Full(Option<StorageName>),
}

/// Whether and how the clone is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Not at all.
    No,
    /// As it is.
    Yes,
    /// With the links of all its network cards down.
    LinksDown,
    /// As it is, and then its guest agent must report an address within this time.
    AndWaitForAddress(Duration),
}

/// Whether the clone stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposal {
    /// It is stopped and destroyed.
    Destroy,
    /// It stays if everything was verified.
    Keep,
}

/// The options of a test VM.
#[derive(Debug, Clone)]
pub(crate) struct TestVmOptions {
    /// The node that Glassdome works on.
    pub(crate) node: Option<NodeName>,
    /// The node that the clone shall be on, where that was said.
    pub(crate) target: Option<NodeName>,
    /// The template.
    pub(crate) template: VmId,
    /// The number of the clone, where that was said.
    pub(crate) vmid: Option<VmId>,
    /// The name of the clone, where that was said.
    pub(crate) name: Option<VmName>,
    /// How its disk shall be made.
    pub(crate) clone_mode: CloneMode,
    /// The variable that names the node of this instance, for hints.
    pub(crate) node_variable: String,
    /// The pool that it is put into.
    pub(crate) pool: Option<PoolName>,
    /// Whether and how it is started.
    pub(crate) start: Start,
    /// Whether it stays.
    pub(crate) afterwards: Disposal,
    /// How long a task may be without progress.
    pub(crate) timeout: Duration,
}

impl TestVmOptions {
    /// Returns whether the guest agent must report an address.
    pub(crate) const fn waits_for_address(&self) -> bool {
        matches!(self.start, Start::AndWaitForAddress(_))
    }
}
