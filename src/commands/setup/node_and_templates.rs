//! The node and the templates, chosen from what the server has.

use crate::error::Error;
use crate::model::VmId;
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::ubuntu_releases::keyed;
use crate::ops::{ask, together};
use crate::pve::{Node, Vm, VmConfig};
use crate::session::Session;
use crate::settings::{Key, Setting};
use crate::ui::prompt::ChoicePrompt;
use crate::ui::{columns, gibibytes};

use super::done;

/// Lets a person choose node and templates, as far as they are not settled; `made` is the key of a template that
/// was made just now.
pub(super) async fn choose(
    session: &Session,
    context: &mut Context,
    connected: &Connected,
    (nodes, vms): (&[Node], &[Vm]),
    made: Option<Key>,
) -> Result<(), Error> {
    node(session, context, nodes).await?;
    templates(session, context, connected, vms, made).await
}

async fn node(session: &Session, context: &mut Context, nodes: &[Node]) -> Result<(), Error> {
    let said = context.settings.node().map(|node| node.value);
    if !context.is_open(session, Key::Node) {
        return Ok(());
    }
    if let [only] = nodes {
        done(session, format!("node {}, the only one", only.name));
        return context.answer(Setting::Node(only.name.clone()));
    }
    let rows: Vec<Vec<String>> = nodes.iter().map(node_row).collect();
    let is_said = |node: &Node| Some(&node.name) == said.as_ref();
    let proposed = nodes
        .iter()
        .position(is_said)
        .or_else(|| nodes.iter().position(Node::is_online))
        .or_else(|| nodes.iter().position(|node| !node.is_offline()));
    let menu =
        ChoicePrompt::by_name("The node on which VMs are made", columns(&rows)).proposing(proposed.unwrap_or_default());
    let index = ask::choice(session, menu, || context.unanswered("the node", Key::Node)).await?;
    match nodes.get(index) {
        Some(node) => context.answer(Setting::Node(node.name.clone())),
        None => Ok(()),
    }
}

fn node_row(node: &Node) -> Vec<String> {
    let gibibytes = |bytes: Option<u64>| bytes.map(size).unwrap_or_default();
    let processors = node.processors.map(|count| format!("{count} CPUs")).unwrap_or_default();
    let load = node.load.map(|load| format!("{:.0} % busy", load * 100.0)).unwrap_or_default();
    let memory = match node.memory {
        Some(_) => format!("{} of {} memory", gibibytes(node.memory_used), gibibytes(node.memory)),
        None => String::new(),
    };
    vec![node.name.to_string(), node.status.to_string(), processors, load, memory]
}

async fn templates(
    session: &Session,
    context: &mut Context,
    connected: &Connected,
    vms: &[Vm],
    made: Option<Key>,
) -> Result<(), Error> {
    let visible: Vec<&Vm> = vms.iter().filter(|vm| vm.is_template).collect();
    let is_open = |context: &Context, key: Key| made != Some(key) && context.is_open(session, key);
    if visible.is_empty() || !keyed().any(|(key, _)| is_open(context, key)) {
        return Ok(());
    }
    let configs = together(visible.iter().map(|vm| connected.pve.vm_config(&vm.node, vm.vmid))).await;
    let rows: Vec<Vec<String>> =
        visible.iter().zip(&configs).map(|(vm, config)| template_row(vm, config.as_ref().ok())).collect();
    let mut items = columns(&rows);
    items.push("none of these".to_owned());
    for (key, release) in keyed() {
        if !is_open(context, key) {
            continue;
        }
        let said = context.settings.template(key).map(|said| said.value);
        let is_visible = |vmid: &VmId| visible.iter().any(|vm| vm.vmid == *vmid);
        let proposed = said
            .filter(is_visible)
            .or_else(|| release.best_for(context.settings.node().map(|node| node.value).as_ref(), &visible));
        let place = visible.iter().position(|vm| Some(vm.vmid) == proposed).unwrap_or(visible.len());
        let menu =
            ChoicePrompt::by_name(format!("The template for {}", key.entry().variable), items.clone()).proposing(place);
        let index = ask::choice(session, menu, || context.unanswered("the template", key)).await?;
        match visible.get(index) {
            Some(vm) => context.answer_template(key, vm.vmid)?,
            None => context.unset(&[key])?,
        }
    }
    Ok(())
}

fn template_row(vm: &Vm, config: Option<&VmConfig>) -> Vec<String> {
    let has = match config {
        None => "configuration not visible".to_owned(),
        Some(config) => {
            let mut has = Vec::new();
            has.push(if config.has_cloud_init() { "cloud-init" } else { "no cloud-init" });
            has.push(if config.agent_enabled() { "agent" } else { "no agent" });
            has.join(", ")
        }
    };
    vec![vm.vmid.to_string(), vm.name.to_string(), vm.node.to_string(), size(vm.disk), has]
}

/// Writes a size in GiB.
fn size(bytes: u64) -> String {
    gibibytes(bytes).replace(".0 GiB", " GiB")
}
