//! `glassdome doctor`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Connection;

/// Diagnose the setup and suggest fixes
///
/// The checks go from the settings file to the last privilege. A check that depends on a failed one is skipped; the others still run.
/// What is right takes one line for each group; -v lists every check with its details.
/// Nothing on the server is changed: only GET requests are sent, and the login if a password is set. The exit code is that
/// of the first failed check.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome doctor
  glassdome doctor --sandbox
  glassdome doctor --fix
  glassdome doctor --bundle report.json
  glassdome doctor --grant-script > grant.sh")]
pub struct Doctor {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Write a report for a bug tracker to a new file; names and addresses are replaced, and it contains no secrets
    #[arg(long, value_name = "FILE", help_heading = "Diagnosis")]
    pub bundle: Option<PathBuf>,
    /// Print only a script that grants what the user and the token lack, to be read and run by root on a node
    #[arg(long, conflicts_with_all = ["bundle", "all_instances"], help_heading = "Diagnosis")]
    pub grant_script: bool,
    /// Fix what is local and safe first, after showing it: the mode of the settings file, and .gitignore
    #[arg(long, help_heading = "Diagnosis", conflicts_with = "grant_script")]
    pub fix: bool,
    /// Check every instance in the settings file
    #[arg(long, conflicts_with_all = ["bundle", "instance", "host"], help_heading = "Diagnosis")]
    pub all_instances: bool,
}
