//! The calls that read VMs: lists, configuration, status, free numbers.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::vm::shown;
use super::super::{Ask, Cluster, Power, Reply, State, Vm};
use super::nodes::{entry, fields};
use super::power::not_here;
use crate::sandbox::access::Refusal;

/// The first number that is given to a VM.
const FIRST: u32 = 100;

/// The number behind the last one that is given to a VM.
const LAST: u32 = 1_000_000;

/// The process number of the first VM.
const FIRST_PROCESS: u32 = 1000;

impl Cluster {
    /// Finds a VM whose configuration lies on a node.
    pub(super) fn vm(&self, node: &str, vmid: u32) -> Result<&Vm, Refusal> {
        self.vms.get(&vmid).filter(|vm| vm.node == node).ok_or_else(|| missing(node, vmid))
    }

    /// Gives the size of a VM's first disk.
    pub(super) fn disk_size(&self, vm: &Vm) -> u64 {
        let first = vm.config.drives().into_iter().find(|drive| !drive.is_cdrom());
        first.map_or(0, |drive| self.volume(&vm.node, &drive.volume).map_or(0, |volume| volume.size))
    }
}

/// What is said of a VM that a node does not have.
pub(super) fn missing(node: &str, vmid: u32) -> Refusal {
    Refusal::Failed(format!("Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist"))
}

/// Who may look at a VM.
pub fn may_audit(cluster: &Cluster, ask: Ask<'_>) -> Result<(), Refusal> {
    cluster.demand(ask, &format!("/vms/{}", ask.text("vmid")), &["VM.Audit"])
}

/// `GET /cluster/nextid`: a number that is free now, which is all that is promised.
pub fn next_id(cluster: &Cluster, ask: Ask<'_>) -> Result<Reply, Refusal> {
    let vmid = match ask.get("vmid") {
        Some(_) if cluster.vms.contains_key(&ask.vmid()) => {
            return Err(Refusal::parameter("vmid", format!("VM {} already exists", ask.vmid())));
        }
        Some(_) => ask.vmid(),
        None => {
            let range = cluster.next_ids.clone().unwrap_or(FIRST..LAST);
            let free = range.clone().find(|vmid| !cluster.vms.contains_key(vmid));
            free.ok_or_else(|| {
                let (lower, upper) = (range.start, range.end);
                Refusal::Failed(format!("unable to get any free VMID in range [{lower}, {upper}]"))
            })?
        }
    };
    Ok(json!(vmid.to_string()).into())
}

/// `GET /nodes/{node}/qemu`: the VMs that the caller may look at.
pub fn list(cluster: &Cluster, ask: Ask<'_>) -> Reply {
    let here = visible(cluster, ask).filter(|(_, vm)| vm.node == ask.node());
    let entries = here.map(|(vmid, vm)| {
        let mut entry = numbers(cluster, ask, vmid, vm);
        if ask.is_on("full") {
            entry.extend(state(vmid, vm));
        }
        Value::Object(entry)
    });
    entries.collect::<Value>().into()
}

/// `GET /cluster/backup-info/not-backed-up`: all, since there is no backup job.
pub fn not_backed_up(cluster: &Cluster, ask: Ask<'_>) -> Reply {
    let entries = visible(cluster, ask).map(|(vmid, vm)| json!({"type": "qemu", "vmid": vmid, "name": vm.name(vmid)}));
    entries.collect::<Value>().into()
}

fn visible<'a>(cluster: &'a Cluster, ask: Ask<'a>) -> impl Iterator<Item = (u32, &'a Vm)> {
    let all = cluster.vms.iter().map(|(vmid, vm)| (*vmid, vm));
    all.filter(move |(vmid, _)| cluster.allows(ask, &format!("/vms/{vmid}"), &["VM.Audit"]))
}

