//! One virtual machine: its configuration, its drives, whether it runs.

use std::collections::BTreeMap;
use std::time::Duration;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Map, Value, json};

/// A virtual machine or template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vm {
    /// The node that its configuration lies on.
    pub node: String,
    /// Its options by name, as its configuration file holds them.
    pub config: Config,
    /// Changes that wait for its next start.
    pub pending: Config,
    /// Its snapshots by name, each with the configuration of then, its own `description`, `snaptime` and `parent`.
    pub snapshots: BTreeMap<String, Config>,
    /// Whether it runs.
    pub power: Power,
    /// How its guest agent behaves.
    pub agent: Agent,
}

/// Whether a VM runs, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// It does not.
    Stopped,
    /// It has been running since this time after the start of the cluster.
    Running(Duration),
    /// It was paused; it had been started at this time.
    Paused(Duration),
}

/// How the guest agent within a VM behaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agent {
    /// How long after the start it answers; without it never.
    pub up_after: Option<Duration>,
    /// The addresses that it reports for its first network card, with their prefix lengths.
    pub addresses: Vec<(String, u8)>,
}

/// The options of a VM by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config(BTreeMap<String, String>);

/// A drive of a VM: where it hangs, and what its option says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive {
    /// The option that names it.
    pub slot: String,
    /// The volume, as `storage:name`.
    pub volume: String,
    /// The rest of the option, each part after a comma.
    pub rest: String,
}

impl Drive {
    /// Returns the storage of its volume.
    pub fn storage(&self) -> &str {
        self.volume.split(':').next().unwrap_or_default()
    }

    /// Tells whether it is a CD-ROM, which a cloud-init drive is too.
    pub fn is_cdrom(&self) -> bool {
        self.rest.split(',').any(|part| part == "media=cdrom")
    }

    /// Tells whether it holds what cloud-init reads.
    pub fn is_cloudinit(&self) -> bool {
        self.volume.contains("cloudinit")
    }

    /// Tells whether there is a volume of a storage behind it.
    pub fn has_volume(&self) -> bool {
        self.volume.contains(':')
    }
}

/// The options that are whole numbers or switches and are told as numbers.
const NUMBERS: [&str; 25] = [
    "acpi",
    "allow-ksm",
    "autostart",
    "balloon",
    "ciupgrade",
    "cores",
    "cpuunits",
    "freeze",
    "keephugepages",
    "kvm",
    "localtime",
    "migrate_speed",
    "numa",
    "onboot",
    "protection",
    "reboot",
    "shares",
    "smp",
    "snaptime",
    "sockets",
    "tablet",
    "tdf",
    "template",
    "vcpus",
    "cpulimit",
];

