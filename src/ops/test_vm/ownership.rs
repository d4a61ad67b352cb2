//! Reads which VM has a VMID, and whether this run created it.

use std::time::Duration;

use crate::error::{Doing, Error, Operation};
use crate::model::{Foreign, Marker, NodeName, Upid, VmId};
use crate::pve::{self, Pve, Vm, VmConfig};
use crate::session::Session;

/// How long a clone whose request was cut off may take to appear: the server writes the configuration first of all.
const CLONE_APPEARS_WITHIN: Duration = Duration::from_secs(3);

/// Between two looks.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The VM that has a VMID, and whether it is this run's.
#[derive(Debug)]
pub(crate) enum VmState {
    /// Nothing, on no node.
    Missing,
    /// The VM that carries the marker, on this node.
    Ours(NodeName, Box<VmConfig>),
    /// A clone, or a VM whose disk is imported, that is not finished: it has a lock and no marker yet.
    Unfinished(NodeName),
    /// A VM without the marker.
    Foreign(Option<Foreign>),
    /// Something that may not be read. A clone into a pool is one until it is finished: only then it joins the pool.
    Hidden(Box<pve::ApiError>),
}

/// Where to look, and for what.
#[derive(Clone, Copy)]
pub(crate) struct OwnershipCheck<'a> {
    /// The server.
    pub(crate) pve: &'a Pve,
    /// Time.
    pub(crate) session: &'a Session,
    /// The node that makes the clone: it is there until it is finished, and so is its task.
    pub(crate) source: &'a NodeName,
    /// The node that the clone is made for.
    pub(crate) target: &'a NodeName,
    /// The template of the clone, where it is known.
    pub(crate) template: Option<VmId>,
    /// The marker that this run's VM carries.
    pub(crate) marker: &'a Marker,
    /// The slots of the drives that this run's VM was created with; `None` if they are not known.
    pub(crate) drives: Option<&'a [String]>,
}

impl OwnershipCheck<'_> {
    /// Looks once.
    pub(crate) async fn inspect(&self, vmid: VmId) -> Result<VmState, Error> {
        let failed = |source| Error::server(Operation::ReadVm(vmid), source);
        // The clone is on its source until its task ends, and moves to the target then: in this order it is not missed.
        let mut nodes = vec![self.source.clone()];
        if self.source != self.target {
            nodes.push(self.target.clone());
        }
        let mut wordless = None;
        for node in &nodes {
            match self.pve.vm_config(node, vmid).await {
                Ok(config) => return Ok(self.classify(node, config)),
                Err(refused) if refused.is_missing_config() => {}
                Err(refused) if refused.is_wordless() => wordless = Some(refused),
                // Without VM.Audit, or once the VM has left its pool, only the list of free IDs knows about it.
                Err(refused) if refused.is_forbidden() => {
                    let is_free = self.pve.is_free(vmid).await.map_err(failed)?;
                    return Ok(if is_free { VmState::Missing } else { VmState::Hidden(Box::new(refused)) });
                }
                Err(why) => return Err(failed(why)),
            }
        }
        if self.pve.is_free(vmid).await.map_err(failed)? {
            return Ok(VmState::Missing);
        }
        if let Some(why) = wordless {
            return Err(failed(why));
        }
        // It was moved, or it is not a VM at all.
        let is_it = |vm: &Vm| vm.vmid == vmid && !nodes.contains(&vm.node);
        let Some(elsewhere) = self.pve.vms_where(&is_it).await.map_err(failed)?.into_iter().next() else {
            return Ok(VmState::Foreign(None));
        };
        let config = self.pve.vm_config(&elsewhere.node, vmid).await.map_err(failed)?;
        Ok(self.classify(&elsewhere.node, config))
    }

    /// Returns whether a VMID carries nothing that a request of this run may have created.
    pub(crate) async fn is_absent(&self, vmid: VmId) -> Result<bool, Error> {
        Ok(match self.inspect(vmid).await? {
            VmState::Missing | VmState::Foreign(_) => true,
            VmState::Ours(..) | VmState::Unfinished(_) | VmState::Hidden(_) => false,
        })
    }

    /// Looks until a clone is no longer in the making.
    pub(crate) async fn inspect_until_settled(&self, vmid: VmId, timeout: Duration) -> Result<VmState, Error> {
        let began = self.session.clock.now();
        loop {
            let standing = self.inspect(vmid).await?;
            if !matches!(standing, VmState::Unfinished(_) | VmState::Hidden(_)) {
                return Ok(standing);
            }
            let waited = self.session.clock.now().duration_since(began);
            if waited >= timeout || !self.is_being_made(vmid).await? {
                // Lock and marker change in one write, before the task ends: it may have ended since the look.
                return self.inspect(vmid).await;
            }
            self.session.clock.sleep(POLL_INTERVAL).await;
        }
    }

    /// Looks for a clone whose request was cut off before it was answered: it may appear a moment later.
    pub(crate) async fn inspect_unanswered(&self, vmid: VmId, timeout: Duration) -> Result<VmState, Error> {
        let began = self.session.clock.now();
        loop {
            let standing = self.inspect_until_settled(vmid, timeout).await?;
            let waited = self.session.clock.now().duration_since(began);
            if !matches!(standing, VmState::Missing) || waited >= CLONE_APPEARS_WITHIN {
                return Ok(standing);
            }
            self.session.clock.sleep(POLL_INTERVAL).await;
        }
    }

    /// Returns whether a task runs that makes the VM: a clone of the template, or the creation of the VM itself.
    async fn is_being_made(&self, vmid: VmId) -> Result<bool, Error> {
        let tasks = self.pve.active_tasks(self.source).await;
        let tasks = tasks.doing(Operation::ReadTasks)?;
        let template = self.template.map(|template| template.to_string());
        let is_it = |upid: &Upid| template.as_ref().is_none_or(|template| upid.id() == *template);
        let vmid = vmid.to_string();
        Ok(tasks.iter().any(|task| match task.upid.kind() {
            "qmclone" => is_it(&task.upid),
            "qmcreate" => task.upid.id() == vmid,
            _ => false,
        }))
    }

    /// Returns whether a VM is the one that was made, and still as it was made: with its name and nonce, and no drive
    /// that was added since, whose data would be lost.
    pub(crate) fn is_ours(&self, config: &VmConfig) -> bool {
        let is_known = |slot: &str| self.drives.is_none_or(|drives| drives.iter().any(|drive| drive == slot));
        self.marker.is_on(config.name().as_ref(), config.description().as_ref()) && config.slots().all(is_known)
    }

    fn classify(&self, node: &NodeName, config: VmConfig) -> VmState {
        // Its configuration is not final before the lock is gone.
        if config.lock().is_some_and(|lock| lock == "clone" || lock == "create") {
            VmState::Unfinished(node.clone())
        } else if self.is_ours(&config) {
            VmState::Ours(node.clone(), Box::new(config))
        } else {
            VmState::Foreign(config.name())
        }
    }
}
