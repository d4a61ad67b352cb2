//! The command line as clap sees it; the words of --help.

pub mod completion;
pub mod manual;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::builder::styling::{AnsiColor, Style, Styles};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::model::{
    Destination, DiskSize, Endpoint, Expiry, Fingerprint, NodeName, PoolName, StorageName, TokenRef, Tool, UserId,
    VmId, VmName,
};

/// The colours of the help texts: what can be read on dark ground and on light.
const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(Style::new().bold())
    .placeholder(Style::new());

/// Take a Proxmox VE server to a token that is proven to create VMs there
#[derive(Debug, Parser)]
#[command(
    name = "glassdome",
    version,
    styles = STYLES,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    propagate_version = true,
    after_help = "Rehearse without a server:\n  glassdome setup --sandbox --no-input\n\n`glassdome help exit-codes` and `glassdome help environment` say more."
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

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
    /// Never ask; implied when standard input is not a terminal
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Confirm what would be asked; a failed check stays failed
    #[arg(long, global = true)]
    pub yes: bool,
    /// Use colours [env: NO_COLOR, CLICOLOR_FORCE]
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Print errors and results alone
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say where each setting comes from; twice: every call too. Never shows a secret
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
    /// User with its realm, `apex@pve` for example [env: PROXMOX_USER]
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
    /// Trust the certificate with this SHA-256 fingerprint alone [env: PROXMOX_FINGERPRINT]
    #[arg(long, value_name = "SHA256")]
    pub fingerprint: Option<Fingerprint>,
    /// Trust what the CA in this PEM file has signed [env: PROXMOX_CA_FILE]
    #[arg(long, value_name = "PATH")]
    pub ca_file: Option<PathBuf>,
    /// Do not verify the certificate: whoever is in between can read the secret [env: PROXMOX_VERIFY_SSL=false]
    #[arg(long, conflicts_with_all = ["fingerprint", "ca_file"])]
    pub insecure: bool,
    /// Give up connecting after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    pub connect_timeout: Option<Duration>,
    /// Work on a simulated server that lives only as long as this command
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
    /// Explain a command, the exit codes or the environment
    Help {
        /// A command, `exit-codes` or `environment`
        #[arg(value_name = "TOPIC")]
        topic: Option<String>,
    },
}

/// Check server, token and privileges, write `.env`, and prove that a VM can be created
///
/// In a terminal it asks for what no flag and no variable says, with what the settings file says as the proposal.
/// Everything is verified before anything is written. Sent to the server: reading calls, the calls of the proof (clone,
/// start, stop, destroy of one test VM), and those that make a token or a template where you ask for one. Written: the settings file with its backup, once everything
/// has been checked. Run again, it keeps what is there and changes only what a flag or an answer says.
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
    /// Trust the certificate that is presented now and store it, if no fingerprint and no CA is stored for this server;
    /// a certificate that does not match what is stored is refused
    #[arg(long, conflicts_with = "insecure", help_heading = "Trust")]
    pub accept_new_certificate: bool,
    /// What is stored of a certificate that is accepted or pinned: the cluster's CA, or its own fingerprint
    /// [default: ca where it can be had, leaf with --fingerprint]
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["ca_file", "insecure"], help_heading = "Trust")]
    pub pin: Option<Pin>,
    /// Create the token with a log-in, and the user if there is none
    #[arg(long, conflicts_with_all = ["token_value_file", "over_ssh"], help_heading = "New token")]
    pub create_token: bool,
    /// Make the token with `pveum` in the shell of a node, through your own ssh; as root on the server unless said otherwise
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
    /// Template for Ubuntu 22.04 [env: UBUNTU_2204_TEMPLATE_ID] [default: 9000 where it exists, else by name]
    #[arg(long, value_name = "VMID", help_heading = "Templates")]
    pub ubuntu_2204_template_id: Option<VmId>,
    /// Template for Ubuntu 20.04 [env: UBUNTU_2004_TEMPLATE_ID] [default: 9001 where it exists, else by name]
    #[arg(long, value_name = "VMID", help_heading = "Templates")]
    pub ubuntu_2004_template_id: Option<VmId>,
    /// Make the template where there is none, from Ubuntu's cloud image, or from the image at an address or in a file
    #[arg(long, value_name = "URL|FILE", num_args = 0..=1, help_heading = "Templates")]
    pub create_template: Option<Option<String>>,
    /// Save without the proof
    #[arg(long, help_heading = "Proof")]
    pub skip_test_vm: bool,
    /// Check and show what would be written and called; write and change nothing
    #[arg(long, help_heading = "Save")]
    pub dry_run: bool,
    /// Take what another tool's variables say, of the tool that is named or of whichever is set
    #[arg(long, value_name = "TOOL", num_args = 0..=1, require_equals = true, default_missing_value = "any", help_heading = "Import")]
    pub import: Option<ImportFrom>,
    /// Write a password for which no spelling exists that every reader of `.env` reads alike
    #[arg(long, help_heading = "Save")]
    pub allow_ambiguous_value: bool,
    /// How the proof is done.
    #[command(flatten)]
    pub proof: Proof,
}