/// Tells what every list and status says of a VM.
fn numbers(cluster: &Cluster, ask: Ask<'_>, vmid: u32, vm: &Vm) -> Map<String, Value> {
    let is_running = vm.is_running();
    let mut told = fields(json!({
        "vmid": vmid,
        "name": vm.name(vmid),
        "status": if is_running { "running" } else { "stopped" },
        "cpus": vm.processors(),
        "maxmem": vm.memory(),
        "maxdisk": cluster.disk_size(vm),
        "uptime": uptime(ask, vm),
        "cpu": 0,
        "mem": 0,
        "disk": 0,
        "netin": 0,
        "netout": 0,
    }));
    let measures_pressure = cluster.release().measures_pressure();
    let measured: &[&str] = if measures_pressure { &["memhost"] } else { &["diskread", "diskwrite"] };
    told.extend(measured.iter().map(|key| ((*key).to_owned(), json!(0))));
    if is_running {
        told.insert("pid".to_owned(), json!(FIRST_PROCESS + vmid));
    }
    if is_running && measures_pressure {
        for pressure in ["cpu", "io", "memory"] {
            for amount in ["some", "full"] {
                told.insert(format!("pressure{pressure}{amount}"), json!(0));
            }
        }
    }
    if vm.is_template() {
        told.insert("template".to_owned(), json!(1));
    }
    if vm.config.options().any(|(key, _)| key.starts_with("serial")) {
        told.insert("serial".to_owned(), json!(1));
    }
    for key in ["tags", "lock"] {
        told.extend(vm.config.get(key).map(|value| (key.to_owned(), json!(value))));
    }
    told
}

/// Tells what only a closer look shows.
fn state(vmid: u32, vm: &Vm) -> Map<String, Value> {
    let state = match vm.power {
        Power::Stopped => "stopped",
        Power::Running(_) => "running",
        Power::Paused(_) => "paused",
    };
    let mut told = fields(json!({ "qmpstatus": state }));
    if vm.is_running() {
        let cards = vm.config.cards().into_iter().map(|(key, _)| {
            let number = key.trim_start_matches("net");
            (format!("tap{vmid}i{number}"), json!({"netin": 0, "netout": 0}))
        });
        told.insert("nics".to_owned(), Value::Object(cards.collect()));
    }
    told
}

fn uptime(ask: Ask<'_>, vm: &Vm) -> u64 {
    match vm.power {
        Power::Stopped => 0,
        Power::Running(since) | Power::Paused(since) => ask.now.since_start.saturating_sub(since).as_secs(),
    }
}

/// `GET /nodes/{node}/qemu/{vmid}/config`: as it will be after the next start, or as it is.
pub fn config(cluster: &Cluster, ask: Ask<'_>) -> Result<Reply, Refusal> {
    let vm = cluster.vm(ask.node(), ask.vmid())?;
    let mut config = match ask.get("snapshot") {
        Some(name) => match vm.snapshots.get(name) {
            Some(config) => config.clone(),
            None => return Err(Refusal::Failed(format!("snapshot '{name}' does not exist"))),
        },
        None => vm.config.clone(),
    };
    let digest = vm.config.digest();
    if ask.get("snapshot").is_none() && !ask.is_on("current") {
        for (key, value) in vm.pending.options() {
            config.set(key, value);
        }
    }
    let mut told = config.shown();
    told.insert("digest".to_owned(), json!(digest));
    Ok(Value::Object(told).into())
}

/// `GET /nodes/{node}/qemu/{vmid}/pending`.
pub fn pending(cluster: &Cluster, ask: Ask<'_>) -> Result<Reply, Refusal> {
    let vm = cluster.vm(ask.node(), ask.vmid())?;
    let mut entries: Vec<Value> = Vec::new();
    for (key, value) in vm.config.shown() {
        let mut entry = fields(json!({"key": key, "value": value}));
        if let Some(waits) = vm.pending.get(&key) {
            entry.insert("pending".to_owned(), shown(&key, waits));
        }
        entries.push(Value::Object(entry));
    }
    let new = vm.pending.options().filter(|(key, _)| vm.config.get(key).is_none());
    entries.extend(new.map(|(key, waits)| json!({"key": key, "pending": shown(key, waits)})));
    Ok(Value::Array(entries).into())
}

