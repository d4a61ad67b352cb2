//! The pretended cluster: nodes, VMs, storages and tasks, moved on by nothing but the calls made to it.

mod cleanup;
mod fixtures;
mod listing;
pub(crate) mod locks;
mod node;
pub(crate) mod packed;
mod received;
mod request;
mod rng;
mod storage;
pub(crate) mod tasks;
pub(crate) mod vm;
pub(crate) mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

pub use locks::Claim;
pub use node::{Node, Reach, Statistics};
pub use received::Received;
pub use request::{Now, Reply, Request, object};
pub use rng::Rng;
pub use storage::{Download, Kind, State, Storage, Volume};
pub use tasks::Task;
pub use vm::{Agent, Config, Drive, Power, Vm};
pub use work::{Plan, Scene, Work};

use crate::sandbox::auth::{Access, Release};

/// The name of a cluster of several nodes.
pub(crate) const CLUSTER_NAME: &str = "sandbox";

/// A network of the cluster's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vnet {
    /// The zone that it belongs to.
    pub zone: String,
    /// What is shown beside its name.
    pub alias: Option<String>,
}

/// A device of a node that VMs may be given by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// `pci`, `usb` or `dir`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The node.
    pub node: String,
    /// What it stands for on the node.
    pub device: String,
    /// Whether the node has the device.
    pub is_there: bool,
}

/// The cluster and everything in it.
#[derive(Debug)]
pub struct Cluster {
    /// Users, tokens and their rights.
    pub access: Access,
    /// Nodes by name; the first one answers the calls.
    pub nodes: BTreeMap<String, Node>,
    /// Names that lead somewhere, but to no node of the cluster.
    pub foreign_hosts: BTreeMap<String, Reach>,
    /// Vnets by name.
    pub vnets: BTreeMap<String, Vnet>,
    /// VMs by number.
    pub vms: BTreeMap<u32, Vm>,
    /// Storages by name.
    pub storages: BTreeMap<String, Storage>,
    /// Devices of nodes that VMs may be given by name.
    pub mappings: Vec<Mapping>,
    /// Whether the node that answers belongs to the majority of the cluster.
    pub quorate: bool,
    /// Whether the nodes can run VMs with KVM.
    pub has_kvm: bool,
    /// The numbers that free ones are taken from, the last one excluded.
    pub next_ids: Option<std::ops::Range<u32>>,
    /// How many of the next workers are killed before they begin.
    pub lost_workers: usize,
    /// VMs that another client creates as soon as the worker of a clone wants their number.
    pub rivals: BTreeMap<u32, Vm>,
    /// VMs whose lock another process holds, as the winner of a race does.
    pub locked_vms: BTreeSet<u32>,
    /// How long after the end of a VM the server's own `qm cleanup` takes its lock; without it never.
    pub late_cleanup: Option<Duration>,
    cleanups: Vec<cleanup::Cleanup>,
    /// How often the nodes report to the lists; without it lists are always up to date.
    pub report_every: Option<Duration>,
    listing: listing::Listing,
    /// Whether the configuration of a clone is written as soon as its first drive is there, and not with its last one.
    pub writes_clones_early: bool,
    /// Whether clones on one storage wait for each other.
    pub one_clone_per_storage: bool,
    /// Whether the disks of a VM stay when it is destroyed.
    pub keeps_disks: bool,
    /// How long a task waits for a lock.
    pub patience: Duration,
    /// What is found at addresses that files are fetched from.
    pub downloads: BTreeMap<String, Download>,
    /// Files that were sent and wait to be put on a storage, by their temporary name.
    pub uploads: BTreeMap<String, Received>,
    /// Tasks, the oldest first.
    pub tasks: Vec<Task>,
    /// How long a clone takes; other tasks take their share of it.
    pub task_time: Duration,
    /// The name of the node that answers.
    pub local: String,
    /// What is said of the certificates of the node that answers, a list.
    pub certificates: Value,
    /// The last moment that was seen.
    seen: Duration,
    /// What new numbers are drawn from.
    pub rng: Rng,
}

impl Cluster {
    /// Finishes the tasks whose time has come.
    pub fn advance(&mut self, now: Now) {
        self.seen = self.seen.max(now.since_start);
        self.run_until(self.seen);
        self.report();
    }

    /// Returns the path of a bridge or vnet in the access control list.
    pub(crate) fn network_path(&self, bridge: &str) -> String {
        format!("/sdn/zones/{}/{bridge}", self.vnets.get(bridge).map_or("localnetwork", |vnet| vnet.zone.as_str()))
    }

    /// Returns the release that is pretended.
    pub fn release(&self) -> Release {
        self.access.release
    }
}
