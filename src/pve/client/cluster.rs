//! The cluster: its nodes, its quorum, its networks and its certificate authority.

use super::Pve;
use crate::model::{BridgeName, NodeName};
use crate::pve::ApiError;
use crate::pve::lenient::{field_text, object};
use crate::pve::privileges::Zones;
use crate::pve::tls::certificates_in;
use crate::pve::values::{ClusterStatusRow, Interface, Node, Quorum};
use serde_json::Value;

impl Pve {
    /// Lists the bridges and vnets of a node that may be used there (SDN.Use or SDN.Audit, from version 8 on).
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn bridges(&self, node: &NodeName) -> Result<Vec<Interface>, ApiError> {
        let data = self.transport.get(&["nodes", node.as_str(), "network"], &[("type", "any_bridge")]).await?;
        self.named(data, "the list of bridges", "iface")
    }

    /// Lists the nodes. Every token may.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn nodes(&self) -> Result<Vec<Node>, ApiError> {
        let data = self.transport.get(&["nodes"], &[]).await?;
        let mut nodes = self.list(data, "the list of nodes", object::<Node>)?;
        nodes.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(nodes)
    }

    /// Reads whether the cluster has a quorum, without which nothing can be changed; `None` for a server without a
    /// cluster. Needs Sys.Audit on `/` (Proxmox VE: `/cluster/status`, the row of type `cluster`).
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn quorum(&self) -> Result<Option<Quorum>, ApiError> {
        let data = self.transport.get(&["cluster", "status"], &[]).await?;
        let rows = self.list(data, "the status of the cluster", object::<ClusterStatusRow>)?;
        let cluster = rows.into_iter().find(|row| row.kind == "cluster");
        Ok(cluster.map(|row| if row.quorate == Some(0) { Quorum::Lost } else { Quorum::Present }))
    }

    /// Lists the vnets that may be seen (SDN.Audit), each with its zone. A server before Proxmox VE 8 may know none.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn vnets(&self) -> Result<Zones, ApiError> {
        let data = self.transport.get(&["cluster", "sdn", "vnets"], &[]).await?;
        let vnets = self.list(data, "the list of vnets", |vnet| {
            // ACL paths have no other names.
            let name = |field| field_text(&vnet, field)?.parse::<BridgeName>().ok();
            vnet.is_object().then(|| name("vnet").zip(name("zone")))
        })?;
        Ok(vnets.into_iter().flatten().collect())
    }

    /// Reads the certificate of the cluster's own CA, in PEM form. Every authenticated caller may.
    ///
    /// # Errors
    /// As every call; `None` where the node has no such certificate.
    pub async fn cluster_ca(&self, node: &NodeName) -> Result<Option<String>, ApiError> {
        let data = self.transport.get(&["nodes", node.as_str(), "certificates", "info"], &[]).await?;
        let files = self.list(data, "the list of certificates", |file| file.is_object().then_some(file))?;
        let is_ca = |file: &&Value| field_text(file, "filename").is_some_and(|name| name == "pve-root-ca.pem");
        Ok(files.iter().find(is_ca).and_then(|file| file.get("pem")?.as_str().map(certificates_in)))
    }
}
