//! The options that several commands share.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::model::{Endpoint, Expiry, Fingerprint, NodeName, PoolName, StorageName, TokenRef, UserId, VmId, VmName};

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Settings file [env: GLASSDOME_ENV_FILE] [default: .env]
    #[arg(long, global = true, value_name = "PATH")]
    pub env_file: Option<PathBuf>,
    /// Instance to use, e.g. `02` for PROXMOX_02_HOST
    #[arg(long, global = true, value_name = "ID", hide_short_help = true)]
    pub instance: Option<String>,
    /// Format of the results, text or json
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub output: OutputFormat,
    /// Never prompt
    ///
    /// Implied if standard input is not a terminal.
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Confirm everything; failed checks still fail
    #[arg(long, global = true)]
    pub yes: bool,
    /// When to use colours [env: NO_COLOR, CLICOLOR_FORCE]
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_short_help = true)]
    pub color: Color,
    /// Print only errors and results
    #[arg(short, long, global = true, conflicts_with = "verbose", hide_short_help = true)]
    pub quiet: bool,
    /// Show the source of each setting (-vv: also API calls)
    ///
    /// Secrets are never shown.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The form of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Text for people.
    Text,
    /// One JSON document on standard output.
    Json,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// If the output is a terminal that supports them.
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
    /// Server: host name, IP address or URL
    ///
    /// A port other than 8006 is written `host:port`. [env: PROXMOX_HOST]
    #[arg(long, value_name = "HOST")]
    pub host: Option<Endpoint>,
    /// User with realm, e.g. apex@pve
    ///
    /// [env: PROXMOX_USER]
    #[arg(long, value_name = "USER@REALM")]
    pub user: Option<UserId>,
    /// Token name, e.g. glassdome-token
    ///
    /// A full token ID (user@realm!name) also works. [env: PROXMOX_TOKEN_NAME]
    #[arg(long, value_name = "NAME")]
    pub token_name: Option<TokenRef>,
    /// File with the token secret, or `-`
    ///
    /// The file may contain everything that the web interface shows with the secret. `-` reads standard input; if that is
    /// a terminal, it opens a hidden prompt. The variable PROXMOX_TOKEN_VALUE contains the secret itself.
    #[arg(long, value_name = "PATH")]
    pub token_value_file: Option<PathBuf>,
    /// File with the password of the user; `-` reads standard input
    ///
    /// If standard input is a terminal, `-` opens a hidden prompt. The variable PROXMOX_PASSWORD contains the password
    /// itself. An API token is safer.
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub password_file: Option<PathBuf>,
    /// Node to use
    ///
    /// [env: PROXMOX_NODE]
    #[arg(long, value_name = "NODE")]
    pub node: Option<NodeName>,
    /// SHA-256 fingerprint of the only certificate to trust [env: PROXMOX_FINGERPRINT]
    #[arg(long, value_name = "SHA256", hide_short_help = true)]
    pub fingerprint: Option<Fingerprint>,
    /// PEM file with the CA certificate to trust [env: PROXMOX_CA_FILE]
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub ca_file: Option<PathBuf>,
    /// Do not verify the certificate; anyone on the network path can read the secret [env: PROXMOX_VERIFY_SSL=false]
    #[arg(long, conflicts_with_all = ["fingerprint", "ca_file"], hide_short_help = true)]
    pub insecure: bool,
    /// Seconds to wait for a connection
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "10", hide_short_help = true)]
    pub connect_timeout: Option<Duration>,
    /// Use a simulated server for this command
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
    /// Administrator to log in as, e.g. root@pam
    #[arg(long, value_name = "USER@REALM")]
    pub login_user: Option<UserId>,
    /// File with the administrator's password; `-` reads standard input
    ///
    /// If standard input is a terminal, `-` opens a hidden prompt. The variable PROXMOX_LOGIN_PASSWORD contains the
    /// password itself.
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub login_password_file: Option<PathBuf>,
    /// TOTP code for the login
    #[arg(long, value_name = "CODE", hide_short_help = true)]
    pub totp: Option<String>,
}

