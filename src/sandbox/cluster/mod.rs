//! The pretended cluster: nodes, VMs, storages and tasks, moved on by nothing but the calls made to it.

pub mod calls;
mod chance;
mod cleanup;
mod listing;
mod reach;
mod routes;
mod storage;
mod tasks;
mod vm;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

pub use chance::Chance;
pub use reach::{Node, Reach, Statistics};
pub use routes::{Known, Route};
pub use storage::{Download, Kind, State, Storage, Volume};
pub use tasks::{Claim, Plan, Scene, Task, Work};
pub use vm::{Agent, Config, Drive, Power, Vm};

use super::access::{self, Access, Caller, Refusal, Release, packed};
use super::multipart::Received;

/// The name of a cluster of several nodes.
const CLUSTER_NAME: &str = "sandbox";

/// The moment at which a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Seconds since 1970.
    pub unix: u64,
    /// The time since the cluster was started.
    pub since_start: Duration,
}

/// What a call that went well answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The answer itself.
    pub data: Value,
    /// How many entries there are in all, where only some were asked for.
    pub total: Option<u64>,
}

impl From<Value> for Reply {
    fn from(data: Value) -> Self {
        Self { data, total: None }
    }
}

/// A call on its way to what it does.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Who makes it.
    pub caller: &'a Caller,
    /// Its parameters, those in its path included.
    pub params: &'a BTreeMap<String, String>,
    /// When it is made.
    pub now: Now,
}

impl<'a> Ask<'a> {
    /// Gives a parameter, or nothing where it is missing or undefined.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.params.get(name).map(String::as_str).filter(|value| *value != packed::NULL)
    }

    /// Gives a parameter, or an empty text where it is missing.
    pub fn text(&self, name: &str) -> &'a str {
        self.get(name).unwrap_or_default()
    }

    /// Tells whether a switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some("1")
    }

    /// Gives a number, if it is there.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// Gives the node that the call is for.
    pub fn node(&self) -> &'a str {
        self.text("node")
    }

    /// Gives the number of the VM that the call is for.
    pub fn vmid(&self) -> u32 {
        self.text("vmid").parse().unwrap_or_default()
    }
}

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
    pub strangers: BTreeMap<String, Reach>,
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
    /// VMs that somebody else makes as soon as the worker of a clone wants their number.
    pub rivals: BTreeMap<u32, Vm>,
    /// VMs whose lock somebody else holds, as the winner of a race does.
    pub held: BTreeSet<u32>,
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
    pub chance: Chance,
}

impl Cluster {
    /// Finds the call for a verb and a decoded path below `/api2/json`, with the parameters in the path.
    pub fn knows(method: &str, path: &str) -> Option<(Known, BTreeMap<String, String>)> {
        if let Some((route, found)) = access::find(method, path) {
            return Some((Known::Identity(route), found));
        }
        routes::find(method, path).map(|(route, found)| (Known::Machine(route), found))
    }

    /// Makes a call: who may comes first, then the node, then the form of the parameters.
    pub fn call(
        &mut self,
        method: &str,
        path: &str,
        params: &BTreeMap<String, String>,
        caller: &Caller,
        now: Now,
    ) -> Result<Reply, Refusal> {
        self.advance(now);
        let Some((known, in_path)) = Self::knows(method, path) else {
            return Err(Refusal::Status { status: 501, reason: format!("Method '{method} {path}' not implemented") });
        };
        let mut all = params.clone();
        for (name, value) in in_path {
            if all.insert(name.clone(), value).is_some() {
                return Err(Refusal::parameter(&name, "duplicate parameter (already defined in URI)"));
            }
        }
        match known {
            Known::Identity(route) if route.audience.excludes_tokens() && caller.token().is_some() => {
                let why = format!("URI '{path}' not available with API token, need proper ticket.\n");
                Err(Refusal::Forbidden(Some(why)))
            }
            Known::Identity(route) => {
                let request = access::calls::Request { caller, params: &all, now: now.unix };
                if let Some(what) = access::writes(route).filter(|_| !self.quorate) {
                    route.make(&mut self.access.clone(), request)?;
                    return Err(Refusal::Failed(format!("{what}: cfs-lock 'file-user_cfg' error: no quorum!")));
                }
                let mut data = route.make(&mut self.access, request)?;
                if self.nodes.len() > 1
                    && let Some(ticket) = data.as_object_mut().filter(|data| data.contains_key("cap"))
                {
                    ticket.insert("clustername".to_owned(), CLUSTER_NAME.into());
                }
                Ok(data.into())
            }
            Known::Machine(route) => route.make(self, Ask { caller, params: &all, now }),
        }
    }

    /// Finishes the tasks whose time has come.
    pub fn advance(&mut self, now: Now) {
        self.seen = self.seen.max(now.since_start);
        self.run_until(self.seen);
        self.report();
    }

    /// Gives the path of a bridge or vnet in the access control list.
    fn network_path(&self, bridge: &str) -> String {
        format!("/sdn/zones/{}/{bridge}", self.vnets.get(bridge).map_or("localnetwork", |vnet| vnet.zone.as_str()))
    }

    /// Gives the release that is pretended.
    pub fn release(&self) -> Release {
        self.access.release
    }
}
