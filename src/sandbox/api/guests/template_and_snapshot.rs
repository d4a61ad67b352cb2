//! The calls that turn a VM into a template, grow its disks and keep snapshots of it.

use serde_json::{Value, json};

use crate::sandbox::api::guests::config::CHANGED_MEANWHILE;
use crate::sandbox::api::guests::drives::short;
use crate::sandbox::api::guests::power::no_skiplock;
use crate::sandbox::api::nodes::fields;
use crate::sandbox::auth::Refusal;
use crate::sandbox::cluster::locks::Claim;
use crate::sandbox::cluster::work::{Plan, Scene, Work};
use crate::sandbox::cluster::{Cluster, Config, Power, Reply, Request, Vm};

/// Who may turn a VM into a template.
pub(crate) fn may_convert(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand(request, &format!("/vms/{}", request.text("vmid")), &["VM.Allocate"])
}

/// Who may grow disks.
pub(crate) fn may_resize(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand(request, &format!("/vms/{}", request.text("vmid")), &["VM.Config.Disk"])
}

/// Who may keep snapshots.
pub(crate) fn may_keep(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand(request, &format!("/vms/{}", request.text("vmid")), &["VM.Snapshot"])
}

/// What is done to a VM.
#[derive(Debug, Clone)]
enum Change {
    Template,
    Resize { disk: String, size: String },
    Keep { name: String, description: String, unix: u64 },
    Forget { name: String },
    RollBack { name: String, starts: bool },
}

/// `POST /nodes/{node}/qemu/{vmid}/template`.
pub(crate) fn template(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let vm = cluster.vm(request.node(), request.vmid())?;
    let why = if let Some(lock) = vm.lock() {
        format!("VM is locked ({lock})")
    } else if !vm.snapshots.is_empty() {
        "unable to create template, because VM contains snapshots".to_owned()
    } else if vm.is_template() {
        "you can't convert a template to a template".to_owned()
    } else if vm.is_running() {
        "you can't convert a VM to template if VM is running".to_owned()
    } else {
        return shape(cluster, request, "qmtemplate", Change::Template);
    };
    Err(Refusal::Failed(why))
}

/// `PUT /nodes/{node}/qemu/{vmid}/resize`.
pub(crate) fn resize(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    no_skiplock(request)?;
    let digest = cluster.vm(request.node(), request.vmid())?.config.digest();
    if request.get("digest").is_some_and(|asked| asked != digest) {
        return Err(Refusal::Failed(CHANGED_MEANWHILE.to_owned()));
    }
    if !cluster.release().grows_disks_in_tasks() {
        return resize_at_once(cluster, request);
    }
    let change = Change::Resize { disk: request.text("disk").to_owned(), size: request.text("size").to_owned() };
    shape(cluster, request, "resize", change)
}

fn resize_at_once(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let (vmid, disk, size) = (request.vmid(), request.text("disk"), request.text("size"));
    if let Some(lock) = cluster.vm(request.node(), vmid)?.lock() {
        return Err(Refusal::Failed(format!("VM is locked ({lock})")));
    }
    cluster.growth(vmid, disk, size).map_err(Refusal::Failed)?;
    cluster.resize(request.node(), vmid, disk, size).map_err(Refusal::Failed)?;
    Ok(Value::Null.into())
}

/// `GET /nodes/{node}/qemu/{vmid}/snapshot`.
pub(crate) fn snapshots(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let vm = cluster.vm(request.node(), request.vmid())?;
    let mut reply: Vec<Value> = vm
        .snapshots
        .iter()
        .map(|(name, config)| {
            let description = config.get("description").unwrap_or_default();
            let entry = json!({
                "name": name, "description": description, "snaptime": config.number("snaptime", 0), "vmstate": 0,
            });
            with_parent(entry, config)
        })
        .collect();
    let current = json!({
        "name": "current", "description": "You are here!", "digest": vm.config.digest(),
        "running": u8::from(vm.is_running()),
    });
    reply.push(with_parent(current, &vm.config));
    Ok(Value::Array(reply).into())
}

fn with_parent(entry: Value, config: &Config) -> Value {
    let mut entry = fields(entry);
    entry.extend(config.get("parent").map(|parent| ("parent".to_owned(), json!(parent))));
    Value::Object(entry)
}

