//! The name of a privilege.

use super::InvalidAclPath;
use crate::model::Validated;
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;

/// The name of a privilege, `VM.Clone` for example.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Privilege(Cow<'static, str>);

impl Privilege {
    /// Cloning a VM or template.
    pub const VM_CLONE: Self = Self::known("VM.Clone");
    /// Reading configuration and status of a VM.
    pub const VM_AUDIT: Self = Self::known("VM.Audit");
    /// Making and destroying a VM.
    pub const VM_ALLOCATE: Self = Self::known("VM.Allocate");
    /// Starting and stopping a VM.
    pub const VM_POWER_MGMT: Self = Self::known("VM.PowerMgmt");
    /// Changing a VM's options, its protection among them.
    pub const VM_CONFIG_OPTIONS: Self = Self::known("VM.Config.Options");
    /// Changing a VM's network devices.
    pub const VM_CONFIG_NETWORK: Self = Self::known("VM.Config.Network");
    /// Asking the guest agent, since Proxmox VE 9.
    pub const VM_GUEST_AGENT_AUDIT: Self = Self::known("VM.GuestAgent.Audit");
    /// Doing anything through the guest agent, since Proxmox VE 9.
    pub const VM_GUEST_AGENT_UNRESTRICTED: Self = Self::known("VM.GuestAgent.Unrestricted");
    /// Asking the guest agent, before Proxmox VE 9.
    pub const VM_MONITOR: Self = Self::known("VM.Monitor");
    /// Taking space on a storage.
    pub const DATASTORE_ALLOCATE_SPACE: Self = Self::known("Datastore.AllocateSpace");
    /// Seeing a storage.
    pub const DATASTORE_AUDIT: Self = Self::known("Datastore.Audit");
    /// Attaching a VM to a bridge or vnet, since Proxmox VE 8.
    pub const SDN_USE: Self = Self::known("SDN.Use");
    /// Seeing a bridge or vnet.
    pub const SDN_AUDIT: Self = Self::known("SDN.Audit");
    /// Using the node's own devices, a physical CD-ROM drive among them.
    pub const SYS_CONSOLE: Self = Self::known("Sys.Console");
    /// Seeing a mapped device.
    pub const MAPPING_AUDIT: Self = Self::known("Mapping.Audit");
    /// Passing a mapped device on to a VM.
    pub const MAPPING_USE: Self = Self::known("Mapping.Use");

    const fn known(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Privilege {
    type Err = InvalidAclPath;

    fn from_str(text: &str) -> Result<Self, InvalidAclPath> {
        let is_name = text.starts_with(|first: char| first.is_ascii_uppercase())
            && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'.');
        if is_name { Ok(Self(Cow::Owned(text.to_owned()))) } else { Err(InvalidAclPath::Privilege) }
    }
}

impl Validated for Privilege {}

impl Borrow<str> for Privilege {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}
