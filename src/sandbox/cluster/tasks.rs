//! Tasks: they wait for a VM's lock, work for a while and end, as the clock of the calls goes on.

use std::time::Duration;

use crate::sandbox::auth::{Caller, Refusal, names};
use crate::sandbox::cluster::locks::{Claim, Lock, WAITS};
use crate::sandbox::cluster::work::{Scene, Work};
use crate::sandbox::cluster::{Cluster, Request};

/// The process number of the first worker.
const FIRST_WORKER: usize = 0x0001_2000;

/// A task, running or over.
#[derive(Debug)]
pub struct Task {
    /// Its name for the API.
    pub upid: String,
    /// The node that it runs on.
    pub node: String,
    /// What kind of task it is: `qmclone`, `qmstart` …
    pub kind: String,
    /// What it is about, most often a VM.
    pub id: String,
    /// The user or token that asked for it.
    pub caller: Caller,
    /// The process number of its worker.
    pub pid: u32,
    /// When its worker was started, in hundredths of a second.
    pub pstart: u64,
    /// When it was asked for, in seconds since 1970.
    pub started: u64,
    asked: Duration,
    state: State,
    /// The lock that another task held when it was asked for.
    blocker: Option<Lock>,
    lines: Vec<(Duration, String)>,
    work: Option<Box<dyn Work>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting,
    Working { until: Duration },
    Over { at: Duration, status: String },
}

impl Task {
    /// Tells how it ended, once it has.
    pub fn status(&self) -> Option<&str> {
        match &self.state {
            State::Over { status, .. } => Some(status),
            State::Waiting | State::Working { .. } => None,
        }
    }

    /// Tells when it ended, in seconds since 1970.
    pub fn ended(&self) -> Option<u64> {
        match self.state {
            State::Over { at, .. } => Some(self.unix(at)),
            State::Waiting | State::Working { .. } => None,
        }
    }

    /// Lists the lines that it has logged so far.
    pub fn log(&self, at: Duration) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |(when, _)| *when <= at).map(|(_, line)| line.as_str())
    }

    fn unix(&self, at: Duration) -> u64 {
        self.started + at.saturating_sub(self.asked).as_secs()
    }

    fn scene(&self, at: Duration) -> Scene {
        Scene { node: self.node.clone(), caller: self.caller.clone(), unix: self.unix(at), at }
    }

    /// Ends it; what it would have logged later is never logged.
    fn end(&mut self, at: Duration, status: String, last: Option<String>) {
        self.lines.retain(|(when, _)| *when <= at);
        self.lines.extend(last.map(|line| (at, line)));
        self.state = State::Over { at, status };
        self.work = None;
    }

    fn fail(&mut self, at: Duration, why: String) {
        let last = format!("TASK ERROR: {why}");
        self.end(at, why, Some(last));
    }

    fn wants_storage(&self) -> bool {
        let claims = self.work.iter().flat_map(|work| work.claims());
        claims.into_iter().any(|claim| !matches!(claim.lock, Lock::Vm(_)))
    }

    /// The moment at which something happens to it by itself.
    fn next(&self, patience: Duration) -> Option<Duration> {
        match self.state {
            // A storage is waited for six times as long as a VM.
            State::Waiting if self.wants_storage() => Some(self.asked + patience * 6),
            State::Waiting => Some(self.asked + patience),
            State::Working { until } => Some(until),
            State::Over { .. } => None,
        }
    }
}

