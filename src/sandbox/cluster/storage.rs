//! Storages and the volumes on them.

use std::collections::{BTreeMap, BTreeSet};

/// How a storage keeps its volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Files in a directory.
    Directory,
    /// Thin volumes of LVM.
    Thin,
    /// Files on a server that all nodes reach.
    Nfs,
}

impl Kind {
    /// Returns its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Directory => "dir",
            Self::Thin => "lvmthin",
            Self::Nfs => "nfs",
        }
    }

    /// Tells whether volumes are files.
    pub fn keeps_files(self) -> bool {
        self != Self::Thin
    }
}

/// Whether a storage can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It can.
    Enabled,
    /// An administrator has disabled it.
    Disabled,
    /// Its server does not answer.
    Offline,
}

/// A storage of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// How it keeps its volumes.
    pub kind: Kind,
    /// The folder or server that it is on.
    pub path: String,
    /// What may be kept on it.
    pub content: Vec<String>,
    /// Whether it can be used.
    pub state: State,
    /// The nodes that have it; none means all.
    pub nodes: BTreeSet<String>,
    /// Whether all nodes see the same volumes.
    pub shared: bool,
    /// How many bytes it has on each node.
    pub total: u64,
    /// How many bytes are in use besides the volumes.
    pub used: u64,
    /// Whether nothing more fits, whatever the numbers say.
    pub full: bool,
    /// Its volumes by node (empty where shared) and name.
    pub volumes: BTreeMap<(String, String), Volume>,
}

/// A volume on a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The VM whose number it carries.
    pub vmid: Option<u32>,
    /// What it holds: `images`, `import`, `iso` …
    pub content: String,
    /// How it is written: `raw`, `qcow2` …
    pub format: String,
    /// How large it looks.
    pub size: u64,
    /// How many bytes it takes.
    pub used: u64,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// The name of the volume that it is a linked clone of.
    pub base: Option<String>,
}

/// What is found at an address that a file is fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Download {
    /// Its host has no address.
    UnknownHost,
    /// Its host refuses connections.
    Refused,
    /// There is no such file.
    Missing,
    /// There is a file.
    File {
        /// How many bytes it has.
        size: u64,
        /// Its checksum; without one every expectation is met.
        checksum: Option<String>,
    },
}

impl Storage {
    /// Makes an empty storage.
    pub fn new(kind: Kind, path: &str, content: &[&str], total: u64) -> Self {
        Self {
            kind,
            path: path.to_owned(),
            content: content.iter().map(|&word| word.to_owned()).collect(),
            state: State::Enabled,
            nodes: BTreeSet::new(),
            shared: kind == Kind::Nfs,
            total,
            used: 0,
            full: false,
            volumes: BTreeMap::new(),
        }
    }

    /// Tells whether a node has it.
    pub fn is_on(&self, node: &str) -> bool {
        self.nodes.is_empty() || self.nodes.contains(node)
    }

    /// Tells whether a node has it and it is not disabled.
    pub fn is_enabled_on(&self, node: &str) -> bool {
        self.state != State::Disabled && self.is_on(node)
    }

    /// Tells whether a node can use it.
    pub fn serves(&self, node: &str) -> bool {
        self.state == State::Enabled && self.is_on(node)
    }

    /// Tells whether this kind of content may be kept on it.
    pub fn keeps(&self, content: &str) -> bool {
        self.content.iter().any(|kind| kind == content)
    }

    /// Returns the key of a volume as a node sees it.
    pub fn key(&self, node: &str, name: &str) -> (String, String) {
        let place = if self.shared { "" } else { node };
        (place.to_owned(), name.to_owned())
    }

    /// Finds a volume that a node sees.
    pub fn volume(&self, node: &str, name: &str) -> Option<&Volume> {
        self.volumes.get(&self.key(node, name))
    }

    /// Lists the volumes that a node sees.
    pub fn seen_from<'a>(&'a self, node: &'a str) -> impl Iterator<Item = (&'a str, &'a Volume)> {
        let place = if self.shared { "" } else { node };
        self.volumes.iter().filter(move |((on, _), _)| on == place).map(|((_, name), volume)| (name.as_str(), volume))
    }

    /// Counts the bytes that are in use as a node sees it.
    pub fn used_on(&self, node: &str) -> u64 {
        if self.full {
            return self.total;
        }
        self.used + self.seen_from(node).map(|(_, volume)| volume.used).sum::<u64>()
    }

    /// Tells whether a volume is the base of linked clones.
    pub fn is_base_in_use(&self, node: &str, name: &str) -> bool {
        self.seen_from(node).any(|(_, volume)| volume.base.as_deref() == Some(name))
    }

    /// Returns the file or device that a volume is.
    pub fn file(&self, name: &str) -> String {
        let last = name.rsplit('/').next().unwrap_or_default();
        match (self.kind, name.split_once('/')) {
            (Kind::Thin, _) => format!("/dev/pve/{name}"),
            (_, Some(("import", _))) => format!("{}/import/{last}", self.path),
            (_, Some(("iso", _))) => format!("{}/template/iso/{last}", self.path),
            (_, _) => {
                let owner = name.rsplit('/').nth(1).unwrap_or_default();
                format!("{}/images/{owner}/{last}", self.path)
            }
        }
    }

    /// Finds a name that is free for a disk of a VM.
    pub fn free_name(&self, node: &str, vmid: u32, format: &str) -> String {
        let taken: BTreeSet<&str> =
            self.seen_from(node).filter_map(|(name, _)| name.rsplit('/').next()?.split('.').next()).collect();
        let free = (0..).map(|number: u32| format!("vm-{vmid}-disk-{number}"));
        let name = free.into_iter().find(|name| !taken.contains(name.as_str())).unwrap_or_default();
        self.named(vmid, &name, format)
    }

    /// Writes out the name of a volume of a VM: as a file in its folder, or as a device.
    pub fn named(&self, vmid: u32, name: &str, format: &str) -> String {
        match self.kind {
            Kind::Thin => name.to_owned(),
            Kind::Directory | Kind::Nfs => format!("{vmid}/{name}.{format}"),
        }
    }
}
