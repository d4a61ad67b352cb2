//! The calls that change something.

use reqwest::Method;
use serde_json::Value;

use crate::model::{Digest, NodeName, PoolName, StorageName, Upid, VmId};
use crate::pve::{ApiError, Pve, VmConfig};

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
        let data =
            self.transport.change(Method::POST, &["nodes", node.as_str(), "qemu", &source, "clone"], &form).await?;
        self.task(&data)
    }

    /// Changes entries of a VM's configuration at once, unless it is another one than that with the digest.
    ///
    /// # Errors
    /// As every call.
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
    /// As every call.
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
    /// As every call.
    pub async fn start(&self, node: &NodeName, vmid: VmId) -> Result<Upid, ApiError> {
        self.power(node, vmid, "start").await
    }

    /// Stops a VM at once, as pulling the plug does.
    ///
    /// # Errors
    /// As every call.
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
    /// As every call.
    pub async fn destroy(&self, node: &NodeName, vmid: VmId) -> Result<Upid, ApiError> {
        let vmid = vmid.to_string();
        let data = self.transport.change(Method::DELETE, &["nodes", node.as_str(), "qemu", &vmid], &[]).await?;
        self.task(&data)
    }

    /// Tells a task to stop. One that has stopped already does not mind.
    ///
    /// # Errors
    /// As every call.
    pub async fn abort(&self, upid: &Upid) -> Result<(), ApiError> {
        let path = ["nodes", upid.node().as_str(), "tasks", upid.as_str()];
        self.transport.change(Method::DELETE, &path, &[]).await.map(drop)
    }

    /// Reads the task that a change was handed to. Without it nobody knows what became of the change.
    pub(super) fn task(&self, data: &Value) -> Result<Upid, ApiError> {
        let upid = data.as_str().and_then(|text| text.parse().ok());
        upid.ok_or_else(|| ApiError::OutcomeUnknown { source: Box::new(self.unexpected("it names no task")) })
    }
}