/// What a new token shall be.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "New token")]
pub struct NewToken {
    /// Privileges of the token [default: needed]
    #[arg(long, value_name = "WHAT")]
    pub rights: Option<Rights>,
    /// Generate a new secret if the token already exists
    ///
    /// The old secret stops working immediately. Without a terminal this needs --yes.
    #[arg(long, hide_short_help = true)]
    pub regenerate: bool,
    /// Expiry date of the token (YYYY-MM-DD, 00:00 UTC)
    #[arg(long, value_name = "DATE")]
    pub expire: Option<Expiry>,
}

/// The rights of a new token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rights {
    /// Only what Glassdome needs, on the objects it uses (with --pool: in that pool)
    Needed,
    /// All privileges of its user (no privilege separation)
    User,
}

/// What of the presented certificate is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pin {
    /// The cluster CA, which signs the certificates of all nodes and remains valid when they are renewed
    Ca,
    /// The fingerprint of the server certificate
    Leaf,
}

/// Options of the test VM.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Test VM")]
pub struct TestVmFlags {
    /// Template to clone [default: 9000]
    ///
    /// [env: UBUNTU_2204_TEMPLATE_ID, else UBUNTU_2004_TEMPLATE_ID]
    #[arg(long, value_name = "VMID")]
    pub template: Option<VmId>,
    /// VMID of the clone [default: next free VMID that was not freed in the last minute]
    #[arg(long, value_name = "VMID", hide_short_help = true)]
    pub vmid: Option<VmId>,
    /// Name of the clone [default: glassdome-test-XXXXXX]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub name: Option<VmName>,
    /// Create a full clone
    #[arg(long, conflicts_with = "linked")]
    pub full: bool,
    /// Create a linked clone [default if supported]
    #[arg(long, conflicts_with = "storage")]
    pub linked: bool,
    /// Storage for the disks; implies --full
    #[arg(long, value_name = "STORAGE")]
    pub storage: Option<StorageName>,
    /// Pool for the clone [env: PROXMOX_POOL]
    #[arg(long, value_name = "POOL")]
    pub pool: Option<PoolName>,
    /// Node for the clone
    #[arg(long, value_name = "NODE")]
    pub target: Option<NodeName>,
    /// Do not start the clone
    #[arg(long, conflicts_with_all = ["wait_ip", "no_network"])]
    pub no_start: bool,
    /// Start the clone with its network links down (for templates with a static IP address)
    #[arg(long, conflicts_with = "wait_ip", hide_short_help = true)]
    pub no_network: bool,
    /// Wait for an IP address from the guest agent
    ///
    /// [default: 120 seconds]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, num_args = 0..=1, default_missing_value = "120")]
    pub wait_ip: Option<Duration>,
    /// Keep the clone
    ///
    /// Delete it later with `glassdome cleanup --vmid VMID`.
    #[arg(long)]
    pub keep: bool,
    /// Seconds without progress after which a task has failed
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "300", hide_short_help = true)]
    pub timeout: Option<Duration>,
}

/// Reads a number of seconds, fractions allowed, above 0 and up to a day.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.trim().parse().map_err(|_| "expected a number of seconds".to_owned())?;
    if value > 0.0 && value <= 86_400.0 {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err("must be more than 0 and at most 86400 seconds".to_owned())
    }
}

/// Reads a whole number within a range.
pub(super) fn whole<T>(text: &str, range: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    let value = text.trim().parse().ok().filter(|value| range.contains(value));
    value.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::{seconds, whole};

    #[test]
    fn a_number_out_of_range_is_explained_in_words() {
        assert_eq!(whole(" 7 ", 1..=256_u16), Ok(7));
        for text in ["0", "257", "70000", "-1", "1.5", "x", ""] {
            assert_eq!(whole(text, 1..=256_u16), Err("must be a whole number from 1 to 256".to_owned()), "{text}");
        }
        assert_eq!(seconds("5s"), Err("expected a number of seconds".to_owned()));
    }
}
