//! What the time of many test VMs went into, and what that says of what limited them.

use serde::Serialize;

/// What the time of the test VMs went into, in seconds of all of them together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct TimeBreakdown {
    /// How many VMs they were.
    pub(crate) vms: usize,
    /// All of it.
    pub(crate) seconds: f64,
    /// Waiting for locks; `None` if no log was read.
    pub(crate) locks: Option<f64>,
    /// Copying disks; `None` if no log was read.
    pub(crate) copying: Option<f64>,
    /// Clone tasks, apart from that.
    pub(crate) cloning: f64,
    /// Start tasks, apart from that.
    pub(crate) starting: f64,
    /// Stop tasks, apart from that.
    pub(crate) stopping: f64,
    /// Tasks that destroy, apart from that.
    pub(crate) destroying: f64,
    /// Waiting for guests to have an address.
    pub(crate) guests: f64,
    /// Between the tasks: the answers of the server, and this program.
    pub(crate) answers: f64,
    /// Tasks that were over, and not yet seen to be.
    pub(crate) polling: f64,
    /// How many tasks there were.
    pub(crate) tasks: usize,
    /// Of how many the log was read.
    pub(crate) logs_read: usize,
    /// How many of these had to wait for a lock.
    pub(crate) waited: usize,
    /// How many bytes of disks these copied.
    pub(crate) copied_bytes: u64,
    /// How fast each copied.
    pub(crate) copied_bytes_per_second: Option<f64>,
}

impl TimeBreakdown {
    /// Says in one sentence what most of the time went into, and with what it is known.
    pub(crate) fn sentence(&self) -> String {
        let parts = self.parts();
        let largest = parts.iter().copied().max_by(|(_, one), (_, other)| one.total_cmp(other));
        let Some((what, seconds)) = largest.filter(|(_, seconds)| *seconds > 0.0 && self.tasks > 0) else {
            return "unknown: no task was seen".to_owned();
        };
        let share = seconds / self.seconds.max(f64::MIN_POSITIVE) * 100.0;
        let mut text = format!("{} ({share:.0} % of the time{})", what.words(), self.rate(what));
        if what == TimeComponent::Answers {
            text.push_str("; the server, the network or this machine may be slow");
        }
        text.push_str(&self.about_locks(what));
        text
    }

    /// Says what is known of locks.
    fn about_locks(&self, what: TimeComponent) -> String {
        let Self { logs_read, waited, tasks, .. } = self;
        match self.locks {
            None => "; this may include locks and copying, because no task log was read".to_owned(),
            Some(_) if *waited == 0 => format!("; no task waited for a lock ({logs_read} of {tasks} task logs read)"),
            Some(_) if what == TimeComponent::Locks => {
                format!("; {waited} of the {logs_read} tasks whose log was read waited for one")
            }
            Some(locks) => {
                format!("; waiting for locks took {locks:.1} s ({waited} of the {logs_read} tasks whose log was read)")
            }
        }
    }

    fn rate(&self, what: TimeComponent) -> String {
        match self.copied_bytes_per_second {
            Some(rate) if what == TimeComponent::Copying => format!(", {:.0} MiB/s each", rate / f64::from(1 << 20)),
            _ => String::new(),
        }
    }

    /// Returns what the time of a VM goes into, on average, in seconds; parts that round to nothing are left out.
    pub(crate) fn per_vm(&self) -> Vec<(&'static str, f64)> {
        let vms = as_number(u64::try_from(self.vms).unwrap_or(u64::MAX)).max(1.0);
        let parts = self.parts().into_iter().map(|(what, seconds)| (what.word(), seconds / vms));
        parts.filter(|(_, seconds)| *seconds >= 0.005).collect()
    }

