//! The calls that start and stop VMs; most of what can go wrong shows only in the task.

use std::time::Duration;

use serde_json::json;

use crate::sandbox::auth::{ROOT, Refusal};
use crate::sandbox::cluster::locks::Claim;
use crate::sandbox::cluster::work::{Plan, Scene, Work};
use crate::sandbox::cluster::{Cluster, Drive, Power, Reply, Request, Vm};

/// How long a guest is given to shut down, where nothing else is said.
const PATIENCE: u64 = 60;

/// Who may switch a VM on and off.
pub(crate) fn may(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand(request, &format!("/vms/{}", request.text("vmid")), &["VM.PowerMgmt"])
}

/// What is done to a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is started.
    Start,
    /// It is stopped at once.
    Stop,
    /// The guest is asked to shut down.
    Shutdown {
        /// For how long.
        patience: u64,
        /// Whether it is stopped when it does not.
        force: bool,
    },
    /// The guest is asked to shut down, and it is started again.
    Reboot {
        /// For how long.
        patience: u64,
    },
    /// It begins anew without being asked.
    Reset,
    /// It is paused.
    Pause,
    /// It goes on.
    Resume,
}

impl Action {
    /// The name of the task.
    fn kind(self) -> &'static str {
        match self {
            Self::Start => "qmstart",
            Self::Stop => "qmstop",
            Self::Shutdown { .. } => "qmshutdown",
            Self::Reboot { .. } => "qmreboot",
            Self::Reset => "qmreset",
            Self::Pause => "qmpause",
            Self::Resume => "qmresume",
        }
    }
}

/// `POST /nodes/{node}/qemu/{vmid}/status/start`.
pub(crate) fn start(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    switch(cluster, request, Action::Start)
}

/// `POST /nodes/{node}/qemu/{vmid}/status/stop`.
pub(crate) fn stop(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    switch(cluster, request, Action::Stop)
}

/// `POST /nodes/{node}/qemu/{vmid}/status/shutdown`.
pub(crate) fn shutdown(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let patience = request.number("timeout").unwrap_or(PATIENCE);
    switch(cluster, request, Action::Shutdown { patience, force: request.is_on("forceStop") })
}

/// `POST /nodes/{node}/qemu/{vmid}/status/reboot`.
pub(crate) fn reboot(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    demand_running(cluster, request)?;
    switch(cluster, request, Action::Reboot { patience: request.number("timeout").unwrap_or(PATIENCE) })
}

/// `POST /nodes/{node}/qemu/{vmid}/status/reset`.
pub(crate) fn reset(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    demand_running(cluster, request)?;
    switch(cluster, request, Action::Reset)
}

/// `POST /nodes/{node}/qemu/{vmid}/status/suspend`.
pub(crate) fn suspend(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    demand_running(cluster, request)?;
    switch(cluster, request, Action::Pause)
}

/// `POST /nodes/{node}/qemu/{vmid}/status/resume`.
pub(crate) fn resume(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    demand_running(cluster, request)?;
    switch(cluster, request, Action::Resume)
}

fn switch(cluster: &mut Cluster, request: Request<'_>, action: Action) -> Result<Reply, Refusal> {
    no_skiplock(request)?;
    if action == Action::Start {
        cluster.check_quorum()?;
    }
    let work = Switching { vmid: request.vmid(), action, ends: false };
    let vmid = request.vmid().to_string();
    Ok(json!(cluster.spawn(request, action.kind(), &vmid, work)?).into())
}

/// Refuses to everybody but root what ignores locks.
pub(crate) fn no_skiplock(request: Request<'_>) -> Result<(), Refusal> {
    if request.is_on("skiplock") && request.caller.subject != ROOT {
        return Err(Refusal::parameter("skiplock", "Only root may use this option."));
    }
    Ok(())
}

fn demand_running(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    let (node, vmid) = (request.node(), request.vmid());
    match cluster.vm(node, vmid) {
        Err(_) => Err(Refusal::Failed(not_here(node, vmid))),
        Ok(vm) if vm.is_running() => Ok(()),
        Ok(_) => Err(Refusal::Failed(format!("VM {vmid} not running"))),
    }
}

/// What is said of a VM whose processes are looked for on a node that does not have it.
pub(crate) fn not_here(node: &str, vmid: u32) -> String {
    format!("unable to find configuration file for VM {vmid} on node '{node}'")
}

/// A VM that is being switched on or off.
#[derive(Debug)]
struct Switching {
    vmid: u32,
    action: Action,
    /// Whether the VM runs when it begins.
    ends: bool,
}

