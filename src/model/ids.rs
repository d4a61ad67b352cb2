//! Names and numbers of things on a server: VMID, node, storage, pool, VM name, UPID.

mod rules;
mod upid;

use self::rules::{
    is_bridge, is_content, is_digest, is_dns_name, is_node, is_pool, is_realm, is_role, is_storage, not_a_node,
};
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;
pub use upid::Upid;

use crate::model::Validated;

/// Why a text is not the identifier that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Not a VMID.
    #[error("a VMID is a number from 100 to 999999999")]
    VmId,
    /// Not a node name.
    #[error("a node name consists of letters, digits and hyphens, and does not begin or end with a hyphen")]
    Node,
    /// A host name with its domain where the name of a node was asked for.
    #[error("use the short name of the node, without the domain: `{short}`")]
    NodeDomain {
        /// The name without the domain.
        short: NodeName,
    },
    /// An address where the name of a node was asked for.
    #[error("this is an address; use the name of the node, as shown below Datacenter in the web interface")]
    NodeAddress,
    /// Not a storage name.
    #[error("a storage name begins with a letter and consists of letters, digits, `-`, `_` and `.`")]
    Storage,
    /// Not a pool name.
    #[error("a pool name consists of letters, digits, `-`, `_` and `.`, in up to three levels separated by `/`")]
    Pool,
    /// Not a name for a VM.
    #[error("a VM name is a DNS name: labels of up to 63 letters, digits and hyphens, no underscores")]
    VmName,
    /// Not the name of a bridge.
    #[error("a bridge name consists of letters, digits, `-`, `_` and `.`")]
    Bridge,
    /// Not the name of a role.
    #[error("a role name consists of letters, digits, `-`, `_` and `.`")]
    Role,
    /// Not the name of a group.
    #[error("a group name consists of letters, digits, `-`, `_` and `.`")]
    Group,
    /// Not something that a storage may hold.
    #[error("a content type consists of letters, digits and hyphens")]
    Content,
    /// Not a digest.
    #[error("a digest consists of hexadecimal digits")]
    Digest,
    /// Not the name of a realm.
    #[error("a realm name begins with a letter and consists of letters, digits, `-`, `_` and `.`")]
    Realm,
    /// Not a UPID.
    #[error("not a task ID (UPID)")]
    Upid,
}

/// The number of a VM, unique in a cluster: 100 to 999999999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VmId(u32);

impl VmId {
    /// Takes a number that is in range.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number < 100 || number > 999_999_999 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "nine digits fit")]
        Some(Self(number as u32))
    }

    /// Returns the number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl FromStr for VmId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let text = text.trim();
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidId::VmId);
        }
        text.parse().ok().and_then(Self::new).ok_or(InvalidId::VmId)
    }
}

impl Validated for VmId {}

impl fmt::Display for VmId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Makes a name type: a text that passed one check.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $check:ident, $refusal:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let text = text.trim();
                if $check(text) { Ok(Self(text.to_owned())) } else { Err(($refusal)(text)) }
            }
        }

        impl Validated for $name {}

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.0)
            }
        }
    };
}

name_type!(
    /// The name of a node of the cluster, a host name without its domain.
    NodeName,
    is_node,
    not_a_node
);
name_type!(
    /// The name of a storage.
    StorageName,
    is_storage,
    |_: &str| InvalidId::Storage
);
name_type!(
    /// The name of a pool; since Proxmox VE 8.1 pools nest, up to three levels (`a/b/c`).
    PoolName,
    is_pool,
    |_: &str| InvalidId::Pool
);
name_type!(
    /// The name of a VM: a DNS name.
    VmName,
    is_dns_name,
    |_: &str| InvalidId::VmName
);

name_type!(
    /// The name of a bridge or vnet, `vmbr0` for example.
    BridgeName,
    is_bridge,
    |_: &str| InvalidId::Bridge
);

/// The name of a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(Cow<'static, str>);

impl RoleName {
    /// Returns the name of a role that this program or Proxmox VE itself makes.
    #[must_use]
    pub const fn known(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Returns the name with a number behind it.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        Self(Cow::Owned(format!("{}{number}", self.0)))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if is_role(text) { Ok(Self(Cow::Owned(text.to_owned()))) } else { Err(InvalidId::Role) }
    }
}

impl Validated for RoleName {}

impl Borrow<str> for RoleName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

name_type!(
    /// What a storage may hold: `images`, `iso`, `import` and others.
    ContentKind,
    is_content,
    |_: &str| InvalidId::Content
);
name_type!(
    /// The digest of a configuration.
    Digest,
    is_digest,
    |_: &str| InvalidId::Digest
);
name_type!(
    /// The name of a realm: where users are known.
    RealmName,
    is_realm,
    |_: &str| InvalidId::Realm
);
name_type!(
    /// The name of a group of users.
    GroupName,
    is_role,
    |_: &str| InvalidId::Group
);

#[cfg(test)]
mod tests;
