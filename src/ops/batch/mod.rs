//! Many test VMs at once, as a deployment of that many VMs would create them.

pub(crate) mod per_node;
pub(crate) mod summary;
mod time_breakdown;
mod time_totals;
pub(crate) mod vmids;

use crate::error::{BatchError, Doing, Error, Operation, PlacementError, Report, RunError};
use crate::journal::Journal;
use crate::ops::batch::summary::{BatchCounter, BatchSize, BatchSummary};
use crate::ops::batch::vmids::VmidSequence;
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::test_vm::options::TestVmOptions;
use crate::ops::test_vm::preflight::{ClonePlan, Preflight};
use crate::ops::test_vm::receipt::{Receipt, round};
use crate::ops::test_vm::run::{Run, recently_freed};
use crate::ops::test_vm::step_line::StepLine;
use crate::ops::test_vm::{blank, progress_text};
use crate::pve::task::LogDetail;
use crate::session::Session;
use crate::ui::{Printable, Progress};
use futures_util::future::join_all;

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// The interval at which the number of finished test VMs is shown again.
const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// The number of test VMs, spread over the run, whose task logs are read completely: enough to know what takes the
/// time, and few enough not to distort it.
const MAX_FOLLOWED_LOGS: usize = 16;

/// How many, how many at once, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchOptions {
    /// How many test VMs; at least one for each slot.
    pub(crate) count: usize,
    /// How many at once.
    pub(crate) parallel: usize,
    /// The nodes that the VMs go to.
    pub(crate) placement: Placement,
}

/// Where many test VMs are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// On the one node that the options name.
    OneNode,
    /// On every node that is online, in turn.
    EveryNode,
}

/// A node on which test VMs are created.
struct BatchSlot {
    options: TestVmOptions,
    plan: ClonePlan,
}

/// Many test VMs in progress.
struct Batch<'a> {
    session: &'a Session,
    connected: &'a Connected,
    journal: Option<&'a Journal>,
    slots: &'a [BatchSlot],
    count: usize,
    ids: VmidSequence,
    begun: Cell<usize>,
    counter: RefCell<BatchCounter>,
    began: Instant,
}

/// Runs many test VMs, and returns the figures of those that ended.
///
/// # Errors
/// The outer error is one from before the first clone was asked for.
pub(crate) async fn run_batch(
    session: &Session,
    context: &Context,
    connected: &Connected,
    options: &TestVmOptions,
    batch: BatchOptions,
) -> Result<(BatchSummary, Result<(), Error>), Error> {
    let journal = context.journal(session)?;
    let mut counter = BatchCounter::default();
    let mut receipt = blank(connected, options);
    let slots = tokio::select! {
        slots = slots(connected, options, batch.placement, &mut counter, &mut receipt) => slots?,
        signal = session.interrupts.first() => return Err(Error::Run(RunError::Interrupted { signal })),
    };
    let Some(first) = slots.first() else {
        let why = Error::Batch(BatchError::NoPlace { template: options.template });
        return Ok((counter.summary(receipt, BatchSize { count: batch.count, parallel: batch.parallel }, 0), Err(why)));
    };
    let count = batch.count.max(slots.len());
    let text = format!("template {}", progress_text(&first.options, &first.plan));
    let text = if slots.len() > 1 { format!("{} nodes; {text}", slots.len()) } else { text };
    session.note(text);
    let many = Batch {
        session,
        connected,
        journal: journal.as_ref(),
        slots: &slots,
        count,
        ids: VmidSequence::from(first.plan.vmid, recently_freed(session, journal.as_ref(), &first.plan.server)),
        begun: Cell::new(0),
        counter: RefCell::new(counter),
        began: session.clock.now(),
    };
    many.run_all(batch.parallel).await;
    receipt.seconds = round(session.clock.now().duration_since(many.began));
    let lost = many.ids.lost();
    let mut counter = many.counter.into_inner();
    let summary = counter.summary(receipt, BatchSize { count, parallel: batch.parallel }, lost);
    let ended = match counter.first.take() {
        Some((slot, why)) => Err(explained(connected, &summary, slots.get(slot), why).await),
        None => match session.interrupts.seen() {
            Some(signal) => Err(Error::Run(RunError::Interrupted { signal })),
            None => Ok(()),
        },
    };
    Ok((summary, ended))
}

