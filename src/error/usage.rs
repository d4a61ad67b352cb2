//! What is wrong with a command line, or missing from it.

use crate::error::hint::{run, say};
use crate::error::{Hint, Kind};
use crate::settings;
use crate::ui::Printable;
use std::io;
use std::path::PathBuf;

/// What is wrong with a command line, or missing from it.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// The command line was not understood.
    #[error("{message}")]
    Usage {
        /// What clap says.
        message: String,
    },
    /// The command line was not understood, as its reader says.
    #[error("{message}")]
    CommandLine {
        /// What is wrong with it.
        message: String,
        /// What may have been meant.
        tips: Vec<String>,
        /// The command that was asked for, with the name of the program.
        command: String,
    },
    /// `glassdome help` was asked for something unknown.
    #[error("unknown command or help topic `{topic}`")]
    UnknownTopic {
        /// What was asked for.
        topic: String,
        /// The topics that exist.
        known: Vec<&'static str>,
    },
    /// Two secrets were to come from standard input.
    #[error("only one secret can come from standard input")]
    StandardInputTwice,
    /// A secret would be typed where it can be seen.
    #[error("{flag}: refusing to read a secret from a terminal with --no-input, because it would be visible")]
    SecretAtTerminal {
        /// The flag.
        flag: &'static str,
    },
    /// A required setting is missing.
    #[error("{}", unanswered_message(what, further, *lacks_terminal))]
    Unanswered {
        /// What is missing.
        what: &'static str,
        /// The flag that says it, where the command has one.
        flag: Option<&'static str>,
        /// The variable that says it, and the file in which it is a key, where it is one; `None` if only the flag can.
        key: Option<(String, Option<PathBuf>)>,
        /// What is missing, too.
        further: Vec<MissingAnswer>,
        /// The command that shows the whole without any answer.
        rehearsal: Option<&'static str>,
        /// Whether the command would have prompted for it in a terminal.
        lacks_terminal: bool,
    },
    /// Something that exists would be replaced or removed without consent.
    #[error("{what}: this needs confirmation; nothing was changed")]
    NeedsYes {
        /// What would be done.
        what: String,
    },
    /// A value for `--fault` or `--pve-version` that does not exist.
    #[error("{message}")]
    SandboxOption {
        /// What is wrong.
        message: String,
    },
    /// The instance has no usable name.
    #[error("--instance: {why}")]
    Instance {
        /// Why not.
        why: settings::BadInstance,
    },
    /// A tool that takes tokens alone, and a password.
    #[error("{tool} does not support passwords, only API tokens")]
    TokenAlone {
        /// Which tool.
        tool: &'static str,
    },
    /// The command behind `--` could not be started.
    #[error("cannot run {command}")]
    CannotRun {
        /// The program.
        command: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// One more answer that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingAnswer {
    /// What is missing.
    pub what: &'static str,
    /// The flag that says it.
    pub flag: &'static str,
    /// The variable that says it.
    pub variable: String,
}

fn unanswered_message(what: &str, further: &[MissingAnswer], lacks_terminal: bool) -> String {
    let missing = match further {
        [] => format!("{what} is not set"),
        [others @ .., last] => {
            let names: String = others.iter().map(|it| format!(", {}", it.what)).collect();
            format!("{what}{names} and {} are not set", last.what)
        }
    };
    if lacks_terminal { format!("{missing}, and there is no terminal to prompt on") } else { missing }
}

impl UsageError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Usage { .. }
            | Self::CommandLine { .. }
            | Self::UnknownTopic { .. }
            | Self::StandardInputTwice
            | Self::SecretAtTerminal { .. }
            | Self::Unanswered { key: None, .. }
            | Self::SandboxOption { .. }
            | Self::Instance { .. }
            | Self::CannotRun { .. } => Kind::Usage,
            Self::Unanswered { key: Some(_), .. } | Self::NeedsYes { .. } | Self::TokenAlone { .. } => {
                Kind::Configuration
            }
        }
    }

    /// Adds that the command would have prompted in a terminal.
    #[must_use]
    pub(super) fn without_terminal(mut self) -> Self {
        if let Self::Unanswered { lacks_terminal, .. } = &mut self {
            *lacks_terminal = true;
        }
        self
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::Usage { .. } => vec![run("glassdome --help")],
            Self::CommandLine { tips, command, .. } => {
                let mut hints: Vec<Hint> = tips.iter().map(|tip| say(Printable(tip).to_string())).collect();
                hints.push(run(format!("{command} --help")));
                hints
            }
            Self::UnknownTopic { known, .. } => {
                vec![say(format!("name a topic ({}), or a command:", known.join(", "))), run("glassdome --help")]
            }
            Self::StandardInputTwice => {
                vec![say(
                    "use a path instead of `-` for all but one of --token-value-file, --password-file and --login-password-file",
                )]
            }
            Self::SecretAtTerminal { .. } => vec![say(
                "omit --no-input to be prompted for it (hidden), pass a file, or pipe it in: pass show pve | glassdome ...",
            )],
            Self::Unanswered { what, flag, key, further, rehearsal, .. } => {
                let first = ways_to_answer(*flag, key.as_ref());
                let wizard = (matches!(key, Some((_, Some(_)))) && rehearsal.is_none()).then(|| run("glassdome setup"));
                let mut hints = Vec::new();
                if further.is_empty() {
                    hints.push(say(first));
                    hints.extend(
                        wizard
                            .map(|it| [say("or run the wizard, which prompts for everything and saves it:"), it])
                            .into_iter()
                            .flatten(),
                    );
                } else {
                    hints.extend(
                        wizard
                            .map(|it| {
                                [say("run the wizard, which prompts for everything and saves it:"), it, say("or:")]
                            })
                            .into_iter()
                            .flatten(),
                    );
                    hints.push(say(format!("{what}: {first}")));
                    hints.extend(
                        further.iter().map(|it| say(format!("{}: pass {}, or set {}", it.what, it.flag, it.variable))),
                    );
                }
                if let Some(line) = rehearsal {
                    hints.extend([say("try it without a server:"), run(*line)]);
                }
                hints
            }
            Self::NeedsYes { .. } => vec![say("pass --yes, or run this in a terminal")],
            Self::SandboxOption { .. } => vec![run("glassdome sandbox --help")],
            Self::Instance { .. } => vec![say("pass a valid name, e.g. --instance 02")],
            Self::TokenAlone { .. } => vec![say("create a token and pass it with --token-name and --token-value-file")],
            Self::CannotRun { .. } => vec![say("pass the name of a program in PATH, or its path, after `--`")],
        }
    }
}

/// Names flag, variable and key, whichever there are.
fn ways_to_answer(flag: Option<&str>, key: Option<&(String, Option<PathBuf>)>) -> String {
    let mut ways: Vec<String> = flag.map(|flag| format!("pass {flag}")).into_iter().collect();
    if let Some((variable, file)) = key {
        ways.push(format!("set {variable}"));
        ways.extend(file.as_ref().map(|file| format!("add {variable} to {}", file.display())));
    }
    let last = ways.pop().unwrap_or_default();
    match &ways[..] {
        [] => last,
        more => format!("{}, or {last}", more.join(", ")),
    }
}
