//! What a clone needs, path by path, and what of it is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::{PoolName, StorageName, VmId};
use crate::pve::privileges::{AclPath, Hardware, Holdings, Nic, Privilege, Privileges};

/// A device with more VLANs than this is checked at its bridge: one question for each of 4094 would be a flood.
const VLANS_ASKED_ONE_BY_ONE: u16 = 16;

/// The clone that is about to be asked for, as far as it takes rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneOrder {
    /// The first number of the server's version, 9 for example.
    pub major: u32,
    /// The template.
    pub template: VmId,
    /// The VM to be made.
    pub new: VmId,
    /// The pool that the VM is made in.
    pub pool: Option<PoolName>,
    /// The storage that a full clone is sent to, in place of the template's own.
    pub storage: Option<StorageName>,
    /// The template's disks and network devices; none where its configuration cannot be read.
    pub hardware: Option<Hardware>,
    /// Whether the VM is started, and stopped again.
    pub start: bool,
    /// Whether its links are set down before the start.
    pub links_down: bool,
    /// Whether its guest agent is asked for an address.
    pub wait_ip: bool,
}

/// What a privilege is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// To clone the template.
    Clone,
    /// To read the template's configuration.
    ReadTemplate,
    /// To make the VM and destroy it.
    Make,
    /// To check the VM.
    Check,
    /// To take off the protection that the VM inherits.
    Unprotect,
    /// To set its links down.
    SetLinksDown,
    /// To start and stop it.
    Start,
    /// To ask its guest agent for an address.
    AskAgent,
    /// To store its disks.
    Store,
    /// To attach it to the network.
    Attach,
    /// To use the node's CD-ROM drive.
    UseDrive,
}

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Clone => "clone the template",
            Self::ReadTemplate => "read the template",
            Self::Make => "make and destroy the VM",
            Self::Check => "check the VM",
            Self::Unprotect => "take off the inherited protection",
            Self::SetLinksDown => "set its links down",
            Self::Start => "start and stop it",
            Self::AskAgent => "ask its guest agent",
            Self::Store => "store its disks",
            Self::Attach => "attach it to the network",
            Self::UseDrive => "use the node's CD-ROM drive",
        })
    }
}

/// Where a privilege is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A path that is known and lasts.
    At(AclPath),
    /// The VM to be made. Entries on its own path die with it, so rights for it are granted on `/vms`.
    NewVm(VmId),
    /// Something below this path that cannot be told yet, or too many things to ask for one by one.
    Below(AclPath),
}

impl Place {
    /// Gives the path whose answer decides.
    #[must_use]
    pub fn path(&self) -> AclPath {
        match self {
            Self::At(path) => path.clone(),
            Self::NewVm(vmid) => AclPath::vm(*vmid),
            Self::Below(parent) => parent.fresh_child(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(path) => path.fmt(formatter),
            Self::NewVm(vmid) => formatter.pad(&format!("/vms/{vmid}")),
            Self::Below(parent) => formatter.pad(&format!("{parent}/…")),
        }
    }
}

/// One privilege that the clone needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Where.
    pub place: Place,
    /// Which.
    pub privilege: Privilege,
    /// What for.
    pub purpose: Purpose,
    /// What does as well.
    pub instead: Vec<(Place, Privilege)>,
}

impl Need {
    fn new(place: Place, privilege: Privilege, purpose: Purpose) -> Self {
        Self { place, privilege, purpose, instead: Vec::new() }
    }

    /// Says whether it is met by what somebody holds.
    #[must_use]
    pub fn is_met(&self, held: &Holdings) -> bool {
        let first = (self.place.clone(), self.privilege.clone());
        std::iter::once(&first)
            .chain(&self.instead)
            .any(|(place, privilege)| held.on(&place.path()).contains(privilege))
    }
}

/// What is missing in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Where.
    pub place: Place,
    /// Which privileges.
    pub missing: Privileges,
    /// What they are needed for.
    pub purposes: BTreeSet<Purpose>,
}

impl Gap {
    /// Gives the row of the table: path, missing privileges, purposes.
    #[must_use]
    pub fn row(&self) -> [String; 3] {
        [self.place.to_string(), join(&self.missing, ", "), join(&self.purposes, ", ")]
    }
}

pub(super) fn join<T: ToString>(items: impl IntoIterator<Item = T>, between: &str) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(between)
}

/// Lists what the clone needs, in the order in which the server asks for it.
#[must_use]
pub fn needs(order: &CloneOrder) -> Vec<Need> {
    let template = Place::At(AclPath::vm(order.template));
    let mut needs = vec![
        Need::new(template.clone(), Privilege::VM_CLONE, Purpose::Clone),
        Need::new(template, Privilege::VM_AUDIT, Purpose::ReadTemplate),
    ];
    needs.extend(of_the_new_vm(order));
    needs.extend(of_the_storages(order));
    // Before Proxmox VE 8 everybody could use every bridge.
    if order.major >= 8 {
        needs.extend(of_the_network(order));
    }
    needs
}

