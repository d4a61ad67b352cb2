//! `qm cleanup`, which the server runs for a VM that has ended: it starts late, and holds the lock of a VM that has been
//! started under the same number meanwhile.

use std::time::Duration;

use crate::sandbox::cluster::Cluster;

/// How long it waits for a VM to end that is running again.
const HOLDS: Duration = Duration::from_secs(30);

/// One run of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cleanup {
    vmid: u32,
    /// When it goes on.
    pub(crate) at: Duration,
    holds: bool,
}

impl Cluster {
    /// Notes that a VM has ended.
    pub(crate) fn ended(&mut self, vmid: u32, at: Duration) {
        if let Some(late) = self.late_cleanup {
            self.cleanups.push(Cleanup { vmid, at: at + late, holds: false });
        }
    }

    /// Finds the next moment at which one goes on.
    pub(crate) fn next_cleanup(&self) -> Option<Duration> {
        self.cleanups.iter().map(|cleanup| cleanup.at).min()
    }

    /// Lets those go on whose moment has come.
    pub(crate) fn clean_up(&mut self, now: Duration) {
        let (due, later) = std::mem::take(&mut self.cleanups).into_iter().partition(|it: &Cleanup| it.at <= now);
        self.cleanups = later;
        for cleanup in Vec::<Cleanup>::into_iter(due) {
            if cleanup.holds {
                self.locked_vms.remove(&cleanup.vmid);
            } else if self.vms.get(&cleanup.vmid).is_some_and(super::Vm::is_running)
                && self.locked_vms.insert(cleanup.vmid)
            {
                self.cleanups.push(Cleanup { at: cleanup.at + HOLDS, holds: true, ..cleanup });
            }
        }
    }
}
