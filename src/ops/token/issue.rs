//! Creates a token with an administrator login, tests it, and then drops the login.

mod existing_token;

use crate::error::{Doing, Error, Operation, PlacementError, TokenError};
use crate::model::{TokenId, TokenSecret};
use crate::ops::call_log::log_calls;
use crate::ops::connection::{Connected, TrustSource, TrustedServer};
use crate::ops::context::Context;
use crate::ops::inventory::choose_node;
use crate::ops::options::{ExistingToken, LoginOptions, NewTokenOptions, RequestedRights};
use crate::ops::pin_ca::{CaPinned, PinPolicy, pin_cluster_ca};
use crate::ops::test_vm::options::TestVmOptions;
use crate::ops::test_vm::preflight::Preflight;
use crate::ops::token::admin_session::existing;
use crate::ops::token::apply::{GrantedRights, TokenSpec, agree, carry_out, propose};
use crate::ops::token::grant_plan::GrantPlan;
use crate::ops::token::login::{Admin, log_in};
use crate::ops::token::notes::{forget, new_secret_command, note, require, unsaved, warn};
use crate::ops::token::store::{ExtraSettings, check_save, require_no_other_use, stored};
use crate::ops::token::undo::Applied;
use crate::ops::token::{consent, recheck};
use crate::ops::{ask, unless_interrupted};
use crate::pve::{Pve, check_sendable};
use crate::session::Session;
use crate::settings::{AmbiguousValues, Credentials, Key};
use crate::ui::Printable;
use crate::ui::prompt::ChoicePrompt;
use existing_token::resolve_existing_token;

/// What is to be created, and how far that goes.
pub(crate) struct Creation<'a> {
    /// Who logs in.
    pub(crate) login: &'a LoginOptions,
    /// What the token shall be.
    pub(crate) new: &'a NewTokenOptions,
    /// What it shall be able to do.
    pub(crate) options: &'a TestVmOptions,
    /// The realms of the server.
    pub(crate) realms: &'a [String],
    /// What shall be stored of the certificate.
    pub(crate) pin_policy: PinPolicy,
    /// Whether values may be written that only the application reads back.
    pub(crate) consent: AmbiguousValues,
    /// Whether the plan is shown and nothing more.
    pub(crate) is_dry_run: bool,
    /// What is known of the node by now.
    pub(crate) node: NodeNeeded,
}

/// When the node is decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeNeeded {
    /// Now: nothing asks for it later, so a server with several nodes must not be changed before one is named.
    Now,
    /// Later, or never.
    Later,
}

/// A token that was created, and answers.
pub(crate) struct Created {
    /// A connection with it.
    pub(crate) connected: Connected,
    /// The token.
    pub(crate) token: TokenId,
    /// Its secret.
    pub(crate) secret: TokenSecret,
    /// What was done for it.
    pub(crate) made: Applied,
}

