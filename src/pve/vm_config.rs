//! The configuration of a VM: its name, protection, disks and devices.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::model::{Digest, DiskSize, Foreign};
use crate::pve::lenient::raw_text;
use crate::pve::privileges::{Hardware, InvalidAclPath, Zones, device_of};

/// The configuration of a VM: every entry as text, of which only parsed parts are returned.
#[derive(Clone, PartialEq, Eq)]
pub struct VmConfig {
    entries: BTreeMap<String, String>,
}

/// A disk of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Where it is attached, `scsi0`.
    pub bus: String,
    /// The storage that it is on.
    pub storage: Foreign,
    /// Its volume, with the storage: `local-lvm:vm-100-disk-0`.
    pub volume: Foreign,
    /// Its size, where its entry tells it.
    pub size: Option<DiskSize>,
    /// Whether it is a CD-ROM or cloud-init drive, which is no disk.
    pub is_cdrom: bool,
    /// Whether it is the image that cloud-init reads.
    pub is_cloud_init: bool,
}

impl fmt::Debug for VmConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.entries.iter().map(|(key, value)| (Foreign::new(key), Foreign::new(value)));
        formatter.debug_map().entries(shown).finish()
    }
}

impl VmConfig {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let map = value.as_object()?;
        let entries = map.iter().filter_map(|(key, value)| Some((key.clone(), raw_text(value)?))).collect();
        Some(Self { entries })
    }

    /// Reads what of it a clone needs rights for.
    ///
    /// # Errors
    /// If a drive or network device is not understood.
    pub fn hardware(&self, zones: &Zones) -> Result<Hardware, InvalidAclPath> {
        Hardware::of(self.texts(), zones)
    }

    fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    fn foreign(&self, key: &str) -> Option<Foreign> {
        self.text(key).map(Foreign::new)
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> Option<Foreign> {
        self.foreign("name")
    }

    /// Returns the description.
    #[must_use]
    pub fn description(&self) -> Option<Foreign> {
        self.foreign("description")
    }

    /// Returns the lock: `clone`, `backup` and others.
    #[must_use]
    pub fn lock(&self) -> Option<Foreign> {
        self.foreign("lock")
    }

    /// Returns the digest of the configuration: a change that names it is refused once the configuration is another
    /// one.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.text("digest")?.parse().ok()
    }

    /// Returns whether it is a template.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.text("template") == Some("1")
    }

    /// Returns whether it may not be destroyed.
    #[must_use]
    pub fn protection(&self) -> bool {
        self.text("protection") == Some("1")
    }

    /// Returns whether the guest agent is switched on: `1`, `enabled=1`, either with more behind it.
    #[must_use]
    pub fn agent_enabled(&self) -> bool {
        let first = self
            .text("agent")
            .and_then(|text| text.split(',').find(|part| !part.contains('=') || part.starts_with("enabled=")));
        matches!(first.map(|text| text.trim_start_matches("enabled=")), Some("1" | "yes" | "on" | "true"))
    }

    /// Returns whether it has a drive for cloud-init.
    #[must_use]
    pub fn has_cloud_init(&self) -> bool {
        self.drives().any(|(_, value)| value.contains("cloudinit") && value.contains("media=cdrom"))
    }

    /// Lists the disks on storages, CD-ROM and cloud-init drives left out.
    pub fn disks(&self) -> impl Iterator<Item = Disk> {
        self.volumes().filter(|disk| !disk.is_cdrom)
    }

    /// Lists the storages of its disks, each once, in the order of the disks.
    #[must_use]
    pub fn disk_storages(&self) -> Vec<Foreign> {
        let mut storages: Vec<Foreign> = Vec::new();
        for disk in self.disks() {
            if !storages.contains(&disk.storage) {
                storages.push(disk.storage);
            }
        }
        storages
    }

    /// Returns the size of a disk, where its entry tells it.
    #[must_use]
    pub fn size_of(&self, bus: &str) -> Option<DiskSize> {
        self.disks().find(|disk| disk.bus == bus)?.size
    }

    /// Lists everything that lies on a storage.
    pub fn volumes(&self) -> impl Iterator<Item = Disk> {
        self.drives().filter_map(|(key, value)| {
            let volume = value.split(',').next()?;
            let volume = volume.strip_prefix("file=").unwrap_or(volume);
            // A device of the node itself begins with a slash and is on no storage.
            let (storage, _) = volume.split_once(':').filter(|_| !volume.starts_with('/'))?;
            let size = value.split(',').find_map(|part| part.strip_prefix("size=")).and_then(DiskSize::in_config);
            let is_cdrom = value.contains("media=cdrom");
            let is_cloud_init = is_cdrom && volume.contains("cloudinit");
            let (bus, storage, volume) = (key.to_owned(), Foreign::new(storage), Foreign::new(volume));
            Some(Disk { bus, storage, volume, size, is_cdrom, is_cloud_init })
        })
    }

    /// Lists the slots of its drives, whatever is in them.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        self.drives().map(|(slot, _)| slot)
    }

    fn drives(&self) -> impl Iterator<Item = (&str, &str)> {
        let kinds = ["scsi", "virtio", "ide", "sata", "efidisk", "tpmstate"];
        self.texts().filter(move |(key, _)| kinds.contains(&device_of(key)))
    }

    /// Returns the first drive that is a device or file of the node itself, on no storage: `scsi1`.
    #[must_use]
    pub fn drive_outside_storage(&self) -> Option<&str> {
        let is_path = |value: &str| {
            let volume = value.split(',').next().unwrap_or_default();
            volume.strip_prefix("file=").unwrap_or(volume).starts_with('/')
        };
        self.drives().find(|(_, value)| is_path(value)).map(|(slot, _)| slot)
    }

    /// Lists the serial and parallel ports that are devices of the node, each with its entry.
    #[must_use]
    pub fn node_devices(&self) -> Vec<(String, Foreign)> {
        let ports = self.texts().filter(|(key, _)| ["serial", "parallel"].contains(&device_of(key)));
        let of_node = ports.filter(|(_, value)| value.starts_with("/dev/"));
        of_node.map(|(key, value)| (key.to_owned(), Foreign::new(value))).collect()
    }

    /// Lists its network devices that are attached to a bridge, each with that bridge.
    #[must_use]
    pub fn attached_bridges(&self) -> Vec<(String, Foreign)> {
        let bridge_of = |text: &str| text.split(',').find_map(|part| part.strip_prefix("bridge=")).map(Foreign::new);
        self.nics().filter_map(|(key, text)| Some((key.to_owned(), bridge_of(text)?))).collect()
    }

    /// Lists the bridges that its network devices are attached to, as they are named there.
    #[must_use]
    pub fn bridges(&self) -> Vec<Foreign> {
        let mut bridges: Vec<Foreign> = self.attached_bridges().into_iter().map(|(_, bridge)| bridge).collect();
        bridges.sort();
        bridges.dedup();
        bridges
    }

    /// Lists the entries of devices of the node itself, which the server lets root alone pass on to a clone: `hostpci0`
    /// without a mapping, `usb0` with a host device (qemu-server, `check_vm_modify_config_perm`).
    #[must_use]
    pub fn raw_devices(&self) -> Vec<&str> {
        let is_raw = |(key, value): &(&str, &str)| {
            let has = |name: &str| value.split(',').any(|part| part.starts_with(name));
            match device_of(key) {
                "hostpci" => !has("mapping="),
                "usb" => !has("mapping=") && !value.split(',').any(|part| part == "spice" || part == "host=spice"),
                _ => false,
            }
        };
        self.texts().filter(is_raw).map(|(key, _)| key).collect()
    }

    /// Returns whether it has a network device.
    #[must_use]
    pub fn has_nic(&self) -> bool {
        self.nics().next().is_some()
    }

    /// Returns the entries of the network devices with their links set down and everything else as it is.
    pub(super) fn links_down(&self) -> Vec<(&str, String)> {
        let down = |text: &str| {
            let kept = text.split(',').filter(|part| !part.starts_with("link_down="));
            kept.chain(["link_down=1"]).collect::<Vec<_>>().join(",")
        };
        self.nics().map(|(key, text)| (key, down(text))).collect()
    }

    fn nics(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(key, _)| device_of(key) == "net")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Disk, VmConfig};
    use crate::model::{DiskSize, Foreign};

    #[test]
    fn a_configuration_tells_disks_from_drives() {
        let config = VmConfig::of(&json!({
            "scsi0": "local-lvm:base-9000-disk-0,size=32G",
            "efidisk0": "file=ceph:vm-1-disk-1,efitype=4m",
            "ide2": "local-lvm:vm-9000-cloudinit,media=cdrom",
            "sata0": "none,media=cdrom",
            "scsi1": "/dev/sdb,size=1G",
            "scsihw": "virtio-scsi-single",
            "net0": "virtio=BC:24:11:75:A5:71,bridge=vmbr0,link_down=0",
            "netmask": "x",
            "agent": "enabled=1,fstrim_cloned_disks=1",
            "template": 1,
            "description": "cloudinit,media=cdrom",
        }))
        .unwrap();
        let disks: Vec<Disk> = config.disks().collect();
        let disk = |bus: &str, storage: &str, volume: &str, size: Option<&str>| Disk {
            bus: bus.to_owned(),
            storage: Foreign::new(storage),
            volume: Foreign::new(volume),
            size: size.and_then(DiskSize::in_config),
            is_cloud_init: false,
            is_cdrom: false,
        };
        let efi = disk("efidisk0", "ceph", "ceph:vm-1-disk-1", None);
        let scsi = disk("scsi0", "local-lvm", "local-lvm:base-9000-disk-0", Some("32G"));
        assert_eq!(disks, [efi, scsi]);
        assert_eq!(config.links_down(), [("net0", "virtio=BC:24:11:75:A5:71,bridge=vmbr0,link_down=1".to_owned())]);
        assert_eq!(config.bridges(), [Foreign::new("vmbr0")]);
        assert!(config.is_template() && config.agent_enabled() && config.has_cloud_init() && !config.protection());
    }

    #[test]
    fn the_guest_agent_is_on_only_where_it_says_so() {
        for (agent, on) in
            [("1", true), ("0", false), ("1,type=virtio", true), ("enabled=0", false), ("type=isa", false)]
        {
            assert_eq!(VmConfig::of(&json!({ "agent": agent })).unwrap().agent_enabled(), on, "{agent}");
        }
        assert!(VmConfig::of(&json!({"agent": 1})).unwrap().agent_enabled());
        assert!(!VmConfig::of(&json!({})).unwrap().agent_enabled());
    }
}
