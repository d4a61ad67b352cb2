//! Waits until a task has stopped.

mod copied;

use copied::Copied;
use std::collections::VecDeque;
use std::pin::pin;
use std::time::{Duration, Instant};

use crate::clock::{Clock, SystemClock};
use crate::model::{Foreign, Upid};
use crate::pve::task_timing::LogFollower;
use crate::pve::{ApiError, CallEvent, Pve, TaskStatus, TaskTiming};

/// A task is asked about at intervals of a twentieth of its age: that adds at most 5 % to it.
const POLLS_PER_AGE: u32 = 20;

/// The shortest interval: more frequent polling would cost the server more than a short task itself.
const MIN_INTERVAL: Duration = Duration::from_millis(25);

/// The longest interval, so that the progress shown is current.
const MAX_INTERVAL: Duration = Duration::from_secs(1);

/// A server that is unreachable for longer than this is reported: a daemon that restarts is usually back sooner.
const UNREACHABLE_AFTER: Duration = Duration::from_millis(1_500);

/// A call that is unanswered for longer than this is reported, too: a slow server has answered by then.
const SLOW_AFTER: Duration = Duration::from_secs(5);

/// Lines of the log that are read at once.
const LOG_PAGE: usize = 500;

/// Lines of the log that are kept, and shown at most: what went wrong is at its end.
const MAX_LOG_LINES: usize = 50;

/// How a task ended, where it was seen to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEnd {
    /// It succeeded, perhaps with warnings.
    Succeeded {
        /// The number of warnings.
        warnings: u64,
    },
    /// It failed.
    Failed {
        /// The server's own words; `unexpected status` where its worker was killed.
        exit_status: Foreign,
        /// The last lines of its log.
        log: LogEnd,
    },
    /// The outcome is unknown: the task made no progress within the timeout.
    NoProgress {
        /// For how long it was watched without progress.
        waited: Duration,
    },
}

/// The end of the log of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogEnd {
    lines: VecDeque<Foreign>,
    left_out: usize,
}

impl LogEnd {
    fn add(&mut self, new: Vec<Foreign>) {
        self.lines.extend(new);
        let surplus = self.lines.len().saturating_sub(MAX_LOG_LINES);
        self.leave_out(surplus);
    }

    fn leave_out(&mut self, lines: usize) {
        self.lines.drain(..lines);
        self.left_out += lines;
    }

    /// Returns no more of its lines than that many.
    #[must_use]
    pub fn last(mut self, lines: usize) -> Self {
        self.leave_out(self.lines.len().saturating_sub(lines));
        self
    }

    /// Returns its lines.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Foreign> {
        self.lines.iter()
    }

    /// Returns its lines as they are shown, the first of which says how many there are before them.
    #[must_use]
    pub fn shown(&self) -> Vec<String> {
        let before = (self.left_out > 0).then(|| format!("… ({} earlier lines omitted)", self.left_out));
        before.into_iter().chain(self.lines.iter().map(ToString::to_string)).collect()
    }
}

/// How closely the log of a task is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogDetail {
    /// From its first second on, to show its progress.
    Usual,
    /// From its beginning to its end, with more requests, to know what its time is spent on.
    Close,
}

/// What was seen of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitResult {
    /// How it ended.
    pub ended: TaskEnd,
    /// What its time went into.
    pub spent: TaskTiming,
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskProgress {
    /// Since it is watched.
    pub age: Duration,
    /// How much of it is done, in percent, where its log says so.
    pub percent: Option<f64>,
    /// What is done of how much, "96.0 MiB of 1.0 GiB".
    pub amount: Option<String>,
    /// Why the server cannot be asked at the moment, if it cannot.
    pub trouble: Option<TaskTrouble>,
}

/// Why nothing is known of a task at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskTrouble {
    /// For how long already.
    pub lasting: Duration,
    /// What is in the way.
    pub why: String,
}

/// One task under watch.
struct TaskWait<'a> {
    pve: &'a Pve,
    upid: &'a Upid,
    clock: &'a dyn Clock,
    began: Instant,
    progressed: Instant,
    lines: usize,
    last: LogEnd,
    progress: TaskProgress,
    /// Since when the server cannot be asked.
    silent_since: Option<Instant>,
    log_detail: LogDetail,
    follower: LogFollower,
}

