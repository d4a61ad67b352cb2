//! Devices of the node that a VM is given: raw ones, which are for root alone, and mapped ones.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::sandbox::auth::{Caller, ROOT, Refusal};
use crate::sandbox::cluster::vm::is_numbered;
use crate::sandbox::cluster::{Cluster, Config, Mapping, Reply, Request};

/// What lets a caller look at a mapping.
const LOOK: &[&str] = &["Mapping.Audit", "Mapping.Use", "Mapping.Modify"];

/// `GET /cluster/mapping/{kind}`: the mappings that the caller may look at, with what is wrong on a node that is named.
pub(crate) fn mappings(cluster: &Cluster, request: Request<'_>, kind: &str) -> Result<Reply, Refusal> {
    let is_known =
        if kind == "dir" { cluster.release().maps_directories() } else { cluster.release().knows_mappings() };
    if !is_known {
        let reason = format!("Method 'GET /cluster/mapping/{kind}' not implemented");
        return Err(Refusal::Status { status: 501, reason });
    }
    let of_kind = || cluster.mappings.iter().filter(|mapping| mapping.kind == kind);
    let names: BTreeSet<&str> = of_kind().map(|mapping| mapping.name.as_str()).collect();
    let seen = names.into_iter().filter(|name| cluster.allows(request, &format!("/mapping/{kind}/{name}"), LOOK));
    let entries = seen.map(|name| {
        let of_name: Vec<&Mapping> = of_kind().filter(|mapping| mapping.name == name).collect();
        let map: Vec<String> = of_name.iter().map(|mapping| entry(mapping)).collect();
        let mut told = json!({
            "id": name, "type": kind, "map": map, "digest": "0000000000000000000000000000000000000000",
        });
        if let (Some(node), Some(fields)) = (request.get("check-node"), told.as_object_mut()) {
            let key = if kind == "usb" { "errors" } else { "checks" };
            fields.insert(key.to_owned(), Value::Array(faults(&of_name, kind, node)));
        }
        told
    });
    Ok(entries.collect::<Value>().into())
}

/// Writes one node's part of a mapping.
fn entry(mapping: &Mapping) -> String {
    let Mapping { node, device, .. } = mapping;
    match mapping.kind {
        "pci" => format!("id=8086:1234,iommugroup=1,node={node},path={device}"),
        "usb" => format!("id={device},node={node}"),
        _ => format!("node={node},path={device}"),
    }
}

/// Says what is wrong with a mapping on a node.
fn faults(mappings: &[&Mapping], kind: &str, node: &str) -> Vec<Value> {
    let here: Vec<&&Mapping> = mappings.iter().filter(|mapping| mapping.node == node).collect();
    if here.is_empty() {
        return vec![json!({"severity": "warning", "message": format!("No mapping for node {node}.")})];
    }
    let gone = here.iter().filter(|mapping| !mapping.is_there);
    let message = |device: &str| format!("Invalid configuration: {kind} device '{device}' not found\n");
    gone.map(|mapping| json!({"severity": "error", "message": message(&mapping.device)})).collect()
}

/// Where the random numbers of a VM may come from that need a privilege.
const HARDWARE_RNG: &str = "/dev/hwrng";

/// A device that an option names.
#[derive(Debug, PartialEq, Eq)]
enum Device<'a> {
    /// One that belongs to no node: a Spice port, a random number generator in software.
    Virtual,
    /// One of the node itself; behind it what its kind is called in a refusal.
    Raw(&'static str),
    /// One by its mapping: the kind, and the name.
    Mapped(&'static str, &'a str),
    /// The random number generator of the node.
    HardwareRng,
}

/// Reads which device an option names; `None` if it is not about one.
fn device<'a>(key: &str, value: &'a str) -> Option<Device<'a>> {
    let part = |name: &str| value.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let mapped = |kind: &'static str| part("mapping").map(|name| Device::Mapped(kind, name));
    if is_numbered(key, "hostpci") {
        return Some(mapped("pci").unwrap_or(Device::Raw("non-mapped")));
    }
    if is_numbered(key, "usb") {
        let is_spice = value.split(',').any(|part| matches!(part, "spice" | "host=spice"));
        return Some(mapped("usb").unwrap_or(if is_spice { Device::Virtual } else { Device::Raw("real") }));
    }
    if is_numbered(key, "virtiofs") {
        let name = part("dirid").or_else(|| value.split(',').next()).unwrap_or_default();
        return Some(Device::Mapped("dir", name));
    }
    let is_hardware = key == "rng0" && value.split(',').any(|part| part.trim_start_matches("source=") == HARDWARE_RNG);
    is_hardware.then_some(Device::HardwareRng)
}

impl Cluster {
    /// Demands the rights that the devices of a configuration need.
    pub(crate) fn check_devices(&self, caller: &Caller, config: &Config) -> Result<(), Refusal> {
        config.options().try_for_each(|(key, value)| self.check_device(caller, key, value))
    }

    /// Demands the rights that an option needs, if it names a device.
    pub(crate) fn check_device(&self, caller: &Caller, key: &str, value: &str) -> Result<(), Refusal> {
        let path = match device(key, value) {
            None | Some(Device::Virtual) => return Ok(()),
            Some(_) if caller.subject == ROOT => return Ok(()),
            Some(Device::Raw(kind)) => {
                return Err(Refusal::Failed(format!("only root can set '{key}' config for {kind} devices")));
            }
            Some(Device::Mapped(kind, name)) => format!("/mapping/{kind}/{name}"),
            Some(Device::HardwareRng) => "/mapping/hwrng".to_owned(),
        };
        self.access.demand(caller, &path, &["Mapping.Use"])
    }

    /// Checks that the devices of a VM are there when it starts.
    pub(crate) fn attachable(&self, config: &Config, node: &str) -> Result<(), String> {
        for (key, value) in config.options() {
            match device(key, value) {
                Some(Device::Mapped(kind, name)) => self.mapped(kind, name, node)?,
                _ if is_numbered(key, "serial") && value.starts_with("/dev/") => {
                    return Err("no such serial device".to_owned());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn mapped(&self, kind: &str, name: &str, node: &str) -> Result<(), String> {
        let title = match kind {
            "pci" => "PCI device",
            "usb" => "USB device",
            _ => "Directory",
        };
        let here = |mapping: &&Mapping| mapping.kind == kind && mapping.name == name && mapping.node == node;
        match self.mappings.iter().find(here) {
            None => Err(format!("{title} mapping not found for '{name}'")),
            Some(mapping) if mapping.is_there => Ok(()),
            Some(mapping) => Err(format!(
                "{title} mapping invalid (hardware probably changed): {kind} device '{}' not found ",
                mapping.device
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_out_of_options() {
        let table = [
            ("hostpci0", "0000:01:00.0,pcie=1", Some(Device::Raw("non-mapped"))),
            ("hostpci1", "mapping=gpu,pcie=1", Some(Device::Mapped("pci", "gpu"))),
            ("usb0", "host=1234:5678", Some(Device::Raw("real"))),
            ("usb0", "spice", Some(Device::Virtual)),
            ("usb3", "mapping=stick", Some(Device::Mapped("usb", "stick"))),
            ("virtiofs0", "share,cache=auto", Some(Device::Mapped("dir", "share"))),
            ("rng0", "source=/dev/hwrng", Some(Device::HardwareRng)),
            ("rng0", "source=/dev/urandom", None),
            ("scsi0", "local:1/a.raw", None),
        ];
        for (key, value, expected) in table {
            assert_eq!(device(key, value), expected, "{key}: {value}");
        }
    }
}
