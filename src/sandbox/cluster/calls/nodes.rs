//! The calls about the version, the cluster's nodes and their networks.

use serde_json::{Map, Value, json};

use super::super::{Ask, Cluster, Node, Reach, Reply};
use crate::sandbox::access::Refusal;

const GIB: u64 = 1 << 30;

/// How much memory every node has.
const MEMORY: u64 = 64 * GIB;

/// How much of it is in use.
const MEMORY_USED: u64 = 8 * GIB;

/// How large the root file system of every node is.
const ROOT: u64 = 94 * GIB;

/// How much of it is in use.
const ROOT_USED: u64 = 12 * GIB;

/// How many processors every node has.
const PROCESSORS: u64 = 16;

/// How long nodes had been running when the cluster was started, in seconds.
const UP_BEFORE: u64 = 86_400;

/// The kinds of network that can be asked for.
pub const NETWORKS: &[&str] = &[
    "bridge",
    "bond",
    "eth",
    "alias",
    "vlan",
    "fabric",
    "OVSBridge",
    "OVSBond",
    "OVSPort",
    "OVSIntPort",
    "vnet",
    "any_bridge",
    "any_local_bridge",
    "include_sdn",
];

/// `GET /version`.
pub fn version(cluster: &Cluster) -> Reply {
    let release = cluster.release();
    let (major, minor, patch) = (release.major, release.minor, release.patch);
    json!({"release": format!("{major}.{minor}"), "version": format!("{major}.{minor}.{patch}"), "repoid": "5a4ef0e1b5d5e2c8"})
        .into()
}

/// `GET /nodes`: how a node does is told to whom may audit it.
pub fn list(cluster: &Cluster, ask: Ask<'_>) -> Reply {
    let nodes = cluster.nodes.iter().map(|(name, node)| {
        let mut entry = entry(cluster, ask, name, node);
        let pairs: Vec<String> = node.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        entry.insert("ssl_fingerprint".to_owned(), json!(pairs.join(":")));
        Value::Object(entry)
    });
    nodes.collect::<Value>().into()
}

/// Tells what lists say of a node.
pub(super) fn entry(cluster: &Cluster, ask: Ask<'_>, name: &str, node: &Node) -> Map<String, Value> {
    let is_up = node.reach == Reach::Up;
    let mut entry = fields(json!({
        "node": name,
        "id": format!("node/{name}"),
        "type": "node",
        "level": "",
        "status": if is_up { "online" } else { "offline" },
    }));
    if is_up && cluster.allows(ask, &format!("/nodes/{name}"), &["Sys.Audit"]) {
        entry.extend(fields(json!({
            "cpu": 0.02,
            "maxcpu": PROCESSORS,
            "mem": MEMORY_USED,
            "maxmem": MEMORY,
            "disk": ROOT_USED,
            "maxdisk": ROOT,
            "uptime": uptime(ask),
        })));
    }
    entry
}

/// Who may see how the cluster does.
pub fn may_see_status(cluster: &Cluster, ask: Ask<'_>) -> Result<(), Refusal> {
    cluster.demand(ask, "/", &["Sys.Audit"])
}

/// `GET /cluster/status`.
pub fn cluster_status(cluster: &Cluster) -> Reply {
    let is_cluster = cluster.nodes.len() > 1;
    let mut number = 0;
    let mut entries: Vec<Value> = Vec::new();
    for (name, node) in &cluster.nodes {
        number += u32::from(is_cluster);
        entries.push(json!({
            "id": format!("node/{name}"),
            "type": "node",
            "name": name,
            "nodeid": number,
            "ip": node.address,
            "level": "",
            "local": u8::from(*name == cluster.local),
            "online": u8::from(node.reach == Reach::Up),
        }));
    }
    if is_cluster {
        let nodes = cluster.nodes.len();
        entries.push(json!({
            "id": "cluster", "type": "cluster", "name": "sandbox", "version": nodes, "nodes": nodes, "quorate": 1,
        }));
    }
    Value::Array(entries).into()
}

/// Who may see how a node does.
pub fn may_audit(cluster: &Cluster, ask: Ask<'_>) -> Result<(), Refusal> {
    cluster.demand(ask, &format!("/nodes/{}", ask.node()), &["Sys.Audit"])
}

