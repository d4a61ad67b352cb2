//! Which privileges a clone needs.

use super::{MissingPrivileges, PlannedClone, join, missing_privileges, needs, paths};
use crate::pve::privileges::{Hardware, Permissions, PermissionsAt, Zones};

const DISK: (&str, &str) = ("scsi0", "local-lvm:base-9000-disk-0,size=32G");
const NIC: (&str, &str) = ("net0", "virtio,bridge=vmbr0");

fn planned_clone(config: &[(&str, &str)]) -> PlannedClone {
    PlannedClone {
        major: 9,
        template: "9000".parse().unwrap(),
        new: "105".parse().unwrap(),
        pool: None,
        storage: None,
        hardware: Some(Hardware::of(config.iter().copied(), &Zones::new()).unwrap()),
        start: false,
        links_down: false,
        wait_ip: false,
    }
}

fn listed(clone: &PlannedClone) -> Vec<String> {
    needs(clone).iter().map(|need| format!("{} {}", need.path, need.privilege)).collect()
}

/// What every clone needs, and then the rest.
fn usual_and(rest: &[&str]) -> Vec<String> {
    let usual = [
        "/vms/9000 VM.Clone",
        "/vms/9000 VM.Audit",
        "/vms/105 (the new VM) VM.Allocate",
        "/vms/105 (the new VM) VM.Audit",
    ];
    usual.iter().chain(rest).map(|it| (*it).to_owned()).collect()
}

#[test]
fn the_steps_decide_about_the_new_vm() {
    let bare = planned_clone(&[]);
    for (what, clone, rest) in [
        ("made", bare.clone(), &[][..]),
        (
            "started",
            PlannedClone { start: true, links_down: true, ..planned_clone(&[("protection", "1")]) },
            &[
                "/vms/105 (the new VM) VM.Config.Options",
                "/vms/105 (the new VM) VM.Config.Network",
                "/vms/105 (the new VM) VM.PowerMgmt",
            ],
        ),
        (
            "address awaited",
            PlannedClone { wait_ip: true, ..bare.clone() },
            &["/vms/105 (the new VM) VM.PowerMgmt", "/vms/105 (the new VM) VM.GuestAgent.Audit"],
        ),
        (
            "address awaited before 9",
            PlannedClone { wait_ip: true, major: 8, ..bare },
            &["/vms/105 (the new VM) VM.PowerMgmt", "/vms/105 (the new VM) VM.Monitor"],
        ),
    ] {
        assert_eq!(listed(&clone), usual_and(rest), "{what}");
    }
}

#[test]
fn the_hardware_decides_about_storages_and_bridges() {
    let base = planned_clone(&[DISK, NIC]);
    let vlans = [("net0", "virtio,bridge=vmbr0,tag=100,trunks=5;7-8"), ("net1", "e1000,bridge=vmbr1,trunks=2-4094")];
    let (fast, state) = (Some("fast".parse().unwrap()), ("vmstatestorage", "nfs"));
    let disk = "/storage/local-lvm Datastore.AllocateSpace";
    for (what, clone, rest) in [
        ("plain", base.clone(), &[disk, "/sdn/zones/localnetwork/vmbr0 SDN.Use"][..]),
        ("before 8", PlannedClone { major: 7, ..base.clone() }, &[disk]),
        (
            "to another storage",
            PlannedClone { storage: fast.clone(), ..planned_clone(&[DISK, state]) },
            &["/storage/fast Datastore.AllocateSpace", "/storage/nfs Datastore.AllocateSpace"],
        ),
        (
            "with VLANs",
            planned_clone(&vlans),
            &[
                "/sdn/zones/localnetwork/vmbr0/100 SDN.Use",
                "/sdn/zones/localnetwork/vmbr0/5 SDN.Use",
                "/sdn/zones/localnetwork/vmbr0/7 SDN.Use",
                "/sdn/zones/localnetwork/vmbr0/8 SDN.Use",
                "/sdn/zones/localnetwork/vmbr1 (all VLANs) SDN.Use",
            ],
        ),
        ("with the node's drive", planned_clone(&[("ide2", "cdrom,media=cdrom")]), &["/ Sys.Console"]),
        ("unreadable", PlannedClone { hardware: None, ..base.clone() }, &[]),
        (
            "unreadable, to another storage",
            PlannedClone { hardware: None, storage: fast, major: 7, ..base },
            &["/storage/fast Datastore.AllocateSpace"],
        ),
    ] {
        assert_eq!(listed(&clone), usual_and(rest), "{what}");
    }
}

