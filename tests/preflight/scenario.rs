//! A random cluster with a random template, and the options of a test VM.

use std::collections::BTreeSet;
use std::time::Duration;

use glassdome::sandbox::cluster::{Cluster, Config, Kind, Mapping, Node, Reach, State, Statistics, Storage, Vm};
use glassdome::sandbox::{Options, Sandbox};

use crate::support::admin::Admin;
use crate::support::test_env::quick;

/// The template.
pub(crate) const TEMPLATE: u32 = 9000;

/// What a token may hold on `/`, besides all.
const ROLES: [&str; 5] = ["PVEVMAdmin", "PVEDatastoreUser", "PVESDNUser", "PVEMappingUser", "PVEAuditor"];

/// The storages that a scenario can have, besides `local` and `local-lvm`.
const STORAGES: [&str; 3] = ["fast", "nas", "old"];

/// A sequence of random numbers, the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Says yes in so many of a hundred cases.
    fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// Takes one of some.
    fn one<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let count = u64::try_from(items.len()).unwrap_or(1);
        let index = usize::try_from(self.next() % count).unwrap_or_default();
        items.get(index).expect("there are some")
    }
}

/// What is asked of a test VM.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// The node of the settings.
    pub(crate) node: String,
    pub(crate) target: Option<String>,
    /// Whether a full or a linked clone is asked for.
    pub(crate) full: Option<bool>,
    pub(crate) storage: Option<String>,
    pub(crate) pool: Option<String>,
    pub(crate) vmid: Option<u32>,
    pub(crate) starts: bool,
}

impl Request {
    fn random(chance: &mut Random, nodes: &[String]) -> Self {
        let storage =
            chance.percent(20).then(|| (*chance.one(&["local", "local-lvm", "fast", "nas", "none"])).to_owned());
        let full = if storage.is_some() { Some(true) } else { *chance.one(&[None, None, Some(true), Some(false)]) };
        Self {
            node: if chance.percent(80) { "pve".to_owned() } else { chance.one(nodes).clone() },
            target: chance.percent(30).then(|| chance.one(nodes).clone()),
            full,
            storage,
            pool: chance.percent(10).then(|| (*chance.one(&["lab", "nosuch"])).to_owned()),
            vmid: chance.percent(10).then(|| *chance.one(&[101, 777])),
            starts: chance.percent(90),
        }
    }

    /// Writes it out as the options of `test-vm`.
    pub(crate) fn flags(&self) -> String {
        let mut line = format!("test-vm --node {} --template {TEMPLATE}", self.node);
        let mut add = |text: String| {
            line.push(' ');
            line.push_str(&text);
        };
        match (self.full, &self.storage) {
            (_, Some(storage)) => add(format!("--storage {storage}")),
            (Some(true), None) => add("--full".to_owned()),
            (Some(false), None) => add("--linked".to_owned()),
            (None, None) => {}
        }
        if let Some(target) = &self.target {
            add(format!("--target {target}"));
        }
        if let Some(pool) = &self.pool {
            add(format!("--pool {pool}"));
        }
        if let Some(vmid) = self.vmid {
            add(format!("--vmid {vmid}"));
        }
        if !self.starts {
            add("--no-start".to_owned());
        }
        line
    }
}

/// A cluster with the template, and what is asked for there.
pub(crate) struct Scenario {
    pub(crate) sandbox: Sandbox,
    pub(crate) request: Request,
    /// User, name and secret of the token.
    pub(crate) token: (String, String, String),
    pub(crate) story: String,
    /// How many changes were made to build it.
    pub(crate) changes: usize,
}

