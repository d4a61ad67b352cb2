//! The call that makes a VM out of nothing, or out of an image.

use serde_json::json;

use crate::sandbox::api::guests::clone_log::progress;
use crate::sandbox::api::guests::config::{only_root, with_mac};
use crate::sandbox::api::guests::drives::{Wanted, wanted};
use crate::sandbox::api::guests::schema::{self, Needs};
use crate::sandbox::auth::{ROOT, Refusal};
use crate::sandbox::cluster::locks::Claim;
use crate::sandbox::cluster::packed;
use crate::sandbox::cluster::vm::is_drive;
use crate::sandbox::cluster::work::{Plan, Scene, Work};
use crate::sandbox::cluster::{Cluster, Config, Power, Reply, Request, Vm};

/// Parameters of the call that are no options.
const NO_OPTIONS: [&str; 12] = [
    "node",
    "vmid",
    "archive",
    "bwlimit",
    "force",
    "ha-managed",
    "import-working-storage",
    "live-restore",
    "pool",
    "start",
    "storage",
    "unique",
];

/// `POST /nodes/{node}/qemu`.
pub(crate) fn create(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let vmid = request.vmid();
    if let Some(pool) = request.get("pool") {
        cluster.check_pool(pool)?;
    }
    let by_pool =
        request.get("pool").is_some_and(|pool| cluster.allows(request, &format!("/pool/{pool}"), &["VM.Allocate"]));
    if !by_pool && !cluster.allows(request, &format!("/vms/{vmid}"), &["VM.Allocate"]) {
        return Err(Refusal::Forbidden(None));
    }
    if let Some(archive) = request.get("archive") {
        return Err(Refusal::Failed(format!("unable to restore '{archive}': no backups are kept here")));
    }
    let mut order = Config::default();
    let defined = request.params.iter().filter(|(_, value)| *value != packed::NULL);
    for (key, value) in defined.filter(|(key, _)| !NO_OPTIONS.contains(&key.as_str())) {
        order.set(key, value);
    }
    crate::sandbox::api::guests::config::check_keys(&order)?;
    cluster.check_drives(request, &order)?;
    permitted(cluster, request, &order)?;
    cluster.check_devices(request.caller, &order)?;
    cluster.check_cards(request.caller, &order)?;
    cluster.check_quorum()?;
    if cluster.vms.contains_key(&vmid) {
        return Err(Refusal::Failed(taken(cluster, vmid)));
    }
    let work = Creating {
        vmid,
        order,
        pool: request.get("pool").map(str::to_owned),
        starts: request.is_on("start"),
        config: Config::default(),
    };
    Ok(json!(cluster.spawn(request, "qmcreate", &vmid.to_string(), work)?).into())
}

fn taken(cluster: &Cluster, vmid: u32) -> String {
    let node = cluster.vms.get(&vmid).map(|vm| vm.node.as_str()).unwrap_or_default();
    format!("unable to create VM {vmid} - VM {vmid} already exists on node '{node}'")
}

/// Checks every option; in a pool the rights at the pool count too.
fn permitted(cluster: &Cluster, request: Request<'_>, order: &Config) -> Result<(), Refusal> {
    for (option, _) in order.options().filter(|(option, _)| !is_drive(option)) {
        match schema::needs(option) {
            _ if request.caller.subject == ROOT => {}
            Needs::Root => return Err(only_root(option)),
            Needs::OneOf(privileges) => {
                let in_pool = request.get("pool").map(|pool| format!("/pool/{pool}"));
                if !in_pool.is_some_and(|pool| cluster.allows(request, &pool, privileges)) {
                    cluster.demand_any(request, &format!("/vms/{}", request.vmid()), privileges)?;
                }
            }
        }
    }
    Ok(())
}

/// A VM that is being made.
#[derive(Debug)]
struct Creating {
    vmid: u32,
    order: Config,
    pool: Option<String>,
    starts: bool,
    config: Config,
}

impl Creating {
    fn roll_back(&self, cluster: &mut Cluster, node: &str) {
        for drive in self.config.drives() {
            let mine = cluster.volume(node, &drive.volume).is_some_and(|volume| volume.vmid == Some(self.vmid));
            if mine {
                cluster.free_volume(node, &drive.volume);
            }
        }
        cluster.vms.remove(&self.vmid);
    }
}

impl Work for Creating {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::vm(self.vmid)]
    }

    fn begin(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Plan, String> {
        if let Some(rival) = cluster.rivals.remove(&self.vmid) {
            cluster.vms.insert(self.vmid, rival);
        }
        if cluster.vms.contains_key(&self.vmid) {
            return Err(taken(cluster, self.vmid));
        }
        cluster.vms.insert(self.vmid, Vm::new(&scene.node, Config::of(&[("lock", "create")])));
        let mut plan = Plan::of(cluster.task_time / 4, &[]);
        let order = self.order.clone();
        for (key, value) in order.options() {
            let made = match is_drive(key) {
                true => cluster.make_drive(&scene.node, self.vmid, value, scene.unix),
                false if key.starts_with("net") => Ok(with_mac(cluster, value)),
                false => Ok(value.to_owned()),
            };
            match made {
                Ok(made) => self.config.set(key, made),
                Err(why) => {
                    self.roll_back(cluster, &scene.node);
                    return Err(format!("unable to create VM {} - {why}", self.vmid));
                }
            }
            if let Wanted::Import { image, .. } = wanted(value)
                && let Some(drive) = self.config.drives().into_iter().find(|drive| drive.slot == key)
            {
                plan.length = cluster.task_time;
                plan.lines.push((std::time::Duration::ZERO, format!("create full clone of drive ({image})")));
                plan.lines.extend(progress(cluster, &scene.node, &drive.volume, plan.length));
            }
        }
        self.config.set("meta", format!("creation-qemu=10.1.2,ctime={}", scene.unix));
        if self.config.get("smbios1").is_none() {
            self.config.set("smbios1", format!("uuid={}", cluster.rng.uuid()));
        }
        if self.config.get("vmgenid").is_none_or(|value| value == "1") {
            self.config.set("vmgenid", cluster.rng.uuid());
        }
        if self.config.get("boot").is_none() {
            let mut order: Vec<String> = self.config.drives().into_iter().map(|drive| drive.slot).collect();
            order.extend(self.config.cards().into_iter().map(|(card, _)| card.to_owned()).take(1));
            self.config.set("boot", format!("order={}", order.join(";")));
        }
        Ok(plan)
    }

    fn finish(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Vec<String>, String> {
        let mut vm = Vm::new(&scene.node, self.config.clone());
        let mut lines = Vec::new();
        if self.starts {
            lines.push("Execute autostart".to_owned());
            vm.power = Power::Running(scene.at);
        }
        cluster.vms.insert(self.vmid, vm);
        if let Some(pool) = &self.pool {
            cluster.access.add_vm_to_pool(pool, self.vmid);
        }
        Ok(lines)
    }

    fn interrupted(&mut self, cluster: &mut Cluster) -> String {
        let node = cluster.vms.get(&self.vmid).map(|vm| vm.node.clone()).unwrap_or_default();
        self.roll_back(cluster, &node);
        format!("unable to create VM {} - interrupted by signal", self.vmid)
    }
}
