//! Calls the function of the command that the command line names.

mod cleanup;
mod completions;
mod doctor;
mod env;
mod help;
mod manual;
mod options;
mod reference;
#[cfg(feature = "sandbox")]
mod sandbox;
mod setup;
mod template;
mod test_vm;
mod token;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::error::{Aftermath, Error};
use crate::ops::with_spinners;
use crate::session::Session;

pub(crate) use manual::{instances, nodes};

/// The names of the commands, as JSON documents name their schema.
pub(crate) const NAMES: &[&str] =
    &["setup", "test-vm", "doctor", "token", "cleanup", "template", "env", "sandbox", "completions", "man", "help"];

/// A failure, and whether its JSON document has been printed already.
#[derive(Debug)]
pub(crate) struct CommandFailure {
    /// What went wrong.
    pub(crate) error: Error,
    /// Whether the command has put it into a document of its own.
    pub(crate) is_reported: bool,
}

impl<E: Into<Error>> From<E> for CommandFailure {
    fn from(error: E) -> Self {
        Self { error: error.into(), is_reported: false }
    }
}

/// Returns the name of a command.
pub(crate) const fn name(command: &Command) -> &'static str {
    match command {
        Command::Setup(_) => "setup",
        Command::TestVm(_) => "test-vm",
        Command::Doctor(_) => "doctor",
        Command::Token(_) => "token",
        Command::Cleanup(_) => "cleanup",
        Command::Template(_) => "template",
        Command::Env(_) => "env",
        #[cfg(feature = "sandbox")]
        Command::Sandbox(_) => "sandbox",
        Command::Completions(_) => "completions",
        Command::Man(_) => "man",
        Command::Help { .. } => "help",
    }
}

/// Says whether a command, given by its name, may have changed something.
pub(crate) fn aftermath(name: &str) -> Aftermath {
    match name {
        "setup" | "test-vm" | "token" | "cleanup" | "template" => Aftermath::Changes,
        _ => Aftermath::Nothing,
    }
}

/// Runs a command.
pub(crate) async fn run(session: &Session, cli: Cli) -> Result<ExitCode, CommandFailure> {
    with_spinners(session, run_command(session, cli)).await
}

async fn run_command(session: &Session, cli: Cli) -> Result<ExitCode, CommandFailure> {
    match &cli.command {
        Command::Setup(arguments) => setup::run(session, &cli.global, arguments).await,
        Command::TestVm(arguments) => test_vm::run(session, &cli.global, arguments).await,
        Command::Doctor(arguments) => doctor::run(session, &cli.global, arguments).await,
        Command::Token(arguments) => token::run(session, &cli.global, arguments).await,
        Command::Cleanup(arguments) => cleanup::run(session, &cli.global, arguments).await,
        Command::Template(arguments) => template::run(session, &cli.global, arguments).await,
        Command::Env(arguments) => env::run(session, &cli.global, arguments).await,
        #[cfg(feature = "sandbox")]
        Command::Sandbox(arguments) => sandbox::run(session, &cli.global, arguments).await,
        Command::Completions(arguments) => completions::run(session, arguments),
        Command::Man(arguments) => manual::man(session, arguments),
        Command::Help { topic } => help::run(session, topic),
    }
}