impl Cluster {
    /// Starts a task for a caller, and returns its name.
    pub(crate) fn spawn(
        &mut self,
        request: Request<'_>,
        kind: &str,
        id: &str,
        work: impl Work + 'static,
    ) -> Result<String, Refusal> {
        let number = self.tasks.len() + FIRST_WORKER;
        let pid = u32::try_from(number).unwrap_or_default();
        let pstart = u64::try_from(request.now.since_start.as_millis() / 10).unwrap_or_default() + 0x0010_0000;
        let (node, started, subject) = (request.node().to_owned(), request.now.unix, &request.caller.subject);
        let upid = format!("UPID:{node}:{pid:08X}:{pstart:08X}:{started:08X}:{kind}:{id}:{subject}:");
        self.tasks.push(Task {
            upid: upid.clone(),
            node,
            kind: kind.to_owned(),
            id: id.to_owned(),
            caller: request.caller.clone(),
            pid,
            pstart,
            started,
            asked: request.now.since_start,
            state: State::Waiting,
            blocker: None,
            lines: Vec::new(),
            work: Some(Box::new(work)),
        });
        if self.lost_workers > 0 {
            self.lost_workers -= 1;
            self.kill_worker(&upid, request.now.since_start);
            return Err(Refusal::Failed("got no worker upid - start worker failed".to_owned()));
        }
        self.begin_waiting(request.now.since_start);
        self.tell_wait(self.tasks.len() - 1);
        Ok(upid)
    }

    /// Lets a new task log that it waits, where it does.
    fn tell_wait(&mut self, index: usize) {
        let Some(lock) = self.blocked_by(index) else { return };
        let patience = self.patience;
        if let Some(task) = self.tasks.get_mut(index).filter(|task| task.state == State::Waiting) {
            let until = task.next(patience).unwrap_or_default().saturating_sub(task.asked);
            task.lines = lock.lines(until).into_iter().map(|(after, line)| (task.asked + after, line)).collect();
            task.blocker = Some(lock);
        }
    }

    /// Lets everything happen that happens by itself until a moment.
    pub(crate) fn run_until(&mut self, now: Duration) {
        loop {
            let task = self.next_event().filter(|(at, _)| *at <= now);
            let cleanup = self.next_cleanup().filter(|at| *at <= now);
            let at = match (task, cleanup) {
                (Some((at, index)), None) => {
                    self.happen(index, at);
                    at
                }
                (Some((at, index)), Some(cleanup)) if at < cleanup => {
                    self.happen(index, at);
                    at
                }
                (_, Some(cleanup)) => {
                    self.clean_up(cleanup);
                    cleanup
                }
                (None, None) => return,
            };
            self.begin_waiting(at);
        }
    }

    fn next_event(&self) -> Option<(Duration, usize)> {
        let events = self.tasks.iter().enumerate().filter_map(|(index, task)| Some((task.next(self.patience)?, index)));
        events.min()
    }

    fn happen(&mut self, index: usize, at: Duration) {
        let Some(task) = self.tasks.get_mut(index) else { return };
        let scene = task.scene(at);
        let Some(mut work) = task.work.take() else { return };
        if task.state == State::Waiting {
            let why = task.blocker.as_ref().map(Lock::refusal).unwrap_or_default();
            return task.fail(at, why);
        }
        let outcome = work.finish(self, &scene);
        let Some(task) = self.tasks.get_mut(index) else { return };
        match outcome {
            Err(why) => task.fail(at, why),
            Ok(lines) => {
                task.lines.extend(lines.into_iter().map(|line| (at, line)));
                let warnings = task.lines.iter().filter(|(_, line)| line.starts_with("WARN: ")).count();
                let status = if warnings > 0 { format!("WARNINGS: {warnings}") } else { "OK".to_owned() };
                let last = format!("TASK {status}");
                task.end(at, status, Some(last));
            }
        }
    }

    /// Begins the tasks that wait and need no lock that another one holds, in their order.
    fn begin_waiting(&mut self, at: Duration) {
        for index in 0..self.tasks.len() {
            if self.is_free_to_begin(index) {
                self.begin(index, at);
            }
        }
    }

    fn is_free_to_begin(&self, index: usize) -> bool {
        self.tasks.get(index).is_some_and(|task| task.state == State::Waiting) && self.blocked_by(index).is_none()
    }

