//! Watches a task until it has stopped, shows how far it is, and ends early on a signal.

use crate::error::{Doing, Error, Operation, RunError, VmError};
use crate::model::Upid;
use crate::pve::task::{self, LogDetail, TaskEnd};
use crate::pve::{Pve, TaskTiming};
use crate::session::Session;
use crate::ui::{Printable, Progress};
use std::time::Duration;

/// How many lines of a failed task's log are shown.
const LOG_LINES: usize = 5;

/// How long an aborted task may take to clean up after itself.
pub(crate) const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(60);

/// Between two looks at a task that will stop soon.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Whether a signal ends the waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnSignal {
    /// It does: the user wants to leave.
    Signals,
    /// It does not: this wait is part of the clean-up after the signal.
    Nothing,
}

/// How tasks are watched in this run.
#[derive(Clone, Copy)]
pub(crate) struct TaskWaiter<'a> {
    /// The server.
    pub(crate) pve: &'a Pve,
    /// Time, talk and signals.
    pub(crate) session: &'a Session,
    /// How long a task may be without progress.
    pub(crate) timeout: Duration,
    /// Whether a signal ends the waiting.
    pub(crate) on_signal: OnSignal,
    /// How closely the task's log is read.
    pub(crate) log_detail: LogDetail,
}

/// What the time of one task went into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskTime {
    /// What kind of task it was: `qmclone`, `qmstart` and others.
    pub(crate) kind: String,
    /// What its time went into.
    pub(crate) spent: TaskTiming,
}

impl TaskWaiter<'_> {
    /// Waits until a task has stopped well, and returns its warnings. A signal ends the waiting, not the task.
    pub(crate) async fn wait(&self, upid: &Upid, operation: &Operation) -> Result<u64, Error> {
        self.wait_and_note(upid, operation, &mut Vec::new()).await
    }

    /// Does the same, and notes what the time of the task went into, also of one that failed.
    pub(crate) async fn wait_and_note(
        &self,
        upid: &Upid,
        operation: &Operation,
        times: &mut Vec<TaskTime>,
    ) -> Result<u64, Error> {
        let session = self.session;
        let mut show = |progress: &task::TaskProgress| {
            let (percent, (what, detail)) = (progress.percent, describe(progress, operation));
            let (task, seconds) = (operation.to_string(), progress.age.as_secs_f64());
            session.ui.progress(&Progress { task, what, seconds, percent, detail });
        };
        let clock = session.clock.as_ref();
        let waiting = task::wait(self.pve, upid, clock, self.timeout, self.log_detail, &mut show);
        let waited = tokio::select! {
            waited = waiting => waited,
            signal = session.interrupts.first(), if self.on_signal == OnSignal::Signals => {
                session.ui.end_progress(&operation.to_string());
                return Err(Error::Run(RunError::Interrupted { signal }));
            }
        };
        session.ui.end_progress(&operation.to_string());
        let watched = waited.doing(operation.clone())?;
        times.push(TaskTime { kind: upid.kind().to_owned(), spent: watched.spent });
        match watched.ended {
            TaskEnd::Succeeded { warnings } => Ok(warnings),
            TaskEnd::Failed { exit_status, log } => {
                let log = log.last(LOG_LINES);
                Err(Error::Vm(VmError::TaskFailed {
                    operation: operation.clone(),
                    upid: upid.to_string(),
                    exit_status,
                    log,
                }))
            }
            TaskEnd::NoProgress { waited } => Err(Error::Vm(VmError::NoProgress {
                operation: operation.clone(),
                upid: upid.to_string(),
                seconds: waited.as_secs(),
            })),
        }
    }
}

/// Returns what is done, and how far it is; if the server cannot be reached, that comes first.
fn describe(progress: &task::TaskProgress, operation: &Operation) -> (String, String) {
    match &progress.trouble {
        None => (operation.in_progress(), amount(progress)),
        Some(trouble) => {
            let what = format!("{}, no response for {:.0} s", operation.in_progress(), trouble.lasting.as_secs_f64());
            (what, Printable(&trouble.why).to_string())
        }
    }
}

/// Says how much is done, at which rate, and how long the rest will take.
fn amount(progress: &task::TaskProgress) -> String {
    let Some(amount) = &progress.amount else { return String::new() };
    let age = progress.age.as_secs_f64();
    match progress.percent {
        Some(percent) if percent > 1.0 && percent < 100.0 => {
            let left = age * (100.0 - percent) / percent;
            format!("{}, {left:.0} s left", Printable(amount))
        }
        _ => Printable(amount).to_string(),
    }
}

/// Stops a task, which then rolls back, and waits until it has stopped.
pub(crate) async fn abort(pve: &Pve, session: &Session, upid: &Upid) -> Result<(), Error> {
    pve.abort(upid).await.doing(Operation::Abort)?;
    wait_until_stopped(pve, session, upid, &Operation::Abort).await
}

/// Waits until a task has stopped, however it ends; not longer than a roll-back may take.
pub(crate) async fn wait_until_stopped(
    pve: &Pve,
    session: &Session,
    upid: &Upid,
    operation: &Operation,
) -> Result<(), Error> {
    let began = session.clock.now();
    while session.clock.now().duration_since(began) < ROLLBACK_TIMEOUT {
        let status = pve.task_status(upid).await.doing(operation.clone())?;
        if status.is_stopped() {
            return Ok(());
        }
        session.clock.sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

/// Returns an error once a signal has arrived.
pub(crate) fn require_uninterrupted(session: &Session) -> Result<(), Error> {
    match session.interrupts.seen() {
        Some(signal) => Err(Error::Run(RunError::Interrupted { signal })),
        None => Ok(()),
    }
}