impl Config {
    /// Makes a configuration of options and values.
    pub fn of(options: &[(&str, &str)]) -> Self {
        Self(options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    /// Returns an option.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Sets an option.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Removes an option, and says whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        self.0.remove(key).is_some()
    }

    /// Tells whether a switch is on.
    pub fn is_on(&self, key: &str) -> bool {
        self.get(key) == Some("1")
    }

    /// Returns a number, or another where the option is missing.
    pub fn number(&self, key: &str, otherwise: u64) -> u64 {
        self.get(key).and_then(|value| value.parse().ok()).unwrap_or(otherwise)
    }

    /// Lists the options.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lists the drives, those without a volume left out.
    pub fn drives(&self) -> Vec<Drive> {
        let slots = self.options().filter(|(key, _)| is_drive(key));
        let drives = slots.map(|(key, value)| {
            let (volume, rest) = value.split_once(',').unwrap_or((value, ""));
            Drive { slot: key.to_owned(), volume: volume.to_owned(), rest: rest.to_owned() }
        });
        drives.filter(Drive::has_volume).collect()
    }

    /// Lists the network cards: the number of each, and what its option says.
    pub fn cards(&self) -> Vec<(&str, &str)> {
        self.options().filter(|(key, _)| is_numbered(key, "net")).collect()
    }

    /// Returns the fingerprint of the configuration file.
    pub fn digest(&self) -> String {
        let text: String = self.options().map(|(key, value)| format!("{key}: {value}\n")).collect();
        let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Tells the options as the API does: numbers as numbers, a password hidden.
    pub fn shown(&self) -> Map<String, Value> {
        let mut map = Map::new();
        for (key, value) in self.options() {
            map.insert(key.to_owned(), shown(key, value));
        }
        map.insert("digest".to_owned(), json!(self.digest()));
        map
    }
}

/// Tells an option's value as the API does.
pub(crate) fn shown(key: &str, value: &str) -> Value {
    match value.parse::<i64>() {
        _ if key == "cipassword" => json!("**********"),
        Ok(number) if NUMBERS.contains(&key) => json!(number),
        _ => json!(value),
    }
}

/// Tells whether an option names a drive.
pub(crate) fn is_drive(key: &str) -> bool {
    ["ide", "sata", "scsi", "virtio", "efidisk", "tpmstate"].iter().any(|bus| is_numbered(key, bus))
}

/// Tells whether a word is a name with a number behind it.
pub(crate) fn is_numbered(word: &str, name: &str) -> bool {
    word.strip_prefix(name).is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Vm {
    /// Makes a stopped VM.
    pub fn new(node: &str, config: Config) -> Self {
        Self {
            node: node.to_owned(),
            config,
            pending: Config::default(),
            snapshots: BTreeMap::new(),
            power: Power::Stopped,
            agent: Agent::default(),
        }
    }

    /// Tells whether it is a template.
    pub fn is_template(&self) -> bool {
        self.config.is_on("template")
    }

    /// Tells whether it runs or is paused.
    pub fn is_running(&self) -> bool {
        self.power != Power::Stopped
    }

    /// Returns its name, or the one that lists give it.
    pub fn name(&self, vmid: u32) -> String {
        self.config.get("name").map_or_else(|| format!("VM {vmid}"), str::to_owned)
    }

    /// Returns the memory that it may have, in bytes.
    pub fn memory(&self) -> u64 {
        let memory = self.config.get("memory").and_then(|memory| memory.split(',').next());
        let memory = memory.map(|memory| memory.trim_start_matches("current="));
        memory.and_then(|memory| memory.parse::<u64>().ok()).unwrap_or(512) << 20
    }

    /// Returns the number of its processors.
    pub fn processors(&self) -> u64 {
        self.config.number("sockets", 1) * self.config.number("cores", 1)
    }

    /// Tells whether its configuration enables the guest agent.
    pub fn has_agent(&self) -> bool {
        let first = self.config.get("agent").and_then(|agent| agent.split(',').next());
        first.is_some_and(|first| first == "1" || first == "enabled=1")
    }

    /// Returns the lock that its configuration holds.
    pub fn lock(&self) -> Option<&str> {
        self.config.get("lock")
    }

    /// Keeps the configuration as it is now. A snapshot has a description of its own in place of the VM's.
    pub fn take_snapshot(&mut self, name: &str, description: &str, unix: u64) {
        let mut config = self.config.clone();
        config.remove("lock");
        config.set("description", description);
        config.set("snaptime", unix.to_string());
        self.snapshots.insert(name.to_owned(), config);
        self.config.set("parent", name);
    }

    /// Removes a snapshot; what came after it gets its parent.
    pub fn remove_snapshot(&mut self, name: &str) {
        let Some(removed) = self.snapshots.remove(name) else { return };
        let after = self.snapshots.values_mut().chain([&mut self.config]);
        for config in after.filter(|config| config.get("parent") == Some(name)) {
            match removed.get("parent") {
                Some(parent) => config.set("parent", parent),
                None => {
                    config.remove("parent");
                }
            }
        }
    }

    /// Goes back to a snapshot; the VM keeps its description.
    pub fn restore_snapshot(&mut self, name: &str) {
        let Some(mut config) = self.snapshots.get(name).cloned() else { return };
        for own in ["description", "snaptime"] {
            config.remove(own);
        }
        if let Some(description) = self.config.get("description") {
            config.set("description", description);
        }
        config.set("parent", name);
        self.config = config;
        self.pending = Config::default();
    }
}
