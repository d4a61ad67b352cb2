//! The plan for a new token: its user, roles, ACL entries and the token itself.

use super::regenerate::require_regeneration;
use super::require_may_grant;
use crate::error::{AuthError, Error, Regeneration, TokenError};
use crate::model::{Foreign, PoolName, RoleName, TokenId};
use crate::ops::test_vm::options::TestVmOptions;
use crate::ops::token::access_snapshot::{AccessSnapshot, capture, effective_permissions};
use crate::ops::token::grant_plan::{COMMENT, GrantPlan, PlanStep, PrivilegesBefore};
use crate::ops::token::login::Admin;
use crate::pve::privileges::{
    AclPath, AgentAccess, GrantRequest, Privilege, Requirement, RolePlan, RoleState, Separation, grants, guest,
    provisioner, questions_of_grants, role_plan,
};
use crate::pve::{AclChange, Subject, TokenRecord, TokenRequest, UserLookup};
use crate::settings::Key;
use std::collections::BTreeMap;

/// The role for everything that Glassdome does.
const PROVISIONER: RoleName = RoleName::known("GlassdomeProvisioner");

/// The role for guests of a pool.
const GUEST: RoleName = RoleName::known("GlassdomeGuest");

/// Roles that every server has, for what a token in a pool needs outside it.
const TEMPLATE_USER: RoleName = RoleName::known("PVETemplateUser");

const DATASTORE_USER: RoleName = RoleName::known("PVEDatastoreUser");

const SDN_USER: RoleName = RoleName::known("PVESDNUser");

const MAPPING_USER: RoleName = RoleName::known("PVEMappingUser");

/// What rights a new token gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrantedRights {
    /// What Glassdome needs.
    Needed,
    /// All that its user has.
    OfUser,
}

/// What token is wanted.
pub(crate) struct TokenSpec<'a> {
    /// The token.
    pub(crate) token: TokenId,
    /// Its rights.
    pub(crate) rights: GrantedRights,
    /// Whether an existing one may get a new secret.
    pub(crate) may_regenerate: bool,
    /// When it ends, in seconds since 1970; 0 is never.
    pub(crate) expire: u64,
    /// What it shall be able to do.
    pub(crate) options: &'a TestVmOptions,
    /// The realms of the server.
    pub(crate) realms: &'a [String],
}

/// Plans what has to be done.
pub(crate) async fn propose(admin: &Admin, wanted: &TokenSpec<'_>) -> Result<GrantPlan, Error> {
    let user = &wanted.token.user;
    if !wanted.realms.iter().any(|realm| realm == user.realm()) {
        return Err(Error::Auth(AuthError::UnknownRealm { user: user.clone(), realms: wanted.realms.to_vec() }));
    }
    let mut snapshot = capture(admin, &wanted.token, wanted.options).await?;
    if snapshot.token.is_some() && !wanted.may_regenerate {
        let regeneration = Regeneration::on(&snapshot.version);
        return Err(TokenError::Exists { token: wanted.token.clone(), regeneration }.into());
    }
    if snapshot.token.is_some() {
        require_regeneration(&snapshot.version, &wanted.token)?;
    }
    let separation = match (&snapshot.token, wanted.rights) {
        (Some(record), GrantedRights::Needed) if !record.separated => Separation::Off,
        (_, GrantedRights::Needed) => Separation::On,
        (_, GrantedRights::OfUser) => Separation::Off,
    };
    let mut proposal = GrantPlan {
        token: wanted.token.clone(),
        separated: separation == Separation::On,
        expire: snapshot.token.as_ref().map_or(wanted.expire, |record| record.expire),
        steps: Vec::new(),
        effects: Vec::new(),
        retires: None,
        remarks: Vec::new(),
        basis: Some(snapshot.acl.clone()),
    };
    if snapshot.user == UserLookup::Missing {
        proposal.steps.push(PlanStep::User(user.clone()));
        let text = format!("user {user} will be created without a password (token use only)");
        proposal.remarks.push(text);
    }
    let mut granted = Vec::new();
    if wanted.rights == GrantedRights::Needed {
        granted = plan_grants(admin, wanted, &mut snapshot, separation, &mut proposal).await?;
    }
    plan_token(&mut proposal, wanted, snapshot.token.as_ref(), granted);
    require_may_grant(admin, &proposal).await?;
    Ok(proposal)
}

