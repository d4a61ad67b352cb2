//! What several tasks do with the volumes of storages.

use crate::sandbox::auth::Refusal;
use crate::sandbox::cluster::work::Scene;
use crate::sandbox::cluster::{Cluster, Config, Storage, Vm, Volume};

impl Cluster {
    /// Frees a volume, and returns the line that the log has of it.
    pub(crate) fn free_volume(&mut self, node: &str, whole: &str) -> Option<String> {
        let (place, name) = whole.split_once(':')?;
        let storage = self.storages.get_mut(place)?;
        storage.volumes.remove(&storage.key(node, name))?;
        (!storage.kind.keeps_files()).then(|| format!("  Logical volume \"{name}\" successfully removed."))
    }

    /// Puts a file that belongs to no VM on a storage, by its whole name.
    pub(crate) fn keep_file(&mut self, scene: &Scene, (whole, content): (&str, &str), size: u64) {
        let (place, name) = whole.split_once(':').unwrap_or_default();
        let Some(storage) = self.storages.get_mut(place) else { return };
        let format = if content == "import" { name.rsplit('.').next().unwrap_or("raw") } else { content };
        let volume = Volume {
            vmid: None,
            content: content.to_owned(),
            format: format.to_owned(),
            size,
            used: size,
            created: scene.unix,
            base: None,
        };
        storage.volumes.insert(storage.key(&scene.node, name), volume);
    }

    /// Returns the file or device of a volume by its whole name.
    pub(crate) fn file_of(&self, whole: &str) -> String {
        let Some((place, name)) = whole.split_once(':') else { return whole.to_owned() };
        self.storages.get(place).map(|storage| storage.file(name)).unwrap_or_default()
    }

    /// Finds a volume of a storage to change it.
    pub(crate) fn volume_mut(&mut self, node: &str, whole: &str) -> Option<&mut Volume> {
        let (place, name) = whole.split_once(':')?;
        let storage: &mut Storage = self.storages.get_mut(place)?;
        let key = storage.key(node, name);
        storage.volumes.get_mut(&key)
    }
}

/// Returns the configuration of a VM as it is, or as a snapshot kept it.
pub(crate) fn config_of<'a>(vm: &'a Vm, snapshot: Option<&str>) -> Result<&'a Config, Refusal> {
    let Some(name) = snapshot else { return Ok(&vm.config) };
    vm.snapshots.get(name).ok_or_else(|| Refusal::Failed(format!("snapshot '{name}' does not exist")))
}
