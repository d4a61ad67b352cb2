//! What a task spends its time on, read from its log while it runs.

use std::str::FromStr;
use std::time::Duration;

use crate::model::{Foreign, Validated};

/// What a task logs while it waits for a lock, and what while it waits for one of the whole cluster, once a second.
const LOCK_MESSAGES: [&str; 2] = ["trying to acquire lock...", "trying to acquire cfs lock "];

/// The units that the log counts bytes in.
const UNITS: [(&str, u64); 5] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// What the time of a task went into. The log has no times: something happened between two looks at it, and is taken to
/// have happened half-way between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskTiming {
    /// All of it, from the answer that named the task to the one that reported its end.
    pub whole: Duration,
    /// Waiting for locks.
    pub locks: Duration,
    /// How often it waited for one.
    pub waits: u32,
    /// Copying disks.
    pub copying: Duration,
    /// How many bytes of disks it copied.
    pub copied: u64,
    /// Over already, and not yet seen to be.
    pub unseen: Duration,
    /// Whether its log was looked at; if not, nothing is known of locks and of copying.
    pub is_read: bool,
}

/// What a task is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Working,
    Waiting,
    Copying,
}

/// Follows a task from phase to phase. Times are those since it is watched.
#[derive(Debug, Default)]
pub(super) struct LogFollower {
    spent: TaskTiming,
    phase: Phase,
    since: Duration,
    /// The last look before this one.
    looked: Duration,
    lines: usize,
    /// The disk that is being copied.
    disk: DiskTransfer,
}

/// A disk that is being copied.
#[derive(Debug, Clone, Copy, Default)]
struct DiskTransfer {
    done: u64,
    size: u64,
}

impl LogFollower {
    /// Takes in the new lines of the log.
    pub(super) fn read(&mut self, lines: &[Foreign], now: Duration) {
        self.spent.is_read = true;
        for line in lines {
            // If the first line is about waiting, the task waited from its start.
            let at = if self.lines == 0 { Duration::ZERO } else { self.between(now) };
            self.lines += 1;
            self.line(line, at);
        }
    }

    /// Notes that it was seen to run.
    pub(super) fn poll_without_lines(&mut self, now: Duration) {
        self.looked = now;
    }

    /// Returns what its time went into, now that it has stopped.
    pub(super) fn end(mut self, now: Duration, went_well: bool) -> TaskTiming {
        let at = self.between(now);
        self.enter(Phase::Working, at);
        // The last lines may not have been read.
        self.spent.copied += if went_well { self.disk.size } else { self.disk.done };
        self.spent.whole = now;
        self.spent.unseen = now.saturating_sub(at);
        self.spent
    }

    fn between(&self, now: Duration) -> Duration {
        (self.looked + now) / 2
    }

    fn line(&mut self, line: &Foreign, at: Duration) {
        let copied = line.parse().ok();
        let phase = match &copied {
            Some(DiskTransfer { .. }) => Phase::Copying,
            None if LOCK_MESSAGES.iter().any(|wait| line.starts_with(wait)) => Phase::Waiting,
            None => Phase::Working,
        };
        if let Some(disk) = copied {
            if disk.done < self.disk.done {
                self.spent.copied += self.disk.size;
            }
            self.disk = disk;
        }
        self.enter(phase, at);
    }

    fn enter(&mut self, phase: Phase, at: Duration) {
        if phase == self.phase {
            return;
        }
        let took = at.saturating_sub(self.since);
        match self.phase {
            Phase::Working => {}
            Phase::Waiting => self.spent.locks += took,
            Phase::Copying => self.spent.copying += took,
        }
        self.spent.waits += u32::from(phase == Phase::Waiting);
        (self.phase, self.since) = (phase, at);
    }
}

impl Validated for DiskTransfer {}

impl FromStr for DiskTransfer {
    type Err = ();

    /// Reads `transferred 96.0 MiB of 1.0 GiB (9.38%)`: how many bytes of how many.
    fn from_str(line: &str) -> Result<Self, ()> {
        let amount = line.trim().strip_prefix("transferred ").and_then(|rest| rest.split_once(" ("));
        let (done, size) = amount.and_then(|(amount, _)| amount.split_once(" of ")).ok_or(())?;
        Ok(Self { done: bytes(done).ok_or(())?, size: bytes(size).ok_or(())? })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the log rounds to a tenth, and a number below zero becomes zero"
)]
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ')?;
    let (_, factor) = UNITS.into_iter().find(|(known, _)| *known == unit)?;
    Some((number.parse::<f64>().ok()? * factor as f64) as u64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LogFollower, TaskTiming};
    use crate::model::Foreign;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Follows a task that is looked at, and has logged these lines, at these times.
    fn follow(looks: &[(u64, &[&str])], end: u64) -> TaskTiming {
        let mut follower = LogFollower::default();
        for (now, lines) in looks {
            let lines: Vec<Foreign> = lines.iter().map(|line| Foreign::new(*line)).collect();
            follower.read(&lines, ms(*now));
            follower.poll_without_lines(ms(*now));
        }
        follower.end(ms(end), true)
    }

    #[test]
    fn a_lock_is_waited_for_until_the_next_line() {
        let looks: [(u64, &[&str]); 4] =
            [(100, &["trying to acquire lock..."]), (200, &[]), (300, &[" OK", "creating a clone"]), (400, &[])];
        let spent = follow(&looks, 500);
        assert_eq!((spent.locks, spent.waits), (ms(250), 1));
        assert_eq!((spent.whole, spent.unseen, spent.copied), (ms(500), ms(50), 0));
    }

    #[test]
    fn a_lock_that_was_never_had_is_waited_for_to_the_end() {
        let spent = follow(&[(100, &["trying to acquire lock..."]), (9900, &[])], 10_100);
        assert_eq!((spent.locks, spent.waits), (ms(10_000), 1));
    }

    #[test]
    fn a_lock_of_the_cluster_is_one_wait_however_often_it_is_tried() {
        let line = "trying to acquire cfs lock 'storage-nfs' ...";
        let spent =
            follow(&[(100, &["creating a clone"]), (1100, &[line]), (2100, &[line, line]), (3100, &["x"])], 3300);
        assert_eq!((spent.locks, spent.waits), (ms(2000), 1));
    }

    #[test]
    fn copies_are_reported_with_what_they_copied() {
        let looks: [(u64, &[&str]); 4] = [
            (100, &["creating a clone", "transferred 0.0 B of 1.0 GiB (0.00%)"]),
            (1100, &["transferred 512.0 MiB of 1.0 GiB (50.00%)"]),
            (2100, &["transferred 1.0 GiB of 1.0 GiB (100.00%)", "transferred 0.0 B of 2.0 MiB (0.00%)"]),
            (3100, &["transferred 1.0 MiB of 2.0 MiB (50.00%)"]),
        ];
        let spent = follow(&looks, 3300);
        assert_eq!((spent.copying, spent.copied), (ms(3150), (1 << 30) + (2 << 20)));
        assert_eq!((spent.locks, spent.waits), (Duration::ZERO, 0));
    }

    #[test]
    fn nothing_is_known_of_a_log_that_was_not_read() {
        let spent = LogFollower::default().end(ms(40), true);
        assert_eq!(spent, TaskTiming { whole: ms(40), unseen: ms(20), ..TaskTiming::default() });
    }
}
