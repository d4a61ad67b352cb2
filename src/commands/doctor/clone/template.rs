//! The template: where it is, and what a clone of it gets.

use super::ServerReads;
use super::storages::Storages;
use crate::commands::doctor::check::Check;
use crate::error::{Error, Operation, PlacementError};
use crate::model::foreign::listed;
use crate::model::{NodeName, VmId};
use crate::ops::connection::Connected;
use crate::ops::inventory::{ConfigReads, other_node_of};
use crate::ops::test_vm::options::TestVmOptions;
use crate::ops::test_vm::preflight::require_clonable;
use crate::pve::{self, VmConfig};

/// The template as it was found.
pub(super) struct TemplateFound {
    pub(super) node: NodeName,
    pub(super) config: VmConfig,
    pub(super) reading: ConfigReads,
}

/// Reports why there is no template, and how to choose another one.
pub(super) fn without_template(why: &Error) -> Check {
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

/// Finds the template, on the node first and then on every other; `None` if it may not be read.
pub(super) async fn find(
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

pub(super) fn template_check(
    connected: &Connected,
    options: &TestVmOptions,
    found: &TemplateFound,
    storages: &Storages,
) -> Check {
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

pub(super) fn hidden(template: VmId) -> Check {
    Check::unknown("template", format!("VM {template} is not readable: VM.Audit on /vms/{template} is missing"))
        .with_detail("it may not exist or not be a template; see the privileges below")
}

pub(super) fn cloud_init(found: &TemplateFound) -> Check {
    if found.config.has_cloud_init() {
        return Check::ok("cloud-init", "the template has a cloud-init drive");
    }
    Check::warning(
        "cloud-init",
        "the template has no cloud-init drive: its clones are not assigned an IP address or SSH keys",
    )
}

pub(super) fn agent(template: VmId, found: &TemplateFound) -> Check {
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

pub(super) fn linked(template: VmId, found: &TemplateFound) -> Check {
    match found.reading.feature.as_ref().map(|feature| feature.can_link) {
        Ok(true) => Check::ok("linked-clone", "its storage supports linked clones").with_short_text("linked clone"),
        Ok(false) => {
            Check::warning("linked-clone", "its storage does not support linked clones: each clone copies the disk")
        }
        Err(why) => Check::failed("linked-clone", &Error::server(Operation::ReadTemplate(template), why.clone())),
    }
}
