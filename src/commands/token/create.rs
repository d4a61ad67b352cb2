//! Creates a token with a log-in, tries it, and only then lets go of the log-in.

use crate::cli::{Login, NewToken, Rights as Named};
use crate::commands::ask;
use crate::commands::connect::{Connected, Ground, Trusted};
use crate::commands::ladder::{Climbed, Wish, climb};
use crate::commands::overheard::overheard;
use crate::commands::proof::order::Order;
use crate::commands::proof::preflight::Preflight;
use crate::commands::screens::Note;
use crate::commands::token::consent;
use crate::commands::token::desk::existing;
use crate::commands::token::login::{Admin, log_in};
use crate::commands::token::notes::{again, forget, note, require, unsaved, warn};
use crate::commands::token::proposal::Proposal;
use crate::commands::token::provision::{Rights, Wanted, agree, carry_out, propose};
use crate::commands::token::recheck;
use crate::commands::token::rotate::next_name;
use crate::commands::token::save::{Rehearsed, is_used_here_alone, rehearse, stored};
use crate::commands::token::undo::Made;
use crate::commands::unless_interrupted;
use crate::error::{Error, Report, TokenError};
use crate::model::{Endpoint, TokenId, TokenSecret};
use crate::pve::{Pve, Trust};
use crate::session::Session;
use crate::settings::{AmbiguousValues, Credentials, Key, Source};
use crate::ui::Printable;
use crate::ui::prompt::ChoicePrompt;

/// What is to be created, and how far that goes.
pub(crate) struct Creation<'a> {
    /// Who logs in.
    pub(crate) login: &'a Login,
    /// What the token shall be.
    pub(crate) new: &'a NewToken,
    /// What it shall be able to do.
    pub(crate) order: &'a Order,
    /// The realms of the server.
    pub(crate) realms: &'a [String],
    /// What shall be stored of the certificate.
    pub(crate) wish: Wish,
    /// Whether values may be written that only the application reads back.
    pub(crate) consent: AmbiguousValues,
    /// Whether the plan is shown and nothing more.
    pub(crate) is_rehearsal: bool,
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
    pub(crate) made: Made,
}

/// Creates the token that the settings name; nothing where the plan was only to be shown.
pub(crate) async fn create(
    session: &Session,
    ground: &Ground,
    (endpoint, trust, trusted): (Endpoint, Trust, Trusted),
    creation: &Creation<'_>,
) -> Result<Option<Created>, Error> {
    let mut wanted = wanted(session, ground, creation)?;
    if !creation.is_rehearsal {
        prepare(session, ground, &wanted, creation)?;
    }
    let entered = enter(session, ground, (endpoint.clone(), trust.clone()), creation);
    let (admin, climbed) = unless_interrupted(session, entered).await?;
    let (trust, trusted, fetched) = match climbed {
        Some(Climbed { trust, fetched, .. }) => (trust, Trusted::Ca, Some(fetched)),
        None => (trust, trusted, None),
    };
    let way = (endpoint, trust, trusted);
    recall(session, ground, &admin, &wanted.token).await?;
    if session.is_attended() && creation.new.rights.is_none() {
        wanted.rights = rights(session, &wanted).await?;
    }
    let proposal = planned(session, ground, &admin, &mut wanted).await?;
    if creation.is_rehearsal {
        session.ui.borrow_mut().info(&proposal);
        return Ok(None);
    }
    consent::for_replacing(session, ground, way.clone(), &wanted.token).await?;
    let proposal = agreed(session, ground, (&admin, &mut wanted), proposal).await?;
    let more = Rehearsed { pool: creation.order.pool.as_ref(), fetched: fetched.as_ref(), consent: creation.consent };
    rehearse(ground, &ground.loaded, &wanted.token, &more)?;
    let made = Made::nothing(again(&wanted.token), note(session, ground, &wanted.token, proposal.errand())?);
    let (secret, made) = carry_out(session, ground, &admin, &proposal, made).await?;
    let credentials = Credentials::Token { id: wanted.token.clone(), secret: secret.clone() };
    let tried = async {
        let connected = Connected::with(session, ground, way, credentials).await?;
        try_out(ground, &connected, creation.order).await?;
        recheck::nobody_holds_less(&admin, &wanted.token, &made).await?;
        Ok(connected)
    };
    match unless_interrupted(session, tried).await {
        Ok(connected) => {
            let text = format!("{} is made and answers; the log-in is forgotten", wanted.token);
            session.ui.borrow_mut().info(&Note::found(text));
            Ok(Some(Created { connected: Connected { fetched, ..connected }, token: wanted.token, secret, made }))
        }
        Err(why) => Err(made.undo(session, ground, &admin.pve, why).await),
    }
}

