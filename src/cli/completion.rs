//! Completes command lines in a shell; the shell's part is a script that asks this program.

use std::ffi::OsString;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Powershell, Zsh};

use crate::cli::{Cli, Shell, topics};

/// The variable by which a shell asks for completions: only where it is set anything of this is done.
pub const COMPLETION_VARIABLE: &str = "GLASSDOME_COMPLETE";

/// The values that are only known where a command line is typed.
#[derive(Debug, Clone, Copy)]
pub struct CompletionValues {
    /// The instances that the settings file has.
    pub instances: fn() -> Vec<String>,
    /// The nodes that it names.
    pub nodes: fn() -> Vec<String>,
    /// The failures that the sandbox rehearses, with what they do.
    pub faults: fn() -> &'static [(&'static str, &'static str)],
}

/// Answers a shell that asks for completions; says whether one did.
///
/// # Errors
/// Where it is no shell that can be answered, in clap's own words.
pub fn answer(arguments: &[OsString], folder: Option<&Path>, known: CompletionValues) -> Result<bool, clap::Error> {
    CompleteEnv::with_factory(|| with_values(with_topics(Cli::command()), known))
        .var(COMPLETION_VARIABLE)
        .try_complete(arguments, folder)
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
    let written = shell.write_registration(COMPLETION_VARIABLE, "glassdome", "glassdome", "glassdome", &mut script);
    debug_assert!(written.is_ok(), "memory takes everything");
    String::from_utf8_lossy(&script).into_owned()
}

/// Tells `help` what it explains.
fn with_topics(program: Command) -> Command {
    let names = program.get_subcommands().map(|command| command.get_name().to_owned());
    let mut topics: Vec<String> = names.chain(topics::names().map(str::to_owned)).collect();
    topics.sort();
    topics.dedup();
    program.mut_subcommand("help", |help| {
        let candidates = move || topics.iter().map(CompletionCandidate::new).collect();
        help.mut_arg("topic", |topic| topic.add(ArgValueCandidates::new(candidates)))
    })
}

/// Gives the failures as a shell offers them: what takes a number ends where the number begins.
fn fault_candidates(known: CompletionValues) -> Vec<CompletionCandidate> {
    let offered = (known.faults)().iter().map(|(kind, about)| {
        let word = kind.split_once('=').map_or_else(|| (*kind).to_owned(), |(word, _)| format!("{word}="));
        CompletionCandidate::new(word).help(Some((*about).into()))
    });
    offered.collect()
}

/// Tells every flag for an instance, a node or a failure what its values may be.
fn with_values(command: Command, known: CompletionValues) -> Command {
    let has = |command: &Command, name: &str| command.get_arguments().any(|argument| argument.get_id() == name);
    let mut command = command;
    for (name, values) in [("instance", known.instances), ("node", known.nodes), ("target", known.nodes)] {
        if has(&command, name) {
            let candidates = move || values().into_iter().map(CompletionCandidate::new).collect();
            command = command.mut_arg(name, |argument| argument.add(ArgValueCandidates::new(candidates)));
        }
    }
    if has(&command, "fault") {
        command = command.mut_arg("fault", |it| it.add(ArgValueCandidates::new(move || fault_candidates(known))));
    }
    command.mut_subcommands(|subcommand| with_values(subcommand, known))
}
