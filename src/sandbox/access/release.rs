//! The release that is pretended, as far as identities depend on it.

/// A release of Proxmox VE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number, of the package pve-manager.
    pub patch: u32,
}

impl Release {
    /// Tells whether a 401 says why, as it did before pve-manager 9.1.5.
    pub(super) fn says_why(self) -> bool {
        self < Release { major: 9, minor: 1, patch: 5 }
    }

    /// Tells whether a token can be given a new secret, as with access-control 9.1.0.
    pub(super) fn regenerates(self) -> bool {
        self >= Release { major: 9, minor: 1, patch: 0 }
    }

    /// Tells whether `VM.GuestAgent.*` has taken the place of `VM.Monitor`.
    pub(in crate::sandbox) fn splits_the_guest_agent(self) -> bool {
        self.major >= 9
    }

    /// Tells whether a disk is grown by a task; before, the call itself does it.
    pub(in crate::sandbox) fn grows_disks_in_tasks(self) -> bool {
        self.major >= 8
    }

    /// Tells whether resource mappings and `SDN.Use` exist.
    pub(in crate::sandbox) fn knows_mappings(self) -> bool {
        self.major >= 8
    }
}
