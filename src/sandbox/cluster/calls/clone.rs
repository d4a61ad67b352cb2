//! The call that clones a VM: who may, and everything that is checked before the task and again within it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::super::tasks::Claim;
use super::super::vm::is_drive;
use super::super::{Ask, Cluster, Config, Reply, Vm};
use super::cloning::Cloning;
use super::disks::config_of;
use crate::sandbox::access::{Caller, Refusal, names, packed};

/// What is asked of a clone.
#[derive(Debug, Clone)]
pub struct Order {
    /// The VM that is cloned.
    pub source: u32,
    /// The number of the clone.
    pub target: u32,
    /// The node of the VM.
    pub node: String,
    /// The node that the clone shall be on, where it is another.
    pub other_node: Option<String>,
    /// Whether disks are copied; without it templates are not and other VMs are.
    pub full: Option<bool>,
    /// Everything else, as it came.
    pub params: BTreeMap<String, String>,
}

impl Order {
    /// Gives a parameter, or nothing where it is missing.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }
}

/// Who may clone: VM.Clone on the one, VM.Allocate on the other or on the pool.
pub fn may(cluster: &Cluster, ask: Ask<'_>) -> Result<(), Refusal> {
    cluster.demand(ask, &format!("/vms/{}", ask.text("vmid")), &["VM.Clone"])?;
    let by_number = cluster.demand(ask, &format!("/vms/{}", ask.text("newid")), &["VM.Allocate"]);
    let by_pool = ask.get("pool").map(|pool| cluster.demand(ask, &format!("/pool/{pool}"), &["VM.Allocate"]));
    match by_number.is_ok() || by_pool.is_some_and(|check| check.is_ok()) {
        true => Ok(()),
        false => Err(Refusal::Forbidden(None)),
    }
}

/// `POST /nodes/{node}/qemu/{vmid}/clone`.
pub fn clone(cluster: &mut Cluster, ask: Ask<'_>) -> Result<Reply, Refusal> {
    let order = Order {
        source: ask.vmid(),
        target: ask.text("newid").parse().unwrap_or_default(),
        node: ask.node().to_owned(),
        other_node: ask.get("target").filter(|target| *target != ask.node()).map(str::to_owned),
        full: ask.get("full").map(|full| full == "1"),
        params: ask
            .params
            .iter()
            .filter(|(_, value)| *value != packed::NULL)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    };
    cluster.cloneable(&order, ask.caller)?;
    let (source, claims) = (order.source.to_string(), cluster.claims(&order));
    Ok(json!(cluster.spawn(ask, "qmclone", &source, Cloning::new(order, claims))?).into())
}

impl Cluster {
    /// Checks everything that can be checked before a clone is made; says whether its disks are copied.
    pub(super) fn cloneable(&self, order: &Order, caller: &Caller) -> Result<bool, Refusal> {
        let failed = |why: String| Err(Refusal::Failed(why));
        let (node, source) = (&order.node, order.source);
        let vm = self.vms.get(&source).filter(|vm| vm.node == *node);
        let Some(vm) = vm else {
            return failed(format!("unable to find configuration file for VM {source} on node '{node}'"));
        };
        self.check_places(order)?;
        self.check_quorum()?;
        if let Some(lock) = vm.lock() {
            return failed(format!("VM is locked ({lock})"));
        }
        let config = config_of(vm, order.get("snapname"))?;
        let full = order.full.unwrap_or(!vm.is_template());
        for name in ["storage", "format"] {
            if !full && order.get(name).is_some() {
                return failed(format!("parameter '{name}' not allowed for linked clones"));
            }
        }
        let shared = self.check_storages(caller, config, order.get("storage"))?;
        self.check_devices(caller, config)?;
        self.check_cards(caller, config)?;
        if let Some(target) = order.other_node.as_ref().filter(|_| !shared) {
            return failed(format!("can't clone VM to node '{target}' (VM uses local storage)"));
        }
        if self.vms.contains_key(&order.target) {
            return failed(format!("unable to create VM {}: config file already exists", order.target));
        }
        if !full {
            check_linked(vm, config, order.get("snapname"))?;
        }
        Ok(full)
    }

