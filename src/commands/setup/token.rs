//! Who calls: user, token and secret, or a password; checked at once, and corrected at the terminal.

use crate::error::{Error, Kind, Report};
use crate::model::token::InvalidToken;
use crate::model::{Destination, Endpoint, Pasted, Secret, TokenName, TokenRef, UserId};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::token::login::explained;
use crate::ops::{ask, waiting};
use crate::session::Session;
use crate::settings::{Key, Setting, SettingsError, Source, Sourced};
use crate::ui::Printable;
use crate::ui::prompt::{ChoicePrompt, ConfirmPrompt, HiddenPrompt, TextPrompt};

use super::instructions::{PasswordAdvice, ShellGuide, WebGuide};
use super::server::{Server, know_realm};
use super::token_source::{LoginSource, TokenSource};
use super::{done, found, tell};

/// What is still to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StillToAsk {
    /// Everything.
    All,
    /// The user alone: what was pasted is kept.
    User,
    /// The name of the token alone: what was pasted is kept.
    Name,
    /// The secret, or the password.
    Secret,
    /// The way to the token, or to a password.
    Method,
    /// Nothing: the server is asked once more.
    Nothing,
}

/// How a person comes by what authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenMethod {
    LogIn,
    Web,
    Ssh,
    Shell,
    Have,
    Password,
}

impl TokenMethod {
    /// Gives the line of an answer.
    const fn short(self) -> &'static str {
        match self {
            Self::LogIn => "create it with an administrator login",
            Self::Web => "web interface",
            Self::Ssh => "over SSH",
            Self::Shell => "shell on the node",
            Self::Have => "an existing one",
            Self::Password => "a password instead",
        }
    }
}

const TOKEN_METHODS: [(TokenMethod, &str); 6] = [
    (TokenMethod::LogIn, "Create it now with an administrator login (recommended)"),
    (TokenMethod::Web, "Create it in the web interface (I will show you where)"),
    (TokenMethod::Ssh, "Create it over SSH with pveum"),
    (TokenMethod::Shell, "Create it in a shell on the node (I will show you the command)"),
    (TokenMethod::Have, "I already have one"),
    (TokenMethod::Password, "Use a password instead"),
];

/// How a token was found.
pub(super) enum Identified {
    /// The server knows it.
    Connected(Box<Connected>),
    /// The person wants it made.
    ToBeMade(TokenSource),
}

/// Asks whose token is made, and its name.
pub(super) async fn owner(session: &Session, context: &mut Context, pve_server: &Server) -> Result<(), Error> {
    user(session, context, pve_server.realms()).await?;
    name(session, context).await
}

/// Finds out who calls, and connects. A person is asked until the server knows the answer.
pub(super) async fn connect(session: &Session, context: &mut Context, pve_server: Server) -> Result<Identified, Error> {
    if !session.is_attended() {
        let credentials = context.credentials(session)?;
        know_realm(&pve_server, &credentials)?;
        let connected = pve_server.connected(credentials).await?;
        return Ok(Identified::Connected(Box::new(connected)));
    }
    let asked = identify(session, context, &pve_server, StillToAsk::All).await?;
    until_known(session, context, pve_server, asked).await
}

/// Asks for another token than the one that was found to be of no use.
pub(super) async fn another(session: &Session, context: &mut Context, pve_server: Server) -> Result<Identified, Error> {
    owner(session, context, &pve_server).await?;
    let asked = obtain(session, context, &pve_server).await?;
    until_known(session, context, pve_server, asked).await
}

/// Asks for another way to the token, after one has failed.
pub(super) async fn other_way(
    session: &Session,
    context: &mut Context,
    pve_server: Server,
) -> Result<Identified, Error> {
    let asked = obtain(session, context, &pve_server).await?;
    until_known(session, context, pve_server, asked).await
}

/// Asks again as long as the server does not know what was answered; `asked` is where the token is to come from, if it
/// is to be made.
async fn until_known(
    session: &Session,
    context: &mut Context,
    pve_server: Server,
    mut asked: Option<TokenSource>,
) -> Result<Identified, Error> {
    loop {
        if let Some(origin) = asked {
            return Ok(Identified::ToBeMade(origin));
        }
        let server = context.host()?;
        match waiting(session, &format!("waiting for {server}"), checked(session, context, pve_server.clone())).await {
            Ok(connected) => return Ok(Identified::Connected(Box::new(connected))),
            Err(why) => {
                let wanted = correct(session, context, why).await?;
                asked = identify(session, context, &pve_server, wanted).await?;
            }
        }
    }
}

