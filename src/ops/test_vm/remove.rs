//! Stops and destroys a test VM, and nothing else: name and nonce are read again immediately before.

use crate::error::{CleanupError, Doing, Error, Operation};
use crate::model::{Foreign, NodeName, Upid, VmId};
use crate::ops::test_vm::ownership::{OwnershipCheck, VmState};
use crate::ops::test_vm::receipt::{Receipt, ReceiptStep};
use crate::ops::test_vm::task_wait::{OnSignal, TaskWaiter};
use crate::pve::task::LogDetail;
use crate::pve::{self, VmConfig};
use std::time::{Duration, Instant};

/// A lock held by another task of the same VM is released within seconds.
const MAX_LOCK_ATTEMPTS: usize = 3;

/// How much of the log of a destroy task is read: each disk of a VM is one line at most.
const LOG_LINES: usize = 500;

/// How a warning begins in the log of a task.
const WARNING: &str = "WARN: ";

/// Between two looks at a task of the same VM.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Removes VMs of one run.
pub(crate) struct Remover<'a> {
    /// Where to look, and for what.
    pub(crate) search: OwnershipCheck<'a>,
    /// How long a task may be without progress.
    pub(crate) timeout: Duration,
    /// How closely tasks are watched.
    pub(crate) log_detail: LogDetail,
}

impl Remover<'_> {
    /// Removes the VM that carries the marker, and returns the disks that the server could not remove with it; whatever
    /// else is there stays.
    pub(crate) async fn remove(&self, vmid: VmId, receipt: &mut Receipt) -> Result<Vec<Foreign>, Error> {
        let mut disks = Vec::new();
        let mut unanswered = None;
        for tries in 0..MAX_LOCK_ATTEMPTS {
            let (node, config) = match self.search.inspect(vmid).await? {
                VmState::Ours(node, config) => (node, config),
                // It was this run's VM a moment ago, and no request was sent since.
                VmState::Foreign(_) if tries == 0 => {
                    return Err(Error::Cleanup(CleanupError::ChangedByOthers { vmid }));
                }
                VmState::Missing | VmState::Unfinished(_) | VmState::Foreign(_) | VmState::Hidden(_) => {
                    return Ok(disks);
                }
            };
            let ended = match self.stop(&node, vmid, receipt).await {
                Ok(()) => self.destroy(&node, vmid, &config, receipt).await,
                Err(why) => Err(why),
            };
            match ended {
                Ok(left) => {
                    disks = left;
                    break;
                }
                Err(busy) if busy.is_busy_vm() => self.wait_for_other_tasks(&node, vmid).await?,
                Err(Error::Server { operation, source }) if matches!(source, pve::ApiError::OutcomeUnknown { .. }) => {
                    unanswered = Some(Error::Server { operation, source });
                    self.wait_for_other_tasks(&node, vmid).await?;
                }
                // An earlier request, whose answer was lost, was faster.
                Err(gone) if gone.is_missing_vm() => break,
                Err(why) => return Err(why),
            }
        }
        match self.search.inspect(vmid).await? {
            VmState::Ours(..) => Err(unanswered.unwrap_or(Error::Cleanup(CleanupError::NotGone { vmid }))),
            // Another client may have taken the VMID in the meantime.
            VmState::Missing | VmState::Foreign(_) | VmState::Unfinished(_) | VmState::Hidden(_) => Ok(disks),
        }
    }

    /// Waits for other tasks of the VM: a start whose answer was lost may still be under way.
    async fn wait_for_other_tasks(&self, node: &NodeName, vmid: VmId) -> Result<(), Error> {
        let began = self.now();
        let id = vmid.to_string();
        loop {
            let tasks = self.search.pve.active_tasks(node).await;
            let tasks = tasks.doing(Operation::ReadTasks)?;
            let is_busy = tasks.iter().any(|task| task.upid.id() == id);
            if !is_busy || self.now().duration_since(began) >= self.timeout {
                return Ok(());
            }
            self.search.session.clock.sleep(POLL_INTERVAL).await;
        }
    }

    async fn stop(&self, node: &NodeName, vmid: VmId, receipt: &mut Receipt) -> Result<(), Error> {
        let began = self.now();
        let operation = Operation::Stop(vmid);
        let pve = self.search.pve;
        let status = pve.vm_status(node, vmid).await.doing(operation.clone())?;
        if status.is_stopped() {
            return Ok(());
        }
        let upid = match pve.stop(node, vmid).await {
            Ok(upid) => upid,
            // The next check shows whether it was carried out.
            Err(pve::ApiError::OutcomeUnknown { .. }) => return Ok(()),
            Err(source) => return Err(Error::server(operation, source)),
        };
        self.watcher().wait_and_note(&upid, &operation, &mut receipt.times).await?;
        self.note_step(receipt, self.step("stop", began, &upid), vmid);
        Ok(())
    }

    async fn destroy(
        &self,
        node: &NodeName,
        vmid: VmId,
        config: &VmConfig,
        receipt: &mut Receipt,
    ) -> Result<Vec<Foreign>, Error> {
        let began = self.now();
        let operation = Operation::Destroy(vmid);
        let pve = self.search.pve;
        if config.protection() {
            let unprotected =
                pve.configure(node, vmid, config.digest().as_ref(), &[("protection", "0".to_owned())]).await;
            unprotected.doing(Operation::Unprotect(vmid))?;
        }
        // The last check: a VMID alone is never enough to destroy a VM.
        let node = match self.search.inspect(vmid).await? {
            VmState::Ours(node, _) => node,
            VmState::Foreign(_) => return Err(Error::Cleanup(CleanupError::ChangedByOthers { vmid })),
            VmState::Missing | VmState::Unfinished(_) | VmState::Hidden(_) => return Ok(Vec::new()),
        };
        let upid = pve.destroy(&node, vmid).await.doing(operation.clone())?;
        let warnings = self.watcher().wait_and_note(&upid, &operation, &mut receipt.times).await?;
        self.note_step(receipt, self.step("destroy", began, &upid), vmid);
        if warnings == 0 { Ok(Vec::new()) } else { Ok(self.disks_left(&upid, receipt).await) }
    }

    /// Reads from the log of a task that has destroyed a VM, with warnings, which of its disks are still there.
    async fn disks_left(&self, upid: &Upid, receipt: &mut Receipt) -> Vec<Foreign> {
        match self.search.pve.task_log(upid, 0, LOG_LINES).await {
            Ok(log) => {
                let warnings: Vec<&Foreign> = log.iter().filter(|line| line.starts_with(WARNING)).collect();
                receipt.warnings.extend(warnings.iter().map(|line| format!("destroy: {line}")));
                warnings.into_iter().filter_map(disk_left).collect()
            }
            Err(why) => {
                let text = format!("the delete task ended with warnings, and its log cannot be read ({why}): {upid}");
                receipt.warnings.push(text);
                Vec::new()
            }
        }
    }

    /// Cleanup goes on after any signal.
    const fn watcher(&self) -> TaskWaiter<'_> {
        let OwnershipCheck { pve, session, .. } = self.search;
        TaskWaiter { pve, session, timeout: self.timeout, on_signal: OnSignal::Nothing, log_detail: self.log_detail }
    }

    fn now(&self) -> Instant {
        self.search.session.clock.now()
    }

    fn step(&self, name: &'static str, began: Instant, upid: &Upid) -> ReceiptStep {
        ReceiptStep::new(name, self.now().duration_since(began), Some(upid.to_string()))
    }

    fn note_step(&self, receipt: &mut Receipt, step: ReceiptStep, vmid: VmId) {
        receipt.step_done(self.search.session, step, &format!("VM {vmid}"));
    }
}

