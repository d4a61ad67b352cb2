//! Whether a clone could succeed: node, template, storage, bridge, and every privilege of the preflight.

use crate::commands::doctor::check::Check;
use crate::error::{Error, Operation, PlacementError};
use crate::model::foreign::listed;
use crate::model::{Foreign, NodeName, VmId};
use crate::ops::connection::Connected;
use crate::ops::inventory::{ConfigReads, known_online, known_templates};
use crate::ops::test_vm::marked::may_be_marked;
use crate::ops::test_vm::options::{Start, TestVmOptions};
use crate::ops::test_vm::permission_check::PermissionCheck;
use crate::pve::privileges::{CloneOrder, Zones, needs, paths};
use crate::pve::{self, Interface, Node, Storage, Version, Vm, VmConfig};

/// The checks of this part, in their order.
const IDS: [&str; 8] =
    ["node", "template", "cloud-init", "guest-agent", "linked-clone", "storage", "bridge", "privileges"];

/// What the server said before anything about the template was known.
pub(super) struct ServerReads {
    pub(super) nodes: Result<Vec<Node>, pve::ApiError>,
    pub(super) version: Result<Version, pve::ApiError>,
    /// The templates, and what goes by the number of one or by the name of a test VM.
    pub(super) vms: Result<Vec<Vm>, pve::ApiError>,
    next_id: Result<VmId, pve::ApiError>,
    /// What the node that is set says of the template.
    named: Option<ConfigReads>,
}

impl ServerReads {
    /// Asks all that needs no other answer, at once.
    pub(super) async fn read(connected: &Connected, order: Option<&TestVmOptions>) -> Self {
        let pve = &connected.pve;
        let named = async {
            match order.map(|order| (&order.node, order.template)) {
                Some((Some(node), template)) => Some(ConfigReads::of(pve, node, template).await),
                _ => None,
            }
        };
        let is_the_template = |vm: &Vm| order.is_some_and(|order| order.template == vm.vmid);
        let vms = pve.vms_where(|vm| vm.is_template || is_the_template(vm) || may_be_marked(vm));
        let (nodes, version, vms, next_id, named) = tokio::join!(pve.nodes(), pve.version(), vms, pve.next_id(), named);
        Self { nodes, version, vms, next_id, named }
    }
}

/// Says of all checks of this part that they were not made.
pub(super) fn skipped(why: &str) -> Vec<Check> {
    IDS.iter().map(|id| Check::skipped(id, why)).collect()
}

/// The template as it was found.
struct TemplateFound {
    node: NodeName,
    config: VmConfig,
    reading: ConfigReads,
}

/// Makes the checks.
pub(super) async fn checks(
    connected: &Connected,
    order: &TestVmOptions,
    variable: String,
    mut inside: ServerReads,
) -> Vec<Check> {
    let (node, mut checks) = match which(order, &inside.nodes, variable) {
        Ok(node) => {
            let check = Check::ok("node", format!("node {node} is online"));
            (Some(node), vec![check])
        }
        Err(why) => (order.node.clone(), vec![Check::failed("node", &why)]),
    };
    let Some(node) = node else {
        checks.extend(skipped("no node is known").split_off(1));
        return checks;
    };
    let found = find(connected, order, &node, &mut inside).await;
    let (check, found) = match found {
        Ok(Some(found)) => (there(order, &node, &found), Some(found)),
        Ok(None) => (hidden(order.template), None),
        Err(why) => (Check::failed("template", &why), None),
    };
    checks.push(check);
    let config = found.as_ref().map(|found| &found.config);
    let on = found.as_ref().map_or(&node, |found| &found.node);
    let (privileges, interfaces) =
        tokio::join!(privileges(connected, order, &inside, config), connected.pve.interfaces(on));
    match &found {
        Some(found) => {
            checks.extend([cloud_init(found), agent(order.template, found), linked(order.template, found)]);
            checks.push(storage(found, size(&inside, order.template)));
            checks.push(bridge(found, &interfaces));
        }
        None => checks.extend(skipped("the template could not be read").drain(2..7)),
    }
    checks.push(privileges);
    checks
}

/// Decides on the node as every other command does.
fn which(order: &TestVmOptions, nodes: &Result<Vec<Node>, pve::ApiError>, variable: String) -> Result<NodeName, Error> {
    let nodes = nodes.as_ref().map_err(|why| Error::server(Operation::ReadNodes, why.clone()))?;
    match (&order.node, nodes.as_slice()) {
        (Some(node), all) => known_online(all, node).map(|()| node.clone()),
        (None, [only]) => known_online(nodes, &only.name).map(|()| only.name.clone()),
        (None, _) => Err(Error::Placement(PlacementError::WhichNode {
            nodes: nodes.iter().map(|node| node.name.to_string()).collect(),
            variable,
        })),
    }
}

