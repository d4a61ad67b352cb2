//! The lines that make a template in the shell of a node, for somebody whose token may not.

use crate::commands::template::image::{Origin, Wanted};
use crate::model::{DiskSize, VmId};
use crate::settings::sh_word;

/// What the template shall be.
pub(super) struct Machine<'a> {
    /// Its number.
    pub(super) vmid: VmId,
    /// Its name.
    pub(super) name: &'a str,
    /// The storage of its disk.
    pub(super) storage: &'a str,
    /// The size of its disk; 0 is the image's own.
    pub(super) disk: DiskSize,
    /// Its bridge.
    pub(super) bridge: &'a str,
}

/// Gives the lines, with this server's storages and numbers filled in.
pub(super) fn lines(wanted: &Wanted, sha256: Option<&str>, machine: &Machine<'_>) -> Vec<String> {
    let Machine { vmid, name, storage, disk, bridge } = machine;
    let file = format!("/var/tmp/{}", wanted.name_on_server(sha256));
    let mut lines = Vec::new();
    match &wanted.origin {
        Origin::Address(url) => lines.push(format!("wget -O {file} {}", sh_word(url))),
        Origin::File(path) => lines.push(format!("# copy {} to {file}", path.display())),
    }
    if let Some(sha256) = sha256 {
        lines.push(format!("echo '{sha256}  {file}' | sha256sum -c"));
    }
    lines.push(format!(
        "qm create {vmid} --name {name} --ostype l26 --cores 2 --memory 2048 --scsihw virtio-scsi-pci --serial0 socket --vga serial0 --agent 1 --net0 virtio,bridge={bridge}"
    ));
    lines.push(format!("qm set {vmid} --scsi0 {storage}:0,import-from={file}"));
    if disk.bytes() > 0 {
        lines.push(format!("qm disk resize {vmid} scsi0 {disk}"));
    }
    lines.push(format!("qm set {vmid} --ide2 {storage}:cloudinit --boot order=scsi0"));
    lines.push(format!("qm template {vmid}"));
    lines.push(format!("rm {file}"));
    lines
}