#[test]
fn in_a_pool_the_needs_of_the_new_vm_are_the_pools() {
    let clone = PlannedClone { pool: Some("lab".parse().unwrap()), ..planned_clone(&[]) };
    let in_pool: Vec<String> =
        usual_and(&[]).iter().map(|it| it.replace("/vms/105 (the new VM)", "/pool/lab")).collect();
    assert_eq!(listed(&clone), in_pool);
}

fn permissions(answers: &[(&str, &str)]) -> Permissions {
    let mut held = Permissions::default();
    for (path, privileges) in answers {
        let privileges = privileges.split_whitespace().map(|it| (it.parse().unwrap(), true)).collect();
        let path: super::AclPath = path.parse().unwrap();
        held.answer(&path, &PermissionsAt::from([(path.clone(), privileges)]));
    }
    held
}

#[test]
fn a_need_is_met_by_the_pool_as_well_as_by_the_vm() {
    let clone = PlannedClone { pool: Some("lab".parse().unwrap()), wait_ip: true, ..planned_clone(&[]) };
    let template = ("/vms/9000", "VM.Clone VM.Audit");
    for (vm, pool, missing) in [
        ("VM.Allocate VM.Audit VM.PowerMgmt VM.GuestAgent.Audit", "", ""),
        ("", "VM.Allocate VM.Audit VM.PowerMgmt VM.GuestAgent.Audit", ""),
        ("VM.Allocate VM.GuestAgent.Unrestricted", "VM.Audit VM.PowerMgmt", ""),
        ("VM.Allocate", "VM.PowerMgmt VM.GuestAgent.Unrestricted", "VM.Audit"),
        ("", "", "VM.Allocate VM.Audit VM.GuestAgent.Audit VM.PowerMgmt"),
    ] {
        let held = permissions(&[template, ("/vms/105", vm), ("/pool/lab", pool)]);
        let lacking = missing_privileges(&needs(&clone), &held);
        let found: Vec<String> =
            lacking.iter().map(|entry| format!("{} {}", entry.path, join(&entry.missing, " "))).collect();
        let expected = (!missing.is_empty()).then(|| format!("/pool/lab {missing}"));
        assert_eq!(found, Vec::from_iter(expected), "{vm} / {pool}");
    }
}

#[test]
fn gaps_are_rows_of_a_table_in_the_order_of_the_needs() {
    let clone = PlannedClone { start: true, ..planned_clone(&[DISK, NIC]) };
    let held = permissions(&[("/vms/9000", "VM.Audit"), ("/storage/local-lvm", "Datastore.AllocateSpace")]);
    let rows: Vec<String> = missing_privileges(&needs(&clone), &held)
        .iter()
        .map(MissingPrivileges::row)
        .map(|row| row.join(" | "))
        .collect();
    assert_eq!(
        rows,
        [
            "VM.Clone | on /vms/9000",
            "VM.Allocate, VM.Audit, VM.PowerMgmt | on /vms/105 (the new VM)",
            "SDN.Use | on /sdn/zones/localnetwork/vmbr0",
        ]
    );
}

#[test]
fn a_deeper_entry_shows_by_what_propagates_from_above() {
    let needs = needs(&planned_clone(&[]));
    for (above, expected) in [
        (&[("/", "VM.Clone VM.Audit")][..], Some("/")),
        (&[("/", "VM.Clone"), ("/vms", "VM.Audit"), ("/vms/90", "VM.Clone")], Some("/vms")),
        (&[("/", "Sys.Audit"), ("/vms", ""), ("/storage", "VM.Clone")], None),
    ] {
        let held = permissions(above);
        let found = missing_privileges(&needs, &held).first().and_then(|entry| entry.replaced_from(&held));
        assert_eq!(found.as_ref().map(super::AclPath::as_str), expected, "{above:?}");
    }
}

#[test]
fn every_path_that_decides_is_asked() {
    let clone = PlannedClone { pool: Some("lab/a".parse().unwrap()), hardware: None, ..planned_clone(&[]) };
    let asked = paths(&needs(&clone));
    let asked: Vec<&str> = asked.iter().map(super::AclPath::as_str).collect();
    assert_eq!(asked, ["/pool/lab/a", "/vms/105", "/vms/9000"]);
}
