//! The calls about roles, entries of the access control list, and pools.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::access::said;
use super::decode::words;
use crate::model::{Foreign, GroupName, PoolName, RoleName, StorageName, TokenId, UserId, VmId};
use crate::pve::lenient::{field_text, lenient, parsed, required, text, yes};
use crate::pve::privileges::{AclPath, Privileges};
use crate::pve::{ApiError, Pve, RefusalReason};

/// What is in a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolCard {
    /// How many VMs, containers and storages.
    pub members: usize,
    /// What it is for.
    pub comment: Option<Foreign>,
}

/// Who an entry is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A user.
    User(Foreign),
    /// A group.
    Group(Foreign),
    /// A token.
    Token(Foreign),
}

impl Subject {
    /// Means a user.
    #[must_use]
    pub fn user(user: &UserId) -> Self {
        Self::User(Foreign::new(user.to_string()))
    }

    /// Means a token.
    #[must_use]
    pub fn token(token: &TokenId) -> Self {
        Self::Token(Foreign::new(token.to_string()))
    }

    /// Returns the ID.
    #[must_use]
    pub const fn id(&self) -> &Foreign {
        match self {
            Self::User(id) | Self::Group(id) | Self::Token(id) => id,
        }
    }

    /// Returns the parameter that names it in a change; `None` if the ID is none.
    fn parameter(&self) -> Option<(&'static str, String)> {
        Some(match self {
            Self::User(id) => ("users", id.parse::<UserId>().ok()?.to_string()),
            Self::Group(id) => ("groups", id.parse::<GroupName>().ok()?.to_string()),
            Self::Token(id) => ("tokens", id.parse::<TokenId>().ok()?.to_string()),
        })
    }
}

/// An entry of the access control list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "AclRow")]
pub struct AclEntry {
    /// The ACL path.
    pub path: AclPath,
    /// For whom.
    pub holder: Subject,
    /// Which role.
    pub role: RoleName,
    /// Whether it reaches the paths below.
    pub propagates: bool,
}

/// Roles to be given on one path, or taken away there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AclChange {
    /// The ACL path.
    pub path: AclPath,
    /// To whom.
    pub holder: Subject,
    /// Which roles, all in one step.
    pub roles: Vec<RoleName>,
    /// Whether they reach the paths below.
    pub propagates: bool,
}

