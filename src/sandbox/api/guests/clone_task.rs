//! The task that clones a VM.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::sandbox::api::guests::clone_log::{allocated, cloned, out_of_room, steps};
use crate::sandbox::api::storages::volumes::config_of;
use crate::sandbox::cluster::locks::Claim;
use crate::sandbox::cluster::work::{Plan, Scene, Work};
use crate::sandbox::cluster::{Cluster, Config, Drive, Storage, Vm, Volume};

/// What is asked of a clone.
#[derive(Debug, Clone)]
pub(crate) struct CloneOptions {
    /// The VM that is cloned.
    pub(crate) source: u32,
    /// The number of the clone.
    pub(crate) target: u32,
    /// The node of the VM.
    pub(crate) node: String,
    /// The node that the clone shall be on, where it is another.
    pub(crate) other_node: Option<String>,
    /// Whether disks are copied; without it templates are not and other VMs are.
    pub(crate) full: Option<bool>,
    /// Everything else, as it came.
    pub(crate) params: BTreeMap<String, String>,
}

impl CloneOptions {
    /// Returns the format of a new volume: as asked for, as that of the volume it is copied from, or that of linked
    /// clones.
    fn format(&self, storage: &Storage, copied: Option<&str>) -> String {
        let kept = copied.map(|old| self.get("format").unwrap_or(old));
        if storage.kind.keeps_files() { kept.unwrap_or("qcow2").to_owned() } else { "raw".to_owned() }
    }

    /// Returns a parameter, or nothing where it is missing.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }
}

/// A clone that is being made.
#[derive(Debug)]
pub(crate) struct CloneTask {
    options: CloneOptions,
    claims: Vec<Claim>,
    made: Vec<Drive>,
    future: Option<Vm>,
    copying: Option<String>,
    fails: Option<String>,
}

impl CloneTask {
    /// Begins with what was asked, and the locks that it takes.
    pub(crate) fn new(options: CloneOptions, claims: Vec<Claim>) -> Self {
        Self { options, claims, made: Vec::new(), future: None, copying: None, fails: None }
    }

    fn roll_back(&mut self, cluster: &mut Cluster) {
        for drive in self.made.drain(..) {
            cluster.free_volume(&self.options.node, &drive.volume);
        }
        cluster.vms.remove(&self.options.target);
    }
}

impl Work for CloneTask {
    fn claims(&self) -> Vec<Claim> {
        self.claims.clone()
    }

    fn begin(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Plan, String> {
        if let Some(rival) = cluster.rivals.remove(&self.options.target) {
            cluster.vms.insert(self.options.target, rival);
        }
        let full = cluster.cloneable(&self.options, &scene.caller).map_err(|refusal| refusal.text())?;
        let (source, target) = (self.options.source, self.options.target);
        let Some(vm) = cluster.vms.get(&source).cloned() else { return Err("no such VM".to_owned()) };
        let config = config_of(&vm, self.options.get("snapname")).map_err(|refusal| refusal.text())?.clone();
        let temporary = Config::of(&[("lock", "clone"), ("description", " qmclone temporary file")]);
        cluster.vms.insert(target, Vm::new(&self.options.node, temporary));
        let first = format!("creating a clone of VM {source} with ID {target}");
        let logs = cluster.release().logs_allocations();
        let mut plan = Plan::of(cluster.task_time, logs.then_some(first).as_slice());
        let mut future = self.new_config(cluster, source, &config);
        self.activated(cluster, &config)?;
        for drive in config.drives().into_iter().filter(|drive| !drive.is_cdrom() || drive.is_cloudinit()) {
            let copied = full || drive.is_cloudinit();
            let (new, lines) = self.clone_drive(cluster, scene, &drive, copied);
            if let Some(done) = self.made.last() {
                future.set(&done.slot, joined(done));
                if cluster.writes_clones_early {
                    self.lock_in(cluster, &config, &future);
                }
            }
            self.made.push(new);
            plan.lines.extend(lines);
        }
        if let Some(done) = self.made.last() {
            future.set(&done.slot, joined(done));
        }
        plan.length = plan.length.max(self.slowed(cluster, full));
        stretch(&mut plan);
        if self.fails.is_some() {
            plan.length /= 2;
            plan.lines.retain(|(after, _)| *after <= plan.length);
            plan.lines.push((plan.length, "qemu-img: error while writing: No space left on device".to_owned()));
        }
        let node = self.options.other_node.as_ref().unwrap_or(&self.options.node);
        self.future = Some(Vm { agent: vm.agent, ..Vm::new(node, future) });
        Ok(plan)
    }

    fn finish(&mut self, cluster: &mut Cluster, _scene: &Scene) -> Result<Vec<String>, String> {
        if let Some(why) = self.fails.take() {
            self.roll_back(cluster);
            return Err(why);
        }
        if let Some(vm) = self.future.take() {
            cluster.vms.insert(self.options.target, vm);
        }
        if let Some(pool) = self.options.get("pool") {
            cluster.access.add_vm_to_pool(pool, self.options.target);
        }
        Ok(Vec::new())
    }

    fn interrupted(&mut self, cluster: &mut Cluster) -> String {
        self.roll_back(cluster);
        match &self.copying {
            Some(command) => format!("clone failed: copy failed: {command} failed: interrupted by signal"),
            None => "clone failed: interrupted by signal".to_owned(),
        }
    }
}

impl CloneTask {
    /// Demands that the source can use the storages of all disks, and takes back what it began where it cannot. A CD-ROM
    /// is copied as a line alone, and the drive for cloud-init is made anew where the disks go.
    fn activated(&mut self, cluster: &mut Cluster, config: &Config) -> Result<(), String> {
        let node = &self.options.node;
        let drives = config.drives();
        let wanted = self.options.get("storage");
        let is_used = |drive: &&Drive| !drive.is_cdrom() || (drive.is_cloudinit() && wanted.is_none());
        let used = drives.iter().filter(is_used).map(Drive::storage).chain(wanted);
        let refused = used.into_iter().find_map(|storage| cluster.activate(storage, node).err());
        refused.map_or(Ok(()), |why| {
            self.roll_back(cluster);
            Err(format!("clone failed: {why}"))
        })
    }

