//! What the log of a clone says of its disks.

use std::time::Duration;

use crate::sandbox::cluster::{Cluster, Storage};

/// Into how many steps the copying of a disk is divided in its log.
const STEPS: u32 = 75;

/// Tells how the copying of a disk goes on; the end is told twice.
pub(crate) fn steps(size: u64, length: Duration) -> impl Iterator<Item = (Duration, String)> {
    (0..=STEPS).chain([STEPS]).map(move |step| (length * step / STEPS, transferred(step, size)))
}

/// Tells what the log says of a new volume that an image is copied to.
pub(crate) fn progress(cluster: &Cluster, node: &str, whole: &str, length: Duration) -> Vec<(Duration, String)> {
    let (place, name) = whole.split_once(':').unwrap_or_default();
    let Some(storage) = cluster.storages.get(place) else { return Vec::new() };
    let Some(volume) = storage.volume(node, name) else { return Vec::new() };
    let made = allocated(storage, &storage.file(name), name, &volume.format, volume.size, None);
    let begin = [made, format!("allocated target volume '{whole}'")];
    let begin = begin.into_iter().map(|line| (Duration::ZERO, line));
    begin.chain(steps(volume.size, length)).collect()
}

pub(crate) fn cloned(base: &str, name: &str, target: u32) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    format!("clone {base}: images, {last}, {target} to {last} (base=../{base})")
}

pub(crate) fn allocated(
    storage: &Storage,
    file: &str,
    name: &str,
    format: &str,
    size: u64,
    base: Option<&str>,
) -> String {
    let rest = "lazy_refcounts=off refcount_bits=16";
    match base {
        _ if !storage.kind.keeps_files() => format!("  Logical volume \"{name}\" created."),
        Some(base) => format!(
            "Formatting '{file}', fmt=qcow2 cluster_size=131072 extended_l2=on preallocation=metadata \
             compression_type=zlib size={size} backing_file=../{base} backing_fmt=qcow2 {rest}"
        ),
        None if format == "qcow2" => format!(
            "Formatting '{file}', fmt=qcow2 cluster_size=65536 extended_l2=off preallocation=metadata \
             compression_type=zlib size={size} {rest}"
        ),
        None => format!("Formatting '{file}', fmt={format} size={size} preallocation=off"),
    }
}

/// How a clone fails on a storage that is full.
pub(crate) fn out_of_room(storage: &Storage, from: &str, name: &str, copied: bool) -> String {
    let to = storage.file(name);
    match (copied, storage.kind.keeps_files()) {
        (true, _) => format!(
            "clone failed: copy failed: command '/usr/bin/qemu-img convert -p -n {from} zeroinit:{to}' failed: exit code 1"
        ),
        (false, true) => format!("clone failed: unable to create image: qemu-img: {to}: No space left on device"),
        (false, false) => format!(
            "clone failed: lvcreate snapshot '{name}' error:   Cannot create new thin volume, free space in thin pool \
             {} reached threshold.",
            storage.path
        ),
    }
}

/// Tells how far the copying of a disk has come.
fn transferred(step: u32, size: u64) -> String {
    let hundredths = (step * 20_000 / STEPS).div_ceil(2);
    let done = u128::from(size) * u128::from(hundredths) / 10_000;
    let done = u64::try_from(done).unwrap_or(size);
    format!("transferred {} of {} ({:.2}%)", human(done), human(size), f64::from(hundredths) / 100.0)
}

#[expect(clippy::cast_precision_loss, reason = "one digit after the point is all that is shown")]
fn human(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut amount = bytes as f64;
    let mut unit = "B";
    for next in units.into_iter().skip(1) {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, next);
    }
    format!("{amount:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_reported_as_the_server_tells_it() {
        assert_eq!(transferred(0, 1 << 30), "transferred 0.0 B of 1.0 GiB (0.00%)");
        assert_eq!(transferred(7, 1 << 30), "transferred 95.5 MiB of 1.0 GiB (9.33%)");
        assert_eq!(transferred(STEPS, 32 << 30), "transferred 32.0 GiB of 32.0 GiB (100.00%)");
    }
}
