//! The clone of a test VM, on the next VMID that is free.

use super::{Run, recently_freed};
use crate::error::{Doing, Error, Operation, PlacementError};
use crate::journal::Record;
use crate::model::{Upid, VmId};
use crate::ops::batch::vmids::another_id;
use crate::ops::creation::create_once;
use crate::ops::test_vm::receipt::{CloneType, Receipt};
use crate::ops::test_vm::task_wait::require_uninterrupted;
use crate::pve::{self, CloneRequest};
use time::format_description::well_known::Rfc3339;

/// How often another VMID is tried after another client took one.
const MAX_VMID_ATTEMPTS: usize = 20;

impl<'a> Run<'a> {
    /// Clones to the next free VMID; if another client took it, to the one after.
    pub(super) async fn clone_template(&mut self, receipt: &mut Receipt) -> Result<VmId, Error> {
        let began = self.session.clock.now();
        let mut vmid = match self.ids {
            Some(ids) => ids.take(self.pve).await?,
            None => self.first_id().await?,
        };
        for _ in 0..MAX_VMID_ATTEMPTS {
            require_uninterrupted(self.session)?;
            match self.clone_to(vmid, receipt).await {
                Ok(upid) => {
                    let text = format!("template {} to VM {vmid} ({})", self.options.template, self.marker.name);
                    self.note_step(receipt, self.step("clone", began, Some(upid)), &text);
                    return Ok(vmid);
                }
                Err(raced) if raced.is_lost_race(vmid) && self.options.vmid.is_none() => {
                    if raced.is_id_taken() {
                        self.note_taken(vmid)?;
                    }
                    vmid = self.next_id().await?;
                }
                Err(raced) if raced.is_id_taken() => {
                    self.note_taken(vmid)?;
                    return Err(Error::Placement(PlacementError::VmidTaken { vmid, flag: "--vmid" }));
                }
                Err(why) => return Err(why),
            }
        }
        Err(Error::Placement(PlacementError::NoFreeId { tries: MAX_VMID_ATTEMPTS }))
    }

    /// Returns the VMID of the plan; one that was freed a moment ago only if there is no other.
    async fn first_id(&self) -> Result<VmId, Error> {
        let planned = self.plan.vmid;
        let freed = recently_freed(self.session, self.journal, &self.plan.server);
        if self.options.vmid.is_some() || !freed.contains(&planned) {
            return Ok(planned);
        }
        match another_id(self.pve, &freed).await {
            Err(Error::Placement(PlacementError::NoFreeId { .. })) => Ok(planned),
            other => other,
        }
    }

    async fn clone_to(&mut self, vmid: VmId, receipt: &mut Receipt) -> Result<Upid, Error> {
        self.journal_vmid(vmid)?;
        receipt.vmid = Some(vmid.number());
        let operation = Operation::Clone { template: self.options.template, vmid };
        let request = self.request(vmid);
        self.created.unanswered = true;
        let ask = async || self.pve.clone_vm(&self.plan.source, self.options.template, &request).await;
        let asked = create_once(self.session, ask, async || self.ownership_check().is_absent(vmid).await).await;
        self.created.unanswered = asked.as_ref().is_err_and(pve::ApiError::is_outcome_unknown);
        let upid = asked.doing(operation.clone())?;
        self.created.task = Some(upid.clone());
        if let Some(entry) = &mut self.created.entry {
            entry.update(|record| record.upid = Some(upid.to_string()))?;
        }
        let watched = self.watcher().wait_and_note(&upid, &operation, &mut receipt.times).await;
        if watched.as_ref().err().is_none_or(Error::is_task_over) {
            self.created.task = None;
        }
        let warnings = watched?;
        self.created.made = Some(vmid);
        if warnings > 0 {
            receipt.warnings.push(format!("the clone task ended with {warnings} warning(s): {upid}"));
        }
        Ok(upid)
    }

    /// Notes that the server refused a VMID: no VM of this run is there.
    fn note_taken(&mut self, vmid: VmId) -> Result<(), Error> {
        self.created.asked.retain(|asked| *asked != vmid);
        self.created.newest = None;
        self.created.lost.push(vmid);
        match &mut self.created.entry {
            Some(entry) => Ok(entry.update(|record| record.vmids.retain(|asked| *asked != vmid.number()))?),
            None => Ok(()),
        }
    }

    fn request(&self, vmid: VmId) -> CloneRequest {
        CloneRequest {
            newid: vmid,
            name: self.marker.name.clone(),
            description: self.marker.description(self.session.clock.utc(), &self.session.machine),
            full: Some(self.plan.mode == CloneType::Full),
            storage: self.plan.storage.clone(),
            pool: self.options.pool.clone(),
            target: (self.plan.source != self.plan.target).then(|| self.plan.target.clone()),
        }
    }

    /// Notes the VMID on disk before it is asked for.
    fn journal_vmid(&mut self, vmid: VmId) -> Result<(), Error> {
        self.created.asked.push(vmid);
        self.created.newest = Some(vmid);
        match (&mut self.created.entry, self.journal) {
            (Some(entry), _) => entry.update(|record| {
                record.vmids.push(vmid.number());
                record.upid = None;
            })?,
            (None, Some(journal)) => self.created.entry = Some(journal.open(self.record(vmid))?),
            (None, None) => {}
        }
        Ok(())
    }

    fn record(&self, vmid: VmId) -> Record {
        Record {
            server: self.plan.server.clone(),
            node: self.plan.source.to_string(),
            target: self.plan.target.to_string(),
            template: self.options.template.number(),
            vmids: vec![vmid.number()],
            upid: None,
            name: self.marker.name.clone(),
            nonce: self.marker.nonce.clone(),
            made: self.session.clock.utc().format(&Rfc3339).unwrap_or_default(),
            image: None,
            drives: Some(self.plan.drives.clone()),
        }
    }

    /// Asks for another free VMID.
    async fn next_id(&self) -> Result<VmId, Error> {
        match self.ids {
            Some(ids) => {
                ids.note_taken();
                ids.take(self.pve).await
            }
            None => another_id(self.pve, &[self.created.asked.as_slice(), &self.created.lost].concat()).await,
        }
    }
}