impl Work for Switching {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::vm(self.vmid)]
    }

    fn begin(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Plan, String> {
        let vmid = self.vmid;
        let vm = match cluster.vm(&scene.node, vmid) {
            Ok(vm) => vm,
            Err(refusal) if self.action == Action::Start => return Err(refusal.text()),
            Err(_) => return Err(not_here(&scene.node, vmid)),
        };
        if let Some(lock) = vm.lock() {
            return Err(format!("VM is locked ({lock})"));
        }
        self.ends = vm.is_running();
        let half = cluster.task_time / 2;
        match self.action {
            Action::Start => {
                startable(cluster, vm, &scene.node, vmid)?;
                let drive = vm.config.drives().into_iter().find(Drive::is_cloudinit);
                let iso = drive.map(|_| "generating cloud-init ISO".to_owned());
                Ok(Plan::of(half, &iso.into_iter().chain(warnings(vm)).collect::<Vec<_>>()))
            }
            Action::Shutdown { .. } | Action::Reboot { .. } | Action::Stop if !vm.is_running() => Ok(Plan::default()),
            Action::Shutdown { patience, .. } | Action::Reboot { patience } => {
                Ok(patiently(vm, vmid, scene, half, patience))
            }
            Action::Stop => Ok(Plan::of(half, &[])),
            Action::Reset | Action::Pause | Action::Resume => Ok(Plan::of(half / 5, &[])),
        }
    }

    fn finish(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Vec<String>, String> {
        let lines = self.switched(cluster, scene)?;
        if self.ends && cluster.vms.get(&self.vmid).is_some_and(|vm| !vm.is_running()) {
            cluster.ended(self.vmid, scene.at);
        }
        Ok(lines)
    }
}

impl Switching {
    fn switched(&self, cluster: &mut Cluster, scene: &Scene) -> Result<Vec<String>, String> {
        let Some(vm) = cluster.vms.get_mut(&self.vmid) else { return Err(not_here(&scene.node, self.vmid)) };
        let was_listening = listens(vm, scene.at);
        let mut lines = Vec::new();
        match self.action {
            Action::Start | Action::Reset => vm.power = Power::Running(scene.at),
            Action::Shutdown { force: false, .. } | Action::Reboot { .. } if vm.is_running() && !was_listening => {
                return Err("VM quit/powerdown failed - got timeout".to_owned());
            }
            Action::Shutdown { .. } if vm.is_running() && !was_listening => {
                lines.push("VM still running - terminating now with SIGTERM".to_owned());
                vm.power = Power::Stopped;
            }
            Action::Stop | Action::Shutdown { .. } => vm.power = Power::Stopped,
            Action::Reboot { .. } => vm.power = Power::Running(scene.at),
            Action::Pause | Action::Resume => {
                if let Power::Running(since) | Power::Paused(since) = vm.power {
                    let paused = self.action == Action::Pause;
                    vm.power = if paused { Power::Paused(since) } else { Power::Running(since) };
                }
            }
        }
        if !vm.is_running() || self.action == Action::Start {
            apply_pending(vm);
        }
        Ok(lines)
    }
}

/// Checks what a VM needs to start.
fn startable(cluster: &Cluster, vm: &Vm, node: &str, vmid: u32) -> Result<(), String> {
    if vm.is_template() {
        return Err("you can't start a vm if it's a template".to_owned());
    }
    if vm.is_running() {
        return Err(format!("VM {vmid} already running"));
    }
    if !cluster.has_kvm && vm.config.get("kvm").is_none_or(|kvm| kvm == "1") {
        let why =
            "KVM virtualisation configured, but not available. Either disable in VM configuration or enable in BIOS.";
        return Err(why.to_owned());
    }
    cluster.attachable(&vm.config, node)?;
    for drive in vm.config.drives() {
        cluster.activate(drive.storage(), node)?;
        let Some(volume) = cluster.volume(node, &drive.volume) else {
            return Err(format!("volume '{}' does not exist", drive.volume));
        };
        if cluster.storages.get(drive.storage()).is_some_and(|storage| !storage.keeps(&volume.content)) {
            let (storage, content) = (drive.storage(), &volume.content);
            return Err(format!("storage '{storage}' does not support content-type '{content}'"));
        }
    }
    let bridges = cluster.nodes.get(node).map(|node| node.bridges.as_slice()).unwrap_or_default();
    let used = vm
        .config
        .cards()
        .into_iter()
        .filter_map(|(_, card)| card.split(',').find_map(|part| part.strip_prefix("bridge=")));
    match used
        .into_iter()
        .find(|bridge| !bridges.iter().any(|known| known == bridge) && !cluster.vnets.contains_key(*bridge))
    {
        Some(bridge) => Err(format!("bridge '{bridge}' does not exist")),
        None => Ok(()),
    }
}

/// Warns of what a network card cannot do.
fn warnings(vm: &Vm) -> Vec<String> {
    let odd = vm.config.cards().into_iter().filter_map(|(name, card)| {
        let mtu = card.split(',').find_map(|part| part.strip_prefix("mtu=")).filter(|_| !card.starts_with("virtio"))?;
        Some(format!("WARN: netdev {name}: ignoring MTU '{mtu}', not using VirtIO"))
    });
    odd.collect()
}

/// Waits for a guest: one that listens shuts down soon, another one does not.
fn patiently(vm: &Vm, vmid: u32, scene: &Scene, soon: Duration, patience: u64) -> Plan {
    if listens(vm, scene.at) {
        return Plan::of(soon, &[]);
    }
    let silent = format!("QEMU Guest Agent is not running - VM {vmid} qga command 'guest-ping' failed - got timeout");
    let lines = if vm.has_agent() { vec![silent] } else { Vec::new() };
    Plan::of(Duration::from_secs(patience), &lines)
}

/// Tells whether a guest that is asked to shut down does so.
fn listens(vm: &Vm, at: Duration) -> bool {
    match vm.power {
        Power::Running(since) => vm.agent.up_after.is_some_and(|after| at.saturating_sub(since) >= after),
        Power::Stopped | Power::Paused(_) => false,
    }
}

/// Lets the changes that waited for the next start take effect.
fn apply_pending(vm: &mut Vm) {
    for (key, value) in std::mem::take(&mut vm.pending).options() {
        vm.config.set(key, value);
    }
}
