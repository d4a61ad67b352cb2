//! What a fault does in the cluster while calls are made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::sandbox::cluster::{Config, Reach, Vm};
use crate::sandbox::faults::Fault;
use crate::sandbox::server::shared::Shared;

/// The name of a VM that another client creates first.
const RIVAL: &str = "rival";

/// Rehearses what another client does right before a call is carried out.
pub(crate) fn before_call(shared: &Arc<Shared>, method: &str, path: &str, parameters: &BTreeMap<String, String>) {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let has = |wanted: Fault| shared.has(|fault| *fault == wanted);
    let vmid = |text: &str| text.parse::<u32>().ok();
    match (method, parts.as_slice()) {
        ("POST", ["nodes", _, "qemu", template, "clone"]) => {
            race(shared, parameters.get("newid"));
            lose_worker(shared);
            if let (true, Some(template)) = (has(Fault::TemplateGone), vmid(template)) {
                shared.cluster().vms.remove(&template);
            }
        }
        ("POST", ["nodes", _, "qemu"]) => {
            race(shared, parameters.get("vmid"));
            lose_worker(shared);
        }
        ("POST", ["nodes", _, "storage", _, "upload" | "download-url"]) => lose_worker(shared),
        ("POST", ["nodes", _, "qemu", stopped, "status", "stop"]) => {
            if let (true, Some(stopped)) = (has(Fault::VmChangedByOthers), vmid(stopped)) {
                shared.cluster().set_option(stopped, "description", "mine now");
            }
        }
        ("DELETE", ["nodes", _, "qemu", destroyed]) => {
            if let (true, Some(destroyed)) = (shared.take(Fault::Locked), vmid(destroyed)) {
                hold(shared, destroyed);
            }
        }
        _ => {}
    }
}

/// Holds the lock of a VM for longer than a task waits for it.
fn hold(shared: &Arc<Shared>, vmid: u32) {
    let patience = {
        let mut cluster = shared.cluster();
        cluster.locked_vms.insert(vmid);
        cluster.patience
    };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        shared.sleep(patience + Duration::from_millis(100)).await;
        shared.cluster().locked_vms.remove(&vmid);
    });
}

/// The ways in which one clone in ten fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Another client is faster, and the call says so.
    IdTaken,
    /// Another client is faster, and the task says so.
    IdTakenInTask,
    /// Another user stops the task.
    Stopped,
    /// The task is begun, and the connection reset in place of an answer.
    Unanswered,
    /// The worker is killed, and the target stays locked.
    Killed,
}

/// Decides by its number how a clone fails, if it is one in ten.
pub(crate) fn way(shared: &Shared, newid: Option<&String>) -> Option<Way> {
    let vmid = newid?.parse::<usize>().ok().filter(|vmid| vmid % 10 == 5)?;
    let ways = [Way::IdTaken, Way::IdTakenInTask, Way::Stopped, Way::Unanswered, Way::Killed];
    ways.get(vmid / 10 % ways.len()).copied().filter(|_| shared.has(|fault| *fault == Fault::OneInTen))
}

/// Lets another client take the VMID that a clone or a new VM is requested with.
fn race(shared: &Shared, newid: Option<&String>) {
    let way = way(shared, newid);
    let Some(vmid) = newid.and_then(|text| text.parse::<u32>().ok()) else { return };
    if shared.take(Fault::IdTaken) || way == Some(Way::IdTaken) {
        let mut cluster = shared.cluster();
        let node = cluster.local.clone();
        cluster.add_vm(vmid, RIVAL, &node, "local-lvm");
    }
    if shared.take(Fault::IdTakenInTask) || way == Some(Way::IdTakenInTask) {
        let mut cluster = shared.cluster();
        let node = cluster.local.clone();
        cluster.rivals.insert(vmid, Vm::new(&node, Config::of(&[("name", RIVAL)])));
    }
}

/// Lets the worker of the task that is about to begin be killed.
fn lose_worker(shared: &Shared) {
    if shared.take(Fault::WorkerLost) {
        shared.cluster().lost_workers += 1;
    }
}

/// Lets the last node go away.
fn lose_target(shared: &Shared) {
    if let Some(mut node) = shared.cluster().nodes.last_entry() {
        node.get_mut().reach = Reach::NoRoute;
    }
}

/// Disturbs a clone task that has just been begun; one that is to be interrupted, once half of its time is over.
pub(crate) async fn disturb(shared: &Shared, upid: &str, newid: Option<&String>) {
    if shared.has(|fault| *fault == Fault::TargetLost) {
        lose_target(shared);
    }
    let in_force = shared.find(|fault| match fault {
        Fault::CloneAborted | Fault::WorkerKilled | Fault::TaskStuck | Fault::TaskWarnings => Some(*fault),
        _ => None,
    });
    let one_in_ten = match way(shared, newid) {
        Some(Way::Stopped) => Some(Fault::CloneAborted),
        Some(Way::Killed) => Some(Fault::WorkerKilled),
        _ => None,
    };
    let Some(how) = in_force.or(one_in_ten) else { return };
    // At once, and not after half of its time: else it might be over before that, where the machine is busy.
    match how {
        Fault::TaskWarnings => return shared.cluster().warn(upid, shared.now().since_start),
        _ => shared.cluster().never_end(upid),
    }
    if how == Fault::TaskStuck {
        return;
    }
    shared.sleep(shared.options.task_time / 2).await;
    let at: Duration = shared.now().since_start;
    let mut cluster = shared.cluster();
    match how {
        Fault::WorkerKilled => cluster.kill_worker(upid, at),
        _ => cluster.interrupt(upid, at),
    }
}
