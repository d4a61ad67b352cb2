//! Brings about in the cluster what a fault rehearses there.

use std::time::Duration;

use super::cluster::{Cluster, Config, Reach, Vm};
use super::faults::Fault;
use super::shared::Shared;

/// The VMs of somebody else who is faster.
const RIVAL: &str = "rival";

/// Brings about what a fault needs beforehand.
pub(super) fn prepare(cluster: &mut Cluster, fault: Fault) {
    match fault {
        Fault::NodeOffline => {
            if let Some((_, node)) = cluster.nodes.iter_mut().next_back() {
                node.reach = Reach::NoRoute;
            }
        }
        Fault::StorageFull => cluster.storages.values_mut().for_each(|storage| storage.full = true),
        _ => {}
    }
}

/// Lets somebody else take the number that a clone is about to be asked for.
pub(super) fn race(shared: &Shared, newid: Option<&String>) {
    let Some(vmid) = newid.and_then(|text| text.parse::<u32>().ok()) else { return };
    if shared.take(Fault::IdTaken) {
        let mut cluster = shared.cluster();
        let node = cluster.local.clone();
        cluster.add_vm(vmid, RIVAL, &node, "local-lvm");
    }
    if shared.take(Fault::IdTakenInTask) {
        let mut cluster = shared.cluster();
        let node = cluster.local.clone();
        cluster.rivals.insert(vmid, Vm::new(&node, Config::of(&[("name", RIVAL)])));
    }
}

/// Disturbs a clone task that has just been begun, once half of its time is over.
pub(super) async fn disturb(shared: &Shared, upid: &str) {
    let is_aborted = shared.has(|fault| *fault == Fault::CloneAborted);
    let is_killed = shared.has(|fault| *fault == Fault::WorkerKilled);
    if !is_aborted && !is_killed {
        return;
    }
    tokio::time::sleep(shared.options.task_time / 2).await;
    let at: Duration = shared.now().since_start;
    let mut cluster = shared.cluster();
    if is_killed {
        cluster.kill_worker(upid, at);
    } else {
        cluster.interrupt(upid, at);
    }
}
