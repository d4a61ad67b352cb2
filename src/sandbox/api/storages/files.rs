//! The calls that fetch files onto a storage and remove volumes from it.

use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::sandbox::auth::{Imports, Refusal};
use crate::sandbox::cluster::work::{Plan, Scene, Work};
use crate::sandbox::cluster::{Cluster, Download, Reply, Request, Volume};

/// The size of a file whose address is not described.
const USUAL: u64 = 600 << 20;

/// `GET /nodes/{node}/storage/{storage}/content/{volume}`.
pub(crate) fn read(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let whole = whole(request);
    let place = whole.split(':').next().unwrap_or_default();
    cluster.storage_on(place, request.node())?;
    let volume = cluster.volume(request.node(), &whole);
    let volume = volume.ok_or_else(|| Refusal::Failed(format!("volume_size_info on '{whole}' failed - no format")))?;
    may_touch(cluster, request, place, Some(volume))?;
    Ok(json!({
        "path": cluster.file_of(&whole), "size": volume.size, "used": volume.used, "format": volume.format,
    })
    .into())
}

/// `DELETE /nodes/{node}/storage/{storage}/content/{volume}`.
pub(crate) fn delete(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let whole = whole(request);
    let place = whole.split(':').next().unwrap_or_default().to_owned();
    cluster.storage_on(&place, request.node())?;
    let volume = cluster.volume(request.node(), &whole);
    may_touch(cluster, request, &place, volume)?;
    let owner = volume.and_then(|volume| volume.vmid).map(|vmid| format!("{vmid}@")).unwrap_or_default();
    let id = format!("{owner}{place}");
    Ok(json!(cluster.spawn(request, "imgdel", &id, Deleting { whole })?).into())
}

fn whole(request: Request<'_>) -> String {
    match request.text("volume") {
        whole if whole.contains(':') => whole.to_owned(),
        name => format!("{}:{name}", request.text("storage")),
    }
}

/// Demands the rights that it takes to touch a volume: those of its VM, or those of templates.
fn may_touch(cluster: &Cluster, request: Request<'_>, place: &str, volume: Option<&Volume>) -> Result<(), Refusal> {
    let path = format!("/storage/{place}");
    if cluster.allows(request, &path, &["Datastore.Allocate"]) {
        return Ok(());
    }
    match volume.and_then(|volume| volume.vmid) {
        Some(vmid) => {
            cluster.demand(request, &format!("/vms/{vmid}"), &["VM.Config.Disk"])?;
            cluster.demand(request, &path, &["Datastore.AllocateSpace"])
        }
        None => cluster.demand(request, &path, &["Datastore.AllocateTemplate"]),
    }
}

/// A volume that is being removed.
#[derive(Debug)]
struct Deleting {
    whole: String,
}