/// Somebody with more rights, who logs in for as long as it takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Log-in")]
pub struct Login {
    /// Log in as this user, `root@pam` for example
    #[arg(long, value_name = "USER@REALM")]
    pub login_user: Option<UserId>,
    /// Read the password of the log-in from this file, `-` for standard input, at a terminal a hidden prompt
    /// [env: PROXMOX_LOGIN_PASSWORD holds the password itself]
    #[arg(long, value_name = "PATH")]
    pub login_password_file: Option<PathBuf>,
    /// Answer a question for a one-time code with this one
    #[arg(long, value_name = "CODE")]
    pub totp: Option<String>,
}

/// What a new token shall be.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "New token")]
pub struct NewToken {
    /// Give it what Glassdome needs, or all that its user has [default: needed]
    #[arg(long, value_name = "WHAT")]
    pub rights: Option<Rights>,
    /// Give a token of that name that exists already a new secret; the old one is dead at once (needs --yes without a terminal)
    #[arg(long)]
    pub regenerate: bool,
    /// Let it end on this day, as the day begins (UTC): 2027-01-31
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

/// Clone the template, start, stop and destroy the clone, with a timed receipt
///
/// The privileges are read first, so that a clone that cannot succeed is not started. The clone is destroyed whatever
/// happens, and only after its name and its marker have been read again. Nothing is written but a journal entry in
/// the state folder, which is gone when the VM is.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome test-vm --sandbox
  glassdome test-vm --template 9001 --full --storage local-lvm
  glassdome test-vm --wait-ip -o json
  glassdome test-vm --count 100 --parallel 8 --all-nodes")]
pub struct TestVm {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// How the proof is done.
    #[command(flatten)]
    pub proof: Proof,
    /// Make this many proofs, and tell the figures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), conflicts_with_all = ["vmid", "name", "keep"], help_heading = "Many")]
    pub count: Option<u32>,
    /// Make so many at once, 4 unless said otherwise
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Many")]
    pub parallel: Option<u16>,
    /// Prove every node that is online, in turn
    #[arg(long, conflicts_with_all = ["vmid", "name", "keep", "target"], help_heading = "Many")]
    pub all_nodes: bool,
}

/// How the proof is done.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Proof")]
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
    /// Copy the whole disk
    #[arg(long, conflicts_with = "linked")]
    pub full: bool,
    /// Share the template's disk [default where the storage can]
    #[arg(long, conflicts_with = "storage")]
    pub linked: bool,
    /// Put the copy on this storage; implies --full
    #[arg(long, value_name = "STORAGE")]
    pub storage: Option<StorageName>,
    /// Put the clone into this pool [env: PROXMOX_POOL]
    #[arg(long, value_name = "POOL")]
    pub pool: Option<PoolName>,
    /// Put the clone on this node
    #[arg(long, value_name = "NODE")]
    pub target: Option<NodeName>,
    /// Do not start the clone
    #[arg(long, conflicts_with_all = ["wait_ip", "no_network"])]
    pub no_start: bool,
    /// Start with the links down, for a template with a fixed address
    #[arg(long, conflicts_with = "wait_ip")]
    pub no_network: bool,
    /// Wait until the guest agent reports an address, 120 seconds unless said otherwise
    #[arg(long, value_name = "SECONDS", value_parser = seconds, num_args = 0..=1, default_missing_value = "120")]
    pub wait_ip: Option<Duration>,
    /// Keep the clone; `glassdome cleanup --vmid` removes it later
    #[arg(long)]
    pub keep: bool,
    /// Give a task up after this many seconds without progress
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "300")]
    pub timeout: Option<Duration>,
}

