//! The calls about VMs.

use std::net::IpAddr;

use reqwest::Method;
use serde_json::Value;

use crate::model::{Digest, NodeName, PoolName, StorageName, Upid, VmId};
use crate::pve::lenient::{Lenient, as_number, object};
use crate::pve::values::guest::VmEntry;
use crate::pve::values::{CloneFeature, Vm, VmStatus};
use crate::pve::{ApiError, Pve, RefusalReason, VmConfig};

/// What a clone shall be.
#[derive(Debug, Clone)]
pub struct CloneRequest {
    /// Its number.
    pub newid: VmId,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Whether its disk is a copy; the server's own default where nothing is said.
    pub full: Option<bool>,
    /// The storage of the copy.
    pub storage: Option<StorageName>,
    /// The pool that it is put into.
    pub pool: Option<PoolName>,
    /// Its node, where that is not the template's.
    pub target: Option<NodeName>,
}

impl Pve {
    /// Lists those VMs of the cluster that may be seen (VM.Audit) and are looked for, some seconds old: a cluster may have
    /// a hundred thousand, of which hardly any command wants more than a few.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn vms_where(&self, is_wanted: &dyn Fn(&Vm) -> bool) -> Result<Vec<Vm>, ApiError> {
        let keep = |entry: VmEntry| entry.vm().filter(is_wanted);
        let vms = self.rows(&["cluster", "resources"], &[("type", "vm")], "the list of VMs", keep).await?;
        Ok(Vm::sorted(vms))
    }

    /// Lists the VMs of one node that may be seen (VM.Audit), as they are now.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn vms_on(&self, node: &NodeName) -> Result<Vec<Vm>, ApiError> {
        let path = ["nodes", node.as_str(), "qemu"];
        let keep = |entry: VmEntry| entry.on(node.clone());
        let vms = self.rows(&path, &[], "the list of VMs", keep).await?;
        Ok(Vm::sorted(vms))
    }

    /// Reads the configuration of a VM (VM.Audit).
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn vm_config(&self, node: &NodeName, vmid: VmId) -> Result<VmConfig, ApiError> {
        let vmid = vmid.to_string();
        let data = self.transport.get(&["nodes", node.as_str(), "qemu", &vmid, "config"], &[]).await?;
        VmConfig::of(&data).ok_or_else(|| self.unexpected("the configuration of the VM is not an object"))
    }

    /// Reads whether a VM runs (VM.Audit).
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn vm_status(&self, node: &NodeName, vmid: VmId) -> Result<VmStatus, ApiError> {
        let vmid = vmid.to_string();
        let data = self.transport.get(&["nodes", node.as_str(), "qemu", &vmid, "status", "current"], &[]).await?;
        object(data).ok_or_else(|| self.unexpected("the status of the VM is missing"))
    }

    /// Says whether a linked clone of a VM is possible, and on which nodes its storages can be used (VM.Audit).
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn clone_feature(&self, node: &NodeName, vmid: VmId) -> Result<CloneFeature, ApiError> {
        let vmid = vmid.to_string();
        let path = ["nodes", node.as_str(), "qemu", &vmid, "feature"];
        let data = self.transport.get(&path, &[("feature", "clone")]).await?;
        self.require_map(&data, "the features of the VM")?;
        let can_link = data.get("hasFeature").is_some_and(bool::of);
        let nodes = data.get("nodes").and_then(Value::as_array);
        let nodes = nodes.map(|nodes| nodes.iter().filter_map(|node| node.as_str()?.parse().ok()).collect());
        Ok(CloneFeature { can_link, nodes })
    }

    /// Returns the next free VMID. It is not reserved.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn next_id(&self) -> Result<VmId, ApiError> {
        let data = self.transport.get(&["cluster", "nextid"], &[]).await?;
        as_number(&data).and_then(VmId::new).ok_or_else(|| self.unexpected("the next VMID is not a number"))
    }

    /// Returns whether a VMID is free, in the whole cluster, whatever may be seen.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn is_free(&self, vmid: VmId) -> Result<bool, ApiError> {
        let number = vmid.to_string();
        match self.transport.get(&["cluster", "nextid"], &[("vmid", &number)]).await {
            Ok(_) => Ok(true),
            Err(ApiError::Refusal(refusal)) if refusal.reason_of("vmid") == Some(RefusalReason::VmidTaken) => Ok(false),
            Err(why) => Err(why),
        }
    }

    /// Asks the guest agent for the addresses that other machines can reach; those of the loopback and of the local link
    /// are left out.
    ///
    /// # Errors
    /// As every call; while the agent is not up, the server fails.
    pub async fn agent_addresses(&self, node: &NodeName, vmid: VmId) -> Result<Vec<IpAddr>, ApiError> {
        let vmid = vmid.to_string();
        let path = ["nodes", node.as_str(), "qemu", &vmid, "agent", "network-get-interfaces"];
        let data = self.transport.get(&path, &[]).await?;
        let interfaces = data.get("result").and_then(Value::as_array).cloned().unwrap_or_default();
        let addresses = interfaces.iter().filter_map(|it| it.get("ip-addresses")?.as_array());
        let texts = addresses.flatten().filter_map(|it| it.get("ip-address")?.as_str());
        Ok(texts.filter_map(|text| text.parse().ok()).filter(|address| is_reachable(*address)).collect())
    }

    /// Clones a VM or template.
    ///
    /// # Errors
    /// As every call; where the answer is lost, it is not known whether the clone was begun.
    pub async fn clone_vm(&self, node: &NodeName, source: VmId, request: &CloneRequest) -> Result<Upid, ApiError> {
        let newid = request.newid.to_string();
        let mut form = vec![("newid", newid.as_str()), ("name", &request.name), ("description", &request.description)];
        form.extend(request.full.map(|full| ("full", if full { "1" } else { "0" })));
        form.extend(request.storage.as_ref().map(|storage| ("storage", storage.as_str())));
        form.extend(request.pool.as_ref().map(|pool| ("pool", pool.as_str())));
        form.extend(request.target.as_ref().map(|target| ("target", target.as_str())));
        let source = source.to_string();
        let data = self.transport.create(&["nodes", node.as_str(), "qemu", &source, "clone"], &form).await?;
        self.task(&data)
    }

    /// Changes entries of a VM's configuration at once, unless it is another one than that with the digest.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn configure(
        &self,
        node: &NodeName,
        vmid: VmId,
        digest: Option<&Digest>,
        entries: &[(&str, String)],
    ) -> Result<(), ApiError> {
        let vmid = vmid.to_string();
        let mut form: Vec<(&str, &str)> = entries.iter().map(|(key, value)| (*key, value.as_str())).collect();
        form.extend(digest.map(|digest| ("digest", digest.as_str())));
        self.transport.change(Method::PUT, &["nodes", node.as_str(), "qemu", &vmid, "config"], &form).await.map(drop)
    }

    /// Sets the links of a VM's network devices down; everything else of them stays. Where the configuration is another
    /// one by now, nothing is changed.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn set_links_down(&self, node: &NodeName, vmid: VmId, config: &VmConfig) -> Result<(), ApiError> {
        let entries = config.links_down();
        if entries.is_empty() {
            return Ok(());
        }
        self.configure(node, vmid, config.digest().as_ref(), &entries).await
    }

    /// Starts a VM.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn start(&self, node: &NodeName, vmid: VmId) -> Result<Upid, ApiError> {
        self.power(node, vmid, "start").await
    }

    /// Stops a VM at once, as pulling the plug does.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn stop(&self, node: &NodeName, vmid: VmId) -> Result<Upid, ApiError> {
        self.power(node, vmid, "stop").await
    }

    async fn power(&self, node: &NodeName, vmid: VmId, verb: &str) -> Result<Upid, ApiError> {
        let vmid = vmid.to_string();
        let data =
            self.transport.change(Method::POST, &["nodes", node.as_str(), "qemu", &vmid, "status", verb], &[]).await?;
        self.task(&data)
    }

    /// Destroys a VM with the disks that its configuration names, and no others: neither `purge` nor
    /// `destroy-unreferenced-disks` is sent, which would take what an earlier VM of this number left.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn destroy(&self, node: &NodeName, vmid: VmId) -> Result<Upid, ApiError> {
        let vmid = vmid.to_string();
        let data = self.transport.change(Method::DELETE, &["nodes", node.as_str(), "qemu", &vmid], &[]).await?;
        self.task(&data)
    }

    /// Stops a task; succeeds also if it has stopped already.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn abort(&self, upid: &Upid) -> Result<(), ApiError> {
        let path = ["nodes", upid.node().as_str(), "tasks", upid.as_str()];
        self.transport.change(Method::DELETE, &path, &[]).await.map(drop)
    }

    /// Reads the task ID from the answer to a change. Without it the outcome of the change is unknown.
    pub(super) fn task(&self, data: &Value) -> Result<Upid, ApiError> {
        let upid = data.as_str().and_then(|text| text.parse().ok());
        upid.ok_or_else(|| ApiError::OutcomeUnknown { source: Box::new(self.unexpected("it contains no task ID")) })
    }
}

/// Returns whether other machines can reach a guest at this address.
fn is_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local() && !address.is_unspecified(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local() && !address.is_unspecified(),
    }
}
