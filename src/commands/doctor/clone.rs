//! Whether a clone could succeed: node, template, storage, bridge, and every privilege of the preflight.

use crate::commands::doctor::check::{Check, CheckStatus};
use crate::error::{Error, Operation, PlacementError, PreflightError, StorageState};
use crate::model::foreign::listed;
use crate::model::{NodeName, VmId};
use crate::ops::connection::Connected;
use crate::ops::inventory::{ConfigReads, SourceTemplate, choose_node, other_node_of, unknown_status, vms};
use crate::ops::test_vm::marked::may_be_marked;
use crate::ops::test_vm::options::{Start, TestVmOptions};
use crate::ops::test_vm::permission_check::PermissionCheck;
use crate::ops::test_vm::preflight::require_clonable;
use crate::ops::test_vm::receipt::CloneType;
use crate::ops::test_vm::start_check::StartCheck;
use crate::ops::test_vm::storage_check::StorageCheck;
use crate::pve::privileges::{PlannedClone, Zones, needs, paths};
use crate::pve::{self, CloneFeature, Node, Quorum, Storage, Version, Vm, VmConfig};

/// The checks of this part, in their order.
const IDS: [&str; 10] = [
    "node",
    "quorum",
    "template",
    "cloud-init",
    "guest-agent",
    "linked-clone",
    "storage",
    "bridge",
    "free-vmid",
    "privileges",
];

/// What the server said before anything about the template was known.
pub(super) struct ServerReads {
    pub(super) nodes: Result<Vec<Node>, pve::ApiError>,
    pub(super) version: Result<Version, pve::ApiError>,
    /// The templates, and what goes by the number of one or by the name of a test VM.
    pub(super) vms: Result<Vec<Vm>, pve::ApiError>,
    next_id: Result<VmId, pve::ApiError>,
    /// What the node that is set says of the template.
    named: Option<ConfigReads>,
    quorum: Result<Option<Quorum>, pve::ApiError>,
}

