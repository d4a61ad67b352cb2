//! What a fault changes in the cluster before anything is called.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::sandbox::cluster::{Cluster, Mapping, Reach, State, Statistics, Storage, Volume};
use crate::sandbox::faults::Fault;

/// A range of VMIDs that are all taken: that of the stopped VM of the world.
const USED_UP: Range<u32> = 101..102;

/// Brings about what a fault needs beforehand.
pub(crate) fn prepare(cluster: &mut Cluster, fault: Fault) {
    match fault {
        Fault::NodeOffline => {
            if let Some((_, node)) = cluster.nodes.iter_mut().next_back() {
                node.reach = Reach::NoRoute;
            }
        }
        Fault::NoTemplates => drop(cluster.drop_templates()),
        Fault::StorageLock => cluster.one_clone_per_storage = true,
        Fault::DiskNotRemoved => cluster.keeps_disks = true,
        Fault::StorageDisabled => of_templates(cluster, |storage, _| storage.state = State::Disabled),
        Fault::StorageOffline => of_templates(cluster, |storage, _| storage.state = State::Offline),
        Fault::StorageRestricted => {
            let other = cluster.nodes.keys().nth(1).cloned().unwrap_or_else(|| "pve2".to_owned());
            of_templates(cluster, |storage, _| storage.nodes = BTreeSet::from([other.clone()]));
        }
        Fault::StorageNotOnTarget => {
            of_templates(cluster, |storage, node| storage.nodes = BTreeSet::from([node.to_owned()]));
        }
        Fault::StatusUnknown => {
            cluster.nodes.values_mut().for_each(|node| node.statistics = Statistics::Stale);
        }
        Fault::NoQuorum => {
            cluster.quorate = false;
            let local = cluster.local.clone();
            let others = cluster.nodes.iter_mut().filter(|(name, _)| **name != local);
            others.for_each(|(_, node)| node.reach = Reach::NoRoute);
        }
        Fault::IdsUsedUp => cluster.next_ids = Some(USED_UP),
        Fault::NoKvm => cluster.has_kvm = false,
        Fault::MappedDevice => {
            let node = cluster.local.clone();
            let device = "0000:01:00.0".to_owned();
            cluster.mappings.push(Mapping { kind: "pci", name: "gpu".to_owned(), node, device, is_there: true });
            set_on_templates(cluster, "hostpci0", "mapping=gpu,pcie=1");
        }
        Fault::RawDevice => set_on_templates(cluster, "hostpci0", "0000:01:00.0"),
        Fault::TemplateLocked => set_on_templates(cluster, "lock", "backup"),
        Fault::IsoInDrive => {
            set_on_templates(cluster, "ide3", "local:iso/debian-13.iso,media=cdrom,size=600M");
            if let Some(storage) = cluster.storages.get_mut("local") {
                let key = storage.key(&cluster.local, "iso/debian-13.iso");
                storage.volumes.insert(key, iso());
            }
        }
        Fault::StorageFull => cluster.storages.values_mut().for_each(|storage| storage.full = true),
        _ => {}
    }
}

/// Changes the storages that the templates lie on; their node is given.
fn of_templates(cluster: &mut Cluster, change: impl Fn(&mut Storage, &str)) {
    let templates = cluster.vms.values().filter(|vm| vm.is_template());
    let places: BTreeSet<(String, String)> = templates
        .flat_map(|vm| vm.config.drives().into_iter().map(|drive| (drive.storage().to_owned(), vm.node.clone())))
        .collect();
    for (name, node) in places {
        if let Some(storage) = cluster.storages.get_mut(&name) {
            change(storage, &node);
        }
    }
}

/// Sets an option of every template.
fn set_on_templates(cluster: &mut Cluster, option: &str, value: &str) {
    let templates: Vec<u32> = cluster.vms.iter().filter(|(_, vm)| vm.is_template()).map(|(vmid, _)| *vmid).collect();
    for vmid in templates {
        cluster.set_option(vmid, option, value);
    }
}

fn iso() -> Volume {
    Volume {
        vmid: None,
        content: "iso".to_owned(),
        format: "iso".to_owned(),
        size: 600 << 20,
        used: 600 << 20,
        created: 1_760_000_000,
        base: None,
    }
}