/// Calls the server once, so that a wrong secret is told before anything else is asked.
pub(super) async fn checked(session: &Session, context: &Context, pve_server: Server) -> Result<Connected, Error> {
    let credentials = context.credentials(session)?;
    know_realm(&pve_server, &credentials)?;
    let connected = Connected::with(session, context, pve_server.trusted_server(), credentials).await?;
    match connected.pve.version().await {
        Ok(_) => Ok(connected),
        Err(source) => Err(connected.diagnosed(Error::reaching(connected.pve.endpoint(), source)).await),
    }
}

/// Tells why the server does not know the caller, and asks which answer is to be corrected.
async fn correct(session: &Session, context: &Context, why: Error) -> Result<StillToAsk, Error> {
    let mut items = match Report::of(&why).kind {
        Kind::Authentication => Vec::new(),
        Kind::Unreachable | Kind::Server => vec![(StillToAsk::Nothing, "nothing: try again")],
        _ => return Err(why),
    };
    let is_password = context.settings.token_secret().is_none();
    let secret = if is_password { Key::Password } else { Key::TokenValue };
    if context.is_open(session, secret) {
        items.push((StillToAsk::Secret, if is_password { "the password" } else { "the secret" }));
    }
    if context.is_open(session, Key::TokenName) && !is_password {
        items.push((StillToAsk::Name, "the name of the token"));
    }
    if context.is_open(session, Key::User) {
        items.push((StillToAsk::User, "the user"));
    }
    if items.is_empty() {
        return Err(why);
    }
    if context.is_open(session, secret) && context.is_open(session, Key::TokenName) {
        items.push((StillToAsk::Method, "the way to the token"));
    }
    tell(session, &why);
    let mut texts: Vec<String> = items.iter().map(|(_, text)| (*text).to_owned()).collect();
    texts.push("nothing: leave".to_owned());
    let menu = ChoicePrompt::new("What would you like to change?", texts);
    let index = ask::choice(session, menu, || context.unanswered("the secret", secret)).await?;
    items.get(index).map(|(wanted, _)| *wanted).ok_or(why)
}

/// Asks for user, name and secret, as far as they are wanted and not settled; or learns that the token is to
/// be made.
async fn identify(
    session: &Session,
    context: &mut Context,
    pve_server: &Server,
    wanted: StillToAsk,
) -> Result<Option<TokenSource>, Error> {
    let before = (context.settings.user().map(|it| it.value), context.settings.token_name().map(|it| it.value));
    if matches!(wanted, StillToAsk::All | StillToAsk::User) {
        user(session, context, pve_server.realms()).await?;
    }
    let is_settled = |key: Key| context.settings.source(key).is_some_and(Source::is_settled);
    let has_token = context.settings.source(Key::TokenValue).is_some();
    let has_password = !has_token && context.settings.password().is_some();
    let is_fixed = is_settled(Key::TokenValue) || has_password && is_settled(Key::Password);
    if has_token && matches!(wanted, StillToAsk::All | StillToAsk::Name) {
        name(session, context).await?;
    }
    match wanted {
        _ if is_fixed => return Ok(None),
        // What was pasted is kept: the web interface does not show it again.
        StillToAsk::User | StillToAsk::Name | StillToAsk::Nothing => return Ok(None),
        StillToAsk::Secret if has_password => return password(session, context).await.map(|()| None),
        StillToAsk::Secret => return secret(session, context, pve_server).await.map(|()| None),
        StillToAsk::Method => return obtain(session, context, pve_server).await,
        StillToAsk::All => {}
    }
    let after = (context.settings.user().map(|it| it.value), context.settings.token_name().map(|it| it.value));
    let is_same = before.0 == after.0 && (has_password || before.1 == after.1);
    if (has_token || has_password) && is_same && keep(session, context).await? {
        return Ok(None);
    }
    obtain(session, context, pve_server).await
}