/// Finds out before somebody logs in what would end the run later: a missing yes, a file that cannot be written, a
/// secret that others use.
fn prepare(session: &Session, ground: &Ground, wanted: &Wanted<'_>, creation: &Creation<'_>) -> Result<(), Error> {
    if wanted.may_regenerate {
        regenerating(session, ground, &wanted.token)?;
    }
    require(session, ground)?;
    let more = Rehearsed { pool: creation.order.pool.as_ref(), fetched: None, consent: creation.consent };
    rehearse(ground, &ground.loaded, &wanted.token, &more)
}

/// Ends the run where a secret would die without a yes, or one that other lines of the file use.
pub(crate) fn regenerating(session: &Session, ground: &Ground, token: &TokenId) -> Result<(), Error> {
    consent::needed(session, || format!("--regenerate ends the old secret of {token}"))?;
    is_used_here_alone(ground, token)
}

/// Reminds of what earlier runs left; what is not on the server any more is forgotten.
async fn recall(session: &Session, ground: &Ground, admin: &Admin, token: &TokenId) -> Result<(), Error> {
    let unsaved = unsaved(session, ground)?;
    if unsaved.iter().any(|it| it.token == token.to_string()) {
        let found = unless_interrupted(session, existing(admin, token)).await;
        if matches!(found, Err(Error::Token(TokenError::Unknown { .. }))) {
            forget(session, ground, token)?;
            return Ok(());
        }
    }
    warn(session, &unsaved);
    Ok(())
}

/// Plans, and settles what becomes of a token of that name that exists.
async fn planned(
    session: &Session,
    ground: &Ground,
    admin: &Admin,
    wanted: &mut Wanted<'_>,
) -> Result<Proposal, Error> {
    loop {
        match unless_interrupted(session, propose(admin, wanted)).await {
            Ok(mut proposal) => {
                proposal.remarks.extend(replacing(ground, &wanted.token));
                return Ok(proposal);
            }
            Err(why @ Error::Token(TokenError::Exists { .. })) => {
                beside_the_one_that_exists(session, ground, wanted, why).await?;
            }
            Err(why) => return Err(why),
        }
    }
}

/// Names the token that the settings file holds and that the new one replaces there.
fn replacing(ground: &Ground, new: &TokenId) -> Option<String> {
    match stored(ground) {
        Ok(Some(Credentials::Token { id, .. })) if id != *new => {
            Some(format!("{} holds {id}, whose place it takes there", ground.store.path().display()))
        }
        _ => None,
    }
}

