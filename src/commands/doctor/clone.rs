//! Whether a clone could succeed: node, template, storage, bridge, and every privilege of the preflight.

mod privileges;
mod start;
mod storages;
mod template;

use self::privileges::privileges;
use self::start::{StartReads, bridge, start_check};
use self::storages::Storages;
use self::template::{agent, cloud_init, find, hidden, linked, template_check, without_template};
use crate::commands::doctor::check::{Check, CheckStatus};
use crate::error::{Error, Operation, PreflightError};
use crate::model::{NodeName, VmId};
use crate::ops::connection::Connected;
use crate::ops::inventory::{ConfigReads, choose_node, unknown_status, vms};
use crate::ops::test_vm::marked::may_be_marked;
use crate::ops::test_vm::options::TestVmOptions;
use crate::pve::{self, Node, Quorum, Version, Vm};

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

/// What the server answered before anything about the template was known.
pub(super) struct ServerReads {
    pub(super) nodes: Result<Vec<Node>, pve::ApiError>,
    pub(super) version: Result<Version, pve::ApiError>,
    /// The templates, and the VMs that have the template's VMID or the name of a test VM.
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

/// Returns all checks of this part as skipped.
pub(super) fn skipped(why: &str) -> Vec<Check> {
    IDS.iter().map(|id| Check::skipped(id, why)).collect()
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

/// Checks that the cluster has a quorum, without which nothing can be changed. Most tokens may not read that.
fn quorum(read: &Result<Option<Quorum>, pve::ApiError>) -> Check {
    match read {
        Ok(Some(Quorum::Present)) => Check::ok("quorum", "the cluster has a quorum"),
        Ok(Some(Quorum::Lost)) => Check::failed("quorum", &PreflightError::NoQuorum.into()),
        Ok(None) => Check::ok("quorum", "standalone node, no quorum needed"),
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

/// Chooses the node as every other command does.
fn chosen_node(
    options: &TestVmOptions,
    nodes: &Result<Vec<Node>, pve::ApiError>,
    variable: &str,
) -> Result<NodeName, Error> {
    let nodes = nodes.as_ref().map_err(|why| Error::server(Operation::ReadNodes, why.clone()))?;
    choose_node(nodes, options.node.as_ref(), variable)
}
