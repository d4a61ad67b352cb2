//! `glassdome token`.

use clap::{Args, Subcommand};

use crate::cli::options::seconds;
use crate::cli::{Connection, Login, NewToken, TestVmFlags};
use crate::model::{NodeName, PoolName, StorageName, VmId};
use std::time::Duration;

/// Create, list, rotate or revoke API tokens, with an administrator login
///
/// These commands need a login of an administrator, or of the token's user: a token cannot manage tokens, and can read its
/// own entry only with Sys.Audit on /access. You are prompted for the password; it is used once and not stored.
#[derive(Debug, Clone, Args)]
pub struct Token {
    /// What is done.
    #[command(subcommand)]
    pub action: TokenAction,
}

/// What is done with tokens.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenAction {
    /// Create a token, verify it and save it to the settings file
    Create(Box<TokenCreate>),
    /// List a user's tokens with their privileges, and mark the one in the settings file
    List(Box<TokenList>),
    /// Rotate the token secret without downtime
    Rotate(Box<TokenRotate>),
    /// Delete a token and its permissions
    Revoke(Box<TokenRevoke>),
}

/// Create a token, verify it and save it to the settings file
///
/// Shows the plan first: the equivalent `pveum` commands, and all privileges before and after. A plan that would remove a
/// privilege is rejected. If a step fails, the steps before it are undone.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome token create --login-user root@pam
  glassdome token create --login-user root@pam --pool glassdome \\
      --expire 2027-01-31 --dry-run")]
pub struct TokenCreate {
    /// What the token shall be.
    #[command(flatten)]
    pub new: NewToken,
    /// What it shall be able to do.
    #[command(flatten)]
    pub privileges_for: PrivilegesFor,
    /// Show the plan without changing anything
    #[arg(long, help_heading = "New token")]
    pub dry_run: bool,
    /// Who logs in.
    #[command(flatten)]
    pub login: Login,
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
}

/// What the token is to be used for: this decides which privileges it gets, and on which paths they are checked.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Privileges for")]
pub struct PrivilegesFor {
    /// Template to clone [default: 9000]
    ///
    /// [env: UBUNTU_2204_TEMPLATE_ID, else UBUNTU_2004_TEMPLATE_ID]
    #[arg(long, value_name = "VMID")]
    pub template: Option<VmId>,
    /// Full clones
    #[arg(long, conflicts_with = "linked")]
    pub full: bool,
    /// Linked clones [default if supported]
    #[arg(long, conflicts_with = "storage")]
    pub linked: bool,
    /// Storage for the disks of the clones; implies --full
    #[arg(long, value_name = "STORAGE")]
    pub storage: Option<StorageName>,
    /// Pool that the token is confined to [env: PROXMOX_POOL]
    #[arg(long, value_name = "POOL")]
    pub pool: Option<PoolName>,
    /// Node for the clones
    #[arg(long, value_name = "NODE")]
    pub target: Option<NodeName>,
    /// IP addresses from the guest agent, as in `test-vm --wait-ip`
    #[arg(long, value_name = "SECONDS", value_parser = seconds, num_args = 0..=1, default_missing_value = "120")]
    pub wait_ip: Option<Duration>,
}

impl From<&PrivilegesFor> for TestVmFlags {
    fn from(flags: &PrivilegesFor) -> Self {
        let PrivilegesFor { template, full, linked, storage, pool, target, wait_ip } = flags.clone();
        Self { template, full, linked, storage, pool, target, wait_ip, ..Self::default() }
    }
}

/// List a user's tokens with their privileges, and mark the one in the settings file
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  glassdome token list --login-user root@pam")]
pub struct TokenList {
    /// Who logs in.
    #[command(flatten)]
    pub login: Login,
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
}

/// Rotate the token secret without downtime
///
/// Creates a second token with the same permissions, tests it, saves it to the settings file, and only then revokes the
/// first one, unless the settings file uses it elsewhere. After a crash, the next run completes the rotation. Without a
/// terminal this needs --yes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome token rotate --login-user root@pam
  glassdome token rotate --login-user apex@pve --in-place")]
pub struct TokenRotate {
    /// Who logs in.
    #[command(flatten)]
    pub login: Login,
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Generate a new secret for the same token
    ///
    /// The old secret stops working immediately. Needs Proxmox VE 9.1 (access-control 9.1.0) or later.
    #[arg(long, help_heading = "Rotation")]
    pub in_place: bool,
    /// Show the plan without changing anything
    #[arg(long, help_heading = "Rotation")]
    pub dry_run: bool,
}

/// Delete a token and its permissions
///
/// Keeps its user, the roles and the permissions of the user, because other tokens may depend on them. Without a terminal
/// this needs --yes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome token revoke --login-user root@pam --token-name old-token
  glassdome token revoke --login-user root@pam --dry-run")]
pub struct TokenRevoke {
    /// Who logs in.
    #[command(flatten)]
    pub login: Login,
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Show what would be deleted without changing anything
    #[arg(long, help_heading = "Revocation")]
    pub dry_run: bool,
}
