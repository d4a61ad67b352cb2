//! The calls about storages, and those that make a template: images on a storage, a VM out of one, its conversion.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use reqwest::Method;
use serde::Deserialize;

use crate::bounded::open_regular;
use crate::model::{Digest, DiskSize, Foreign, NodeName, Upid, VmId};
use crate::pve::http::multipart::{Form, FormFile};
use crate::pve::lenient::{lenient, text};
use crate::pve::values::Storage;
use crate::pve::{ApiError, Pve};

/// A file that the server shall fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// Where from.
    pub url: String,
    /// The name that it gets; the ending says what it is.
    pub filename: String,
    /// Its SHA-256 checksum; the server refuses a file with another one.
    pub sha256: Option<String>,
}

/// An image on a storage.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Image {
    /// Its whole name, with the storage.
    #[serde(rename = "volid", deserialize_with = "text")]
    pub volume: Foreign,
    /// Its bytes.
    #[serde(default, deserialize_with = "lenient")]
    pub size: Option<u64>,
    /// When its file was last changed, in seconds since 1970.
    #[serde(rename = "ctime", default, deserialize_with = "lenient")]
    pub changed: Option<u64>,
}

/// How large a disk of a VM shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth<'a> {
    /// The disk, `scsi0`.
    pub disk: &'a str,
    /// Its new size.
    pub size: DiskSize,
    /// The digest of the configuration that was read: if it has changed since, the server changes nothing.
    pub digest: Option<&'a Digest>,
}

/// A file that is sent to the server.
#[derive(Debug, Clone)]
pub struct Upload<'a> {
    /// The file.
    pub path: &'a Path,
    /// The name that it gets; the ending says what it is.
    pub filename: &'a str,
    /// Its SHA-256 checksum; the server refuses a file with another one.
    pub sha256: Option<&'a str>,
    /// How many bytes are on their way so far.
    pub sent: Arc<AtomicU64>,
}

impl Pve {
    /// Lists the storages of a node that may be seen (Datastore.Audit or Datastore.AllocateSpace).
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn storages(&self, node: &NodeName) -> Result<Vec<Storage>, ApiError> {
        let data = self.transport.get(&["nodes", node.as_str(), "storage"], &[]).await?;
        let mut storages = self.named::<Storage>(data, "the list of storages", "storage")?;
        storages.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(storages)
    }

    /// Lists the images that a storage holds to import from (Datastore.Audit).
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn images(&self, node: &NodeName, storage: &str) -> Result<Vec<Image>, ApiError> {
        let path = ["nodes", node.as_str(), "storage", storage, "content"];
        self.rows(&path, &[("content", "import")], "the content of the storage", Some).await
    }

    /// Lets the server fetch an image (Datastore.AllocateTemplate, and Sys.AccessNetwork on the node).
    ///
    /// # Errors
    /// As every call; where the answer is lost, it is not known whether it was begun.
    pub async fn fetch_image(&self, node: &NodeName, storage: &str, request: &FetchRequest) -> Result<Upid, ApiError> {
        let mut form =
            vec![("content", "import"), ("url", request.url.as_str()), ("filename", request.filename.as_str())];
        if let Some(sha256) = &request.sha256 {
            form.extend([("checksum", sha256.as_str()), ("checksum-algorithm", "sha256")]);
        }
        let path = ["nodes", node.as_str(), "storage", storage, "download-url"];
        let data = self.transport.create(&path, &form).await?;
        self.task(&data)
    }

    /// Sends an image to a storage (Datastore.AllocateTemplate).
    ///
    /// # Errors
    /// As every call; where the answer is lost, it is not known whether the image is there.
    pub async fn upload_image(&self, node: &NodeName, storage: &str, upload: &Upload<'_>) -> Result<Upid, ApiError> {
        let unread = |why: std::io::Error| ApiError::Preparation { why: format!("{}: {why}", upload.path.display()) };
        let file = open_regular(upload.path).map_err(|why| unread(why.into()))?;
        let length = file.metadata().map_err(unread)?.len();
        let mut fields = vec![("content", "import")];
        if let Some(sha256) = upload.sha256 {
            fields.extend([("checksum", sha256), ("checksum-algorithm", "sha256")]);
        }
        let path = ["nodes", node.as_str(), "storage", storage, "upload"];
        let form = Form::new(&fields, FormFile { name: upload.filename, file, length }, Arc::clone(&upload.sent));
        let data = self.transport.send_form(&path, form).await?;
        self.task(&data)
    }

    /// Removes a volume that belongs to no VM (Datastore.AllocateTemplate).
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn remove_image(&self, node: &NodeName, storage: &str, volume: &str) -> Result<Upid, ApiError> {
        let path = ["nodes", node.as_str(), "storage", storage, "content", volume];
        let data = self.transport.change(Method::DELETE, &path, &[]).await?;
        self.task(&data)
    }

    /// Makes a VM of these entries.
    ///
    /// # Errors
    /// As every call; where the answer is lost, it is not known whether it was begun.
    pub async fn create_vm(&self, node: &NodeName, vmid: VmId, entries: &[(&str, String)]) -> Result<Upid, ApiError> {
        let vmid = vmid.to_string();
        let mut form = vec![("vmid", vmid.as_str())];
        form.extend(entries.iter().map(|(key, value)| (*key, value.as_str())));
        let data = self.transport.create(&["nodes", node.as_str(), "qemu"], &form).await?;
        self.task(&data)
    }

    /// Gives a disk of a VM a size (VM.Config.Disk). Older servers do it at once, newer ones name a task.
    ///
    /// # Errors
    /// As every call; where the answer is lost, it is not known whether it was begun.
    pub async fn resize(&self, node: &NodeName, vmid: VmId, growth: &Growth<'_>) -> Result<Option<Upid>, ApiError> {
        let (vmid, size) = (vmid.to_string(), growth.size.to_string());
        let path = ["nodes", node.as_str(), "qemu", &vmid, "resize"];
        let mut form = vec![("disk", growth.disk), ("size", size.as_str())];
        form.extend(growth.digest.map(|digest| ("digest", digest.as_str())));
        let data = self.transport.change(Method::PUT, &path, &form).await?;
        if data.is_null() { Ok(None) } else { self.task(&data).map(Some) }
    }

    /// Converts a stopped VM to a template, irreversibly (VM.Allocate).
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn convert(&self, node: &NodeName, vmid: VmId) -> Result<Upid, ApiError> {
        let vmid = vmid.to_string();
        let path = ["nodes", node.as_str(), "qemu", &vmid, "template"];
        let data = self.transport.change(Method::POST, &path, &[]).await?;
        self.task(&data)
    }
}