/// Look at everything that can be wrong, and say what mends it
///
/// From the settings file to the last privilege, the checks come in the order in which things break, and a failed one does not hide those that do not depend on it.
/// Nothing is changed: reading calls alone are sent, and the log-in where a password is set. The exit code is that of
/// the first failed check.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome doctor
  glassdome doctor --sandbox
  glassdome doctor --bundle report.json")]
pub struct Doctor {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Write a report for a bug tracker to this new file; names and addresses are replaced, and no secret is in it
    #[arg(long, value_name = "FILE", help_heading = "Diagnosis")]
    pub bundle: Option<PathBuf>,
    /// Look at every instance that the settings file names
    #[arg(long, conflicts_with_all = ["bundle", "instance", "host"], help_heading = "Diagnosis")]
    pub all_instances: bool,
}

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

/// Destroy the test VMs that an earlier run had to leave behind, and only those
///
/// What an earlier run of this machine left is known from its journal entry in the state folder: a VM is destroyed if
/// its VMID, its name and its marker are those of an entry. Other VMs that carry a marker and are named glassdome-test-*
/// are listed with their age and their machine, and destroyed only when you name them; one that got another name, with
/// `test-vm --keep --name` for example, is found by its VMID alone. What belongs to a run that is alive here is never touched.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome cleanup
  glassdome cleanup --vmid 105 --vmid 106")]
pub struct Cleanup {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Destroy this VM, too, if it carries the marker of a test VM; one that is not called glassdome-test-... only after a
    /// yes (--yes without a terminal). May be given several times
    #[arg(long, value_name = "VMID", help_heading = "Clean-up")]
    pub vmid: Vec<VmId>,
    /// Show what would be destroyed; destroy nothing
    #[arg(long, help_heading = "Clean-up")]
    pub dry_run: bool,
    /// Give a task up after this many seconds without progress
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "300", help_heading = "Clean-up")]
    pub timeout: Option<Duration>,
}

/// List the templates that a clone could use, or create one from a cloud image
#[derive(Debug, Clone, Args)]
pub struct TemplateArgs {
    /// What is done.
    #[command(subcommand)]
    pub action: TemplateAction,
}

/// What is done with templates.
#[derive(Debug, Clone, Subcommand)]
pub enum TemplateAction {
    /// List the templates of all nodes: where they are, what they have, what they lack
    List(Box<TemplateList>),
    /// Create a template from an Ubuntu cloud image
    Create(Box<TemplateCreate>),
}

/// List the templates of all nodes: where they are, what they have, what they lack
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  glassdome template list")]
pub struct TemplateList {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// List VMs that are no templates, too
    #[arg(long, help_heading = "List")]
    pub all: bool,
}

/// Create a template from an Ubuntu cloud image
///
/// The server fetches the image itself and checks its checksum; a file is sent to it. A VM with the image as its disk,
/// which is grown, a drive for cloud-init, a serial console and the guest agent switched on is made and turned into a
/// template, and the settings file points at it. The token does it where it may, else somebody logs in. Where a step fails, or you
/// interrupt, what was made is removed. The image gets a name that no other has, and is removed at the end; what this run
/// cannot prove to have made stays, and is listed.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome template create --login-user root@pam
  glassdome template create --release 20.04 --storage local-lvm
  glassdome template create --release ./jammy.img --id 9000 --disk-size 64G")]
