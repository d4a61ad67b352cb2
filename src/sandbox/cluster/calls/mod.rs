//! What the calls about the cluster, its nodes, VMs and storages do.

pub mod agents;
pub mod change;
pub mod clone;
mod cloning;
pub mod create;
pub mod destroy;
mod devices;
mod disks;
pub mod drives;
pub mod files;
pub mod guests;
pub mod indexes;
pub mod nodes;
pub mod options;
pub mod power;
pub mod schema;
pub mod shape;
pub mod tasks;
pub mod uploads;
pub mod volumes;

use super::{Ask, Cluster};
use crate::sandbox::access::{Refusal, names};

impl Cluster {
    /// Demands all of these privileges at a path; a path that can have none is named empty.
    pub(super) fn demand(&self, ask: Ask<'_>, path: &str, privileges: &[&str]) -> Result<(), Refusal> {
        self.access.demand(ask.caller, &names::normal_path(path).unwrap_or_default(), privileges)
    }

    /// Demands one of these privileges at a path.
    pub(super) fn demand_any(&self, ask: Ask<'_>, path: &str, privileges: &[&str]) -> Result<(), Refusal> {
        self.access.demand_any(ask.caller, &names::normal_path(path).unwrap_or_default(), privileges)
    }

    /// Tells whether a caller has one of these privileges at a path.
    pub(super) fn allows(&self, ask: Ask<'_>, path: &str, privileges: &[&str]) -> bool {
        self.access.check_any(&ask.caller.subject, path, privileges)
    }
}
