//! The calls that read VMs: lists, configuration, status, free numbers.

use serde_json::{Map, Value, json};

use crate::sandbox::api::guests::power::not_here;
use crate::sandbox::api::nodes::fields;
use crate::sandbox::auth::Refusal;
use crate::sandbox::cluster::vm::shown;
use crate::sandbox::cluster::{Cluster, Power, Reply, Request, State, Vm, object};

/// The first number that is given to a VM.
const FIRST: u32 = 100;

/// The number behind the last one that is given to a VM.
const LAST: u32 = 1_000_000;

/// The process number of the first VM.
const FIRST_PROCESS: u32 = 1000;

impl Cluster {
    /// Finds a VM whose configuration lies on a node.
    pub(crate) fn vm(&self, node: &str, vmid: u32) -> Result<&Vm, Refusal> {
        self.vms.get(&vmid).filter(|vm| vm.node == node).ok_or_else(|| missing(node, vmid))
    }

    /// Returns the size of a VM's first disk.
    pub(crate) fn disk_size(&self, vm: &Vm) -> u64 {
        let first = vm.config.drives().into_iter().find(|drive| !drive.is_cdrom());
        first.map_or(0, |drive| self.volume(&vm.node, &drive.volume).map_or(0, |volume| volume.size))
    }
}

/// What is said of a VM that a node does not have.
pub(crate) fn missing(node: &str, vmid: u32) -> Refusal {
    Refusal::Failed(format!("Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist"))
}

/// Who may look at a VM.
pub(crate) fn may_audit(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand(request, &format!("/vms/{}", request.text("vmid")), &["VM.Audit"])
}

