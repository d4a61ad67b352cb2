//! Which templates a clone could use, over all nodes, and what each lacks.

use crate::cli::{Global, OutputFormat, TemplateList};
use crate::commands::options;
use crate::error::{Doing, Error, Operation, PermissionError, TemplateError};
use crate::model::foreign::listed;
use crate::model::{Foreign, NodeName, StorageName, VmId};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::inventory::vms;
use crate::ops::port::{PortUse, settle_port};
use crate::ops::ubuntu_releases::keyed;
use crate::ops::{concurrently, unless_interrupted};
use crate::pve::{Node, Pve, Vm};
use crate::session::Session;
use crate::settings::Settings;
use crate::ui::{Draw, Heading, Screen, Tone, gibibytes};
use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

/// What is said of a VM that is not a template.
const NO_TEMPLATE: &str = "a VM, not a template";

/// One template, or VM, as a clone sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct TemplateRow {
    vmid: u32,
    name: Foreign,
    node: String,
    template: bool,
    /// The size of its first disk, in bytes.
    disk: u64,
    /// The storages of its disks.
    storages: Vec<Foreign>,
    /// This and what follows is unknown if the template could not be read.
    cloud_init: Option<bool>,
    agent: Option<bool>,
    /// Whether a linked clone is possible.
    linked: Option<bool>,
    /// The nodes that can clone it.
    clone_from: Option<Vec<String>>,
    /// The keys of the settings that point at it.
    keys: Vec<&'static str>,
    /// What is missing for it to be good; of a VM that is not a template, that alone.
    missing: Vec<String>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct TemplateTable {
    templates: Vec<TemplateRow>,
    /// What could not be read.
    warnings: Vec<String>,
}

/// Lists what may be seen.
pub(super) async fn run(session: &Session, global: &Global, arguments: &TemplateList) -> Result<Value, Error> {
    let mut context = Context::load(session, &options::connection(global, &arguments.connection)).await?;
    settle_port(session, &mut context, PortUse::Now).await?;
    let text = format!("Templates on {}", context.host()?);
    session.heading(&Heading { text, is_sandbox: context.is_sandbox() });
    let connected = Connected::open(session, &context).await?;
    let read = unless_interrupted(session, table(&connected, &context.settings, arguments)).await;
    let table = match read {
        Ok(table) => table,
        Err(why) => return Err(connected.diagnosed(why).await),
    };
    if global.output == OutputFormat::Text {
        session.result(&table);
    }
    for warning in &table.warnings {
        session.warn(warning.clone());
    }
    Ok(json!({ "templates": table.templates, "warnings": table.warnings }))
}

async fn table(connected: &Connected, settings: &Settings, arguments: &TemplateList) -> Result<TemplateTable, Error> {
    let pve = &connected.pve;
    let nodes = pve.nodes().await.doing(Operation::ReadNodes)?;
    let vms = vms(pve, &|vm: &Vm| vm.is_template || arguments.all).await.doing(Operation::ReadVms)?;
    let mut keys = Vec::new();
    for (key, _) in keyed() {
        keys.extend(settings.template(key).map(|found| (key.entry().variable, found.value)));
    }
    let rows = concurrently(vms.iter().map(|vm| template_row(pve, vm, &keys, state(&nodes, &vm.node)))).await;
    let mut warnings = Vec::new();
    let mut templates = Vec::new();
    for row in rows {
        let (row, warning) = row?;
        templates.push(row);
        warnings.extend(warning);
    }
    if templates.is_empty() {
        return Err(nothing(connected).await);
    }
    Ok(TemplateTable { templates, warnings })
}

fn state(nodes: &[Node], name: &NodeName) -> NodeState {
    let is_offline = nodes.iter().any(|node| node.name == *name && node.is_offline());
    if is_offline { NodeState::Offline } else { NodeState::Reachable }
}

/// Says whether there is none, or whether none may be seen.
async fn nothing(connected: &Connected) -> Error {
    let sees_all = match connected.pve.permissions(Some("/vms"), None).await {
        Ok(answer) => answer.get("/vms").is_some_and(|held| held.get("VM.Audit") == Some(&true)),
        Err(_) => false,
    };
    if sees_all {
        TemplateError::None.into()
    } else {
        Error::Permission(PermissionError::NoTemplateVisible { who: connected.caller_name() })
    }
}

/// How one template was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeState {
    /// Its node can be asked.
    Reachable,
    /// Its node is offline.
    Offline,
}

