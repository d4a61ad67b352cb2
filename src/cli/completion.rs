//! Completes command lines in a shell; the shell's part is a script that asks this program.

use std::ffi::OsString;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Powershell, Zsh};

use crate::cli::{Cli, Shell};

/// The variable by which a shell asks for completions: only where it is set anything of this is done.
pub const ASKING: &str = "GLASSDOME_COMPLETE";

/// The values that are only known where a command line is typed.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// The instances that the settings file has.
    pub instances: fn() -> Vec<String>,
    /// The nodes that it names.
    pub nodes: fn() -> Vec<String>,
}

/// Answers a shell that asks for completions; says whether one did.
///
/// # Errors
/// Where it is no shell that can be answered, in clap's own words.
pub fn answer(arguments: &[OsString], folder: Option<&Path>, known: Known) -> Result<bool, clap::Error> {
    CompleteEnv::with_factory(|| with_values(Cli::command(), known)).var(ASKING).try_complete(arguments, folder)
}

/// Writes the script for a shell.
#[must_use]
pub fn script(shell: Shell) -> String {
    let shell: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
        Shell::PowerShell => &Powershell,
    };
    let mut script = Vec::new();
    let written = shell.write_registration(ASKING, "glassdome", "glassdome", "glassdome", &mut script);
    debug_assert!(written.is_ok(), "memory takes everything");
    String::from_utf8_lossy(&script).into_owned()
}

/// Tells every flag for an instance or a node what its values may be.
fn with_values(command: Command, known: Known) -> Command {
    let has = |command: &Command, name: &str| command.get_arguments().any(|argument| argument.get_id() == name);
    let mut command = command;
    for (name, values) in [("instance", known.instances), ("node", known.nodes), ("target", known.nodes)] {
        if has(&command, name) {
            let candidates = move || values().into_iter().map(CompletionCandidate::new).collect();
            command = command.mut_arg(name, |argument| argument.add(ArgValueCandidates::new(candidates)));
        }
    }
    command.mut_subcommands(|subcommand| with_values(subcommand, known))
}
