//! The call that takes a file which was sent, and puts it on a storage.

use serde_json::json;

use crate::sandbox::api::storages::files::named;
use crate::sandbox::auth::Refusal;
use crate::sandbox::cluster::work::{Plan, Scene, Work};
use crate::sandbox::cluster::{Cluster, Received, Reply, Request};

/// Who may send files: who may keep templates on the storage.
pub(crate) fn may_send(cluster: &Cluster, request: Request<'_>) -> Result<(), Refusal> {
    cluster.demand(request, &format!("/storage/{}", request.text("storage")), &["Datastore.AllocateTemplate"])
}

/// `POST /nodes/{node}/storage/{storage}/upload`.
pub(crate) fn receive(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let name = named(cluster, request)?;
    let (place, content) = (request.text("storage"), request.text("content"));
    let temporary = request.text("tmpfilename").to_owned();
    let Some(file) = cluster.uploads.remove(&temporary) else {
        return Err(Refusal::parameter("tmpfilename", "property is missing and it is not optional"));
    };
    let work = Importing {
        temporary,
        whole: format!("{place}:{content}/{name}"),
        content: content.to_owned(),
        checksum: request.get("checksum").map(str::to_owned),
        file,
    };
    Ok(json!(cluster.spawn(request, "imgcopy", "", work)?).into())
}

/// A file that is being put on a storage.
#[derive(Debug)]
struct Importing {
    temporary: String,
    whole: String,
    content: String,
    checksum: Option<String>,
    file: Received,
}

impl Importing {
    fn is_broken(&self) -> bool {
        self.content == "import" && self.whole.ends_with(".qcow2") && !self.file.is_qcow2
    }
}

impl Work for Importing {
    fn begin(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Plan, String> {
        let (temporary, target) = (&self.temporary, cluster.file_of(&self.whole));
        let mut lines = vec![format!("starting file import from: {temporary}")];
        if self.is_broken() {
            lines.push(format!(
                "command '/usr/bin/qemu-img info '--output=json' {temporary} -f qcow2' failed: exit code 1"
            ));
        } else {
            lines.push(format!("target node: {}", scene.node));
            lines.push(format!("target file: {target}"));
            lines.push(format!("file size is: {}", self.file.size));
            lines.push(format!("command: cp -- {temporary} {target}"));
        }
        Ok(Plan::of(cluster.task_time / 10, &lines))
    }

    fn finish(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Vec<String>, String> {
        if self.is_broken() {
            return Err(format!("qemu-img: Could not open '{}': Image is not in qcow2 format", self.temporary));
        }
        let got = &self.file.sha256;
        if let Some(expected) = self.checksum.as_ref().filter(|expected| *expected != got) {
            return Err(format!("checksum mismatch: got '{got}' != expect '{expected}'"));
        }
        cluster.keep_file(scene, (&self.whole, &self.content), self.file.size);
        Ok(vec!["finished file import successfully".to_owned()])
    }
}