/// Who may look at a snapshot.
pub(crate) fn may_see_snapshot(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    let any = ["VM.Snapshot", "VM.Snapshot.Rollback", "VM.Audit"];
    cluster.demand_any(request, &format!("/vms/{}", request.text("vmid")), &any)
}

/// Who may go back to a snapshot.
pub(crate) fn may_roll_back(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand_any(request, &format!("/vms/{}", request.text("vmid")), &["VM.Snapshot", "VM.Snapshot.Rollback"])
}

/// `GET /nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config`.
pub(crate) fn snapshot(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let vm = cluster.vm(request.node(), request.vmid())?;
    let config = kept(vm, request.text("snapname")).map_err(Refusal::Failed)?;
    let mut reply = config.shown();
    reply.remove("digest");
    Ok(Value::Object(reply).into())
}

/// `PUT /nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config`.
pub(crate) fn describe(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let (name, vmid) = (request.text("snapname"), request.vmid());
    kept(cluster.vm(request.node(), vmid)?, name).map_err(Refusal::Failed)?;
    let snapshot = cluster.vms.get_mut(&vmid).and_then(|vm| vm.snapshots.get_mut(name));
    if let (Some(config), Some(description)) = (snapshot, request.get("description")) {
        config.set("description", description);
    }
    Ok(Value::Null.into())
}

/// `POST /nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback`.
pub(crate) fn roll_back(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let change = Change::RollBack { name: request.text("snapname").to_owned(), starts: request.is_on("start") };
    shape(cluster, request, "qmrollback", change)
}

fn kept<'a>(vm: &'a Vm, name: &str) -> Result<&'a Config, String> {
    vm.snapshots.get(name).ok_or_else(|| format!("snapshot '{name}' does not exist"))
}

/// `POST /nodes/{node}/qemu/{vmid}/snapshot`.
pub(crate) fn keep(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let name = request.text("snapname");
    if matches!(name, "current" | "pending") {
        return Err(Refusal::Failed(format!("unable to use snapshot name '{name}' (reserved name)")));
    }
    let change = Change::Keep {
        name: name.to_owned(),
        description: request.text("description").to_owned(),
        unix: request.now.unix,
    };
    shape(cluster, request, "qmsnapshot", change)
}

/// `DELETE /nodes/{node}/qemu/{vmid}/snapshot/{snapname}`.
pub(crate) fn forget(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    shape(cluster, request, "qmdelsnapshot", Change::Forget { name: request.text("snapname").to_owned() })
}

fn shape(cluster: &mut Cluster, request: Request<'_>, kind: &str, change: Change) -> Result<Reply, Refusal> {
    let vmid = request.vmid();
    Ok(json!(cluster.spawn(request, kind, &vmid.to_string(), Shaping { vmid, change })?).into())
}

/// A VM that is being changed in shape.
#[derive(Debug)]
struct Shaping {
    vmid: u32,
    change: Change,
}

