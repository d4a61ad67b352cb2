//! Makes a token with an administrator's login: the plan, its steps one by one, and all of them undone where one fails.

use crate::error::{AuthError, Doing, Error, Operation, Regeneration, RunError, TokenError};
use crate::model::{Foreign, PoolName, RoleName, TokenId, TokenSecret};
use crate::ops::context::Context;
use crate::ops::test_vm::options::TestVmOptions;
use crate::ops::token::access_snapshot::{AccessSnapshot, capture, effective_permissions};
use crate::ops::token::grant_plan::{COMMENT, GrantPlan, PlanStep, PrivilegesBefore};
use crate::ops::token::login::Admin;
use crate::ops::token::recheck;
use crate::ops::token::undo::Applied;
use crate::ops::{ask, concurrently};
use crate::pve::privileges::{
    AclModel, AclPath, AgentAccess, GrantRequest, Privilege, Requirement, RolePlan, RoleState, Separation, grants,
    guest, provisioner, questions_of_grants, role_plan,
};
use crate::pve::{AclChange, Pve, Subject, TokenRecord, TokenRequest, UserLookup, Version, VersionNumber};
use crate::session::Session;
use crate::settings::Key;
use crate::ui::prompt::ConfirmPrompt;
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
    pub(crate) order: &'a TestVmOptions,
    /// The realms of the server.
    pub(crate) realms: &'a [String],
}

/// Plans what has to be done.
pub(crate) async fn propose(admin: &Admin, wanted: &TokenSpec<'_>) -> Result<GrantPlan, Error> {
    let user = &wanted.token.user;
    if !wanted.realms.iter().any(|realm| realm == user.realm()) {
        return Err(Error::Auth(AuthError::UnknownRealm { user: user.clone(), realms: wanted.realms.to_vec() }));
    }
    let mut snapshot = capture(admin, &wanted.token, wanted.order).await?;
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
    may_grant(admin, &proposal).await?;
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
    let pool = wanted.order.pool.as_ref();
    let (requests, roles) = requests(snapshot, wanted.order);
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
    match &wanted.order.pool {
        None => vec!["the token can delete any VM; --pool NAME restricts it to one pool".to_owned()],
        Some(pool) => vec![format!(
            "restricted to pool {pool}: the token cannot access VMs outside it; configure the Glassdome application to create its VMs there ({})",
            Key::Pool.entry().variable
        )],
    }
}