/// Plans what is granted: pool and roles go into the proposal at once, the grants come after the token.
async fn plan_grants(
    admin: &Admin,
    wanted: &TokenSpec<'_>,
    snapshot: &mut AccessSnapshot,
    separation: Separation,
    proposal: &mut GrantPlan,
) -> Result<Vec<PlanStep>, Error> {
    let pool = wanted.options.pool.as_ref();
    let (requests, roles) = requests(snapshot, wanted.options);
    for role in &roles {
        snapshot.acl.roles.insert(role.name.clone(), role.privileges.clone());
    }
    ask_where_unseen(admin, wanted, snapshot, &requests).await?;
    let plan = grants(&snapshot.acl, &wanted.token, separation, &requests, &snapshot.needs)
        .map_err(|why| TokenError::Refused { token: wanted.token.clone(), why })?;
    let is_missing = |pool: &&PoolName| !snapshot.pools.iter().any(|it| it == *pool);
    proposal.steps.extend(pool.filter(is_missing).cloned().map(PlanStep::Pool));
    let is_used = |role: &RolePlan| plan.changes.iter().any(|change| change.roles.contains(&role.name));
    let roles = roles.into_iter().filter(is_used).filter(|role| role.state != RoleState::Ready);
    proposal.steps.extend(roles.map(PlanStep::Role));
    proposal.effects = plan.effects;
    proposal.remarks.extend(remarks_on(wanted));
    let needs = |privilege: &Privilege| snapshot.needs.iter().any(|need| need.privilege == *privilege);
    if needs(&Privilege::VM_MONITOR) {
        let text = "VM.Monitor, which --wait-ip requires before Proxmox VE 9, also allows running commands in guests";
        proposal.remarks.push(text.to_owned());
    }
    if needs(&Privilege::MAPPING_USE) {
        let text = "PVEMappingUser includes Mapping.Use, which the mapped devices of the template require";
        proposal.remarks.push(text.to_owned());
    }
    Ok(grant_steps(snapshot, plan.changes))
}

/// Plans the token itself, then what is granted to it; a new secret comes last, when nothing else can fail.
fn plan_token(proposal: &mut GrantPlan, wanted: &TokenSpec<'_>, record: Option<&TokenRecord>, granted: Vec<PlanStep>) {
    let token = &wanted.token;
    match record {
        None => {
            let request =
                TokenRequest { separated: proposal.separated, expire: wanted.expire, comment: COMMENT.to_owned() };
            proposal.steps.push(PlanStep::Token(token.clone(), request));
        }
        Some(record) if record.separated && !proposal.separated => {
            proposal.steps.push(PlanStep::Unseparate(token.clone()))
        }
        Some(record) if !record.separated && wanted.rights == GrantedRights::Needed => {
            let text = "the token exists without privilege separation and keeps all privileges of its user; restricting it would remove some";
            proposal.remarks.push(text.to_owned());
        }
        Some(_) => {}
    }
    proposal.steps.extend(granted);
    if record.is_some() {
        proposal.steps.push(PlanStep::Regenerate(token.clone()));
        proposal
            .remarks
            .push("the token exists; a new secret is generated and the old one stops working immediately".to_owned());
    }
}

fn remarks_on(wanted: &TokenSpec<'_>) -> Vec<String> {
    match &wanted.options.pool {
        None => vec!["the token can delete any VM; --pool NAME restricts it to one pool".to_owned()],
        Some(pool) => vec![format!(
            "restricted to pool {pool}: the token cannot access VMs outside it; configure the Glassdome application to create its VMs there ({})",
            Key::Pool.entry().variable
        )],
    }
}

