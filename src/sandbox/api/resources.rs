//! The list of everything in the cluster: VMs, nodes, storages, zones, pools.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::sandbox::api::guests::read::{numbers, visible};
use crate::sandbox::api::nodes::{entry, fields};
use crate::sandbox::auth::Refusal;
use crate::sandbox::cluster::{Cluster, Power, Reply, Request, Vm};

/// `GET /cluster/resources`: everything that the caller may look at.
pub(crate) fn list(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    if request.get("type") == Some("network") && !cluster.release().lists_networks() {
        let why = "value 'network' does not have a value in the enumeration 'vm, storage, node, sdn'";
        return Err(Refusal::parameter("type", why));
    }
    let wanted = |kind: &str| request.get("type").is_none_or(|asked| asked == kind);
    let mut entries: Vec<Value> = Vec::new();
    if wanted("vm") {
        entries.extend(visible(cluster, request).map(|(vmid, vm)| match cluster.listed(vmid, vm) {
            Some(listed) => Value::Object(guest(cluster, request, vmid, &Vm { node: vm.node.clone(), ..listed.clone() })),
            None => {
                json!({"id": format!("qemu/{vmid}"), "type": "qemu", "vmid": vmid, "node": vm.node, "status": "unknown"})
            }
        }));
    }
    if wanted("node") {
        entries.extend(cluster.nodes.iter().map(|(name, node)| {
            let mut reply = entry(cluster, request, name, node);
            if node.status() != "unknown" {
                reply.insert("cgroup-mode".to_owned(), json!(2));
            }
            Value::Object(reply)
        }));
    }
    if wanted("storage") {
        entries.extend(cluster.nodes.keys().flat_map(|node| storages(cluster, request, node)));
    }
    if wanted(if cluster.release().lists_networks() { "network" } else { "sdn" }) {
        entries.extend(zones(cluster, request));
    }
    if request.get("type").is_none() {
        let pools = cluster.access.pools.keys();
        let shown = pools.filter(|pool| cluster.allows(request, &format!("/pool/{pool}"), &["Pool.Audit"]));
        entries.extend(shown.map(|pool| json!({"id": format!("/pool/{pool}"), "type": "pool", "pool": pool})));
    }
    Ok(Value::Array(entries).into())
}

/// Lists the zones of the nodes that answer.
fn zones(cluster: &Cluster, request: Request<'_>) -> Vec<Value> {
    let own: BTreeSet<&str> = cluster.vnets.values().map(|vnet| vnet.zone.as_str()).collect();
    let zones = own.into_iter().map(|zone| (zone, "available")).chain([("localnetwork", "ok")]);
    let shown =
        zones.filter(|(zone, _)| cluster.allows(request, &format!("/sdn/zones/{zone}"), &["SDN.Audit", "SDN.Use"]));
    let mut entries = Vec::new();
    for (zone, status) in shown {
        for node in cluster.nodes.iter().filter(|(_, node)| node.status() == "online").map(|(name, _)| name) {
            if !cluster.release().lists_networks() {
                let id = format!("sdn/{node}/{zone}");
                entries.push(json!({"id": id, "type": "sdn", "sdn": zone, "node": node, "status": status}));
                continue;
            }
            let mut reply = fields(json!({
                "id": format!("network/{node}/zone/{zone}"), "type": "network", "network-type": "zone",
                "network": zone, "node": node, "status": status,
            }));
            if zone != "localnetwork" {
                reply.insert("zone-type".to_owned(), json!("simple"));
            }
            entries.push(Value::Object(reply));
        }
    }
    entries
}

fn guest(cluster: &Cluster, request: Request<'_>, vmid: u32, vm: &Vm) -> Map<String, Value> {
    let mut reply = numbers(cluster, request, vmid, vm);
    reply.retain(|key, _| !key.starts_with("pressure") && !matches!(key.as_str(), "pid" | "serial" | "cpus"));
    let status = match vm.power {
        Power::Stopped => "stopped",
        Power::Running(_) => "running",
        Power::Paused(_) => "paused",
    };
    reply.extend(fields(json!({
        "id": format!("qemu/{vmid}"),
        "type": "qemu",
        "node": vm.node,
        "status": status,
        "template": u8::from(vm.is_template()),
        "maxcpu": vm.processors(),
        "diskread": 0,
        "diskwrite": 0,
    })));
    reply.extend(cluster.access.pool_of_vm(vmid).map(|pool| ("pool".to_owned(), json!(pool))));
    reply
}

fn storages<'a>(cluster: &'a Cluster, request: Request<'a>, node: &'a str) -> impl Iterator<Item = Value> + 'a {
    let here = cluster.storages.iter().filter(move |(name, storage)| {
        let rights = ["Datastore.Audit", "Datastore.AllocateSpace"];
        storage.is_enabled_on(node) && cluster.allows(request, &format!("/storage/{name}"), &rights)
    });
    here.map(move |(name, storage)| {
        let is_known = storage.serves(node) && cluster.nodes.get(node).is_some_and(|node| node.status() != "unknown");
        let mut reply = fields(json!({
            "id": format!("storage/{node}/{name}"), "type": "storage", "storage": name, "node": node,
            "status": if is_known { "available" } else { "unknown" }, "shared": u8::from(storage.shared),
            "plugintype": storage.kind.name(), "content": storage.content.join(","),
        }));
        if is_known {
            reply.extend(fields(json!({"disk": storage.used_on(node), "maxdisk": storage.total})));
        }
        Value::Object(reply)
    })
}