/// Waits until a task has stopped, or has made no progress for `timeout`. A lost connection says nothing about the
/// task: polling goes on.
///
/// # Errors
/// If the server refuses to tell, or cannot be reached until the patience is at its end.
pub async fn wait(
    pve: &Pve,
    upid: &Upid,
    clock: &dyn Clock,
    timeout: Duration,
    log_detail: LogDetail,
    show: &mut dyn FnMut(&TaskProgress),
) -> Result<WaitResult, ApiError> {
    let began = clock.now();
    let progress = TaskProgress { age: Duration::ZERO, percent: None, amount: None, trouble: None };
    let (last, follower) = (LogEnd::default(), LogFollower::default());
    let (progressed, lines, silent_since) = (began, 0, None);
    let mut watch =
        TaskWait { pve, upid, clock, began, progressed, lines, last, progress, silent_since, log_detail, follower };
    loop {
        clock.sleep(interval(watch.age())).await;
        let asked = watch.poll_and_report(show).await;
        watch.note(asked.as_ref().err());
        let waited = clock.now().duration_since(watch.progressed);
        match asked {
            Ok(Some(ended)) => return Ok(watch.over(ended)),
            Ok(None) if waited >= timeout => return Ok(watch.over(TaskEnd::NoProgress { waited })),
            Ok(None) => watch.follower.poll_without_lines(watch.age()),
            Err(why) if why.is_temporary() && waited < timeout => {}
            Err(why) => return Err(why),
        }
        watch.progress.age = watch.age();
        show(&watch.progress);
    }
}

/// Returns the pause before the next question.
fn interval(age: Duration) -> Duration {
    (age / POLLS_PER_AGE).clamp(MIN_INTERVAL, MAX_INTERVAL)
}

impl TaskWait<'_> {
    fn age(&self) -> Duration {
        self.clock.now().duration_since(self.began)
    }

    fn over(self, ended: TaskEnd) -> WaitResult {
        let went_well = matches!(ended, TaskEnd::Succeeded { .. });
        let age = self.age();
        WaitResult { ended, spent: self.follower.end(age, went_well) }
    }

    /// Polls once, and reports if the answer takes long.
    async fn poll_and_report(&mut self, show: &mut dyn FnMut(&TaskProgress)) -> Result<Option<TaskEnd>, ApiError> {
        let (pve, clock, began, asked) = (self.pve, self.clock, self.began, SystemClock.now());
        let mut progress = self.progress.clone();
        let mut poll = pin!(self.poll());
        loop {
            tokio::select! {
                biased;
                looked = &mut poll => return looked,
                () = SystemClock.sleep(MAX_INTERVAL) => {}
            }
            let lasting = SystemClock.now().duration_since(asked);
            if lasting >= SLOW_AFTER {
                let trouble = TaskTrouble { lasting, why: "the last question is still open".to_owned() };
                pve.notify(&CallEvent::PollingFailed(&trouble));
                progress.trouble = Some(trouble);
            }
            progress.age = clock.now().duration_since(began);
            show(&progress);
        }
    }

    /// Notes whether the server could be asked, and reports it if it could not for some time.
    fn note(&mut self, trouble: Option<&ApiError>) {
        let now = self.clock.now();
        let Some(why) = trouble else {
            self.silent_since = None;
            self.progress.trouble = None;
            return;
        };
        let lasting = now.duration_since(*self.silent_since.get_or_insert(now));
        if lasting >= UNREACHABLE_AFTER {
            let trouble = TaskTrouble { lasting, why: why.to_string() };
            self.pve.notify(&CallEvent::PollingFailed(&trouble));
            self.progress.trouble = Some(trouble);
        }
    }

    /// Looks once; returns how it ended, once it has.
    async fn poll(&mut self) -> Result<Option<TaskEnd>, ApiError> {
        let status = self.pve.task_status(self.upid).await?;
        if status.is_stopped() {
            return self.ended(status).await.map(Some);
        }
        // A task that ends within a second needs no progress, and reading its log would cost the server a request.
        if self.age() >= MAX_INTERVAL || self.log_detail == LogDetail::Close {
            self.read_log().await?;
        }
        Ok(None)
    }

    async fn ended(&mut self, status: TaskStatus) -> Result<TaskEnd, ApiError> {
        let exit_status = status.exit_status.unwrap_or_else(|| Foreign::new("no exit status"));
        let has_succeeded = exit_status == "OK" || exit_status.starts_with("WARNINGS: ");
        if !has_succeeded || self.log_detail == LogDetail::Close {
            // The log only adds to what is known already.
            let _ = self.read_log().await;
        }
        if exit_status == "OK" {
            return Ok(TaskEnd::Succeeded { warnings: 0 });
        }
        if exit_status.starts_with("WARNINGS: ") {
            return Ok(TaskEnd::Succeeded { warnings: exit_status.parse_behind("WARNINGS: ").unwrap_or(1) });
        }
        Ok(TaskEnd::Failed { exit_status, log: std::mem::take(&mut self.last) })
    }

    /// Reads what was added to the log; every new line is progress.
    async fn read_log(&mut self) -> Result<(), ApiError> {
        let new = self.pve.task_log(self.upid, self.lines, LOG_PAGE).await?;
        self.follower.read(&new, self.age());
        if new.is_empty() {
            return Ok(());
        }
        self.progressed = self.clock.now();
        self.lines += new.len();
        for line in &new {
            if let Ok(copied) = line.parse::<Copied>() {
                self.progress.amount = Some(copied.amount);
                self.progress.percent = Some(copied.percent);
            }
        }
        self.last.add(new);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
