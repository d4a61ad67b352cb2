//! `glassdome cleanup`.

use std::time::Duration;

use clap::Args;

use crate::cli::Connection;
use crate::cli::options::seconds;
use crate::model::VmId;

/// Delete test VMs that an earlier run left behind
///
/// What an earlier run of this machine left is known from its journal entry in the state folder: a VM is destroyed if
/// its VMID, its name and its marker are those of an entry. Other VMs that carry a marker and are named glassdome-test-*
/// are listed with their age and their machine, and destroyed only when you name them; one that got another name, with
/// `test-vm --keep --name` for example, is found by its VMID alone. VMs of a run that is still active on this machine are never touched.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome cleanup
  glassdome cleanup --vmid 105 --vmid 106")]
pub struct Cleanup {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Destroy this VM, too, if it carries the marker of a test VM; one that is not called glassdome-test-... only after a
    /// yes (--yes without a terminal). May be given several times
    #[arg(long, value_name = "VMID", help_heading = "Cleanup")]
    pub vmid: Vec<VmId>,
    /// Show what would be deleted, without deleting anything
    #[arg(long, help_heading = "Cleanup")]
    pub dry_run: bool,
    /// Fail if a task makes no progress for this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "300", help_heading = "Cleanup")]
    pub timeout: Option<Duration>,
}
