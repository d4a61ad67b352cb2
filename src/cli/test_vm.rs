//! `glassdome test-vm`.

use clap::Args;

use crate::cli::options::whole;
use crate::cli::{Connection, TestVmFlags};

/// Clone, start, stop and delete a test VM, and time each step
///
/// Checks the privileges first and does not start a clone that cannot succeed. The clone is always deleted at the end,
/// after its name and marker have been checked again. The only files written are in the state
/// folder: a journal entry, deleted together with the VM, and a note of the freed VMID, which is not reused for 60 seconds.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome test-vm --sandbox
  glassdome test-vm --template 9001 --full --storage local-lvm
  glassdome test-vm --dry-run
  glassdome test-vm --count 100 --parallel 8 --all-nodes")]
pub struct TestVm {
    /// Options of the test VM.
    #[command(flatten)]
    pub test_vm: TestVmFlags,
    /// Only check, and show the planned calls
    ///
    /// Checks whether the clone can succeed and changes nothing.
    #[arg(long, conflicts_with_all = ["count", "parallel", "all_nodes"])]
    pub dry_run: bool,
    /// Number of test VMs; reports statistics
    #[arg(long, value_name = "N", value_parser = |text: &str| whole(text, 1..=100_000_u32), conflicts_with_all = ["vmid", "name", "keep"], help_heading = "Many test VMs")]
    pub count: Option<u32>,
    /// Number of clones to run in parallel [default: 4]
    #[arg(long, value_name = "P", value_parser = |text: &str| whole(text, 1..=256_u16), help_heading = "Many test VMs")]
    pub parallel: Option<u16>,
    /// Run a test VM on every online node
    #[arg(long, conflicts_with_all = ["vmid", "name", "keep", "target"], help_heading = "Many test VMs")]
    pub all_nodes: bool,
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
}
