//! The world that a person rehearses in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use crate::sandbox::auth::{Access, Release};
use crate::sandbox::cluster::{Agent, Cluster, Config, Kind, Node, Reach, Rng, Statistics, Storage, Vm, Volume};

const GIB: u64 = 1 << 30;

/// When the templates of the world were made, in seconds since 1970.
const MADE: u64 = 1_760_000_000;

/// How long after the start of a VM its guest agent answers.
const AGENT_AFTER: Duration = Duration::from_millis(500);

/// How long a task waits for a lock.
const PATIENCE: Duration = Duration::from_secs(10);

impl Cluster {
    /// Makes a cluster without VMs and storages: these identities, one node that answers, and perhaps more.
    pub fn bare(access: Access, nodes: u8, task_time: Duration, seed: u64) -> Self {
        let name = |number: u8| if number < 2 { "pve".to_owned() } else { format!("pve{number}") };
        let node = |number: u8| Node {
            reach: Reach::Up,
            statistics: Statistics::Current,
            fingerprint: [number; 32],
            address: format!("192.0.2.{}", 10 + u16::from(number)),
            bridges: vec!["vmbr0".to_owned()],
            cards: Vec::new(),
            gateway: None,
        };
        Self {
            access,
            nodes: (1..=nodes.max(1)).map(|number| (name(number), node(number))).collect(),
            foreign_hosts: BTreeMap::new(),
            vnets: BTreeMap::new(),
            vms: BTreeMap::new(),
            storages: BTreeMap::new(),
            mappings: Vec::new(),
            quorate: true,
            has_kvm: true,
            next_ids: None,
            lost_workers: 0,
            rivals: BTreeMap::new(),
            locked_vms: BTreeSet::new(),
            late_cleanup: None,
            cleanups: Vec::new(),
            report_every: None,
            listing: crate::sandbox::cluster::listing::Listing::default(),
            writes_clones_early: true,
            one_clone_per_storage: false,
            keeps_disks: false,
            patience: PATIENCE,
            downloads: BTreeMap::new(),
            uploads: BTreeMap::new(),
            tasks: Vec::new(),
            task_time,
            local: name(1),
            certificates: json!([]),
            seen: Duration::ZERO,
            rng: Rng::new(seed),
        }
    }

    /// Makes the world that the sandbox begins with: two templates and a stopped VM on the first node.
    pub fn standard(release: Release, nodes: u8, task_time: Duration, seed: u64) -> Self {
        let mut cluster = Self::bare(Access::standard(release), nodes, task_time, seed);
        let (files, images) = (["iso", "vztmpl", "backup", "import", "snippets"], ["images", "rootdir"]);
        cluster.storages.insert("local".to_owned(), Storage::new(Kind::Directory, "/var/lib/vz", &files, 100 * GIB));
        cluster.storages.insert("local-lvm".to_owned(), Storage::new(Kind::Thin, "pve/data", &images, 400 * GIB));
        let node = cluster.local.clone();
        cluster.add_template(9000, "ubuntu-2204-cloudinit-template", &node, "local-lvm");
        cluster.add_template(9001, "ubuntu-2004-cloudinit-template", &node, "local-lvm");
        cluster.add_vm(101, "vm101", &node, "local-lvm");
        cluster
    }

    /// Puts the templates of the world on a storage that every node reaches, `shared`.
    pub fn share_templates(&mut self) {
        let storage = Storage::new(Kind::Nfs, "/mnt/pve/shared", &["images", "import"], 1024 * GIB);
        self.storages.insert("shared".to_owned(), storage);
        for (vmid, vm) in self.drop_templates() {
            self.add_template(vmid, vm.config.get("name").unwrap_or_default(), &vm.node, "shared");
        }
    }

    /// Takes the templates away, with their disks.
    pub fn drop_templates(&mut self) -> BTreeMap<u32, Vm> {
        let (templates, others) = std::mem::take(&mut self.vms).into_iter().partition(|(_, vm)| vm.is_template());
        self.vms = others;
        for vm in BTreeMap::values(&templates) {
            for drive in vm.config.drives() {
                self.free_volume(&vm.node, &drive.volume);
            }
        }
        templates
    }

    /// Adds a stopped VM with a disk of 32 GiB, a cloud-init drive and a guest agent.
    pub fn add_vm(&mut self, vmid: u32, name: &str, node: &str, storage: &str) {
        self.add_guest(vmid, name, node, storage, "vm");
    }

    /// Adds a template with a disk of 32 GiB, a cloud-init drive and a guest agent.
    pub fn add_template(&mut self, vmid: u32, name: &str, node: &str, storage: &str) {
        self.add_guest(vmid, name, node, storage, "base");
        self.set_option(vmid, "template", "1");
    }

    /// Sets an option of a VM, `lock` and `protection` included.
    pub fn set_option(&mut self, vmid: u32, option: &str, value: &str) {
        if let Some(vm) = self.vms.get_mut(&vmid) {
            vm.config.set(option, value);
        }
    }

    /// Adds a volume that carries a VM's number, whether the VM exists or not; returns its whole name.
    pub fn add_disk(&mut self, vmid: u32, node: &str, storage: &str, name: &str, size: u64) -> String {
        let Some(place) = self.storages.get_mut(storage) else { return String::new() };
        let format = if place.kind.keeps_files() { "qcow2" } else { "raw" };
        let name = place.named(vmid, name, format);
        let volume = Volume {
            vmid: Some(vmid),
            content: "images".to_owned(),
            format: format.to_owned(),
            size,
            used: size / 16,
            created: MADE,
            base: None,
        };
        place.volumes.insert(place.key(node, &name), volume);
        format!("{storage}:{name}")
    }

    fn add_guest(&mut self, vmid: u32, name: &str, node: &str, storage: &str, kind: &str) {
        let disk = self.add_disk(vmid, node, storage, &format!("{kind}-{vmid}-disk-0"), 32 * GIB);
        let cloudinit = self.add_disk(vmid, node, storage, &format!("vm-{vmid}-cloudinit"), 4 << 20);
        let mut config = Config::of(&[
            ("name", name),
            ("agent", "1"),
            ("boot", "order=scsi0"),
            ("cores", "2"),
            ("memory", "2048"),
            ("ostype", "l26"),
            ("scsihw", "virtio-scsi-pci"),
            ("serial0", "socket"),
            ("vga", "serial0"),
        ]);
        config.set("ide2", format!("{cloudinit},media=cdrom"));
        config.set("scsi0", format!("{disk},size=32G"));
        config.set("net0", format!("virtio={},bridge=vmbr0", self.rng.mac()));
        config.set("meta", format!("creation-qemu=10.0.2,ctime={MADE}"));
        config.set("smbios1", format!("uuid={}", self.rng.uuid()));
        config.set("vmgenid", self.rng.uuid());
        let mut vm = Vm::new(node, config);
        vm.agent = Agent { up_after: Some(AGENT_AFTER), addresses: vec![("192.0.2.100".to_owned(), 24)] };
        self.vms.insert(vmid, vm);
    }
}
