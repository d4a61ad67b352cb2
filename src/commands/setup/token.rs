//! The token or password: created, entered or pasted, checked at once, and corrected at the terminal.

use crate::cli::Setup;
use crate::error::{Error, TokenError};
use crate::model::{Destination, Endpoint};
use crate::ops::browser::Browser;
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::{ask, unless_interrupted, with_spinner};
use crate::session::Session;
use crate::settings::{Credentials, Key, Source};
use crate::ui::prompt::{ConfirmPrompt, TextPrompt};

use super::answers::{Answer, Pending, Round, StepEnd};
use super::identity::{keep, name, password, secret, user};
use super::instructions::{PasswordAdvice, ShellGuide, WebGuide};
use super::report::SetupReport;
use super::retry;
use super::server::{Server, know_realm};
use super::token_method::{self, MethodChoice, TokenMethod};
use super::token_source::{LoginSource, TokenSource, make};

/// What is still to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StillToAsk {
    /// Everything.
    All,
    /// The user, and then the way to the token.
    UserAndMethod,
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
    /// Whose token it is, and its name: then it is made.
    Owner(TokenSource),
    /// Nothing: it is made once more.
    Make(TokenSource),
}

/// What the answers come to.
enum Identified {
    /// There is something to authenticate with.
    Ready,
    /// The token is to be made.
    ToBeMade(TokenSource),
    /// An earlier answer is to be changed.
    GoBack,
}

/// Whether the name of the token is still to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameQuestion {
    Open,
    Answered,
}

/// Finds out who calls, and connects; makes the token where that is wanted. A person is asked until the server knows the
/// answer. Nothing comes of it if only the plan of a new token was to be shown.
pub(super) async fn connect(
    session: &Session,
    context: &mut Context,
    pve_server: &Server,
    pending: &mut Pending,
    arguments: &Setup,
    report: &mut SetupReport,
) -> Result<StepEnd<Option<Connected>>, Error> {
    let source = TokenSource::of(arguments)?;
    if !session.is_attended() && source == TokenSource::Known {
        let credentials = context.credentials(session)?;
        know_realm(pve_server, &credentials)?;
        let connected = unless_interrupted(session, async { pve_server.clone().connected(credentials).await }).await?;
        return Ok(StepEnd::Done(Some(connected)));
    }
    let mut wanted = wanted(pending, source);
    loop {
        let why = match identify(session, context, pve_server, &wanted, report.accepted.as_ref()).await? {
            Identified::GoBack if context.is_open(session, Key::User) => {
                wanted = StillToAsk::UserAndMethod;
                continue;
            }
            Identified::GoBack => match Answer::Token.before(session, context).last() {
                Some(earlier) => {
                    pending.ask(Answer::Token);
                    return Ok(StepEnd::Back(*earlier));
                }
                None => continue,
            },
            Identified::ToBeMade(source) => {
                match make(session, context, pve_server, &source, arguments, report).await {
                    Ok(made) => return Ok(StepEnd::Done(made)),
                    Err(why) => retry::Failed { why, of: Some(source).filter(|_| report.made.is_none()) },
                }
            }
            Identified::Ready => {
                let what = format!("waiting for {}", context.host()?);
                match with_spinner(session, &what, unless_interrupted(session, checked(session, context, pve_server)))
                    .await
                {
                    Ok(connected) => return Ok(StepEnd::Done(Some(connected))),
                    Err(why) => retry::Failed { why, of: None },
                }
            }
        };
        match why.next(session, context).await? {
            StepEnd::Done(next) => wanted = next,
            StepEnd::Back(Answer::User) => wanted = StillToAsk::User,
            StepEnd::Back(earlier) => return Ok(StepEnd::Back(earlier)),
        }
    }
}

/// Says what is asked first.
fn wanted(pending: &mut Pending, source: TokenSource) -> StillToAsk {
    let round = pending.begin_round();
    match (pending.take(Answer::User), pending.take(Answer::Token), round) {
        (true, true, Round::First) if source != TokenSource::Known => StillToAsk::Owner(source),
        (true, true, Round::First) => StillToAsk::All,
        (true, true, Round::Later) => StillToAsk::UserAndMethod,
        (true, false, _) => StillToAsk::User,
        (false, true, _) => StillToAsk::Method,
        (false, false, _) => StillToAsk::Nothing,
    }
}

/// Calls the server once, so that a wrong secret is reported before anything else is asked.
pub(super) async fn checked(session: &Session, context: &Context, pve_server: &Server) -> Result<Connected, Error> {
    let credentials = context.credentials(session)?;
    know_realm(pve_server, &credentials)?;
    let connected = Connected::open_with(session, context, pve_server.clone().trusted_server(), credentials).await?;
    match connected.pve.version().await {
        Ok(_) => Ok(connected),
        Err(source) => Err(connected.diagnosed(Error::connecting(connected.pve.endpoint(), source)).await),
    }
}