impl ServerReads {
    /// Asks all that needs no other answer, at once.
    pub(super) async fn read(connected: &Connected, options: Option<&TestVmOptions>) -> Self {
        let pve = &connected.pve;
        let named = async {
            match options.map(|options| (&options.node, options.template)) {
                Some((Some(node), template)) => Some(ConfigReads::of(pve, node, template).await),
                _ => None,
            }
        };
        let is_the_template = |vm: &Vm| options.is_some_and(|options| options.template == vm.vmid);
        let is_wanted = |vm: &Vm| vm.is_template || is_the_template(vm) || may_be_marked(vm);
        let vms = vms(pve, &is_wanted);
        let (nodes, version, vms, next_id, named, quorum) =
            tokio::join!(pve.nodes(), pve.version(), vms, pve.next_id(), named, pve.quorum());
        Self { nodes, version, vms, next_id, named, quorum }
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

/// Makes the checks. What depends on something that could not be read is not checked.
pub(super) async fn checks(
    connected: &Connected,
    options: &TestVmOptions,
    variable: String,
    mut inside: ServerReads,
) -> Vec<Check> {
    let free = free_vmid(&inside.next_id);
    let (node, mut checks) = match chosen_node(options, &inside.nodes, &variable) {
        Ok(node) => {
            let warning = unknown_status(inside.nodes.as_deref().unwrap_or_default(), &node);
            let check = match warning {
                Some(warning) => Check::warning("node", warning),
                None => Check::ok("node", format!("node {node} is online")).with_short_text(format!("node {node}")),
            };
            (node, vec![check, quorum(&inside.quorum)])
        }
        Err(why) => {
            let mut checks = vec![Check::failed("node", &why), quorum(&inside.quorum)];
            checks.extend(skipped("the node is not known").split_off(2));
            return checks;
        }
    };
    let found = match find(connected, options, &node, &mut inside).await {
        Ok(found) => found,
        Err(why) => {
            checks.push(without_template(&why));
            checks.extend(skipped("the template could not be read").drain(3..8));
            checks.push(free);
            checks.push(Check::skipped("privileges", "the required privileges depend on the template"));
            return checks;
        }
    };
    let config = found.as_ref().map(|found| &found.config);
    let (privileges, start) =
        tokio::join!(privileges(connected, options, &inside, config), start_check(connected, &inside, &node, config));
    match &found {
        Some(found) => {
            let storages = Storages::read(connected, options, &node, found).await;
            let may_use = privileges.status == CheckStatus::Ok;
            let start = start.as_ref().map(|check| StartReads { check, may_use });
            checks.push(template_check(connected, options, found, &storages).with_devices(found, start.as_ref()));
            checks.extend([cloud_init(found), agent(options.template, found), linked(options.template, found)]);
            checks.push(storages.check(found, &node, may_use));
            checks.push(bridge(found, start.as_ref()).await);
        }
        None => {
            checks.push(hidden(options.template));
            checks.extend(skipped("the template could not be read").drain(3..8));
        }
    }
    checks.push(free);
    checks.push(privileges);
    checks
}

/// Says why there is no template, and how another one is chosen.
fn without_template(why: &Error) -> Check {
    let check = Check::failed("template", why);
    let Error::Placement(PlacementError::NoTemplate { known, .. } | PlacementError::NotATemplate { known, .. }) = why
    else {
        return check;
    };
    let Some(first) = known.first().and_then(|template| template.split(' ').next()) else { return check };
    let visible = format!("visible templates: {}", listed(known));
    Check { fix: Vec::new(), ..check }
        .with_detail(visible)
        .with_command(format!("glassdome setup --ubuntu-2204-template-id {first}"))
}

/// Says whether the cluster can change anything. Most tokens may not read that.
fn quorum(read: &Result<Option<Quorum>, pve::ApiError>) -> Check {
    match read {
        Ok(Some(Quorum::Present)) => Check::ok("quorum", "the cluster has a quorum"),
        Ok(Some(Quorum::Lost)) => Check::failed("quorum", &PreflightError::NoQuorum.into()),
        Ok(None) => Check::ok("quorum", "the server is in no cluster, so no quorum is needed"),
        Err(why) if why.is_forbidden() => Check::inapplicable("quorum", "not visible without Sys.Audit on /"),
        Err(why) => {
            Check::unknown("quorum", "the status of the cluster could not be read").with_detail(why.to_string())
        }
    }
}

fn free_vmid(next_id: &Result<VmId, pve::ApiError>) -> Check {
    match next_id {
        Ok(vmid) => Check::ok("free-vmid", format!("VMID {vmid} is free")),
        Err(why) => Check::failed("free-vmid", &Error::server(Operation::FindId, why.clone())),
    }
}

/// Decides on the node as every other command does.
fn chosen_node(
    options: &TestVmOptions,
    nodes: &Result<Vec<Node>, pve::ApiError>,
    variable: &str,
) -> Result<NodeName, Error> {
    let nodes = nodes.as_ref().map_err(|why| Error::server(Operation::ReadNodes, why.clone()))?;
    choose_node(nodes, options.node.as_ref(), variable)
}

/// Finds the template, on the node first and then on every other; nothing where it may not be read.
async fn find(
    connected: &Connected,
    options: &TestVmOptions,
    node: &NodeName,
    inside: &mut ServerReads,
) -> Result<Option<TemplateFound>, Error> {
    let vmid = options.template;
    let pve = &connected.pve;
    let failed = |why: &pve::ApiError| Error::server(Operation::ReadTemplate(vmid), why.clone());
    let reading = match inside.named.take() {
        Some(reading) => reading,
        None => ConfigReads::of(pve, node, vmid).await,
    };
    match &reading.config {
        Ok(config) => return Ok(Some(TemplateFound { node: node.clone(), config: config.clone(), reading })),
        Err(refused) if refused.is_forbidden() => return Ok(None),
        Err(refused) if refused.is_missing_config() => {}
        Err(why) => return Err(failed(why)),
    }
    let nodes = inside.nodes.as_deref().unwrap_or_default();
    let vms = inside.vms.as_ref().map_err(|why| Error::server(Operation::ReadVms, why.clone()))?;
    let elsewhere = other_node_of(pve, nodes, vms, node, vmid).await?;
    let reading = ConfigReads::of(pve, &elsewhere, vmid).await;
    match &reading.config {
        Ok(config) => Ok(Some(TemplateFound { node: elsewhere, config: config.clone(), reading })),
        Err(why) => Err(failed(why)),
    }
}

/// What is known of the storages of the template.
struct Storages {
    /// The template with them, or why they could not be read.
    template: Result<SourceTemplate, Error>,
    /// Why it cannot be cloned on the node.
    immovable: Option<Error>,
    /// What a clone there lacks, and what should be known.
    problem: Option<Error>,
    warnings: Vec<String>,
}

impl Storages {
    async fn read(connected: &Connected, options: &TestVmOptions, node: &NodeName, found: &TemplateFound) -> Self {
        let storages = found.reading.storages.clone();
        let storages = storages.map_err(|why| Error::server(Operation::ReadStorages(found.node.clone()), why));
        let feature = found.reading.feature.clone();
        let mut read = Self { template: Ok(blank(found)), immovable: None, problem: None, warnings: Vec::new() };
        match (storages, feature) {
            (Err(why), _) => read.template = Err(why),
            (Ok(storages), feature) => {
                let feature = feature.unwrap_or(CloneFeature { can_link: false, nodes: None });
                let template = SourceTemplate { storages, feature, ..blank(found) };
                read.examine(connected, options, node, &template).await;
                read.template = Ok(template);
            }
        }
        read
    }

    async fn examine(
        &mut self,
        connected: &Connected,
        options: &TestVmOptions,
        node: &NodeName,
        template: &SourceTemplate,
    ) {
        match StorageCheck::new(&connected.pve, template, node).await {
            Err(why) => self.problem = Some(why),
            Ok(mut check) => {
                self.immovable = check.require_movable(options).err();
                let mode = if template.feature.can_link { CloneType::Linked } else { CloneType::Full };
                self.problem = check.require_usable(mode, None, options.start).err();
                self.warnings = check.warnings;
            }
        }
    }

    fn check(&self, found: &TemplateFound, node: &NodeName, may_use: bool) -> Check {
        let template = match &self.template {
            Ok(template) => template,
            Err(why) => return Check::failed("storage", why),
        };
        let names = found.config.disk_storages();
        let free: Vec<String> = template
            .storages
            .iter()
            .filter(|storage| names.iter().any(|name| *name == *storage.name.as_str()))
            .map(free)
            .collect();
        match &self.problem {
            Some(Error::Preflight(PreflightError::StorageUnavailable {
                storage, why: StorageState::Absent, ..
            })) if !may_use => {
                Check::unknown("storage", format!("{storage} is not visible (Datastore.Audit), or not on {node}"))
            }
            Some(why) => Check::failed("storage", why).with_details(free),
            None if names.is_empty() => {
                Check::warning("storage", "the template has no disk: its clones do not test any storage")
            }
            None if !self.warnings.is_empty() => Check::warning("storage", self.warnings.join("; ")).with_details(free),
            None => {
                let storages = listed(&names);
                Check::ok("storage", format!("{storages} has enough space for a clone"))
                    .with_details(free)
                    .with_short_text(format!("storage {storages}"))
            }
        }
    }
}

fn blank(found: &TemplateFound) -> SourceTemplate {
    SourceTemplate {
        node: found.node.clone(),
        config: found.config.clone(),
        feature: CloneFeature { can_link: false, nodes: None },
        storages: Vec::new(),
    }
}

fn template_check(connected: &Connected, options: &TestVmOptions, found: &TemplateFound, storages: &Storages) -> Check {
    let (vmid, config) = (options.template, &found.config);
    let name = config.name().unwrap_or_default();
    if !config.is_template() {
        let error = Error::Placement(PlacementError::NotATemplate { vmid, name, known: Vec::new() });
        return Check::failed("template", &error);
    }
    if let Err(why) = require_clonable(vmid, config, &connected.caller) {
        return Check::failed("template", &why.into());
    }
    if let Some(immovable) = &storages.immovable {
        return Check::failed("template", immovable);
    }
    let disks: Vec<String> = config
        .disks()
        .map(|disk| {
            let size = disk.size.map(|size| format!("{size} ")).unwrap_or_default();
            format!("{} {size}on {}", disk.bus, disk.storage)
        })
        .collect();
    let check = Check::ok("template", format!("template {vmid} ({name}) is on {}", found.node))
        .with_details(disks)
        .with_short_text(format!("template {vmid} ({name})"));
    match found.reading.feature.as_ref().ok().and_then(|feature| feature.nodes.as_ref()) {
        Some(nodes) if nodes.len() > 1 => check.with_detail(format!("can be cloned from {}", listed(nodes))),
        _ => check,
    }
}

fn hidden(template: VmId) -> Check {
    Check::unknown("template", format!("VM {template} is not readable: VM.Audit on /vms/{template} is missing"))
        .with_detail("it may not exist or not be a template; see the privileges below")
}

fn cloud_init(found: &TemplateFound) -> Check {
    if found.config.has_cloud_init() {
        return Check::ok("cloud-init", "the template has a cloud-init drive");
    }
    Check::warning(
        "cloud-init",
        "the template has no cloud-init drive: its clones are not assigned an IP address or SSH keys",
    )
}

fn agent(template: VmId, found: &TemplateFound) -> Check {
    if found.config.agent_enabled() {
        return Check::ok("guest-agent", "the guest agent is enabled in the template");
    }
    Check::warning(
        "guest-agent",
        "the guest agent is disabled in the template: the IP addresses of clones cannot be queried",
    )
    .with_hint("as root on its node:")
    .with_command(format!("qm set {template} --agent 1"))
}

fn linked(template: VmId, found: &TemplateFound) -> Check {
    match found.reading.feature.as_ref().map(|feature| feature.can_link) {
        Ok(true) => Check::ok("linked-clone", "its storage supports linked clones").with_short_text("linked clone"),
        Ok(false) => {
            Check::warning("linked-clone", "its storage does not support linked clones: each clone copies the disk")
        }
        Err(why) => Check::failed("linked-clone", &Error::server(Operation::ReadTemplate(template), why.clone())),
    }
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

/// What the node of the clone has for its start, and whether the caller may use it.
struct StartReads<'a> {
    check: &'a StartCheck<'a>,
    may_use: bool,
}

/// Reads what the start of a clone needs; nothing where the template or the version is not known.
async fn start_check<'a>(
    connected: &'a Connected,
    inside: &ServerReads,
    node: &'a NodeName,
    config: Option<&VmConfig>,
) -> Option<StartCheck<'a>> {
    let (config, version) = (config?, inside.version.as_ref().ok()?);
    let hardware = config.hardware(&Zones::new()).ok();
    Some(StartCheck::read(&connected.pve, version.major(), node, hardware.as_ref()).await)
}