impl Scenario {
    pub(crate) fn random(seed: u64) -> Self {
        let mut chance = Random::new(seed);
        let nodes = *chance.one(&[1_u8, 2, 2, 3]);
        let options = Options { task_time: Duration::ZERO, nodes, seed, ..quick() };
        let sandbox = Sandbox::start(options).expect("a sandbox");
        let names: Vec<String> = sandbox.edit(|cluster| cluster.nodes.keys().cloned().collect());
        let mut story = sandbox.edit(|cluster| {
            settle_nodes(&mut chance, cluster);
            settle_storages(&mut chance, cluster, &names);
            settle_mappings(&mut chance, cluster, &names);
            add_template(&mut chance, cluster, &names);
            describe(cluster)
        });
        let request = Request::random(&mut chance, &names);
        let (user, name, secret) = sandbox.default_token();
        let mut token = (user.to_owned(), name.to_owned(), secret.to_owned());
        let admin = Admin::of(&sandbox);
        admin.call("POST", "/pools", "poolid=lab");
        if chance.percent(25) {
            let secret = admin.token("u@pve", "tt", false);
            let held: Vec<&str> = ROLES.into_iter().filter(|_| chance.percent(75)).collect();
            held.iter().for_each(|role| admin.grant("/", "u@pve", role));
            // Rights on one storage, so that others are not seen.
            let storage = *chance.one(&["local-lvm", "fast", "nas"]);
            if !held.contains(&"PVEDatastoreUser") {
                admin.grant(&format!("/storage/{storage}"), "u@pve", "PVEDatastoreUser");
            }
            story.push_str(&format!("    token with {held:?}, and PVEDatastoreUser on {storage}\n"));
            token = ("u@pve".to_owned(), "tt".to_owned(), secret);
        }
        story.push_str(&format!("    glassdome {} --dry-run\n", request.flags()));
        let changes = sandbox.seen().iter().filter(|seen| seen.method != "GET").count();
        Self { sandbox, request, token, story, changes }
    }
}

fn settle_nodes(chance: &mut Random, cluster: &mut Cluster) {
    let local = cluster.local.clone();
    for (name, node) in &mut cluster.nodes {
        if chance.percent(30) {
            node.bridges.push("vmbr1".to_owned());
        }
        if chance.percent(10) {
            node.statistics = Statistics::Stale;
        }
        if *name != local && chance.percent(15) {
            node.reach = Reach::NoRoute;
            node.statistics = *chance.one(&[Statistics::Current, Statistics::Old]);
        }
    }
}

fn settle_storages(chance: &mut Random, cluster: &mut Cluster, nodes: &[String]) {
    cluster.vms.remove(&9000);
    cluster.vms.remove(&9001);
    for name in STORAGES {
        let kind = *chance.one(&[Kind::Directory, Kind::Thin, Kind::Nfs, Kind::Nfs]);
        let content: &[&str] = match chance.percent(90) {
            true => &["images", "iso"],
            false => &["iso", "vztmpl"],
        };
        let mut storage = Storage::new(kind, &format!("/mnt/{name}"), content, 100 << 30);
        storage.shared = kind == Kind::Nfs || (kind == Kind::Directory && chance.percent(20));
        cluster.storages.insert(name.to_owned(), storage);
    }
    for storage in cluster.storages.values_mut() {
        if chance.percent(10) {
            storage.state = *chance.one(&[State::Disabled, State::Offline]);
        }
        if chance.percent(20) {
            storage.nodes = nodes.iter().filter(|_| chance.percent(60)).cloned().collect::<BTreeSet<String>>();
        }
        storage.full = chance.percent(5);
    }
}

fn settle_mappings(chance: &mut Random, cluster: &mut Cluster, nodes: &[String]) {
    for (kind, name) in [("pci", "gpu"), ("usb", "stick"), ("dir", "share")] {
        for node in nodes {
            if chance.percent(70) {
                let is_there = chance.percent(85);
                let (name, device) = (name.to_owned(), "0000:01:00.0".to_owned());
                cluster.mappings.push(Mapping { kind, name, node: node.clone(), device, is_there });
            }
        }
    }
}

/// Adds the template, with what a template can have.
fn add_template(chance: &mut Random, cluster: &mut Cluster, nodes: &[String]) {
    let node = if chance.percent(70) { "pve".to_owned() } else { chance.one(nodes).clone() };
    let mut config = Config::of(&[("name", "ubuntu"), ("template", "1"), ("memory", "2048"), ("agent", "1")]);
    add_drives(chance, cluster, &node, &mut config);
    let rare: [(&str, &[&str], u64); 11] = [
        ("net0", &["virtio=BC:24:11:00:00:01,bridge=vmbr0", "virtio=BC:24:11:00:00:01,bridge=vmbr1,tag=5"], 80),
        ("net1", &["e1000=BC:24:11:00:00:02,bridge=vmbr0,trunks=5;7-9", "virtio=BC:24:11:00:00:02"], 15),
        ("lock", &["backup", "migrate", "snapshot"], 4),
        ("protection", &["1"], 10),
        ("hostpci0", &["mapping=gpu,pcie=1", "mapping=gpu", "0000:01:00.0"], 8),
        ("usb0", &["mapping=stick,usb3=1", "host=1234:5678", "spice"], 8),
        ("virtiofs0", &["share,cache=auto", "dirid=share"], 4),
        ("rng0", &["source=/dev/urandom", "source=/dev/hwrng"], 6),
        ("serial1", &["socket", "/dev/ttyS0"], 6),
        ("cipassword", &["secret"], 10),
        ("args", &["-no-hpet"], 2),
    ];
    for (key, values, percent) in rare {
        if chance.percent(percent) {
            config.set(key, *chance.one(values));
        }
    }
    cluster.vms.insert(TEMPLATE, Vm::new(&node, config));
}

