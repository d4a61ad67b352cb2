//! `glassdome doctor`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Connection;

/// Look at everything that can be wrong, and say what mends it
///
/// From the settings file to the last privilege, the checks come in the order in which things break, and a failed one does not hide those that do not depend on it.
/// Nothing is changed: reading calls alone are sent, and the log-in where a password is set. The exit code is that of
/// the first failed check.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome doctor
  glassdome doctor --sandbox
  glassdome doctor --bundle report.json
  glassdome doctor --grant-script > grant.sh")]
pub struct Doctor {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Write a report for a bug tracker to this new file; names and addresses are replaced, and no secret is in it
    #[arg(long, value_name = "FILE", help_heading = "Diagnosis")]
    pub bundle: Option<PathBuf>,
    /// Print only a script that grants what the user and the token lack, to be read and run by root on a node
    #[arg(long, conflicts_with_all = ["bundle", "all_instances"], help_heading = "Diagnosis")]
    pub grant_script: bool,
    /// Look at every instance that the settings file names
    #[arg(long, conflicts_with_all = ["bundle", "instance", "host"], help_heading = "Diagnosis")]
    pub all_instances: bool,
}