    /// Finds the lock that a task waits for.
    fn blocked_by(&self, index: usize) -> Option<Lock> {
        let claims = |task: &Task| task.work.as_ref().map(|work| work.claims()).unwrap_or_default();
        let busy = self.tasks.iter().filter(|task| matches!(task.state, State::Working { .. }));
        let held: Vec<Claim> = busy.flat_map(claims).collect();
        let wanted = claims(self.tasks.get(index)?).into_iter();
        let is_held = |lock: &Lock| matches!(lock, Lock::Vm(vmid) if self.locked_vms.contains(vmid));
        let mut blocked =
            wanted.filter(|wanted| is_held(&wanted.lock) || held.iter().any(|held| wanted.excludes(held)));
        blocked.next().map(|claim| claim.lock)
    }

    fn begin(&mut self, index: usize, at: Duration) {
        let Some(task) = self.tasks.get_mut(index) else { return };
        let scene = task.scene(at);
        let Some(mut work) = task.work.take() else { return };
        let plan = work.begin(self, &scene);
        let Some(task) = self.tasks.get_mut(index) else { return };
        task.lines.retain(|(when, _)| *when <= at);
        if task.lines.last().is_some_and(|(_, line)| line == WAITS) {
            task.lines.push((at, " OK".to_owned()));
        }
        match plan {
            Err(why) => task.fail(at, why),
            Ok(plan) => {
                task.lines.extend(plan.lines.into_iter().map(|(after, line)| (at + after, line)));
                task.state = State::Working { until: at + plan.length };
                task.work = Some(work);
            }
        }
    }

    /// Finds a task by its name.
    pub fn task(&self, upid: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.upid == upid)
    }

    /// Interrupts a task that is not over yet; it takes back what it began.
    pub fn interrupt(&mut self, upid: &str, at: Duration) {
        if let Some((index, mut work)) = self.stop_worker(upid) {
            let why = work.interrupted(self);
            if let Some(task) = self.tasks.get_mut(index) {
                task.fail(at, why);
            }
        }
    }

    /// Kills the worker of a task that is not over yet; whatever it began stays as it is.
    pub fn kill_worker(&mut self, upid: &str, at: Duration) {
        if let Some((index, _)) = self.stop_worker(upid)
            && let Some(task) = self.tasks.get_mut(index)
        {
            task.end(at, "unexpected status".to_owned(), None);
        }
    }

    /// Lets a task that is at work go on for ever.
    pub fn never_end(&mut self, upid: &str) {
        let is_at_work = |task: &&mut Task| matches!(task.state, State::Working { .. });
        if let Some(task) = self.tasks.iter_mut().filter(is_at_work).find(|task| task.upid == upid) {
            task.state = State::Working { until: Duration::MAX };
        }
    }

    /// Lets a task that is not over yet log a warning.
    pub fn warn(&mut self, upid: &str, at: Duration) {
        if let Some(task) = self.tasks.iter_mut().find(|task| task.upid == upid && task.work.is_some()) {
            task.lines.push((at, "WARN: this is a rehearsal".to_owned()));
        }
    }

    /// Lets every task come to its end now, those that wait for a lock included.
    pub fn fast_forward(&mut self) {
        let now = self.seen;
        while let Some((_, index)) = self.next_event() {
            if let Some(task) = self.tasks.get_mut(index) {
                for (when, _) in &mut task.lines {
                    *when = now.min(*when);
                }
            }
            self.happen(index, now);
            self.begin_waiting(now);
        }
    }

    fn stop_worker(&mut self, upid: &str) -> Option<(usize, Box<dyn Work>)> {
        let index = self.tasks.iter().position(|task| task.upid == upid)?;
        Some((index, self.tasks.get_mut(index)?.work.take()?))
    }
}

/// Tells whether a caller may look at a task without any privilege: one's own, or with a ticket one's token's.
pub(crate) fn is_own(task: &Task, caller: &Caller) -> bool {
    task.caller == *caller || names::owner(&task.caller.subject) == caller.subject
}
