//! `glassdome token`.

use clap::{Args, Subcommand};

use crate::cli::{Connection, Login, NewToken, Proof};

/// Create, list, rotate or revoke the API token, with a log-in
///
/// A token may neither read nor change its own entry, so all of these log somebody in. The password is asked for,
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
    /// Create a token, try it, and put it into the settings file
    Create(Box<TokenCreate>),
    /// List the tokens of a user, what each may do, and which one the settings file uses
    List(Box<TokenList>),
    /// Put another secret into the settings file, one that works at every moment
    Rotate(Box<TokenRotate>),
    /// Remove a token and what was granted to it
    Revoke(Box<TokenRevoke>),
}

/// Create a token, try it, and put it into the settings file
///
/// The plan is shown first: the same as `pveum` lines, and everybody's privileges before and after. Nobody loses any, or
/// nothing is done. Where a step fails, the steps before it are undone.
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
    /// Show the plan; change nothing
    #[arg(long, help_heading = "New token")]
    pub dry_run: bool,
}

/// List the tokens of a user, what each may do, and which one the settings file uses
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

/// Put another secret into the settings file, one that works at every moment
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
    /// Give the token itself a new secret; the old one is dead at once (since access-control 9.1.0)
    #[arg(long, help_heading = "Rotation")]
    pub in_place: bool,
}

/// Remove a token and what was granted to it
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
