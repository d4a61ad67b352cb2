//! What several tasks do with the disks of VMs.

use super::super::{Cluster, Config, Storage, Vm};
use crate::sandbox::access::Refusal;

impl Cluster {
    /// Frees a volume, and gives the line that the log has of it.
    pub(in crate::sandbox::cluster) fn free_volume(&mut self, node: &str, whole: &str) -> Option<String> {
        let (place, name) = whole.split_once(':')?;
        let storage = self.storages.get_mut(place)?;
        storage.volumes.remove(&storage.key(node, name))?;
        (!storage.kind.keeps_files()).then(|| format!("  Logical volume \"{name}\" successfully removed."))
    }

    /// Gives the file or device of a volume by its whole name.
    pub(super) fn file_of(&self, whole: &str) -> String {
        let Some((place, name)) = whole.split_once(':') else { return whole.to_owned() };
        self.storages.get(place).map(|storage| storage.file(name)).unwrap_or_default()
    }

    /// Finds a volume of a storage to change it.
    pub(super) fn volume_mut(&mut self, node: &str, whole: &str) -> Option<&mut super::super::Volume> {
        let (place, name) = whole.split_once(':')?;
        let storage: &mut Storage = self.storages.get_mut(place)?;
        let key = storage.key(node, name);
        storage.volumes.get_mut(&key)
    }
}

/// Gives the configuration of a VM as it is, or as a snapshot kept it.
pub(super) fn config_of<'a>(vm: &'a Vm, snapshot: Option<&str>) -> Result<&'a Config, Refusal> {
    let Some(name) = snapshot else { return Ok(&vm.config) };
    vm.snapshots.get(name).ok_or_else(|| Refusal::Failed(format!("snapshot '{name}' does not exist")))
}
