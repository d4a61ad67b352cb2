//! What the answers hold, read with patience: numbers that come as strings, fields that are missing or new.

use std::fmt;

use serde_json::{Map, Value};

use crate::model::{BridgeName, ContentKind, Foreign, NodeName, RealmName, Secret, StorageName, Upid, Validated, VmId};

/// Reads one object of an answer.
pub(super) struct Fields<'a>(FieldSource<'a>);

/// What there is of an object.
enum FieldSource<'a> {
    /// All of it.
    Whole(&'a Map<String, Value>),
    /// Those of its fields that are wanted.
    Wanted(&'a [(&'static str, Value)]),
}

impl<'a> Fields<'a> {
    /// Takes an object; anything else is nothing.
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(|map| Self(FieldSource::Whole(map)))
    }

    /// Takes those fields of an object that are wanted.
    pub(super) const fn of_row(row: &'a [(&'static str, Value)]) -> Self {
        Self(FieldSource::Wanted(row))
    }

    fn field(&self, name: &str) -> Option<&'a Value> {
        match self.0 {
            FieldSource::Whole(map) => map.get(name),
            FieldSource::Wanted(row) => row.iter().find(|(other, _)| *other == name).map(|(_, value)| value),
        }
    }

    /// Gives a text; a number or a boolean is one as well.
    pub(super) fn text(&self, name: &str) -> Option<Foreign> {
        as_text(self.field(name)?)
    }

    /// Gives a text that its type takes.
    pub(super) fn parsed<T: Validated>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// Gives a text that is a secret.
    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.field(name)?.as_str().map(|text| Secret::new(text.to_owned()))
    }

    /// Gives a whole number, also where it came as a text.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        as_number(self.field(name)?)
    }

    /// Gives a boolean: 1, "1" and true are yes.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.flag_or(name, false)
    }

    /// Gives a boolean that is left out where it is the default.
    pub(super) fn flag_or(&self, name: &str, default: bool) -> bool {
        self.field(name).map_or(default, as_flag)
    }
}

/// Gives a value as text.
pub(super) fn as_text(value: &Value) -> Option<Foreign> {
    raw_text(value).map(Foreign::new)
}

/// Gives a value as the text that it is, for who takes it apart and lets only what was checked out.
pub(super) fn raw_text(value: &Value) -> Option<String> {
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
    text: Foreign,
    numbers: (u32, u32),
}

impl Version {
    pub(super) fn new(text: Foreign) -> Self {
        // Old versions are written `6.4-15`.
        let parts = text.split(&['.', '-', '~']);
        let number = |index: usize| parts.get(index).and_then(|part| part.parse().ok()).unwrap_or(0);
        Self { numbers: (number(0), number(1)), text }
    }

    /// Gives the first number, 9.
    #[must_use]
    pub const fn major(&self) -> u32 {
        self.numbers.0
    }

    /// Gives the second number, 2.
    #[must_use]
    pub const fn minor(&self) -> u32 {
        self.numbers.1
    }

    /// Says whether it is this release or a later one.
    #[must_use]
    pub fn is_since(&self, release: (u32, u32)) -> bool {
        (self.major(), self.minor()) >= release
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(formatter)
    }
}

/// A realm: where users are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realm {
    /// Its name, the part of a user ID behind the `@`.
    pub name: RealmName,
    /// `pam`, `pve`, `ldap` and others; other products of the house have kinds of their own.
    pub kind: Foreign,
}

impl Realm {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self { name: fields.parsed("realm")?, kind: fields.text("type").unwrap_or_default() })
    }
}

/// A node, as `/nodes` lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// `online`, `offline` or `unknown`.
    pub status: Foreign,
    /// How many processors it has; this and what follows needs Sys.Audit.
    pub processors: Option<u64>,
    /// How much of them is in use, from 0 to 1.
    pub load: Option<f64>,
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// How much of it is in use.
    pub memory_used: Option<u64>,
}

impl Node {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self {
            name: fields.parsed("node")?,
            status: fields.text("status").unwrap_or_default(),
            processors: fields.number("maxcpu"),
            load: fields.parsed("cpu"),
            memory: fields.number("maxmem"),
            memory_used: fields.number("mem"),
        })
    }

    /// Says whether the cluster knows that it does not answer. One of unknown status answers as long as its statistics
    /// alone are missing: its `pvestatd` stands, or it has just been started (Proxmox VE: `/nodes`).
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.status == "offline"
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
    pub name: Foreign,
    /// Whether it is a template.
    pub is_template: bool,
    /// Whether the list has its data: for some seconds after a change, and as long as a node's `pvestatd` stands, it has
    /// the VMID alone.
    pub is_known: bool,
    /// The size of its first disk, in bytes.
    pub disk: u64,
}

impl Vm {
    /// What is read of an entry.
    pub(super) const FIELDS: &[&'static str] = &["type", "node", "vmid", "name", "template", "maxdisk"];

    /// Reads an entry; nothing where it is a container.
    pub(super) fn of(fields: &Fields<'_>) -> Option<Self> {
        if fields.text("type").is_some_and(|kind| kind != "qemu") {
            return None;
        }
        let node = fields.parsed("node")?;
        Self::on(fields, &node)
    }

    /// Reads an entry of the list of one node, which does not name the node.
    pub(super) fn on(fields: &Fields<'_>, node: &NodeName) -> Option<Self> {
        Some(Self {
            vmid: VmId::new(fields.number("vmid")?)?,
            node: node.clone(),
            name: fields.text("name").unwrap_or_default(),
            is_template: fields.flag("template"),
            is_known: fields.text("name").is_some_and(|name| !name.is_empty()),
            disk: fields.number("maxdisk").unwrap_or_default(),
        })
    }
}

/// What a server says about clones of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneFeature {
    /// Whether a clone can share the VM's disks.
    pub can_link: bool,
    /// The nodes that can use all of its storages; none where one of them is disabled. Old servers do not say.
    pub nodes: Option<Vec<NodeName>>,
}