/// Finds the template, on the node first and then on every other; nothing where it may not be read.
async fn find(
    connected: &Connected,
    order: &TestVmOptions,
    node: &NodeName,
    inside: &mut ServerReads,
) -> Result<Option<TemplateFound>, Error> {
    let vmid = order.template;
    let failed = |why: &pve::ApiError| Error::server(Operation::ReadTemplate(vmid), why.clone());
    let reading = match inside.named.take() {
        Some(reading) => reading,
        None => ConfigReads::of(&connected.pve, node, vmid).await,
    };
    match &reading.config {
        Ok(config) => return Ok(Some(TemplateFound { node: node.clone(), config: config.clone(), reading })),
        Err(refused) if refused.is_forbidden() => return Ok(None),
        Err(refused) if refused.is_missing_config() => {}
        Err(why) => return Err(failed(why)),
    }
    let vms = inside.vms.as_ref().map_err(|why| Error::server(Operation::ReadVms, why.clone()))?;
    let Some(elsewhere) = vms.iter().find(|vm| vm.vmid == vmid && vm.node != *node) else {
        return Err(Error::Placement(PlacementError::NoTemplate { template: vmid, known: known_templates(vms) }));
    };
    let reading = ConfigReads::of(&connected.pve, &elsewhere.node, vmid).await;
    match &reading.config {
        Ok(config) => Ok(Some(TemplateFound { node: elsewhere.node.clone(), config: config.clone(), reading })),
        Err(why) => Err(failed(why)),
    }
}

fn there(order: &TestVmOptions, node: &NodeName, found: &TemplateFound) -> Check {
    let (vmid, config) = (order.template, &found.config);
    let name = config.name().unwrap_or_default();
    if !config.is_template() {
        let error = Error::Placement(PlacementError::NotATemplate { vmid, name, known: Vec::new() });
        return Check::failed("template", &error);
    }
    let disks: Vec<String> = config
        .disks()
        .map(|disk| {
            let size = disk.size.map(|size| format!("{size} ")).unwrap_or_default();
            format!("{} {size}on {}", disk.bus, disk.storage)
        })
        .collect();
    let summary = format!("template {vmid} ({}) is on {}", name, found.node);
    if found.node != *node
        && let Some(disk) = local_disk(found)
    {
        let on = found.node.clone();
        let error = Error::Placement(PlacementError::TemplateElsewhere {
            template: vmid,
            on,
            node: node.clone(),
            storage: disk,
        });
        return Check::failed("template", &error);
    }
    let check = match config.lock() {
        Some(lock) => Check::warning("template", format!("{summary}, and is locked ({lock})")),
        None => Check::ok("template", summary),
    };
    check.with(disks)
}

/// Names the storage that ties the template to its node, where there is one.
fn local_disk(found: &TemplateFound) -> Option<Foreign> {
    let storages = found.reading.storages.as_ref().map(Vec::as_slice).unwrap_or_default();
    let is_shared = |name: &Foreign| storages.iter().any(|it| *name == *it.name.as_str() && it.shared);
    found.config.volumes().find(|volume| !is_shared(&volume.storage)).map(|volume| volume.storage)
}

fn hidden(template: VmId) -> Check {
    Check::unknown("template", format!("VM {template} may not be read: VM.Audit on /vms/{template} is missing"))
        .and("whether it exists and is a template cannot be told from here; see the privileges below")
}

fn cloud_init(found: &TemplateFound) -> Check {
    if found.config.has_cloud_init() {
        return Check::ok("cloud-init", "the template has a drive for cloud-init");
    }
    Check::warning(
        "cloud-init",
        "the template has no drive for cloud-init: clones get no address and no key of their own",
    )
}

fn agent(template: VmId, found: &TemplateFound) -> Check {
    if found.config.agent_enabled() {
        return Check::ok("guest-agent", "the template has the guest agent switched on");
    }
    Check::warning(
        "guest-agent",
        "the template has the guest agent switched off: no clone can be asked for its address",
    )
    .say("as root on its node:")
    .run(format!("qm set {template} --agent 1"))
}

fn linked(template: VmId, found: &TemplateFound) -> Check {
    match &found.reading.can_link {
        Ok(true) => Check::ok("linked-clone", "its storage can share the template's disk"),
        Ok(false) => {
            Check::warning("linked-clone", "its storage cannot share the template's disk: each clone copies it")
        }
        Err(why) => {
            let error = Error::server(Operation::ReadTemplate(template), why.clone());
            Check::unknown("linked-clone", error.to_string()).and(why.to_string())
        }
    }
}

/// Gives how large a full clone would be, in bytes.
fn size(inside: &ServerReads, template: VmId) -> Option<u64> {
    let vms = inside.vms.as_ref().ok()?;
    vms.iter().find(|vm| vm.vmid == template).map(|vm| vm.disk).filter(|bytes| *bytes > 0)
}

