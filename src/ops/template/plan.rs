//! Finds out before anything is made where a template can be made, and by whom.

use crate::error::{Doing, Error, Operation, PlacementError, TemplateError};
use crate::model::{DiskSize, NodeName, StorageName, VmId};
use crate::ops::inventory::choose_node;
use crate::ops::template::free_space::SpaceRequirement;
use crate::ops::template::image::{ImageSource, ImageSpec, QCOW2};
use crate::ops::template::manual_steps;
use crate::ops::template::network::TemplateNetwork;
use crate::ops::template::options::TemplateOptions;
use crate::ops::template::requirements::TemplateRequirements;
use crate::pve::{Pve, Storage, VersionNumber};
use std::path::Path;

use uuid::Uuid;

/// The first release that imports disk images: 8.3 takes OVA files alone (pve-storage before 8.3.6).
const IMPORT_SINCE: VersionNumber = VersionNumber { major: 8, minor: 4 };

/// How many hexadecimal digits the nonce of an image has.
const NONCE_DIGITS: usize = 12;

/// Where a template will be made, and of what.
#[derive(Debug, Clone)]
pub(crate) struct TemplatePlan {
    /// The server, `host:port`.
    pub(crate) server: String,
    /// The node.
    pub(crate) node: NodeName,
    /// The number of the template.
    pub(crate) vmid: VmId,
    /// Whether the VMID was requested, so that no other one is tried.
    pub(crate) is_vmid_fixed: bool,
    /// Its name.
    pub(crate) name: String,
    /// The storage that the image is put on.
    pub(crate) image_storage: String,
    /// The name of the image there.
    pub(crate) image: String,
    /// The storage that the disk is put on.
    pub(crate) disk_storage: String,
    /// The size that the disk shall have at least; 0 is the image's own.
    pub(crate) disk_size: DiskSize,
    /// The bridge.
    pub(crate) bridge: String,
    /// What a person should know before.
    pub(crate) warnings: Vec<String>,
}

impl TemplatePlan {
    /// Returns the whole name of the image.
    pub(crate) fn volume(&self) -> String {
        volume(&self.image_storage, &self.image)
    }
}

/// Returns the volume ID of an image.
fn volume(storage: &str, image: &str) -> String {
    format!("{storage}:import/{image}")
}

/// Returns a random text that is in the name of this run's image, and in no other.
fn nonce() -> String {
    Uuid::new_v4().simple().to_string().chars().take(NONCE_DIGITS).collect()
}

/// What is known of the server without a login.
pub(crate) struct TargetNode<'a> {
    /// What was asked for.
    pub(crate) options: &'a TemplateOptions,
    /// The image.
    pub(crate) wanted: &'a ImageSpec,
    /// Its checksum, where that is known.
    pub(crate) sha256: Option<&'a str>,
    /// The node that the settings name.
    pub(crate) node: Option<NodeName>,
    /// The variable that names it.
    pub(crate) node_variable: String,
}