/// `GET /cluster/nextid`: a number that is free now, which is all that is promised.
pub(crate) fn next_id(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let vmid = match request.get("vmid") {
        Some(_) if cluster.vms.contains_key(&request.vmid()) => {
            return Err(Refusal::parameter("vmid", format!("VM {} already exists", request.vmid())));
        }
        Some(_) => request.vmid(),
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
pub(crate) fn list(cluster: &Cluster, request: Request<'_>) -> Reply {
    let here = visible(cluster, request).filter(|(_, vm)| vm.node == request.node());
    let entries = here.map(|(vmid, vm)| {
        let mut entry = numbers(cluster, request, vmid, vm);
        if request.is_on("full") {
            entry.extend(state(vmid, vm));
        }
        Value::Object(entry)
    });
    entries.collect::<Value>().into()
}

/// `GET /cluster/backup-info/not-backed-up`: all, since there is no backup job.
pub(crate) fn not_backed_up(cluster: &Cluster, request: Request<'_>) -> Reply {
    let entries =
        visible(cluster, request).map(|(vmid, vm)| json!({"type": "qemu", "vmid": vmid, "name": vm.name(vmid)}));
    entries.collect::<Value>().into()
}

pub(crate) fn visible<'a>(cluster: &'a Cluster, request: Request<'a>) -> impl Iterator<Item = (u32, &'a Vm)> {
    let all = cluster.vms.iter().map(|(vmid, vm)| (*vmid, vm));
    all.filter(move |(vmid, _)| cluster.allows(request, &format!("/vms/{vmid}"), &["VM.Audit"]))
}

/// Tells what every list and status says of a VM.
pub(crate) fn numbers(cluster: &Cluster, request: Request<'_>, vmid: u32, vm: &Vm) -> Map<String, Value> {
    let is_running = vm.is_running();
    let mut reply = fields(json!({
        "vmid": vmid,
        "name": vm.name(vmid),
        "status": if is_running { "running" } else { "stopped" },
        "cpus": vm.processors(),
        "maxmem": vm.memory(),
        "maxdisk": cluster.disk_size(vm),
        "uptime": uptime(request, vm),
        "cpu": 0,
        "mem": 0,
        "disk": 0,
        "netin": 0,
        "netout": 0,
    }));
    let measures_pressure = cluster.release().measures_pressure();
    let measured: &[&str] = if measures_pressure { &["memhost"] } else { &["diskread", "diskwrite"] };
    reply.extend(measured.iter().map(|key| ((*key).to_owned(), json!(0))));
    if is_running {
        reply.insert("pid".to_owned(), json!(FIRST_PROCESS + vmid));
    }
    if is_running && measures_pressure {
        for pressure in ["cpu", "io", "memory"] {
            for amount in ["some", "full"] {
                reply.insert(format!("pressure{pressure}{amount}"), json!(0));
            }
        }
    }
    if vm.is_template() {
        reply.insert("template".to_owned(), json!(1));
    }
    if vm.config.options().any(|(key, _)| key.starts_with("serial")) {
        reply.insert("serial".to_owned(), json!(1));
    }
    for key in ["tags", "lock"] {
        reply.extend(vm.config.get(key).map(|value| (key.to_owned(), json!(value))));
    }
    reply
}

/// Tells what only a closer look shows.
fn state(vmid: u32, vm: &Vm) -> Map<String, Value> {
    let state = match vm.power {
        Power::Stopped => "stopped",
        Power::Running(_) => "running",
        Power::Paused(_) => "paused",
    };
    let mut reply = fields(json!({ "qmpstatus": state }));
    if vm.is_running() {
        let cards = vm.config.cards().into_iter().map(|(key, _)| {
            let number = key.trim_start_matches("net");
            (format!("tap{vmid}i{number}"), json!({"netin": 0, "netout": 0}))
        });
        reply.insert("nics".to_owned(), object(cards));
    }
    reply
}

fn uptime(request: Request<'_>, vm: &Vm) -> u64 {
    match vm.power {
        Power::Stopped => 0,
        Power::Running(since) | Power::Paused(since) => request.now.since_start.saturating_sub(since).as_secs(),
    }
}

/// `GET /nodes/{node}/qemu/{vmid}/config`: as it will be after the next start, or as it is.
pub(crate) fn config(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let vm = cluster.vm(request.node(), request.vmid())?;
    let mut config = match request.get("snapshot") {
        Some(name) => match vm.snapshots.get(name) {
            Some(config) => config.clone(),
            None => return Err(Refusal::Failed(format!("snapshot '{name}' does not exist"))),
        },
        None => vm.config.clone(),
    };
    let digest = vm.config.digest();
    if request.get("snapshot").is_none() && !request.is_on("current") {
        for (key, value) in vm.pending.options() {
            config.set(key, value);
        }
    }
    let mut reply = config.shown();
    reply.insert("digest".to_owned(), json!(digest));
    Ok(Value::Object(reply).into())
}

/// `GET /nodes/{node}/qemu/{vmid}/pending`.
pub(crate) fn pending(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let vm = cluster.vm(request.node(), request.vmid())?;
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
pub(crate) fn current(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let vm = cluster.vm(request.node(), request.vmid())?;
    let mut reply = numbers(cluster, request, request.vmid(), vm);
    reply.extend(state(request.vmid(), vm));
    reply.insert("ha".to_owned(), json!({"managed": 0}));
    if vm.config.get("vga").is_some() {
        reply.insert("clipboard".to_owned(), Value::Null);
    }
    if vm.has_agent() {
        reply.insert("agent".to_owned(), json!(1));
    }
    Ok(Value::Object(reply).into())
}

/// `GET /nodes/{node}/qemu/{vmid}/feature`.
pub(crate) fn feature(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let (node, vmid) = (request.node(), request.vmid());
    let vm = cluster.vm(node, vmid).map_err(|_| Refusal::Failed(not_here(node, vmid)))?;
    if let Some(name) = request.get("snapname").filter(|name| !vm.snapshots.contains_key(*name)) {
        return Err(Refusal::Failed(format!("snapshot '{name}' does not exist")));
    }
    let has = match request.text("feature") {
        "clone" => vm.is_template() && request.get("snapname").is_none(),
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