impl Check {
    /// Adds what the node of the clone says of mapped devices, which are listed only for those who may use them.
    fn with_devices(self, found: &TemplateFound, start: Option<&StartReads<'_>>) -> Self {
        match start {
            Some(start) if start.may_use && self.status == CheckStatus::Ok => {
                match start.check.require_devices(&found.config) {
                    Ok(warnings) => self.with_details(warnings),
                    Err(why) => Self::failed("template", &why),
                }
            }
            _ => self,
        }
    }
}

async fn bridge(found: &TemplateFound, start: Option<&StartReads<'_>>) -> Check {
    let bridges = found.config.bridges();
    if bridges.is_empty() {
        return Check::warning("bridge", "the template has no network card on a bridge");
    }
    let Some(start) = start else { return Check::skipped("bridge", "the version of the server is not known") };
    match start.check.require_bridges(&found.config).await {
        Ok(warnings) if warnings.is_empty() => Check::ok("bridge", format!("{} exists", listed(&bridges)))
            .with_short_text(format!("bridge {}", listed(&bridges))),
        Ok(warnings) => Check::warning("bridge", warnings.join("; ")),
        Err(Error::Preflight(PreflightError::BridgeUnseen { bridge, node, .. })) if !start.may_use => {
            Check::unknown("bridge", format!("{bridge} is not visible (SDN.Use), or not on {node}"))
        }
        Err(why) => Check::failed("bridge", &why),
    }
}