impl TargetNode<'_> {
    /// Makes the plan for the caller; it fails if privileges are missing.
    pub(crate) async fn plan(&self, pve: &Pve, who: &str) -> Result<TemplatePlan, Error> {
        let reach = |source| Error::connecting(pve.endpoint(), source);
        let (version, nodes) = tokio::join!(pve.version(), pve.nodes());
        let version = version.map_err(reach)?;
        let node = choose_node(&nodes.doing(Operation::ReadNodes)?, self.node.as_ref(), &self.node_variable)?;
        let vmid = self.free_id(pve).await?;
        let (storages, network) =
            tokio::join!(pve.storages(&node), TemplateNetwork::find(pve, &node, self.options.bridge.as_deref()));
        let storages = storages.doing(Operation::ReadStorages(node.clone()))?;
        let disks = chosen(&storages, "images", self.options.storage.as_ref(), &node);
        let images = chosen(&storages, "import", self.options.image_storage.as_ref(), &node);
        let bridge = network.bridge.clone();
        let name = self.options.name.as_ref().map_or_else(|| self.wanted.template().to_owned(), ToString::to_string);
        let block = || self.manual_steps(vmid, &name, disks.as_ref().ok().copied(), &bridge);
        if !version.is_since(IMPORT_SINCE) {
            return Err(TemplateError::TooOld { version: version.to_string(), manual_steps: block() }.into());
        }
        let needs = TemplateRequirements {
            vmid,
            disks: disks.as_ref().ok().map(|storage| storage.name.as_str()),
            images: images.as_ref().ok().map(|storage| storage.name.as_str()),
            fetching_node: matches!(self.wanted.origin, ImageSource::Address(_)).then_some(&node),
            network: (version.major() >= 8).then(|| network.path()),
        };
        let missing = needs.missing(pve).await?;
        if !missing.is_empty() {
            return Err(TemplateError::MissingPrivileges { who: who.to_owned(), missing, manual_steps: block() }.into());
        }
        let images = match images {
            Ok(images) => images,
            Err(_) if self.options.image_storage.is_none() => {
                return Err(TemplateError::NoImport { node, enable: enable(&storages), manual_steps: block() }.into());
            }
            Err(why) => return Err(why),
        };
        let disks = disks?;
        let image = self.free_name(pve, &node, images).await?;
        let mut warnings = self.check_space(&node, StoragePair { images, disks })?;
        warnings.extend(network.warning);
        Ok(TemplatePlan {
            server: pve.endpoint().authority(),
            node,
            vmid,
            is_vmid_fixed: self.options.vmid.is_some(),
            name,
            image_storage: images.name.to_string(),
            image,
            disk_storage: disks.name.to_string(),
            disk_size: self.options.disk_size,
            bridge,
            warnings,
        })
    }

    /// Draws a name for the image that no image on the storage has.
    async fn free_name(&self, pve: &Pve, node: &NodeName, storage: &Storage) -> Result<String, Error> {
        let there = pve.images(node, storage.name.as_str()).await;
        let there = there.doing(Operation::ReadStorages(node.clone()))?;
        loop {
            let image = self.wanted.name_on_server(&nonce());
            let volume = volume(storage.name.as_str(), &image);
            if !there.iter().any(|image| image.volume == volume) {
                return Ok(image);
            }
        }
    }

    /// Returns the lines that make it in the shell of a node.
    fn manual_steps(&self, vmid: VmId, name: &str, storage: Option<&Storage>, bridge: &str) -> Vec<String> {
        let storage = storage.map_or("STORAGE", |storage| storage.name.as_str());
        let (image, disk) = (self.wanted.name_on_server(&nonce()), self.options.disk_size);
        let machine = manual_steps::ManualVm { vmid, name, image, storage, disk, bridge };
        manual_steps::lines(self.wanted, self.sha256, &machine)
    }

    /// Checks that image and disk fit where they go.
    fn check_space(&self, node: &NodeName, storages: StoragePair<'_>) -> Result<Vec<String>, Error> {
        let load = SpaceRequirement {
            node,
            image_storage: storages.images,
            disk_storage: storages.disks,
            image: file(self.wanted).and_then(|path| std::fs::metadata(path).ok()).map(|file| file.len()),
            is_compressed: self.wanted.ending() == QCOW2,
            disk: self.options.disk_size,
        };
        Ok(load.check()?)
    }

    /// Returns the number that was asked for, or the usual one where it is free, or the next free one.
    async fn free_id(&self, pve: &Pve) -> Result<VmId, Error> {
        let failed = |source| Error::server(Operation::FindId, source);
        if let Some(vmid) = self.options.vmid {
            let is_free = pve.is_free(vmid).await.map_err(failed)?;
            return if is_free {
                Ok(vmid)
            } else {
                Err(Error::Placement(PlacementError::VmidTaken { vmid, flag: "--id" }))
            };
        }
        let usual = self.wanted.usual_id();
        if pve.is_free(usual).await.map_err(failed)? {
            return Ok(usual);
        }
        pve.next_id().await.map_err(failed)
    }
}

/// The storages that a template takes.
struct StoragePair<'a> {
    images: &'a Storage,
    disks: &'a Storage,
}

/// Chooses a storage that takes something: the one that was named, else the one with most room.
fn chosen<'a>(
    storages: &'a [Storage],
    content: &'static str,
    named: Option<&StorageName>,
    node: &NodeName,
) -> Result<&'a Storage, Error> {
    let fitting = || storages.iter().filter(|storage| storage.is_active && storage.holds(content));
    let what = if content == "import" { "images to import" } else { "VM disks" };
    match named {
        Some(named) => fitting().find(|storage| storage.name == *named).ok_or_else(|| {
            let known = fitting().map(|storage| storage.name.to_string()).collect();
            TemplateError::WrongStorage { storage: named.clone(), node: node.clone(), content: what, known }.into()
        }),
        None => fitting()
            .max_by_key(|storage| storage.available)
            .ok_or_else(|| TemplateError::NoDisks { node: node.clone() }.into()),
    }
}

/// Returns the lines that let a storage take images; what it takes already stays.
fn enable(storages: &[Storage]) -> Vec<String> {
    // Files are kept where ISO images are.
    let fitting = storages.iter().filter(|storage| storage.holds("iso") || storage.holds("vztmpl"));
    fitting
        .take(1)
        .map(|storage| format!("pvesm set {} --content {}", storage.name, storage.contents_with("import")))
        .collect()
}

/// Returns the path of a release that is a file.
pub(crate) fn file(wanted: &ImageSpec) -> Option<&Path> {
    match &wanted.origin {
        ImageSource::File(path) => Some(path),
        ImageSource::Address(_) => None,
    }
}
