//! The disks and network devices of a template, as far as a clone of it needs rights for them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::model::{BridgeName, StorageName};
use crate::pve::privileges::{AclPath, InvalidAclPath};

/// The zone of each vnet by the vnet's name; what is not in it is a bridge of the node.
pub type Zones = BTreeMap<BridgeName, BridgeName>;

/// One network device: its bridge and the VLANs that it may use there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NicRequirement {
    /// The path of the bridge or vnet.
    pub bridge: AclPath,
    /// Its VLAN tag and its trunks; none for the bridge itself.
    pub vlans: Vec<RangeInclusive<u16>>,
}

/// What of a template a clone needs rights for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hardware {
    /// The storages that hold its disks; those of CD-ROM and cloud-init drives are not checked by the server.
    pub storages: BTreeSet<StorageName>,
    /// The storage that the configuration reserves for saved states, which a clone takes over.
    pub state_storage: Option<StorageName>,
    /// The slots in which it has the node's own CD-ROM drive: `ide2`.
    pub node_drives: Vec<String>,
    /// The resource mappings of its devices: `/mapping/pci/gpu`.
    pub mappings: BTreeSet<AclPath>,
    /// Whether it takes random numbers from the node's own generator.
    pub uses_hardware_rng: bool,
    /// Its network devices.
    pub nics: Vec<NicRequirement>,
    /// Whether it may not be destroyed; a clone inherits that.
    pub protected: bool,
}

impl Hardware {
    /// Reads the entries of a VM's configuration.
    ///
    /// # Errors
    /// If a drive or network device is not understood.
    pub fn of<'a>(config: impl IntoIterator<Item = (&'a str, &'a str)>, zones: &Zones) -> Result<Self, InvalidAclPath> {
        let mut hardware = Self::default();
        for (key, value) in config {
            let not_understood = || InvalidAclPath::Device { key: key.to_owned() };
            match device_of(key) {
                "scsi" | "virtio" | "ide" | "sata" | "efidisk" | "tpmstate" => {
                    hardware.add_drive(key, value).ok_or_else(not_understood)?;
                }
                "hostpci" => hardware.add_mapping("pci", "mapping", value).ok_or_else(not_understood)?,
                "usb" => hardware.add_mapping("usb", "mapping", value).ok_or_else(not_understood)?,
                "virtiofs" => hardware.add_mapping("dir", "dirid", value).ok_or_else(not_understood)?,
                "net" => hardware.nics.extend(read_nic(value, zones).ok_or_else(not_understood)?),
                _ if key == "vmstatestorage" => {
                    hardware.state_storage = Some(value.parse().map_err(|_| not_understood())?);
                }
                "rng" => {
                    let (source, _) = read_options(value, "source").ok_or_else(not_understood)?;
                    hardware.uses_hardware_rng = source.trim_start_matches("source=") == "/dev/hwrng";
                }
                _ if key == "protection" => hardware.protected = value == "1",
                _ => {}
            }
        }
        Ok(hardware)
    }

    /// Notes the resource mapping that a device names; one without is a device of the node itself.
    fn add_mapping(&mut self, kind: &str, option: &str, value: &str) -> Option<()> {
        let (first, options) = read_options(value, option)?;
        let named = options.get(option).copied();
        // The first value of a directory share may be without its name.
        let name = named.or_else(|| (option == "dirid" && !first.contains('=')).then_some(first));
        if let Some(name) = name {
            self.mappings.insert(format!("/mapping/{kind}/{name}").parse().ok()?);
        }
        Some(())
    }

    fn add_drive(&mut self, slot: &str, value: &str) -> Option<()> {
        let (volume, options) = read_options(value, "file")?;
        if options.get("media") == Some(&"cdrom") {
            self.node_drives.extend((volume == "cdrom").then(|| slot.to_owned()));
            return Some(());
        }
        // A device of the node, `/dev/sdb` for example, lies on no storage.
        if let Some((storage, _)) = volume.split_once(':').filter(|_| !volume.starts_with('/')) {
            self.storages.insert(storage.parse().ok()?);
        }
        Some(())
    }
}

/// Returns the kind of a device, the key without its number: `scsi` for `scsi0`, nothing for `scsihw`.
pub(crate) fn device_of(key: &str) -> &str {
    let kind = key.trim_end_matches(|last: char| last.is_ascii_digit());
    if kind.len() < key.len() { kind } else { "" }
}

/// Splits `VALUE,key=value,…`, where the first value may also be written with its key.
fn read_options<'a>(text: &'a str, first: &str) -> Option<(&'a str, BTreeMap<&'a str, &'a str>)> {
    let mut parts = text.split(',');
    let lead = parts.next()?;
    let options: BTreeMap<&str, &str> = text.split(',').filter_map(|part| part.split_once('=')).collect();
    let lead = if lead.contains('=') && options.contains_key(first) { options.get(first)? } else { lead };
    Some((lead, options))
}

