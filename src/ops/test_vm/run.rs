//! The run of a test VM: clone, check, start; then stop and destroy, whatever happened before.

mod clone;
mod removal;
mod start;

use crate::error::{Error, RunError};
use crate::journal::{Journal, JournalEntry};
use crate::model::{Marker, Upid, VmId};
use crate::ops::batch::vmids::VmidSequence;
use crate::ops::test_vm::options::{Disposal, TestVmOptions};
use crate::ops::test_vm::ownership::OwnershipCheck;
use crate::ops::test_vm::preflight::ClonePlan;
use crate::ops::test_vm::receipt::{Receipt, ReceiptStep};
use crate::ops::test_vm::task_wait::{OnSignal, TaskWaiter, require_uninterrupted};
use crate::pve::Pve;
use crate::pve::task::LogDetail;
use crate::session::Session;
use std::time::Instant;

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
    /// VMIDs that the server refused to this run: a VM there belongs to another client.
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

    /// Runs the test VM, then removes it; if the removal fails, the VM that is left is reported first.
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
        // A signal ends the wait for any answer; what was requested is recorded.
        let result = tokio::select! {
            result = self.steps(receipt) => result,
            signal = interrupts.first() => Err(Error::Run(RunError::Interrupted { signal })),
        };
        if result.is_ok() && self.options.afterwards == Disposal::Keep {
            return self.keep(receipt);
        }
        match self.remove(receipt).await {
            Ok(disks) if disks.is_empty() => {
                // A signal may have come while the VM was being removed.
                let result = result.and_then(|()| require_uninterrupted(self.session));
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