    /// Writes down, under the clone's lock, what is done so far; the drives that are still to come are left out.
    fn lock_in(&self, cluster: &mut Cluster, old: &Config, future: &Config) {
        let mut config = future.clone();
        let done: Vec<&str> = self.made.iter().map(|drive| drive.slot.as_str()).collect();
        for drive in old.drives().into_iter().filter(|drive| !drive.is_cdrom() || drive.is_cloudinit()) {
            if !done.contains(&drive.slot.as_str()) {
                config.remove(&drive.slot);
            }
        }
        config.set("lock", "clone");
        cluster.vms.insert(self.options.target, Vm::new(&self.options.node, config));
    }

    /// Copies the options; unique numbers are drawn anew.
    fn new_config(&self, cluster: &mut Cluster, source: u32, old: &Config) -> Config {
        let mut new = Config::default();
        for (key, value) in old.options().filter(|(key, _)| !key.starts_with("unused") && *key != "template") {
            let value = match key.starts_with("net") {
                true => with_new_mac(value, &cluster.rng.mac()),
                false => value.to_owned(),
            };
            new.set(key, value);
        }
        let name = format!("Copy-of-VM-{}", old.get("name").map_or_else(|| source.to_string(), str::to_owned));
        new.set("name", self.options.get("name").map_or(name, str::to_owned));
        if let Some(description) = self.options.get("description").filter(|text| !text.is_empty()) {
            new.set("description", description);
        }
        let uuid = cluster.rng.uuid();
        let smbios = old.get("smbios1").unwrap_or_default().split(',').filter(|part| !part.starts_with("uuid="));
        let parts: Vec<String> = smbios.filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let parts = [vec![format!("uuid={uuid}")], parts].concat();
        new.set("smbios1", parts.join(","));
        new.set("vmgenid", cluster.rng.uuid());
        new
    }

