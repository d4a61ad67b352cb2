//! The command line as clap sees it: one file a command, the words of its help beside its arguments.

mod cleanup;
pub mod completion;
mod completions;
mod doctor;
mod env;
mod man;
pub mod manual;
mod options;
#[cfg(feature = "sandbox")]
mod sandbox;
mod setup;
mod template;
mod test_vm;
mod token;
pub mod topics;

use std::ffi::OsString;

use clap::builder::styling::{AnsiColor, Style, Styles};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use cleanup::Cleanup;
pub use completions::{Completions, Shell};
pub use doctor::Doctor;
pub use env::{Env, EnvFormat, EnvSyntax};
pub use man::Man;
pub use options::{Color, Connection, Global, Login, NewToken, OutputFormat, Pin, Rights, TestVmFlags};
#[cfg(feature = "sandbox")]
pub use sandbox::Sandbox;
pub use setup::{ImportFrom, Setup};
pub use template::{TemplateAction, TemplateArgs, TemplateCreate, TemplateList};
pub use test_vm::TestVm;
pub use token::{PrivilegesFor, Token, TokenAction, TokenCreate, TokenList, TokenRevoke, TokenRotate};

/// The colours of the help texts: what can be read on dark ground and on light.
const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(Style::new().bold())
    .placeholder(Style::new());

/// Writes what `--version` says: the version, and what it was built from.
macro_rules! version {
    ($sandbox:literal) => {
        concat!(
            env!("CARGO_PKG_VERSION"),
            " (commit ",
            env!("GLASSDOME_COMMIT"),
            ", ",
            env!("GLASSDOME_TARGET"),
            ", ",
            $sandbox,
            ")"
        )
    };
}

/// What `--version` says.
#[cfg(feature = "sandbox")]
pub const VERSION: &str = version!("with sandbox");
/// What `--version` says.
#[cfg(not(feature = "sandbox"))]
pub const VERSION: &str = version!("without sandbox");

/// Set up an API token for Proxmox VE and prove it can create VMs
#[derive(Debug, Parser)]
#[command(
    name = "glassdome",
    version = VERSION,
    styles = STYLES,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    propagate_version = true,
    after_help = "Try it without a server:\n  glassdome setup --sandbox --no-input\n\nHelp topics, shown by `glassdome help TOPIC`:\n  trust, tokens, privileges, env-file, templates, many-vms,\n  unreliable-networks, sandbox, speed, exit-codes, environment\n\nExit codes: `glassdome help exit-codes`\nEnvironment variables: `glassdome help environment`"
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the words of a command stand above its own type, where the long form is")]
pub enum Command {
    Setup(Box<Setup>),
    TestVm(Box<TestVm>),
    Doctor(Box<Doctor>),
    Token(Box<Token>),
    Cleanup(Box<Cleanup>),
    Template(TemplateArgs),
    Env(Box<Env>),
    #[cfg(feature = "sandbox")]
    Sandbox(Box<Sandbox>),
    Completions(Completions),
    Man(Man),
    /// Show help for a command or a topic
    #[command(
        after_help = "Topics: trust, tokens, privileges, env-file, templates, many-vms,\nunreliable-networks, sandbox, speed, exit-codes, environment"
    )]
    Help {
        /// Command or topic
        #[arg(value_name = "TOPIC")]
        topic: Vec<String>,
    },
}

/// Below the long help of each command.
const FOOTER: &str = "Exit codes: `glassdome help exit-codes`. Environment variables: `glassdome help environment`.";

/// Reads a command line.
///
/// # Errors
/// In clap's own words: what is wrong with it, or the help that it asks for.
pub fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let mut program = with_footer(Cli::command());
    let mut matches = program.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|refused| refused.format(&mut program))
}

/// Says below the long help of each command where to read on, and keeps the short one short.
fn with_footer(program: clap::Command) -> clap::Command {
    program.mut_subcommands(|command| {
        let above = command.get_after_long_help().or(command.get_after_help());
        let text = above.map_or_else(|| FOOTER.to_owned(), |above| format!("{above}\n\n{FOOTER}"));
        with_footer(with_short_help(command).after_long_help(text))
    })
}

/// Hides in the short help of the commands that only end with a test VM what is rarely needed there.
fn with_short_help(command: clap::Command) -> clap::Command {
    if !["setup", "create"].contains(&command.get_name()) {
        return command;
    }
    let pointer = "Examples and all options: see --help";
    command.after_help(pointer).mut_args(|option| {
        let is_of_test_vm = option.get_help_heading() == Some("Test VM");
        let name = option.get_id().as_str();
        let is_hidden = LONG_HELP_ONLY.contains(&name) || is_of_test_vm && name != "skip_test_vm";
        if is_hidden { option.hide_short_help(true) } else { option }
    })
}

/// The further options of these commands that only the long help has.
const LONG_HELP_ONLY: [&str; 8] = [
    "rights",
    "pin",
    "over_ssh",
    "import",
    "allow_ambiguous_value",
    "ubuntu_2204_template_id",
    "ubuntu_2004_template_id",
    "expire",
];

/// Gives the help of a command, named by its words, or of the whole program; nothing if there is no such command.
#[must_use]
pub fn help(words: &[String]) -> Option<String> {
    let mut program = with_footer(Cli::command());
    program.build();
    let mut found = &mut program;
    for word in words {
        found = found.find_subcommand_mut(word)?;
    }
    Some(found.render_long_help().to_string())
}

/// Gives the command that a line asks for, with the names above it, as far as it can be recognised.
#[must_use]
pub fn command_in(words: &[&str]) -> String {
    let program = Cli::command();
    let (mut found, mut names) = (&program, vec![program.get_name()]);
    for word in words.iter().skip(1) {
        if let Some(below) = found.find_subcommand(word) {
            names.push(below.get_name());
            found = below;
        }
    }
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_linked_clone_has_no_storage_of_its_own() {
        let refused = Cli::try_parse_from(["glassdome", "test-vm", "--linked", "--storage", "local"]).unwrap_err();
        assert_eq!(refused.exit_code(), 2);
    }

    /// Lists a command and those below it, with all their names.
    fn commands(command: &clap::Command) -> Vec<(String, clap::Command)> {
        let mut found = vec![(command.get_name().to_owned(), command.clone())];
        for below in command.get_subcommands() {
            found.extend(commands(below).into_iter().map(|(name, it)| (format!("{} {name}", command.get_name()), it)));
        }
        found
    }

    #[test]
    fn the_short_help_fits_a_screen_and_the_long_one_has_every_option() {
        let mut program = super::with_footer(Cli::command()).term_width(80);
        program.build();
        for (name, mut command) in commands(&program) {
            let short = command.render_help().to_string();
            let lines = short.lines().count();
            assert!(lines <= 45, "{name}: {lines} lines\n{short}");
            let long = command.render_long_help().to_string();
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(long.contains(&format!("--{option}")), "{name}: --{option}\n{long}");
            }
        }
    }

    #[test]
    fn no_flag_takes_a_secret() {
        for command in Cli::command().get_subcommands() {
            for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(!["token-value", "password", "secret"].contains(&flag), "{flag}");
            }
        }
    }
}
