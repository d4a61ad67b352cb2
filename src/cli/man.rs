//! `glassdome man`.

use std::path::PathBuf;

use clap::Args;

/// Print a manual page, or write all of them to a folder
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome man setup | man -l -
  glassdome man trust | man -l -
  glassdome man --dir ~/.local/share/man/man1")]
pub struct Man {
    /// Command or help topic [default: glassdome itself]
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Folder to write every page to
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub dir: Option<PathBuf>,
}