pub struct TemplateCreate {
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
    /// Who logs in, where the token lacks privileges.
    #[command(flatten)]
    pub login: Login,
    /// Ubuntu release (20.04, 22.04, 24.04), address of an image, or path of a file [default: 22.04]
    #[arg(long, value_name = "RELEASE|URL|FILE", help_heading = "Template")]
    pub release: Option<String>,
    /// VMID of the template [default: 9000 for 22.04, 9001 for 20.04, else the next free one]
    #[arg(long, value_name = "VMID", help_heading = "Template")]
    pub id: Option<VmId>,
    /// Name of the template [default: ubuntu-2204-cloudinit-template]
    #[arg(long, value_name = "NAME", help_heading = "Template")]
    pub name: Option<VmName>,
    /// Storage of the disk [default: the one for disks with most room]
    #[arg(long, value_name = "STORAGE", help_heading = "Template")]
    pub storage: Option<StorageName>,
    /// Storage of the image meanwhile [default: the one for images with most room]
    #[arg(long, value_name = "STORAGE", help_heading = "Template")]
    pub image_storage: Option<StorageName>,
    /// Size of the disk; an image that is larger keeps its own, as every image does with 0
    #[arg(long, value_name = "SIZE", default_value_t = DiskSize::OF_THE_GUIDE, help_heading = "Template")]
    pub disk_size: DiskSize,
    /// Bridge of the network card [default: vmbr0, or another one where the node has none of that name]
    #[arg(long, value_name = "BRIDGE", help_heading = "Template")]
    pub bridge: Option<String>,
    /// SHA-256 checksum of the image [default: what SHA256SUMS beside it says]
    #[arg(long, value_name = "SHA256", help_heading = "Template")]
    pub checksum: Option<String>,
    /// Take the image whatever its checksum
    #[arg(long, conflicts_with = "checksum", help_heading = "Template")]
    pub no_checksum: bool,
    /// Keep the image on the server, and print its volume ID
    #[arg(long, help_heading = "Template")]
    pub keep_image: bool,
    /// Show what would be made; make nothing
    #[arg(long, help_heading = "Template")]
    pub dry_run: bool,
    /// Give a task up after this many seconds without progress
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "300", help_heading = "Template")]
    pub timeout: Option<Duration>,
}

/// Print the configuration for other tools, or run a command with it
///
/// Nothing is sent anywhere. A secret is masked, in a comment that sets nothing, unless --reveal is given; a COMMAND
/// gets it in its environment, where it is in no file and in no process's arguments. What a tool cannot be told is
/// said on standard error.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome env --format terraform-bpg -- terraform plan
  eval \"$(glassdome env --format sh --reveal)\"
  glassdome env --format ansible --syntax fish --reveal | source")]