fn storage(found: &TemplateFound, size: Option<u64>) -> Check {
    let storages = match &found.reading.storages {
        Ok(storages) => storages,
        Err(why) => return Check::unknown("storage", "the storages could not be read").and(why.to_string()),
    };
    let mut names: Vec<Foreign> = found.config.disks().map(|disk| disk.storage).collect();
    names.dedup();
    let mut troubles = Vec::new();
    let mut lines = Vec::new();
    for name in &names {
        match storages.iter().find(|storage| *name == *storage.name.as_str()) {
            None => troubles.push(format!("{name} is not visible (Datastore.Audit), or not on {}", found.node)),
            Some(storage) => match trouble(storage, size, found.reading.can_link.as_ref().is_ok_and(|can| *can)) {
                Some(trouble) => troubles.push(format!("{name} {trouble}")),
                None => lines.push(free(storage)),
            },
        }
    }
    if troubles.is_empty() {
        return Check::ok("storage", format!("{} can take a clone", listed(&names))).with(lines);
    }
    Check::warning("storage", troubles.remove(0)).with(troubles).with(lines)
}

fn trouble(storage: &Storage, size: Option<u64>, can_link: bool) -> Option<String> {
    if !storage.is_active {
        return Some("is not active".to_owned());
    }
    if !storage.holds("images") {
        return Some("may not hold disks of VMs (content `images`)".to_owned());
    }
    let (available, size) = (storage.available?, size?);
    let what = if can_link { "a full clone" } else { "a clone" };
    (available < size).then(|| format!("has {} free, less than the {} of {what}", bytes(available), bytes(size)))
}

fn free(storage: &Storage) -> String {
    let free =
        storage.available.map_or_else(|| "free space unknown".to_owned(), |free| format!("{} free", bytes(free)));
    format!("{}: {free}", storage.name)
}

/// Writes a size in GiB, as the web interface does.
fn bytes(count: u64) -> String {
    let tenths = u128::from(count) * 10 / (1 << 30);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

fn bridge(found: &TemplateFound, interfaces: &Result<Vec<Interface>, pve::ApiError>) -> Check {
    let interfaces = match interfaces {
        Ok(interfaces) => interfaces,
        Err(why) => return Check::unknown("bridge", "the network of the node could not be read").and(why.to_string()),
    };
    let bridges = found.config.bridges();
    if bridges.is_empty() {
        return Check::warning("bridge", "the template has no network card on a bridge");
    }
    let state = |bridge: &Foreign| interfaces.iter().find(|it| *bridge == *it.name.as_str()).map(|it| it.is_active);
    let absent: Vec<&Foreign> = bridges.iter().filter(|bridge| state(bridge).is_none()).collect();
    let down: Vec<&Foreign> = bridges.iter().filter(|bridge| state(bridge) == Some(false)).collect();
    match (absent.as_slice(), down.as_slice()) {
        ([], []) => Check::ok("bridge", format!("{} is there", listed(&bridges))),
        ([], [down, ..]) => Check::warning("bridge", format!("{down} is down on {}", found.node)),
        ([absent, ..], _) => Check::warning(
            "bridge",
            format!("{absent} is no bridge of {}: unless it is a vnet, no clone can be started", found.node),
        ),
    }
}

async fn privileges(
    connected: &Connected,
    order: &TestVmOptions,
    inside: &ServerReads,
    config: Option<&VmConfig>,
) -> Check {
    let version = match &inside.version {
        Ok(version) => version,
        Err(why) => return Check::unknown("privileges", "the version is not known").and(why.to_string()),
    };
    let vmid = match inside.next_id {
        Ok(vmid) => vmid,
        Err(ref why) => return Check::unknown("privileges", "no free VMID could be found").and(why.to_string()),
    };
    let mut rights = CloneOrder {
        major: version.major(),
        template: order.template,
        new: vmid,
        pool: order.pool.clone(),
        storage: None,
        hardware: config.and_then(|config| config.hardware(&Zones::new()).ok()),
        start: order.start != Start::No,
        links_down: false,
        wait_ip: false,
    };
    let asked = PermissionCheck { pve: &connected.pve, caller: &connected.caller };
    match asked.find_missing(&mut rights, config).await {
        Ok(None) => {
            let needs = needs(&rights);
            Check::ok("privileges", format!("nothing is missing of the {} that a clone needs", needs.len()))
                .and(format!("on {}", joined(&paths(&needs))))
        }
        Ok(Some(lacking)) => Check::failed("privileges", &lacking),
        Err(why) => Check::failed("privileges", &why),
    }
}

fn joined(paths: &std::collections::BTreeSet<crate::pve::privileges::AclPath>) -> String {
    paths.iter().map(crate::pve::privileges::AclPath::as_str).collect::<Vec<_>>().join(", ")
}