    /// Lists the locks that a clone takes: clones of one VM exclude each other only while it runs.
    fn claims(&self, order: &Order) -> Vec<Claim> {
        let vm = self.vms.get(&order.source);
        let source = Claim { shared: !vm.is_some_and(Vm::is_running), ..Claim::vm(order.source) };
        let mut claims = vec![source, Claim::vm(order.target)];
        if self.one_clone_per_storage {
            let drives = vm.map(|vm| vm.config.drives()).unwrap_or_default();
            let disks = drives.iter().filter(|drive| !drive.is_cdrom());
            let storages: BTreeSet<&str> = disks.map(|disk| order.get("storage").unwrap_or(disk.storage())).collect();
            let known = storages.into_iter().filter_map(|name| Some(Claim::storage(name, self.storages.get(name)?)));
            claims.extend(known);
        }
        claims
    }

    /// Checks that pool, node and storage exist where they are needed.
    fn check_places(&self, order: &Order) -> Result<(), Refusal> {
        if let Some(pool) = order.get("pool") {
            self.check_pool(pool)?;
        }
        let other = order.other_node.as_ref();
        if let Some(target) = other.filter(|target| !self.nodes.contains_key(*target)) {
            return Err(Refusal::Failed(format!("no such cluster node '{target}'")));
        }
        if let Some(name) = order.get("storage") {
            self.storage_on(name, &order.node)?;
            if let Some(target) = other
                && !self.storage_on(name, target)?.shared
            {
                return Err(Refusal::Failed(format!("can't clone to non-shared storage '{name}'")));
            }
        }
        Ok(())
    }

    /// Demands that a pool exists.
    pub(super) fn check_pool(&self, pool: &str) -> Result<(), Refusal> {
        match self.access.pools.contains_key(pool) {
            true => Ok(()),
            false => Err(Refusal::Forbidden(Some(format!("pool '{pool}' does not exist")))),
        }
    }

    /// Demands room on the storages of all disks, or on the one they go to; says whether all nodes reach them.
    fn check_storages(&self, caller: &Caller, config: &Config, wanted: Option<&str>) -> Result<bool, Refusal> {
        let mut shared = true;
        if config.options().any(|(key, value)| is_drive(key) && value.split(',').next() == Some("cdrom")) {
            self.access.demand(caller, "/", &["Sys.Console"])?;
        }
        for drive in config.drives() {
            shared &= self.storage(drive.storage())?.shared;
            if !drive.is_cdrom() {
                let name = wanted.unwrap_or(drive.storage());
                self.access.demand(caller, &format!("/storage/{name}"), &["Datastore.AllocateSpace"])?;
                if !self.storage(name)?.keeps("images") {
                    return Err(Refusal::parameter("storage", format!("storage '{name}' does not support vm images")));
                }
            }
        }
        Ok(shared)
    }

    /// Demands the right to use the bridge of every network card, tag by tag.
    pub(super) fn check_cards(&self, caller: &Caller, config: &Config) -> Result<(), Refusal> {
        if !self.release().knows_mappings() {
            return Ok(());
        }
        for (_, card) in config.cards() {
            let part = |name: &str| card.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            let Some(bridge) = part("bridge") else { continue };
            let path = self.network_path(bridge);
            let mut tags: Vec<u32> = part("tag").and_then(|tag| tag.parse().ok()).into_iter().collect();
            tags.extend(trunks(part("trunks").unwrap_or_default()));
            if tags.is_empty() {
                self.access.demand(caller, &path, &["SDN.Use"])?;
            }
            for tag in tags {
                self.access.demand(caller, &format!("{path}/{tag}"), &["SDN.Use"])?;
            }
        }
        Ok(())
    }
}

/// Lists the tags of `1;5-7`.
fn trunks(text: &str) -> Vec<u32> {
    let ranges = names::list(text).filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some((first.parse::<u32>().ok()?, last.parse::<u32>().ok()?))
    });
    ranges.flat_map(|(first, last)| first..=last.min(4094)).collect()
}

/// Demands that every disk can be the base of a linked clone.
fn check_linked(vm: &Vm, config: &Config, snapshot: Option<&str>) -> Result<(), Refusal> {
    let mut disks = config.drives().into_iter().filter(|drive| !drive.is_cdrom());
    let Some(disk) = disks.find(|_| !vm.is_template() || snapshot.is_some()) else { return Ok(()) };
    let of = if snapshot.is_some() { "a snapshot of " } else { "" };
    Err(Refusal::Failed(format!("Linked clone feature is not supported for {of}'{}' ({})", disk.volume, disk.slot)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trunks_are_listed_tag_by_tag() {
        assert_eq!(trunks("1;5-7"), vec![1, 5, 6, 7]);
        assert_eq!(trunks(""), Vec::<u32>::new());
        assert_eq!(trunks("x"), Vec::<u32>::new());
    }
}
