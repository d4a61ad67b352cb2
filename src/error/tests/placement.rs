//! Node, template, storage, pool and VMID of a clone, and what the preflight finds.

use super::{read, screen};
use crate::error::{DriveMedium, PlacementError, PreflightError, StorageState};
use crate::model::Foreign;

fn names(list: &str) -> Vec<String> {
    list.split(", ").map(str::to_owned).collect()
}

fn elsewhere(drive: &str, medium: DriveMedium) -> PlacementError {
    PlacementError::TemplateElsewhere {
        template: read("9000"),
        variable: "PROXMOX_LAB_NODE".to_owned(),
        on: read("pve1"),
        node: read("pve2"),
        drive: drive.to_owned(),
        medium,
        storage: Foreign::new("local-lvm"),
    }
}

#[test]
fn placement() {
    let templates = || names("9000 ubuntu-2204 (pve1), 9001 ubuntu-2004 (pve2)");
    let text = screens! { PlacementError, screen;
        WhichNode => PlacementError::WhichNode { nodes: names("pve1, pve2"), variable: "PROXMOX_NODE".to_owned() };
        UnknownNode => PlacementError::UnknownNode { node: read("pve9"), known: names("pve1, pve2") };
        NodeOffline => PlacementError::NodeOffline { node: read("pve2"), status: Foreign::new("offline") };
        NoTemplate => PlacementError::NoTemplate { template: read("8888"), known: templates() },
            PlacementError::NoTemplate { template: read("8888"), known: Vec::new() };
        NothingToClone => PlacementError::NothingToClone { template: read("9000") };
        NotATemplate => PlacementError::NotATemplate {
            vmid: read("101"),
            name: Foreign::new("web"),
            known: templates(),
        };
        TemplateElsewhere => elsewhere("scsi0", DriveMedium::Disk),
            elsewhere("ide2", DriveMedium::CloudInit),
            elsewhere("ide2", DriveMedium::Iso);
        UnknownStorage => PlacementError::UnknownStorage {
                storage: read("fast"),
                node: read("pve1"),
                known: names("local, local-lvm"),
            },
            PlacementError::UnknownStorage { storage: read("fast"), node: read("pve1"), known: Vec::new() };
        UnknownPool => PlacementError::UnknownPool { pool: read("lab") };
        VmidTaken => PlacementError::VmidTaken { vmid: read("100"), flag: "--vmid" };
        NoFreeId => PlacementError::NoFreeId { tries: 20 };
        CannotLink => PlacementError::CannotLink { template: read("9000") };
        AgentDisabled => PlacementError::AgentDisabled { template: read("9000") };
    };
    insta::assert_snapshot!(text);
}

fn unavailable(why: StorageState, drive: Option<&str>) -> PreflightError {
    PreflightError::StorageUnavailable {
        storage: Foreign::new("nfs"),
        node: read("pve2"),
        why,
        drive: drive.map(str::to_owned),
    }
}

#[test]
fn preflight() {
    let text = screens! { PreflightError, screen;
        TemplateLocked => PreflightError::TemplateLocked { template: read("9000"), lock: Foreign::new("backup") };
        RawDevice => PreflightError::RawDevice { template: read("9000"), device: "hostpci0".to_owned() };
        DriveOutsideStorage => PreflightError::DriveOutsideStorage { template: read("9000"), drive: "scsi1".to_owned() };
        NoQuorum => PreflightError::NoQuorum;
        BridgeMissing => PreflightError::BridgeMissing {
            device: "net0".to_owned(),
            bridge: Foreign::new("vmbr7"),
            node: read("pve2"),
            known: names("vmbr0, vmbr1"),
        };
        BridgeUnseen => PreflightError::BridgeUnseen {
            device: "net0".to_owned(),
            bridge: Foreign::new("vmbr7"),
            node: read("pve2"),
        };
        MappingUnusable => PreflightError::MappingUnusable {
                mapping: read("/mapping/pci/gpu"),
                node: read("pve2"),
                fault: None,
            },
            PreflightError::MappingUnusable {
                mapping: read("/mapping/pci/gpu"),
                node: read("pve2"),
                fault: Some(Foreign::new("pci device '0000:01:00.0' not found")),
            };
        StorageUnavailable => unavailable(StorageState::Disabled, Some("scsi0")),
            unavailable(StorageState::Offline, Some("scsi0")),
            unavailable(StorageState::Absent, None);
        StorageNotShared => PreflightError::StorageNotShared {
            storage: read("local-lvm"),
            on: read("pve1"),
            node: read("pve2"),
            known: names("ceph, nfs"),
        };
        StorageFull => PreflightError::StorageFull {
            storage: read("local-lvm"),
            node: read("pve1"),
            available: "1.2 GiB".to_owned(),
            needed: "32.0 GiB".to_owned(),
        };
    };
    insta::assert_snapshot!(text);
}
