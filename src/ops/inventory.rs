//! The reads that the preflight begins with: whatever needs no other answer goes out at once.

use crate::error::{Doing, Error, Operation, PlacementError};
use crate::model::{NodeName, VmId};
use crate::ops::test_vm::options::TestVmOptions;
use crate::pve::{self, Node, Pve, Storage, Version, Vm, VmConfig};

/// What the first reads of a proof found.
pub(crate) struct Inventory {
    /// The version of the server.
    pub(crate) version: Version,
    /// The nodes of the cluster.
    pub(crate) nodes: Vec<Node>,
    /// The first VMID to try.
    pub(crate) vmid: VmId,
    /// What the node that was named says of the template, and which template that was.
    named: Option<(NodeName, VmId, ConfigReads)>,
}

/// The template as it was found.
pub(crate) struct SourceTemplate {
    /// The node that it is on.
    pub(crate) node: NodeName,
    /// Its configuration.
    pub(crate) config: VmConfig,
    /// Whether a linked clone of it is possible.
    pub(crate) can_link: bool,
    /// The storages as its node sees them.
    pub(crate) storages: Vec<Storage>,
}

/// What one node says of a VM, each answer for itself.
pub(crate) struct ConfigReads {
    pub(crate) config: Result<VmConfig, pve::ApiError>,
    pub(crate) can_link: Result<bool, pve::ApiError>,
    pub(crate) storages: Result<Vec<Storage>, pve::ApiError>,
}

impl ConfigReads {
    pub(crate) async fn of(pve: &Pve, node: &NodeName, vmid: VmId) -> Self {
        let (config, can_link, storages) =
            tokio::join!(pve.vm_config(node, vmid), pve.can_link(node, vmid), pve.storages(node));
        Self { config, can_link, storages }
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
        let (version, nodes, vmid, named) = tokio::join!(pve.version(), pve.nodes(), first_id(pve, options), named);
        let version = version.map_err(|source| Error::reaching(pve.endpoint(), source))?;
        let nodes = nodes.doing(Operation::ReadNodes)?;
        Ok(Self { version, nodes, vmid: vmid?, named })
    }

    /// Finds the template, on the node first and then on every other; nothing where it may not be read.
    pub(crate) async fn template(
        &mut self,
        pve: &Pve,
        node: &NodeName,
        vmid: VmId,
    ) -> Result<Option<SourceTemplate>, Error> {
        let reading = match self.named.take() {
            Some((named, template, reading)) if named == *node && template == vmid => reading,
            _ => ConfigReads::of(pve, node, vmid).await,
        };
        match &reading.config {
            Err(refused) if refused.is_forbidden() => return Ok(None),
            Err(refused) if refused.is_missing_config() => {}
            _ => return template(pve, node, vmid, reading).await.map(Some),
        }
        let vms = pve.vms_where(|vm| vm.vmid == vmid || vm.is_template).await;
        let vms = vms.doing(Operation::ReadVms)?;
        let Some(elsewhere) = vms.iter().find(|vm| vm.vmid == vmid && vm.node != *node) else {
            return Err(Error::Placement(PlacementError::NoTemplate { template: vmid, known: known_templates(&vms) }));
        };
        known_online(&self.nodes, &elsewhere.node)?;
        let reading = ConfigReads::of(pve, &elsewhere.node, vmid).await;
        template(pve, &elsewhere.node, vmid, reading).await.map(Some)
    }
}

/// Makes a template of what its node says; a VM that is none is named as such.
async fn template(pve: &Pve, node: &NodeName, vmid: VmId, reading: ConfigReads) -> Result<SourceTemplate, Error> {
    let config = reading.config.doing(Operation::ReadTemplate(vmid))?;
    if !config.is_template() {
        let known = known_templates(&pve.vms_where(|vm| vm.is_template).await.unwrap_or_default());
        return Err(Error::Placement(PlacementError::NotATemplate {
            vmid,
            name: config.name().unwrap_or_default(),
            known,
        }));
    }
    let can_link = reading.can_link.doing(Operation::ReadTemplate(vmid))?;
    let storages = reading.storages.doing(Operation::ReadStorages(node.clone()))?;
    Ok(SourceTemplate { node: node.clone(), config, can_link, storages })
}

/// Gives the VMID that was named, if it is free, or the next free one.
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

/// Names the templates among some VMs.
pub(crate) fn known_templates(vms: &[Vm]) -> Vec<String> {
    let templates = vms.iter().filter(|vm| vm.is_template);
    templates.map(|vm| format!("{} {} on {}", vm.vmid, vm.name, vm.node)).collect()
}

/// Checks that a node exists and is online.
pub(crate) fn known_online(nodes: &[Node], name: &NodeName) -> Result<(), Error> {
    let Some(node) = nodes.iter().find(|node| node.name == *name) else {
        return Err(Error::Placement(PlacementError::UnknownNode {
            node: name.clone(),
            known: nodes.iter().map(|node| node.name.to_string()).collect(),
        }));
    };
    if node.is_online() {
        Ok(())
    } else {
        Err(Error::Placement(PlacementError::NodeOffline { node: name.clone(), status: node.status.clone() }))
    }
}