fn add_drives(chance: &mut Random, cluster: &mut Cluster, node: &str, config: &mut Config) {
    let storages: Vec<String> = cluster.storages.keys().cloned().collect();
    let usual = *chance.one(&["local-lvm", "fast", "nas"]);
    let mut number = 0;
    let mut volume = |chance: &mut Random, cluster: &mut Cluster, size: u64| {
        let storage = if chance.percent(85) { usual.to_owned() } else { chance.one(&storages).clone() };
        number += 1;
        cluster.add_disk(TEMPLATE, node, &storage, &format!("base-{TEMPLATE}-disk-{number}"), size)
    };
    for (slot, percent) in [("scsi0", 92), ("virtio1", 15), ("sata2", 5)] {
        if chance.percent(percent) {
            config.set(slot, format!("{},size=2G", volume(chance, cluster, 2 << 30)));
        }
    }
    for (slot, rest) in [("efidisk0", "efitype=4m,size=4M"), ("tpmstate0", "size=4M,version=v2.0")] {
        if chance.percent(10) {
            config.set(slot, format!("{},{rest}", volume(chance, cluster, 4 << 20)));
        }
    }
    if chance.percent(3) {
        config.set("scsi5", "/dev/disk/by-id/ata-disk,size=1T");
    }
    match chance.next() % 10 {
        0..=3 => {
            let storage = if chance.percent(70) { usual.to_owned() } else { chance.one(&storages).clone() };
            let drive = cluster.add_disk(TEMPLATE, node, &storage, &format!("vm-{TEMPLATE}-cloudinit"), 4 << 20);
            config.set("ide2", format!("{drive},media=cdrom,size=4M"));
        }
        4 => {
            let storage = chance.one(&storages).clone();
            cluster.add_disk(0, node, &storage, "debian", 1 << 20);
            config.set("ide2", iso_on(cluster, node, &storage));
        }
        5 => config.set("ide2", "none,media=cdrom"),
        6 if chance.percent(30) => config.set("ide2", "cdrom,media=cdrom"),
        _ => {}
    }
}

/// Puts an ISO image on a storage, and gives the drive that holds it.
fn iso_on(cluster: &mut Cluster, node: &str, storage: &str) -> String {
    if let Some(place) = cluster.storages.get_mut(storage) {
        let (_, mut volume) = place.volumes.pop_last().expect("the volume that was made just now");
        (volume.content, volume.format, volume.vmid) = ("iso".to_owned(), "iso".to_owned(), None);
        place.volumes.insert(place.key(node, "iso/debian.iso"), volume);
    }
    format!("{storage}:iso/debian.iso,media=cdrom,size=1M")
}

fn describe(cluster: &Cluster) -> String {
    let mut story = String::new();
    let node = |name: &String, node: &Node| {
        format!("    node {name}: {:?} {:?} {:?}\n", node.reach, node.statistics, node.bridges)
    };
    story.extend(cluster.nodes.iter().map(|(name, it)| node(name, it)));
    for (name, storage) in &cluster.storages {
        let Storage { kind, state, nodes, shared, full, content, .. } = storage;
        story.push_str(&format!(
            "    storage {name}: {kind:?} {state:?} on {nodes:?}, shared {shared}, full {full}, {content:?}\n"
        ));
    }
    for mapping in &cluster.mappings {
        let Mapping { kind, name, node, is_there, .. } = mapping;
        story.push_str(&format!("    mapping {kind}/{name} on {node}: {is_there}\n"));
    }
    if let Some(vm) = cluster.vms.get(&TEMPLATE) {
        story.push_str(&format!("    template on {}: ", vm.node));
        story.extend(vm.config.options().map(|(key, value)| format!("{key}={value}; ")));
        story.push('\n');
    }
    story
}
