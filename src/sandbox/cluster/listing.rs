//! What the lists of the cluster know of its VMs: what the statistics daemon of each node reported last.

use std::collections::BTreeMap;

use crate::sandbox::cluster::{Cluster, Reach, Statistics, Vm};

/// The reports of all nodes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    vms: BTreeMap<u32, Vm>,
    /// The number of the last report, counted from the start of the cluster.
    round: Option<u128>,
}

impl Cluster {
    /// Lets every node report that can, if it is time for it.
    pub(crate) fn report(&mut self) {
        let Some(interval) = self.report_every else { return };
        let round = Some(self.seen.as_nanos() / interval.as_nanos().max(1));
        if self.listing.round >= round {
            return;
        }
        let reports = |vm: &Vm| {
            self.nodes
                .get(&vm.node)
                .is_some_and(|node| node.statistics == Statistics::Current && node.reach == Reach::Up)
        };
        let mut vms = std::mem::take(&mut self.listing.vms);
        vms.retain(|vmid, _| self.vms.contains_key(vmid));
        vms.extend(self.vms.iter().filter(|(_, vm)| reports(vm)).map(|(vmid, vm)| (*vmid, vm.clone())));
        self.listing = Listing { vms, round };
    }

    /// Gives a VM as lists show it; `None` if no report has named it yet, or its node's reports are too old.
    pub(crate) fn listed<'a>(&'a self, vmid: u32, vm: &'a Vm) -> Option<&'a Vm> {
        let is_stale = self.nodes.get(&vm.node).is_some_and(|node| node.statistics == Statistics::Stale);
        match self.report_every {
            _ if is_stale => None,
            None => Some(vm),
            Some(_) => self.listing.vms.get(&vmid),
        }
    }
}
