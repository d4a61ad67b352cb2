//! `glassdome template`.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::options::seconds;
use crate::cli::{Connection, Login};
use crate::model::{DiskSize, StorageName, VmId, VmName};

/// List templates, or create one from a cloud image
#[derive(Debug, Clone, Args)]
pub struct TemplateArgs {
    /// What is done.
    #[command(subcommand)]
    pub action: TemplateAction,
}

/// What is done with templates.
#[derive(Debug, Clone, Subcommand)]
pub enum TemplateAction {
    /// List the templates of all nodes and what each is missing
    List(Box<TemplateList>),
    /// Create a template from an Ubuntu cloud image
    Create(Box<TemplateCreate>),
}

/// List the templates of all nodes and what each is missing
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  glassdome template list")]
pub struct TemplateList {
    /// Also list VMs that are not templates
    #[arg(long, help_heading = "List")]
    pub all: bool,
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
}

/// Create a template from an Ubuntu cloud image
///
/// The server downloads the image and verifies its checksum; a local file is uploaded. The template has the image as its
/// disk (resized), a cloud-init drive, a serial console and the guest agent enabled, and is saved in the settings file.
/// Uses the token if it has the privileges, otherwise an administrator login. If a step fails or is interrupted,
/// everything created is deleted. The image gets a unique name and is deleted at the end. Anything that this run may not
/// have created is kept and listed.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  glassdome template create --login-user root@pam
  glassdome template create --release 20.04 --storage local-lvm
  glassdome template create --release ./jammy.img --id 9000 --disk-size 64G")]
pub struct TemplateCreate {
    /// Ubuntu release (20.04, 22.04, 24.04), or URL or path of an image [default: 22.04]
    #[arg(long, value_name = "IMAGE", help_heading = "Template")]
    pub release: Option<String>,
    /// VMID of the template [default: 9000 for 22.04, 9001 for 20.04, otherwise the next free one]
    #[arg(long, value_name = "VMID", help_heading = "Template")]
    pub id: Option<VmId>,
    /// Name of the template [default: depends on --release, e.g. ubuntu-2204-cloudinit-template]
    #[arg(long, value_name = "NAME", help_heading = "Template")]
    pub name: Option<VmName>,
    /// Storage for the disk [default: the one with the most free space]
    #[arg(long, value_name = "STORAGE", help_heading = "Template")]
    pub storage: Option<StorageName>,
    /// Storage for the downloaded image [default: the one with the most free space]
    #[arg(long, value_name = "STORAGE", help_heading = "Template", hide_short_help = true)]
    pub image_storage: Option<StorageName>,
    /// Size of the disk; 0 keeps the image's size; the disk is never shrunk
    #[arg(long, value_name = "SIZE", default_value_t = DiskSize::TEMPLATE_DEFAULT, help_heading = "Template")]
    pub disk_size: DiskSize,
    /// Bridge for the network card [default: vmbr0, or another one if the node has no vmbr0]
    #[arg(long, value_name = "BRIDGE", help_heading = "Template")]
    pub bridge: Option<String>,
    /// SHA-256 checksum of the image [default: from SHA256SUMS next to it]
    #[arg(long, value_name = "SHA256", help_heading = "Template", hide_short_help = true)]
    pub checksum: Option<String>,
    /// Do not verify the checksum of the image
    #[arg(long, conflicts_with = "checksum", help_heading = "Template", hide_short_help = true)]
    pub no_checksum: bool,
    /// Keep the image on the server and print its volume ID
    #[arg(long, help_heading = "Template", hide_short_help = true)]
    pub keep_image: bool,
    /// Show what would be created, without creating anything
    #[arg(long, help_heading = "Template")]
    pub dry_run: bool,
    /// Seconds without progress after which a task has failed
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "300", help_heading = "Template", hide_short_help = true)]
    pub timeout: Option<Duration>,
    /// Who logs in, where the token lacks privileges.
    #[command(flatten)]
    pub login: Login,
    /// Which server, as whom, with which trust.
    #[command(flatten)]
    pub connection: Connection,
}