/// Creates the token that the settings name; `None` if the plan was only to be shown.
pub(crate) async fn create(
    session: &Session,
    context: &Context,
    mut server: TrustedServer,
    creation: &Creation<'_>,
) -> Result<Option<Created>, Error> {
    let mut wanted = token_spec(session, context, creation)?;
    check_sendable(&wanted.token).doing(Operation::CreateToken(wanted.token.to_string()))?;
    if !creation.is_dry_run {
        prepare(session, context, &wanted, creation)?;
    }
    let entered = log_in_and_pin(session, context, &server, creation);
    let (admin, pinned) = unless_interrupted(session, entered).await?;
    let fetched = pinned.map(|CaPinned { trust, fetched, .. }| {
        (server.trust, server.trusted) = (trust, TrustSource::Ca);
        fetched
    });
    remind_of_unsaved(session, context, &admin, &wanted.token).await?;
    if creation.node == NodeNeeded::Now {
        let nodes = unless_interrupted(session, async { admin.pve.nodes().await.doing(Operation::ReadNodes) }).await?;
        choose_node(&nodes, creation.options.node.as_ref(), &Key::Node.variable(&context.instance))?;
    }
    if session.is_attended() && creation.new.rights.is_none() {
        wanted.rights = ask_rights(session, &wanted).await?;
    }
    let proposal = plan_with_choices(session, context, &admin, &mut wanted).await?;
    if creation.is_dry_run {
        session.info(&proposal);
        return Ok(None);
    }
    consent::require_yes_to_replace(session, context, server.clone(), &wanted.token).await?;
    let proposal = confirm_plan(session, context, &admin, &mut wanted, proposal).await?;
    let more =
        ExtraSettings { pool: creation.options.pool.as_ref(), fetched: fetched.as_ref(), consent: creation.consent };
    check_save(context, &context.loaded, &wanted.token, &more)?;
    let made =
        Applied::nothing(new_secret_command(&wanted.token), note(session, context, &wanted.token, proposal.action())?);
    let (secret, made) = carry_out(session, context, &admin, &proposal, made).await?;
    let credentials = Credentials::Token { id: wanted.token.clone(), secret: secret.clone() };
    let tried = async {
        let connected = Connected::open_with(session, context, server, credentials).await?;
        check_usable(&connected, creation.options).await?;
        recheck::require_no_loss(&admin, &wanted.token, &made).await?;
        Ok(connected)
    };
    match unless_interrupted(session, tried).await {
        Ok(connected) => {
            let text = format!("Token {} created and checked; password not stored", wanted.token);
            session.done(text);
            Ok(Some(Created { connected: Connected { fetched, ..connected }, token: wanted.token, secret, made }))
        }
        Err(why) => Err(made.undo(session, context, &admin.pve, why).await),
    }
}

/// Checks before the login what would end the run later: a missing `--yes`, a file that cannot be written, a secret
/// that is used elsewhere.
fn prepare(session: &Session, context: &Context, wanted: &TokenSpec<'_>, creation: &Creation<'_>) -> Result<(), Error> {
    if wanted.may_regenerate {
        regenerating(session, context, &wanted.token)?;
    }
    require(session, context)?;
    let more = ExtraSettings { pool: creation.options.pool.as_ref(), fetched: None, consent: creation.consent };
    check_save(context, &context.loaded, &wanted.token, &more)
}

/// Ends the run if a secret would die without a yes, or one that other lines of the file use.
pub(crate) fn regenerating(session: &Session, context: &Context, token: &TokenId) -> Result<(), Error> {
    consent::require_yes(session, || format!("--regenerate invalidates the current secret of {token}"))?;
    require_no_other_use(context, token)
}

/// Warns of tokens that earlier runs left; those that no longer exist are forgotten.
async fn remind_of_unsaved(session: &Session, context: &Context, admin: &Admin, token: &TokenId) -> Result<(), Error> {
    let unsaved = unsaved(session, context)?;
    if unsaved.iter().any(|it| it.token == token.to_string()) {
        let found = unless_interrupted(session, existing(admin, token)).await;
        if matches!(found, Err(Error::Token(TokenError::Unknown { .. }))) {
            forget(session, context, token)?;
            return Ok(());
        }
    }
    warn(session, &unsaved);
    Ok(())
}

/// Makes the plan, and decides what happens with an existing token of that name.
async fn plan_with_choices(
    session: &Session,
    context: &Context,
    admin: &Admin,
    wanted: &mut TokenSpec<'_>,
) -> Result<GrantPlan, Error> {
    loop {
        match unless_interrupted(session, propose(admin, wanted)).await {
            Ok(mut proposal) => {
                proposal.remarks.extend(replacement_remark(context, &wanted.token));
                return Ok(proposal);
            }
            Err(Error::Token(TokenError::Exists { token, regeneration })) => {
                let why = TokenError::Exists { token, regeneration }.into();
                resolve_existing_token(session, context, wanted, regeneration, why).await?;
            }
            Err(why) => return Err(why),
        }
    }
}

/// Names the token that the settings file holds and that the new one replaces there.
fn replacement_remark(context: &Context, new: &TokenId) -> Option<String> {
    let id = replaced(context, new)?;
    Some(format!("it replaces {id} in {}; {id} itself is kept", context.store.path().display()))
}