impl Work for Deleting {
    fn begin(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Plan, String> {
        let (place, name) = self.whole.split_once(':').unwrap_or_default();
        let in_use = cluster.storages.get(place).is_some_and(|storage| storage.is_base_in_use(&scene.node, name));
        if in_use {
            return Err(format!("base volume '{name}' is still in use by linked clones"));
        }
        Ok(Plan::of(cluster.task_time / 10, &[]))
    }

    fn finish(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        if cluster.volume(&scene.node, &self.whole).is_none() {
            lines.push(format!("disk image '{}' does not exist", cluster.file_of(&self.whole)));
        }
        lines.extend(cluster.free_volume(&scene.node, &self.whole));
        lines.push(format!("Removed volume '{}'", self.whole));
        Ok(lines)
    }
}

/// Who may fetch files: who may keep templates on the storage, and reach the network from the node.
pub(crate) fn may_fetch(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand(request, &format!("/storage/{}", request.text("storage")), &["Datastore.AllocateTemplate"])?;
    let on_node = cluster.allows(request, &format!("/nodes/{}", request.node()), &["Sys.AccessNetwork"]);
    let on_all = cluster.demand(request, "/", &["Sys.Audit", "Sys.Modify"]).is_ok();
    if on_node || on_all { Ok(()) } else { Err(Refusal::Forbidden(None)) }
}

/// Returns the name that a file gets, if the storage takes such files and its ending is one of theirs.
pub(crate) fn named(cluster: &Cluster, request: Request<'_>) -> Result<String, Refusal> {
    let (place, content) = (request.text("storage"), request.text("content"));
    let imports = cluster.release().imports();
    if content == "import" && matches!(imports, Imports::Unknown | Imports::Nothing) {
        let why = "value 'import' does not have a value in the enumeration 'iso, vztmpl'";
        return Err(Refusal::parameter("content", why));
    }
    let storage = cluster.storage_on(place, request.node())?;
    if !storage.content.iter().any(|kind| kind == content) {
        let why = format!("storage '{place}' is not configured for content-type '{content}'");
        return Err(Refusal::Failed(why));
    }
    let name = request.text("filename").rsplit('/').next().unwrap_or_default().to_owned();
    let (endings, why): (&[&str], &str) = match content {
        "iso" => (&[".iso", ".img"], "wrong file extension"),
        "vztmpl" => (&[".tar.gz", ".tar.xz", ".tar.zst"], "wrong file extension"),
        _ if imports == Imports::Appliances => (&[".ova"], "invalid filename or wrong extension"),
        _ => (&[".qcow2", ".raw", ".vmdk", ".ova"], "invalid filename or wrong extension"),
    };
    if !endings.iter().any(|ending| name.ends_with(ending)) {
        return Err(Refusal::parameter("filename", why));
    }
    Ok(name)
}

/// `POST /nodes/{node}/storage/{storage}/download-url`.
pub(crate) fn fetch(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let name = named(cluster, request)?;
    let (place, content) = (request.text("storage"), request.text("content"));
    let work = Fetching {
        url: request.text("url").to_owned(),
        whole: format!("{place}:{content}/{name}"),
        content: content.to_owned(),
        checksum: request.get("checksum").map(str::to_owned),
    };
    Ok(json!(cluster.spawn(request, "download", &name, work)?).into())
}

/// A file that is being fetched.
#[derive(Debug)]
struct Fetching {
    url: String,
    whole: String,
    content: String,
    checksum: Option<String>,
}

impl Fetching {
    /// Says what is found at the address: as it was described, or as its host looks.
    fn found(&self, cluster: &Cluster) -> Download {
        let host = self.url.split('/').nth(2).unwrap_or_default();
        match cluster.downloads.get(&self.url) {
            Some(known) => known.clone(),
            None if host.ends_with(".invalid") => Download::UnknownHost,
            None if host.starts_with("127.") || host.starts_with("localhost") => Download::Refused,
            None => Download::File { size: USUAL, checksum: None },
        }
    }
}

impl Work for Fetching {
    fn begin(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Plan, String> {
        let file = cluster.file_of(&self.whole);
        if cluster.volume(&scene.node, &self.whole).is_some() {
            let line = format!("downloading {} to {file}", self.url);
            return Ok(Plan::of(Duration::ZERO, &[line]));
        }
        let host = self.url.split('/').nth(2).unwrap_or_default();
        let mut lines =
            vec![format!("downloading {} to {file}", self.url), format!("--{}--  {}", stamp(scene.unix), self.url)];
        match self.found(cluster) {
            Download::UnknownHost => {
                lines.push(format!("Resolving {host} ({host})... failed: Temporary failure in name resolution."));
            }
            Download::Refused => {}
            Download::Missing => {
                lines.push(format!("Connecting to {host}... connected."));
                lines.push("HTTP request sent, awaiting response... 404 File not found".to_owned());
                lines.push(format!("{} ERROR 404: File not found.", stamp(scene.unix)));
            }
            Download::File { size, .. } => {
                lines.push(format!("Connecting to {host}... connected."));
                lines.push("HTTP request sent, awaiting response... 200 OK".to_owned());
                lines.push(format!("Length: {size} ({}M) [application/octet-stream]", size >> 20));
                lines.push(format!("Saving to: '{file}.tmp_dwnl'"));
            }
        }
        Ok(Plan::of(cluster.task_time / 2, &lines))
    }

    fn finish(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Vec<String>, String> {
        if cluster.volume(&scene.node, &self.whole).is_some() {
            return Err(format!("refusing to override existing file '{}'", cluster.file_of(&self.whole)));
        }
        let host = self.url.split('/').nth(2).unwrap_or_default();
        let failed = |why: String| Err(format!("download failed: {why}"));
        let (size, known) = match self.found(cluster) {
            Download::UnknownHost => return failed(format!("wget: unable to resolve host address '{host}'")),
            Download::Refused => {
                let port = if self.url.starts_with("https") { "443" } else { "80" };
                let place = if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
                return failed(format!("Connecting to {place}... failed: Connection refused."));
            }
            Download::Missing => return failed("exit code 8".to_owned()),
            Download::File { size, checksum } => (size, checksum),
        };
        if let (Some(got), Some(expected)) = (&known, &self.checksum)
            && got != expected
        {
            return Err(format!("checksum mismatch: got '{got}' != expect '{expected}'"));
        }
        cluster.keep_file(scene, (&self.whole, &self.content), size);
        let saved = format!("download of '{}' to '{}' finished", self.url, cluster.file_of(&self.whole));
        Ok(vec![saved])
    }
}

/// Writes a moment as downloads log it.
fn stamp(unix: u64) -> String {
    let moment = i64::try_from(unix).ok().and_then(|unix| OffsetDateTime::from_unix_timestamp(unix).ok());
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    moment.and_then(|moment| moment.format(form).ok()).unwrap_or_default()
}
