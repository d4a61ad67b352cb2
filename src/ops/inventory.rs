//! The reads that the preflight begins with: requests that do not depend on each other are sent at once.

use std::collections::BTreeSet;
use std::pin::pin;

use futures_util::future::{Either, select};

use crate::error::{Doing, Error, Operation, PlacementError};
use crate::model::{NodeName, VmId};
use crate::ops::concurrently;
use crate::ops::test_vm::options::TestVmOptions;
use crate::pve::{self, CloneFeature, Node, Pve, Storage, Version, Vm, VmConfig};

/// What the first reads of a test VM found.
pub(crate) struct Inventory {
    /// The version of the server.
    pub(crate) version: Version,
    /// The nodes of the cluster.
    pub(crate) nodes: Vec<Node>,
    /// The first VMID to try.
    pub(crate) vmid: VmId,
    /// The answers of the configured node about the template, with the node and the template they are about.
    first_reads: Option<(NodeName, VmId, ConfigReads)>,
}

/// The template as it was found.
pub(crate) struct SourceTemplate {
    /// The node that it is on.
    pub(crate) node: NodeName,
    /// Its configuration.
    pub(crate) config: VmConfig,
    /// What the server says about clones of it.
    pub(crate) feature: CloneFeature,
    /// The storages as its node sees them.
    pub(crate) storages: Vec<Storage>,
}

/// What one node answers about a VM, each answer separately.
pub(crate) struct ConfigReads {
    pub(crate) config: Result<VmConfig, pve::ApiError>,
    pub(crate) feature: Result<CloneFeature, pve::ApiError>,
    pub(crate) storages: Result<Vec<Storage>, pve::ApiError>,
}

impl ConfigReads {
    /// Asks for all at once; where the configuration cannot be read, the rest, which may take longer, is not waited for.
    pub(crate) async fn of(pve: &Pve, node: &NodeName, vmid: VmId) -> Self {
        let config = pin!(pve.vm_config(node, vmid));
        let rest = pin!(async { tokio::join!(pve.clone_feature(node, vmid), pve.storages(node)) });
        let (config, (feature, storages)) = match select(config, rest).await {
            Either::Left((Err(why), _)) => (Err(why.clone()), (Err(why.clone()), Err(why))),
            Either::Left((config, rest)) => (config, rest.await),
            Either::Right((rest, config)) => (config.await, rest),
        };
        Self { config, feature, storages }
    }
}

impl Inventory {
    /// Reads what is asked of the whole cluster, and what the node that was named says of the template.
    pub(crate) async fn of(pve: &Pve, options: &TestVmOptions) -> Result<Self, Error> {
        let named = async {
            match &options.node {
                Some(node) => {
                    Some((node.clone(), options.template, ConfigReads::of(pve, node, options.template).await))
                }
                None => None,
            }
        };
        let general = async { tokio::join!(pve.version(), pve.nodes(), first_id(pve, options)) };
        let ((version, nodes, vmid), named) = match select(pin!(general), pin!(named)).await {
            // The server would be waited for until it gives the node up.
            Either::Left((general, _)) if is_named_node_offline(&general.1, options) => (general, None),
            Either::Left((general, named)) => (general, named.await),
            Either::Right((named, general)) => (general.await, named),
        };
        let version = version.map_err(|source| Error::connecting(pve.endpoint(), source))?;
        let nodes = nodes.doing(Operation::ReadNodes)?;
        Ok(Self { version, nodes, vmid: vmid?, first_reads: named })
    }

