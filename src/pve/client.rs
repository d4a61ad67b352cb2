//! One method for each API call: here those that read.

mod access;
mod changes;
mod images;

use std::net::IpAddr;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::model::{
    BridgeName, Endpoint, Foreign, NodeName, Secret, StorageName, TokenId, TokenSecret, Upid, UserId, VmId,
};
use crate::pve::http_client::Limits;
use crate::pve::privileges::{AclPath, Grant, PermissionsAt, Zones};
use crate::pve::proxy::Proxies;
use crate::pve::retry::{CallEvent, Observer};
use crate::pve::streaming_list::ListReply;
use crate::pve::tls::{CaBundle, Leaf, Trust, certificates_in, judge_again};
use crate::pve::transport::Transport;
use crate::pve::values::{
    ActiveTask, CloneFeature, Fields, Interface, Node, Realm, Storage, TaskStatus, Version, Vm, VmStatus, as_flag,
    as_number,
};
use crate::pve::vm_config::VmConfig;
use crate::pve::{ApiError, RefusalReason};

pub use access::{
    AclChange, AclEntry, Challenge, LoggedIn, PoolCard, Subject, TokenRecord, TokenRequest, UserLookup, UserRecord,
};
pub use changes::CloneRequest;
pub use images::{FetchRequest, Growth, Image, Upload};

/// Privileges by path: each privilege, and whether it propagates.
pub type PermissionsReply = PermissionsAt;

/// A server, and who calls it.
#[derive(Debug, Clone)]
pub struct Pve {
    transport: Transport,
}

impl Pve {
    /// Prepares the way to a server; nothing is sent yet, and nobody is authenticated.
    ///
    /// # Errors
    /// Where the trust or the proxy cannot be used.
    pub fn new(endpoint: Endpoint, trust: &Trust, limits: Limits, proxies: &Proxies) -> Result<Self, ApiError> {
        Ok(Self { transport: Transport::new(endpoint, trust, limits, proxies)? })
    }

    /// Tells whoever listens what happens on the way.
    pub(super) fn tell(&self, event: &CallEvent<'_>) {
        self.transport.tell(event);
    }