/// Asks how the person comes by a token, shows how it is made, and asks for its secret; or for a password; or learns that
/// the token is to be made.
async fn obtain(session: &Session, context: &mut Context, pve_server: &Server) -> Result<Option<TokenSource>, Error> {
    let items = TOKEN_METHODS.map(|(_, text)| text.to_owned()).to_vec();
    let short = TOKEN_METHODS.map(|(method, _)| method.short().to_owned()).to_vec();
    let menu = ChoicePrompt::new("How do you want to get the token?", items).answered_as("Token", short);
    let index = ask::choice(session, menu, || context.unanswered("the token's secret", Key::TokenValue)).await?;
    let manner = TOKEN_METHODS.get(index).map_or(TokenMethod::Have, |(manner, _)| *manner);
    if manner == TokenMethod::Password {
        session.info(&PasswordAdvice);
        context.unset(&[Key::TokenValue])?;
        return password(session, context).await.map(|()| None);
    }
    if context.settings.source(Key::TokenName) != Some(&Source::Answer) {
        name(session, context).await?;
    }
    let user = context.settings.user().map(|user| user.value.to_string()).unwrap_or_default();
    let name = context.settings.token_name().map(|name| name.value.to_string()).unwrap_or_default();
    let endpoint = context.endpoint()?;
    match manner {
        TokenMethod::Web => session.info(&WebGuide { url: endpoint.url(), user, name }),
        TokenMethod::Shell => {
            session.info(&ShellGuide { host: endpoint.host().to_string(), user, name });
        }
        TokenMethod::LogIn => return Ok(Some(TokenSource::LogIn(LoginSource::Given))),
        TokenMethod::Ssh => return destination(session, &endpoint).await.map(|to| Some(TokenSource::Shell(Some(to)))),
        TokenMethod::Have | TokenMethod::Password => {}
    }
    secret(session, context, pve_server).await.map(|()| None)
}

/// Asks where ssh goes.
pub(super) async fn destination(session: &Session, endpoint: &Endpoint) -> Result<Destination, Error> {
    let default = Some(format!("root@{}", endpoint.host()));
    let otherwise = || ask::only_by("--over-ssh", "where ssh goes");
    let question = TextPrompt::new("SSH destination").hinting("the node, as your ssh knows it").or(default);
    ask::value(session, question, otherwise).await
}

/// Asks for the user; one without a realm gets a menu of the realms that the server has.
async fn user(session: &Session, context: &mut Context, realms: &[String]) -> Result<(), Error> {
    if !context.is_open(session, Key::User) {
        return Ok(());
    }
    let default = context.settings.user().map(|user| user.value.to_string());
    let known = realms.to_vec();
    let question =
        TextPrompt::new("User for the token").hinting("name@realm, e.g. apex@pve").or(default).checked(move |text| {
            let whole = if text.contains('@') || text.is_empty() { text.to_owned() } else { format!("{text}@pve") };
            let user = whole.parse::<UserId>().map_err(|why| why.to_string())?;
            let is_known = !text.contains('@') || known.iter().any(|realm| realm == user.realm());
            if is_known { Ok(()) } else { Err(strange_realm(&user, &known)) }
        });
    let otherwise = || context.unanswered("the user", Key::User);
    let mut user = ask::text(session, question, otherwise).await?;
    if !user.contains('@') {
        let proposed = realms.iter().position(|realm| realm == "pve").unwrap_or_default();
        let menu = ChoicePrompt::new(format!("Realm of {user}"), realms.iter().map(|it| explained(it)).collect())
            .proposing(proposed);
        let index = ask::choice(session, menu, otherwise).await?;
        user = format!("{user}@{}", realms.get(index).map(String::as_str).unwrap_or_default());
    }
    let invalid = |why: InvalidToken| SettingsError::Invalid { origin: Source::Answer, why: why.into() };
    let user: UserId = user.parse().map_err(invalid)?;
    context.answer(Setting::User(user))
}

fn strange_realm(user: &UserId, realms: &[String]) -> String {
    let known: Vec<String> = realms.iter().map(|realm| Printable(realm).to_string()).collect();
    format!("the server has no realm `{}`; it has {}", user.realm(), known.join(", "))
}

/// Asks for the name of the token.
async fn name(session: &Session, context: &mut Context) -> Result<(), Error> {
    if !context.is_open(session, Key::TokenName) {
        return Ok(());
    }
    let default = context.settings.token_name().map(|name| name.value.to_string());
    let otherwise = || context.unanswered("the token's name", Key::TokenName);
    let name: TokenName = ask::value(session, TextPrompt::new("Token name").or(default), otherwise).await?;
    context.answer(Setting::TokenName(TokenRef::Name(name)))
}

