//! `glassdome setup`.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use std::sync::LazyLock;

use crate::cli::{Connection, Login, NewToken, Pin, TestVmFlags};
use crate::model::{Destination, Tool, VmId};

/// Set up server, token and settings file, and verify them with a test VM
///
/// Prompts for anything not given by a flag or environment variable; current values in .env are the defaults.
/// Nothing is written before server, token and privileges have been checked and, at a terminal, you have confirmed it; the
/// test VM runs after saving. The server is only read, except for what you ask for (a token, a template) and the test VM,
/// which is deleted again. Run this again to change single settings; all others are kept.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome setup --sandbox --no-input
  glassdome setup --no-input --host pve.lan --user apex@pve \\
      --token-value-file secret.txt --fingerprint AB:CD:...
  glassdome setup --create-token --login-user root@pam --host pve.lan \\
      --user glassdome@pve --accept-new-certificate
  pass show pve | glassdome setup --no-input --host pve.lan --user apex@pve \\
      --token-value-file - --accept-new-certificate")]
pub struct Setup {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Trust the certificate of a new server
    ///
    /// The certificate is stored if no fingerprint or CA is stored for this server yet. One that does not match what is
    /// stored is rejected.
    #[arg(long, conflicts_with = "insecure", help_heading = "Trust")]
    pub accept_new_certificate: bool,
    /// What to store for an accepted certificate: the cluster's CA, or the certificate's fingerprint
    /// [default: ca if available, leaf with --fingerprint]
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["ca_file", "insecure"], help_heading = "Trust")]
    pub pin: Option<Pin>,
    /// Create the token with an administrator login, and the user if it does not exist
    #[arg(long, conflicts_with_all = ["token_value_file", "over_ssh"], help_heading = "New token")]
    pub create_token: bool,
    /// Create the token with `pveum` over SSH, with your own ssh configuration [default: root on the server]
    #[arg(
        long, value_name = "USER@HOST", num_args = 0..=1, require_equals = false,
        conflicts_with_all = ["token_value_file"], help_heading = "New token"
    )]
    pub over_ssh: Option<Option<Destination>>,
    /// What a new token shall be.
    #[command(flatten)]
    pub new: NewToken,
    /// Who logs in to create it.
    #[command(flatten)]
    pub login: Login,
    /// Template for Ubuntu 22.04 [env: UBUNTU_2204_TEMPLATE_ID] [default: 9000 if it exists, else by name]
    #[arg(long, value_name = "VMID", help_heading = "Templates")]
    pub ubuntu_2204_template_id: Option<VmId>,
    /// Template for Ubuntu 20.04 [env: UBUNTU_2004_TEMPLATE_ID] [default: 9001 if it exists, else by name]
    #[arg(long, value_name = "VMID", help_heading = "Templates")]
    pub ubuntu_2004_template_id: Option<VmId>,
    /// Create the template if it is missing
    ///
    /// From an Ubuntu cloud image, or from the image at a URL or in a file.
    #[arg(long, value_name = "URL|FILE", num_args = 0..=1, help_heading = "Templates")]
    pub create_template: Option<Option<String>>,
    /// Skip the test VM
    #[arg(long, help_heading = "Test VM")]
    pub skip_test_vm: bool,
    /// Show what would be written and called, without changing anything
    #[arg(long, help_heading = "Save")]
    pub dry_run: bool,
    /// Import settings from another tool's environment variables [default: whichever tool's are set]
    #[arg(long, value_name = "TOOL", num_args = 0..=1, require_equals = true, default_missing_value = "any", help_heading = "Import")]
    pub import: Option<ImportFrom>,
    /// Save a password even if not every program that reads `.env` can read it back
    #[arg(long, help_heading = "Save")]
    pub allow_ambiguous_value: bool,
    /// How the test VM is made.
    #[command(flatten)]
    pub test_vm: TestVmFlags,
}

/// Whose variables are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFrom {
    /// Those of whichever tool has any.
    Whichever,
    /// Those of one tool.
    One(Tool),
}

impl ImportFrom {
    /// Gives the tool that was named, if one was.
    #[must_use]
    pub const fn tool(self) -> Option<Tool> {
        match self {
            Self::Whichever => None,
            Self::One(tool) => Some(tool),
        }
    }
}

impl ValueEnum for ImportFrom {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<ImportFrom>> =
            LazyLock::new(|| [ImportFrom::Whichever].into_iter().chain(Tool::ALL.map(ImportFrom::One)).collect());
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Whichever => PossibleValue::new("any").help("Whichever is set"),
            Self::One(tool) => PossibleValue::new(tool.name()).help(tool.title()),
        })
    }
}
