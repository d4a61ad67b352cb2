//! Why a file cannot be replaced, although new files may be created in its folder.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::system;
use crate::settings::error::{FileOperation, SettingsError};

/// The bit of a folder in which only owners may replace their files.
const STICKY: u32 = 0o1000;

/// Refuses a path whose file cannot be replaced; a path without a file can be used.
pub(super) fn require_replaceable(target: &Path, folder: &Path) -> Result<(), SettingsError> {
    let old = match target.symlink_metadata() {
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(system(FileOperation::Read, target, why)),
        Ok(old) => old,
    };
    let path = target.to_path_buf();
    if old.is_dir() {
        return Err(SettingsError::IsFolder { path });
    }
    match Obstacle::of(target) {
        Some(Obstacle::MountPoint) => return Err(SettingsError::MountPoint { path }),
        Some(Obstacle::Protected) => return Err(SettingsError::Immutable { path }),
        None => {}
    }
    let around = folder.metadata().map_err(|why| system(FileOperation::Read, folder, why))?;
    if is_kept_by_sticky_folder(&old, &around) {
        Err(SettingsError::Denied { doing: FileOperation::Replace, path })
    } else {
        Ok(())
    }
}

/// In a folder like `/tmp` only the owner of a file may put another one in its place.
fn is_kept_by_sticky_folder(old: &Metadata, folder: &Metadata) -> bool {
    let me = rustix::process::geteuid();
    let is_mine = |it: &Metadata| it.uid() == me.as_raw();
    folder.mode() & STICKY != 0 && !me.is_root() && !is_mine(old) && !is_mine(folder)
}

/// What the system says of a file beyond its mode.
enum Obstacle {
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux mounts single files"))]
    MountPoint,
    /// Immutable or append-only.
    Protected,
}

impl Obstacle {
    #[cfg(target_os = "linux")]
    fn of(path: &Path) -> Option<Self> {
        use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
        let is_listed = || std::fs::read("/proc/self/mountinfo").is_ok_and(|list| is_listed(&list, path));
        let Ok(found) = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS) else {
            return is_listed().then_some(Self::MountPoint);
        };
        let has = |attribute| found.stx_attributes.contains(attribute);
        // Kernels before 5.8 do not say what is the root of a mount.
        let is_reported = found.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT);
        if if is_reported { has(StatxAttributes::MOUNT_ROOT) } else { is_listed() } {
            return Some(Self::MountPoint);
        }
        (has(StatxAttributes::IMMUTABLE) || has(StatxAttributes::APPEND)).then_some(Self::Protected)
    }

    #[cfg(not(target_os = "linux"))]
    fn of(path: &Path) -> Option<Self> {
        const IMMUTABLE_OR_APPEND: u32 = 0x0000_0006 | 0x0006_0000; // of the owner, of root: <sys/stat.h>
        let flags = rustix::fs::lstat(path).ok()?.st_flags;
        (flags & IMMUTABLE_OR_APPEND != 0).then_some(Self::Protected)
    }
}

/// Returns whether a path is a mount point by the kernel's own list, in which blanks are written as `\040`.
#[cfg(target_os = "linux")]
fn is_listed(mountinfo: &[u8], path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let escaped = |byte: &u8| match byte {
        b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
        plain => vec![*plain],
    };
    let wanted: Vec<u8> = path.as_os_str().as_bytes().iter().flat_map(escaped).collect();
    mountinfo.split(|byte| *byte == b'\n').any(|line| line.split(|byte| *byte == b' ').nth(4) == Some(&wanted))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::path::Path;

    use super::is_listed;

    #[test]
    fn a_mount_point_is_found_in_the_list_of_the_kernel() {
        let list =
            b"36 35 98:0 / / rw - ext4 /dev/sda1 rw\n40 36 98:0 /h.env /srv/my\\040app/.env rw - ext4 /dev/sda1 rw\n";
        for (path, expected) in [("/", true), ("/srv/my app/.env", true), ("/srv/my app", false), ("/srv/my", false)] {
            assert_eq!(is_listed(list, Path::new(path)), expected, "{path}");
        }
    }
}