/// Returns the token that the settings file holds, where a new one takes its place there.
pub(crate) fn replaced(context: &Context, new: &TokenId) -> Option<TokenId> {
    match stored(context) {
        Ok(Some(Credentials::Token { id, .. })) if id != *new => Some(id),
        _ => None,
    }
}

/// Asks for confirmation of the plan, and reads again everything that it was based on, so that exactly the confirmed
/// plan is carried out.
async fn confirm_plan(
    session: &Session,
    context: &Context,
    admin: &Admin,
    wanted: &mut TokenSpec<'_>,
    mut proposal: GrantPlan,
) -> Result<GrantPlan, Error> {
    loop {
        agree(session, &proposal).await?;
        let again = plan_with_choices(session, context, admin, wanted).await?;
        if recheck::is_same(&proposal, &again) {
            return Ok(again);
        }
        let text = "something on the server changed since the plan was shown; the new plan:";
        session.warn(text.to_owned());
        if !session.is_attended() || session.confirms_all {
            session.info(&again);
            let is_harmless = recheck::is_within(&proposal, &again);
            return if is_harmless { Ok(again) } else { Err(TokenError::PlanChanged.into()) };
        }
        proposal = again;
    }
}

/// Asks which rights a new token gets.
async fn ask_rights(session: &Session, wanted: &TokenSpec<'_>) -> Result<GrantedRights, Error> {
    let items = vec![
        "What Glassdome needs (recommended): shows the plan before changing anything".to_owned(),
        format!("All privileges of {}: no privilege separation", Printable(&wanted.token.user.to_string())),
    ];
    let short = vec!["what Glassdome needs".to_owned(), "all of its user".to_owned()];
    let menu = ChoicePrompt::new("Which privileges should the token have?", items).answered_as("Privileges", short);
    let index = ask::choice(session, menu, || ask::answer_only_by("--rights", "the privileges of the token")).await?;
    Ok(if index == 0 { GrantedRights::Needed } else { GrantedRights::OfUser })
}

fn token_spec<'a>(session: &Session, context: &Context, creation: &Creation<'a>) -> Result<TokenSpec<'a>, Error> {
    let token = context.token_id()?;
    let expire = creation.new.expire_seconds();
    let now = u64::try_from(session.clock.utc().unix_timestamp()).unwrap_or_default();
    if creation.new.expire.is_some() && expire <= now {
        return Err(TokenError::ExpiresBeforeUse.into());
    }
    Ok(TokenSpec {
        token,
        rights: if creation.new.rights == Some(RequestedRights::OfUser) {
            GrantedRights::OfUser
        } else {
            GrantedRights::Needed
        },
        may_regenerate: creation.new.existing == ExistingToken::Regenerate,
        expire,
        options: creation.options,
        realms: creation.realms,
    })
}

/// Logs in, and pins the cluster's CA before anything else is sent.
async fn log_in_and_pin(
    session: &Session,
    context: &Context,
    server: &TrustedServer,
    creation: &Creation<'_>,
) -> Result<(Admin, Option<CaPinned>), Error> {
    let endpoint = &server.endpoint;
    let pve = Pve::new(endpoint.clone(), &server.trust, context.limits(), &context.proxies(session));
    let pve = log_calls(pve.map_err(|source| Error::connecting(endpoint, source))?, session);
    let mut admin = log_in(session, context, pve, creation.realms, creation.login).await?;
    let pinned = pin_cluster_ca(session, context, &admin.pve, creation.pin_policy).await?;
    if let Some(pinned) = &pinned {
        admin.pve = pinned.pve.clone();
    }
    Ok((admin, pinned))
}

/// Tests the token: the server must accept it, and it must have the privileges for a test VM, if there is a template
/// yet.
async fn check_usable(connected: &Connected, options: &TestVmOptions) -> Result<(), Error> {
    connected.pve.version().await.map_err(|source| Error::connecting(connected.pve.endpoint(), source))?;
    match Preflight::new(connected, options).plan().await {
        Ok(_)
        | Err(
            Error::Placement(PlacementError::NoTemplate { .. })
            | Error::Placement(PlacementError::NotATemplate { .. })
            | Error::Placement(PlacementError::WhichNode { .. }),
        ) => Ok(()),
        Err(why) => Err(why),
    }
}
