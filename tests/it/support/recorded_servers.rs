//! The other servers that were recorded: a cluster of two nodes, and single nodes of Proxmox VE 8.

use std::collections::BTreeSet;
use std::time::Duration;

use glassdome::sandbox::auth::{Access, Pool, ROOT, Release, Role, Token, Totp, User};
use glassdome::sandbox::cluster::{Cluster, Config, Kind, Storage, Vm, Vnet, Volume};

use serde_json::{Value, json};

use super::recorded::{RELEASE, Recordings};

const GIB: u64 = 1 << 30;

/// The secret of `tfa1@pve`; `convert.py` computed the accepted codes with it.
const TOTP: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// Everything that the storages of the recorded servers keep.
const CONTENT: [&str; 7] = ["iso", "images", "snippets", "vztmpl", "backup", "rootdir", "import"];

/// A guest of the recorded servers.
pub(crate) struct Guest {
    pub(crate) vmid: u32,
    pub(crate) name: &'static str,
    pub(crate) node: &'static str,
    pub(crate) storage: &'static str,
}

impl Guest {
    /// Makes one that is stopped, with a disk of 2 GiB and a cloud-init drive.
    pub(crate) fn add(&self, cluster: &mut Cluster) {
        self.add_with(cluster, "vm");
    }

    /// Makes a template.
    pub(crate) fn add_template(&self, cluster: &mut Cluster) {
        self.add_with(cluster, "base");
        cluster.set_option(self.vmid, "template", "1");
    }

    /// Makes one whose disk is a linked clone of the disk of a template on the same storage.
    pub(crate) fn add_linked(&self, cluster: &mut Cluster, template: u32) {
        self.add(cluster);
        let storage = cluster.storages.get_mut(self.storage).unwrap();
        let own = format!("{0}/vm-{0}-disk-0.qcow2", self.vmid);
        let base = format!("{template}/base-{template}-disk-0.qcow2");
        let volume = storage.volumes.remove(&storage.key(self.node, &own)).unwrap();
        let linked = format!("{base}/{own}");
        storage.volumes.insert(storage.key(self.node, &linked), Volume { base: Some(base), ..volume });
        cluster.set_option(self.vmid, "scsi0", &format!("{}:{linked},size=2G", self.storage));
    }

    fn add_with(&self, cluster: &mut Cluster, kind: &str) {
        let vmid = self.vmid;
        let disk = cluster.add_disk(vmid, self.node, self.storage, &format!("{kind}-{vmid}-disk-0"), 2 * GIB);
        let drive = cluster.add_disk(vmid, self.node, self.storage, &format!("vm-{vmid}-cloudinit"), 4 << 20);
        let mut config = Config::of(&[
            ("name", self.name),
            ("agent", "1"),
            ("boot", "order=scsi0"),
            ("ciuser", "ubuntu"),
            ("cores", "1"),
            ("ipconfig0", "ip=dhcp"),
            ("kvm", "0"),
            ("memory", "512"),
            ("meta", "creation-qemu=10.0.13,ctime=1768032446"),
            ("ostype", "l26"),
            ("scsihw", "virtio-scsi-pci"),
            ("serial0", "socket"),
            ("vga", "serial0"),
        ]);
        config.set("ide2", format!("{drive},media=cdrom,size=4M"));
        config.set("scsi0", format!("{disk},size=2G"));
        config.set("net0", format!("virtio={},bridge=vmbr0", cluster.rng.mac()));
        config.set("smbios1", format!("uuid={}", cluster.rng.uuid()));
        config.set("vmgenid", cluster.rng.uuid());
        cluster.vms.insert(vmid, Vm::new(self.node, config));
    }
}

/// Makes a guest on `pve`.
pub(crate) const fn guest(vmid: u32, name: &'static str, storage: &'static str) -> Guest {
    Guest { vmid, name, node: "pve", storage }
}

/// What a node says of its certificates: the shape of it, without a value.
fn recorded_certificates() -> Value {
    let certificate = |file: &str, names: Value| {
        json!({
            "filename": file, "pem": "", "subject": "", "issuer": "", "fingerprint": "", "notbefore": 0, "notafter": 0,
            "san": names, "public-key-type": "", "public-key-bits": 2048,
        })
    };
    json!([certificate("pve-root-ca.pem", json!([])), certificate("pve-ssl.pem", json!(["pve"]))])
}