    /// Gives the server.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        self.transport.endpoint()
    }

    /// Gives the certificate that the server presented last; none before the first call. A pinned one is accepted
    /// though it has expired, which is to be told.
    #[must_use]
    pub fn leaf(&self) -> Option<Leaf> {
        Leaf::read(self.transport.presented().chain().first()?).ok()
    }

    /// Says whether these authorities signed what the server presented last, for this server's name and for today.
    ///
    /// # Errors
    /// Where they did not, what is wrong.
    pub fn is_vouched_for_by(&self, bundle: &CaBundle) -> Result<(), ApiError> {
        judge_again(bundle, &self.transport.presented().chain(), self.endpoint())
    }

    /// Goes the same way with the same credentials on connections that are judged by another trust.
    ///
    /// # Errors
    /// Where the trust or the proxy cannot be used.
    pub fn reconnected(&self, trust: &Trust, limits: Limits, proxies: &Proxies) -> Result<Self, ApiError> {
        Ok(Self { transport: self.transport.reconnected(trust, limits, proxies)? })
    }

    /// Authenticates with a token from here on.
    ///
    /// # Errors
    /// Where the token ID cannot stand in a header.
    pub fn with_token(self, id: &TokenId, secret: &TokenSecret) -> Result<Self, ApiError> {
        Ok(Self { transport: self.transport.with_token(id, secret)? })
    }

    /// Takes the credentials away: what is asked from here on, anybody may ask.
    #[must_use]
    pub fn anonymous(self) -> Self {
        Self { transport: self.transport.anonymous() }
    }

    /// Tells somebody from here on of every answer, and of every call that is sent once more.
    #[must_use]
    pub fn observed_by(self, ear: Observer) -> Self {
        Self { transport: self.transport.observed_by(ear) }
    }

    /// Gives the server's time as its last answer told it; none before the first.
    #[must_use]
    pub fn date(&self) -> Option<OffsetDateTime> {
        self.transport.date()
    }

    /// Logs in with a password alone, and authenticates with the ticket from here on. Tickets live for two hours.
    ///
    /// # Errors
    /// Where the server refuses, or wants a second factor.
    pub async fn log_in(self, user: &UserId, password: &Secret) -> Result<Self, ApiError> {
        match self.begin_log_in(user, password).await? {
            LoggedIn::Done(pve) => Ok(*pve),
            LoggedIn::NeedsFactor(_) => Err(ApiError::SecondFactor { user: user.to_string() }),
        }
    }

    /// Reads the version. Every token may.
    ///
    /// # Errors
    /// As every call: the way there, the credentials, the privileges, the server.
    pub async fn version(&self) -> Result<Version, ApiError> {
        let data = self.transport.get(&["version"], &[]).await?;
        let version = self.fields(&data, "the version")?.text("version");
        Ok(Version::new(version.ok_or_else(|| self.unexpected("the version has no number"))?))
    }

    /// Lists the realms. Needs no log-in.
    ///
    /// # Errors
    /// As every call.
    pub async fn domains(&self) -> Result<Vec<Realm>, ApiError> {
        let data = self.transport.get(&["access", "domains"], &[]).await?;
        let mut realms = self.named(&data, "the list of realms", "realm", Realm::of)?;
        realms.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(realms)
    }

    /// Reads the caller's privileges, or a user's (Sys.Audit, or a user's own token); on one path exactly, or on all
    /// paths that have an entry.
    ///
    /// # Errors
    /// As every call.
    pub async fn permissions(&self, path: Option<&str>, user: Option<&str>) -> Result<PermissionsReply, ApiError> {
        let query: Vec<(&str, &str)> =
            [("path", path), ("userid", user)].into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let data = self.transport.get_whole(&["access", "permissions"], &query).await?;
        let Some(paths) = data.as_object() else {
            // Perl writes an empty map as an empty list where it was never filled.
            return if data.as_array().is_some_and(Vec::is_empty) {
                Ok(PermissionsReply::new())
            } else {
                Err(self.unexpected("the privileges are no map"))
            };
        };
        // A path with other characters is no VM, storage, pool or bridge.
        let known = paths.iter().filter_map(|(path, value)| Some((path.parse::<AclPath>().ok()?, value.as_object()?)));
        let held = |(path, held): (AclPath, &Map<String, Value>)| {
            let held = held.iter().map(|(name, flag)| Some((name.parse().ok()?, as_flag(flag))));
            Some((path, held.collect::<Option<Grant>>()?))
        };
        // What is held and cannot be named could not be kept where a deeper entry replaces it.
        known
            .map(held)
            .collect::<Option<_>>()
            .ok_or_else(|| self.unexpected("a privilege has a name that cannot be read"))
    }

    /// Reads what the server has noted of a token: a user about its own, a token only with User.Modify.
    ///
    /// # Errors
    /// As every call.
    pub async fn token_entry(&self, token: &TokenId) -> Result<TokenRecord, ApiError> {
        let user = token.user.to_string();
        let data = self.transport.get(&["access", "users", &user, "token", token.name.as_str()], &[]).await?;
        TokenRecord::of(Some(token.name.as_str()), &data).ok_or_else(|| self.unexpected("the token is no map"))
    }

    /// Says whether a token has privilege separation.
    ///
    /// # Errors
    /// As every call.
    pub async fn is_separated(&self, token: &TokenId) -> Result<bool, ApiError> {
        self.token_entry(token).await.map(|entry| entry.separated)
    }

    /// Lists the network interfaces of a node.
    ///
    /// # Errors
    /// As every call.
    pub async fn interfaces(&self, node: &NodeName) -> Result<Vec<Interface>, ApiError> {
        let data = self.transport.get(&["nodes", node.as_str(), "network"], &[]).await?;
        self.named(&data, "the list of interfaces", "iface", Interface::of)
    }

    /// Lists the bridges and vnets of a node that may be used there (SDN.Use or SDN.Audit, from version 8 on).
    ///
    /// # Errors
    /// As every call.
    pub async fn bridges(&self, node: &NodeName) -> Result<Vec<Interface>, ApiError> {
        let data = self.transport.get(&["nodes", node.as_str(), "network"], &[("type", "any_bridge")]).await?;
        self.named(&data, "the list of bridges", "iface", Interface::of)
    }

    /// Lists the nodes. Every token may.
    ///
    /// # Errors
    /// As every call.
    pub async fn nodes(&self) -> Result<Vec<Node>, ApiError> {
        let data = self.transport.get(&["nodes"], &[]).await?;
        let mut nodes = self.list(&data, "the list of nodes", Node::of)?;
        nodes.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(nodes)
    }

    /// Lists the VMs of the cluster that may be seen (VM.Audit); some seconds old.
    ///
    /// # Errors
    /// As every call.
    pub async fn vms(&self) -> Result<Vec<Vm>, ApiError> {
        self.vms_where(|_| true).await
    }

    /// Lists those VMs of the cluster that may be seen (VM.Audit) and are looked for, some seconds old: a cluster may have
    /// a hundred thousand, of which hardly any command wants more than a few.
    ///
    /// # Errors
    /// As every call.
    pub async fn vms_where(&self, is_wanted: impl Fn(&Vm) -> bool) -> Result<Vec<Vm>, ApiError> {
        let call: (&[&str], &[(&str, &str)]) = (&["cluster", "resources"], &[("type", "vm")]);
        let row = |fields: Option<Fields<'_>>| Some(Vm::of(&fields?).filter(&is_wanted));
        let mut vms = self.rows(call, "the list of VMs", Vm::FIELDS, row).await?;
        vms.sort_by_key(|vm| vm.vmid);
        Ok(vms)
    }

    /// Lists the VMs of one node that may be seen (VM.Audit), as they are now.
    ///
    /// # Errors
    /// As every call.
    pub async fn vms_on(&self, node: &NodeName) -> Result<Vec<Vm>, ApiError> {
        let path = ["nodes", node.as_str(), "qemu"];
        let row = |fields: Option<Fields<'_>>| Some(Vm::on(&fields?, node));
        let mut vms = self.rows((&path, &[]), "the list of VMs", Vm::FIELDS, row).await?;
        vms.sort_by_key(|vm| vm.vmid);
        Ok(vms)
    }

    /// Reads the configuration of a VM (VM.Audit).
    ///
    /// # Errors
    /// As every call.
    pub async fn vm_config(&self, node: &NodeName, vmid: VmId) -> Result<VmConfig, ApiError> {
        let vmid = vmid.to_string();
        let data = self.transport.get(&["nodes", node.as_str(), "qemu", &vmid, "config"], &[]).await?;
        VmConfig::of(&data).ok_or_else(|| self.unexpected("the configuration of the VM is no map"))
    }

    /// Reads whether a VM runs (VM.Audit).
    ///
    /// # Errors
    /// As every call.
    pub async fn vm_status(&self, node: &NodeName, vmid: VmId) -> Result<VmStatus, ApiError> {
        let vmid = vmid.to_string();
        let data = self.transport.get(&["nodes", node.as_str(), "qemu", &vmid, "status", "current"], &[]).await?;
        VmStatus::of(&data).ok_or_else(|| self.unexpected("the status of the VM has no status"))
    }

    /// Lists the vnets that may be seen (SDN.Audit), each with its zone. A server before Proxmox VE 8 may know none.
    ///
    /// # Errors
    /// As every call.
    pub async fn vnets(&self) -> Result<Zones, ApiError> {
        let data = self.transport.get(&["cluster", "sdn", "vnets"], &[]).await?;
        let vnets = self.list(&data, "the list of vnets", |value| {
            let fields = Fields::of(value)?;
            // No path of the access control list has other names.
            Some(fields.parsed::<BridgeName>("vnet").zip(fields.parsed::<BridgeName>("zone")))
        })?;
        Ok(vnets.into_iter().flatten().collect())
    }

    /// Says whether a linked clone of a VM is possible, and on which nodes its storages can be used (VM.Audit).
    ///
    /// # Errors
    /// As every call.
    pub async fn clone_feature(&self, node: &NodeName, vmid: VmId) -> Result<CloneFeature, ApiError> {
        let vmid = vmid.to_string();
        let path = ["nodes", node.as_str(), "qemu", &vmid, "feature"];
        let data = self.transport.get(&path, &[("feature", "clone")]).await?;
        let can_link = self.fields(&data, "the features of the VM")?.flag("hasFeature");
        let nodes = data.get("nodes").and_then(Value::as_array);
        let nodes = nodes.map(|nodes| nodes.iter().filter_map(|node| node.as_str()?.parse().ok()).collect());
        Ok(CloneFeature { can_link, nodes })
    }

    /// Gives the next free VMID. It is reserved for nobody.
    ///
    /// # Errors
    /// As every call.
    pub async fn next_id(&self) -> Result<VmId, ApiError> {
        let data = self.transport.get(&["cluster", "nextid"], &[]).await?;
        as_number(&data).and_then(VmId::new).ok_or_else(|| self.unexpected("the next VMID is no number"))
    }

    /// Says whether a VMID is free, in the whole cluster, whatever may be seen.
    ///
    /// # Errors
    /// As every call.
    pub async fn is_free(&self, vmid: VmId) -> Result<bool, ApiError> {
        let number = vmid.to_string();
        match self.transport.get(&["cluster", "nextid"], &[("vmid", &number)]).await {
            Ok(_) => Ok(true),
            Err(ApiError::Refusal(refusal)) if refusal.reason_of("vmid") == Some(RefusalReason::VmidTaken) => Ok(false),
            Err(why) => Err(why),
        }
    }

    /// Lists the storages of a node that may be seen (Datastore.Audit or Datastore.AllocateSpace).
    ///
    /// # Errors
    /// As every call.
    pub async fn storages(&self, node: &NodeName) -> Result<Vec<Storage>, ApiError> {
        let data = self.transport.get(&["nodes", node.as_str(), "storage"], &[]).await?;
        let mut storages = self.named(&data, "the list of storages", "storage", Storage::of)?;
        storages.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(storages)
    }

    /// Lists the disks on a storage that belong to a VM (Datastore.Audit), those that its configuration does not name
    /// as well.
    ///
    /// # Errors
    /// As every call.
    pub async fn volumes(&self, node: &NodeName, storage: &StorageName, vmid: VmId) -> Result<Vec<Foreign>, ApiError> {
        let (path, vmid) = (["nodes", node.as_str(), "storage", storage.as_str(), "content"], vmid.to_string());
        let row = |fields: Option<Fields<'_>>| fields?.text("volid").map(Some);
        let query = [("vmid", vmid.as_str())];
        let mut volumes = self.rows((&path, &query), "the content of the storage", &["volid"], row).await?;
        volumes.sort();
        Ok(volumes)
    }

    /// Reads the certificate of the cluster's own authority, in PEM form. Everybody who is authenticated may.
    ///
    /// # Errors
    /// As every call; `None` where the node has no such certificate.
    pub async fn cluster_ca(&self, node: &NodeName) -> Result<Option<String>, ApiError> {
        let data = self.transport.get(&["nodes", node.as_str(), "certificates", "info"], &[]).await?;
        let files = self.list(&data, "the list of certificates", |value| {
            let fields = Fields::of(value)?;
            let is_ca = fields.text("filename").is_some_and(|name| name == "pve-root-ca.pem");
            Some((is_ca, value.get("pem").and_then(Value::as_str).map(certificates_in)))
        })?;
        Ok(files.into_iter().find(|(is_ca, _)| *is_ca).and_then(|(_, pem)| pem))
    }

    /// Reads the name of the cluster (Sys.Audit); none where the node is alone.
    ///
    /// # Errors
    /// As every call.
    pub async fn cluster_name(&self) -> Result<Option<Foreign>, ApiError> {
        let data = self.transport.get(&["cluster", "status"], &[]).await?;
        let entries = self.list(&data, "the status of the cluster", |value| {
            let fields = Fields::of(value)?;
            Some((fields.text("type"), fields.text("name")))
        })?;
        let is_cluster = |kind: &Option<Foreign>| kind.as_ref().is_some_and(|kind| *kind == "cluster");
        Ok(entries.into_iter().find(|(kind, _)| is_cluster(kind)).and_then(|(_, name)| name))
    }

    /// Reads how far a task is. Only who started it may, or Sys.Audit.
    ///
    /// # Errors
    /// As every call.
    pub async fn task_status(&self, upid: &Upid) -> Result<TaskStatus, ApiError> {
        let path = ["nodes", upid.node().as_str(), "tasks", upid.as_str(), "status"];
        let data = self.transport.get_once(&path, &[]).await?;
        TaskStatus::of(&data).ok_or_else(|| self.unexpected("the status of the task has no status"))
    }

    /// Reads the log of a task from a line on, counted from 0; gives its lines.
    ///
    /// # Errors
    /// As every call.
    pub async fn task_log(&self, upid: &Upid, start: usize, limit: usize) -> Result<Vec<Foreign>, ApiError> {
        let path = ["nodes", upid.node().as_str(), "tasks", upid.as_str(), "log"];
        let (from, limit) = (start.to_string(), limit.to_string());
        let data = self.transport.get_once(&path, &[("start", &from), ("limit", &limit)]).await?;
        // The log of a task that is not known is one line, and no list, up to Proxmox VE 8.
        let data = if data.is_object() { Value::Array(vec![data]) } else { data };
        let mut lines = self.list(&data, "the log of the task", |value| {
            let fields = Fields::of(value)?;
            Some((fields.number("n")?, fields.text("t").unwrap_or_default()))
        })?;
        // A log that is shorter than it was has nothing new.
        lines.retain(|(number, _)| *number > start as u64);
        lines.sort_by_key(|(number, _)| *number);
        Ok(lines.into_iter().map(|(_, text)| text).collect())
    }

    /// Lists the tasks of this caller's user that run on a node.
    ///
    /// # Errors
    /// As every call.
    pub async fn active_tasks(&self, node: &NodeName) -> Result<Vec<ActiveTask>, ApiError> {
        let path = ["nodes", node.as_str(), "tasks"];
        let row = |fields: Option<Fields<'_>>| Some(ActiveTask::of(&fields?));
        self.rows((&path, &[("source", "active")]), "the list of tasks", ActiveTask::FIELDS, row).await
    }

    /// Lists the newest tasks of one kind of this caller's user on a node, those that have ended as well.
    ///
    /// # Errors
    /// As every call.
    pub async fn tasks_of_kind(&self, node: &NodeName, kind: &str) -> Result<Vec<Upid>, ApiError> {
        let path = ["nodes", node.as_str(), "tasks"];
        let row = |fields: Option<Fields<'_>>| Some(fields.and_then(|it| it.text("upid")?.parse().ok()));
        let query = [("source", "all"), ("typefilter", kind)];
        self.rows((&path, &query), "the list of tasks", &["upid"], row).await
    }

    /// Asks the guest agent for the addresses that somebody else can reach; those of the loopback and of the local link
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

    pub(super) fn fields<'a>(&self, data: &'a Value, what: &str) -> Result<Fields<'a>, ApiError> {
        Fields::of(data).ok_or_else(|| self.unexpected(&format!("{what} is no map")))
    }

    /// Reads a list; an entry that cannot be read makes the whole not understood.
    fn list<T>(&self, data: &Value, what: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, ApiError> {
        let entries = data.as_array().ok_or_else(|| self.no_list(what))?;
        let read: Option<Vec<T>> = entries.iter().map(read).collect();
        read.ok_or_else(|| self.unread(what))
    }

    /// Reads a list whose entries have names that a type checks: one with a name that no such thing can have is left out,
    /// and that is reported.
    fn named<T>(
        &self,
        data: &Value,
        what: &str,
        field: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, ApiError> {
        let entries = self.list(data, what, |value| {
            let name = Fields::of(value)?.text(field)?;
            Some(read(value).ok_or(name))
        })?;
        let report = |name: &Foreign| self.tell(&CallEvent::LeftOut { what, name });
        Ok(entries.into_iter().filter_map(|entry| entry.inspect_err(report).ok()).collect())
    }

    /// Reads a list that may be very long, as `list` does, and keeps of it what `row` makes of the wanted fields.
    async fn rows<T>(
        &self,
        call: (&[&str], &[(&str, &str)]),
        what: &str,
        wanted: &[&'static str],
        row: impl Fn(Option<Fields<'_>>) -> Option<Option<T>>,
    ) -> Result<Vec<T>, ApiError> {
        match self.transport.get_rows(call, wanted, row).await? {
            ListReply::Rows(rows) => Ok(rows),
            ListReply::Unread => Err(self.unread(what)),
            ListReply::NoList => Err(self.no_list(what)),
        }
    }

    fn no_list(&self, what: &str) -> ApiError {
        self.unexpected(&format!("{what} is no list"))
    }

    fn unread(&self, what: &str) -> ApiError {
        self.unexpected(&format!("{what} has an entry that cannot be read"))
    }

    pub(super) fn unexpected(&self, what: &str) -> ApiError {
        ApiError::NotUnderstood { server: self.endpoint().authority(), what: what.to_owned() }
    }
}

/// Says whether an address leads to a guest from elsewhere.
fn is_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local() && !address.is_unspecified(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local() && !address.is_unspecified(),
    }
}
