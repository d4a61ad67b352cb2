//! The calls that change a VM's configuration, at once or as a task.

use serde_json::{Value, json};

use crate::sandbox::api::guests::options;
use crate::sandbox::api::guests::power::no_skiplock;
use crate::sandbox::api::guests::schema::{self, Needs};
use crate::sandbox::auth::{ROOT, Refusal, names};
use crate::sandbox::cluster::locks::Claim;
use crate::sandbox::cluster::packed;
use crate::sandbox::cluster::vm::is_drive;
use crate::sandbox::cluster::work::{Plan, Scene, Work};
use crate::sandbox::cluster::{Cluster, Config, Reply, Request, Vm};

/// One of these lets a caller ask for changes at all.
const ANY_CHANGE: &[&str] = &[
    "VM.Config.Disk",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.HWType",
    "VM.Config.Options",
    "VM.Config.Cloudinit",
];

/// What is said of a configuration whose digest is not the one that was named.
pub(crate) const CHANGED_MEANWHILE: &str = "checksum mismatch (file change by other user?)";

/// Parameters of the calls that are no options.
const NO_OPTIONS: [&str; 8] = ["node", "vmid", "delete", "digest", "force", "revert", "skiplock", "background_delay"];

/// Who may change a configuration in any way.
pub(crate) fn may(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand_any(request, &format!("/vms/{}", request.text("vmid")), ANY_CHANGE)
}

/// Changes that are asked for.
#[derive(Debug, Clone, Default)]
struct Changes {
    vmid: u32,
    set: Config,
    delete: Vec<String>,
    digest: Option<String>,
    whatever_lock: bool,
}

/// `PUT /nodes/{node}/qemu/{vmid}/config`: at once.
pub(crate) fn put(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let changes = read(cluster, request)?;
    changeable(cluster.vm(request.node(), request.vmid())?, &changes)?;
    cluster.writable(request.node(), request.vmid()).map_err(Refusal::Failed)?;
    apply(cluster, request.node(), request.now.unix, &changes).map_err(Refusal::Failed)?;
    Ok(Value::Null.into())
}

/// `POST /nodes/{node}/qemu/{vmid}/config`: as a task.
pub(crate) fn post(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let changes = read(cluster, request)?;
    changeable(cluster.vm(request.node(), request.vmid())?, &changes)?;
    let hidden = |key: &str, value: &str| if key == "cipassword" { "<hidden>".to_owned() } else { value.to_owned() };
    let words: Vec<String> =
        changes.set.options().map(|(key, value)| format!("-{key} {}", hidden(key, value))).collect();
    let line = format!("update VM {}: {}", request.vmid(), words.join(" "));
    let work = Changing { changes, line };
    Ok(json!(cluster.spawn(request, "qmconfig", request.text("vmid"), work)?).into())
}

/// Reads what is asked for, and checks the rights that it takes.
fn read(cluster: &mut Cluster, request: Request<'_>) -> Result<Changes, Refusal> {
    no_skiplock(request)?;
    let mut changes = Changes {
        vmid: request.vmid(),
        delete: names::list(request.text("delete")).map(str::to_owned).collect(),
        digest: request.get("digest").map(str::to_owned),
        whatever_lock: request.is_on("skiplock"),
        ..Changes::default()
    };
    for (key, value) in request.params.iter().filter(|(key, _)| !NO_OPTIONS.contains(&key.as_str())) {
        // An option that is undefined is not written any more.
        if value == packed::NULL {
            changes.delete.push(key.clone());
            continue;
        }
        let value = if key.starts_with("net") { with_mac(cluster, value) } else { value.clone() };
        changes.set.set(key, value);
    }
    if changes.set.is_empty() && changes.delete.is_empty() && request.get("revert").is_none() {
        return Err(Refusal::Failed("no options specified".to_owned()));
    }
    for option in &changes.delete {
        if changes.set.get(option).is_some() {
            let why = format!("you can't use '-{option}' and -delete {option}' at the same time");
            return Err(Refusal::parameter("delete", why));
        }
        if !schema::exists(option) {
            return Err(Refusal::parameter("delete", format!("unknown option '{option}'")));
        }
        permitted(cluster, request, option)?;
    }
    for (option, _) in changes.set.options() {
        permitted(cluster, request, option)?;
    }
    check_keys(&changes.set)?;
    cluster.check_drives(request, &changes.set)?;
    cluster.check_devices(request.caller, &changes.set)?;
    cluster.check_cards(request.caller, &changes.set)?;
    Ok(changes)
}

