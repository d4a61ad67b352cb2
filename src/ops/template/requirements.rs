//! Which privileges the making of a template needs, and which of them are missing.

use crate::error::{Doing, Error, Operation};
use crate::model::{NodeName, VmId};
use crate::ops::concurrently;
use crate::pve::Pve;
use crate::pve::privileges::PermissionsAt;
use crate::ui::columns;

/// What a new VM needs on its own path.
const VM_PRIVILEGES: [&str; 8] = [
    "VM.Allocate",
    "VM.Audit",
    "VM.Config.Disk",
    "VM.Config.CPU",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Config.HWType",
];

/// What its cloud-init drive and its boot order need besides.
const CLOUD_INIT_PRIVILEGES: [&str; 2] = ["VM.Config.Cloudinit", "VM.Config.CDROM"];

/// The privilege to let a server download a file: this one on its node, or both of the others on `/` (Proxmox VE:
/// `download-url`).
const FETCH_PRIVILEGE: &str = "Sys.AccessNetwork";
const FETCH_ALTERNATIVE: [&str; 2] = ["Sys.Audit", "Sys.Modify"];

/// What is used.
pub(crate) struct TemplateRequirements<'a> {
    /// The number of the new VM.
    pub(crate) vmid: VmId,
    /// The storage of its disk.
    pub(crate) disks: Option<&'a str>,
    /// The storage of the image.
    pub(crate) images: Option<&'a str>,
    /// The node, where the server fetches the image.
    pub(crate) fetching_node: Option<&'a NodeName>,
    /// The path of its bridge, where that is checked.
    pub(crate) network: Option<String>,
}

impl TemplateRequirements<'_> {
    /// Lists what is missing, path by path.
    pub(crate) async fn missing(self, pve: &Pve) -> Result<Vec<String>, Error> {
        let fetching = self.fetching_node.map(|node| format!("/nodes/{node}"));
        let mut needs =
            vec![(format!("/vms/{}", self.vmid), [&VM_PRIVILEGES[..], &CLOUD_INIT_PRIVILEGES[..]].concat())];
        needs.extend(self.disks.map(|disks| (format!("/storage/{disks}"), vec!["Datastore.AllocateSpace"])));
        needs.extend(self.images.map(|images| (format!("/storage/{images}"), vec!["Datastore.AllocateTemplate"])));
        needs.extend(self.network.map(|path| (path, vec!["SDN.Use"])));
        let mut gaps = Vec::new();
        let paths = needs.iter().map(|(path, _)| path.as_str()).chain(fetching.as_deref());
        let asked = concurrently(paths.map(|path| pve.permissions(Some(path), None))).await;
        let answers = asked.into_iter().collect::<Result<Vec<PermissionsAt>, _>>();
        let mut answers = answers.doing(Operation::ReadPrivileges)?.into_iter();
        for ((path, wanted), answer) in needs.into_iter().zip(answers.by_ref()) {
            gaps.push((lacks(&answer, &path, &wanted), path));
        }
        if let (Some(path), Some(answer)) = (fetching, answers.next()) {
            let missing = lacks(&answer, &path, &[FETCH_PRIVILEGE]);
            if !missing.is_empty() && !may_fetch_instead(pve).await? {
                gaps.push((missing, path));
            }
        }
        let rows = gaps.into_iter().filter(|(missing, _)| !missing.is_empty());
        Ok(columns(&rows.map(|(missing, path)| vec![path, missing.join(", ")]).collect::<Vec<_>>()))
    }
}

async fn may_fetch_instead(pve: &Pve) -> Result<bool, Error> {
    let answer = pve.permissions(Some("/"), None).await;
    let answer = answer.doing(Operation::ReadPrivileges)?;
    Ok(lacks(&answer, "/", &FETCH_ALTERNATIVE).is_empty())
}

fn lacks(answer: &PermissionsAt, path: &str, wanted: &[&'static str]) -> Vec<&'static str> {
    let held = answer.get(path);
    wanted.iter().copied().filter(|name| !held.is_some_and(|held| held.contains_key(*name))).collect()
}
