//! The table of Ubuntu releases: the names and VMIDs of their templates, and the settings that name them.

use crate::model::{NodeName, VmId};
use crate::pve::Vm;
use crate::settings::Key;

/// One release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Release {
    /// Its number, as Ubuntu's addresses have it.
    pub(crate) number: &'static str,
    /// The usual name of its template.
    pub(crate) template: &'static str,
    /// The usual number of its template.
    pub(crate) vmid: VmId,
    /// What a template of it may be called, in lower case.
    words: [&'static str; 3],
    /// The key of the settings file that points at a template of it.
    pub(crate) key: Option<Key>,
}

/// The release that Glassdome's guide begins with.
pub(crate) const DEFAULT: Release = RELEASES[0];

/// Those that Glassdome knows; the first is the usual one.
pub(crate) const RELEASES: [Release; 3] = [
    Release {
        number: "22.04",
        template: "ubuntu-2204-cloudinit-template",
        vmid: vmid(9000),
        words: ["2204", "22.04", "jammy"],
        key: Some(Key::Ubuntu2204Template),
    },
    Release {
        number: "20.04",
        template: "ubuntu-2004-cloudinit-template",
        vmid: vmid(9001),
        words: ["2004", "20.04", "focal"],
        key: Some(Key::Ubuntu2004Template),
    },
    Release {
        number: "24.04",
        template: "ubuntu-2404-cloudinit-template",
        vmid: vmid(9002),
        words: ["2404", "24.04", "noble"],
        key: None,
    },
];

impl Release {
    /// Finds the release that a key stands for.
    pub(crate) fn of_key(key: Key) -> Option<Self> {
        RELEASES.into_iter().find(|release| release.key == Some(key))
    }

    /// Finds the best template of it among some: the usual number comes before the name.
    pub(crate) fn best(&self, templates: &[&Vm]) -> Option<VmId> {
        let by_number = templates.iter().find(|vm| vm.vmid == self.vmid);
        let is_named = |vm: &&&Vm| self.words.iter().any(|word| vm.name.contains_ignoring_case(word));
        by_number.or_else(|| templates.iter().find(is_named)).map(|vm| vm.vmid)
    }

    /// Finds the best template of it for a node: one that is on it can be cloned there whatever its storage is.
    pub(crate) fn best_for(&self, node: Option<&NodeName>, templates: &[&Vm]) -> Option<VmId> {
        let here: Vec<&Vm> = templates.iter().filter(|vm| Some(&vm.node) == node).copied().collect();
        self.best(&here).or_else(|| self.best(templates))
    }
}

/// Returns the keys that point at a template, with their releases.
pub(crate) fn keyed() -> impl Iterator<Item = (Key, Release)> {
    RELEASES.into_iter().filter_map(|release| Some((release.key?, release)))
}

#[expect(clippy::expect_used, reason = "the compiler sees that it is a number of a VM")]
const fn vmid(number: u64) -> VmId {
    VmId::new(number).expect("a number of a VM")
}

#[cfg(test)]
mod tests {
    use super::{RELEASES, vmid};
    use crate::model::Foreign;
    use crate::pve::Vm;

    fn vm(number: u64, name: &str) -> Vm {
        Vm {
            vmid: vmid(number),
            node: "pve".parse().unwrap(),
            name: Foreign::new(name),
            is_template: true,
            is_known: true,
            disk: 0,
        }
    }

    #[test]
    fn the_usual_number_comes_before_the_name() {
        let (first, second) = (vm(8000, "ubuntu-Jammy-server"), vm(9000, "something"));
        let [jammy, focal, _] = RELEASES;
        assert_eq!(jammy.best(&[&first, &second]), Some(second.vmid));
        assert_eq!(jammy.best(&[&first]), Some(first.vmid));
        assert_eq!(focal.best(&[&second]), None);
    }
}
