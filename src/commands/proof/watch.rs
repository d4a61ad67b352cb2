//! Watches a task until it has stopped, shows how far it is, and ends early on a signal.

use std::time::Duration;

use crate::error::{Doing, Error};
use crate::model::Upid;
use crate::pve::task::{self, Ended, Progress as TaskProgress};
use crate::pve::Pve;
use crate::session::Session;
use crate::ui::Progress;

/// How many lines of a failed task's log are told.
const LOG_LINES: usize = 5;

/// Waits until a task has stopped well; a signal ends the waiting, not the task.
pub(crate) async fn watch(pve: &Pve, upid: &Upid, doing: Doing, (session, patience): (&Session, Duration)) -> Result<(), Error> {
    let mut show = |progress: &TaskProgress| {
        session.ui.borrow_mut().progress(&Progress {
            what: doing.to_string(),
            seconds: progress.age.as_secs_f64(),
            percent: progress.percent,
            detail: String::new(),
        });
    };
    let waited = tokio::select! {
        waited = task::wait(pve, upid, session.clock.as_ref(), patience, &mut show) => waited,
        signal = session.interrupts.first() => Err(task::Error::Interrupted),
    };
    session.ui.borrow_mut().clear_progress();
    todo!()
}

/// Gives an error once a signal has arrived.
pub(crate) fn uninterrupted(session: &Session) -> Result<(), Error> {
    match session.interrupts.seen() {
        Some(signal) => Err(Error::Interrupted { signal }),
        None => Ok(()),
    }
}
