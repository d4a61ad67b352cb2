//! What an administrator login can read before a token is created: everything that decides about privileges, and what
//! is in use.

use crate::error::{Doing, Error, Operation, TokenError};
use crate::model::{NodeName, PoolName, StorageName, TokenId, UserId};
use crate::ops::concurrently;
use crate::ops::inventory::{node_of, vms};
use crate::ops::test_vm::options::{CloneMode as Copying, TestVmOptions};
use crate::ops::token::login::Admin;
use crate::pve::privileges::{
    AclModel, AclPath, Hardware, Permissions, PermissionsAt, PlannedClone, Requirement, RequirementPath, Separation,
    Zones, needs,
};
use crate::pve::{Node, Pve, Subject, TokenRecord, UserLookup, Version, Vm};
use std::collections::{BTreeMap, BTreeSet};

/// Where a log-in may see all entries of the access control list, and with which privilege.
const FULL_VIEW_PRIVILEGE: (&str, &str) = ("/access", "Sys.Audit");

/// What was found.
pub(crate) struct AccessSnapshot {
    /// The version of the server.
    pub(crate) version: Version,
    /// Whether the token's user exists.
    pub(crate) user: UserLookup,
    /// The token, where it exists.
    pub(crate) token: Option<TokenRecord>,
    /// Everything that decides about the rights of the user and its tokens.
    pub(crate) acl: AclModel,
    /// Whether all entries can be seen.
    pub(crate) is_whole: bool,
    /// The pools that can be seen.
    pub(crate) pools: Vec<PoolName>,
    /// The node in use.
    pub(crate) node: NodeName,
    /// The storages in use.
    pub(crate) storages: Vec<StorageName>,
    /// The bridges in use, or the zone of all of them where no template says which.
    pub(crate) networks: Vec<AclPath>,
    /// What a test VM with every option needs.
    pub(crate) needs: Vec<Requirement>,
}

/// Looks at everything.
pub(crate) async fn capture(admin: &Admin, token: &TokenId, options: &TestVmOptions) -> Result<AccessSnapshot, Error> {
    let pve = &admin.pve;
    let (version, nodes, next) = tokio::join!(pve.version(), pve.nodes(), pve.next_id());
    let reach = |source| Error::connecting(pve.endpoint(), source);
    let version = version.map_err(reach)?;
    let nodes = nodes.doing(Operation::ReadNodes)?;
    let next = next.doing(Operation::FindId)?;
    let UserAccess { user, acl, is_whole, pools } = user_access(admin, &token.user).await?;

    let template = template_node(pve, &nodes, options).await?;
    let first = nodes.iter().find(|node| !node.is_offline()).map(|node| node.name.clone());
    let node = options.node.clone().or_else(|| template.clone()).or(first);
    let node = node.ok_or_else(|| no_access(pve))?;
    let hardware = match &template {
        Some(on) => hardware(pve, on, options).await?,
        None => None,
    };
    let storages = storages(pve, &node, hardware.as_ref(), options).await?;
    let networks = match &hardware {
        Some(hardware) => hardware.nics.iter().map(|nic| nic.bridge.clone()).collect::<BTreeSet<_>>(),
        None => BTreeSet::from([AclPath::local_zone()]),
    };
    let wanted = PlannedClone {
        major: version.major(),
        template: options.template,
        new: options.vmid.unwrap_or(next),
        pool: options.pool.clone(),
        storage: wanted_storage(options).cloned(),
        // Of a template that is not there yet nothing is known but where its disk may be.
        hardware: hardware
            .or_else(|| Some(Hardware { storages: storages.iter().cloned().collect(), ..Hardware::default() })),
        start: true,
        links_down: true,
        // Before 9 it takes VM.Monitor, which also allows running commands in guests.
        wait_ip: version.major() >= 9 || options.waits_for_address(),
    };
    // A physical CD-ROM drive takes a right on the root, where nothing is ever granted.
    let is_granted = |need: &Requirement| need.path != RequirementPath::At(AclPath::root());
    let needs = needs(&wanted).into_iter().filter(is_granted).collect();
    let record = match &user {
        UserLookup::Seen(record) => record.tokens.iter().find(|it| it.name == token.name).cloned(),
        UserLookup::Missing | UserLookup::Hidden => None,
    };
    let networks = networks.into_iter().collect();
    Ok(AccessSnapshot { version, user, token: record, acl, is_whole, pools, node, storages, networks, needs })
}

/// Finds the node of the template by its configuration: the list of the cluster lacks it for some seconds after it was
/// made, and as long as its node's `pvestatd` is stopped.
async fn template_node(pve: &Pve, nodes: &[Node], options: &TestVmOptions) -> Result<Option<NodeName>, Error> {
    let listed = vms(pve, &|vm: &Vm| vm.vmid == options.template).await.doing(Operation::ReadVms)?;
    let is_offline = |name: &NodeName| nodes.iter().any(|node| node.name == *name && node.is_offline());
    match listed.first() {
        // Its configuration cannot be read, so it is planned without it.
        Some(vm) if is_offline(&vm.node) => Ok(None),
        Some(vm) if vm.is_template => Ok(Some(vm.node.clone())),
        Some(_) => Ok(None),
        None => node_of(pve, nodes, options.template).await,
    }
}

