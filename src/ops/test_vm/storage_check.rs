//! Whether the storages of a template can take a clone, as the node of the template and that of the clone see them.

use crate::error::{Doing, DriveMedium, Error, Operation, PlacementError, PreflightError, StorageState};
use crate::model::{Foreign, NodeName, StorageName, VmId};
use crate::ops::inventory::SourceTemplate;
use crate::ops::test_vm::receipt::CloneType;
use crate::pve::privileges::AclPath;
use crate::pve::{Disk, Pve, Storage};
use crate::ui::gibibytes;

/// How much a linked clone needs: its cloud-init drive, and the first blocks of each disk.
const LINKED_NEEDS: u64 = 8 << 20;

/// The storages of one clone.
pub(crate) struct StorageCheck<'a> {
    pve: &'a Pve,
    template: &'a SourceTemplate,
    target: &'a NodeName,
    /// The storages as the node of the clone sees them.
    there: Vec<Storage>,
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
        Ok(Self { pve, template, target, there, warnings: Vec::new() })
    }

    /// Refuses a clone for another node while something of the template lies on storage that only its own node has. The
    /// server counts CD-ROM and cloud-init drives, too (qemu-server, `clone_vm`).
    pub(crate) fn require_movable(&self, template: VmId) -> Result<(), Error> {
        if self.template.node == *self.target {
            return Ok(());
        }
        let is_shared =
            |name: &Foreign| self.template.storages.iter().any(|it| *name == *it.name.as_str() && it.shared);
        match self.template.config.volumes().find(|volume| !is_shared(&volume.storage)) {
            None => Ok(()),
            Some(volume) => Err(PlacementError::TemplateElsewhere {
                template,
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
        let holding = self.there.iter().filter(|it| it.holds("images"));
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

    /// Refuses a clone whose storages cannot be used; to be asked once no privilege is missing, so that what the lists do
    /// not show is not there.
    pub(crate) fn require_usable(&mut self, mode: CloneType, wanted: Option<&StorageName>) -> Result<(), Error> {
        let source = self.template.node.clone();
        for disk in self.template.config.disks() {
            require(&self.template.storages, &source, &disk.storage, Some(&disk.bus))?;
            if wanted.is_none() {
                require(&self.there, self.target, &disk.storage, Some(&disk.bus))?;
            }
        }
        // Where a storage is disabled, `feature` names no node at all.
        if let (Some([]), Some(disk)) = (self.template.feature.nodes.as_deref(), self.template.config.disks().next()) {
            return Err(unavailable(&disk.storage, &source, StorageState::Disabled, Some(&disk.bus)));
        }
        if let Some(wanted) = wanted {
            self.require_wanted(wanted)?;
        }
        match mode {
            CloneType::Linked => self.require_space_for_linked(),
            CloneType::Full => self.require_space(wanted),
        }
    }

    fn require_wanted(&self, wanted: &StorageName) -> Result<(), Error> {
        let name = Foreign::new(wanted.as_str());
        require(&self.there, self.target, &name, None)?;
        if self.template.node == *self.target {
            return Ok(());
        }
        let shared = |storage: &&Storage| storage.shared && storage.is_enabled && storage.holds("images");
        let here: Vec<&Storage> = self.template.storages.iter().filter(shared).collect();
        if here.iter().any(|storage| storage.name == *wanted) {
            return Ok(());
        }
        let on_both =
            here.iter().filter(|here| self.there.iter().any(|there| there.name == here.name && there.is_enabled));
        Err(PreflightError::StorageNotShared {
            storage: wanted.clone(),
            on: self.template.node.clone(),
            node: self.target.clone(),
            known: on_both.map(|storage| storage.name.to_string()).collect(),
        }
        .into())
    }

    fn require_space_for_linked(&self) -> Result<(), Error> {
        for disk in self.template.config.disks() {
            self.require_free(&disk.storage, LINKED_NEEDS)?;
        }
        Ok(())
    }

    /// Checks that the disks fit. Thin storage takes only what is used of them, which is not known here: what is surely
    /// too little is refused, what may be is a warning.
    fn require_space(&mut self, wanted: Option<&StorageName>) -> Result<(), Error> {
        let mut needed: Vec<(Foreign, u64)> = Vec::new();
        for disk in self.template.config.disks() {
            let storage = wanted.map_or_else(|| disk.storage.clone(), |wanted| Foreign::new(wanted.as_str()));
            let size = disk.size.map_or(0, |size| size.bytes());
            match needed.iter_mut().find(|(name, _)| *name == storage) {
                Some((_, bytes)) => *bytes = bytes.saturating_add(size),
                None => needed.push((storage, size)),
            }
        }
        for (storage, size) in needed {
            self.require_free(&storage, LINKED_NEEDS.max(size / 4))?;
            if let Some(found) = find(&self.there, &storage)
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
        match find(&self.there, storage) {
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

/// Refuses a storage that a node cannot use.
fn require(storages: &[Storage], node: &NodeName, name: &Foreign, drive: Option<&str>) -> Result<(), Error> {
    let state = match find(storages, name) {
        Some(storage) if !storage.is_enabled => StorageState::Disabled,
        Some(storage) if !storage.is_active => StorageState::Offline,
        Some(_) => return Ok(()),
        None => StorageState::Absent,
    };
    Err(unavailable(name, node, state, drive))
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