    /// Makes one drive of the clone, and tells what the log says of it.
    fn clone_drive(
        &mut self,
        cluster: &mut Cluster,
        scene: &Scene,
        drive: &Drive,
        copied: bool,
    ) -> (Drive, Vec<(Duration, String)>) {
        let (node, target) = (&self.options.node, self.options.target);
        let wanted = self.options.get("storage").filter(|_| copied);
        let place = wanted.unwrap_or(drive.storage()).to_owned();
        let old = cluster.volume(node, &drive.volume).cloned();
        let from = cluster.file_of(&drive.volume);
        let length = cluster.task_time;
        let Some(storage) = cluster.storages.get_mut(&place) else { return (drive.clone(), Vec::new()) };
        let old = old.unwrap_or_else(|| nothing(scene.unix));
        let format = self.options.format(storage, copied.then_some(old.format.as_str()));
        let name = match drive.is_cloudinit() {
            true => storage.named(target, &format!("vm-{target}-cloudinit"), &format),
            false => storage.free_name(node, target, &format),
        };
        let base = drive.volume.split_once(':').map(|(_, name)| name.to_owned()).unwrap_or_default();
        let linked = !copied && storage.kind.keeps_files();
        let whole = if linked { format!("{base}/{name}") } else { name.clone() };
        if storage.full || (copied && old.used > storage.total.saturating_sub(storage.used_on(node))) {
            self.fails = Some(out_of_room(storage, &from, &name, copied));
        }
        let used = if copied { old.used } else { 1 << 19 };
        let volume = Volume {
            vmid: Some(target),
            format: format.clone(),
            used,
            created: scene.unix,
            base: linked.then(|| base.clone()),
            ..old.clone()
        };
        storage.volumes.insert(storage.key(node, &whole), volume);
        let file = storage.file(&whole);
        if copied && !drive.is_cloudinit() {
            let rate = self.options.get("bwlimit").filter(|rate| *rate != "0");
            let rate = rate.map(|rate| format!("-r {rate}K ")).unwrap_or_default();
            let formats = format!("-f {} -O {format}", old.format);
            self.copying =
                Some(format!("command '/usr/bin/qemu-img convert -p -n {rate}{formats} {from} zeroinit:{file}'"));
        }
        let how = if copied { "full" } else { "linked" };
        let mut lines = vec![format!("create {how} clone of drive {} ({})", drive.slot, drive.volume)];
        lines.extend(linked.then(|| cloned(&base, &name, target)));
        lines.push(allocated(storage, &file, &name, &format, old.size, linked.then_some(base.as_str())));
        let mut lines: Vec<(Duration, String)> = lines.into_iter().map(|line| (Duration::ZERO, line)).collect();
        if copied {
            let allocated = cluster.release().logs_allocations();
            lines.extend(allocated.then(|| (Duration::ZERO, format!("allocated target volume '{place}:{whole}'"))));
        }
        if copied && !drive.is_cloudinit() {
            lines.extend(steps(old.size, length));
        }
        let rest = drive.rest.clone();
        (Drive { slot: drive.slot.clone(), volume: format!("{place}:{whole}"), rest }, lines)
    }

    /// Says how long copying takes where it is slowed.
    fn slowed(&self, cluster: &Cluster, full: bool) -> Duration {
        let rate = self.options.get("bwlimit").and_then(|rate| rate.parse::<u64>().ok());
        let used = |drive: &Drive| cluster.volume(&self.options.node, &drive.volume).map_or(0, |volume| volume.used);
        let bytes: u64 = self.made.iter().map(used).sum();
        match rate.filter(|rate| full && *rate > 0) {
            Some(rate) => Duration::from_secs(bytes / 1024 / rate),
            None => Duration::ZERO,
        }
    }
}

/// Spreads the lines over the whole length of the task.
fn stretch(plan: &mut Plan) {
    let last = plan.lines.iter().map(|(after, _)| *after).max().unwrap_or_default();
    if last.is_zero() {
        return;
    }
    let factor = plan.length.as_secs_f64() / last.as_secs_f64();
    for (after, _) in &mut plan.lines {
        *after = after.mul_f64(factor).min(plan.length);
    }
}

fn joined(drive: &Drive) -> String {
    match drive.rest.is_empty() {
        true => drive.volume.clone(),
        false => format!("{},{}", drive.volume, drive.rest),
    }
}

fn nothing(unix: u64) -> Volume {
    Volume {
        vmid: None,
        content: "images".to_owned(),
        format: "raw".to_owned(),
        size: 0,
        used: 0,
        created: unix,
        base: None,
    }
}

/// Replaces the address of a network card.
fn with_new_mac(card: &str, mac: &str) -> String {
    let parts = card.split(',').enumerate().map(|(number, part)| match part.split_once('=') {
        Some((model, _)) if number == 0 => format!("{model}={mac}"),
        None if number == 0 => format!("{part}={mac}"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_card_keeps_everything_but_its_address() {
        assert_eq!(with_new_mac("virtio=A,bridge=vmbr0,tag=5", "B"), "virtio=B,bridge=vmbr0,tag=5");
    }
}