impl Recordings {
    /// Makes the cluster of two nodes.
    pub(crate) fn two_nodes(&self) -> Cluster {
        let mut access = Access::new(RELEASE);
        access.users.insert(ROOT.to_owned(), User::with_password(&self.password("lab2-noquorum-login-pam")));
        access.users.insert("apex@pve".to_owned(), User::with_password(&self.password("lab2-noquorum-login")));
        access.users.insert("tfa1@pve".to_owned(), User::with_password(&self.password("lab2-totp-login-first")));
        access.users.get_mut("tfa1@pve").unwrap().totp = Some(Totp::new(TOTP));
        access.users.get_mut("apex@pve").unwrap().details.insert("comment".to_owned(), "lab".to_owned());
        access.users.insert("exm@pve".to_owned(), User::default());
        self.add_token(&mut access, "apex@pve", "glassdome-token", false);
        self.add_token(&mut access, "exm@pve", "uu", false);
        access.grant("apex@pve", "/", "Administrator");
        for (path, role) in [("/vms", "PVEVMAdmin"), ("/storage", "PVEDatastoreAdmin"), ("/sdn", "PVESDNUser")] {
            access.grant("exm@pve", path, role);
        }
        let mut cluster = Cluster::bare(access, 2, Duration::from_secs(4), 1);
        cluster.writes_clones_early = true;
        cluster.storages.insert("local".to_owned(), Storage::new(Kind::Directory, "/var/lib/vz", &CONTENT, 252 * GIB));
        let content = ["images", "iso", "snippets", "vztmpl", "import"];
        let shared = Storage::new(Kind::Directory, "/mnt/shared", &content, 252 * GIB);
        cluster.storages.insert("shared".to_owned(), Storage { shared: true, ..shared });
        let vnet = Vnet { zone: "labz".to_owned(), alias: Some("lab vnet".to_owned()) };
        cluster.vnets.insert("vnet1".to_owned(), vnet);
        for node in cluster.nodes.values_mut() {
            node.cards = vec!["nic0".to_owned()];
            node.gateway = Some("192.0.2.1".to_owned());
        }
        guest(9000, "ubuntu-2204-cloudinit-template", "local").add_template(&mut cluster);
        guest(9001, "debian-12-cloudinit-template", "local").add_template(&mut cluster);
        guest(9010, "shared-template", "shared").add_template(&mut cluster);
        guest(101, "web01", "local").add(&mut cluster);
        Guest { node: "pve2", ..guest(151, "r", "shared") }.add(&mut cluster);
        cluster.certificates = recorded_certificates();
        cluster
    }

    /// Makes the node of Proxmox VE 8.
    pub(crate) fn version_8(&self, release: Release) -> Cluster {
        let mut access = Access::new(release);
        access.users.insert("apex@pve".to_owned(), User::with_password(&self.password("pve84-login-ok")));
        access.users.get_mut("apex@pve").unwrap().details.insert("comment".to_owned(), "lab".to_owned());
        for user in ["disabled@pve", "expireduser@pve"] {
            access.users.insert(user.to_owned(), User::default());
        }
        self.add_token(&mut access, "disabled@pve", "tt", true);
        access.users.get_mut("disabled@pve").unwrap().enabled = false;
        access.users.get_mut("expireduser@pve").unwrap().expire = 1_000_000_000;
        for (name, privsep) in [("glassdome-token", false), ("powerless", true), ("expired", false)] {
            self.add_token(&mut access, "apex@pve", name, privsep);
        }
        access.users.get_mut("apex@pve").unwrap().tokens.get_mut("expired").unwrap().expire = 1_000_000_000;
        access.users.insert("nosdn@pve".to_owned(), User::default());
        self.add_token(&mut access, "nosdn@pve", "tt", false);
        self.add_provisioners(&mut access);
        let mut cluster = Cluster::bare(access, 1, Duration::from_secs(4), 1);
        cluster.writes_clones_early = true;
        cluster.storages.insert("local".to_owned(), Storage::new(Kind::Directory, "/var/lib/vz", &CONTENT, 252 * GIB));
        let node = cluster.nodes.get_mut("pve").unwrap();
        node.cards = vec!["nic0".to_owned()];
        node.gateway = Some("192.0.2.1".to_owned());
        guest(9000, "ubuntu-2204-cloudinit-template", "local").add_template(&mut cluster);
        guest(9001, "debian-12-cloudinit-template", "local").add_template(&mut cluster);
        guest(101, "vm101", "local").add(&mut cluster);
        let image = Volume {
            vmid: None,
            content: "import".to_owned(),
            format: "qcow2".to_owned(),
            size: GIB,
            used: GIB,
            created: 1_768_032_403,
            base: None,
        };
        let storage = cluster.storages.get_mut("local").unwrap();
        storage.volumes.insert(storage.key("pve", "import/jammy-like.qcow2"), image);
        cluster.certificates = recorded_certificates();
        cluster
    }

    /// Adds the users that were made for provisioning, with their roles and their pool.
    fn add_provisioners(&self, access: &mut Access) {
        let privileges: BTreeSet<String> =
            ["VM.Clone", "VM.Allocate", "VM.Audit", "VM.Monitor"].map(str::to_owned).into();
        for role in ["GlassdomeProvisioner", "GlassdomeGuest"] {
            let privileges = BTreeSet::clone(&privileges);
            access.roles.insert(role.to_owned(), Role { privileges, special: false });
        }
        access.pools.insert("labpool".to_owned(), Pool::default());
        for user in ["gd1@pve", "gd2@pve"] {
            access.users.insert(user.to_owned(), User::default());
            access
                .users
                .get_mut(user)
                .unwrap()
                .details
                .insert("comment".to_owned(), "API token for Glassdome".to_owned());
        }
        self.add_token(access, "gd1@pve", "gd-needed", true);
        let token = access.users.get_mut("gd1@pve").unwrap().tokens.get_mut("gd-needed").unwrap();
        token.comment = Some("API token for Glassdome".to_owned());
        let token = Token { comment: token.comment.clone(), ..token.clone() };
        access.users.get_mut("gd2@pve").unwrap().tokens.insert("gd-pool".to_owned(), token);
        for entry in self.0["pve84-acl"]["response"]["json"]["data"].as_array().unwrap() {
            let text = |field: &str| entry[field].as_str().unwrap();
            access.grant(text("ugid"), text("path"), text("roleid"));
        }
    }
}
