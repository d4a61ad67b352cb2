//! Drives that are asked for: new disks, cloud-init drives, volumes that exist, images that are imported.

use crate::sandbox::auth::{Caller, ROOT, Refusal};
use crate::sandbox::cluster::{Cluster, Config, Request, Volume};

/// A drive as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// No volume: an empty drive, or the one of the node.
    Nothing(String),
    /// A new disk of so many GiB.
    New {
        /// The storage.
        storage: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A disk with the content of an image.
    Import {
        /// The storage.
        storage: String,
        /// The image, as a volume or a path.
        image: String,
    },
    /// A cloud-init drive.
    CloudInit {
        /// The storage.
        storage: String,
    },
    /// A volume that exists.
    Volume(String),
}

/// Reads what a drive option asks for.
pub(crate) fn wanted(value: &str) -> Wanted {
    let (file, rest) = value.split_once(',').unwrap_or((value, ""));
    let file = file.strip_prefix("file=").unwrap_or(file);
    let Some((storage, name)) = file.split_once(':') else { return Wanted::Nothing(file.to_owned()) };
    let storage = storage.to_owned();
    if let Some(image) = rest.split(',').find_map(|part| part.strip_prefix("import-from=")) {
        return Wanted::Import { storage, image: image.to_owned() };
    }
    match name.parse::<f64>() {
        _ if name == "cloudinit" => Wanted::CloudInit { storage },
        Ok(size) => Wanted::New { storage, size: gibibytes(size) },
        Err(_) => Wanted::Volume(file.to_owned()),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are not negative and far from the limit"
)]
fn gibibytes(size: f64) -> u64 {
    (size.max(0.0) * f64::from(1 << 30)) as u64
}

impl Cluster {
    /// Checks the rights and storages that the drives of an order need.
    pub(crate) fn check_drives(&self, request: Request<'_>, order: &Config) -> Result<(), Refusal> {
        for (_, value) in order.options().filter(|(key, _)| crate::sandbox::cluster::vm::is_drive(key)) {
            self.check_drive(request, &wanted(value))?;
        }
        Ok(())
    }

    fn check_drive(&self, request: Request<'_>, wanted: &Wanted) -> Result<(), Refusal> {
        let room = |storage: &str| {
            self.storage(storage)?;
            self.demand(request, &format!("/storage/{storage}"), &["Datastore.AllocateSpace"])
        };
        match wanted {
            Wanted::Nothing(file) if file == "cdrom" => self.demand(request, "/", &["Sys.Console"]),
            Wanted::Nothing(_) => Ok(()),
            Wanted::New { storage, .. } | Wanted::CloudInit { storage } => room(storage),
            Wanted::Import { storage, image } => {
                readable(request.caller, image)?;
                room(storage)
            }
            Wanted::Volume(volume) => {
                let storage = volume.split(':').next().unwrap_or_default();
                self.storage(storage)?;
                let rights = ["Datastore.AllocateSpace", "Datastore.Audit"];
                self.demand_any(request, &format!("/storage/{storage}"), &rights)
            }
        }
    }

    /// Makes what a drive option asks for, and returns the option as the configuration holds it.
    pub(crate) fn make_drive(&mut self, node: &str, vmid: u32, value: &str, unix: u64) -> Result<String, String> {
        let rest: Vec<&str> = value.split(',').skip(1).filter(|part| !part.starts_with("import-from=")).collect();
        let format = rest.iter().find_map(|part| part.strip_prefix("format="));
        let kept: Vec<&str> = rest.iter().copied().filter(|part| !part.starts_with("format=")).collect();
        let (storage, size, used, cloudinit) = match wanted(value) {
            Wanted::Nothing(_) => return Ok(value.to_owned()),
            Wanted::Volume(volume) => {
                if self.volume(node, &volume).is_none() {
                    return Err(format!("volume '{volume}' does not exist"));
                }
                return Ok(value.to_owned());
            }
            Wanted::New { storage, size } => (storage, size, 0, false),
            Wanted::CloudInit { storage } => (storage, 4 << 20, 0, true),
            Wanted::Import { storage, image } => {
                let file = self.file_of(&image);
                let known = self.volume(node, &image).ok_or_else(|| format!("failed to stat '{file}'"))?;
                (storage, known.size.next_multiple_of(1 << 30), known.used, false)
            }
        };
        let Some(place) = self.storages.get_mut(&storage) else {
            return Err(format!("storage '{storage}' does not exist"));
        };
        let usual = match (place.kind.keeps_files(), cloudinit || matches!(wanted(value), Wanted::Import { .. })) {
            (false, _) | (true, false) => "raw",
            (true, true) => "qcow2",
        };
        let format = format.filter(|_| place.kind.keeps_files()).unwrap_or(usual);
        if place.full {
            return Err(format!("unable to allocate a disk on storage '{storage}': No space left on device"));
        }
        let name = match cloudinit {
            true => place.named(vmid, &format!("vm-{vmid}-cloudinit"), format),
            false => place.free_name(node, vmid, format),
        };
        let volume = Volume {
            vmid: Some(vmid),
            content: "images".to_owned(),
            format: format.to_owned(),
            size,
            used,
            created: unix,
            base: None,
        };
        place.volumes.insert(place.key(node, &name), volume);
        let mut parts = vec![format!("{storage}:{name}")];
        parts.extend(kept.iter().map(|part| (*part).to_owned()));
        match cloudinit {
            true if !kept.contains(&"media=cdrom") => parts.push("media=cdrom".to_owned()),
            true => {}
            false => parts.push(format!("size={}", short(size))),
        }
        Ok(parts.join(","))
    }
}

/// Demands that an image is a volume, unless root asks.
fn readable(caller: &Caller, image: &str) -> Result<(), Refusal> {
    if image.starts_with('/') && caller.subject != ROOT {
        let why = "Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 651.";
        return Err(Refusal::Failed(why.to_owned()));
    }
    Ok(())
}

/// Writes a size as configurations do: in the largest unit that it is a whole number of.
pub(crate) fn short(size: u64) -> String {
    for (unit, bytes) in [("T", 1_u64 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)] {
        if size >= bytes && size.is_multiple_of(bytes) {
            return format!("{}{unit}", size / bytes);
        }
    }
    size.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives_are_read_as_the_server_reads_them() {
        let storage = || "local".to_owned();
        let table = [
            ("local:1,format=qcow2", Wanted::New { storage: storage(), size: 1 << 30 }),
            ("local:cloudinit", Wanted::CloudInit { storage: storage() }),
            ("none,media=cdrom", Wanted::Nothing("none".into())),
            ("local:100/vm-100-disk-0.raw", Wanted::Volume("local:100/vm-100-disk-0.raw".into())),
            (
                "local:0,import-from=local:import/a.qcow2",
                Wanted::Import { storage: storage(), image: "local:import/a.qcow2".into() },
            ),
        ];
        for (value, expected) in table {
            assert_eq!(wanted(value), expected, "{value}");
        }
    }

    #[test]
    fn sizes_are_written_in_the_largest_whole_unit() {
        for (size, expected) in [(1 << 30, "1G"), (1536 << 20, "1536M"), (5, "5"), (4 << 20, "4M")] {
            assert_eq!(short(size), expected);
        }
    }
}
