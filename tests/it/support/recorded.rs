//! The recordings, and the world that they were made in; secrets are read off the recordings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use glassdome::sandbox::auth::{Access, ROOT, Release, Role, Token, Totp, User};
use glassdome::sandbox::cluster::{Cluster, Config, Kind, Reach, Storage, Vm, Volume};
use serde_json::Value;

/// The files of the recordings; their `README.md` says what is in them.
const FILES: [&str; 7] =
    ["access.jsonl", "clones.jsonl", "guests.jsonl", "http.jsonl", "nodes.jsonl", "privileges.jsonl", "storages.jsonl"];

/// The release of the server that was recorded.
pub(crate) const RELEASE: Release = Release { major: 9, minor: 2, patch: 11 };

/// The moment, long ago, at which expired users and tokens expired.
const LONG_AGO: u64 = 1_000_000_000;

const GIB: u64 = 1 << 30;

/// All recordings by name.
pub(crate) struct Recordings(pub(crate) BTreeMap<String, Value>);

/// Reads a file of `tests/data/pve`, one value a line.
fn lines(file: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/pve").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Access control lists that were drawn by lot, and what the real server said of the rights that they give.
pub(crate) struct AclWorlds {
    /// The roles that the entries name.
    pub(crate) roles: Value,
    /// The worlds.
    pub(crate) worlds: Vec<Value>,
}

impl AclWorlds {
    /// Reads them.
    pub(crate) fn load() -> Self {
        let mut lines = lines("acl-worlds.jsonl");
        let roles = lines.remove(0)["roles"].take();
        Self { roles, worlds: lines }
    }
}

/// Writes out what was too long to be noted, and reads a body that is JSON.
fn complete(mut recording: Value) -> (String, Value) {
    let body = recording["request"]["body"].as_str().unwrap_or_default();
    let length = body.strip_prefix('<').and_then(|rest| rest.strip_suffix(" bytes>")?.parse::<usize>().ok());
    if let Some(length) = length {
        let name = "description=";
        recording["request"]["body"] = format!("{name}{}", "a".repeat(length - name.len())).into();
    }
    if let Some(body) = recording["response"]["body"].as_str() {
        recording["response"]["json"] = serde_json::from_str(body).unwrap_or_default();
    }
    (recording["name"].as_str().unwrap().to_owned(), recording)
}

impl Recordings {
    /// Reads those of the one server of most tests.
    pub(crate) fn load() -> Self {
        Self::of(&FILES)
    }

    /// Reads those of the cluster of two nodes, and of the single node beside it.
    pub(crate) fn of_two_nodes() -> Self {
        Self::of(&["two-nodes.jsonl"])
    }

    /// Reads those of servers of Proxmox VE 8.
    pub(crate) fn of_version_8() -> Self {
        Self::of(&["pve8.jsonl"])
    }

    fn of(files: &[&str]) -> Self {
        let recordings: Vec<Value> = files.iter().flat_map(|file| lines(file)).collect();
        let count = recordings.len();
        let recordings: BTreeMap<String, Value> = recordings.into_iter().map(complete).collect();
        assert_eq!(recordings.len(), count, "each recording has a name of its own");
        Self(recordings)
    }

    /// Makes the identities that the recordings began with.
    pub(crate) fn access(&self, release: Release) -> Access {
        let mut access = Access::new(release);
        let lab = self.password("ticket-needtfa");
        access.users.insert(ROOT.to_owned(), User::with_password(&self.password("ticket-root-pam-ok")));
        access.users.insert("apex@pve".to_owned(), User::with_password(&self.password("ticket-ok")));
        for user in ["disabled@pve", "expireduser@pve", "noacl@pve", "plain@pve", "totp@pve"] {
            access.users.insert(user.to_owned(), User::with_password(&lab));
        }
        for user in access.users.values_mut() {
            user.details.insert("comment".to_owned(), "lab".to_owned());
        }
        access.users.get_mut("disabled@pve").unwrap().enabled = false;
        access.users.get_mut("expireduser@pve").unwrap().expire = LONG_AGO;
        access.users.get_mut("totp@pve").unwrap().totp = Some(Totp::new(&self.totp()));
        self.add_token(&mut access, "apex@pve", "glassdome-token", false);
        access.users.get_mut("apex@pve").unwrap().tokens.get_mut("glassdome-token").unwrap().comment =
            Some("lab".to_owned());
        self.add_token(&mut access, "apex@pve", "noacl", true);
        self.add_token(&mut access, "apex@pve", "expired", false);
        access.users.get_mut("apex@pve").unwrap().tokens.get_mut("expired").unwrap().expire = LONG_AGO;
        for user in ["disabled@pve", "expireduser@pve", "noacl@pve", "plain@pve"] {
            self.add_token(&mut access, user, "tt", false);
        }
        for role in ["PVEVMAdmin", "PVEDatastoreAdmin", "PVESDNUser", "PVEAuditor"] {
            access.grant("apex@pve", "/", role);
        }
        access
    }

    /// Adds what came to the server later: the user with the fewest rights, its pool, two more tokens' rights.
    pub(crate) fn add_later(&self, access: &mut Access) {
        let roles = [
            ("LClone", "VM.Clone"),
            ("LPool", "VM.Allocate,VM.Audit,VM.Config.Options,VM.PowerMgmt"),
            ("LSpace", "Datastore.AllocateSpace"),
            ("LSdn", "SDN.Use"),
            ("LNet", "Sys.AccessNetwork"),
        ];
        for (name, privileges) in roles {
            let privileges: BTreeSet<String> = privileges.split(',').map(str::to_owned).collect();
            access.roles.insert(name.to_owned(), Role { privileges, special: false });
        }
        access.pools.insert("labpool".to_owned(), glassdome::sandbox::auth::Pool::default());
        access.users.insert("min@pve".to_owned(), User::with_password(&self.password("ticket-needtfa")));
        self.add_token(access, "min@pve", "tt", false);
        self.add_token(access, "apex@pve", "sep", true);
        access.grant("min@pve", "/vms/9000", "LClone");
        access.grant("min@pve", "/pool/labpool", "LPool");
        access.grant("min@pve", "/storage/local", "LSpace");
        access.grant("min@pve", "/sdn/zones/localnetwork/vmbr0", "LSdn");
        access.grant("apex@pve", "/", "LNet");
    }

    /// Makes the cluster that the data's `README.md` describes, with these identities.
    pub(crate) fn cluster(&self, access: Access) -> Cluster {
        let mut cluster = Cluster::bare(access, 1, Duration::from_secs(4), 1);
        let content = ["iso", "images", "snippets", "vztmpl", "backup", "rootdir", "import"];
        cluster.storages.insert("local".to_owned(), Storage::new(Kind::Directory, "/var/lib/vz", &content, 250 * GIB));
        cluster.foreign_hosts.insert("deadnode".to_owned(), Reach::Refused);
        cluster.foreign_hosts.insert("unroutednode".to_owned(), Reach::NoRoute);
        let base = "9000/base-9000-disk-0.qcow2";
        add_disk(&mut cluster, 9000, base, None);
        add_disk(&mut cluster, 101, &format!("{base}/101/vm-101-disk-0.qcow2"), Some(base));
        add_disk(&mut cluster, 102, "102/vm-102-disk-0.qcow2", None);
        let storage = cluster.storages.get_mut("local").unwrap();
        let image = Volume { vmid: None, content: "import".to_owned(), ..volume(0, None) };
        storage.volumes.insert(storage.key("pve", "import/debian-small.qcow2"), image);
        add_vm(&mut cluster, 9000, "tmpl-debian", base);
        cluster.set_option(9000, "template", "1");
        add_vm(&mut cluster, 101, "linked1", &format!("{base}/101/vm-101-disk-0.qcow2"));
        add_vm(&mut cluster, 102, "full1", "102/vm-102-disk-0.qcow2");
        cluster
    }

    pub(crate) fn add_token(&self, access: &mut Access, user: &str, name: &str, privsep: bool) {
        let secret = self.secret(&format!("{user}!{name}"));
        let token = Token { secret, privsep, expire: 0, comment: None };
        access.users.get_mut(user).unwrap().tokens.insert(name.to_owned(), token);
    }

    /// Finds the secret that a token was used with most often.
    pub(crate) fn secret(&self, id: &str) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for recording in self.0.values() {
            let header = recording["request"]["headers"]["Authorization"].as_str().unwrap_or_default();
            let secret =
                header.strip_prefix("PVEAPIToken=").and_then(|token| token.strip_prefix(id)?.strip_prefix('='));
            if let Some(secret) = secret {
                *counts.entry(secret).or_default() += 1;
            }
        }
        counts.into_iter().max_by_key(|(_, count)| *count).unwrap().0.to_owned()
    }

    fn field(&self, name: &str, field: &str) -> String {
        let body = self.0[name]["request"]["body"].as_str().unwrap();
        let mut fields = form_urlencoded::parse(body.as_bytes());
        fields.find(|(key, _)| key == field).unwrap().1.into_owned()
    }

    pub(crate) fn password(&self, name: &str) -> String {
        self.field(name, "password")
    }

    fn totp(&self) -> String {
        let address = self.field("tfa-add-totp", "totp");
        let secret = address.split(['?', '&']).find_map(|part| part.strip_prefix("secret=")).unwrap();
        secret.to_owned()
    }
}