/// `GET /nodes/{node}/status`.
pub fn status(cluster: &Cluster, ask: Ask<'_>) -> Reply {
    let release = cluster.release();
    let kernel = "6.17.2-1-pve";
    json!({
        "uptime": uptime(ask),
        "cpu": 0.02,
        "wait": 0,
        "idle": 0,
        "loadavg": ["0.20", "0.25", "0.22"],
        "memory": {
            "total": MEMORY, "used": MEMORY_USED, "free": MEMORY - MEMORY_USED, "available": MEMORY - MEMORY_USED,
        },
        "swap": {"total": 0, "used": 0, "free": 0},
        "rootfs": {"total": ROOT, "used": ROOT_USED, "free": ROOT - ROOT_USED, "avail": ROOT - ROOT_USED},
        "ksm": {"shared": 0},
        "kversion": format!("Linux {kernel} #1 SMP PREEMPT_DYNAMIC"),
        "current-kernel": {
            "sysname": "Linux", "release": kernel, "version": "#1 SMP PREEMPT_DYNAMIC", "machine": "x86_64",
        },
        "boot-info": {"mode": "legacy-bios"},
        "pveversion": format!("pve-manager/{}.{}.{}/5a4ef0e1b5d5e2c8", release.major, release.minor, release.patch),
        "cpuinfo": {
            "cpus": PROCESSORS, "sockets": 1, "cores": PROCESSORS, "vendor": "GenuineIntel", "model": "Sandbox",
            "mhz": "2400.000", "user_hz": 100, "hvm": "1", "flags": "fpu vme lm vmx", "family": "6",
        },
    })
    .into()
}

/// `GET /nodes/{node}/network`: bridges are all there is.
pub fn networks(cluster: &Cluster, ask: Ask<'_>) -> Reply {
    let wanted =
        ask.get("type").is_none_or(|kind| matches!(kind, "bridge" | "any_bridge" | "any_local_bridge" | "include_sdn"));
    let Some(node) = cluster.nodes.get(ask.node()).filter(|_| wanted) else { return json!([]).into() };
    let shown = node.bridges.iter().filter(|bridge| {
        let path = cluster.network_path(bridge);
        ask.get("type").is_none()
            || !cluster.release().knows_mappings()
            || cluster.allows(ask, &path, &["SDN.Audit", "SDN.Use"])
    });
    let entries = shown.enumerate().map(|(number, bridge)| {
        json!({
            "iface": bridge,
            "type": "bridge",
            "active": 1,
            "autostart": 1,
            "method": "static",
            "method6": "manual",
            "families": ["inet"],
            "address": node.address,
            "netmask": "24",
            "cidr": format!("{}/24", node.address),
            "bridge_ports": "",
            "bridge_stp": "off",
            "bridge_fd": "0",
            "priority": 3 + number,
        })
    });
    entries.collect::<Value>().into()
}

/// `GET /cluster/sdn/vnets`.
pub fn vnets(cluster: &Cluster, ask: Ask<'_>) -> Reply {
    let shown = cluster
        .vnets
        .iter()
        .filter(|(vnet, _)| cluster.allows(ask, &cluster.network_path(vnet), &["SDN.Audit", "SDN.Allocate"]));
    shown.map(|(vnet, zone)| json!({"vnet": vnet, "zone": zone, "type": "vnet"})).collect::<Value>().into()
}

/// `GET /nodes/{node}/certificates/info`.
pub fn certificates(cluster: &Cluster) -> Reply {
    cluster.certificates.clone().into()
}

/// `GET /nodes/{node}/subscription`: there is none.
pub fn subscription() -> Reply {
    json!({
        "status": "notfound",
        "message": "There is no subscription key",
        "serverid": "5A4EF0E1B5D5E2C86C1C2A3E00004000",
        "url": "https://www.proxmox.com/en/proxmox-virtual-environment/pricing",
    })
    .into()
}

/// `GET /cluster/ha/status/manager_status`: the HA manager has nothing to do.
pub fn ha_manager(cluster: &Cluster, ask: Ask<'_>) -> Reply {
    json!({
        "manager_status": {},
        "quorum": {"node": cluster.local, "quorate": "1"},
        "lrm_status": {&cluster.local: {"mode": "active", "results": {}, "state": "wait_for_agent_lock", "timestamp": ask.now.unix}},
    })
    .into()
}

fn uptime(ask: Ask<'_>) -> u64 {
    UP_BEFORE + ask.now.since_start.as_secs()
}

/// Takes the fields out of an object.
pub(super) fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
