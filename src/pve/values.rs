//! What the answers hold, read with patience: numbers that come as strings, fields that are missing or new.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::model::{NodeName, Upid, VmId};

/// Reads one object of an answer.
pub(super) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// Takes an object; anything else is nothing.
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    /// Gives a text; a number or a boolean is one as well.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        as_text(self.0.get(name)?)
    }

    /// Gives a whole number, also where it came as a text.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        as_number(self.0.get(name)?)
    }

    /// Gives a boolean: 1, "1" and true are yes.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.flag_or(name, false)
    }

    /// Gives a boolean that is left out where it is the default.
    pub(super) fn flag_or(&self, name: &str, default: bool) -> bool {
        self.0.get(name).map_or(default, as_flag)
    }
}

/// Gives a value as text.
pub(super) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(u8::from(*flag).to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Gives a value as a whole number.
pub(super) fn as_number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        // Perl writes large numbers as floating ones.
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        _ => None,
    }
}

fn whole(number: f64) -> Option<u64> {
    format!("{number:.0}").parse().ok().filter(|_| number.fract() == 0.0)
}

/// Gives a value as a boolean.
pub(super) fn as_flag(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        other => as_number(other) == Some(1),
    }
}

/// The version of the server, "9.2.11".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    text: String,
}

impl Version {
    pub(super) const fn new(text: String) -> Self {
        Self { text }
    }

    /// Gives the first number, 9.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.number(0)
    }

    /// Gives the second number, 2.
    #[must_use]
    pub fn minor(&self) -> u32 {
        self.number(1)
    }

    fn number(&self, index: usize) -> u32 {
        // Old versions are written `6.4-15`.
        let part = self.text.split(['.', '-', '~']).nth(index).unwrap_or_default();
        part.parse().unwrap_or(0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A realm: where users are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realm {
    /// Its name, the part of a user ID behind the `@`.
    pub name: String,
    /// `pam`, `pve`, `ldap` and others; other products of the house have kinds of their own.
    pub kind: String,
}

impl Realm {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self { name: fields.text("realm")?, kind: fields.text("type").unwrap_or_default() })
    }
}

/// A node, as `/nodes` lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// `online`, `offline` or `unknown`.
    pub status: String,
}

impl Node {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self { name: fields.text("node")?.parse().ok()?, status: fields.text("status").unwrap_or_default() })
    }

    /// Says whether it answers. Old servers leave the status out.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.status.is_empty() || self.status == "online"
    }
}

/// A VM, as `/cluster/resources` lists it: some seconds old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vm {
    /// Its number.
    pub vmid: VmId,
    /// Where it is.
    pub node: NodeName,
    /// Its name, which a fresh clone has not yet.
    pub name: String,
    /// Whether it is a template.
    pub is_template: bool,
    /// The size of its first disk, in bytes.
    pub disk: u64,
}

impl Vm {
    /// Reads an entry; nothing where it is a container.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        if fields.text("type").is_some_and(|kind| kind != "qemu") {
            return None;
        }
        let node = fields.text("node")?.parse().ok()?;
        Self::on(value, &node)
    }

    /// Reads an entry of the list of one node, which does not name the node.
    pub(super) fn on(value: &Value, node: &NodeName) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self {
            vmid: VmId::new(fields.number("vmid")?)?,
            node: node.clone(),
            name: fields.text("name").unwrap_or_default(),
            is_template: fields.flag("template"),
            disk: fields.number("maxdisk").unwrap_or_default(),
        })
    }
}

/// A storage, as a node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Its name.
    pub name: String,
    /// Whether every node sees the same.
    pub shared: bool,
    /// Whether it can be used now.
    pub is_active: bool,
    /// What it may hold: `images`, `iso`, `import` and others.
    content: Vec<String>,
    /// Free space in bytes.
    pub available: Option<u64>,
}

impl Storage {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        let content = fields.text("content").unwrap_or_default();
        Some(Self {
            name: fields.text("storage")?,
            shared: fields.flag("shared"),
            is_active: fields.flag("active"),
            content: content.split(',').map(|it| it.trim().to_owned()).collect(),
            available: fields.number("avail"),
        })
    }

    /// Says whether it may hold something.
    #[must_use]
    pub fn holds(&self, content: &str) -> bool {
        self.content.iter().any(|it| it == content)
    }
}

