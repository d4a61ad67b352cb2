//! `glassdome cleanup`.

use std::time::Duration;

use clap::Args;

use crate::cli::Connection;
use crate::cli::options::seconds;
use crate::model::VmId;

/// Delete test VMs that an earlier run left behind
///
/// Earlier runs on this machine are recorded in a journal in the state folder: a VM is deleted if its VMID, name and
/// marker match an entry. Other VMs with a marker that are named glassdome-test-* are listed with their age and machine,
/// and deleted only if you pass their VMID. A VM with another name, e.g. from `test-vm --keep --name`, is found only by
/// its VMID. VMs of a run that is still active on this machine are never touched.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome cleanup
  glassdome cleanup --vmid 105 --vmid 106")]
pub struct Cleanup {
    /// VMID of a test VM to delete (repeatable)
    ///
    /// The VM must have the marker of a test VM. If it is not named glassdome-test-*, you are asked first. Without a
    /// terminal this needs --yes.
    #[arg(long, value_name = "VMID", help_heading = "Cleanup")]
    pub vmid: Vec<VmId>,
    /// Show what would be deleted, without deleting anything
    #[arg(long, help_heading = "Cleanup")]
    pub dry_run: bool,
    /// Seconds without progress after which a task has failed
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "300", help_heading = "Cleanup")]
    pub timeout: Option<Duration>,
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
}
