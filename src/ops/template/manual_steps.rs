//! The commands that create a template in the shell of a node, for users whose token may not.

use crate::model::{DiskSize, VmId};
use crate::ops::template::image::{ImageSource, ImageSpec};
use crate::settings::sh_word;

/// What the template shall be.
pub(crate) struct ManualVm<'a> {
    /// Its number.
    pub(crate) vmid: VmId,
    /// Its name.
    pub(crate) name: &'a str,
    /// The name of the image meanwhile, which no other file has.
    pub(crate) image: String,
    /// The storage of its disk.
    pub(crate) storage: &'a str,
    /// The size of its disk; 0 is the image's own.
    pub(crate) disk: DiskSize,
    /// Its bridge.
    pub(crate) bridge: &'a str,
}

/// Returns the lines, with this server's storages and numbers filled in. Each one runs only if the one before it
/// succeeded: if the VMID has been taken meanwhile, `qm create` refuses, and nothing touches that VM.
pub(crate) fn lines(wanted: &ImageSpec, sha256: Option<&str>, machine: &ManualVm<'_>) -> Vec<String> {
    let ManualVm { vmid, name, image, storage, disk, bridge } = machine;
    let file = format!("/var/tmp/{image}");
    let mut lines = Vec::new();
    match &wanted.origin {
        ImageSource::Address(url) => lines.push(format!("wget -O {file} {}", sh_word(url))),
        ImageSource::File(_) => lines.push(format!("test -f {file}")),
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
    let mut lines: Vec<String> = lines.into_iter().map(|line| format!("{line} &&")).collect();
    lines.push(format!("rm {file}"));
    if let ImageSource::File(path) = &wanted.origin {
        lines.insert(0, format!("# first copy {} to {file}", path.display()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{ManualVm, lines};
    use crate::model::VmId;
    use crate::ops::template::image::ImageSpec;

    #[test]
    fn no_line_runs_after_one_that_failed() {
        for release in ["22.04", "http://mirror.lan/disk.raw", "/dev/../etc/hostname"] {
            let wanted = ImageSpec::of("--release", release, Path::new("/")).unwrap();
            let vmid = VmId::new(9000).unwrap();
            let (image, disk) = (wanted.name_on_server("0a1b2c"), "32G".parse().unwrap());
            let machine = ManualVm { vmid, name: "t", image, storage: "local-lvm", disk, bridge: "vmbr0" };
            let lines = lines(&wanted, Some(&"ab".repeat(32)), &machine);
            let commands: Vec<&String> = lines.iter().filter(|line| !line.starts_with('#')).collect();
            let (last, others) = commands.split_last().unwrap();
            assert!(last.starts_with("rm /var/tmp/glassdome-") && !last.ends_with("&&"), "{lines:?}");
            assert!(others.iter().all(|line| line.ends_with(" &&")), "{lines:?}");
            assert!(others.iter().any(|line| line.starts_with("qm create 9000 ")), "{lines:?}");
        }
    }
}
