//! VMIDs that this machine freed a moment ago. The server's own `qm cleanup` of the VM that is gone may hold the lock of a
//! new VM with the same VMID for up to 30 s (qemu-server, qmeventd).

use std::fs;
use std::path::PathBuf;

use time::{Duration, OffsetDateTime};

use crate::model::VmId;

/// How long a VMID is avoided: twice the time for which its lock may be held.
const REUSE_DELAY: Duration = Duration::seconds(60);

/// The VMIDs of one server, one small file each. They are a hint: what cannot be read or written is passed over.
#[derive(Debug, Clone)]
pub struct FreedIds {
    folder: PathBuf,
    /// The server, `host:port`.
    server: String,
}

impl FreedIds {
    /// Uses the notes below the state folder about one server.
    #[must_use]
    pub fn new(state_folder: &std::path::Path, server: &str) -> Self {
        Self { folder: state_folder.join("freed"), server: server.to_owned() }
    }

    /// Notes that a VMID was freed at this time.
    pub fn note(&self, vmid: VmId, now: OffsetDateTime) {
        let path = self.folder.join(format!("{vmid}@{}", self.server));
        let written = fs::create_dir_all(&self.folder).and_then(|()| fs::write(path, now.unix_timestamp().to_string()));
        drop(written); // without the note the next run may wait for a lock, and nothing else
    }

    /// Lists the VMIDs that were freed within the last minute, and forgets the others.
    #[must_use]
    pub fn recent(&self, now: OffsetDateTime) -> Vec<VmId> {
        let Ok(listing) = fs::read_dir(&self.folder) else { return Vec::new() };
        let mut recent = Vec::new();
        for path in listing.filter_map(|entry| Some(entry.ok()?.path())) {
            let Some((vmid, server)) = path.file_name().and_then(|name| name.to_str()?.split_once('@')) else {
                continue;
            };
            let Some(vmid) = vmid.parse().ok().and_then(VmId::new) else { continue };
            let text = fs::read_to_string(&path).unwrap_or_default();
            let age = now.unix_timestamp().saturating_sub(text.trim().parse().unwrap_or_default());
            if !(0..REUSE_DELAY.whole_seconds()).contains(&age) {
                drop(fs::remove_file(&path)); // another run may have been faster
            } else if server == self.server {
                recent.push(vmid);
            }
        }
        recent
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::FreedIds;
    use crate::model::VmId;

    #[test]
    fn a_vmid_is_avoided_for_a_minute_on_its_own_server() {
        let folder = tempfile::tempdir().unwrap();
        let (now, vmid) = (OffsetDateTime::UNIX_EPOCH + Duration::days(20_000), VmId::new(100).unwrap());
        let here = FreedIds::new(folder.path(), "pve.lan:8006");
        assert_eq!(here.recent(now), []);
        here.note(vmid, now);
        assert_eq!(here.recent(now + Duration::seconds(59)), [vmid]);
        assert_eq!(FreedIds::new(folder.path(), "other.lan:8006").recent(now), []);
        // A clock that was set back does not avoid a VMID for ever.
        assert_eq!(here.recent(now - Duration::hours(1)), []);
        here.note(vmid, now);
        assert_eq!(here.recent(now + Duration::seconds(60)), []);
        assert_eq!(std::fs::read_dir(folder.path().join("freed")).unwrap().count(), 0);
    }
}
