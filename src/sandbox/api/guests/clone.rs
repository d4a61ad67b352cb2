//! The call that clones a VM: who may, and everything that is checked before the task and again within it.

use std::collections::BTreeSet;

use serde_json::json;

use crate::sandbox::api::guests::clone_task::{CloneOptions, CloneTask};
use crate::sandbox::api::storages::volumes::config_of;
use crate::sandbox::auth::{Caller, Refusal, names};
use crate::sandbox::cluster::locks::Claim;
use crate::sandbox::cluster::packed;
use crate::sandbox::cluster::vm::is_drive;
use crate::sandbox::cluster::{Cluster, Config, Reply, Request, Vm};

/// Who may clone: VM.Clone on the one, VM.Allocate on the other or on the pool.
pub(crate) fn may(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand(request, &format!("/vms/{}", request.text("vmid")), &["VM.Clone"])?;
    let by_number = cluster.demand(request, &format!("/vms/{}", request.text("newid")), &["VM.Allocate"]);
    let by_pool = request.get("pool").map(|pool| cluster.demand(request, &format!("/pool/{pool}"), &["VM.Allocate"]));
    match by_number.is_ok() || by_pool.is_some_and(|check| check.is_ok()) {
        true => Ok(()),
        false => Err(Refusal::Forbidden(None)),
    }
}

/// `POST /nodes/{node}/qemu/{vmid}/clone`.
pub(crate) fn clone(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let options = CloneOptions {
        source: request.vmid(),
        target: request.text("newid").parse().unwrap_or_default(),
        node: request.node().to_owned(),
        other_node: request.get("target").filter(|target| *target != request.node()).map(str::to_owned),
        full: request.get("full").map(|full| full == "1"),
        params: request
            .params
            .iter()
            .filter(|(_, value)| *value != packed::NULL)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    };
    cluster.cloneable(&options, request.caller)?;
    let (source, claims) = (options.source.to_string(), cluster.claims(&options));
    Ok(json!(cluster.spawn(request, "qmclone", &source, CloneTask::new(options, claims))?).into())
}

impl Cluster {
    /// Checks everything that can be checked before a clone is made; says whether its disks are copied.
    pub(crate) fn cloneable(&self, options: &CloneOptions, caller: &Caller) -> Result<bool, Refusal> {
        let failed = |why: String| Err(Refusal::Failed(why));
        let (node, source) = (&options.node, options.source);
        let vm = self.vms.get(&source).filter(|vm| vm.node == *node);
        let Some(vm) = vm else {
            return failed(format!("unable to find configuration file for VM {source} on node '{node}'"));
        };
        self.check_places(options)?;
        self.check_quorum()?;
        if let Some(lock) = vm.lock() {
            return failed(format!("VM is locked ({lock})"));
        }
        let config = config_of(vm, options.get("snapname"))?;
        let full = options.full.unwrap_or(!vm.is_template());
        for name in ["storage", "format"] {
            if !full && options.get(name).is_some() {
                return failed(format!("parameter '{name}' not allowed for linked clones"));
            }
        }
        let shared = self.check_storages(caller, config, options.get("storage"))?;
        self.check_devices(caller, config)?;
        self.check_cards(caller, config)?;
        if let Some(target) = options.other_node.as_ref().filter(|_| !shared) {
            return failed(format!("can't clone VM to node '{target}' (VM uses local storage)"));
        }
        if self.vms.contains_key(&options.target) {
            return failed(format!("unable to create VM {}: config file already exists", options.target));
        }
        if !full {
            check_linked(vm, config, options.get("snapname"))?;
        }
        Ok(full)
    }

    /// Lists the locks that a clone takes: clones of one VM exclude each other only while it runs.
    fn claims(&self, options: &CloneOptions) -> Vec<Claim> {
        let vm = self.vms.get(&options.source);
        let source = Claim { shared: !vm.is_some_and(Vm::is_running), ..Claim::vm(options.source) };
        let mut claims = vec![source, Claim::vm(options.target)];
        if self.one_clone_per_storage {
            let drives = vm.map(|vm| vm.config.drives()).unwrap_or_default();
            let disks = drives.iter().filter(|drive| !drive.is_cdrom());
            let storages: BTreeSet<&str> = disks.map(|disk| options.get("storage").unwrap_or(disk.storage())).collect();
            let known = storages.into_iter().filter_map(|name| Some(Claim::storage(name, self.storages.get(name)?)));
            claims.extend(known);
        }
        claims
    }

    /// Checks that pool, node and storage exist where they are needed.
    fn check_places(&self, options: &CloneOptions) -> Result<(), Refusal> {
        if let Some(pool) = options.get("pool") {
            self.check_pool(pool)?;
        }
        let other = options.other_node.as_ref();
        if let Some(target) = other.filter(|target| !self.nodes.contains_key(*target)) {
            return Err(Refusal::Failed(format!("no such cluster node '{target}'")));
        }
        if let Some(name) = options.get("storage") {
            self.storage_on(name, &options.node)?;
            if let Some(target) = other
                && !self.storage_on(name, target)?.shared
            {
                return Err(Refusal::Failed(format!("can't clone to non-shared storage '{name}'")));
            }
        }
        Ok(())
    }

    /// Demands that a pool exists.
    pub(crate) fn check_pool(&self, pool: &str) -> Result<(), Refusal> {
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
        // A device or file of the node itself is no volume of a storage, as which it is read here.
        let volumes =
            config.options().filter(|(key, _)| is_drive(key)).filter_map(|(_, value)| value.split(',').next());
        let volumes = volumes.map(|volume| volume.strip_prefix("file=").unwrap_or(volume));
        if let Some(path) = volumes.into_iter().find(|volume| volume.starts_with('/')) {
            return Err(Refusal::Failed(format!("unable to parse volume ID '{path}'")));
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
    pub(crate) fn check_cards(&self, caller: &Caller, config: &Config) -> Result<(), Refusal> {
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
