//! The calls that ask the guest agent.

use serde_json::{Value, json};

use crate::sandbox::auth::Refusal;
use crate::sandbox::cluster::{Cluster, Power, Reply, Request, Vm, object};

/// Who may ask the guest agent for addresses.
pub(crate) fn may_ask(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    let path = format!("/vms/{}", request.text("vmid"));
    if cluster.release().splits_the_guest_agent() {
        return cluster.demand_any(request, &path, &["VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted"]);
    }
    cluster.demand(request, &path, &["VM.Monitor"])
}

/// Finds a VM whose guest agent answers.
fn answering<'a>(cluster: &'a Cluster, request: Request<'_>) -> Result<&'a Vm, Refusal> {
    let vm = cluster.vm(request.node(), request.vmid())?;
    let failed = |why: &str| Err(Refusal::Failed(why.to_owned()));
    if vm.config.get("agent").is_none() {
        return failed("No QEMU guest agent configured");
    }
    let since = match vm.power {
        Power::Stopped => return failed(&format!("VM {} is not running", request.vmid())),
        Power::Running(since) | Power::Paused(since) => since,
    };
    let age = request.now.since_start.saturating_sub(since);
    if !vm.has_agent() || vm.agent.up_after.is_none_or(|after| age < after) {
        return failed("QEMU guest agent is not running");
    }
    Ok(vm)
}

/// `POST /nodes/{node}/qemu/{vmid}/agent/ping`.
pub(crate) fn ping(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    answering(cluster, request).map(|_| json!({"result": {}}).into())
}

/// `GET /nodes/{node}/qemu/{vmid}/agent/network-get-interfaces`.
pub(crate) fn interfaces(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let vm = answering(cluster, request)?;
    let card = vm.config.cards().into_iter().next();
    let mac = card.and_then(|(_, card)| card.split(',').next()?.split('=').nth(1)).unwrap_or_default().to_lowercase();
    let is_up = card.is_some_and(|(_, card)| !card.split(',').any(|part| part == "link_down=1"));
    let addresses = vm.agent.addresses.iter().filter(|_| is_up).map(|(address, prefix)| told(address, *prefix));
    let card = json!({
        "name": "eth0", "hardware-address": mac, "ip-addresses": addresses.collect::<Value>(), "statistics": traffic(),
    });
    let itself = json!({
        "name": "lo", "hardware-address": "00:00:00:00:00:00",
        "ip-addresses": [told("127.0.0.1", 8), told("::1", 128)], "statistics": traffic(),
    });
    Ok(json!({"result": [itself, card]}).into())
}

fn traffic() -> Value {
    let counters = ["rx", "tx"]
        .into_iter()
        .flat_map(|way| ["bytes", "packets", "errs", "dropped"].map(|what| (format!("{way}-{what}"), json!(0))));
    object(counters)
}

fn told(address: &str, prefix: u8) -> Value {
    let kind = if address.contains(':') { "ipv6" } else { "ipv4" };
    json!({"ip-address": address, "ip-address-type": kind, "prefix": prefix})
}