impl Work for Shaping {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::vm(self.vmid)]
    }

    fn begin(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Plan, String> {
        let vmid = self.vmid;
        let vm = cluster.vm(&scene.node, vmid).map_err(|refusal| refusal.text())?;
        if let Some(lock) = vm.lock() {
            return Err(format!("VM is locked ({lock})"));
        }
        cluster.writable(&scene.node, vmid)?;
        let lines = match &self.change {
            Change::Template => Vec::new(),
            Change::Resize { disk, size } => {
                cluster.growth(vmid, disk, size)?;
                vec!["Image resized.".to_owned()]
            }
            Change::Keep { name, .. } if vm.is_template() => {
                return Err(format!("you can't take a snapshot '{name}' if it's a template"));
            }
            Change::Keep { name, .. } if vm.snapshots.contains_key(name) => {
                return Err(format!("snapshot name '{name}' already used"));
            }
            Change::Keep { .. } => {
                let disks = vm.config.drives().into_iter().filter(|drive| !drive.is_cdrom());
                disks.map(|disk| format!("snapshotting 'drive-{}' ({})", disk.slot, disk.volume)).collect()
            }
            Change::Forget { name } | Change::RollBack { name, .. } => {
                kept(vm, name)?;
                Vec::new()
            }
        };
        Ok(Plan::of(cluster.task_time / 10, &lines))
    }

    fn finish(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Vec<String>, String> {
        match &self.change {
            Change::Template => cluster.make_template(&scene.node, self.vmid),
            Change::Resize { disk, size } => cluster.resize(&scene.node, self.vmid, disk, size)?,
            Change::Keep { name, description, unix } => {
                if let Some(vm) = cluster.vms.get_mut(&self.vmid) {
                    vm.take_snapshot(name, description, *unix);
                }
            }
            Change::Forget { name } => {
                if let Some(vm) = cluster.vms.get_mut(&self.vmid) {
                    vm.remove_snapshot(name);
                }
            }
            Change::RollBack { name, starts } => {
                if let Some(vm) = cluster.vms.get_mut(&self.vmid) {
                    vm.restore_snapshot(name);
                    vm.power = if *starts { Power::Running(scene.at) } else { Power::Stopped };
                }
            }
        }
        Ok(Vec::new())
    }
}

impl Cluster {
    /// Turns the disks of a VM into bases and the VM into a template.
    fn make_template(&mut self, node: &str, vmid: u32) {
        let Some(vm) = self.vms.get_mut(&vmid) else { return };
        vm.config.set("template", "1");
        for drive in vm.config.drives().into_iter().filter(|drive| !drive.is_cdrom()) {
            let Some((place, name)) = drive.volume.split_once(':') else { continue };
            let Some(storage) = self.storages.get_mut(place) else { continue };
            let base = name.replace(&format!("vm-{vmid}-"), &format!("base-{vmid}-"));
            if let Some(volume) = storage.volumes.remove(&storage.key(node, name)) {
                storage.volumes.insert(storage.key(node, &base), volume);
            }
            let rest = if drive.rest.is_empty() { String::new() } else { format!(",{}", drive.rest) };
            vm.config.set(&drive.slot, format!("{place}:{base}{rest}"));
        }
    }

    /// Finds a disk, its size now and the size that is asked for.
    fn resized(&self, vmid: u32, disk: &str, size: &str) -> Result<(String, u64, u64), String> {
        let vm = self.vms.get(&vmid);
        let drive = vm.and_then(|vm| vm.config.drives().into_iter().find(|drive| drive.slot == disk));
        let node = vm.map(|vm| vm.node.as_str()).unwrap_or_default();
        let drive = drive.ok_or_else(|| format!("disk '{disk}' does not exist"))?;
        let old = self.volume(node, &drive.volume).map(|volume| volume.size);
        let old = old.ok_or_else(|| format!("volume '{}' does not exist", drive.volume))?;
        let asked = bytes(size.trim_start_matches('+'));
        let new = if size.starts_with('+') { old + asked } else { asked };
        Ok((drive.volume, old, new))
    }

    /// Refuses to shrink.
    fn growth(&self, vmid: u32, disk: &str, size: &str) -> Result<(), String> {
        let (_, old, new) = self.resized(vmid, disk, size)?;
        if new < old { Err("shrinking disks is not supported".to_owned()) } else { Ok(()) }
    }

    fn resize(&mut self, node: &str, vmid: u32, disk: &str, size: &str) -> Result<(), String> {
        let (whole, _, new) = self.resized(vmid, disk, size)?;
        if let Some(volume) = self.volume_mut(node, &whole) {
            volume.size = new;
        }
        let Some(vm) = self.vms.get_mut(&vmid) else { return Ok(()) };
        if let Some(value) = vm.config.get(disk) {
            let kept = value.split(',').filter(|part| !part.starts_with("size=")).map(str::to_owned);
            let parts: Vec<String> = kept.chain([format!("size={}", short(new))]).collect();
            vm.config.set(disk, parts.join(","));
        }
        Ok(())
    }
}

/// Reads a size such as `1.5G`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are positive and far from the limit"
)]
fn bytes(size: &str) -> u64 {
    let number = size.trim_end_matches(['K', 'M', 'G', 'T']);
    let factor = match size.get(number.len()..) {
        Some("K") => 1_u64 << 10,
        Some("M") => 1 << 20,
        Some("G") => 1 << 30,
        Some("T") => 1 << 40,
        _ => 1,
    };
    let number: f64 = number.parse().unwrap_or_default();
    (number * u64_as_f64(factor)) as u64
}

#[expect(clippy::cast_precision_loss, reason = "powers of two are exact")]
fn u64_as_f64(factor: u64) -> f64 {
    factor as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        for (size, expected) in [("1G", 1 << 30), ("1.5G", 1536 << 20), ("512M", 512 << 20), ("7", 7)] {
            assert_eq!(bytes(size), expected);
        }
    }
}