/// Reads a network device; without a bridge it is the user-mode network, which needs no right.
fn read_nic(value: &str, zones: &Zones) -> Option<Option<NicRequirement>> {
    let (_, options) = read_options(value, "model")?;
    let Some(bridge) = options.get("bridge") else {
        return Some(None);
    };
    let bridge: BridgeName = bridge.parse().ok()?;
    let path = zones.get(&bridge).map_or_else(|| AclPath::local_bridge(&bridge), |zone| AclPath::bridge(zone, &bridge));
    let tag = options.get("tag").into_iter().copied();
    let trunks = options.get("trunks").into_iter().flat_map(|trunks| trunks.split(';'));
    let vlans = tag.chain(trunks).map(read_range).collect::<Option<_>>()?;
    Some(Some(NicRequirement { bridge: path, vlans }))
}

fn read_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?).filter(|range| !range.is_empty() && *range.end() < 4095)
}

#[cfg(test)]
mod tests {
    use super::{Hardware, InvalidAclPath, Zones};

    fn read(entry: (&str, &str)) -> Result<Hardware, InvalidAclPath> {
        Hardware::of([entry], &Zones::from([("vnet1".parse().unwrap(), "lab".parse().unwrap())]))
    }

    #[test]
    fn only_real_disks_count_for_storages() {
        for (key, value, storage, physical) in [
            ("scsi0", "local-lvm:base-9000-disk-0,size=32G", Some("local-lvm"), false),
            ("scsi0", "file=local:9000/base-9000-disk-0.qcow2,size=1G", Some("local"), false),
            ("virtio15", "ceph_ssd.1:vm-1-disk-0", Some("ceph_ssd.1"), false),
            ("efidisk0", "local:9000/base-9000-disk-1.raw,efitype=4m,size=528K", Some("local"), false),
            ("tpmstate0", "local-lvm:vm-9000-disk-2,version=v2.0", Some("local-lvm"), false),
            ("ide2", "local-lvm:vm-9000-cloudinit,media=cdrom", None, false),
            ("ide2", "iso:iso/ubuntu.iso,media=cdrom,size=4M", None, false),
            ("ide2", "none,media=cdrom", None, false),
            ("ide2", "cdrom,media=cdrom", None, true),
            ("scsi1", "/dev/disk/by-id/a:b", None, false),
            ("scsihw", "virtio-scsi-single", None, false),
            ("unused0", "local:9000/old.qcow2", None, false),
        ] {
            let hardware = read((key, value)).unwrap();
            let storages: Vec<&str> = hardware.storages.iter().map(crate::model::StorageName::as_str).collect();
            assert_eq!(storages, Vec::from_iter(storage), "{key}: {value}");
            assert_eq!(hardware.node_drives.as_slice() == [key], physical, "{key}: {value}");
        }
    }

    #[test]
    fn a_network_device_is_a_bridge_with_its_vlans() {
        for (value, expected) in [
            ("virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1", Some(("/sdn/zones/localnetwork/vmbr0", vec![]))),
            ("virtio,bridge=vmbr0,tag=100", Some(("/sdn/zones/localnetwork/vmbr0", vec![100..=100]))),
            (
                "model=e1000,bridge=vmbr1,trunks=2;5-7,tag=3",
                Some(("/sdn/zones/localnetwork/vmbr1", vec![3..=3, 2..=2, 5..=7])),
            ),
            ("virtio,bridge=vnet1", Some(("/sdn/zones/lab/vnet1", vec![]))),
            ("virtio=BC:24:11:00:00:01", None),
        ] {
            let nics = read(("net0", value)).unwrap().nics;
            let found = nics.first().map(|nic| (nic.bridge.as_str(), nic.vlans.clone()));
            assert_eq!(found, expected, "{value}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (key, value) in [
            ("net0", "virtio,bridge=vmbr0,tag=9999"),
            ("net0", "virtio,bridge=vmbr0,trunks=9-2"),
            ("net1", "virtio,bridge=$(reboot)"),
            ("net2", "virtio,bridge=vmbr0/100"),
            ("scsi0", "a b:disk"),
            ("vmstatestorage", ""),
        ] {
            assert_eq!(read((key, value)), Err(InvalidAclPath::Device { key: key.to_owned() }), "{key}: {value}");
        }
    }

    #[test]
    fn protection_and_saved_states_are_read() {
        let config = [("protection", "1"), ("vmstatestorage", "fast")];
        let hardware = Hardware::of(config, &Zones::new()).unwrap();
        assert!(hardware.protected);
        assert_eq!(hardware.state_storage.map(|it| it.to_string()).as_deref(), Some("fast"));
    }
}
