//! `glassdome completions`.

use clap::{Args, ValueEnum};

/// Generate a shell completion script
///
/// Without SHELL, uses $SHELL, or the shell that runs this command. The script calls glassdome to complete, so it also
/// completes instances and nodes from `.env`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  eval \"$(glassdome completions)\"
  glassdome completions bash \\
      > ~/.local/share/bash-completion/completions/glassdome
  glassdome completions zsh > ~/.zfunc/_glassdome
  glassdome completions fish > ~/.config/fish/completions/glassdome.fish
  glassdome completions powershell >> $PROFILE")]
pub struct Completions {
    /// Shell to generate the script for [default: the one in use]
    pub shell: Option<Shell>,
}

/// A shell that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    #[value(name = "powershell")]
    PowerShell,
}
