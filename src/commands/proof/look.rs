//! Looks at what stands under a VMID, and says whose it is.

use std::time::Duration;

use crate::error::{Doing, Error};
use crate::model::{Marker, NodeName, VmId};
use crate::pve::{self, Pve, VmConfig};
use crate::session::Session;

/// How long a clone whose request was cut off may take to appear: the server's own front end gives a worker 30 s to
/// answer, but the configuration is written first of all, within the first of them.
const MAY_STILL_APPEAR: Duration = Duration::from_secs(3);

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What stands under a VMID.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Nothing, on no node.
    Nothing,
    /// The VM that carries the marker, on this node.
    Ours(NodeName, Box<VmConfig>),
    /// A clone that is not finished: it has a lock and no marker yet.
    Unfinished(NodeName),
    /// A VM without the marker.
    Foreign(Option<String>),
    /// Something that may not be read. A clone into a pool is one until it is finished: only then it joins the pool.
    Hidden(Box<pve::Error>),
}

/// Looks once.
pub(crate) async fn look(pve: &Pve, node: &NodeName, vmid: VmId, marker: &Marker) -> Result<Standing, Error> {
    let doing = || Doing::ReadVm(vmid);
    match pve.vm_config(node, vmid).await {
        Ok(config) => return Ok(judge(node, config, marker)),
        Err(refused) if refused.is_missing_config() || refused.is_forbidden() => {
            // Without VM.Audit, or once the VM has left its pool, only the list of free IDs knows about it.
            if pve.is_free(vmid).await.map_err(|source| Error::server(doing(), source))? {
                return Ok(Standing::Nothing);
            }
            if refused.is_forbidden() {
                return Ok(Standing::Hidden(Box::new(refused)));
            }
        }
        Err(source) => return Err(Error::server(doing(), source)),
    }
    let elsewhere = find_node(pve, vmid).await?;
    match elsewhere {
        Some(other) if other != *node => {
            let config = pve.vm_config(&other, vmid).await.map_err(|source| Error::server(doing(), source))?;
            Ok(judge(&other, config, marker))
        }
        // Taken, but not by a VM that this token may see: a container, or somebody else's.
        _ => Ok(Standing::Foreign(None)),
    }
}

/// Looks until a clone is no longer in the making; `running` says whether its task may still run.
pub(crate) async fn look_until_settled(
    pve: &Pve,
    (node, vmid): (&NodeName, VmId),
    marker: &Marker,
    (session, patience): (&Session, Duration),
) -> Result<Standing, Error> {
    let began = session.clock.now();
    loop {
        let standing = look(pve, node, vmid, marker).await?;
        let waited = session.clock.now().duration_since(began);
        let wait = match standing {
            Standing::Unfinished(_) | Standing::Hidden(_) => waited < patience && is_being_cloned(pve, node).await?,
            _ => false,
        };
        if !wait {
            return settled(pve, (node, vmid), marker, standing).await;
        }
        session.clock.sleep(LOOK_AGAIN).await;
    }
}

/// Lock and marker change in one write: what was unfinished is looked at once more after its task has ended.
async fn settled(
    pve: &Pve,
    (node, vmid): (&NodeName, VmId),
    marker: &Marker,
    standing: Standing,
) -> Result<Standing, Error> {
    match standing {
        Standing::Unfinished(_) | Standing::Hidden(_) => look(pve, node, vmid, marker).await,
        other => Ok(other),
    }
}

/// Looks for a clone whose request was cut off before it was answered: it may appear a moment later.
pub(crate) async fn look_for_unanswered(
    pve: &Pve,
    (node, vmid): (&NodeName, VmId),
    marker: &Marker,
    (session, patience): (&Session, Duration),
) -> Result<Standing, Error> {
    let began = session.clock.now();
    loop {
        let standing = look_until_settled(pve, (node, vmid), marker, (session, patience)).await?;
        let waited = session.clock.now().duration_since(began);
        if !matches!(standing, Standing::Nothing) || waited >= MAY_STILL_APPEAR {
            return Ok(standing);
        }
        session.clock.sleep(LOOK_AGAIN).await;
    }
}

/// Says whether a clone task of ours runs on the node.
async fn is_being_cloned(pve: &Pve, node: &NodeName) -> Result<bool, Error> {
    let tasks = pve.active_tasks(node).await.map_err(|source| Error::server(Doing::ReadTasks, source))?;
    Ok(tasks.iter().any(|task| task.kind == "qmclone"))
}

/// Finds the node that a VM is on. The list lags by some seconds, which does not matter to a VM that was there before.
async fn find_node(pve: &Pve, vmid: VmId) -> Result<Option<NodeName>, Error> {
    let resources = pve.vms().await.map_err(|source| Error::server(Doing::ReadVm(vmid), source))?;
    Ok(resources.into_iter().find(|vm| vm.vmid == vmid).map(|vm| vm.node))
}

fn judge(node: &NodeName, config: VmConfig, marker: &Marker) -> Standing {
    if marker.is_on(config.name(), config.description()) {
        Standing::Ours(node.clone(), Box::new(config))
    } else if config.lock() == Some("clone") {
        Standing::Unfinished(node.clone())
    } else {
        Standing::Foreign(config.name().map(str::to_owned))
    }
}
