//! `glassdome completions`.

use clap::{Args, ValueEnum};

/// Print the script that teaches a shell to complete
///
/// The script asks this program, so that it completes instances and nodes from `.env`, too.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome completions bash \\
      > ~/.local/share/bash-completion/completions/glassdome
  glassdome completions zsh > ~/.zfunc/_glassdome
  glassdome completions fish > ~/.config/fish/completions/glassdome.fish
  glassdome completions powershell >> $PROFILE")]
pub struct Completions {
    /// Which shell
    pub shell: Shell,
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
