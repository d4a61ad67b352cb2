//! The removal of what earlier runs left on one server.

use super::summary::{CleanupSummary, VmOutcome};
use crate::error::{CleanupError, Doing, Error, Operation};
use crate::journal::{JournalEntry, Record};
use crate::model::{Foreign, NodeName, VmId};
use crate::ops::ask;
use crate::ops::connection::Connected;
use crate::ops::inventory::vms;
use crate::ops::test_vm::marked::{DEFAULT_NAME_PREFIX, MarkedVm, inspect, marked, may_be_marked};
use crate::ops::test_vm::ownership::{OwnershipCheck, VmState};
use crate::ops::test_vm::receipt::{LeftBehind, Receipt};
use crate::ops::test_vm::remove::Remover;
use crate::ops::token::consent::require_yes;
use crate::pve::Vm;
use crate::pve::task::LogDetail;
use crate::session::Session;
use crate::ui::Printable;
use crate::ui::prompt::ConfirmPrompt;
use std::time::Duration;

/// The work on one server.
pub(super) struct CleanupRun<'a> {
    pub(super) session: &'a Session,
    pub(super) connected: &'a Connected,
    pub(super) is_dry: bool,
    pub(super) timeout: Duration,
}

impl CleanupRun<'_> {
    /// Removes the VMs of the journal entries, then those named with `--vmid`; lists the other marked VMs.
    pub(super) async fn remove_all(
        &self,
        ours: Vec<JournalEntry>,
        active: &[Record],
        here: &str,
        named: &[VmId],
        summary: &mut CleanupSummary,
    ) -> Result<(), Error> {
        let mut first_failure = Ok(());
        for mut entry in ours {
            match self.finish(&entry, summary).await {
                Ok(disks) => {
                    let image = self.look_for_image(&entry.record).await;
                    match &image {
                        _ if self.is_dry => {}
                        None => entry.close()?,
                        // The entry stays as long as its image does, so that it is not forgotten.
                        Some(_) => entry.update(|record| record.vmids.clear())?,
                    }
                    summary.images.extend(image);
                    let reported = disks.map_or(Ok(()), |disks| disks_left(summary, disks));
                    first_failure = first_failure.and(reported);
                }
                Err(why) => {
                    let error = left(&entry, summary, self.connected.diagnosed(why).await);
                    first_failure = first_failure.and(Err(error));
                }
            }
        }
        let pve = &self.connected.pve;
        let is_wanted = |vm: &Vm| named.contains(&vm.vmid) || may_be_marked(vm);
        let vms = vms(pve, &is_wanted).await.doing(Operation::ReadVms);
        let vms = match (vms, named.is_empty() && first_failure.is_err()) {
            (Ok(vms), _) => vms,
            // The first failure is reported.
            (Err(_), true) => return first_failure,
            (Err(why), false) => return first_failure.and(Err(why)),
        };
        let alive = |marked: &MarkedVm| {
            let is_it = |record: &&Record| record.server == here && marked.name == record.name;
            active.iter().any(|record| is_it(&record))
        };
        for vmid in named {
            let removed = self.remove_named(*vmid, &vms, &alive, summary).await;
            first_failure = first_failure.and(removed);
        }
        let reported: Vec<u32> = summary.outcomes.iter().map(|(vmid, ..)| *vmid).collect();
        for marked in marked(pve, &vms).await {
            let number = marked.vmid.number();
            if !named.contains(&marked.vmid) && !reported.contains(&number) {
                let outcome = if alive(&marked) { VmOutcome::Alive } else { VmOutcome::Listed };
                summary.marked.push((marked, outcome));
            }
        }
        first_failure
    }

    /// Removes a VM named with `--vmid`, if it carries a marker and does not belong to an active run.
    async fn remove_named(
        &self,
        vmid: VmId,
        vms: &[Vm],
        is_alive: &dyn Fn(&MarkedVm) -> bool,
        summary: &mut CleanupSummary,
    ) -> Result<(), Error> {
        let Some(vm) = vms.iter().find(|vm| vm.vmid == vmid) else {
            return Err(Error::Cleanup(CleanupError::UnknownVm { vmid }));
        };
        let found = inspect(&self.connected.pve, vm).await?;
        let name = || vm.name.clone();
        let Some(marked) = found else { return Err(Error::Cleanup(CleanupError::NoTestVm { vmid, name: name() })) };
        if is_alive(&marked) {
            summary.marked.push((marked, VmOutcome::Alive));
            return Err(Error::Cleanup(CleanupError::TestVmInUse { vmid }));
        }
        let Some(marker) = marked.marker() else {
            return Err(Error::Cleanup(CleanupError::NoTestVm { vmid, name: name() }));
        };
        if self.is_dry {
            summary.marked.push((marked, VmOutcome::WouldBeDestroyed));
            return Ok(());
        }
        if !self.is_confirmed(vmid, &marker.name).await? {
            summary.marked.push((marked, VmOutcome::Listed));
            return Ok(());
        }
        let (pve, session, node) = (&self.connected.pve, self.session, marked.node.clone());
        let search = OwnershipCheck {
            pve,
            session,
            source: &node,
            target: &node,
            template: None,
            marker: &marker,
            drives: None,
        };
        session.note(format!("deleting VM {vmid} ({})", Printable(&marker.name)));
        match self.remove(search, vmid).await {
            Ok(disks) => {
                summary.marked.push((marked, VmOutcome::Destroyed));
                let (vmid, node, name) = (vmid.number(), node.to_string(), marker.name);
                disks_left(summary, LeftBehind { vmid, node, name, disks })
            }
            Err(why) => {
                let (vmid, node, name) = (vmid.number(), node.to_string(), marker.name);
                let left = LeftBehind { vmid, node: node.clone(), name: name.clone(), disks: Vec::new() };
                summary.left.push(left);
                Err(Error::Cleanup(CleanupError::LeftBehind { vmid, node, name, why: Box::new(why), failure: None }))
            }
        }
    }

    /// Asks before a VM with an unusual name for a test VM is deleted: another user may have taken it over. Without a
    /// terminal, every deletion needs `--yes`.
    async fn is_confirmed(&self, vmid: VmId, name: &str) -> Result<bool, Error> {
        if name.starts_with(DEFAULT_NAME_PREFIX) {
            require_yes(self.session, || format!("VM {vmid} ({}) would be deleted", Printable(name)))?;
            return Ok(true);
        }
        let text = format!("VM {vmid} has the marker of a test VM but is named {}. Delete it?", Printable(name));
        let question = ConfirmPrompt::new(text).proposing_no();
        ask::confirm(self.session, question, || {
            Error::Cleanup(CleanupError::UnusualName { vmid, name: name.to_owned() })
        })
        .await
    }

    /// Removes what one entry names, and returns the disks that are left of it.
    async fn finish(&self, entry: &JournalEntry, summary: &mut CleanupSummary) -> Result<Option<LeftBehind>, Error> {
        let Self { session, connected, is_dry, timeout } = self;
        let (is_dry, timeout) = (*is_dry, *timeout);
        let marker = entry.record.marker();
        let node = |text: &str| text.parse::<NodeName>().map_err(|_| Error::Cleanup(CleanupError::InvalidEntry));
        let (source, target) = (node(&entry.record.node)?, node(&entry.record.target)?);
        let drives = entry.record.drives.as_deref();
        let search = OwnershipCheck {
            pve: &connected.pve,
            session,
            source: &source,
            target: &target,
            template: VmId::new(u64::from(entry.record.template)),
            marker: &marker,
            drives,
        };
        let mut disks = None;
        for (index, number) in entry.record.vmids.iter().enumerate() {
            let is_newest = index + 1 == entry.record.vmids.len();
            let vmid = VmId::new(u64::from(*number)).ok_or(Error::Cleanup(CleanupError::InvalidEntry))?;
            let standing = search.inspect_until_settled(vmid, timeout).await?;
            let outcome = match standing {
                VmState::Missing => VmOutcome::Gone,
                VmState::Foreign(name) => VmOutcome::NotOurs(name),
                // A VMID that another client took belongs to that client.
                VmState::Unfinished(_) | VmState::Hidden(_) if !is_newest => VmOutcome::NotOurs(None),
                VmState::Unfinished(node) => return Err(Error::Cleanup(CleanupError::StuckClone { vmid, node })),
                VmState::Hidden(refused) => return Err(Error::server(Operation::ReadVm(vmid), *refused)),
                VmState::Ours(..) if is_dry => VmOutcome::WouldBeDestroyed,
                VmState::Ours(..) => {
                    session.note(format!("deleting VM {vmid} ({})", Printable(&marker.name)));
                    let left = self.remove(search, vmid).await?;
                    if !left.is_empty() {
                        let (node, name) = (entry.record.target.clone(), marker.name.clone());
                        disks = Some(LeftBehind { vmid: *number, node, name, disks: left });
                    }
                    VmOutcome::Destroyed
                }
            };
            summary.outcomes.push((*number, marker.name.clone(), outcome));
        }
        Ok(disks)
    }

    /// Removes one VM, prints the server's warnings, and returns the disks that it could not remove.
    async fn remove(&self, search: OwnershipCheck<'_>, vmid: VmId) -> Result<Vec<Foreign>, Error> {
        let mut receipt = Receipt::default();
        let remover = Remover { search, timeout: self.timeout, log_detail: LogDetail::Usual };
        let removed = remover.remove(vmid, &mut receipt).await;
        for warning in receipt.warnings {
            self.session.warn(warning);
        }
        removed
    }
}

/// Notes the disks left of a deleted VM; returns an error if there are any.
fn disks_left(summary: &mut CleanupSummary, left: LeftBehind) -> Result<(), Error> {
    if left.disks.is_empty() {
        return Ok(());
    }
    summary.left.push(left.clone());
    let LeftBehind { vmid, node, name, disks } = left;
    Err(Error::Cleanup(CleanupError::DisksLeft { vmid, node, name, disks, failure: None }))
}

/// Notes a VM that could not be removed; its entry stays for another try.
pub(super) fn left(entry: &JournalEntry, summary: &mut CleanupSummary, why: Error) -> Error {
    let left = LeftBehind {
        vmid: entry.record.vmids.last().copied().unwrap_or_default(),
        node: entry.record.target.clone(),
        name: entry.record.name.clone(),
        disks: Vec::new(),
    };
    summary.left.push(left.clone());
    Error::Cleanup(CleanupError::LeftBehind {
        vmid: left.vmid,
        node: left.node,
        name: left.name,
        why: Box::new(why),
        failure: None,
    })
}
