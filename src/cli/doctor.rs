//! `glassdome doctor`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Connection;

/// Diagnose the setup and suggest fixes
///
/// Checks everything from the settings file to the last privilege. A check that depends on a failed one is skipped; the
/// others still run. Each group without problems takes one line; -v lists every check with its details. Nothing on the
/// server is changed: doctor sends only GET requests, and logs in if a password is set. The exit code is that of the
/// first failed check.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome doctor
  glassdome doctor --sandbox
  glassdome doctor --fix
  glassdome doctor --bundle report.json
  glassdome doctor --grant-script > grant.sh")]
pub struct Doctor {
    /// New file for a bug report
    ///
    /// Names and addresses are replaced, and it contains no secrets.
    #[arg(long, value_name = "FILE", help_heading = "Diagnosis")]
    pub bundle: Option<PathBuf>,
    /// Print a script that grants the missing privileges, for root on a node
    #[arg(long, conflicts_with_all = ["bundle", "all_instances"], help_heading = "Diagnosis")]
    pub grant_script: bool,
    /// Fix the mode of the settings file and .gitignore first
    ///
    /// At a terminal, each change needs confirmation. Without one, the file is closed to other users, and the permissions
    /// of its group are removed only with --yes. Nothing on the server is changed.
    #[arg(long, help_heading = "Diagnosis", conflicts_with = "grant_script")]
    pub fix: bool,
    /// Check every instance in the settings file
    #[arg(long, conflicts_with_all = ["bundle", "instance", "host"], help_heading = "Diagnosis")]
    pub all_instances: bool,
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
}