fn no_access(pve: &Pve) -> Error {
    TokenError::NoNode { server: pve.endpoint().authority() }.into()
}

/// The user, and everything that decides about its privileges.
pub(crate) struct UserAccess {
    /// Whether the user exists.
    user: UserLookup,
    /// The user with its tokens, and everything that decides about their rights.
    pub(crate) acl: AclModel,
    /// Whether all entries can be seen.
    is_whole: bool,
    /// The pools that can be seen.
    pools: Vec<PoolName>,
}

/// Reads who there is, and which entries.
pub(crate) async fn user_access(admin: &Admin, user: &UserId) -> Result<UserAccess, Error> {
    let pve = &admin.pve;
    let access = |source| Error::server(Operation::ReadAccess, source);
    let (members, pools, own) =
        tokio::join!(pve.pool_members(), pve.pools(), pve.permissions(Some(FULL_VIEW_PRIVILEGE.0), None));
    let (user, mut acl) = acl(admin, user).await?;
    let own = own.doing(Operation::ReadPrivileges)?;
    let is_auditor = own.get(FULL_VIEW_PRIVILEGE.0).is_some_and(|held| held.contains_key(FULL_VIEW_PRIVILEGE.1));
    let is_whole = is_auditor && user != UserLookup::Hidden || user == UserLookup::Missing;
    acl.members = members.map_err(access)?;
    Ok(UserAccess { user, acl, is_whole, pools: pools.map_err(access)? })
}

/// Reads a user with its groups and tokens, the entries and the roles; what is in which pool is left out.
pub(crate) async fn acl(admin: &Admin, user: &UserId) -> Result<(UserLookup, AclModel), Error> {
    let pve = &admin.pve;
    let access = |source| Error::server(Operation::ReadAccess, source);
    let (snapshot, roles) = tokio::join!(pve.find_user(user), pve.roles());
    let (snapshot, roles) = (snapshot.map_err(access)?, roles.map_err(access)?);
    // Last, because entries are what is most likely to change.
    let entries = pve.acl().await.map_err(access)?;
    let (groups, tokens) = match &snapshot {
        UserLookup::Seen(record) => (record.groups.iter().cloned().collect(), record.tokens.clone()),
        UserLookup::Missing | UserLookup::Hidden => (BTreeSet::new(), Vec::new()),
    };
    let separation = |record: &TokenRecord| if record.separated { Separation::On } else { Separation::Off };
    let named = tokens.iter().map(|record| {
        let id = TokenId { user: user.clone(), name: record.name.clone() };
        (Subject::token(&id).id().clone(), separation(record))
    });
    let acl = AclModel {
        user: user.clone(),
        groups,
        tokens: named.collect(),
        entries,
        roles,
        members: Vec::new(),
        reported: BTreeMap::new(),
    };
    Ok((snapshot, acl))
}

async fn hardware(pve: &Pve, node: &NodeName, options: &TestVmOptions) -> Result<Option<Hardware>, Error> {
    let (config, vnets) = tokio::join!(pve.vm_config(node, options.template), pve.vnets());
    let config = match config {
        Ok(config) => config,
        Err(refused) if refused.is_forbidden() => return Ok(None),
        Err(source) => return Err(Error::server(Operation::ReadTemplate(options.template), source)),
    };
    // Without SDN, before it, or without a right to look at it there is no list.
    let zones: Zones = vnets.unwrap_or_default();
    Ok(config.hardware(&zones).ok())
}

/// Lists the storages that disks are put on: those of the template, else every one that holds disks.
async fn storages(
    pve: &Pve,
    node: &NodeName,
    hardware: Option<&Hardware>,
    options: &TestVmOptions,
) -> Result<Vec<StorageName>, Error> {
    let mut storages: BTreeSet<StorageName> = wanted_storage(options).into_iter().cloned().collect();
    match hardware {
        Some(hardware) => storages.extend(hardware.storages.iter().chain(&hardware.state_storage).cloned()),
        None => {
            let seen = pve.storages(node).await;
            let seen = seen.doing(Operation::ReadStorages(node.clone()))?;
            storages.extend(seen.iter().filter(|it| it.holds("images")).map(|it| it.name.clone()));
        }
    }
    Ok(storages.into_iter().collect())
}

const fn wanted_storage(options: &TestVmOptions) -> Option<&StorageName> {
    match &options.clone_mode {
        Copying::Full(storage) => storage.as_ref(),
        Copying::Whichever | Copying::Linked => None,
    }
}

/// Asks the server what a user or token holds on these paths, for a login that may not see all entries.
pub(crate) async fn effective_permissions(pve: &Pve, subject: &str, paths: &BTreeSet<AclPath>) -> Option<Permissions> {
    let asked = concurrently(paths.iter().map(|path| pve.permissions(Some(path.as_str()), Some(subject)))).await;
    let mut permissions = Permissions::default();
    for (path, answer) in paths.iter().zip(asked) {
        let answer: PermissionsAt = answer.ok()?;
        permissions.answer(path, &answer);
    }
    Some(permissions)
}