/// Lists which role is needed on which path, and which of this program's roles must be created for that.
fn requests(snapshot: &AccessSnapshot, options: &TestVmOptions) -> (Vec<GrantRequest>, Vec<RolePlan>) {
    let major = snapshot.version.major();
    let agent = if options.waits_for_address() { AgentAccess::Needed } else { AgentAccess::IfHarmless };
    let request = |path: AclPath, role: &RoleName| GrantRequest { path, role: role.clone() };
    let with_networks = major >= 8;
    let is_mapping = |need: &&Requirement| need.privilege == Privilege::MAPPING_USE;
    let mappings = snapshot.needs.iter().filter(is_mapping).map(|need| request(need.path.acl_path(), &MAPPING_USER));
    let Some(pool) = &options.pool else {
        let role = role_plan(&snapshot.acl.roles, &PROVISIONER, &provisioner(major, agent));
        let mut places = vec![AclPath::vms()];
        places.extend(snapshot.storages.iter().map(AclPath::storage));
        let mut zones: Vec<AclPath> =
            snapshot.networks.iter().filter(|_| with_networks).map(AclPath::zone_of_bridge).collect();
        zones.dedup();
        places.extend(zones);
        places.push(AclPath::node(&snapshot.node));
        let requests = places.into_iter().map(|path| request(path, &role.name)).chain(mappings).collect();
        return (requests, vec![role]);
    };
    let role = role_plan(&snapshot.acl.roles, &GUEST, &guest(major, agent));
    let mut requests = vec![request(AclPath::pool(pool), &role.name)];
    // The template is what the needs begin with.
    let template = snapshot.needs.first().map(|need| need.path.acl_path());
    requests.extend(template.map(|path| request(path, &TEMPLATE_USER)));
    requests.extend(snapshot.storages.iter().map(|storage| request(AclPath::storage(storage), &DATASTORE_USER)));
    requests.extend(snapshot.networks.iter().filter(|_| with_networks).map(|path| request(path.clone(), &SDN_USER)));
    requests.extend(mappings);
    (requests, vec![role])
}

/// Where the log-in does not see all entries, the server is asked what the user, and an existing token, hold.
async fn ask_where_unseen(
    admin: &Admin,
    wanted: &TokenSpec<'_>,
    snapshot: &mut AccessSnapshot,
    requests: &[GrantRequest],
) -> Result<(), Error> {
    if snapshot.is_whole {
        return Ok(());
    }
    let paths = questions_of_grants(requests, &snapshot.needs);
    let mut subjects = vec![wanted.token.user.to_string()];
    subjects.extend(snapshot.token.iter().map(|_| wanted.token.to_string()));
    for subject in subjects {
        let unseen = || TokenError::Unseen { who: subject.clone(), admin: admin.user.clone() };
        let permissions = effective_permissions(&admin.pve, &subject, &paths).await.ok_or_else(unseen)?;
        snapshot.acl.reported.insert(Foreign::new(subject), permissions);
    }
    Ok(())
}

fn grant_steps(snapshot: &AccessSnapshot, changes: Vec<AclChange>) -> Vec<PlanStep> {
    let mut acl: BTreeMap<(AclPath, Subject, RoleName), bool> = snapshot
        .acl
        .entries
        .iter()
        .map(|entry| ((entry.path.clone(), entry.holder.clone(), entry.role.clone()), entry.propagates))
        .collect();
    let mut steps = Vec::new();
    for change in changes {
        let mut before = PrivilegesBefore::new();
        for role in &change.roles {
            let key = (change.path.clone(), change.holder.clone(), role.clone());
            before.extend(acl.insert(key, change.propagates).map(|propagated| (role.clone(), propagated)));
        }
        steps.push(PlanStep::Grant(change, before));
    }
    steps
}
