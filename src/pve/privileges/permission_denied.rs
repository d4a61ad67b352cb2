//! What the server's own "Permission check failed" says.

use std::str::FromStr;

use crate::model::{Foreign, Validated};
use crate::pve::privileges::{
    AclPath, MissingPrivileges, PlannedClone, Privilege, PrivilegeUse, Privileges, Requirement, RequirementPath, needs,
};

/// A refusal because of missing privileges, as its text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// A privilege is missing on a path; if several are named, any one of them is enough.
    Lacks {
        /// The ACL path.
        path: AclPath,
        /// The privileges; any one of them suffices.
        any_of: Privileges,
    },
    /// The pool does not exist, or the caller may not know that it does.
    NoPool(Foreign),
    /// The call wants a log-in, and a token made it.
    NeedsLogIn,
    /// Several permissions would have been enough, and the server does not name them.
    Unspecified,
}

impl Denial {
    /// Reads the reason phrase or the message of an answer; `None` if it speaks of something else.
    #[must_use]
    pub fn of(text: &Foreign) -> Option<Self> {
        text.parse().ok()
    }
}

/// Why a text is no denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotADenial;

impl Validated for Denial {}

impl FromStr for Denial {
    type Err = NotADenial;

    fn from_str(text: &str) -> Result<Self, NotADenial> {
        read(text).ok_or(NotADenial)
    }
}

fn read(text: &str) -> Option<Denial> {
    let rest = text.trim().strip_prefix("Permission check failed")?.trim();
    let Some(detail) = rest.strip_prefix('(') else {
        return rest.is_empty().then_some(Denial::Unspecified);
    };
    // The denial of a token's call lacks its closing parenthesis.
    let detail = detail.strip_suffix(')').unwrap_or(detail);
    if detail.contains("need proper ticket") {
        return Some(Denial::NeedsLogIn);
    }
    if let Some(pool) = detail.strip_prefix("pool '").and_then(|it| it.strip_suffix("' does not exist")) {
        return Some(Denial::NoPool(Foreign::new(pool)));
    }
    Some(read_denial(detail).unwrap_or(Denial::Unspecified))
}

fn read_denial(detail: &str) -> Option<Denial> {
    let (path, privileges) = detail.split_once(", ")?;
    let any_of = privileges.split('|').map(str::parse::<Privilege>).collect::<Result<_, _>>().ok()?;
    Some(Denial::Lacks { path: path.parse().ok()?, any_of })
}

/// Makes of a refused step of the test VM the missing privileges that the preflight would have reported; `None` if granting would not help.
#[must_use]
pub fn missing_from_denial(denial: &Denial, clone: &PlannedClone) -> Option<MissingPrivileges> {
    let (path, any_of) = match denial {
        Denial::NoPool(_) | Denial::NeedsLogIn => return None,
        // The one either-or check among the calls of the test VM: VM.Allocate on the new VM or on its pool.
        Denial::Unspecified => (AclPath::vm(clone.new), Privileges::from([Privilege::VM_ALLOCATE])),
        Denial::Lacks { path, any_of } => (path.clone(), any_of.clone()),
    };
    let is_same = |needed: &RequirementPath| needed.acl_path() == path;
    let is_asked = |need: &Requirement| {
        any_of.contains(&need.privilege)
            && (is_same(&need.path) || need.alternatives.iter().any(|(path, _)| is_same(path)))
    };
    if let Some(need) = needs(clone).into_iter().find(is_asked) {
        return Some(at_path(need.path, need.privilege, Some(need.purpose)));
    }
    any_of.into_iter().next().map(|privilege| at_path(RequirementPath::At(path), privilege, None))
}

fn at_path(path: RequirementPath, privilege: Privilege, purpose: Option<PrivilegeUse>) -> MissingPrivileges {
    MissingPrivileges { path, missing: Privileges::from([privilege]), purposes: purpose.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::{Denial, missing_from_denial};
    use crate::model::Foreign;
    use crate::pve::privileges::{Hardware, PlannedClone, Privileges, Zones};

    fn lacks(path: &str, privileges: &[&str]) -> Denial {
        let any_of: Privileges = privileges.iter().map(|it| it.parse().unwrap()).collect();
        Denial::Lacks { path: path.parse().unwrap(), any_of }
    }

    #[test]
    fn the_servers_words_are_distinguished() {
        for (text, expected) in [
            ("Permission check failed (/vms/9000, VM.Clone)", Some(lacks("/vms/9000", &["VM.Clone"]))),
            ("Permission check failed (/vms/9000, VM.Clone)\n", Some(lacks("/vms/9000", &["VM.Clone"]))),
            ("Permission check failed (/, Sys.Console)", Some(lacks("/", &["Sys.Console"]))),
            (
                "Permission check failed (/vms/400, VM.Config.Disk|VM.Config.CDROM)",
                Some(lacks("/vms/400", &["VM.Config.CDROM", "VM.Config.Disk"])),
            ),
            ("Permission check failed", Some(Denial::Unspecified)),
            ("Permission check failed (pool 'nosuch' does not exist)", Some(Denial::NoPool(Foreign::new("nosuch")))),
            (
                "Permission check failed (URI '/access/users' not available with API token, need proper ticket.",
                Some(Denial::NeedsLogIn),
            ),
            ("Permission check failed (something new)", Some(Denial::Unspecified)),
            ("Permission check failed (/vms/$(reboot), VM.Clone)", Some(Denial::Unspecified)),
            ("Permission check failed (/vms/1, ;reboot)", Some(Denial::Unspecified)),
            ("Permission check failed miserably", None),
            ("Authentication failed!", None),
            ("", None),
        ] {
            assert_eq!(Denial::of(&Foreign::new(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_refusal_becomes_the_gap_of_the_preflight() {
        let config = [("scsi0", "local:9000/a.qcow2"), ("net0", "virtio,bridge=vmbr0,tag=100")];
        let clone = PlannedClone {
            major: 9,
            template: "9000".parse().unwrap(),
            new: "105".parse().unwrap(),
            pool: None,
            storage: None,
            hardware: Some(Hardware::of(config, &Zones::new()).unwrap()),
            start: true,
            links_down: false,
            wait_ip: false,
        };
        let in_pool = PlannedClone { pool: Some("lab".parse().unwrap()), ..clone.clone() };
        let tag = "/sdn/zones/localnetwork/vmbr0/100";
        for (denial, clone, row) in [
            (lacks("/vms/9000", &["VM.Clone"]), &clone, Some(["VM.Clone", "on /vms/9000"])),
            (Denial::Unspecified, &clone, Some(["VM.Allocate", "on /vms/105 (the new VM)"])),
            (Denial::Unspecified, &in_pool, Some(["VM.Allocate", "on /pool/lab"])),
            (lacks("/vms/105", &["VM.PowerMgmt"]), &in_pool, Some(["VM.PowerMgmt", "on /pool/lab"])),
            (lacks(tag, &["SDN.Use"]), &clone, Some(["SDN.Use", "on /sdn/zones/localnetwork/vmbr0/100"])),
            (lacks("/storage/other", &["Datastore.Audit"]), &clone, Some(["Datastore.Audit", "on /storage/other"])),
            (Denial::NoPool(Foreign::new("lab")), &in_pool, None),
            (Denial::NeedsLogIn, &clone, None),
        ] {
            let found = missing_from_denial(&denial, clone).map(|entry| entry.row());
            assert_eq!(found, row.map(|row| row.map(str::to_owned)), "{denial:?}");
        }
    }
}