/// Asks whether the secret or the password that is there already is still to be used.
async fn keep(session: &Session, context: &Context) -> Result<bool, Error> {
    let file = context.store.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (what, source) = match context.settings.token_secret() {
        Some(secret) => (format!("the secret {}", secret.value.masked()), secret.source),
        None => ("the password".to_owned(), Source::Answer),
    };
    let place =
        if source == Source::Sandbox { "of the sandbox".to_owned() } else { format!("in {}", Printable(&file)) };
    let otherwise = || context.unanswered("the token's secret", Key::TokenValue);
    ask::confirm(session, ConfirmPrompt::new(format!("Keep {what} {place}?")).proposing_yes(), otherwise).await
}

/// What a pasted token must not contradict: what flags and variables say, and the realms that the server has.
struct FixedIdentity {
    user: Option<Sourced<UserId>>,
    name: Option<Sourced<TokenName>>,
    realms: Vec<String>,
}

impl FixedIdentity {
    fn of(context: &Context, pve_server: &Server) -> Result<Self, Error> {
        Ok(Self {
            user: context.settings.user().filter(|said| said.source.is_settled()),
            name: context.settings.token_name().filter(|said| said.source.is_settled()),
            realms: pve_server.realms().to_vec(),
        })
    }

    /// Finds the secret in what was said; else gives the reason why it will not do.
    fn validate(&self, said: &Secret) -> Result<(), String> {
        let pasted = Pasted::read(said).map_err(|why| why.to_string())?;
        if let Some(user) = &pasted.user {
            if let Some(said) = self.user.as_ref().filter(|said| said.value != *user) {
                return Err(format!("this is a token of {user}, but {} says {}", said.source, said.value));
            }
            if !self.realms.iter().any(|realm| realm == user.realm()) {
                return Err(strange_realm(user, &self.realms));
            }
        }
        match (&pasted.name, &self.name) {
            (Some(name), Some(said)) if said.value != *name => {
                Err(format!("this is the token {name}, but {} says {}", said.source, said.value))
            }
            _ => Ok(()),
        }
    }
}

/// Asks for the secret, in whatever it is wrapped, until there is one.
async fn secret(session: &Session, context: &mut Context, pve_server: &Server) -> Result<(), Error> {
    let settled = FixedIdentity::of(context, pve_server)?;
    let (server, file) = (context.host()?, context.store.path().display().to_string());
    let destiny = format!("It is sent to {server} alone, and written to {file} once everything has been checked.");
    found(session, destiny);
    let question = HiddenPrompt::new("Paste the secret, or everything you copied (hidden)");
    let question = question.checked(move |said| settled.validate(said));
    let otherwise = || context.unanswered("the token's secret", Key::TokenValue);
    let said = ask::hidden(session, question, otherwise).await?;
    match Pasted::read(&said) {
        Ok(pasted) => apply_pasted(session, context, pasted),
        Err(why) => Err(SettingsError::Invalid { origin: Source::Answer, why: why.into() }.into()),
    }
}

/// Takes what was pasted; whose token it is counts more than an answer given before.
fn apply_pasted(session: &Session, context: &mut Context, pasted: Pasted) -> Result<(), Error> {
    if let Some(name) = pasted.name {
        context.answer(Setting::TokenName(TokenRef::Name(name)))?;
    }
    if let Some(user) = pasted.user {
        context.answer(Setting::User(user))?;
    }
    let masked = pasted.secret.masked();
    context.answer(Setting::TokenValue(pasted.secret.into()))?;
    if context.is_open(session, Key::Password) && context.settings.password().is_some() {
        context.unset(&[Key::Password])?;
    }
    let user = context.settings.user().map(|user| user.value.to_string()).unwrap_or_default();
    let name = context.settings.token_name().map(|name| name.value.to_string()).unwrap_or_default();
    done(session, format!("{user}!{name}, secret {masked}"));
    Ok(())
}

/// Asks for the password.
async fn password(session: &Session, context: &mut Context) -> Result<(), Error> {
    let user = context.settings.user().map(|user| user.value.to_string()).unwrap_or_default();
    let question = HiddenPrompt::new(format!("Password of {} (hidden)", Printable(&user)));
    let question = question.checked(|said| match said.is_empty() {
        true => Err("the password is empty".to_owned()),
        false => Ok(()),
    });
    let said = ask::hidden(session, question, || context.unanswered("the password", Key::Password)).await?;
    context.answer(Setting::Password(said))
}