pub struct Env {
    /// Whose words: the first six are this program's own names
    #[arg(long, value_name = "FORMAT", default_value = "dotenv")]
    pub format: EnvFormat,
    /// How another tool's variables are written [default: sh]
    #[arg(long, value_name = "SYNTAX")]
    pub syntax: Option<EnvSyntax>,
    /// Print the secret, too
    #[arg(long)]
    pub reveal: bool,
    /// Run this command with the variables set, in place of printing them
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

/// How variables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EnvSyntax {
    /// Lines of a `.env` file
    Dotenv,
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

/// How the simulated server is started.
#[cfg(feature = "sandbox")]
const SANDBOX_EXAMPLES: &str = "Examples:
  glassdome sandbox
  glassdome sandbox --nodes 3 --task-time 20 -o json
  glassdome sandbox --fault task-stuck --fault clock-ahead";

/// The failures that can be rehearsed, in the order and the words of the sandbox's own table: a test holds them together.
#[cfg(feature = "sandbox")]
const FAULTS: &str = "Examples:
  glassdome sandbox
  glassdome sandbox --nodes 3 --task-time 20 -o json
  glassdome sandbox --fault task-stuck --fault clock-ahead

Failures to rehearse with --fault; requests and answers are counted from 1, over all connections:
  hold-before=N
      from request N on, requests are neither processed nor answered
  hold-after=N
      from request N on, requests are processed and never answered
  reset-before=N
      the connection of request N is reset before it is processed
  reset-after=N
      request N is processed, and its connection reset
  stall
      connections are accepted, and nothing ever comes
  stall-body
      every answer stops in the middle of its body
  stall-header=N
      answer N stops in the middle of its header
  reset-header=N
      the connection is reset in the middle of the header of answer N
  reset-body=N
      the connection is reset in the middle of the body of answer N
  trickle=N
      the body of answer N comes one byte a second
  endless-header=N
      the header of answer N has no end
  huge=N
      the body of answer N has a gigabyte
  truncated=N
      answer N is JSON that breaks off
  empty=N
      answer N is 200 with nothing in it
  html=N
      answer N is 200 with a page in it
  gzip=N
      answer N is compressed, which nobody asked for: 66 KB that unpack to 68 MB
  deep=N
      answer N is JSON of a hundred thousand brackets
  wrong-types=N
      every value of answer N has another type than it should
  escapes
      control characters and terminal escapes in every text
  many-vms
      the list of VMs has a hundred thousand more
  gateway=STATUS
      a reverse proxy answers everything with this status (429, 500, 502, 503, 504)
  unauthenticated-from=N
      from request N on, nobody is known any more
  forbidden-polling
      nobody may look at a task
  clock-ahead
      the server's clock is a day ahead
  redirect
      everything leads elsewhere
  plain-http
      plain HTTP in place of TLS
  not-proxmox
      a web server that is not Proxmox VE
  expired-certificate
      the certificate has expired
  future-certificate
      the certificate is not valid yet
  wrong-name
      the certificate is for another name
  changed-certificate=N
      another certificate from request N on
  storage-full
      a clone does not fit on its storage
  storage-lock
      clones on one storage wait for each other
  clone-aborted
      somebody stops the clone task
  worker-killed
      the worker of the clone task is killed
  gone-in-clone
      the server is gone as soon as a clone runs
  restart-in-clone
      the server is restarted as soon as a clone runs: every connection breaks for a second
  node-lost
      as soon as a clone runs, its node cannot be asked for a second
  task-stuck
      the clone task never ends by itself
  task-warnings
      the clone task ends with a warning
  log-shrinks
      the log of a task has always one line only
  template-gone
      the template is destroyed when a clone of it is asked for
  taken-over
      somebody makes the VM his own before it is destroyed
  locked
      somebody holds the lock of the VM when it is to be destroyed
  disk-not-removed
      the disks of a VM stay when it is destroyed, and the task warns of each
  id-taken
      somebody else is faster with the next free VMID; several times, as often
  id-taken-in-task
      the same, and the task says so
  one-in-ten
      one clone in ten fails, each in another way
  node-offline
      the last node is offline
  no-templates
      nobody has made a template yet";

/// Run a simulated Proxmox VE API on loopback, to rehearse and to test scripts against
///
/// It keeps nothing, and ends with Ctrl-C. On start it prints its address, its fingerprint and its log-ins; with
/// `-o json` as one line on standard output as soon as it listens.
#[cfg(feature = "sandbox")]
#[derive(Debug, Clone, Args)]
#[command(after_help = SANDBOX_EXAMPLES, after_long_help = FAULTS)]
pub struct Sandbox {
    /// Listen here
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8006")]
    pub listen: std::net::SocketAddr,
    /// Pretend to be a cluster of this many nodes
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=32))]
    pub nodes: u8,
    /// Put the templates on a storage that all nodes share
    #[arg(long)]
    pub shared_storage: bool,
    /// Pretend to be this version of Proxmox VE
    #[arg(long, value_name = "VERSION", default_value = "9.2.11")]
    pub pve_version: String,
    /// Answer every request this much later, `100ms` or `1.5s`
    #[arg(long, value_name = "TIME", value_parser = time_span, default_value = "0s")]
    pub latency: Duration,
    /// Let a clone take this long, `100ms` or `1.5s`
    #[arg(long, value_name = "TIME", value_parser = time_span, default_value = "400ms")]
    pub task_time: Duration,
    /// Make the same IDs and addresses again for the same number
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    pub seed: u64,
    /// Rehearse a failure, may be given several times; --help lists them
    #[arg(long, value_name = "KIND")]
    pub fault: Vec<String>,
    /// End when standard input is closed
    #[arg(long)]
    pub until_stdin_closes: bool,
}