/// Lists the paths that must be asked for to see whether the needs are met.
#[must_use]
pub fn paths(needs: &[Need]) -> BTreeSet<AclPath> {
    let alternatives = |need: &Need| need.instead.iter().map(|(place, _)| place.path()).collect::<Vec<_>>();
    needs.iter().flat_map(|need| std::iter::once(need.place.path()).chain(alternatives(need))).collect()
}

/// Says what is missing, place by place, in the order of the needs.
#[must_use]
pub fn gaps(needs: &[Need], held: &Holdings) -> Vec<Gap> {
    let mut found: Vec<Gap> = Vec::new();
    let mut index: BTreeMap<&Place, usize> = BTreeMap::new();
    for need in needs.iter().filter(|need| !need.is_met(held)) {
        let at = *index.entry(&need.place).or_insert_with(|| {
            found.push(Gap { place: need.place.clone(), missing: Privileges::new(), purposes: BTreeSet::new() });
            found.len() - 1
        });
        if let Some(gap) = found.get_mut(at) {
            gap.missing.insert(need.privilege.clone());
            gap.purposes.insert(need.purpose);
        }
    }
    found
}

fn of_the_new_vm(order: &CloneOrder) -> Vec<Need> {
    let is_protected = order.hardware.as_ref().is_some_and(|hardware| hardware.protected);
    let starts = order.start || order.wait_ip;
    let (ask_agent, ask_all) = if order.major >= 9 {
        (Privilege::VM_GUEST_AGENT_AUDIT, Some(Privilege::VM_GUEST_AGENT_UNRESTRICTED))
    } else {
        (Privilege::VM_MONITOR, None)
    };
    [
        (true, Privilege::VM_ALLOCATE, Purpose::Make, None),
        (true, Privilege::VM_AUDIT, Purpose::Check, None),
        (is_protected, Privilege::VM_CONFIG_OPTIONS, Purpose::Unprotect, None),
        (order.links_down, Privilege::VM_CONFIG_NETWORK, Purpose::SetLinksDown, None),
        (starts, Privilege::VM_POWER_MGMT, Purpose::Start, None),
        (order.wait_ip, ask_agent, Purpose::AskAgent, ask_all),
    ]
    .into_iter()
    .filter(|(wanted, ..)| *wanted)
    .map(|(_, privilege, purpose, instead)| on_the_new_vm(order, privilege, purpose, instead))
    .collect()
}

/// A VM of a pool gives each privilege that is held on its own path or on the pool's.
fn on_the_new_vm(order: &CloneOrder, privilege: Privilege, purpose: Purpose, instead: Option<Privilege>) -> Need {
    let itself = Place::NewVm(order.new);
    let pool = order.pool.as_ref().map(|pool| Place::At(AclPath::pool(pool)));
    let mut ways: Vec<(Place, Privilege)> = Vec::new();
    for privilege in std::iter::once(privilege.clone()).chain(instead) {
        ways.extend(pool.iter().chain([&itself]).map(|place| (place.clone(), privilege.clone())));
    }
    let place = pool.unwrap_or(itself);
    ways.retain(|way| *way != (place.clone(), privilege.clone()));
    Need { place, privilege, purpose, instead: ways }
}

fn of_the_storages(order: &CloneOrder) -> Vec<Need> {
    let at = |storage: &StorageName| Place::At(AclPath::storage(storage));
    let mut places: BTreeSet<Place> = BTreeSet::new();
    let mut drive = None;
    match (&order.hardware, &order.storage) {
        (None, None) => drop(places.insert(Place::Below(AclPath::storages()))),
        (None, Some(storage)) => drop(places.insert(at(storage))),
        (Some(hardware), storage) => {
            places.extend(
                storage.as_ref().map_or_else(
                    || hardware.storages.iter().map(at).collect(),
                    |storage| BTreeSet::from([at(storage)]),
                ),
            );
            places.extend(hardware.state_storage.as_ref().map(at));
            drive = hardware.physical_cdrom.then_some(Place::At(AclPath::root()));
        }
    }
    let space = Privilege::DATASTORE_ALLOCATE_SPACE;
    let disks = places.into_iter().map(|place| Need::new(place, space.clone(), Purpose::Store));
    disks.chain(drive.map(|place| Need::new(place, Privilege::SYS_CONSOLE, Purpose::UseDrive))).collect()
}

fn of_the_network(order: &CloneOrder) -> Vec<Need> {
    let places: BTreeSet<Place> = match &order.hardware {
        None => BTreeSet::from([Place::Below(AclPath::local_zone())]),
        Some(hardware) => hardware.nics.iter().flat_map(places_of).collect(),
    };
    places.into_iter().map(|place| Need::new(place, Privilege::SDN_USE, Purpose::Attach)).collect()
}

fn places_of(nic: &Nic) -> Vec<Place> {
    if nic.vlans.is_empty() {
        return vec![Place::At(nic.bridge.clone())];
    }
    let (mut places, mut too_many) = (Vec::new(), false);
    for range in &nic.vlans {
        if range.end().abs_diff(*range.start()) < VLANS_ASKED_ONE_BY_ONE {
            places.extend(range.clone().map(|tag| Place::At(nic.bridge.vlan(tag))));
        } else {
            too_many = true;
        }
    }
    places.extend(too_many.then(|| Place::Below(nic.bridge.clone())));
    places
}
