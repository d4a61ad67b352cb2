//! The run of a test VM: clone, check, start; then stop and destroy, whatever happened before.

mod removal;
mod start;

use crate::error::{Doing, Error, Operation, PlacementError, RunError};
use crate::journal::{Journal, JournalEntry, Record};
use crate::model::{Marker, Upid, VmId};
use crate::ops::batch::vmids::{VmidSequence, another_id};
use crate::ops::creation::create_once;
use crate::ops::test_vm::options::{Disposal, TestVmOptions};
use crate::ops::test_vm::ownership::OwnershipCheck;
use crate::ops::test_vm::preflight::ClonePlan;
use crate::ops::test_vm::receipt::{CloneType, Receipt, ReceiptStep};
use crate::ops::test_vm::task_wait::{OnSignal, TaskWaiter, require_uninterrupted};
use crate::pve::task::LogDetail;
use crate::pve::{self, CloneRequest, Pve};
use crate::session::Session;
use std::time::Instant;

use time::format_description::well_known::Rfc3339;

/// How often another VMID is tried after another client took one.
const MAX_VMID_ATTEMPTS: usize = 20;

/// Lists the VMIDs that this machine freed on a server a moment ago.
pub(crate) fn recently_freed(session: &Session, journal: Option<&Journal>, server: &str) -> Vec<VmId> {
    journal.map(|journal| journal.freed_ids(server).recent(session.clock.utc())).unwrap_or_default()
}

/// One test VM in progress.
pub(crate) struct Run<'a> {
    pve: &'a Pve,
    session: &'a Session,
    options: &'a TestVmOptions,
    plan: &'a ClonePlan,
    journal: Option<&'a Journal>,
    marker: Marker,
    created: CreatedResources,
    /// Where VMIDs come from, if many test VMs are created at once.
    ids: Option<&'a VmidSequence>,
    /// How closely its tasks are watched.
    log_detail: LogDetail,
}

/// What was asked of the server so far: all that clean-up needs to know.
#[derive(Debug, Default)]
struct CreatedResources {
    entry: Option<JournalEntry>,
    /// VMIDs that were asked for and may carry a VM of this run.
    asked: Vec<VmId>,
    /// The newest of them.
    newest: Option<VmId>,
    /// VMIDs that the server refused to this run: a VM there belongs to another client, whatever it carries.
    lost: Vec<VmId>,
    unanswered: bool,
    task: Option<Upid>,
    /// The VMID that a clone task of this run has ended well for.
    made: Option<VmId>,
}

impl<'a> Run<'a> {
    /// Prepares a test VM. Without a journal nothing survives a crash, as on a server that ends with this process.
    pub(crate) fn new(
        pve: &'a Pve,
        session: &'a Session,
        options: &'a TestVmOptions,
        plan: &'a ClonePlan,
        journal: Option<&'a Journal>,
    ) -> Self {
        let marker = Marker::new(options.name.as_ref());
        Self {
            pve,
            session,
            options,
            plan,
            journal,
            marker,
            created: CreatedResources::default(),
            ids: None,
            log_detail: LogDetail::Usual,
        }
    }

    /// Takes VMIDs that no other test VM of this run is given.
    pub(crate) const fn with_vmids(mut self, ids: &'a VmidSequence) -> Self {
        self.ids = Some(ids);
        self
    }

    /// Watches its tasks like this.
    pub(crate) const fn with_log_detail(mut self, log_detail: LogDetail) -> Self {
        self.log_detail = log_detail;
        self
    }

    /// Proves, then removes; where that fails, the VM that is left outweighs everything else.
    pub(crate) async fn execute(mut self, receipt: &mut Receipt) -> Result<(), Error> {
        receipt.name.clone_from(&self.marker.name);
        receipt.mode = Some(self.plan.mode);
        receipt.storage = self.plan.storages.first().map(ToString::to_string);
        let interrupts = self.session.interrupts.clone();
        let hurried = interrupts.second();
        tokio::pin!(hurried);
        let ended = {
            let whole = self.run_and_remove(receipt);
            tokio::pin!(whole);
            tokio::select! {
                ended = &mut whole => Some(ended),
                _ = &mut hurried => None,
            }
        };
        match ended {
            Some(ended) => ended,
            None => Err(self.abandoned_error(receipt)),
        }
    }

    async fn run_and_remove(&mut self, receipt: &mut Receipt) -> Result<(), Error> {
        let interrupts = self.session.interrupts.clone();
        // A signal ends the waiting for whatever answer; what was asked for stands in the trace.
        let result = tokio::select! {
            result = self.steps(receipt) => result,
            signal = interrupts.first() => Err(Error::Run(RunError::Interrupted { signal })),
        };
        if result.is_ok() && self.options.afterwards == Disposal::Keep {
            return self.keep(receipt);
        }
        match self.remove(receipt).await {
            Ok(disks) if disks.is_empty() => {
                self.report_gone(result.as_ref().err());
                result
            }
            Ok(disks) => Err(self.disks_left_error(receipt, result.err(), disks)),
            Err(why) => Err(self.leftover_error(receipt, result.err(), why)),
        }
    }

    /// Reports what became of the VM after an interrupt; of many, the summary does.
    fn report_gone(&self, why: Option<&Error>) {
        if self.ids.is_some() || !matches!(why, Some(Error::Run(RunError::Interrupted { .. }))) {
            return;
        }
        let Some(vmid) = self.created.newest else { return };
        let text = format!("VM {vmid} deleted; nothing left on {}", self.plan.target);
        self.session.note(text);
    }

    async fn steps(&mut self, receipt: &mut Receipt) -> Result<(), Error> {
        let vmid = self.clone_template(receipt).await?;
        self.check(vmid, receipt).await?;
        self.start(vmid, receipt).await
    }

    /// Clones to the next free VMID; if another client took it, to the one after.
    async fn clone_template(&mut self, receipt: &mut Receipt) -> Result<VmId, Error> {
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

    /// Gives the VMID of the plan; one that was freed a moment ago only if there is no other.
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

    /// Notes that the server refused a VMID: no VM of this run stands there.
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

    fn ownership_check(&self) -> OwnershipCheck<'_> {
        OwnershipCheck {
            pve: self.pve,
            session: self.session,
            source: &self.plan.source,
            target: &self.plan.target,
            template: Some(self.options.template),
            marker: &self.marker,
            drives: Some(self.plan.drives.as_slice()),
        }
    }

    const fn watcher(&self) -> TaskWaiter<'_> {
        TaskWaiter {
            pve: self.pve,
            session: self.session,
            timeout: self.options.timeout,
            on_signal: OnSignal::Signals,
            log_detail: self.log_detail,
        }
    }

    fn step(&self, name: &'static str, began: Instant, upid: Option<Upid>) -> ReceiptStep {
        let took = self.session.clock.now().duration_since(began);
        ReceiptStep::new(name, took, upid.map(|upid| upid.to_string()))
    }

    fn note_step(&self, receipt: &mut Receipt, step: ReceiptStep, text: &str) {
        receipt.step_done(self.session, step, text);
    }
}
