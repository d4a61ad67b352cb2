//! The options that several commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::model::{Endpoint, Expiry, Fingerprint, NodeName, PoolName, StorageName, TokenRef, UserId, VmId, VmName};

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Use this settings file [env: GLASSDOME_ENV_FILE] [default: .env]
    #[arg(long, global = true, value_name = "PATH")]
    pub env_file: Option<PathBuf>,
    /// Use the settings of this instance, `PROXMOX_02_HOST` for `02`
    #[arg(long, global = true, value_name = "ID")]
    pub instance: Option<String>,
    /// Print results as text, or as one JSON document
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "text")]
    pub output: OutputFormat,
    /// Never prompt; implied when standard input is not a terminal
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Answer yes to every confirmation; failed checks still fail
    #[arg(long, global = true)]
    pub yes: bool,
    /// Use colours [env: NO_COLOR, CLICOLOR_FORCE]
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Print only errors and results
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Show where each setting comes from; twice: every API call too. Never shows a secret
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The form of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For a person.
    Text,
    /// One JSON document on standard output.
    Json,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// Where a terminal takes them.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which server, as whom, with which trust.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Server: a name, an address, `host:port`, or the web interface's address [env: PROXMOX_HOST]
    #[arg(long, value_name = "HOST")]
    pub host: Option<Endpoint>,
    /// User with its realm (name@realm, e.g. apex@pve) [env: PROXMOX_USER]
    #[arg(long, value_name = "USER@REALM")]
    pub user: Option<UserId>,
    /// Name of the token [env: PROXMOX_TOKEN_NAME]
    #[arg(long, value_name = "NAME")]
    pub token_name: Option<TokenRef>,
    /// Read the token's secret, or all that was copied with it, from this file, `-` for standard input, at a terminal a
    /// hidden prompt [env: PROXMOX_TOKEN_VALUE holds the secret itself]
    #[arg(long, value_name = "PATH")]
    pub token_value_file: Option<PathBuf>,
    /// Read the user's password from this file, `-` for standard input, at a terminal a hidden prompt [env: PROXMOX_PASSWORD holds the password itself]
    #[arg(long, value_name = "PATH")]
    pub password_file: Option<PathBuf>,
    /// Node to work on [env: PROXMOX_NODE]
    #[arg(long, value_name = "NODE")]
    pub node: Option<NodeName>,
    /// Trust only the certificate with this SHA-256 fingerprint [env: PROXMOX_FINGERPRINT]
    #[arg(long, value_name = "SHA256")]
    pub fingerprint: Option<Fingerprint>,
    /// Trust certificates signed by the CA in this PEM file [env: PROXMOX_CA_FILE]
    #[arg(long, value_name = "PATH")]
    pub ca_file: Option<PathBuf>,
    /// Do not verify the certificate: anyone on the network path can read the secret [env: PROXMOX_VERIFY_SSL=false]
    #[arg(long, conflicts_with_all = ["fingerprint", "ca_file"])]
    pub insecure: bool,
    /// Give up connecting after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    pub connect_timeout: Option<Duration>,
    /// Use a simulated server that runs only for the duration of this command
    #[cfg(feature = "sandbox")]
    #[arg(long, conflicts_with_all = ["host", "fingerprint", "ca_file", "insecure"])]
    pub sandbox: bool,
}

impl Connection {
    /// Says whether a simulated server was asked for.
    #[must_use]
    pub const fn is_sandbox(&self) -> bool {
        #[cfg(feature = "sandbox")]
        return self.sandbox;
        #[cfg(not(feature = "sandbox"))]
        false
    }
}

/// The administrator login for what a token may not do.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Login")]
pub struct Login {
    /// Log in as this user, e.g. root@pam
    #[arg(long, value_name = "USER@REALM")]
    pub login_user: Option<UserId>,
    /// Read the password for the login from this file, `-` for standard input, at a terminal a hidden prompt
    /// [env: PROXMOX_LOGIN_PASSWORD holds the password itself]
    #[arg(long, value_name = "PATH")]
    pub login_password_file: Option<PathBuf>,
    /// TOTP code for the administrator login
    #[arg(long, value_name = "CODE")]
    pub totp: Option<String>,
}

/// What a new token shall be.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "New token")]
pub struct NewToken {
    /// Privileges of the token: what Glassdome needs, or all that its user has [default: needed]
    #[arg(long, value_name = "WHAT")]
    pub rights: Option<Rights>,
    /// Generate a new secret if a token of that name exists; the old secret stops working immediately (needs --yes without a terminal)
    #[arg(long)]
    pub regenerate: bool,
    /// Expire the token at 00:00 UTC on this date (YYYY-MM-DD)
    #[arg(long, value_name = "DATE")]
    pub expire: Option<Expiry>,
}

/// The rights of a new token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rights {
    /// A role with what Glassdome needs, on what it uses; with --pool confined to that pool.
    Needed,
    /// All that its user has (no privilege separation).
    User,
}

/// What of the presented certificate is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pin {
    /// The authority that signed the certificates of all nodes; it survives their renewal.
    Ca,
    /// The fingerprint of the server's own certificate.
    Leaf,
}

/// How the proof is done.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Test VM")]
pub struct Proof {
    /// Template to clone [env: UBUNTU_2204_TEMPLATE_ID] [default: 9000]
    #[arg(long, value_name = "VMID")]
    pub template: Option<VmId>,
    /// VMID of the clone [default: the next free one]
    #[arg(long, value_name = "VMID")]
    pub vmid: Option<VmId>,
    /// Name of the clone [default: glassdome-test-XXXXXX]
    #[arg(long, value_name = "NAME")]
    pub name: Option<VmName>,
    /// Make a full clone
    #[arg(long, conflicts_with = "linked")]
    pub full: bool,
    /// Make a linked clone [default if the storage supports it]
    #[arg(long, conflicts_with = "storage")]
    pub linked: bool,
    /// Storage of the clone's disks; implies --full
    #[arg(long, value_name = "STORAGE")]
    pub storage: Option<StorageName>,
    /// Pool of the clone [env: PROXMOX_POOL]
    #[arg(long, value_name = "POOL")]
    pub pool: Option<PoolName>,
    /// Node of the clone
    #[arg(long, value_name = "NODE")]
    pub target: Option<NodeName>,
    /// Do not start the clone
    #[arg(long, conflicts_with_all = ["wait_ip", "no_network"])]
    pub no_start: bool,
    /// Start with the network links down, for a template with a static IP address
    #[arg(long, conflicts_with = "wait_ip")]
    pub no_network: bool,
    /// Wait until the guest agent reports an IP address [default: 120 seconds]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, num_args = 0..=1, default_missing_value = "120")]
    pub wait_ip: Option<Duration>,
    /// Keep the clone; delete it later with `glassdome cleanup --vmid`
    #[arg(long)]
    pub keep: bool,
    /// Fail if a task makes no progress for this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "300")]
    pub timeout: Option<Duration>,
}

/// Reads a number of seconds, fractions allowed, above 0 and up to a day.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.trim().parse().map_err(|_| "a number of seconds".to_owned())?;
    if value > 0.0 && value <= 86_400.0 {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err("more than 0 and at most 86400 seconds".to_owned())
    }
}
