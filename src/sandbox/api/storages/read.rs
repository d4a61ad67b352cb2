//! The calls that read storages and their volumes.

use serde_json::{Value, json};

use crate::sandbox::api::nodes::fields;
use crate::sandbox::auth::{Imports, Refusal, names};
use crate::sandbox::cluster::{Cluster, Reply, Request, State, Storage, Volume};

/// What lets a caller look at a storage.
const LOOK: &[&str] = &["Datastore.Audit", "Datastore.AllocateSpace"];

impl Cluster {
    /// Finds a volume by its whole name, as a node sees it.
    pub(crate) fn volume(&self, node: &str, whole: &str) -> Option<&Volume> {
        let (storage, name) = whole.split_once(':')?;
        self.storages.get(storage)?.volume(node, name)
    }

    /// Finds a storage by name.
    pub(crate) fn storage(&self, name: &str) -> Result<&Storage, Refusal> {
        self.storages.get(name).ok_or_else(|| Refusal::Failed(format!("storage '{name}' does not exist")))
    }

    /// Finds a storage that is enabled and that a node has.
    pub(crate) fn storage_on(&self, name: &str, node: &str) -> Result<&Storage, Refusal> {
        let storage = self.storage(name)?;
        if storage.state == State::Disabled {
            return Err(Refusal::Failed(format!("storage '{name}' is disabled")));
        }
        if storage.is_on(node) {
            return Ok(storage);
        }
        Err(Refusal::Failed(format!("storage '{name}' is not available on node '{node}'")))
    }

    /// Demands that a node can use a storage now, as a task does before it touches a volume.
    pub(crate) fn activate(&self, name: &str, node: &str) -> Result<(), String> {
        match self.storage_on(name, node) {
            Err(refusal) => Err(refusal.text()),
            Ok(storage) if storage.state == State::Offline => Err(format!("storage '{name}' is not online")),
            Ok(_) => Ok(()),
        }
    }
}

/// Who may look at a storage.
pub(crate) fn may_look(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand_any(request, &format!("/storage/{}", request.text("storage")), LOOK)
}

/// `GET /storage`: how the storages are set up.
pub(crate) fn configuration(cluster: &Cluster, request: Request<'_>) -> Reply {
    let shown = cluster.storages.iter().filter(|(name, _)| cluster.allows(request, &format!("/storage/{name}"), LOOK));
    let entries = shown.map(|(name, storage)| {
        let mut reply = fields(json!({
            "storage": name,
            "type": storage.kind.name(),
            "content": storage.content.join(","),
            "digest": "0000000000000000000000000000000000000000",
        }));
        match storage.path.split_once('/').filter(|_| !storage.kind.keeps_files()) {
            Some((group, pool)) => reply.extend(fields(json!({"vgname": group, "thinpool": pool}))),
            None => reply.extend(fields(json!({"path": storage.path}))),
        }
        if storage.keeps("backup") && storage.kind.keeps_files() {
            reply.insert("prune-backups".to_owned(), json!("keep-all=1"));
        }
        if storage.shared {
            reply.insert("shared".to_owned(), json!(1));
        }
        if storage.state == State::Disabled {
            reply.insert("disable".to_owned(), json!(1));
        }
        if !storage.nodes.is_empty() {
            let nodes: Vec<&str> = storage.nodes.iter().map(String::as_str).collect();
            reply.insert("nodes".to_owned(), json!(nodes.join(",")));
        }
        Value::Object(reply)
    });
    entries.collect::<Value>().into()
}

/// `GET /nodes/{node}/storage`: the storages that the caller may look at, those of other nodes included.
pub(crate) fn storages(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    known_content(cluster, request)?;
    let wanted = |storage: &Storage| {
        let mut words = names::list(request.text("content")).peekable();
        words.peek().is_none() || words.any(|word| storage.keeps(word))
    };
    let is_enabled = |storage: &Storage| match request.get("content") {
        Some(_) => storage.is_enabled_on(request.node()),
        None => !request.is_on("enabled") || storage.state != State::Disabled,
    };
    let is_common = |storage: &Storage, target: &str| {
        storage.shared && storage.is_enabled_on(request.node()) && storage.is_enabled_on(target)
    };
    let shown = cluster.storages.iter().filter(|(name, storage)| {
        is_enabled(storage)
            && wanted(storage)
            && request.get("storage").is_none_or(|asked| asked == *name)
            && request.get("target").is_none_or(|target| is_common(storage, target))
            && cluster.allows(request, &format!("/storage/{name}"), LOOK)
    });
    let entries = shown.map(|(name, storage)| {
        let mut reply = fields(room(storage, request.node()));
        reply.insert("storage".to_owned(), json!(name));
        if storage.serves(request.node()) {
            reply.insert("used_fraction".to_owned(), json!(fraction(storage.used_on(request.node()), storage.total)));
        }
        Value::Object(reply)
    });
    Ok(entries.collect::<Value>().into())
}

/// Refuses to look for a kind of content that the release does not know.
fn known_content(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    let imports = names::list(request.text("content")).any(|word| word == "import");
    match imports && cluster.release().imports() == Imports::Unknown {
        true => Err(Refusal::parameter("content", "invalid format - invalid content type 'import'\n")),
        false => Ok(()),
    }
}

/// `GET /nodes/{node}/storage/{storage}/status`.
pub(crate) fn status(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let storage = cluster.storages.get(request.text("storage"));
    let storage = storage.ok_or_else(|| Refusal::parameter("storage", "No such storage."))?;
    Ok(room(storage, request.node()).into())
}

fn room(storage: &Storage, node: &str) -> Value {
    let is_active = storage.serves(node);
    let (used, total) = if is_active { (storage.used_on(node), storage.total) } else { (0, 0) };
    json!({
        "type": storage.kind.name(),
        "content": storage.content.join(","),
        "active": u8::from(is_active),
        "enabled": u8::from(storage.is_enabled_on(node)),
        "shared": u8::from(storage.shared),
        "total": total,
        "used": used,
        "avail": total.saturating_sub(used),
    })
}

#[expect(clippy::cast_precision_loss, reason = "a share of a storage needs no last digit")]
fn fraction(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// `GET /nodes/{node}/storage/{storage}/content`: the volumes of VMs that the caller may look at, and what is no VM's.
pub(crate) fn content(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    known_content(cluster, request)?;
    let name = request.text("storage");
    let storage = cluster.storage_on(name, request.node())?;
    let all = cluster.allows(request, &format!("/storage/{name}"), &["Datastore.Allocate"]);
    let shown = storage.seen_from(request.node()).filter(|(_, volume)| {
        let may = |vmid: u32| all || cluster.allows(request, &format!("/vms/{vmid}"), &["VM.Config.Disk"]);
        let fits = volume.vmid.is_none_or(|vmid| request.number("vmid").is_none_or(|asked| asked == u64::from(vmid)));
        fits && request.get("content").is_none_or(|kind| volume.content == kind) && volume.vmid.is_none_or(may)
    });
    let entries = shown.map(|(volume_name, volume)| {
        let mut reply = fields(json!({
            "volid": format!("{name}:{volume_name}"),
            "content": volume.content,
            "format": volume.format,
            "size": volume.size,
            "ctime": volume.created,
        }));
        if let Some(vmid) = volume.vmid {
            let base = volume.base.as_ref().map(|base| format!("../{base}"));
            reply.extend(fields(json!({"vmid": vmid, "used": volume.used, "parent": base})));
        }
        Value::Object(reply)
    });
    Ok(entries.collect::<Value>().into())
}