/// Print the script that teaches a shell to complete
///
/// The script asks this program, so that it completes instances and nodes from `.env`, too.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome completions bash \\
      > ~/.local/share/bash-completion/completions/glassdome
  glassdome completions zsh > ~/.zfunc/_glassdome
  glassdome completions fish > ~/.config/fish/completions/glassdome.fish
  glassdome completions powershell >> $PROFILE")]
pub struct Completions {
    /// Which shell
    pub shell: Shell,
}

/// A shell that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    #[value(name = "powershell")]
    PowerShell,
}

/// Print a manual page, or write all of them into a folder
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome man setup | man -l -
  glassdome man --dir ~/.local/share/man/man1")]
pub struct Man {
    /// A command; without one it is the page of the program
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Write every page into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub dir: Option<PathBuf>,
}

/// Below the long help of each command.
const FOOTER: &str = "`glassdome help exit-codes` lists the exit codes, `glassdome help environment` the variables.";

/// Reads a command line.
///
/// # Errors
/// In clap's own words: what is wrong with it, or the help that it asks for.
pub fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let mut program = with_footer(Cli::command());
    let mut matches = program.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|refused| refused.format(&mut program))
}

/// Says below the long help of each command where to read on.
fn with_footer(program: clap::Command) -> clap::Command {
    program.mut_subcommands(|command| {
        let above = command.get_after_long_help().or(command.get_after_help());
        let text = above.map_or_else(|| FOOTER.to_owned(), |above| format!("{above}\n\n{FOOTER}"));
        with_footer(command.after_long_help(text))
    })
}

/// Gives the help of a command, or of the whole program; nothing where there is no such command.
#[must_use]
pub fn help(command: Option<&str>) -> Option<String> {
    let mut program = with_footer(Cli::command());
    program.build();
    let Some(name) = command else {
        return Some(program.render_long_help().to_string());
    };
    let found = program.find_subcommand_mut(name)?;
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

/// Reads a number of seconds, fractions allowed, above 0 and up to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.trim().parse().map_err(|_| "a number of seconds".to_owned())?;
    if value > 0.0 && value <= 86_400.0 {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err("more than 0 and at most 86400 seconds".to_owned())
    }
}

/// Reads a span of time with its unit, `100ms` or `1.5s`; without one it is seconds.
#[cfg(feature = "sandbox")]
fn time_span(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let (number, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 0.001),
        (None, Some(number)) => (number, 1.0),
        (None, None) => (text, 1.0),
    };
    let value: f64 = number.trim().parse().map_err(|_| "a time such as `100ms` or `1.5s`".to_owned())?;
    if (0.0..=3_600_000.0).contains(&value) {
        Ok(Duration::from_secs_f64(value * unit))
    } else {
        Err("not below 0, and at most an hour".to_owned())
    }
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

    #[test]
    fn no_flag_takes_a_secret() {
        for command in Cli::command().get_subcommands() {
            for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(!["token-value", "password", "secret"].contains(&flag), "{flag}");
            }
        }
    }
}