    fn parts(&self) -> [(TimeComponent, f64); 8] {
        [
            (TimeComponent::Locks, self.locks.unwrap_or_default()),
            (TimeComponent::Copying, self.copying.unwrap_or_default()),
            (TimeComponent::Cloning, self.cloning),
            (TimeComponent::Power, self.starting + self.stopping),
            (TimeComponent::Destroying, self.destroying),
            (TimeComponent::Guests, self.guests),
            (TimeComponent::Answers, self.answers),
            (TimeComponent::Polling, self.polling),
        ]
    }
}

/// Something that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeComponent {
    Locks,
    Copying,
    Cloning,
    Power,
    Destroying,
    Guests,
    Answers,
    Polling,
}

impl TimeComponent {
    /// Names it in a sentence.
    const fn words(self) -> &'static str {
        match self {
            Self::Locks => "waiting for locks",
            Self::Copying => "copying disks",
            Self::Cloning => "cloning",
            Self::Power => "starting and stopping VMs",
            Self::Destroying => "deleting VMs",
            Self::Guests => "waiting for IP addresses",
            Self::Answers => "API calls between the tasks",
            Self::Polling => "polling by glassdome",
        }
    }

    /// Names it in a table.
    const fn word(self) -> &'static str {
        match self {
            Self::Locks => "locks",
            Self::Copying => "copying",
            Self::Cloning => "clone",
            Self::Power => "start, stop",
            Self::Destroying => "delete",
            Self::Guests => "IP address",
            Self::Answers => "API calls",
            Self::Polling => "polling",
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and bytes of which three digits are shown")]
pub(crate) fn as_number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::TimeBreakdown;

    fn spent() -> TimeBreakdown {
        TimeBreakdown {
            vms: 10,
            seconds: 20.0,
            locks: Some(0.0),
            copying: Some(0.0),
            cloning: 8.0,
            starting: 3.0,
            stopping: 2.0,
            destroying: 4.0,
            guests: 0.0,
            answers: 2.0,
            polling: 1.0,
            tasks: 40,
            logs_read: 8,
            waited: 0,
            copied_bytes: 0,
            copied_bytes_per_second: None,
        }
    }

    #[test]
    fn the_sentence_says_what_took_most_and_how_that_is_known() {
        let rate = Some(120.0 * f64::from(1 << 20));
        for (spent, sentence) in [
            (spent(), "cloning (40 % of the time); no task waited for a lock (8 of 40 task logs read)"),
            (
                TimeBreakdown { locks: Some(9.0), cloning: 1.0, waited: 7, ..spent() },
                "waiting for locks (45 % of the time); 7 of the 8 tasks whose log was read waited for one",
            ),
            (
                TimeBreakdown {
                    copying: Some(9.0),
                    copied_bytes_per_second: rate,
                    locks: Some(0.2),
                    waited: 1,
                    ..spent()
                },
                "copying disks (45 % of the time, 120 MiB/s each); waiting for locks took 0.2 s (1 of the 8 tasks whose log was read)",
            ),
            (
                TimeBreakdown { locks: None, copying: None, logs_read: 0, ..spent() },
                "cloning (40 % of the time); this may include locks and copying, because no task log was read",
            ),
            (
                TimeBreakdown { polling: 12.0, ..spent() },
                "polling by glassdome (60 % of the time); no task waited for a lock (8 of 40 task logs read)",
            ),
            (
                TimeBreakdown { answers: 12.0, ..spent() },
                "API calls between the tasks (60 % of the time); the server, the network or this machine may be slow; no task waited for a lock (8 of 40 task logs read)",
            ),
            (TimeBreakdown { tasks: 0, ..spent() }, "unknown: no task was seen"),
        ] {
            assert_eq!(spent.sentence(), sentence);
        }
    }

    #[test]
    fn each_vm_is_reported_with_what_took_it_time() {
        let parts = [("clone", 0.8), ("start, stop", 0.5), ("delete", 0.4), ("API calls", 0.2), ("polling", 0.1)];
        assert_eq!(spent().per_vm(), parts);
    }
}
