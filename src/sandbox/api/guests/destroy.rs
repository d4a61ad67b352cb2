//! The call that destroys a VM.

use std::time::Duration;

use serde_json::json;

use crate::sandbox::api::guests::power::no_skiplock;
use crate::sandbox::auth::Refusal;
use crate::sandbox::cluster::locks::Claim;
use crate::sandbox::cluster::work::{Plan, Scene, Work};
use crate::sandbox::cluster::{Cluster, Drive, Reply, Request};

/// How often the lock of a shared storage is tried, once a second.
const LOCK_TRIES: u32 = 9;

/// Who may destroy a VM.
pub(crate) fn may(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand(request, &format!("/vms/{}", request.text("vmid")), &["VM.Allocate"])
}

/// `DELETE /nodes/{node}/qemu/{vmid}`.
pub(crate) fn destroy(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    no_skiplock(request)?;
    let vmid = request.vmid();
    let vm = cluster.vm(request.node(), vmid)?;
    if vm.config.is_on("protection") {
        return Err(Refusal::Failed(format!("can't remove VM {vmid} - protection mode enabled")));
    }
    if vm.is_running() {
        return Err(Refusal::Failed(still_runs(vmid)));
    }
    let work = Destroying {
        vmid,
        everything: request.is_on("destroy-unreferenced-disks"),
        whatever_lock: request.is_on("skiplock"),
    };
    Ok(json!(cluster.spawn(request, "qmdestroy", &vmid.to_string(), work)?).into())
}

fn still_runs(vmid: u32) -> String {
    format!("VM {vmid} is running - destroy failed")
}

/// A VM that is being destroyed.
#[derive(Debug)]
struct Destroying {
    vmid: u32,
    everything: bool,
    whatever_lock: bool,
}

impl Work for Destroying {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::vm(self.vmid)]
    }

    fn begin(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Plan, String> {
        let vm = cluster.vm(&scene.node, self.vmid).map_err(|refusal| refusal.text())?;
        if vm.config.is_on("protection") {
            return Err(format!("can't remove VM {} - protection mode enabled", self.vmid));
        }
        if let Some(lock) = vm.lock().filter(|_| !self.whatever_lock) {
            return Err(format!("VM is locked ({lock})"));
        }
        if vm.is_running() {
            return Err(still_runs(self.vmid));
        }
        let in_use = |drive: &&Drive| {
            let (place, name) = drive.volume.split_once(':').unwrap_or_default();
            cluster.storages.get(place).is_some_and(|storage| storage.is_base_in_use(&scene.node, name))
        };
        if let Some(drive) = vm.config.drives().iter().filter(|_| vm.is_template()).find(in_use) {
            return Err(format!("base volume '{}' is still in use by linked cloned", drive.volume));
        }
        let shared = |drive: &Drive| cluster.storages.get(drive.storage()).is_some_and(|storage| storage.shared);
        let lines: Vec<(Duration, String)> = match cluster.quorate {
            true => Vec::new(),
            false => vm.config.drives().into_iter().filter(shared).zip(0..).flat_map(unlockable).collect(),
        };
        let waited = lines.last().map(|(after, _)| *after).unwrap_or_default();
        Ok(Plan { length: waited.max(cluster.task_time / 4), lines })
    }

    fn finish(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Vec<String>, String> {
        cluster.writable(&scene.node, self.vmid)?;
        let Some(vm) = cluster.vms.remove(&self.vmid) else { return Ok(Vec::new()) };
        let mut volumes: Vec<String> = vm.config.drives().into_iter().map(|drive| drive.volume).collect();
        let unused = vm.config.options().filter(|(key, _)| key.starts_with("unused"));
        volumes.extend(unused.map(|(_, volume)| volume.to_owned()));
        if self.everything {
            volumes.extend(unreferenced(cluster, &scene.node, self.vmid));
        }
        volumes.sort();
        volumes.dedup();
        let owned =
            |volume: &String| cluster.volume(&scene.node, volume).is_some_and(|volume| volume.vmid == Some(self.vmid));
        let volumes: Vec<String> = volumes.into_iter().filter(owned).collect();
        let lines = volumes.iter().filter_map(|volume| removed(cluster, &scene.node, volume)).collect();
        cluster.access.forget_vm(self.vmid);
        Ok(lines)
    }
}

/// Removes a disk of a VM that is gone, and returns what is logged of it.
fn removed(cluster: &mut Cluster, node: &str, volume: &str) -> Option<String> {
    let place = volume.split(':').next().unwrap_or_default();
    let why = match cluster.activate(place, node) {
        Err(why) => why,
        Ok(()) if cluster.keeps_disks => format!("storage '{place}' is disabled"),
        Ok(()) => return cluster.free_volume(node, volume),
    };
    Some(format!("WARN: Could not remove disk '{volume}', check manually: {why}"))
}

/// Tells what is logged of a disk on a shared storage whose lock cannot be had without a quorum.
fn unlockable((drive, number): (Drive, u32)) -> Vec<(Duration, String)> {
    let (storage, start) = (drive.storage().to_owned(), LOCK_TRIES * number);
    let line = format!("trying to acquire cfs lock 'storage-{storage}' ...");
    let tries = (0..LOCK_TRIES).map(|number| (Duration::from_secs((start + number).into()), line.clone()));
    let why = format!("cfs-lock 'storage-{storage}' error: no quorum!");
    let last = format!("WARN: Could not remove disk '{}', check manually: {why}", drive.volume);
    tries.chain([(Duration::from_secs((start + LOCK_TRIES).into()), last)]).collect()
}

/// Lists the volumes that carry a VM's number, wherever they lie.
fn unreferenced(cluster: &Cluster, node: &str, vmid: u32) -> Vec<String> {
    let all = cluster.storages.iter().flat_map(|(place, storage)| {
        let mine = storage.seen_from(node).filter(|(_, volume)| volume.vmid == Some(vmid));
        mine.map(move |(name, _)| format!("{place}:{name}"))
    });
    all.collect()
}