/// Lets the plan be agreed to, and reads everything again that it was made from: what was agreed to is what is done.
async fn agreed(
    session: &Session,
    ground: &Ground,
    (admin, wanted): (&Admin, &mut Wanted<'_>),
    mut proposal: Proposal,
) -> Result<Proposal, Error> {
    loop {
        agree(session, &proposal).await?;
        let again = planned(session, ground, admin, wanted).await?;
        if recheck::is_same(&proposal, &again) {
            return Ok(again);
        }
        let text = "something on the server was changed since the plan was made; this is the plan now";
        session.ui.borrow_mut().info(&Note::warning(text.to_owned()));
        if !session.is_attended() || session.confirms_all {
            session.ui.borrow_mut().info(&again);
            let is_harmless = recheck::is_within(&proposal, &again);
            return if is_harmless { Ok(again) } else { Err(TokenError::PlanChanged.into()) };
        }
        proposal = again;
    }
}

/// Asks which rights a new token gets.
async fn rights(session: &Session, wanted: &Wanted<'_>) -> Result<Rights, Error> {
    let items = vec![
        "what Glassdome needs (recommended): the plan is shown before anything is done".to_owned(),
        format!("all that {} has: no privilege separation", Printable(&wanted.token.user.to_string())),
    ];
    let menu = ChoicePrompt::new("Which rights shall it have?", items);
    let index = ask::choice(session, menu, || ask::only_by("--rights", "the rights of the token")).await?;
    Ok(if index == 0 { Rights::Needed } else { Rights::OfUser })
}

/// Asks what is to be made where a token of that name exists: one of another name, or a new secret for this one. In a
/// rehearsal without a person, whose token's name nobody chose, it is one of the next name.
async fn beside_the_one_that_exists(
    session: &Session,
    ground: &Ground,
    wanted: &mut Wanted<'_>,
    why: Error,
) -> Result<(), Error> {
    let free = next_name(&wanted.token.name.to_string(), &[]);
    if !session.is_attended() {
        let (true, Some(Source::Sandbox), Some(name)) =
            (ground.is_sandbox(), ground.settings.source(Key::TokenName), free)
        else {
            return Err(why);
        };
        wanted.token.name = name;
        return Ok(());
    }
    session.ui.borrow_mut().error(&Report::of(&why));
    let mut items = vec!["give it a new secret: whatever uses the old one stops working at once".to_owned()];
    if ground.is_open(session, Key::TokenName) {
        items.insert(0, "make one of another name".to_owned());
    }
    let can_rename = items.len() > 1;
    items.push("leave; nothing was changed".to_owned());
    let menu = ChoicePrompt::new("How does it go on?", items);
    match (ask::choice(session, menu, || ask::only_by("--regenerate", "what becomes of the token")).await?, can_rename)
    {
        (0, true) => {
            let otherwise = || ask::only_by("--token-name", "the token's name");
            let default = free.map(|name| name.to_string());
            wanted.token.name = ask::value(session, "The name of the token", default, otherwise).await?;
        }
        (0, false) | (1, true) => {
            is_used_here_alone(ground, &wanted.token)?;
            wanted.may_regenerate = true;
        }
        _ => return Err(why),
    }
    Ok(())
}

fn wanted<'a>(session: &Session, ground: &Ground, creation: &Creation<'a>) -> Result<Wanted<'a>, Error> {
    let user = ground.settings.user()?.ok_or_else(|| ground.unanswered("the user", Key::User))?.value;
    let name =
        ground.settings.token_name()?.ok_or_else(|| ground.unanswered("the token's name", Key::TokenName))?.value;
    let expire = creation.new.expire.and_then(crate::model::Expiry::seconds).unwrap_or_default();
    let now = u64::try_from(session.clock.utc().unix_timestamp()).unwrap_or_default();
    if creation.new.expire.is_some() && expire <= now {
        return Err(TokenError::ExpiresBeforeUse.into());
    }
    Ok(Wanted {
        token: TokenId { user, name },
        rights: if creation.new.rights == Some(Named::User) { Rights::OfUser } else { Rights::Needed },
        may_regenerate: creation.new.regenerate,
        expire,
        order: creation.order,
        realms: creation.realms,
    })
}

/// Logs in, and climbs to the cluster's CA before anything else is sent.
async fn enter(
    session: &Session,
    ground: &Ground,
    (endpoint, trust): (Endpoint, Trust),
    creation: &Creation<'_>,
) -> Result<(Admin, Option<Climbed>), Error> {
    let pve = Pve::new(endpoint.clone(), &trust, ground.limits(), &ground.proxies(session));
    let pve = overheard(pve.map_err(|source| Error::reaching(&endpoint, source))?, session);
    let mut admin = log_in(session, ground, pve, creation.realms, creation.login).await?;
    let climbed = climb(session, ground, &admin.pve, creation.wish).await?;
    if let Some(climbed) = &climbed {
        admin.pve = climbed.pve.clone();
    }
    Ok((admin, climbed))
}

/// Tries the token: the server must know it, and it must be able to do the proof, if there is a template for one yet.
async fn try_out(ground: &Ground, connected: &Connected, order: &Order) -> Result<(), Error> {
    connected.pve.version().await.map_err(|source| Error::reaching(connected.pve.endpoint(), source))?;
    match Preflight::new(ground, connected, order).plan().await {
        Ok(_) | Err(Error::NoTemplate { .. } | Error::NotATemplate { .. } | Error::WhichNode { .. }) => Ok(()),
        Err(why) => Err(why),
    }
}
