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

/// What may be imported into storages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Imports {
    /// There is no such kind of content.
    Unknown,
    /// There is, but a directory does not keep it.
    Nothing,
    /// OVA files alone.
    Appliances,
    /// Disk images.
    Images,
}

impl Release {
    const fn of(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Tells whether a 401 gives its reason, as it did before 8.4.17 and between 9.0 and 9.1.4.
    pub(crate) fn explains_a_401(self) -> bool {
        self < Self::of(8, 4, 17) || (self >= Self::of(9, 0, 0) && self < Self::of(9, 1, 5))
    }

    /// Tells whether the text of an error is in the body too, as with http-server 5.2.0; before, the reason phrase alone
    /// has it.
    pub(crate) fn repeats_errors_in_the_body(self) -> bool {
        self >= Self::of(8, 4, 0)
    }

    /// Tells whether a TLS connection ends with close_notify, as with http-server 5.2.1.
    pub(crate) fn ends_tls_properly(self) -> bool {
        self >= Self::of(8, 4, 0)
    }

    /// Returns the size that a body may have.
    pub(crate) fn body_at_most(self) -> usize {
        if self >= Self::of(8, 4, 0) { 512 * 1024 } else { 64 * 1024 }
    }

    /// Tells whether zones are rows of the type `network` among the resources, and no longer `sdn`.
    pub(crate) fn lists_networks(self) -> bool {
        self >= Self::of(9, 1, 0)
    }

    /// Tells whether the status of a node gives the maker of its processor and the memory that is available.
    pub(crate) fn details_hosts(self) -> bool {
        self.major >= 9
    }

    /// Tells whether lists give the memory of the host and the pressure, and the disk traffic of a status alone.
    pub(crate) fn measures_pressure(self) -> bool {
        self.major >= 9
    }

    /// Tells whether the log of an unknown task is a list, as every other one.
    pub(crate) fn lists_unknown_logs(self) -> bool {
        self.major >= 9
    }

    /// Tells whether the log of a clone names the volumes that it allocated.
    pub(crate) fn logs_allocations(self) -> bool {
        self.major >= 9
    }

    /// Tells whether the privilege Sys.AccessNetwork exists.
    pub(crate) fn knows_network_access(self) -> bool {
        self >= Self::of(8, 2, 0)
    }

    /// Tells what may be imported.
    pub(crate) fn imports(self) -> Imports {
        match (self.major, self.minor) {
            (..=7, _) | (8, 0 | 1) => Imports::Unknown,
            (8, 2) => Imports::Nothing,
            (8, 3) => Imports::Appliances,
            _ => Imports::Images,
        }
    }

    /// Tells whether a token can be given a new secret, as with access-control 9.1.0.
    pub(crate) fn regenerates(self) -> bool {
        self >= Self::of(9, 1, 0)
    }

    /// Tells whether `VM.GuestAgent.*` has taken the place of `VM.Monitor`.
    pub(crate) fn splits_the_guest_agent(self) -> bool {
        self.major >= 9
    }

    /// Tells whether a disk is grown by a task; before, the call itself does it.
    pub(crate) fn grows_disks_in_tasks(self) -> bool {
        self.major >= 8
    }

    /// Tells whether directories can be mapped.
    pub(crate) fn maps_directories(self) -> bool {
        self >= Self::of(8, 4, 0)
    }

    /// Tells whether resource mappings and `SDN.Use` exist.
    pub(crate) fn knows_mappings(self) -> bool {
        self.major >= 8
    }
}