/// The configuration of a VM: every entry as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmConfig {
    entries: BTreeMap<String, String>,
}

/// A disk of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Where it is attached, `scsi0`.
    pub bus: String,
    /// The storage that it is on.
    pub storage: String,
    /// Its volume, with the storage: `local-lvm:vm-100-disk-0`.
    pub volume: String,
    /// Its size as the configuration writes it, `32G`.
    pub size: Option<String>,
    /// Whether it is a CD-ROM or cloud-init drive, which is no disk.
    pub is_cdrom: bool,
}

/// A network device of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nic {
    /// Its entry, `net0`.
    pub key: String,
    /// The text of the entry.
    text: String,
}

impl Nic {
    /// Gives the entry with its link set down and everything else as it is.
    #[must_use]
    pub fn with_link_down(&self) -> String {
        let kept = self.text.split(',').filter(|part| !part.starts_with("link_down="));
        kept.chain(["link_down=1"]).collect::<Vec<_>>().join(",")
    }
}

impl VmConfig {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let map = value.as_object()?;
        let entries = map.iter().filter_map(|(key, value)| Some((key.clone(), as_text(value)?))).collect();
        Some(Self { entries })
    }

    /// Gives every entry.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    /// Gives the name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.text("name")
    }

    /// Gives the description.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.text("description")
    }

    /// Gives the lock: `clone`, `backup` and others.
    #[must_use]
    pub fn lock(&self) -> Option<&str> {
        self.text("lock")
    }

    /// Says whether it is a template.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.text("template") == Some("1")
    }

    /// Says whether it may not be destroyed.
    #[must_use]
    pub fn protection(&self) -> bool {
        self.text("protection") == Some("1")
    }

    /// Says whether the guest agent is switched on: `1`, `enabled=1`, either with more behind it.
    #[must_use]
    pub fn agent_enabled(&self) -> bool {
        let first = self
            .text("agent")
            .and_then(|text| text.split(',').find(|part| !part.contains('=') || part.starts_with("enabled=")));
        matches!(first.map(|text| text.trim_start_matches("enabled=")), Some("1" | "yes" | "on" | "true"))
    }

    /// Says whether it has a drive for cloud-init.
    #[must_use]
    pub fn has_cloud_init(&self) -> bool {
        self.drives().any(|(_, value)| value.contains("cloudinit") && value.contains("media=cdrom"))
    }

    /// Lists the disks on storages, CD-ROM and cloud-init drives left out.
    pub fn disks(&self) -> impl Iterator<Item = Disk> {
        self.volumes().filter(|disk| !disk.is_cdrom)
    }

    /// Lists everything that lies on a storage.
    pub fn volumes(&self) -> impl Iterator<Item = Disk> {
        self.drives().filter_map(|(key, value)| {
            let volume = value.split(',').next()?;
            let volume = volume.strip_prefix("file=").unwrap_or(volume);
            // A device of the node itself begins with a slash and is on no storage.
            let (storage, _) = volume.split_once(':').filter(|_| !volume.starts_with('/'))?;
            let size = value.split(',').find_map(|part| part.strip_prefix("size=")).map(str::to_owned);
            let is_cdrom = value.contains("media=cdrom");
            Some(Disk { bus: key.to_owned(), storage: storage.to_owned(), volume: volume.to_owned(), size, is_cdrom })
        })
    }

    fn drives(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(key, _)| {
            let kind = key.trim_end_matches(|last: char| last.is_ascii_digit());
            kind.len() < key.len() && ["scsi", "virtio", "ide", "sata", "efidisk", "tpmstate"].contains(&kind)
        })
    }

    /// Lists the network devices.
    pub fn nics(&self) -> impl Iterator<Item = Nic> {
        self.entries.iter().filter_map(|(key, text)| {
            let number = key.strip_prefix("net")?;
            let is_device = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            is_device.then(|| Nic { key: key.clone(), text: text.clone() })
        })
    }
}

/// Whether a VM runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    text: String,
    detail: String,
}

impl Status {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self { text: fields.text("status")?, detail: fields.text("qmpstatus").unwrap_or_default() })
    }

    /// Says whether it runs: not stopped, not paused, not in an internal error.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.text == "running" && (self.detail.is_empty() || self.detail == "running")
    }

    /// Says whether it is stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.text == "stopped"
    }

    /// Gives the server's word.
    #[must_use]
    pub fn text(&self) -> &str {
        if self.detail.is_empty() { &self.text } else { &self.detail }
    }
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStatus {
    is_stopped: bool,
    /// How it ended, once it has.
    pub exit_status: Option<String>,
}

