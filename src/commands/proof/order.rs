//! What is to be proven: the options of a proof, settled.

use std::time::Duration;

use crate::model::{NodeName, PoolName, StorageName, VmId, VmName};

/// How the disk of the clone shall be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Linked where the storage can, else full.
    Whichever,
    /// Linked, or not at all.
    Linked,
    /// Full, on this storage or on the template's.
    Full(Option<StorageName>),
}

/// Whether and how the clone is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
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
pub enum Afterwards {
    /// It is stopped and destroyed.
    Destroy,
    /// It stays if everything was proven.
    Keep,
}

/// What is to be proven.
#[derive(Debug, Clone)]
pub struct Order {
    /// The node that Glassdome works on.
    pub node: Option<NodeName>,
    /// The node that the clone shall be on, where that was said.
    pub target: Option<NodeName>,
    /// The template.
    pub template: VmId,
    /// The number of the clone, where that was said.
    pub vmid: Option<VmId>,
    /// The name of the clone, where that was said.
    pub name: Option<VmName>,
    /// How its disk shall be made.
    pub wish: Wish,
    /// The pool that it is put into.
    pub pool: Option<PoolName>,
    /// Whether and how it is started.
    pub start: Start,
    /// Whether it stays.
    pub afterwards: Afterwards,
    /// How long a task may be without progress.
    pub patience: Duration,
}