/// `GET /nodes/{node}/qemu/{vmid}/status/current`.
pub fn current(cluster: &Cluster, ask: Ask<'_>) -> Result<Reply, Refusal> {
    let vm = cluster.vm(ask.node(), ask.vmid())?;
    let mut told = numbers(cluster, ask, ask.vmid(), vm);
    told.extend(state(ask.vmid(), vm));
    told.insert("ha".to_owned(), json!({"managed": 0}));
    if vm.config.get("vga").is_some() {
        told.insert("clipboard".to_owned(), Value::Null);
    }
    if has_agent(vm) {
        told.insert("agent".to_owned(), json!(1));
    }
    Ok(Value::Object(told).into())
}

/// Tells whether a VM's configuration turns its guest agent on.
pub(super) fn has_agent(vm: &Vm) -> bool {
    let first = vm.config.get("agent").and_then(|agent| agent.split(',').next());
    first.is_some_and(|first| first == "1" || first == "enabled=1")
}

/// `GET /nodes/{node}/qemu/{vmid}/feature`.
pub fn feature(cluster: &Cluster, ask: Ask<'_>) -> Result<Reply, Refusal> {
    let (node, vmid) = (ask.node(), ask.vmid());
    let vm = cluster.vm(node, vmid).map_err(|_| Refusal::Failed(not_here(node, vmid)))?;
    if let Some(name) = ask.get("snapname").filter(|name| !vm.snapshots.contains_key(*name)) {
        return Err(Refusal::Failed(format!("snapshot '{name}' does not exist")));
    }
    let has = match ask.text("feature") {
        "clone" => vm.is_template() && ask.get("snapname").is_none(),
        "snapshot" => !vm.is_template(),
        _ => true,
    };
    let drives = vm.config.drives();
    let on_all = |node: &&String| {
        drives.iter().filter_map(|drive| cluster.storages.get(drive.storage())).all(|storage| {
            let is_reached =
                if storage.nodes.is_empty() { storage.shared || **node == vm.node } else { storage.is_on(node) };
            is_reached && storage.state != State::Disabled
        })
    };
    let nodes: Vec<&String> = cluster.nodes.keys().filter(on_all).collect();
    Ok(json!({"hasFeature": u8::from(has), "nodes": nodes}).into())
}

/// `GET /cluster/resources`: everything that the caller may look at.
pub fn resources(cluster: &Cluster, ask: Ask<'_>) -> Result<Reply, Refusal> {
    if ask.get("type") == Some("network") && !cluster.release().lists_networks() {
        let why = "value 'network' does not have a value in the enumeration 'vm, storage, node, sdn'";
        return Err(Refusal::parameter("type", why));
    }
    let wanted = |kind: &str| ask.get("type").is_none_or(|asked| asked == kind);
    let mut entries: Vec<Value> = Vec::new();
    if wanted("vm") {
        entries.extend(visible(cluster, ask).map(|(vmid, vm)| match cluster.listed(vmid, vm) {
            Some(listed) => Value::Object(guest(cluster, ask, vmid, &Vm { node: vm.node.clone(), ..listed.clone() })),
            None => {
                json!({"id": format!("qemu/{vmid}"), "type": "qemu", "vmid": vmid, "node": vm.node, "status": "unknown"})
            }
        }));
    }
    if wanted("node") {
        entries.extend(cluster.nodes.iter().map(|(name, node)| {
            let mut told = entry(cluster, ask, name, node);
            if node.status() != "unknown" {
                told.insert("cgroup-mode".to_owned(), json!(2));
            }
            Value::Object(told)
        }));
    }
    if wanted("storage") {
        entries.extend(cluster.nodes.keys().flat_map(|node| storages(cluster, ask, node)));
    }
    if wanted(if cluster.release().lists_networks() { "network" } else { "sdn" }) {
        entries.extend(zones(cluster, ask));
    }
    if ask.get("type").is_none() {
        let pools = cluster.access.pools.keys();
        let shown = pools.filter(|pool| cluster.allows(ask, &format!("/pool/{pool}"), &["Pool.Audit"]));
        entries.extend(shown.map(|pool| json!({"id": format!("/pool/{pool}"), "type": "pool", "pool": pool})));
    }
    Ok(Value::Array(entries).into())
}