impl TaskStatus {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self { is_stopped: fields.text("status")? == "stopped", exit_status: fields.text("exitstatus") })
    }

    /// Says whether it has ended.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.is_stopped
    }
}

/// A task that runs on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveTask {
    /// Its ID.
    pub upid: Upid,
    /// What it does: `qmclone`, `qmstart` and others.
    pub kind: String,
}

impl ActiveTask {
    /// Reads an entry; nothing where the task has ended.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        let is_running = fields.text("status").is_none_or(|status| status == "RUNNING" || status == "running");
        let upid: Upid = fields.text("upid")?.parse().ok()?;
        is_running.then(|| Self { kind: upid.kind().to_owned(), upid })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ActiveTask, Disk, Node, Status, Storage, TaskStatus, Version, Vm, VmConfig};

    #[test]
    fn numbers_and_booleans_come_in_many_forms() {
        for template in [json!(1), json!("1"), json!(true)] {
            let vm = Vm::of(&json!({"vmid": "9000", "node": "pve", "template": template, "type": "qemu", "new": {}}))
                .unwrap();
            assert!(vm.is_template);
            assert_eq!(vm.vmid.number(), 9000);
        }
        assert!(!Vm::of(&json!({"vmid": 101, "node": "pve"})).unwrap().is_template);
        assert!(Vm::of(&json!({"vmid": 101, "node": "pve", "type": "lxc"})).is_none());
        assert_eq!(Vm::of(&json!({"vmid": 101, "node": "pve", "maxdisk": 3.4e10})).unwrap().disk, 34_000_000_000);
        assert!(Vm::of(&json!({"vmid": 101.5, "node": "pve"})).is_none());
        assert!(Vm::of(&json!({"vmid": 5, "node": "pve"})).is_none());
        assert!(Vm::of(&json!("nonsense")).is_none());
        assert!(Node::of(&json!({"node": "pve", "status": "online"})).unwrap().is_online());
        assert!(!Node::of(&json!({"node": "pve", "status": "offline"})).unwrap().is_online());
        assert!(
            Storage::of(&json!({"storage": "local", "content": "iso,images", "avail": "5"})).unwrap().holds("images")
        );
    }

    #[test]
    fn versions_of_every_age_are_read() {
        for (text, major, minor) in [("9.2.11", 9, 2), ("8.4.0~1", 8, 4), ("6.4-15", 6, 4), ("10", 10, 0), ("x", 0, 0)]
        {
            let version = Version::new(text.to_owned());
            assert_eq!((version.major(), version.minor()), (major, minor), "{text}");
        }
    }

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
            storage: storage.to_owned(),
            volume: volume.to_owned(),
            size: size.map(str::to_owned),
        };
        let efi = disk("efidisk0", "ceph", "ceph:vm-1-disk-1", None);
        let scsi = disk("scsi0", "local-lvm", "local-lvm:base-9000-disk-0", Some("32G"));
        assert_eq!(disks, [efi, scsi]);
        let nics: Vec<String> = config.nics().map(|nic| nic.with_link_down()).collect();
        assert_eq!(nics, ["virtio=BC:24:11:75:A5:71,bridge=vmbr0,link_down=1"]);
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

    #[test]
    fn states_are_told_apart() {
        assert!(Status::of(&json!({"status": "running", "qmpstatus": "running"})).unwrap().is_running());
        assert!(!Status::of(&json!({"status": "running", "qmpstatus": "paused"})).unwrap().is_running());
        assert!(Status::of(&json!({"status": "stopped"})).unwrap().is_stopped());
        assert!(!TaskStatus::of(&json!({"status": "running"})).unwrap().is_stopped());
        let upid = "UPID:pve:00000132:0002DDB7:6B04F200:qmclone:9000:apex@pve:";
        assert_eq!(ActiveTask::of(&json!({"upid": upid, "status": "RUNNING"})).unwrap().kind, "qmclone");
        assert!(ActiveTask::of(&json!({"upid": upid, "status": "OK"})).is_none());
    }
}
