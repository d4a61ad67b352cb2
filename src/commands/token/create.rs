//! Creates a token with a log-in, tries it, and only then lets go of the log-in.

use crate::cli::{Login, NewToken, Rights as Named};
use crate::commands::ask;
use crate::commands::connect::{Connected, Ground, Trusted};
use crate::commands::ladder::{Climbed, Wish, climb};
use crate::commands::overheard::overheard;
use crate::commands::proof::order::Order;
use crate::commands::proof::preflight::Preflight;
use crate::commands::screens::Note;
use crate::commands::token::login::{Admin, log_in};
use crate::commands::token::provision::{Made, Rights, Wanted, agree, carry_out, propose};
use crate::commands::token::rotate::next_name;
use crate::commands::unless_interrupted;
use crate::error::{Error, Report, TokenError};
use crate::model::{Endpoint, TokenId, TokenSecret};
use crate::pve::{Pve, Trust};
use crate::session::Session;
use crate::settings::{Credentials, Key, Source};
use crate::ui::Printable;
use crate::ui::prompt::Choice;

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
    let entered = enter(session, ground, (endpoint.clone(), trust.clone()), creation);
    let (admin, climbed) = unless_interrupted(session, entered).await?;
    if session.is_attended() && creation.new.rights.is_none() {
        wanted.rights = rights(session, &wanted).await?;
    }
    let proposal = loop {
        match unless_interrupted(session, propose(&admin, &wanted)).await {
            Ok(proposal) => break proposal,
            Err(why @ Error::Token(TokenError::Exists { .. })) => {
                wanted = beside_the_one_that_exists(session, ground, wanted, why).await?;
            }
            Err(why) => return Err(why),
        }
    };
    if creation.is_rehearsal {
        session.ui.borrow_mut().say(&proposal);
        return Ok(None);
    }
    agree(session, &proposal).await?;
    let (secret, made) = carry_out(session, &admin, &proposal).await?;
    let (trust, trusted, fetched) = match climbed {
        Some(Climbed { trust, fetched, .. }) => (trust, Trusted::Ca, Some(fetched)),
        None => (trust, trusted, None),
    };
    let credentials = Credentials::Token { id: wanted.token.clone(), secret: secret.clone() };
    let tried = async {
        let connected = Connected::with(session, ground, (endpoint, trust, trusted), credentials).await?;
        try_out(ground, &connected, creation.order).await?;
        Ok(connected)
    };
    match unless_interrupted(session, tried).await {
        Ok(connected) => {
            let text = format!("{} is made and answers; the log-in is forgotten", wanted.token);
            session.ui.borrow_mut().say(&Note::found(text));
            Ok(Some(Created { connected: Connected { fetched, ..connected }, token: wanted.token, secret, made }))
        }
        Err(why) => Err(made.undo(session, &admin.pve, why).await),
    }
}

/// Asks which rights a new token gets.
async fn rights(session: &Session, wanted: &Wanted<'_>) -> Result<Rights, Error> {
    let items = vec![
        "what Glassdome needs (recommended): the plan is shown before anything is done".to_owned(),
        format!("all that {} has: no privilege separation", Printable(&wanted.token.user.to_string())),
    ];
    let menu = Choice::new("Which rights shall it have?", items);
    let index = ask::choice(session, menu, || ask::only_by("--rights", "the rights of the token")).await?;
    Ok(if index == 0 { Rights::Needed } else { Rights::OfUser })
}

/// Asks what is to be made where a token of that name exists: one of another name, or a new secret for this one. In a
/// rehearsal without a person, whose token's name nobody chose, it is one of the next name.
async fn beside_the_one_that_exists<'a>(
    session: &Session,
    ground: &Ground,
    mut wanted: Wanted<'a>,
    why: Error,
) -> Result<Wanted<'a>, Error> {
    let free = next_name(&wanted.token.name.to_string(), &[]);
    if !session.is_attended() {
        let (true, Some(Source::Sandbox), Some(name)) =
            (ground.is_sandbox(), ground.settings.source(Key::TokenName), free)
        else {
            return Err(why);
        };
        wanted.token.name = name;
        return Ok(wanted);
    }
    session.ui.borrow_mut().alert(&Report::of(&why));
    let mut items = vec!["give it a new secret: whatever uses the old one stops working at once".to_owned()];
    if ground.is_open(session, Key::TokenName) {
        items.insert(0, "make one of another name".to_owned());
    }
    let can_rename = items.len() > 1;
    items.push("leave; nothing was changed".to_owned());
    let menu = Choice::new("How does it go on?", items);
    match (ask::choice(session, menu, || ask::only_by("--regenerate", "what becomes of the token")).await?, can_rename)
    {
        (0, true) => {
            let otherwise = || ask::only_by("--token-name", "the token's name");
            let default = free.map(|name| name.to_string());
            wanted.token.name = ask::value(session, "The name of the token", default, otherwise).await?;
        }
        (0, false) | (1, true) => wanted.may_regenerate = true,
        _ => return Err(why),
    }
    Ok(wanted)
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