    /// Finds the template for a clone on the target, on the node first and then on every other; `None` if it may not be
    /// read.
    pub(crate) async fn template(
        &mut self,
        pve: &Pve,
        node: &NodeName,
        target: &NodeName,
        vmid: VmId,
    ) -> Result<Option<SourceTemplate>, Error> {
        let reading = match self.first_reads.take() {
            Some((named, template, reading)) if named == *node && template == vmid => reading,
            _ => ConfigReads::of(pve, node, vmid).await,
        };
        let is_wordless = reading.config.as_ref().is_err_and(pve::ApiError::is_wordless);
        let is_missing = is_wordless && pve.is_free(vmid).await.doing(Operation::FindId)?;
        match &reading.config {
            Err(refused) if refused.is_forbidden() => return Ok(None),
            Err(refused) if refused.is_missing_config() || is_missing => {}
            // A node that does not answer matters only where the clone is to be.
            Err(refused) if refused.is_about_one_node() && target != node => {}
            Err(pve::ApiError::NoAnswer { .. }) if target != node => {}
            _ => return template(pve, node, vmid, reading).await.map(Some),
        }
        let vms = vms(pve, &|vm: &Vm| vm.vmid == vmid || vm.is_template).await.doing(Operation::ReadVms)?;
        let elsewhere = other_node_of(pve, &self.nodes, &vms, node, vmid).await?;
        let reading = ConfigReads::of(pve, &elsewhere, vmid).await;
        template(pve, &elsewhere, vmid, reading).await.map(Some)
    }
}

/// Returns whether the node that was named is offline.
fn is_named_node_offline(nodes: &Result<Vec<Node>, pve::ApiError>, options: &TestVmOptions) -> bool {
    let is_it = |node: &&Node| options.node.as_ref() == Some(&node.name);
    nodes.as_ref().is_ok_and(|nodes| nodes.iter().find(is_it).is_some_and(Node::is_offline))
}

/// Finds the node of a template that is not on the node that was asked, by the list of VMs or by asking the others.
pub(crate) async fn other_node_of(
    pve: &Pve,
    nodes: &[Node],
    vms: &[Vm],
    asked: &NodeName,
    template: VmId,
) -> Result<NodeName, Error> {
    let listed = vms.iter().find(|vm| vm.vmid == template && vm.node != *asked).map(|vm| vm.node.clone());
    let found = match listed {
        Some(node) => Some(node),
        None => node_of(pve, nodes, template).await?,
    };
    let Some(node) = found else {
        return Err(PlacementError::NoTemplate { template, known: known_templates(vms, template) }.into());
    };
    require_online(nodes, &node)?;
    Ok(node)
}

/// Makes a template of a node's answers; fails if the VM is not a template.
async fn template(pve: &Pve, node: &NodeName, vmid: VmId, reading: ConfigReads) -> Result<SourceTemplate, Error> {
    let config = reading.config.doing(Operation::ReadTemplate(vmid))?;
    if !config.is_template() {
        let known = known_templates(&pve.vms_where(&|vm: &Vm| vm.is_template).await.unwrap_or_default(), vmid);
        return Err(Error::Placement(PlacementError::NotATemplate {
            vmid,
            name: config.name().unwrap_or_default(),
            known,
        }));
    }
    let feature = reading.feature.doing(Operation::ReadTemplate(vmid))?;
    let storages = reading.storages.doing(Operation::ReadStorages(node.clone()))?;
    Ok(SourceTemplate { node: node.clone(), config, feature, storages })
}

/// Returns the requested VMID if it is free, else the next free one.
async fn first_id(pve: &Pve, options: &TestVmOptions) -> Result<VmId, Error> {
    let Some(vmid) = options.vmid else {
        return pve.next_id().await.doing(Operation::FindId);
    };
    match pve.is_free(vmid).await {
        Ok(true) => Ok(vmid),
        Ok(false) => Err(Error::Placement(PlacementError::VmidTaken { vmid, flag: "--vmid" })),
        Err(source) => Err(Error::server(Operation::FindId, source)),
    }
}

