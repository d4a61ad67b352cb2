//! The node and the templates, chosen from what the server has.

use crate::error::{Doing, Error, Operation, PlacementError};
use crate::model::VmId;
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::ubuntu_releases::{Release, keyed};
use crate::ops::{ask, concurrently};
use crate::pve::{Node, Vm, VmConfig};
use crate::session::Session;
use crate::settings::{Key, Setting};
use crate::ui::prompt::ChoicePrompt;
use crate::ui::{Note, Printable, columns, gibibytes};

use super::answers::{Answer, Pending, StepEnd};

/// The entry of a menu that leads to an earlier answer.
const GO_BACK: &str = "Go back";

/// What is in front of the node that was chosen.
const NODE: &str = "Node";

/// The question for the pool.
const POOL_QUESTION: &str = "Pool for new VMs";

/// Returns the question for the template of a release.
fn template_question(release: Release) -> String {
    format!("Template for Ubuntu {}", release.number)
}

/// What the server has to choose from.
pub(super) struct Available<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) vms: &'a [Vm],
}

/// Lets a person choose node, templates and pool, as far as they are pending and not settled. Returns the keys that
/// were asked for.
pub(super) async fn choose(
    session: &Session,
    context: &mut Context,
    connected: &Connected,
    available: &Available<'_>,
    pending: &mut Pending,
) -> Result<StepEnd<Vec<Key>>, Error> {
    if !session.is_attended() {
        return Ok(StepEnd::Done(Vec::new()));
    }
    if let Some(back) = node(session, context, available.nodes, pending).await? {
        return Ok(StepEnd::Back(back));
    }
    let end = templates(session, context, connected, available.vms, pending).await?;
    if pending.take(Answer::Pool) {
        pool(session, context, connected).await?;
    }
    Ok(end)
}

/// Marks the answer that does not do, where it is an answer of this step; `tested` is the template that was checked.
pub(super) fn mark_failed(session: &Session, context: &Context, why: &Error, tested: Option<VmId>) {
    match why {
        Error::Placement(PlacementError::UnknownNode { .. } | PlacementError::NodeOffline { .. }) => {
            session.mark_failed(NODE);
        }
        Error::Placement(PlacementError::UnknownPool { .. }) => session.mark_failed(POOL_QUESTION),
        Error::Placement(_) | Error::Preflight(_) => {
            let is_tested = |key: Key| tested.is_some() && context.settings.template(key).map(|it| it.value) == tested;
            for (_, release) in keyed().filter(|(key, _)| is_tested(*key)) {
                session.mark_failed(&template_question(release));
            }
        }
        _ => {}
    }
}

/// Says which template each key points at, as far as that was not asked.
pub(super) fn show(
    session: &Session,
    context: &Context,
    asked: &[Key],
    templates: &[(Key, VmId)],
    vms: &[Vm],
    gone: &[(Key, VmId)],
) {
    for (key, release) in keyed().filter(|(key, _)| !asked.contains(key)) {
        let title = format!("Ubuntu {}", release.number);
        match templates.iter().find(|(of, _)| *of == key) {
            Some((_, vmid)) => {
                let name = vms.iter().find(|vm| vm.vmid == *vmid).map(|vm| vm.name.clone()).unwrap_or_default();
                session.info(&Note::answered(&title, format!("{vmid} {name}").trim_end().to_owned()));
            }
            None if gone.iter().any(|(of, _)| *of == key) => {
                let vmid = gone.iter().find(|(of, _)| *of == key).map(|(_, vmid)| *vmid);
                let vmid = vmid.map(|vmid| vmid.to_string()).unwrap_or_default();
                session.info(&Note::left_out(&title, format!("{vmid} does not exist on the server, key left out")));
            }
            None if context.is_unset(key) => session.info(&Note::left_out(&title, "none".to_owned())),
            None if vms.iter().any(|vm| vm.is_template) => {
                session.info(&Note::left_out(&title, "no matching template, key left out".to_owned()));
            }
            None => {}
        }
    }
}

