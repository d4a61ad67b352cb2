//! Whether the storages of a template can take a clone, as the node of the template and that of the clone see them.

use crate::error::{Doing, DriveMedium, Error, Operation, PlacementError, PreflightError, StorageState};
use crate::model::{Foreign, NodeName, StorageName};
use crate::ops::inventory::SourceTemplate;
use crate::ops::test_vm::options::{Start, TestVmOptions};
use crate::ops::test_vm::receipt::CloneType;
use crate::pve::privileges::AclPath;
use crate::pve::{Disk, Pve, Storage};
use crate::ui::gibibytes;

/// How much a linked clone needs: its cloud-init drive, and the first blocks of each disk.
const LINKED_CLONE_BYTES: u64 = 8 << 20;

/// The storages of one clone.
pub(crate) struct StorageCheck<'a> {
    pve: &'a Pve,
    template: &'a SourceTemplate,
    target: &'a NodeName,
    /// The storages as the node of the clone sees them.
    target_storages: Vec<Storage>,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
}

impl<'a> StorageCheck<'a> {
    /// Reads the storages of the clone's node, if that is another one than the template's.
    pub(crate) async fn new(pve: &'a Pve, template: &'a SourceTemplate, target: &'a NodeName) -> Result<Self, Error> {
        let there = if template.node == *target {
            template.storages.clone()
        } else {
            pve.storages(target).await.doing(Operation::ReadStorages(target.clone()))?
        };
        Ok(Self { pve, template, target, target_storages: there, warnings: Vec::new() })
    }

    /// Refuses a clone for another node while something of the template lies on storage that only its own node has. The
    /// server counts CD-ROM and cloud-init drives, too (qemu-server, `clone_vm`).
    pub(crate) fn require_movable(&self, options: &TestVmOptions) -> Result<(), Error> {
        if self.template.node == *self.target {
            return Ok(());
        }
        let is_movable = |volume: &Disk| match find(&self.template.storages, &volume.storage) {
            Some(storage) => storage.shared,
            // What a CD-ROM drive holds may be cloned without a right to see its storage; the server knows which nodes
            // have it.
            None => volume.is_cdrom && self.template.feature.is_possible_on(self.target),
        };
        // A disk comes before the other drives: to make those anew would not help.
        let immovable = self.template.config.volumes().filter(|volume| !is_movable(volume));
        match immovable.min_by_key(|volume| volume.is_cdrom) {
            None => Ok(()),
            Some(volume) => Err(PlacementError::TemplateElsewhere {
                template: options.template,
                variable: options.node_variable.clone(),
                on: self.template.node.clone(),
                node: self.target.clone(),
                drive: volume.bus.clone(),
                medium: medium(&volume),
                storage: volume.storage,
            }
            .into()),
        }
    }

    /// Lists the storages that the disks will be on, each once.
    pub(crate) async fn storages(&self, wanted: Option<&StorageName>) -> Result<Vec<StorageName>, Error> {
        if let Some(wanted) = wanted {
            self.require_known(wanted).await?;
            return Ok(vec![wanted.clone()]);
        }
        Ok(self.template.config.disk_storages().iter().filter_map(|storage| storage.parse().ok()).collect())
    }

    /// Checks that a storage exists. The list shows only storages on which something is held; one that is missing
    /// there although something is held does not exist, and about every other the privileges will say what is missing.
    async fn require_known(&self, wanted: &StorageName) -> Result<(), Error> {
        if self.template.config.disks().next().is_none() {
            return Ok(());
        }
        let holding = self.target_storages.iter().filter(|it| it.holds("images"));
        let usable: Vec<String> = holding.map(|it| it.name.to_string()).collect();
        if usable.iter().any(|name| name == wanted.as_str()) {
            return Ok(());
        }
        let path = AclPath::storage(wanted);
        let answer = self.pve.permissions(Some(path.as_str()), None).await.doing(Operation::ReadPrivileges)?;
        let sees = ["Datastore.Audit", "Datastore.AllocateSpace"];
        if answer.get(path.as_str()).is_some_and(|held| sees.iter().any(|name| held.contains_key(*name))) {
            let (storage, node) = (wanted.clone(), self.target.clone());
            return Err(PlacementError::UnknownStorage { storage, node, known: usable }.into());
        }
        Ok(())
    }