/// A storage, as a node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Its name.
    pub name: StorageName,
    /// Whether every node sees the same.
    pub shared: bool,
    /// Whether it is switched on, and meant for this node.
    pub is_enabled: bool,
    /// Whether it can be used now.
    pub is_active: bool,
    /// What it may hold: `images`, `iso`, `import` and others.
    content: Vec<ContentKind>,
    /// Free space in bytes.
    pub available: Option<u64>,
}

impl Storage {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        let content = fields.text("content").unwrap_or_default();
        Some(Self {
            name: fields.parsed("storage")?,
            shared: fields.flag("shared"),
            is_enabled: fields.text("enabled").is_none() || fields.flag("enabled"),
            is_active: fields.flag("active"),
            content: content.split(&[',']).iter().filter_map(|it| it.parse().ok()).collect(),
            available: fields.number("avail"),
        })
    }

    /// Gives all that it may hold and one thing more, as the server takes a list of them.
    #[must_use]
    pub fn contents_with(&self, content: &str) -> String {
        self.content.iter().map(ContentKind::as_str).chain([content]).collect::<Vec<_>>().join(",")
    }

    /// Says whether it may hold something.
    #[must_use]
    pub fn holds(&self, content: &str) -> bool {
        self.content.iter().any(|it| *it == *content)
    }
}

/// A network interface of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name, `vmbr0`.
    pub name: BridgeName,
    /// Whether it is up.
    pub is_active: bool,
}

impl Interface {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self { name: fields.parsed("iface")?, is_active: fields.flag("active") })
    }
}

/// Whether a VM runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmStatus {
    text: Foreign,
    detail: Foreign,
}

impl VmStatus {
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
    pub fn text(&self) -> &Foreign {
        if self.detail.is_empty() { &self.text } else { &self.detail }
    }
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStatus {
    is_stopped: bool,
    /// How it ended, once it has.
    pub exit_status: Option<Foreign>,
}

impl TaskStatus {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        // The server knows these two alone; anything else would be waited for without end.
        let status = fields.text("status")?;
        let is_stopped = status == "stopped";
        (is_stopped || status == "running").then(|| Self { is_stopped, exit_status: fields.text("exitstatus") })
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
    /// What is read of an entry.
    pub(super) const FIELDS: &[&'static str] = &["status", "upid"];

    /// Reads an entry; nothing where the task has ended.
    pub(super) fn of(fields: &Fields<'_>) -> Option<Self> {
        let is_running = fields.text("status").is_none_or(|status| status == "RUNNING" || status == "running");
        let upid: Upid = fields.parsed("upid")?;
        is_running.then(|| Self { kind: upid.kind().to_owned(), upid })
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde_json::{Value, json};

    use super::{ActiveTask, Fields, Node, Storage, TaskStatus, Version, Vm, VmStatus};
    use crate::model::Foreign;

    /// Reads an entry from all of it and from its wanted fields, which comes to the same.
    fn both<T: PartialEq + Debug>(value: &Value, wanted: &[&'static str], of: fn(&Fields) -> Option<T>) -> Option<T> {
        let whole = of(&Fields::of(value)?);
        let row: Vec<(&str, Value)> =
            wanted.iter().filter_map(|name| Some((*name, value.get(name)?.clone()))).collect();
        assert_eq!(of(&Fields::of_row(&row)), whole, "{value}");
        whole
    }

    fn vm(value: Value) -> Option<Vm> {
        both(&value, Vm::FIELDS, Vm::of)
    }

    fn task(value: Value) -> Option<ActiveTask> {
        both(&value, ActiveTask::FIELDS, ActiveTask::of)
    }

    #[test]
    fn numbers_and_booleans_come_in_many_forms() {
        for template in [json!(1), json!("1"), json!(true)] {
            let vm =
                vm(json!({"vmid": "9000", "node": "pve", "template": template, "type": "qemu", "new": {}})).unwrap();
            assert!(vm.is_template);
            assert_eq!(vm.vmid.number(), 9000);
        }
        assert!(!vm(json!({"vmid": 101, "node": "pve"})).unwrap().is_template);
        assert!(vm(json!({"vmid": 101, "node": "pve", "type": "lxc"})).is_none());
        assert_eq!(vm(json!({"vmid": 101, "node": "pve", "maxdisk": 3.4e10})).unwrap().disk, 34_000_000_000);
        assert!(vm(json!({"vmid": 101.5, "node": "pve"})).is_none());
        assert!(vm(json!({"vmid": 5, "node": "pve"})).is_none());
        assert!(vm(json!("nonsense")).is_none());
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
            let version = Version::new(Foreign::new(text));
            assert_eq!((version.major(), version.minor()), (major, minor), "{text}");
        }
    }

    #[test]
    fn states_are_told_apart() {
        assert!(VmStatus::of(&json!({"status": "running", "qmpstatus": "running"})).unwrap().is_running());
        assert!(!VmStatus::of(&json!({"status": "running", "qmpstatus": "paused"})).unwrap().is_running());
        assert!(VmStatus::of(&json!({"status": "stopped"})).unwrap().is_stopped());
        assert!(!TaskStatus::of(&json!({"status": "running"})).unwrap().is_stopped());
        let upid = "UPID:pve:00000132:0002DDB7:6B04F200:qmclone:9000:apex@pve:";
        assert_eq!(task(json!({"upid": upid, "status": "RUNNING"})).unwrap().kind, "qmclone");
        assert!(task(json!({"upid": upid, "status": "OK"})).is_none());
    }
}