fn volume(vmid: u32, base: Option<&str>) -> Volume {
    Volume {
        vmid: Some(vmid),
        content: "images".to_owned(),
        format: "qcow2".to_owned(),
        size: GIB,
        used: 300 << 20,
        created: 1_767_665_408,
        base: base.map(str::to_owned),
    }
}

/// Adds a disk to `local`.
pub(crate) fn add_disk(cluster: &mut Cluster, vmid: u32, name: &str, base: Option<&str>) {
    let storage = cluster.storages.get_mut("local").unwrap();
    storage.volumes.insert(storage.key("pve", name), volume(vmid, base));
}

/// Adds a stopped VM with a disk on `local`.
pub(crate) fn add_vm(cluster: &mut Cluster, vmid: u32, name: &str, disk: &str) {
    let mut config = Config::of(&[
        ("name", name),
        ("agent", "1"),
        ("boot", "order=scsi0;net0"),
        ("cores", "1"),
        ("memory", "256"),
        ("meta", "creation-qemu=10.0.13,ctime=1767665329"),
        ("ostype", "l26"),
        ("scsihw", "virtio-scsi-single"),
        ("serial0", "socket"),
    ]);
    config.set("net0", format!("virtio={},bridge=vmbr0", cluster.rng.mac()));
    config.set("scsi0", format!("local:{disk},size=1G"));
    config.set("smbios1", format!("uuid={}", cluster.rng.uuid()));
    config.set("vmgenid", cluster.rng.uuid());
    cluster.vms.insert(vmid, Vm::new("pve", config));
}
