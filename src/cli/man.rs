//! `glassdome man`.

use std::path::PathBuf;

use clap::Args;

/// Print a manual page, or write all of them into a folder
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome man setup | man -l -
  glassdome man --dir ~/.local/share/man/man1")]
pub struct Man {
    /// A command; without one it is the page of the program
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Write every page into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub dir: Option<PathBuf>,
}