/// Says which role is wished where, and which roles of ours that takes.
fn requests(snapshot: &AccessSnapshot, order: &TestVmOptions) -> (Vec<GrantRequest>, Vec<RolePlan>) {
    let major = snapshot.version.major();
    let agent = if order.waits_for_address() { AgentAccess::Needed } else { AgentAccess::IfHarmless };
    let request = |path: AclPath, role: &RoleName| GrantRequest { path, role: role.clone() };
    let with_networks = major >= 8;
    let is_mapping = |need: &&Requirement| need.privilege == Privilege::MAPPING_USE;
    let mappings = snapshot.needs.iter().filter(is_mapping).map(|need| request(need.place.path(), &MAPPING_USER));
    let Some(pool) = &order.pool else {
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
    let template = snapshot.needs.first().map(|need| need.place.path());
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

/// Finds out before anything is changed whether the log-in may make the entries and the roles; where it may not, the
/// lines for an administrator are part of the error.
pub(crate) async fn may_grant(admin: &Admin, proposal: &GrantPlan) -> Result<(), Error> {
    // root@pam may do everything on every path.
    if admin.user.is_root() {
        return Ok(());
    }
    let mut asked: Vec<(String, Vec<&str>)> = Vec::new();
    for step in &proposal.steps {
        match step {
            PlanStep::Grant(change, _) => asked.push((change.path.to_string(), grants_by(change.path.as_str()))),
            PlanStep::Role(_) => asked.push(("/access".to_owned(), vec!["Sys.Modify"])),
            PlanStep::User(_)
            | PlanStep::Pool(_)
            | PlanStep::Token(..)
            | PlanStep::Unseparate(_)
            | PlanStep::Regenerate(_) => {}
        }
    }
    let answers = concurrently(asked.iter().map(|(path, _)| admin.pve.permissions(Some(path), None))).await;
    for ((path, any_of), answer) in asked.iter().zip(answers) {
        let answer = answer.doing(Operation::ReadPrivileges)?;
        let may = answer.get(path.as_str()).is_some_and(|held| any_of.iter().any(|name| held.contains_key(*name)));
        if !may {
            return Err(TokenError::MayNotGrant {
                admin: admin.user.clone(),
                path: path.clone(),
                privilege: any_of.first().copied().unwrap_or_default(),
                lines: proposal.lines(),
                token: proposal.token.clone(),
            }
            .into());
        }
    }
    Ok(())
}

/// Lists the privileges any of which allows entries on a path.
fn grants_by(path: &str) -> Vec<&'static str> {
    let mut any_of = vec!["Permissions.Modify"];
    match path.split('/').collect::<Vec<_>>()[..] {
        ["", "vms", _] => any_of.push("VM.Allocate"),
        ["", "storage", _] => any_of.push("Datastore.Allocate"),
        ["", "pool", ..] => any_of.push("Pool.Allocate"),
        _ => {}
    }
    any_of
}

/// Asks whether the plan shall be carried out; without a person it was asked for by a flag.
pub(crate) async fn agree(session: &Session, proposal: &GrantPlan) -> Result<(), Error> {
    session.info(proposal);
    if !session.is_attended() {
        return Ok(());
    }
    let question = ConfirmPrompt::new("Make these changes now?").proposing_yes();
    match ask::confirm(session, question, || ask::only_by("--yes", "confirmation of these changes")).await? {
        true => Ok(()),
        false => Err(TokenError::PlanDeclined.into()),
    }
}

/// Carries the plan out. Where a step fails, or a signal comes in between, everything before it is undone; after a second
/// signal the lines that undo it are all that there is time for.
pub(crate) async fn carry_out(
    session: &Session,
    context: &Context,
    admin: &Admin,
    proposal: &GrantPlan,
    mut made: Applied,
) -> Result<(TokenSecret, Applied), Error> {
    let mut secret = None;
    let mut expected = proposal.basis.clone();
    for step in &proposal.steps {
        let outcome = match session.interrupts.seen() {
            Some(signal) => Err(Error::Run(RunError::Interrupted { signal })),
            None => tokio::select! {
                outcome = checked(admin, step, expected.as_ref(), &mut secret) => outcome,
                signal = session.interrupts.second() => {
                    made.add_unconfirmed(step.clone());
                    return Err(made.saved_or_left(session, context, Error::Run(RunError::Abandoned { signal, left: None })));
                }
            },
        };
        if let Some(secret) = &secret {
            made.keep_secret(TokenSecret::clone(secret));
        }
        if let Err(why) = outcome {
            if matches!(&why, Error::Server { operation: Operation::ChangeAccess(_), source } if source.is_outcome_unknown())
            {
                made.add_unconfirmed(step.clone());
            }
            return Err(made.undo(session, context, &admin.pve, why).await);
        }
        made.add(step.clone());
        if let Some(expected) = &mut expected {
            recheck::apply(expected, step);
        }
    }
    let ended = match secret {
        Some(secret) => recheck::nothing_is_lost(admin, &proposal.token, &made).await.map(|()| secret),
        None => Err(TokenError::NoSecret.into()),
    };
    match ended {
        Ok(secret) => Ok((secret, made)),
        Err(why) => Err(made.undo(session, context, &admin.pve, why).await),
    }
}

/// Does one step; right before anything is granted, what the plan was made from is read once more.
async fn checked(
    admin: &Admin,
    step: &PlanStep,
    expected: Option<&AclModel>,
    secret: &mut Option<TokenSecret>,
) -> Result<(), Error> {
    if let (PlanStep::Grant(..), Some(expected)) = (step, expected) {
        recheck::is_as_planned(admin, expected).await?;
    }
    run(&admin.pve, step, secret).await
}

async fn run(pve: &Pve, step: &PlanStep, secret: &mut Option<TokenSecret>) -> Result<(), Error> {
    let done = match step {
        PlanStep::User(user) => pve.create_user(user, COMMENT).await,
        PlanStep::Pool(pool) => pve.create_pool(pool).await,
        PlanStep::Role(role) => match &role.state {
            RoleState::Ready => Ok(()),
            RoleState::Missing => pve.create_role(&role.name, &super::grant_plan::listed(&role.privileges)).await,
        },
        PlanStep::Token(token, request) => pve.create_token(token, request).await.map(|it| *secret = Some(it)),
        PlanStep::Grant(change, _) => pve.grant(change).await,
        PlanStep::Unseparate(token) => pve.unseparate_token(token).await,
        PlanStep::Regenerate(token) => return regenerate(pve, token).await.map(|it| *secret = Some(it)),
    };
    done.doing(Operation::ChangeAccess(step.line().unwrap_or_default()))
}

/// The first release that gives a token a new secret (access-control 9.1.0).
const REGENERATION_SINCE: VersionNumber = VersionNumber { major: 9, minor: 1 };

impl Regeneration {
    /// Says whether a server of this version can do it.
    pub(crate) fn on(version: &Version) -> Self {
        if version.is_since(REGENERATION_SINCE) { Self::Offered } else { Self::Unavailable }
    }
}

/// Refuses a server that is too old to give a token a new secret, before anything is planned or said.
pub(crate) fn require_regeneration(version: &Version, token: &TokenId) -> Result<(), Error> {
    match Regeneration::on(version) {
        Regeneration::Offered => Ok(()),
        Regeneration::Unavailable => Err(TokenError::CannotRegenerate { token: token.clone() }.into()),
    }
}

/// Gives a token a new secret; a server that cannot do it is distinguished from one that refuses.
pub(crate) async fn regenerate(pve: &Pve, token: &TokenId) -> Result<TokenSecret, Error> {
    pve.regenerate_token(token).await.map_err(|source| {
        if source.refusal().is_some_and(|it| it.reason_of("regenerate").is_some()) {
            return TokenError::CannotRegenerate { token: token.clone() }.into();
        }
        let line = PlanStep::Regenerate(token.clone()).line().unwrap_or_default();
        Error::server(Operation::ChangeAccess(line), source)
    })
}
