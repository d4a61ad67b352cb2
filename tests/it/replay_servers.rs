//! The recordings of a cluster of two nodes and of Proxmox VE 8, played again and compared.

use std::collections::BTreeSet;
use std::time::Duration;

use glassdome::sandbox::auth::{Pool, Release, Token, User};
use glassdome::sandbox::cluster::{Agent, Cluster, Download, Kind, Mapping, Power, Reach, State, Statistics, Storage};

use crate::support::recorded::Recordings;
use crate::support::recorded_servers::{Guest, guest};
use crate::support::replay_client::Replay;

/// How many of the recordings must be played at least.
const LEAST: usize = 400;

/// What is not played, each with its reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("lab2-agent-hostname-ok", "of the agent's calls those are served that tell whether it answers and where it is"),
    ("lab2-agent-info-ok", "of the agent's calls those are served that tell whether it answers and where it is"),
    ("lab2-agent-osinfo-none", "of the agent's calls those are served that tell whether it answers and where it is"),
    ("lab2-agent-osinfo-ok", "of the agent's calls those are served that tell whether it answers and where it is"),
    ("lab2-ha-add", "there is no HA manager here, the lists of its resources are empty"),
    ("lab2-ha-delete-vm", "there is no HA manager here, no VM is one of its resources"),
    ("lab2-ha-delete-vm-purge", "there is no HA manager here, no VM is one of its resources"),
    ("lab2-ha-resources-after", "there is no HA manager here, the lists of its resources are empty"),
    ("lab2-ha-resources-one", "there is no HA manager here, the lists of its resources are empty"),
    ("lab2-ha-resources-vm", "there is no HA manager here, no VM has a state of it"),
    ("lab2-ha-start", "there is no HA manager here, a start is done by the node itself"),
    ("lab2-ha-start-after-1", "there is no HA manager here, a VM has no state of it"),
    ("lab2-ha-start-after-2", "there is no HA manager here, a VM has no state of it"),
    ("lab2-ha-start-after-3", "there is no HA manager here, a VM has no state of it"),
    ("lab2-ha-start-after-4", "there is no HA manager here, a VM has no state of it"),
    ("lab2-ha-start-task-log", "there is no HA manager here, a start is done by the node itself"),
    ("lab2-ha-start-task-status", "there is no HA manager here, a start is done by the node itself"),
    ("lab2-ha-status-current", "there is no HA manager here, a VM has no state of it"),
    ("lab2-ha-status-one", "the state of the HA manager is not served"),
    ("lab2-ha-stop", "there is no HA manager here, a stop is done by the node itself"),
    ("lab2-ha-stop-after-1", "there is no HA manager here, a VM has no state of it"),
    ("lab2-ha-stop-after-2", "there is no HA manager here, a VM has no state of it"),
    ("lab2-ha-stop-after-3", "there is no HA manager here, a VM has no state of it"),
    ("lab2-ha-stop-after-4", "there is no HA manager here, a VM has no state of it"),
    ("lab2-ha-stop-task-log", "there is no HA manager here, a stop is done by the node itself"),
    ("lab2-ha-stop-task-status", "there is no HA manager here, a stop is done by the node itself"),
    ("lab2-mapping-pci-create", "the set-up of mappings is not served: tests make them"),
    ("lab2-mapping-pci-list", "the set-up of mappings is not served: no test here reads it"),
    ("lab2-mapping-pci-list-check", "the set-up of mappings is not served: no test here reads it"),
    ("lab2-nextid-options", "the options of the datacenter are not served: no test here reads them"),
    ("lab2-nextid-range-options", "the options of the datacenter are not served: no test here reads them"),
    ("lab2-nextid-range-set", "the options of the datacenter are not served: tests set the range"),
    ("lab2-node-sdn-zone-content", "of the SDN the list of vnets is served, which names their zones"),
    ("lab2-node-sdn-zones", "of the SDN the list of vnets is served, which names their zones"),
    ("lab2-reuse-lock-observation", "it is a table of times, not an exchange"),
    ("lab2-sdn-index", "of the SDN the list of vnets is served, which names their zones"),
    ("lab2-sdn-vnet1", "of the SDN the list of vnets is served, which names their zones"),
    ("lab2-sdn-zones", "of the SDN the list of vnets is served, which names their zones"),
    ("lab2-storage-add-disabled", "the set-up of storages can be read only: tests make them"),
    ("lab2-storage-add-full", "the set-up of storages can be read only: tests make them"),
    ("lab2-storage-add-no-images", "the set-up of storages can be read only: tests make them"),
    ("lab2-storage-add-offline", "the set-up of storages can be read only: tests make them"),
    ("lab2-storage-add-restricted", "the set-up of storages can be read only: tests make them"),
    ("lab2-storage-disable", "the set-up of storages can be read only: tests change them"),
    ("lab2-totp-tfa-list", "second factors are set up by tests, the call is not served"),
    ("pve84-cloudinit-dump", "what cloud-init reads is not made here, the call is not served"),
    ("pve84-cluster-options", "the options of the datacenter are not served: no test here reads them"),
    ("pve84-domains-tfa", "second factors are set up by tests, the call is not served"),
    ("pve84-mapping-dir", "the set-up of mappings is not served: no test here reads it"),
    ("pve84-mapping-pci", "the set-up of mappings is not served: no test here reads it"),
    ("pve84-needed-agent-exec", "nothing is run in guests, the call is not served"),
    ("pve84-needed-agent-file-read", "nothing is run in guests, the call is not served"),
    ("pve84-needed-agent-set-password", "nothing is run in guests, the call is not served"),
    ("pve84-needed-monitor-write", "there is no QEMU here, nor its monitor"),
    ("pve84-node-sdn-zones", "of the SDN the list of vnets is served, which names their zones"),
    ("pve84-node-time", "the time of a node is not served: the header Date has it"),
    ("pve84-r832-mapping-pci", "the set-up of mappings is not served: no test here reads it"),
    ("pve84-sdn-zones", "of the SDN the list of vnets is served, which names their zones"),
    ("pve84-status-current-running", "there is no QEMU here, nor its counters of each drive"),
];