/// Demands that public keys are some.
pub(crate) fn check_keys(config: &Config) -> Result<(), Refusal> {
    match config.get("sshkeys").is_none_or(options::are_public_keys) {
        true => Ok(()),
        false => Err(Refusal::Failed("SSH public key validation error".to_owned())),
    }
}

fn permitted(cluster: &Cluster, request: Request<'_>, option: &str) -> Result<(), Refusal> {
    match schema::needs(option) {
        _ if request.caller.subject == ROOT => Ok(()),
        Needs::OneOf(privileges) => cluster.demand_any(request, &format!("/vms/{}", request.vmid()), privileges),
        Needs::Root => Err(only_root(option)),
    }
}

/// What is said of an option that only root may set.
pub(crate) fn only_root(option: &str) -> Refusal {
    Refusal::Failed(format!("only root can set '{option}' config"))
}

/// Gives a network card an address where it has none.
pub(crate) fn with_mac(cluster: &mut Cluster, card: &str) -> String {
    let (first, rest) = card.split_once(',').unwrap_or((card, ""));
    if first.contains('=') || card.contains("macaddr=") {
        return card.to_owned();
    }
    let first = format!("{first}={}", cluster.rng.mac());
    if rest.is_empty() { first } else { format!("{first},{rest}") }
}

fn changeable(vm: &Vm, changes: &Changes) -> Result<(), Refusal> {
    let failed = |why: String| Err(Refusal::Failed(why));
    if changes.digest.as_ref().is_some_and(|digest| *digest != vm.config.digest()) {
        return failed(CHANGED_MEANWHILE.to_owned());
    }
    match vm.lock() {
        Some(lock) if !changes.whatever_lock => failed(format!("VM is locked ({lock})")),
        _ => Ok(()),
    }
}

/// Makes the changes; those that a running VM cannot take wait for its next start.
fn apply(cluster: &mut Cluster, node: &str, unix: u64, changes: &Changes) -> Result<(), String> {
    let mut made = Config::default();
    for (key, value) in changes.set.options() {
        let value = match is_drive(key) {
            true => cluster.make_drive(node, changes.vmid, value, unix)?,
            false => value.to_owned(),
        };
        made.set(key, value);
    }
    let Some(vm) = cluster.vms.get_mut(&changes.vmid) else { return Ok(()) };
    let is_running = vm.is_running();
    for (key, value) in made.options() {
        if is_running && !schema::is_quick(key) {
            vm.pending.set(key, value);
        } else if value.is_empty() {
            vm.config.remove(key);
        } else {
            vm.config.set(key, value);
        }
    }
    for option in &changes.delete {
        vm.pending.remove(option);
        let old = vm.config.get(option).map(str::to_owned);
        vm.config.remove(option);
        if let Some(old) = old.filter(|old| is_drive(option) && old.contains(':') && !old.contains("media=cdrom")) {
            let free = (0..).map(|number: u32| format!("unused{number}")).find(|key| vm.config.get(key).is_none());
            let volume = old.split(',').next().unwrap_or_default().to_owned();
            vm.config.set(&free.unwrap_or_default(), volume);
        }
    }
    Ok(())
}

/// A configuration that is being changed.
#[derive(Debug)]
struct Changing {
    changes: Changes,
    line: String,
}

impl Work for Changing {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::vm(self.changes.vmid)]
    }

    fn begin(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Plan, String> {
        let vm = cluster.vm(&scene.node, self.changes.vmid).map_err(|refusal| refusal.text())?;
        changeable(vm, &self.changes).map_err(|refusal| refusal.text())?;
        cluster.writable(&scene.node, self.changes.vmid)?;
        apply(cluster, &scene.node, scene.unix, &self.changes)?;
        Ok(Plan::of(cluster.task_time / 10, std::slice::from_ref(&self.line)))
    }
}
