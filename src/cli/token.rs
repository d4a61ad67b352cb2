//! `glassdome token`.

use clap::{Args, Subcommand};

use crate::cli::{Connection, Login, NewToken, Proof};

/// Create, list, rotate or revoke API tokens, with an administrator login
///
/// A token may neither read nor change its own entry, so all of these need an administrator login. The password is asked for,
/// used once and forgotten.
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
/// The plan is shown first: the same as `pveum` lines, and all privileges before and after. A plan that would take away
/// a privilege is refused. If a step fails, the steps before it are undone.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome token create --login-user root@pam
  glassdome token create --login-user root@pam --pool glassdome \\
      --expire 2027-01-31 --dry-run")]
pub struct TokenCreate {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Who logs in.
    #[command(flatten)]
    pub login: Login,
    /// What the token shall be.
    #[command(flatten)]
    pub new: NewToken,
    /// What it shall be able to do.
    #[command(flatten)]
    pub proof: Proof,
    /// Show the plan without changing anything
    #[arg(long, help_heading = "New token")]
    pub dry_run: bool,
}

/// List a user's tokens with their privileges, and mark the one in the settings file
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  glassdome token list --login-user root@pam")]
pub struct TokenList {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Who logs in.
    #[command(flatten)]
    pub login: Login,
}

/// Rotate the token secret without downtime
///
/// A second token with the same rights is made, tried, written to the settings file, and only then the first is
/// removed, unless another line of the settings file uses it. A run after a crash finishes what was begun. Without a
/// terminal this needs --yes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome token rotate --login-user root@pam
  glassdome token rotate --login-user apex@pve --in-place")]
pub struct TokenRotate {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Who logs in.
    #[command(flatten)]
    pub login: Login,
    /// Generate a new secret for the same token; the old one stops working immediately (access-control 9.1.0 and later)
    #[arg(long, help_heading = "Rotation")]
    pub in_place: bool,
}

/// Delete a token and its permissions
///
/// Its user, the roles and what was granted to the user stay: other tokens may depend on them. Without a terminal this
/// needs --yes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  glassdome token revoke --login-user root@pam --token-name old-token")]
pub struct TokenRevoke {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Who logs in.
    #[command(flatten)]
    pub login: Login,
}
