//! What a person asked for when a template is made.

use std::time::Duration;

use crate::model::{DiskSize, StorageName, VmId, VmName};
use crate::ops::options::LoginOptions;

/// How a template is made; what is not given is chosen from what the server has.
#[derive(Debug, Clone)]
pub(crate) struct TemplateOptions {
    /// Who logs in where the token lacks privileges.
    pub(crate) login: LoginOptions,
    /// The template's VMID.
    pub(crate) vmid: Option<VmId>,
    /// Its name.
    pub(crate) name: Option<VmName>,
    /// The storage of its disk.
    pub(crate) storage: Option<StorageName>,
    /// The storage of the image meanwhile.
    pub(crate) image_storage: Option<StorageName>,
    /// The size of its disk; 0 is the image's own.
    pub(crate) disk_size: DiskSize,
    /// The bridge of its network card.
    pub(crate) bridge: Option<String>,
    /// What the image is checked against.
    pub(crate) checksum: ChecksumSource,
    /// Whether the image stays on the server.
    pub(crate) image: ImageDisposal,
    /// Whether the plan is shown and nothing more.
    pub(crate) is_dry_run: bool,
    /// How long a task may make no progress.
    pub(crate) timeout: Duration,
}

/// What an image is checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChecksumSource {
    /// The list that is published beside the image; of a file, its own.
    Published,
    /// This SHA-256 checksum.
    Given(String),
    /// Nothing.
    Unchecked,
}

/// Whether the image stays on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImageDisposal {
    /// It is removed.
    Remove,
    /// It stays.
    Keep,
}