/// Lists the VMs that are wanted. The list of the cluster lacks the data of a VM for some seconds after a change, and
/// of all VMs of a node as long as its `pvestatd` is stopped: then that node is asked, unless it is offline.
pub(crate) async fn vms(pve: &Pve, is_wanted: &dyn Fn(&Vm) -> bool) -> Result<Vec<Vm>, pve::ApiError> {
    let listed = pve.vms_where(&|vm: &Vm| !vm.is_known || is_wanted(vm)).await?;
    if listed.iter().all(|vm| vm.is_known) {
        return Ok(listed);
    }
    let nodes = pve.nodes().await?;
    let is_offline = |name: &NodeName| nodes.iter().any(|node| node.name == *name && node.is_offline());
    let unknown = listed.iter().filter(|vm| !vm.is_known).map(|vm| vm.node.clone());
    let silent: BTreeSet<NodeName> = unknown.filter(|node| !is_offline(node)).collect();
    let asked = concurrently(silent.iter().map(|node| pve.vms_on(node))).await;
    let mut found: Vec<Vm> = Vec::new();
    let mut answered = BTreeSet::new();
    for (node, answer) in silent.iter().zip(asked) {
        // Where the node does not answer, the list is believed.
        let Ok(vms) = answer else { continue };
        answered.insert(node);
        found.extend(vms.into_iter().filter(|vm| is_wanted(vm)));
    }
    found.extend(listed.into_iter().filter(|vm| !answered.contains(&vm.node) && is_wanted(vm)));
    Ok(Vm::sorted(found))
}

/// Finds the node of a VM that no list has: one that was made a moment ago. Nothing where its VMID is free, or where it
/// may not be read.
pub(crate) async fn node_of(pve: &Pve, nodes: &[Node], vmid: VmId) -> Result<Option<NodeName>, Error> {
    if pve.is_free(vmid).await.doing(Operation::FindId)? {
        return Ok(None);
    }
    let nodes: Vec<&NodeName> = nodes.iter().filter(|node| !node.is_offline()).map(|node| &node.name).collect();
    let answers = concurrently(nodes.iter().map(|node| pve.vm_config(node, vmid))).await;
    Ok(nodes.into_iter().zip(answers).find(|(_, answer)| answer.is_ok()).map(|(node, _)| node.clone()))
}

/// Names the templates among some VMs, but for the one that was refused.
pub(crate) fn known_templates(vms: &[Vm], refused: VmId) -> Vec<String> {
    let templates = vms.iter().filter(|vm| vm.is_template && vm.vmid != refused);
    templates.map(|vm| format!("{} {} on {}", vm.vmid, vm.name, vm.node)).collect()
}

/// Chooses the node: the configured one, else the only one.
pub(crate) fn choose_node(nodes: &[Node], named: Option<&NodeName>, variable: &str) -> Result<NodeName, Error> {
    match (named, nodes) {
        (Some(node), _) => require_online(nodes, node).map(|()| node.clone()),
        (None, [only]) => require_online(nodes, &only.name).map(|()| only.name.clone()),
        (None, _) => Err(PlacementError::WhichNode {
            nodes: nodes.iter().map(|node| node.name.to_string()).collect(),
            variable: variable.to_owned(),
        }
        .into()),
    }
}

/// Returns a warning if the status of a node is unknown.
pub(crate) fn unknown_status(nodes: &[Node], name: &NodeName) -> Option<String> {
    let node = nodes.iter().find(|node| node.name == *name)?;
    (!node.is_online() && !node.is_offline()).then(|| {
        format!(
            "the status of node {name} is `{}`: pvestatd is not reporting, or the node has just started",
            node.status
        )
    })
}

/// Checks that a node exists and is not offline.
pub(crate) fn require_online(nodes: &[Node], name: &NodeName) -> Result<(), Error> {
    let Some(node) = nodes.iter().find(|node| node.name == *name) else {
        return Err(Error::Placement(PlacementError::UnknownNode {
            node: name.clone(),
            known: nodes.iter().map(|node| node.name.to_string()).collect(),
        }));
    };
    if node.is_offline() {
        return Err(PlacementError::NodeOffline { node: name.clone(), status: node.status.clone() }.into());
    }
    Ok(())
}
