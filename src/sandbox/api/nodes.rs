//! The calls about the version, the cluster's nodes and their networks.

use serde_json::{Map, Value, json};

use crate::sandbox::auth::Refusal;
use crate::sandbox::cluster::{CLUSTER_NAME, Cluster, Node, Reach, Reply, Request, Statistics};

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
pub(crate) const NETWORKS: &[&str] = &[
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
pub(crate) fn version(cluster: &Cluster) -> Reply {
    let release = cluster.release();
    let (major, minor, patch) = (release.major, release.minor, release.patch);
    json!({"release": format!("{major}.{minor}"), "version": format!("{major}.{minor}.{patch}"), "repoid": "5a4ef0e1b5d5e2c8"})
        .into()
}

/// `GET /nodes`: how a node does is told to whom may audit it.
pub(crate) fn list(cluster: &Cluster, request: Request<'_>) -> Reply {
    let nodes = cluster.nodes.iter().map(|(name, node)| {
        let mut entry = entry(cluster, request, name, node);
        let pairs: Vec<String> = node.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        entry.insert("ssl_fingerprint".to_owned(), json!(pairs.join(":")));
        Value::Object(entry)
    });
    nodes.collect::<Value>().into()
}

/// Tells what lists say of a node.
pub(crate) fn entry(cluster: &Cluster, request: Request<'_>, name: &str, node: &Node) -> Map<String, Value> {
    let status = node.status();
    let mut entry = fields(json!({ "node": name, "id": format!("node/{name}"), "type": "node", "status": status }));
    if status == "unknown" {
        return entry;
    }
    entry.insert("level".to_owned(), json!(""));
    if cluster.allows(request, &format!("/nodes/{name}"), &["Sys.Audit"]) {
        entry.extend(fields(json!({ "maxcpu": PROCESSORS, "maxmem": MEMORY, "maxdisk": ROOT })));
        if status == "online" {
            let now = json!({ "cpu": 0.02, "mem": MEMORY_USED, "disk": ROOT_USED, "uptime": uptime(request) });
            entry.extend(fields(now));
        }
    }
    entry
}

/// Who may see how the cluster does.
pub(crate) fn may_see_status(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand(request, "/", &["Sys.Audit"])
}

/// `GET /cluster/status`.
pub(crate) fn cluster_status(cluster: &Cluster) -> Reply {
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
            "online": u8::from(node.reach == Reach::Up || node.statistics == Statistics::Old),
        }));
    }
    if is_cluster {
        let nodes = cluster.nodes.len();
        entries.push(json!({
            "id": "cluster", "type": "cluster", "name": CLUSTER_NAME, "version": nodes, "nodes": nodes,
            "quorate": u8::from(cluster.quorate),
        }));
    }
    Value::Array(entries).into()
}

/// Who may see how a node does.
pub(crate) fn may_audit(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand(request, &format!("/nodes/{}", request.node()), &["Sys.Audit"])
}

/// `GET /nodes/{node}/status`.
pub(crate) fn status(cluster: &Cluster, request: Request<'_>) -> Reply {
    let release = cluster.release();
    let kernel = "6.17.2-1-pve";
    let mut reply = json!({
        "uptime": uptime(request),
        "cpu": 0.02,
        "wait": 0,
        "idle": 0,
        "loadavg": ["0.20", "0.25", "0.22"],
        "memory": {
            "total": MEMORY, "used": MEMORY_USED, "free": MEMORY - MEMORY_USED,
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
            "cpus": PROCESSORS, "sockets": 1, "cores": PROCESSORS, "model": "Sandbox",
            "mhz": "2400.000", "user_hz": 100, "hvm": "1", "flags": "fpu vme lm vmx",
        },
    });
    if release.details_hosts() {
        let more = [
            ("/memory", "available", json!(MEMORY - MEMORY_USED)),
            ("/cpuinfo", "vendor", json!("GenuineIntel")),
            ("/cpuinfo", "family", json!("6")),
        ];
        for (part, key, value) in more {
            if let Some(part) = reply.pointer_mut(part).and_then(Value::as_object_mut) {
                part.insert(key.to_owned(), value);
            }
        }
    }
    reply.into()
}

