//! VMIDs for many test VMs at once: the server reserves none, so each is given out here once.

use crate::error::{Doing, Error, Operation, PlacementError};
use crate::model::VmId;
use crate::pve::Pve;
use std::cell::Cell;

/// How many VMIDs in a row may be taken before giving up.
const MAX_TAKEN_IN_A_ROW: usize = 20_000;

/// Returns another free VMID after some were refused. The server may still offer one of those: then the next free one
/// above it is returned.
pub(crate) async fn another_id(pve: &Pve, tried: &[VmId]) -> Result<VmId, Error> {
    let failed = |source| Error::server(Operation::FindId, source);
    let none = || Error::Placement(PlacementError::NoFreeId { tries: tried.len() });
    let mut candidate = pve.next_id().await.map_err(failed)?;
    if !tried.contains(&candidate) {
        return Ok(candidate);
    }
    loop {
        candidate = VmId::new(u64::from(candidate.number()) + 1).ok_or_else(none)?;
        if !tried.contains(&candidate) && pve.is_free(candidate).await.map_err(failed)? {
            return Ok(candidate);
        }
    }
}

/// The numbers of one run.
pub(crate) struct VmidSequence {
    next: Cell<VmId>,
    /// VMIDs that are not used because they were freed a moment ago.
    avoided: Vec<VmId>,
    lost: Cell<usize>,
}

impl VmidSequence {
    /// Begins with the number that the server offered.
    pub(crate) const fn from(first: VmId, avoided: Vec<VmId>) -> Self {
        Self { next: Cell::new(first), avoided, lost: Cell::new(0) }
    }

    /// Returns a number that no other test VM of this run has, and that is free at this moment.
    pub(crate) async fn take(&self, pve: &Pve) -> Result<VmId, Error> {
        for _ in 0..MAX_TAKEN_IN_A_ROW {
            let candidate = self.next.get();
            let following = VmId::new(u64::from(candidate.number()) + 1)
                .ok_or(Error::Placement(PlacementError::NoFreeId { tries: 0 }))?;
            self.next.set(following);
            if !self.avoided.contains(&candidate) && pve.is_free(candidate).await.doing(Operation::FindId)? {
                return Ok(candidate);
            }
        }
        Err(Error::Placement(PlacementError::NoFreeId { tries: MAX_TAKEN_IN_A_ROW }))
    }

    /// Notes that another client took a VMID.
    pub(crate) fn note_taken(&self) {
        self.lost.set(self.lost.get() + 1);
    }

    /// Says how often another client took a VMID.
    pub(crate) const fn lost(&self) -> usize {
        self.lost.get()
    }
}