/// What is played in one world, in its order.
type Play = fn(&mut Replay<'_>);

/// The releases of Proxmox VE 8, and what was asked of each.
const OF_VERSION_8: &[(&str, Release, Play)] = &[
    ("pve84-r803-", Release { major: 8, minor: 0, patch: 3 }, version_8_0),
    ("pve84-r822-", Release { major: 8, minor: 2, patch: 2 }, version_8_2),
    ("pve84-r832-", Release { major: 8, minor: 3, patch: 2 }, version_8_3),
    ("pve84-r8421-", Release { major: 8, minor: 4, patch: 21 }, |replay| replay.play_all("pve84-r8421-")),
    ("pve84-", Release { major: 8, minor: 4, patch: 14 }, version_8_4),
];

/// Everything that is played on the cluster of two nodes.
const ON_TWO_NODES: &[Play] = &[
    nodes_and_networks,
    clones_between_nodes,
    logins,
    numbers_used_again,
    protection_and_snapshots,
    devices,
    big_numbers,
    storage_states,
    storages_of_templates,
    range_of_numbers,
    node_gone,
    no_quorum,
    lock_of_a_cleanup,
    disks_and_agents,
    node_gone_in_a_clone,
    lost_worker,
];

/// What came of playing.
#[derive(Default)]
struct Played {
    names: BTreeSet<String>,
    differences: Vec<String>,
}

impl Played {
    fn play(&mut self, mut replay: Replay<'_>, play: Play) {
        replay.leave_out(LEFT_OUT.iter().map(|(name, _)| *name));
        play(&mut replay);
        self.names.extend(replay.played);
        self.differences.append(&mut replay.differences);
    }
}

#[test]
fn recorded_exchanges_of_two_nodes_and_of_version_8_are_answered_alike() {
    let (two_nodes, version_8) = (Recordings::of_two_nodes(), Recordings::of_version_8());
    let mut played = Played::default();
    for play in ON_TWO_NODES {
        played.play(Replay::new(&two_nodes, two_nodes.two_nodes()), *play);
    }
    for (_, release, play) in OF_VERSION_8 {
        played.play(Replay::new(&version_8, version_8.version_8(*release)), *play);
    }
    for difference in &played.differences {
        println!("{difference}");
    }
    let all: BTreeSet<&str> = two_nodes.0.keys().chain(version_8.0.keys()).map(String::as_str).collect();
    for (name, why) in LEFT_OUT {
        println!("left out: {name}: {why}");
        assert!(all.contains(name), "no recording {name}");
    }
    let forgotten: Vec<&&str> = all.iter().filter(|name| !played.names.contains(**name)).collect();
    let count = played.names.len() - LEFT_OUT.len();
    println!("{} recordings, {count} played, {} left out", all.len(), LEFT_OUT.len());
    assert!(played.differences.is_empty(), "{} differences", played.differences.len());
    assert!(forgotten.is_empty(), "neither played nor left out: {forgotten:#?}");
    assert!(count >= LEAST);
}

fn version_8_0(replay: &mut Replay<'_>) {
    replay.play("pve84-r803-version");
    replay.edit(|cluster| {
        cluster.storages.get_mut("local").unwrap().content = vec!["rootdir".to_owned(), "images".to_owned()];
    });
    replay.play_all("pve84-r803-");
}

fn version_8_2(replay: &mut Replay<'_>) {
    replay.edit(|cluster| {
        cluster.storages.get_mut("local").unwrap().content.retain(|kind| kind != "import");
    });
    replay.play_all("pve84-r822-");
}

fn version_8_3(replay: &mut Replay<'_>) {
    replay.edit(|cluster| cluster.foreign_hosts.extend([("pve2".to_owned(), Reach::NoRoute)]));
    replay.play_all("pve84-r832-");
}

fn version_8_4(replay: &mut Replay<'_>) {
    let others = OF_VERSION_8.iter().map(|(prefix, ..)| *prefix).filter(|prefix| *prefix != "pve84-");
    let others: Vec<&str> = others.collect();
    let names = replay.recordings.0.keys().map(String::as_str);
    replay.leave_out(names.filter(|name| others.iter().any(|other| name.starts_with(other))));
    replay.edit(|cluster| {
        cluster.foreign_hosts.insert("pve2".to_owned(), Reach::NoRoute);
        let file = Download::File { size: 126_156_800, checksum: None };
        cluster.downloads.insert("http://127.0.0.1:8096/jammy-server-cloudimg-amd64.img".to_owned(), file);
    });
    replay.play("pve84-token-create pve84-token-put-comment pve84-token-get pve84-token-list");
    replay.play_all("pve84-version pve84-domains pve84-login pve84-csrf pve84-permissions pve84-powerless pve84-token");
    replay.play_all(
        "pve84-cluster pve84-node pve84-qemu pve84-resources pve84-status pve84-storage pve84-user pve84-acl-put",
    );
    replay.play_all(
        "pve84-acl pve84-certificates pve84-feature pve84-network pve84-nextid pve84-pools pve84-access pve84-path",
    );
    replay.play_all("pve84-clone-linked pve84-clone-full pve84-clone-e pve84-clone-m pve84-clone-n pve84-clone-u");
    replay.play_all(
        "pve84-config pve84-start-ok pve84-agent pve84-delete-running pve84-start-running pve84-start-template",
    );
    replay.play_all("pve84-stop");
    replay.edit(|cluster| cluster.set_option(301, "lock", "backup"));
    replay.play_all("pve84-delete-locked");
    replay.edit(|cluster| {
        assert!(cluster.vms.get_mut(&301).unwrap().config.remove("lock"));
        cluster.set_option(301, "protection", "1");
    });
    replay.play("pve84-delete-protected");
    replay.edit(|cluster| cluster.set_option(301, "protection", "0"));
    replay.play_all("pve84-delete-ok");
    replay.play("pve84-clone-abort");
    replay.wait(Duration::from_secs(1));
    replay.play(
        "pve84-clone-abort-config pve84-clone-abort-running-status pve84-clone-abort-running-log \
         pve84-clone-abort-foreign-status pve84-clone-abort-delete pve84-clone-abort-status pve84-clone-abort-log",
    );
    replay.play("+pve84-download-url-import");
    replay.play_all("pve84-");
}

fn lab(kind: &'static str, name: &str, node: &str, device: &str) -> Mapping {
    Mapping { kind, name: name.to_owned(), node: node.to_owned(), device: device.to_owned(), is_there: false }
}

fn nodes_and_networks(replay: &mut Replay<'_>) {
    replay.play_all(
        "lab2-nodes-two lab2-sdn-vnets lab2-network lab2-resources lab2-proxied lab2-wrong-node \
         lab2-certificates lab2-unknown-node lab2-feature lab2-permissions-vnet",
    );
}

fn clones_between_nodes(replay: &mut Replay<'_>) {
    replay.edit(|cluster| guest(23020, "ex-vnet-template", "shared").add_template(cluster));
    replay.play_all(
        "lab2-clone-target-shared lab2-clone-target-self lab2-clone-target-unknown lab2-clone-through lab2-config",
    );
}

fn logins(replay: &mut Replay<'_>) {
    replay.edit(|cluster| drop(cluster.nodes.remove("pve2")));
    replay.play_all("lab2-totp-login");
    replay.edit(|cluster| {
        let access = &mut cluster.access;
        access.users.remove("exm@pve");
        let token = access.users["apex@pve"].tokens["glassdome-token"].clone();
        let comment = Some("API token for Glassdome".to_owned());
        for (user, tokens) in [("pooled@pve", vec![]), ("range@pve", vec!["prov"])] {
            access.users.insert(user.to_owned(), User::default());
            let user = access.users.get_mut(user).unwrap();
            user.details.insert("comment".to_owned(), "API token for Glassdome".to_owned());
            let made = tokens
                .into_iter()
                .map(|name: &str| (name.to_owned(), Token { comment: comment.clone(), ..token.clone() }));
            user.tokens.extend(made);
        }
        let tokens = &mut access.users.get_mut("apex@pve").unwrap().tokens;
        tokens.insert("powerless".to_owned(), token.clone());
        tokens.insert("viassh".to_owned(), Token { comment, ..token });
    });
    replay.play_all("lab2-totp-users");
}

fn numbers_used_again(replay: &mut Replay<'_>) {
    replay.play_all("lab2-reuse-1 lab2-reuse-2");
}

fn linked(cluster: &mut Cluster, vmid: u32, name: &'static str) {
    guest(vmid, name, "shared").add_template(cluster);
}

fn protection_and_snapshots(replay: &mut Replay<'_>) {
    replay.edit(|cluster| {
        linked(cluster, 23102, "ex-23102");
        cluster.set_option(23102, "protection", "1");
        guest(23103, "ex-23103", "shared").add_linked(cluster, 9010);
    });
    replay.play_all("lab2-protected lab2-snapshot");
}

fn devices(replay: &mut Replay<'_>) {
    replay.edit(|cluster| {
        for (vmid, name) in [
            (23105, "ex-23105"),
            (23106, "ex-23106"),
            (23107, "ex-23107"),
            (23108, "ex-23108"),
            (23109, "ex-23109"),
            (23110, "ex-23110"),
        ] {
            linked(cluster, vmid, name);
        }
        cluster.set_option(23105, "usb0", "host=1234:5678");
        cluster.set_option(23106, "serial1", "/dev/ttyS0");
        cluster.set_option(23107, "args", "-no-hpet");
        cluster.mappings = vec![lab("pci", "exmap", "pve", "0000:7f:1f.7")];
        cluster.set_option(23109, "ide0", "local:iso/ex.iso,media=cdrom,size=293K");
        let disk = cluster.add_disk(23110, "pve", "shared", "base-23110-disk-1", 4 << 20);
        cluster.set_option(23110, "tpmstate0", &format!("{disk},size=4M,version=v2.0"));
    });
    replay.play_all(
        "lab2-raw-usb lab2-host-serial lab2-args lab2-mapping-set lab2-mapping-config lab2-mapping-clone-admin \
         lab2-iso-local lab2-efi-tpm lab2-mapping-clone-without lab2-mapping-permissions",
    );
    replay.edit(|cluster| cluster.access.grant("exm@pve", "/mapping/pci/exmap", "PVEMappingUser"));
    replay.play_all("lab2-mapping-clone-with-use lab2-mapping-clone-target lab2-mapping-start");
}

fn big_numbers(replay: &mut Replay<'_>) {
    replay.play_all("lab2-bigid");
}

fn small(content: &[&str], path: &str) -> Storage {
    Storage::new(Kind::Directory, path, content, 252 << 30)
}

fn add_storages(cluster: &mut Cluster) {
    let only = |node: &str| BTreeSet::from([node.to_owned()]);
    let storages = [
        ("exdis", Storage { state: State::Disabled, ..small(&["images"], "/mnt/exdis") }),
        ("exonly", Storage { nodes: only("pve2"), ..small(&["images", "import"], "/mnt/exonly") }),
        ("exfull", Storage { nodes: only("pve"), total: 24 << 20, ..small(&["images"], "/mnt/exfull") }),
        ("exiso", small(&["iso"], "/mnt/exdis/iso")),
    ];
    cluster.storages.extend(storages.map(|(name, storage)| (name.to_owned(), storage)));
}

fn storage_states(replay: &mut Replay<'_>) {
    replay.edit(add_storages);
    replay.edit(|cluster| cluster.nodes.get_mut("pve2").unwrap().statistics = Statistics::Stale);
    replay.play_all("lab2-storage-resources");
    replay.edit(|cluster| cluster.nodes.get_mut("pve2").unwrap().statistics = Statistics::Current);
    replay.play_all(
        "lab2-storage-list lab2-storage-cfg lab2-storage-status lab2-clone-to lab2-clone-two \
         lab2-clone-target-same",
    );
}

fn storages_of_templates(replay: &mut Replay<'_>) {
    replay.edit(|cluster| {
        add_storages(cluster);
        cluster.storages.get_mut("exdis").unwrap().state = State::Enabled;
        guest(23140, "ex-dis", "exdis").add_template(cluster);
        cluster.storages.get_mut("exdis").unwrap().state = State::Disabled;
    });
    replay.play_all("lab2-template-storage-disabled");
    replay.edit(|cluster| {
        let storage = cluster.storages.remove("exdis").unwrap();
        let volumes = storage.volumes.into_iter().map(|((_, name), volume)| ((String::new(), name), volume)).collect();
        let nodes = BTreeSet::from(["pve".to_owned()]);
        let storage = Storage { state: State::Enabled, shared: true, nodes, volumes, ..storage };
        cluster.storages.insert("exdis".to_owned(), storage);
    });
    replay.play_all(
        "lab2-template-storage-restricted-feature lab2-template-storage-restricted-clone \
         lab2-template-storage-restricted-list",
    );
    replay.edit(|cluster| cluster.storages.get_mut("exdis").unwrap().state = State::Disabled);
    replay.play_all("lab2-template-storage-restricted");
}

fn range_of_numbers(replay: &mut Replay<'_>) {
    replay.play("lab2-nextid-before");
    replay.edit(|cluster| cluster.next_ids = Some(23150..23152));
    replay.play_all("lab2-nextid-range-first lab2-nextid-range-clone-1 lab2-nextid-range-second lab2-nextid-range-clone-2 lab2-nextid-range-third lab2-nextid-range-outside lab2-nextid-range-clone-outside");
}

fn node_gone(replay: &mut Replay<'_>) {
    replay.edit(|cluster| cluster.nodes.get_mut("pve2").unwrap().reach = Reach::NoRoute);
    replay.play_all("lab2-pulled");
}

fn running(cluster: &mut Cluster, vmid: u32) {
    cluster.vms.get_mut(&vmid).unwrap().power = Power::Running(Duration::ZERO);
}

fn no_quorum(replay: &mut Replay<'_>) {
    replay.edit(|cluster| {
        let on_pve2 = |vmid, name| Guest { node: "pve2", ..guest(vmid, name, "shared") };
        Guest { storage: "local", ..on_pve2(23010, "cloudinit-template") }.add_template(cluster);
        on_pve2(23210, "ex-q1").add(cluster);
        on_pve2(23211, "ex-q2").add(cluster);
        running(cluster, 23210);
        cluster.access.pools.insert("expool".to_owned(), Pool::default());
        cluster.quorate = false;
        cluster.nodes.get_mut("pve").unwrap().reach = Reach::TimedOut;
        let file = Download::File { size: 196_616, checksum: None };
        cluster.downloads.insert("http://127.0.0.1:8097/tiny.qcow2".to_owned(), file);
    });
    replay.play_all("lab2-noquorum");
}

/// Each call takes a millisecond: the first VM ends with the seventh call, the second one runs from the sixteenth on.
const AFTER_THE_SECOND_START: Duration = Duration::from_millis(11);

fn lock_of_a_cleanup(replay: &mut Replay<'_>) {
    replay.edit(|cluster| cluster.late_cleanup = Some(AFTER_THE_SECOND_START));
    replay.play_all("lab2-reuse-lock-1 lab2-reuse-lock-2-clone lab2-reuse-lock-2-start");
    replay.play("+lab2-reuse-lock-2-stop");
    replay.play_all("lab2-reuse-lock-2-stop-task lab2-reuse-lock-2-stop-again");
    replay.wait(Duration::from_secs(25));
    replay.play("lab2-reuse-lock-2-stop-third");
    replay.wait(Duration::from_secs(9));
    replay.play_all("lab2-reuse-lock-2-stop-third-task lab2-reuse-lock-2-delete");
}

fn disks_and_agents(replay: &mut Replay<'_>) {
    replay.edit(|cluster| guest(23470, "ex-23470", "shared").add(cluster));
    replay.play_all("lab2-resize lab2-agent-ping-stopped");
    replay.edit(|cluster| running(cluster, 23470));
    replay.play_all(
        "lab2-agent-ping-none lab2-agent-network-none lab2-agent-status lab2-shutdown-no-agent lab2-agent-disable",
    );
    replay.edit(|cluster| cluster.set_option(23470, "agent", "0"));
    replay.play_all("lab2-agent-ping-disabled lab2-agent-network-disabled");
    replay.edit(|cluster| {
        guest(23480, "ex-agent", "shared").add(cluster);
        let vm = cluster.vms.get_mut(&23480).unwrap();
        vm.power = Power::Running(Duration::ZERO);
        vm.agent = Agent { up_after: Some(Duration::ZERO), addresses: vec![("192.0.2.182".to_owned(), 24)] };
        guest(23520, "ex-no-agent", "shared").add(cluster);
        let vm = cluster.vms.get_mut(&23520).unwrap();
        assert!(vm.config.remove("agent"));
    });
    replay.play_all(
        "lab2-agent-ping-ok lab2-agent-network lab2-agent-fsfreeze lab2-agent-shutdown lab2-agent-after lab2-agent-ping-no-key",
    );
}

fn node_gone_in_a_clone(replay: &mut Replay<'_>) {
    replay.play("lab2-midclone-full-slow");
    replay.edit(|cluster| cluster.nodes.get_mut("pve2").unwrap().reach = Reach::NoRoute);
    replay.wait(Duration::from_secs(1));
    replay.play_all("lab2-midclone-task-running lab2-midclone-task-log-running");
    replay.play("lab2-midclone-config-source");
    replay.finish();
    replay.play("lab2-midclone-task-status lab2-midclone-config-source-after lab2-midclone-config-target-after");
    replay.edit(|cluster| cluster.nodes.get_mut("pve2").unwrap().reach = Reach::Up);
    replay.play_all("lab2-midclone-config-target-back lab2-midclone-delete");
}

fn lost_worker(replay: &mut Replay<'_>) {
    replay.edit(|cluster| cluster.lost_workers = 1);
    replay.play_all("lab2-clone-no-worker");
}