/// `GET /nodes/{node}/network`: cards and bridges of the node, and vnets where they are asked for.
pub(crate) fn networks(cluster: &Cluster, request: Request<'_>) -> Reply {
    let kind = request.get("type");
    let Some(node) = cluster.nodes.get(request.node()) else { return json!([]).into() };
    let may_see = |name: &str| {
        let path = cluster.network_path(name);
        kind.is_none()
            || !cluster.release().knows_mappings()
            || cluster.allows(request, &path, &["SDN.Audit", "SDN.Use"])
    };
    let mut entries = Vec::new();
    if kind.is_none_or(|kind| matches!(kind, "bridge" | "any_bridge" | "any_local_bridge" | "include_sdn")) {
        let shown = node.bridges.iter().filter(|bridge| may_see(bridge));
        entries.extend(shown.enumerate().map(|(number, bridge)| bridge_entry(node, bridge, number)));
    }
    if kind.is_none_or(|kind| matches!(kind, "eth" | "include_sdn")) {
        entries.extend(node.cards.iter().map(|card| {
            json!({
                "iface": card, "type": "eth", "active": 1, "method": "manual", "method6": "manual",
                "families": ["inet"], "priority": 3,
            })
        }));
    }
    if matches!(kind, Some("any_bridge" | "include_sdn" | "vnet")) {
        let shown = cluster.vnets.iter().filter(|(name, _)| may_see(name));
        entries.extend(shown.map(|(name, vnet)| {
            let mut reply = fields(json!({
                "iface": name, "type": "vnet", "active": "1", "vlanaware": 0, "ipam": 0,
            }));
            reply.extend(vnet.alias.as_ref().map(|alias| ("comments".to_owned(), json!(alias))));
            Value::Object(reply)
        }));
    }
    Value::Array(entries).into()
}

fn bridge_entry(node: &Node, bridge: &str, number: usize) -> Value {
    let mut reply = fields(json!({
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
            "bridge_ports": node.cards.first().map(String::as_str).unwrap_or_default(),
            "bridge_stp": "off",
            "bridge_fd": "0",
            "priority": 3 + number,
    }));
    reply.extend(node.gateway.as_ref().map(|gateway| ("gateway".to_owned(), json!(gateway))));
    Value::Object(reply)
}

/// `GET /cluster/sdn/vnets`.
pub(crate) fn vnets(cluster: &Cluster, request: Request<'_>) -> Reply {
    let shown = cluster
        .vnets
        .iter()
        .filter(|(vnet, _)| cluster.allows(request, &cluster.network_path(vnet), &["SDN.Audit", "SDN.Allocate"]));
    let entries = shown.map(|(name, vnet)| {
        let digest = "0000000000000000000000000000000000000000";
        let mut reply = fields(json!({"vnet": name, "zone": vnet.zone, "type": "vnet", "digest": digest}));
        reply.extend(vnet.alias.as_ref().map(|alias| ("alias".to_owned(), json!(alias))));
        Value::Object(reply)
    });
    entries.collect::<Value>().into()
}

/// `GET /nodes/{node}/certificates/info`.
pub(crate) fn certificates(cluster: &Cluster) -> Reply {
    cluster.certificates.clone().into()
}

/// `GET /nodes/{node}/subscription`: there is none.
pub(crate) fn subscription() -> Reply {
    json!({
        "status": "notfound",
        "message": "There is no subscription key",
        "serverid": "5A4EF0E1B5D5E2C86C1C2A3E00004000",
        "url": "https://www.proxmox.com/en/proxmox-virtual-environment/pricing",
    })
    .into()
}

/// `GET /cluster/ha/status/manager_status`: the HA manager has nothing to do.
pub(crate) fn ha_manager(cluster: &Cluster, request: Request<'_>) -> Reply {
    json!({
        "manager_status": {},
        "quorum": {"node": cluster.local, "quorate": "1"},
        "lrm_status": {&cluster.local: {"mode": "active", "results": {}, "state": "wait_for_agent_lock", "timestamp": request.now.unix}},
    })
    .into()
}

fn uptime(request: Request<'_>) -> u64 {
    UP_BEFORE + request.now.since_start.as_secs()
}

/// Takes the fields out of an object.
pub(crate) fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