/// Returns the earlier answer that is to be changed first, if one is.
async fn node(
    session: &Session,
    context: &mut Context,
    nodes: &[Node],
    pending: &mut Pending,
) -> Result<Option<Answer>, Error> {
    if !context.is_open(session, Key::Node) || !pending.take(Answer::Node) {
        return Ok(None);
    }
    if let [only] = nodes {
        session.info(&Note::answered("Node", format!("{} (the only one)", only.name)));
        return context.answer(Setting::Node(only.name.clone())).map(|()| None);
    }
    let said = context.settings.node().map(|node| node.value);
    let rows: Vec<Vec<String>> = nodes.iter().map(node_row).collect();
    let is_said = |node: &Node| Some(&node.name) == said.as_ref();
    let proposed = nodes
        .iter()
        .position(is_said)
        .or_else(|| nodes.iter().position(Node::is_online))
        .or_else(|| nodes.iter().position(|node| !node.is_offline()));
    let names = nodes.iter().map(|node| node.name.to_string()).chain(["go back".to_owned()]).collect();
    let mut menu = ChoicePrompt::by_name("Node for new VMs", columns(&rows)).proposing(proposed.unwrap_or_default());
    menu = menu.answered_as(NODE, names);
    let earlier = Answer::Node.before(session, context);
    if !earlier.is_empty() {
        menu = menu.and_last(GO_BACK);
    }
    let index = ask::choice(session, menu, || context.missing_answer("the node", Key::Node)).await?;
    match nodes.get(index) {
        Some(node) => context.answer(Setting::Node(node.name.clone())).map(|()| None),
        None => {
            pending.ask(Answer::Node);
            Ok(earlier.last().copied())
        }
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
    pending: &mut Pending,
) -> Result<StepEnd<Vec<Key>>, Error> {
    let visible: Vec<&Vm> = vms.iter().filter(|vm| vm.is_template).collect();
    let mut open: Vec<(Key, Release)> = keyed().collect();
    open.retain(|(key, _)| context.is_open(session, *key) && pending.has_any(&[Answer::Template(*key)]));
    if visible.is_empty() || open.is_empty() {
        return Ok(StepEnd::Done(Vec::new()));
    }
    let configs = concurrently(visible.iter().map(|vm| connected.pve.vm_config(&vm.node, vm.vmid))).await;
    let rows: Vec<Vec<String>> =
        visible.iter().zip(&configs).map(|(vm, config)| template_row(vm, config.as_ref().ok())).collect();
    let items = columns(&rows);
    let names = visible.iter().map(|vm| format!("{} {}", vm.vmid, vm.name));
    let short: Vec<String> = names.chain(["none".to_owned(), "go back".to_owned()]).collect();
    for (key, release) in &open {
        let said = context.settings.template(*key).map(|said| said.value);
        let is_visible = |vmid: &VmId| visible.iter().any(|vm| vm.vmid == *vmid);
        let proposed = said
            .filter(is_visible)
            .or_else(|| release.best_for(context.settings.node().map(|node| node.value).as_ref(), &visible));
        let place = visible.iter().position(|vm| Some(vm.vmid) == proposed).unwrap_or(visible.len());
        let title = template_question(*release);
        let mut menu = ChoicePrompt::by_name(title.clone(), items.clone()).and_last("None of these").proposing(place);
        menu = menu.answered_as(title, short.clone());
        let earlier = Answer::Template(*key).before(session, context);
        if !earlier.is_empty() {
            menu = menu.and_last(GO_BACK);
        }
        let index = ask::choice(session, menu, || context.missing_answer("the template", *key)).await?;
        match visible.get(index) {
            Some(vm) => context.answer_template(*key, vm.vmid)?,
            None if index == visible.len() => context.unset(&[*key])?,
            None => return Ok(StepEnd::Back(earlier.last().copied().unwrap_or(Answer::Template(*key)))),
        }
        pending.take(Answer::Template(*key));
    }
    Ok(StepEnd::Done(open.into_iter().map(|(key, _)| key).collect()))
}

/// Asks for the pool; without one, VMs are created in none.
async fn pool(session: &Session, context: &mut Context, connected: &Connected) -> Result<(), Error> {
    let pools = connected.pve.pools().await.doing(Operation::ReadPools)?;
    let said = context.settings.pool().map(|pool| pool.value);
    let place = pools.iter().position(|pool| Some(pool) == said.as_ref()).unwrap_or(pools.len());
    let names: Vec<String> = pools.iter().map(|pool| Printable(&pool.to_string()).to_string()).collect();
    let menu = ChoicePrompt::by_name(POOL_QUESTION, names).and_last("No pool").proposing(place);
    let index = ask::choice(session, menu, || context.missing_answer("the pool", Key::Pool)).await?;
    match pools.into_iter().nth(index) {
        Some(pool) => context.answer(Setting::Pool(pool)),
        None => context.unset(&[Key::Pool]),
    }
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
