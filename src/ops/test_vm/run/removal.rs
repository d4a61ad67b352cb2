//! Removes what a run created, and says what is left.

use super::Run;
use crate::error::{CleanupError, Error, Operation, RunError};
use crate::model::Foreign;
use crate::ops::test_vm::ownership::VmState;
use crate::ops::test_vm::receipt::{LeftBehind, Receipt};
use crate::ops::test_vm::remove::Remover;
use crate::ops::test_vm::task_wait::{ROLLBACK_TIMEOUT, abort};

impl Run<'_> {
    pub(super) fn keep(&mut self, receipt: &mut Receipt) -> Result<(), Error> {
        receipt.left_behind = self.newest();
        match self.created.entry.take() {
            Some(entry) => Ok(entry.close()?),
            None => Ok(()),
        }
    }

    /// Removes everything that was asked for, and returns the disks that the server could not remove.
    pub(super) async fn remove(&mut self, receipt: &mut Receipt) -> Result<Vec<Foreign>, Error> {
        let mut disks = Vec::new();
        if let Some(upid) = self.created.task.take() {
            abort(self.pve, self.session, &upid).await?;
        }
        let search = self.ownership_check();
        let remover = Remover { search, timeout: self.options.timeout, log_detail: self.log_detail };
        for vmid in self.created.asked.clone() {
            let is_newest = self.created.newest == Some(vmid);
            let standing = if is_newest && self.created.unanswered {
                search.inspect_unanswered(vmid, self.options.timeout).await?
            } else {
                search.inspect_until_settled(vmid, ROLLBACK_TIMEOUT).await?
            };
            match standing {
                VmState::Ours(..) => {
                    disks.extend(remover.remove(vmid, receipt).await?);
                    if let Some(journal) = self.journal {
                        journal.freed_ids(&self.plan.server).note(vmid, self.session.clock.utc());
                    }
                }
                VmState::Unfinished(node) if is_newest => {
                    return Err(Error::Cleanup(CleanupError::StuckClone { vmid, node }));
                }
                VmState::Hidden(refused) if is_newest => return Err(Error::server(Operation::ReadVm(vmid), *refused)),
                // It was this run's VM when its task ended.
                VmState::Foreign(_) if self.created.made == Some(vmid) => {
                    return Err(Error::Cleanup(CleanupError::ChangedByOthers { vmid }));
                }
                // A VMID that another client took belongs to that client.
                VmState::Unfinished(_) | VmState::Hidden(_) | VmState::Missing | VmState::Foreign(_) => {}
            }
        }
        if let Some(entry) = self.created.entry.take() {
            entry.close()?;
        }
        Ok(disks)
    }

    pub(super) fn newest(&self) -> Option<LeftBehind> {
        let vmid = self.created.newest?.number();
        let (node, name) = (self.plan.target.to_string(), self.marker.name.clone());
        Some(LeftBehind { vmid, node, name, disks: Vec::new() })
    }

    /// Says which disks are left of a VM that is gone, and what had gone wrong before.
    pub(super) fn disks_left_error(&self, receipt: &mut Receipt, failure: Option<Error>, disks: Vec<Foreign>) -> Error {
        let (node, name) = (self.plan.target.to_string(), self.marker.name.clone());
        let vmid = receipt.vmid.unwrap_or_default();
        receipt.left_behind = Some(LeftBehind { vmid, node: node.clone(), name: name.clone(), disks: disks.clone() });
        Error::Cleanup(CleanupError::DisksLeft { vmid, node, name, disks, failure: failure.map(Box::new) })
    }

    /// Says what could not be removed, why, and what had gone wrong before.
    pub(super) fn leftover_error(&self, receipt: &mut Receipt, failure: Option<Error>, why: Error) -> Error {
        receipt.left_behind = self.newest();
        match &receipt.left_behind {
            None => failure.unwrap_or(why),
            Some(left) => Error::Cleanup(CleanupError::LeftBehind {
                vmid: left.vmid,
                node: left.node.clone(),
                name: left.name.clone(),
                why: Box::new(why),
                failure: failure.map(Box::new),
            }),
        }
    }

    /// Reports what is left after a second interrupt.
    pub(super) fn abandoned_error(&self, receipt: &mut Receipt) -> Error {
        receipt.left_behind = self.newest();
        let signal = self.session.interrupts.seen().unwrap_or(crate::session::Signal::Interrupt);
        let left = receipt.left_behind.as_ref().map(|left| (left.vmid, left.node.clone()));
        Error::Run(RunError::Abandoned { signal, left })
    }
}