    /// Refuses a clone whose storages cannot be used. Called once no privilege is missing, so that a storage that is
    /// not listed does not exist.
    pub(crate) fn require_usable(
        &mut self,
        mode: CloneType,
        wanted: Option<&StorageName>,
        start: Start,
    ) -> Result<(), Error> {
        let (source, target) = (&self.template.node, self.target);
        for volume in self.template.config.volumes() {
            match medium(&volume) {
                // It is only read, which needs no privilege on its storage; the copy goes elsewhere.
                DriveMedium::Disk if wanted.is_some() => {
                    require_if_seen(&self.template.storages, source, &volume)?;
                }
                DriveMedium::Disk => {
                    require(&self.template.storages, source, &volume)?;
                    require(&self.target_storages, target, &volume)?;
                    require_content(&self.target_storages, target, &volume, "images")?;
                }
                // It is created again on the storage of the disks, which needs no privilege.
                DriveMedium::CloudInit if wanted.is_none() => {
                    require_if_seen(&self.template.storages, source, &volume)?;
                    require_if_seen(&self.target_storages, target, &volume)?;
                    if start != Start::No {
                        require_content(&self.target_storages, target, &volume, "images")?;
                    }
                }
                DriveMedium::Iso if start != Start::No => {
                    require_if_seen(&self.target_storages, target, &volume)?;
                    require_content(&self.target_storages, target, &volume, "iso")?;
                }
                DriveMedium::CloudInit | DriveMedium::Iso => {}
            }
        }
        self.require_no_hidden_fault(wanted, start)?;
        if let Some(wanted) = wanted {
            self.require_wanted(wanted, start)?;
        }
        match mode {
            CloneType::Linked => self.require_space_for_linked(),
            CloneType::Full => self.require_space(wanted),
        }
    }

    /// Refuses a clone where the server names no node that could make it, though the list of storages shows nothing that
    /// is in the way: a storage that may not be seen is disabled, or one was disabled just now.
    fn require_no_hidden_fault(&self, wanted: Option<&StorageName>, start: Start) -> Result<(), Error> {
        if self.template.feature.nodes.as_deref() != Some(&[]) {
            return Ok(());
        }
        let is_needed = |volume: &Disk| match medium(volume) {
            DriveMedium::Disk => true,
            DriveMedium::CloudInit => wanted.is_none(),
            DriveMedium::Iso => start != Start::No,
        };
        let storages = &self.template.storages;
        let is_explained = |volume: &Disk| find(storages, &volume.storage).is_some_and(|storage| !storage.is_enabled);
        let is_hidden = |volume: &Disk| find(storages, &volume.storage).is_none();
        let volumes: Vec<Disk> = self.template.config.volumes().collect();
        let culprit = volumes.iter().find(|volume| is_hidden(volume));
        let culprit = match culprit {
            None if volumes.iter().any(is_explained) => None,
            None => volumes.first(),
            some => some,
        };
        match culprit.filter(|volume| is_needed(volume)) {
            None => Ok(()),
            Some(volume) => {
                Err(unavailable(&volume.storage, &self.template.node, StorageState::Disabled, Some(&volume.bus)))
            }
        }
    }

    fn require_wanted(&self, wanted: &StorageName, start: Start) -> Result<(), Error> {
        let name = Foreign::new(wanted.as_str());
        let found = find(&self.target_storages, &name);
        let mut why = fault(found);
        // A drive for cloud-init is made there all the same, and found useless at the start.
        if why.is_none() && start != Start::No && self.template.config.has_cloud_init() {
            why = found.filter(|it| !it.holds("images")).map(|_| StorageState::WithoutContent("images"));
        }
        if let Some(why) = why {
            return Err(unavailable(&name, self.target, why, None));
        }
        if self.template.node == *self.target {
            return Ok(());
        }
        let shared = |storage: &&Storage| storage.shared && storage.is_enabled && storage.holds("images");
        let here: Vec<&Storage> = self.template.storages.iter().filter(shared).collect();
        if here.iter().any(|storage| storage.name == *wanted) {
            return Ok(());
        }
        let on_both = here
            .iter()
            .filter(|here| self.target_storages.iter().any(|there| there.name == here.name && there.is_enabled));
        Err(PreflightError::StorageNotShared {
            storage: wanted.clone(),
            on: self.template.node.clone(),
            node: self.target.clone(),
            known: on_both.map(|storage| storage.name.to_string()).collect(),
        }
        .into())
    }