async fn privileges(
    connected: &Connected,
    options: &TestVmOptions,
    inside: &ServerReads,
    config: Option<&VmConfig>,
) -> Check {
    let version = match &inside.version {
        Ok(version) => version,
        Err(why) => {
            return Check::failed("privileges", &Error::connecting(connected.pve.endpoint(), why.clone()));
        }
    };
    let vmid = match inside.next_id {
        Ok(vmid) => vmid,
        Err(_) => return Check::skipped("privileges", "no free VMID was found"),
    };
    let mut rights = PlannedClone {
        major: version.major(),
        template: options.template,
        new: vmid,
        pool: options.pool.clone(),
        storage: None,
        hardware: config.and_then(|config| config.hardware(&Zones::new()).ok()),
        start: options.start != Start::No,
        links_down: false,
        wait_ip: false,
    };
    let asked = PermissionCheck { pve: &connected.pve, caller: &connected.caller };
    match asked.find_missing(&mut rights, config).await {
        Ok(None) => {
            let needs = needs(&rights);
            let all = format!("all {} required privileges", needs.len());
            Check::ok("privileges", format!("{all} present"))
                .with_short_text(all)
                .with_detail(format!("on {}", joined(&paths(&needs))))
        }
        Ok(Some(problem)) => Check::failed("privileges", &problem),
        Err(why) => Check::failed("privileges", &why),
    }
}

fn joined(paths: &std::collections::BTreeSet<crate::pve::privileges::AclPath>) -> String {
    paths.iter().map(crate::pve::privileges::AclPath::as_str).collect::<Vec<_>>().join(", ")
}
