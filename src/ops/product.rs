//! Which product of Proxmox answers.

use crate::pve::Realm;

/// Returns the name of the Proxmox product that answers, by the realm that only it has.
pub(crate) fn product(realms: &[Realm]) -> &'static str {
    let has = |kind: &str| realms.iter().any(|realm| realm.kind == *kind || realm.name == *kind);
    if has("pbs") {
        "it is a Proxmox Backup Server"
    } else if has("pmg") {
        "it is a Proxmox Mail Gateway"
    } else {
        "it has no realm `pve`"
    }
}