/// Reads `WARN: Could not remove disk 'VOLUME', check manually: REASON`.
fn disk_left(line: &Foreign) -> Option<Foreign> {
    line.between(&format!("{WARNING}Could not remove disk '"), "', check manually")
}

#[cfg(test)]
mod tests {
    use super::disk_left;
    use crate::model::Foreign;

    #[test]
    fn a_disk_that_was_not_removed_is_read_from_the_log() {
        for (line, volume) in [
            (
                "WARN: Could not remove disk 'exdis:23143/vm-23143-cloudinit.qcow2', check manually: storage 'exdis' is disabled",
                Some("exdis:23143/vm-23143-cloudinit.qcow2"),
            ),
            (
                "WARN: Could not remove disk 'exdis:1/base-1-disk-0.qcow2/2/vm-2-disk-0.qcow2', check manually: no",
                Some("exdis:1/base-1-disk-0.qcow2/2/vm-2-disk-0.qcow2"),
            ),
            ("WARN: Could not remove disk '', check manually: no", None),
            ("WARN: Could not remove disk 'a:b'", None),
            ("Could not remove disk 'a:b', check manually: no", None),
            ("WARN: this is a rehearsal", None),
            ("TASK WARNINGS: 2", None),
        ] {
            assert_eq!(disk_left(&Foreign::new(line)), volume.map(Foreign::new), "{line}");
        }
    }
}