/// Lists the zones of the nodes that answer.
fn zones(cluster: &Cluster, ask: Ask<'_>) -> Vec<Value> {
    let own: BTreeSet<&str> = cluster.vnets.values().map(|vnet| vnet.zone.as_str()).collect();
    let zones = own.into_iter().map(|zone| (zone, "available")).chain([("localnetwork", "ok")]);
    let shown = zones.filter(|(zone, _)| cluster.allows(ask, &format!("/sdn/zones/{zone}"), &["SDN.Audit", "SDN.Use"]));
    let mut entries = Vec::new();
    for (zone, status) in shown {
        for node in cluster.nodes.iter().filter(|(_, node)| node.status() == "online").map(|(name, _)| name) {
            if !cluster.release().lists_networks() {
                let id = format!("sdn/{node}/{zone}");
                entries.push(json!({"id": id, "type": "sdn", "sdn": zone, "node": node, "status": status}));
                continue;
            }
            let mut told = fields(json!({
                "id": format!("network/{node}/zone/{zone}"), "type": "network", "network-type": "zone",
                "network": zone, "node": node, "status": status,
            }));
            if zone != "localnetwork" {
                told.insert("zone-type".to_owned(), json!("simple"));
            }
            entries.push(Value::Object(told));
        }
    }
    entries
}

fn guest(cluster: &Cluster, ask: Ask<'_>, vmid: u32, vm: &Vm) -> Map<String, Value> {
    let mut told = numbers(cluster, ask, vmid, vm);
    told.retain(|key, _| !key.starts_with("pressure") && !matches!(key.as_str(), "pid" | "serial" | "cpus"));
    let status = match vm.power {
        Power::Stopped => "stopped",
        Power::Running(_) => "running",
        Power::Paused(_) => "paused",
    };
    told.extend(fields(json!({
        "id": format!("qemu/{vmid}"),
        "type": "qemu",
        "node": vm.node,
        "status": status,
        "template": u8::from(vm.is_template()),
        "maxcpu": vm.processors(),
        "diskread": 0,
        "diskwrite": 0,
    })));
    told.extend(cluster.access.pool_of_vm(vmid).map(|pool| ("pool".to_owned(), json!(pool))));
    told
}

fn storages<'a>(cluster: &'a Cluster, ask: Ask<'a>, node: &'a str) -> impl Iterator<Item = Value> + 'a {
    let here = cluster.storages.iter().filter(move |(name, storage)| {
        let rights = ["Datastore.Audit", "Datastore.AllocateSpace"];
        storage.is_enabled_on(node) && cluster.allows(ask, &format!("/storage/{name}"), &rights)
    });
    here.map(move |(name, storage)| {
        let is_known = storage.serves(node) && cluster.nodes.get(node).is_some_and(|node| node.status() != "unknown");
        let mut told = fields(json!({
            "id": format!("storage/{node}/{name}"), "type": "storage", "storage": name, "node": node,
            "status": if is_known { "available" } else { "unknown" }, "shared": u8::from(storage.shared),
            "plugintype": storage.kind.name(), "content": storage.content.join(","),
        }));
        if is_known {
            told.extend(fields(json!({"disk": storage.used_on(node), "maxdisk": storage.total})));
        }
        Value::Object(told)
    })
}