    fn require_space_for_linked(&self) -> Result<(), Error> {
        let made = self.template.config.volumes().filter(|volume| medium(volume) != DriveMedium::Iso);
        made.into_iter().try_for_each(|volume| self.require_free(&volume.storage, LINKED_CLONE_BYTES))
    }

    /// Checks that the disks fit. Thin storage takes only what is used of them, which is not known here: what is surely
    /// too little is refused, what may be is a warning.
    fn require_space(&mut self, wanted: Option<&StorageName>) -> Result<(), Error> {
        let mut needed: Vec<(Foreign, u64)> = Vec::new();
        for disk in self.template.config.volumes().filter(|volume| medium(volume) != DriveMedium::Iso) {
            let storage = wanted.map_or_else(|| disk.storage.clone(), |wanted| Foreign::new(wanted.as_str()));
            let size = disk.size.map_or(0, |size| size.bytes());
            match needed.iter_mut().find(|(name, _)| *name == storage) {
                Some((_, bytes)) => *bytes = bytes.saturating_add(size),
                None => needed.push((storage, size)),
            }
        }
        for (storage, size) in needed {
            self.require_free(&storage, LINKED_CLONE_BYTES.max(size / 4))?;
            if let Some(found) = find(&self.target_storages, &storage)
                && let Some(free) = found.available
                && free < size
            {
                self.warnings.push(format!(
                    "storage {storage} has {} free, less than the {} of the template's disks",
                    gibibytes(free),
                    gibibytes(size)
                ));
            }
        }
        Ok(())
    }

    fn require_free(&self, storage: &Foreign, needed: u64) -> Result<(), Error> {
        match find(&self.target_storages, storage) {
            Some(found) if found.available.is_some_and(|free| free < needed) => Err(PreflightError::StorageFull {
                storage: found.name.clone(),
                node: self.target.clone(),
                available: gibibytes(found.available.unwrap_or_default()),
                needed: gibibytes(needed),
            }
            .into()),
            _ => Ok(()),
        }
    }
}

fn find<'a>(storages: &'a [Storage], name: &Foreign) -> Option<&'a Storage> {
    storages.iter().find(|storage| *name == *storage.name.as_str())
}

/// Refuses a drive whose storage a node cannot use.
fn require(storages: &[Storage], node: &NodeName, volume: &Disk) -> Result<(), Error> {
    match fault(find(storages, &volume.storage)) {
        None => Ok(()),
        Some(why) => Err(unavailable(&volume.storage, node, why, Some(&volume.bus))),
    }
}

/// Does the same with a drive that needs no right on its storage, which may therefore be there unseen.
fn require_if_seen(storages: &[Storage], node: &NodeName, volume: &Disk) -> Result<(), Error> {
    if find(storages, &volume.storage).is_some() { require(storages, node, volume) } else { Ok(()) }
}

/// Refuses a drive whose storage is not meant for what is in it, so that the VM cannot be started.
fn require_content(storages: &[Storage], node: &NodeName, volume: &Disk, content: &'static str) -> Result<(), Error> {
    match find(storages, &volume.storage) {
        Some(storage) if !storage.holds(content) => {
            Err(unavailable(&volume.storage, node, StorageState::WithoutContent(content), Some(&volume.bus)))
        }
        _ => Ok(()),
    }
}

/// Says why a node cannot use a storage.
fn fault(storage: Option<&Storage>) -> Option<StorageState> {
    match storage {
        Some(storage) if !storage.is_enabled => Some(StorageState::Disabled),
        Some(storage) if !storage.is_active => Some(StorageState::Offline),
        Some(_) => None,
        None => Some(StorageState::Absent),
    }
}

fn unavailable(storage: &Foreign, node: &NodeName, why: StorageState, drive: Option<&str>) -> Error {
    let (storage, node) = (storage.clone(), node.clone());
    PreflightError::StorageUnavailable { storage, node, why, drive: drive.map(str::to_owned) }.into()
}

/// Says what is in a drive.
pub(crate) const fn medium(volume: &Disk) -> DriveMedium {
    match (volume.is_cdrom, volume.is_cloud_init) {
        (false, _) => DriveMedium::Disk,
        (true, true) => DriveMedium::CloudInit,
        (true, false) => DriveMedium::Iso,
    }
}
