//! Adds up what the time of many test VMs went into; its size does not depend on how many they are.

use std::collections::BTreeMap;

use crate::ops::batch::time_breakdown::{TimeBreakdown, as_number};
use crate::ops::test_vm::receipt::Receipt;
use crate::ops::test_vm::task_wait::TaskTime;

/// A task of which every log is read: it lasts longer than the pause before the first look at its log.
const LONG: f64 = 1.0;

/// How often something took time, and how much, in seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    tasks: usize,
    whole: f64,
    unseen: f64,
    read: usize,
    /// The whole time of those whose log was read, and what of it went where.
    known: f64,
    waited: usize,
    locks: f64,
    copying: f64,
    copied: u64,
}

/// The kind of a task, and whether it is one of those whose log is read anyhow: the long ones. Of the short ones only
/// some are; they stand for the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct TaskKindTotals {
    task: String,
    is_long: bool,
}

/// Adds up the times of test VMs.
#[derive(Debug, Default)]
pub(crate) struct TimeTotals {
    sums: BTreeMap<TaskKindTotals, Sum>,
    vms: usize,
    whole: f64,
    guests: f64,
}

impl TimeTotals {
    /// Adds one test VM.
    pub(crate) fn add(&mut self, receipt: &Receipt) {
        self.vms += 1;
        self.whole += receipt.seconds;
        let waits = receipt.steps.iter().filter(|step| step.name == "wait-ip");
        self.guests += waits.map(|step| step.seconds).sum::<f64>();
        for time in &receipt.times {
            self.add_task(time);
        }
    }

    fn add_task(&mut self, TaskTime { kind, spent }: &TaskTime) {
        let whole = spent.whole.as_secs_f64();
        let sum = self.sums.entry(TaskKindTotals { task: kind.clone(), is_long: whole >= LONG }).or_default();
        sum.tasks += 1;
        sum.whole += whole;
        sum.unseen += spent.unseen.as_secs_f64();
        if spent.is_read {
            sum.read += 1;
            sum.known += whole;
            sum.waited += usize::from(spent.waits > 0);
            sum.locks += spent.locks.as_secs_f64();
            sum.copying += spent.copying.as_secs_f64();
            sum.copied += spent.copied;
        }
    }

    /// Returns the figures.
    pub(crate) fn spent(&self) -> TimeBreakdown {
        let rest = |task: &str| {
            let sums = self.sums.iter().filter(|(kind, _)| kind.task == task);
            sums.map(|(_, sum)| sum.rest()).sum::<f64>()
        };
        let all = || self.sums.values().copied();
        let (copied, copying) = (all().map(|sum| sum.copied).sum(), all().map(|sum| sum.copying).sum::<f64>());
        let logs_read = all().map(|sum| sum.read).sum();
        let if_read = |seconds: f64| (logs_read > 0).then(|| thousandths(seconds));
        let between = self.whole - self.guests - all().map(|sum| sum.whole).sum::<f64>();
        TimeBreakdown {
            vms: self.vms,
            seconds: thousandths(self.whole),
            locks: if_read(all().map(|sum| sum.estimated(sum.locks)).sum()),
            copying: if_read(all().map(|sum| sum.estimated(sum.copying)).sum()),
            cloning: thousandths(rest("qmclone")),
            starting: thousandths(rest("qmstart")),
            stopping: thousandths(rest("qmstop")),
            destroying: thousandths(rest("qmdestroy")),
            guests: thousandths(self.guests),
            answers: thousandths(between.max(0.0)),
            polling: thousandths(all().map(|sum| sum.unseen).sum()),
            tasks: all().map(|sum| sum.tasks).sum(),
            logs_read,
            waited: all().map(|sum| sum.waited).sum(),
            copied_bytes: copied,
            copied_bytes_per_second: (copying > 0.0).then(|| (as_number(copied) / copying).round()),
        }
    }
}

impl Sum {
    /// Takes those whose log was read for all of their kind.
    fn estimated(&self, seconds: f64) -> f64 {
        if self.known > 0.0 { seconds / self.known * self.whole } else { 0.0 }
    }

    fn rest(self) -> f64 {
        let known = self.estimated(self.locks) + self.estimated(self.copying) + self.unseen;
        (self.whole - known).max(0.0)
    }
}

fn thousandths(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::TimeTotals;
    use crate::ops::test_vm::receipt::Receipt;
    use crate::ops::test_vm::task_wait::TaskTime;
    use crate::pve::TaskTiming;

    fn task(kind: &str, whole: u64, spent: TaskTiming) -> TaskTime {
        let whole = Duration::from_millis(whole);
        TaskTime { kind: kind.to_owned(), spent: TaskTiming { whole, ..spent } }
    }

    fn read(locks: u64, copying: u64) -> TaskTiming {
        let ms = Duration::from_millis;
        TaskTiming {
            locks: ms(locks),
            waits: u32::from(locks > 0),
            copying: ms(copying),
            is_read: true,
            ..TaskTiming::default()
        }
    }

    fn receipt(seconds: f64, times: Vec<TaskTime>) -> Receipt {
        Receipt { seconds, times, ..Receipt::default() }
    }

    #[test]
    fn the_tasks_whose_log_was_read_stand_for_the_others_of_their_kind() {
        let mut account = TimeTotals::default();
        // Of ten short clones one was followed, half of whose time was waiting.
        account.add(&receipt(0.5, vec![task("qmclone", 400, read(200, 0))]));
        for _ in 0..9 {
            account.add(&receipt(0.5, vec![task("qmclone", 400, TaskTiming::default())]));
        }
        // A long one is always read, and stands for itself.
        account.add(&receipt(10.0, vec![task("qmclone", 10_000, read(0, 9_000))]));
        let spent = serde_json::to_value(account.spent()).unwrap();
        for (key, seconds) in [("seconds", 15.0), ("locks", 2.0), ("copying", 9.0), ("cloning", 3.0), ("answers", 1.0)]
        {
            assert!((spent[key].as_f64().unwrap() - seconds).abs() < 0.001, "{key}: {spent}");
        }
        assert_eq!((&spent["tasks"], &spent["logs_read"], &spent["waited"]), (&11.into(), &2.into(), &1.into()));
    }

    #[test]
    fn what_no_log_says_is_not_reported() {
        let mut account = TimeTotals::default();
        let unseen = TaskTiming { unseen: Duration::from_millis(10), ..TaskTiming::default() };
        account.add(&receipt(0.5, vec![task("qmclone", 300, unseen), task("qmstart", 100, TaskTiming::default())]));
        let spent = serde_json::to_value(account.spent()).unwrap();
        assert!(spent["locks"].is_null() && spent["copying"].is_null(), "{spent}");
        assert_eq!(
            (&spent["cloning"], &spent["starting"], &spent["polling"]),
            (&0.29.into(), &0.1.into(), &0.01.into())
        );
    }
}