impl Pve {
    /// Lists the roles with their privileges. Everybody may.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn roles(&self) -> Result<BTreeMap<RoleName, Privileges>, ApiError> {
        let data = self.transport.get(&["access", "roles"], &[]).await?;
        // A privilege with another name is not one that this program uses.
        let privileges = |names: &[Foreign]| names.iter().filter_map(|name| name.parse().ok()).collect();
        let roles = self.list(data, "the list of roles", |role| {
            let name = field_text(&role, "roleid")?.parse().ok()?;
            Some((name, privileges(&words(&field_text(&role, "privs").unwrap_or_default()))))
        })?;
        Ok(roles.into_iter().collect())
    }

    /// Makes a role.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn create_role(&self, role: &RoleName, privileges: &str) -> Result<(), ApiError> {
        let form = [("roleid", role.to_string()), ("privs", privileges.to_owned())];
        self.change_access(Method::POST, &["access", "roles"], &form).await
    }

    /// Removes a role with its entries.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn delete_role(&self, role: &RoleName) -> Result<(), ApiError> {
        self.change_access(Method::DELETE, &["access", "roles", role.as_str()], &[]).await
    }

    /// Lists the entries that may be seen: all with Sys.Audit on `/access`, else those that the caller may change.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn acl(&self) -> Result<Vec<AclEntry>, ApiError> {
        let mut entries = self.rows(&["access", "acl"], &[], "the access control list", Some).await?;
        entries.sort();
        Ok(entries)
    }

    /// Returns roles.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn grant(&self, change: &AclChange) -> Result<(), ApiError> {
        self.change_acl(change, &[("propagate", u8::from(change.propagates).to_string())]).await
    }

    /// Removes roles. Called only for roles that this program granted itself.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn ungrant(&self, change: &AclChange) -> Result<(), ApiError> {
        self.change_acl(change, &[("delete", "1".to_owned())]).await
    }

    async fn change_acl(&self, change: &AclChange, how: &[(&str, String)]) -> Result<(), ApiError> {
        let holder = change.holder.parameter().ok_or_else(|| ApiError::Preparation {
            why: format!("{} is not a valid user, group or token", change.holder.id()),
        })?;
        let roles = change.roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let mut form = vec![("path", change.path.to_string()), ("roles", roles), holder];
        form.extend(how.iter().cloned());
        self.change_access(Method::PUT, &["access", "acl"], &form).await
    }

    /// Lists the pools that may be seen (Pool.Audit).
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn pools(&self) -> Result<Vec<PoolName>, ApiError> {
        let data = self.transport.get(&["pools"], &[]).await?;
        let pools = self.named::<PoolEntry>(data, "the list of pools", "poolid")?;
        Ok(pools.into_iter().map(|pool| pool.poolid).collect())
    }

    /// Reads a pool; `None` if it does not exist.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn pool(&self, pool: &PoolName) -> Result<Option<PoolCard>, ApiError> {
        let name = pool.to_string();
        // The path of the call cannot hold the name of a pool within another, which servers before Proxmox VE 8.1 do not
        // have, as they do not have the parameter.
        let asked = if name.contains('/') {
            self.transport.get(&["pools"], &[("poolid", &name)]).await
        } else {
            self.transport.get(&["pools", &name], &[]).await
        };
        let data = match asked {
            Ok(Value::Array(pools)) => pools.into_iter().next().unwrap_or_default(),
            Ok(data) => data,
            Err(gone) if gone.is_for(RefusalReason::NoSuchPool) => return Ok(None),
            Err(why) => return Err(why),
        };
        self.require_map(&data, "the pool")?;
        let members = data.get("members").and_then(Value::as_array).map(Vec::len);
        let members = members.ok_or_else(|| self.unexpected("the pool contains no list of members"))?;
        Ok(Some(PoolCard { members, comment: said(&data, "comment") }))
    }

    /// Lists which VMs and storages that may be seen are in a pool: their path, and the pool's.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn pool_members(&self) -> Result<Vec<(AclPath, AclPath)>, ApiError> {
        let keep = |resource: Resource| {
            let vm = VmId::new(resource.vmid).map(AclPath::vm);
            let path = vm.or_else(|| resource.storage.as_ref().map(AclPath::storage));
            path.zip(resource.pool.as_ref().map(AclPath::pool))
        };
        self.rows(&["cluster", "resources"], &[], "the list of resources", keep).await
    }

    /// Makes a pool.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn create_pool(&self, pool: &PoolName) -> Result<(), ApiError> {
        self.change_access(Method::POST, &["pools"], &[("poolid", pool.to_string())]).await
    }

    /// Removes a pool; the server refuses one that has members.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn delete_pool(&self, pool: &PoolName) -> Result<(), ApiError> {
        let name = pool.to_string();
        if name.contains('/') {
            return self.change_access(Method::DELETE, &["pools"], &[("poolid", name)]).await;
        }
        self.change_access(Method::DELETE, &["pools", &name], &[]).await
    }
}

/// A pool, as the list shows it.
#[derive(Deserialize)]
struct PoolEntry {
    #[serde(deserialize_with = "required")]
    poolid: PoolName,
}

/// A VM, a container or a storage, and the pool that it is in.
#[derive(Deserialize)]
struct Resource {
    #[serde(default, deserialize_with = "lenient")]
    vmid: u64,
    #[serde(default, deserialize_with = "parsed")]
    storage: Option<StorageName>,
    #[serde(default, deserialize_with = "parsed")]
    pool: Option<PoolName>,
}

/// An entry of the access control list, as the list shows it.
#[derive(Deserialize)]
struct AclRow {
    #[serde(deserialize_with = "required")]
    path: AclPath,
    #[serde(deserialize_with = "text")]
    ugid: Foreign,
    #[serde(rename = "type", deserialize_with = "text")]
    kind: Foreign,
    #[serde(deserialize_with = "required")]
    roleid: RoleName,
    #[serde(default = "yes", deserialize_with = "lenient")]
    propagate: bool,
}

impl TryFrom<AclRow> for AclEntry {
    type Error = &'static str;

    fn try_from(row: AclRow) -> Result<Self, Self::Error> {
        let holder = match () {
            () if row.kind == "user" => Subject::User(row.ugid),
            () if row.kind == "group" => Subject::Group(row.ugid),
            () if row.kind == "token" => Subject::Token(row.ugid),
            () => return Err("no user, group or token"),
        };
        Ok(Self { path: row.path, holder, role: row.roleid, propagates: row.propagate })
    }
}