/// Plans a test VM for every node; a node where none is possible is noted.
async fn slots(
    connected: &Connected,
    options: &TestVmOptions,
    placement: Placement,
    counter: &mut BatchCounter,
    receipt: &mut Receipt,
) -> Result<Vec<BatchSlot>, Error> {
    if placement == Placement::OneNode {
        let plan = Preflight::new(connected, options).plan().await?;
        receipt.warnings.clone_from(&plan.warnings);
        return Ok(vec![BatchSlot { options: options.clone(), plan }]);
    }
    let nodes = connected.pve.nodes().await.doing(Operation::ReadNodes)?;
    let mut slots: Vec<BatchSlot> = Vec::new();
    for node in nodes {
        if node.is_offline() {
            let offline =
                Error::Placement(PlacementError::NodeOffline { node: node.name.clone(), status: node.status.clone() });
            counter.nodes.note_impossible(node.name.as_str(), &offline);
            continue;
        }
        let options =
            TestVmOptions { node: Some(node.name.clone()), target: Some(node.name.clone()), ..options.clone() };
        match Preflight::new(connected, &options).plan().await {
            Ok(plan) => {
                counter.nodes.plan(node.name.as_str());
                slots.push(BatchSlot { options, plan });
            }
            Err(why) if why.is_about_one_node() => {
                counter.nodes.note_impossible(node.name.as_str(), &why);
            }
            Err(why) => return Err(why),
        }
    }
    for warning in slots.iter().flat_map(|slot| &slot.plan.warnings) {
        if !receipt.warnings.contains(warning) {
            receipt.warnings.push(warning.clone());
        }
    }
    Ok(slots)
}

/// Explains the first failure: the missing privileges if it was a refusal, and how many test VMs failed.
async fn explained(connected: &Connected, summary: &BatchSummary, slot: Option<&BatchSlot>, why: Error) -> Error {
    let first = match slot {
        Some(slot) => Preflight::new(connected, &slot.options).explain(&slot.plan, why).await,
        None => why,
    };
    let left = summary.left_behind.iter().map(|left| (left.vmid, left.node.clone())).collect();
    Error::Batch(BatchError::SomeFailed { failed: summary.failed, count: summary.count, left, first: Box::new(first) })
}

impl Batch<'_> {
    /// Runs all test VMs, `parallel` at once, and shows meanwhile how many are done.
    async fn run_all(&self, parallel: usize) {
        let workers = join_all((0..parallel.min(self.count)).map(|_| self.run_worker()));
        tokio::pin!(workers);
        self.show(parallel);
        loop {
            tokio::select! {
                _ = &mut workers => break,
                () = self.session.clock.sleep(REDRAW_INTERVAL) => self.show(parallel),
            }
        }
        self.session.ui.clear_progress();
    }

    /// Runs one test VM after the other, until none is left to begin.
    async fn run_worker(&self) {
        while let Some(index) = self.next() {
            let Some(slot) = index.checked_rem(self.slots.len()) else { return };
            let Some(BatchSlot { options, plan }) = self.slots.get(slot) else { return };
            let mut receipt = blank(self.connected, options);
            receipt.node = plan.target.to_string();
            let began = self.session.clock.now();
            let run = Run::new(&self.connected.pve, self.session, options, plan, self.journal);
            let run = run.with_vmids(&self.ids).with_log_detail(self.log_detail(index));
            let ended = run.execute(&mut receipt).await;
            receipt.seconds = round(self.session.clock.now().duration_since(began));
            self.report_vm(&receipt, ended.as_ref().err());
            self.counter.borrow_mut().count(slot, &receipt, ended);
        }
    }

    /// Says how closely a test VM is watched.
    const fn log_detail(&self, index: usize) -> LogDetail {
        if index.is_multiple_of(self.count.div_ceil(MAX_FOLLOWED_LOGS)) { LogDetail::Close } else { LogDetail::Usual }
    }

    /// Returns the number of the next test VM; `None` if all have begun, or every further one would fail.
    fn next(&self) -> Option<usize> {
        let index = self.begun.get();
        let is_over =
            index >= self.count || self.session.interrupts.seen().is_some() || self.counter.borrow().is_hopeless;
        if is_over {
            return None;
        }
        self.begun.set(index + 1);
        Some(index)
    }

    /// Prints the result of one test VM on its own line.
    fn report_vm(&self, receipt: &Receipt, error: Option<&Error>) {
        let vmid = receipt.vmid.map_or_else(|| "no VM".to_owned(), |vmid| format!("VM {vmid}"));
        let node = Printable(&receipt.node);
        let line = match error {
            None => {
                let text = format!("{vmid} on {node}");
                return self.session.info(&StepLine { verb: "Verified", text, seconds: receipt.seconds, upid: None });
            }
            Some(Error::Run(RunError::Interrupted { .. })) if receipt.vmid.is_some() => {
                format!("{vmid} on {node}: interrupted and deleted")
            }
            Some(error) => format!("{vmid} on {node}: {}", Report::of(error).in_one_line()),
        };
        self.session.failed(line);
    }

    fn show(&self, parallel: usize) {
        let (done, failed) = {
            let counter = self.counter.borrow();
            (counter.succeeded + counter.failed, counter.failed)
        };
        let running = self.begun.get().saturating_sub(done).min(parallel);
        let seconds = self.session.clock.now().duration_since(self.began).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a count of test VMs is far from the limit")]
        let percent = Some(done as f64 / self.count.max(1) as f64 * 100.0);
        let what = format!("{done} of {} done ({seconds:.0} s)", self.count);
        let detail = format!("{running} running, {failed} failed");
        self.session.ui.overall(&Progress { task: String::new(), what, seconds, percent, detail });
    }
}
