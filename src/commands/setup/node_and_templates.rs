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
use crate::ui::{Note, columns, gibibytes};

/// Lets a person choose node and templates, as far as they are not settled; `made` is the key of a template that
/// was made just now. Gives the keys that were asked for.
pub(super) async fn choose(
    session: &Session,
    context: &mut Context,
    connected: &Connected,
    nodes: &[Node],
    vms: &[Vm],
    made: Option<Key>,
) -> Result<Vec<Key>, Error> {
    if !session.is_attended() {
        return Ok(Vec::new());
    }
    node(session, context, nodes).await?;
    templates(session, context, connected, vms, made).await
}

/// Says which template each key points at, as far as that was not asked.
pub(super) fn show(session: &Session, asked: &[Key], templates: &[(Key, VmId)], vms: &[Vm]) {
    for (key, release) in keyed().filter(|(key, _)| !asked.contains(key)) {
        let text = match templates.iter().find(|(of, _)| *of == key) {
            Some((_, vmid)) => {
                let name = vms.iter().find(|vm| vm.vmid == *vmid).map(|vm| vm.name.clone()).unwrap_or_default();
                format!("{vmid} {name}")
            }
            None => "no matching template, key left out".to_owned(),
        };
        session.info(&Note::answered(&format!("Ubuntu {}", release.number), text.trim_end().to_owned()));
    }
}

async fn node(session: &Session, context: &mut Context, nodes: &[Node]) -> Result<(), Error> {
    let said = context.settings.node().map(|node| node.value);
    if !context.is_open(session, Key::Node) {
        return Ok(());
    }
    if let [only] = nodes {
        session.info(&Note::answered("Node", format!("{} (the only one)", only.name)));
        return context.answer(Setting::Node(only.name.clone()));
    }
    let rows: Vec<Vec<String>> = nodes.iter().map(node_row).collect();
    let is_said = |node: &Node| Some(&node.name) == said.as_ref();
    let proposed = nodes
        .iter()
        .position(is_said)
        .or_else(|| nodes.iter().position(Node::is_online))
        .or_else(|| nodes.iter().position(|node| !node.is_offline()));
    let names = nodes.iter().map(|node| node.name.to_string()).collect();
    let menu = ChoicePrompt::by_name("Node for new VMs", columns(&rows)).proposing(proposed.unwrap_or_default());
    let menu = menu.answered_as("Node", names);
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
) -> Result<Vec<Key>, Error> {
    let visible: Vec<&Vm> = vms.iter().filter(|vm| vm.is_template).collect();
    let is_open = |context: &Context, key: Key| made != Some(key) && context.is_open(session, key);
    if visible.is_empty() || !keyed().any(|(key, _)| is_open(context, key)) {
        return Ok(Vec::new());
    }
    let configs = together(visible.iter().map(|vm| connected.pve.vm_config(&vm.node, vm.vmid))).await;
    let rows: Vec<Vec<String>> =
        visible.iter().zip(&configs).map(|(vm, config)| template_row(vm, config.as_ref().ok())).collect();
    let items = columns(&rows);
    let mut short: Vec<String> = visible.iter().map(|vm| format!("{} {}", vm.vmid, vm.name)).collect();
    short.push("none".to_owned());
    let mut asked = Vec::new();
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
        let title = format!("Template for Ubuntu {}", release.number);
        let menu = ChoicePrompt::by_name(title.clone(), items.clone()).and_last("none of these").proposing(place);
        let menu = menu.answered_as(title, short.clone());
        let index = ask::choice(session, menu, || context.unanswered("the template", key)).await?;
        match visible.get(index) {
            Some(vm) => context.answer_template(key, vm.vmid)?,
            None => context.unset(&[key])?,
        }
        asked.push(key);
    }
    Ok(asked)
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