/// Asks for user, name and secret, as far as they are wanted and not settled; or learns that the token is to be made.
async fn identify(
    session: &Session,
    context: &mut Context,
    pve_server: &Server,
    wanted: &StillToAsk,
    accepted: Option<&Credentials>,
) -> Result<Identified, Error> {
    let has_token = |context: &Context| context.settings.source(Key::TokenValue).is_some();
    let has_password = |context: &Context| !has_token(context) && context.settings.password().is_some();
    match wanted {
        StillToAsk::All => return ask_all(session, context, pve_server).await,
        StillToAsk::Owner(source) => {
            user(session, context, pve_server.realms()).await?;
            name(session, context).await?;
            return Ok(Identified::ToBeMade(source.clone()));
        }
        StillToAsk::Make(source) => return Ok(Identified::ToBeMade(source.clone())),
        StillToAsk::UserAndMethod | StillToAsk::User => user(session, context, pve_server.realms()).await?,
        StillToAsk::Name => name(session, context).await?,
        StillToAsk::Secret if has_password(context) => {
            return password(session, context).await.map(|()| Identified::Ready);
        }
        StillToAsk::Secret => return secret(session, context, pve_server).await.map(|()| Identified::Ready),
        StillToAsk::Method | StillToAsk::Nothing => {}
    }
    let wants_method = matches!(wanted, StillToAsk::UserAndMethod | StillToAsk::Method);
    // What was pasted is kept: the web interface does not show it again.
    if !wants_method && (has_token(context) || has_password(context)) {
        return Ok(Identified::Ready);
    }
    ask_for_token(session, context, pve_server, NameQuestion::Open, accepted).await
}

/// Asks for everything; a secret that is there already is kept if the person wants that.
async fn ask_all(session: &Session, context: &mut Context, pve_server: &Server) -> Result<Identified, Error> {
    let answers = |context: &Context| {
        (context.settings.user().map(|it| it.value), context.settings.token_name().map(|it| it.value))
    };
    let before = answers(context);
    user(session, context, pve_server.realms()).await?;
    let is_settled = |key: Key| context.settings.source(key).is_some_and(Source::is_settled);
    let has_token = context.settings.source(Key::TokenValue).is_some();
    let has_password = !has_token && context.settings.password().is_some();
    let is_fixed = is_settled(Key::TokenValue) || has_password && is_settled(Key::Password);
    if has_token {
        name(session, context).await?;
    }
    if is_fixed {
        return Ok(Identified::Ready);
    }
    let after = answers(context);
    let is_same = before.0 == after.0 && (has_password || before.1 == after.1);
    if (has_token || has_password) && is_same && keep(session, context).await? {
        return Ok(Identified::Ready);
    }
    let name = if has_token { NameQuestion::Answered } else { NameQuestion::Open };
    ask_for_token(session, context, pve_server, name, None).await
}

/// Asks how the person gets a token, shows how it is made, and asks for its secret; or for a password; or learns that
/// the token is to be made.
async fn ask_for_token(
    session: &Session,
    context: &mut Context,
    pve_server: &Server,
    token_name: NameQuestion,
    accepted: Option<&Credentials>,
) -> Result<Identified, Error> {
    let method = match token_method::choose(session, context, accepted).await? {
        MethodChoice::New(method) => method,
        MethodChoice::Keep => return Ok(Identified::Ready),
        MethodChoice::GoBack => return Ok(Identified::GoBack),
    };
    if method == TokenMethod::Password {
        session.info(&PasswordAdvice);
        context.unset(&[Key::TokenValue])?;
        return password(session, context).await.map(|()| Identified::Ready);
    }
    if token_name == NameQuestion::Open {
        name(session, context).await?;
    }
    match method {
        TokenMethod::LogIn => return Ok(Identified::ToBeMade(TokenSource::LogIn(LoginSource::Given))),
        TokenMethod::Ssh if !context.is_sandbox() => {
            let to = destination(session, &context.endpoint()?).await?;
            return Ok(Identified::ToBeMade(TokenSource::Shell(Some(to))));
        }
        TokenMethod::Web => in_the_web_interface(session, context).await?,
        TokenMethod::Shell | TokenMethod::Ssh => in_a_shell(session, context)?,
        TokenMethod::Have | TokenMethod::Password => {}
    }
    secret(session, context, pve_server).await.map(|()| Identified::Ready)
}

/// Shows how a token is made in the web interface, and opens it if the person wants that.
async fn in_the_web_interface(session: &Session, context: &Context) -> Result<(), Error> {
    let url = context.endpoint()?.url();
    let id = context.token_id()?;
    session.info(&WebGuide { url: url.clone(), user: id.user.to_string(), name: id.name.to_string() });
    // The sandbox has no web interface.
    let Some(browser) = Browser::of(session).filter(|_| !context.is_sandbox()) else { return Ok(()) };
    let question = ConfirmPrompt::new("Open it in your browser?").proposing_yes();
    if ask::confirm_despite_yes(session, question, || ask::answer_only_by("--no-input", "whether to open a browser"))
        .await?
    {
        match browser.open(&url) {
            Ok(()) => session.note("opened in your browser"),
            Err(why) => session.warn(format!("cannot open a browser: {why}")),
        }
    }
    Ok(())
}

/// Shows the line for a shell; on the sandbox, which has none, what would be run on a real server.
fn in_a_shell(session: &Session, context: &Context) -> Result<(), Error> {
    let id = context.token_id()?;
    if context.is_sandbox() {
        session.warn("the sandbox has no shell; this is what is run on a real server");
    }
    session.info(&ShellGuide {
        host: context.host()?.host().to_string(),
        user: id.user.to_string(),
        name: id.name.to_string(),
    });
    Ok(())
}

/// Asks where ssh goes.
pub(super) async fn destination(session: &Session, endpoint: &Endpoint) -> Result<Destination, Error> {
    let default = Some(format!("root@{}", endpoint.host()));
    let otherwise = || ask::answer_only_by("--over-ssh", "where ssh goes");
    let question = TextPrompt::new("SSH destination").hinting("the node, as your ssh knows it").or(default);
    ask::value(session, question, otherwise).await
}

/// Refuses a shell of the sandbox, which has none.
pub(super) fn require_shell(context: &Context) -> Result<(), Error> {
    if context.is_sandbox() { Err(TokenError::NoShellInSandbox.into()) } else { Ok(()) }
}