/// Reads one template; what could not be read is said beside it. A login that is refused meanwhile ends the whole.
async fn template_row(
    pve: &Pve,
    vm: &Vm,
    keys: &[(&'static str, VmId)],
    node: NodeState,
) -> Result<(TemplateRow, Option<String>), Error> {
    let unknown = TemplateRow {
        vmid: vm.vmid.number(),
        name: vm.name.clone(),
        node: vm.node.to_string(),
        template: vm.is_template,
        disk: vm.disk,
        storages: Vec::new(),
        cloud_init: None,
        agent: None,
        linked: None,
        clone_from: None,
        keys: keys.iter().filter(|(_, vmid)| *vmid == vm.vmid).map(|(name, _)| *name).collect(),
        missing: Vec::new(),
    };
    let unread = |why: String| format!("{} {} on {} cannot be read: {why}", vm.vmid, vm.name, vm.node);
    if node == NodeState::Offline {
        return Ok((unknown, Some(unread(format!("node {} is offline", vm.node)))));
    }
    let (config, feature) = tokio::join!(pve.vm_config(&vm.node, vm.vmid), pve.clone_feature(&vm.node, vm.vmid));
    let config = match config {
        Ok(config) => config,
        Err(why) if why.is_unauthenticated() => return Err(Error::server(Operation::ReadTemplate(vm.vmid), why)),
        // It may be gone since the list was made, or its node does not answer.
        Err(why) => return Ok((unknown, Some(unread(why.to_string())))),
    };
    let (feature, warning) = match feature {
        Ok(feature) => (Some(feature), None),
        Err(why) if why.is_unauthenticated() => return Err(Error::server(Operation::ReadTemplate(vm.vmid), why)),
        Err(why) => (None, Some(unread(why.to_string()))),
    };
    let nodes = feature.as_ref().and_then(|feature| feature.nodes.as_ref());
    let mut row = TemplateRow {
        name: config.name().unwrap_or_else(|| vm.name.clone()),
        template: config.is_template(),
        storages: config.disk_storages(),
        cloud_init: Some(config.has_cloud_init()),
        agent: Some(config.agent_enabled()),
        linked: feature.as_ref().map(|feature| config.is_template() && feature.can_link),
        clone_from: nodes.map(|nodes| nodes.iter().map(ToString::to_string).collect()),
        ..unknown
    };
    row.missing = missing(&row, config.has_nic());
    Ok((row, warning))
}

/// Says what a template lacks, each with the command that fixes it.
fn missing(row: &TemplateRow, has_nic: bool) -> Vec<String> {
    let TemplateRow { vmid, .. } = row;
    let storage = row.storages.first().and_then(|name| name.parse::<StorageName>().ok());
    let storage = storage.as_ref().map_or("STORAGE", StorageName::as_str);
    let mut missing = Vec::new();
    // A VM is in use: nothing is proposed that would change it, least of all what cannot be taken back.
    if !row.template {
        return vec![NO_TEMPLATE.to_owned()];
    }
    if row.storages.is_empty() {
        missing.push("a disk".to_owned());
    }
    if row.cloud_init == Some(false) {
        missing.push(format!("a cloud-init drive: qm set {vmid} --ide2 {storage}:cloudinit"));
    }
    if row.agent == Some(false) {
        missing.push(format!("the guest agent: qm set {vmid} --agent 1"));
    }
    if !has_nic {
        missing.push(format!("a network card: qm set {vmid} --net0 virtio,bridge=vmbr0"));
    }
    missing
}

impl Draw for TemplateTable {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        for row in &self.templates {
            let title = format!("{} {} on {}", row.vmid, row.name, row.node);
            screen.heading(&title)?;
            let mut facts = vec![format!("disk {}", gibibytes(row.disk))];
            if !row.storages.is_empty() {
                facts.push(format!("on {}", listed(&row.storages)));
            }
            let mut known: Vec<&str> = Vec::new();
            known.extend((row.cloud_init == Some(true)).then_some("cloud-init drive"));
            known.extend((row.agent == Some(true)).then_some("guest agent"));
            known.push(match row.linked {
                Some(true) => "linked clone",
                Some(false) => "full clone only",
                None => "may not be clonable",
            });
            screen.paragraph(2, &format!("{}; {}", facts.join(" "), known.join(", ")))?;
            if let Some(nodes) = row.clone_from.as_ref().filter(|nodes| nodes.len() > 1) {
                screen.paragraph(2, &format!("can be cloned from {}", nodes.join(", ")))?;
            }
            for key in &row.keys {
                screen.labelled("  ", Tone::Plain, &format!("set as {key}"))?;
            }
            for missing in &row.missing {
                if !row.template && missing == NO_TEMPLATE {
                    screen.paragraph(2, missing)?;
                    continue;
                }
                screen.labelled("  missing: ", Tone::Warning, missing)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
