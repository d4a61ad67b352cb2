//! `glassdome env`.

use std::sync::LazyLock;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::model::Tool;

/// Print the settings for other tools, or run a command with them
///
/// Does not contact the server. Without --reveal, the secret is masked and commented out. A COMMAND gets it in its
/// environment, so it appears neither in a file nor in the arguments of a process. Settings that a tool does not support
/// are listed on standard error.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome env --format terraform-bpg -- terraform plan
  eval \"$(glassdome env --format sh --reveal)\"
  glassdome env --format ansible --syntax fish --reveal | source")]
pub struct Env {
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "dotenv")]
    pub format: EnvFormat,
    /// Syntax for another tool's variables [default: sh]
    #[arg(long, value_name = "SYNTAX")]
    pub syntax: Option<EnvSyntax>,
    /// Include the secret
    #[arg(long)]
    pub reveal: bool,
    /// Run this command with the variables set instead of printing them
    #[arg(last = true, value_name = "COMMAND", conflicts_with_all = ["reveal", "syntax"])]
    pub command: Vec<std::ffi::OsString>,
}

/// Whose words, and how they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvFormat {
    /// This program's own names.
    Ours(EnvSyntax),
    /// A line that calls the server with curl.
    Curl,
    /// Another tool's names.
    Of(Tool),
}

impl EnvFormat {
    /// Gives its name, as `--format` takes it.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl ValueEnum for EnvFormat {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<EnvFormat>> = LazyLock::new(|| {
            let ours = EnvSyntax::value_variants().iter().copied().map(EnvFormat::Ours);
            ours.chain([EnvFormat::Curl]).chain(Tool::ALL.map(EnvFormat::Of)).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Ours(syntax) => syntax.to_possible_value(),
            Self::Curl => Some(PossibleValue::new("curl").help("A line that calls the server with curl")),
            Self::Of(tool) => Some(PossibleValue::new(tool.name()).help(tool.title())),
        }
    }
}

/// How variables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EnvSyntax {
    /// Lines of a `.env` file
    Dotenv,
    /// Lines for `docker run --env-file`, with no quotes around a value
    Docker,
    /// `export` lines for sh, bash and zsh
    Sh,
    /// `set -gx` lines for fish
    Fish,
    /// `$env:` lines for PowerShell
    #[value(name = "powershell")]
    PowerShell,
    /// One JSON object
    Json,
}
