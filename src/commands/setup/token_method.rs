//! How a person gets what authenticates: the menu of the ways to a token.

use crate::error::Error;
use crate::ops::ask;
use crate::ops::context::Context;
use crate::session::Session;
use crate::settings::{Credentials, Key};
use crate::ui::Printable;
use crate::ui::prompt::ChoicePrompt;

use super::answers::Answer;

/// How a person gets what authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenMethod {
    LogIn,
    Web,
    Ssh,
    Shell,
    Have,
    Password,
}

impl TokenMethod {
    /// Returns the line of an answer.
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

/// What a person chooses.
pub(super) enum MethodChoice {
    /// Another token, or a password, in this way.
    New(TokenMethod),
    /// What authenticates already.
    Keep,
    /// An earlier answer is to be changed.
    GoBack,
}

/// Asks how the token is got; what the server has accepted already can be kept.
pub(super) async fn choose(
    session: &Session,
    context: &Context,
    accepted: Option<&Credentials>,
) -> Result<MethodChoice, Error> {
    let kept = accepted.filter(|accepted| context.credentials(session).is_ok_and(|present| present == **accepted));
    let mut methods: Vec<(Option<TokenMethod>, String, &str)> = Vec::new();
    methods.extend(kept.map(|credentials| (None, format!("Keep {}", in_words(credentials)), "keep it")));
    methods.extend(TOKEN_METHODS.map(|(method, text)| (Some(method), text.to_owned(), method.short())));
    let items = methods.iter().map(|(_, text, _)| text.clone()).collect();
    let short = methods.iter().map(|(_, _, short)| *short).chain(["go back"]);
    let mut menu = ChoicePrompt::new("How do you want to get the token?", items);
    menu = menu.answered_as("Token", short.map(str::to_owned).collect());
    if !Answer::Token.before(session, context).is_empty() {
        menu = menu.and_last("Go back");
    }
    let index = ask::choice(session, menu, || context.missing_answer("the token secret", Key::TokenValue)).await?;
    Ok(match methods.get(index) {
        None => MethodChoice::GoBack,
        Some((None, ..)) => MethodChoice::Keep,
        Some((Some(method), ..)) => MethodChoice::New(*method),
    })
}

/// Names what authenticates now, as it may be seen.
fn in_words(credentials: &Credentials) -> String {
    match credentials {
        Credentials::Token { id, secret } => format!("{}, secret {}", Printable(&id.to_string()), secret.masked()),
        Credentials::Password { user, .. } => format!("the password of {}", Printable(&user.to_string())),
    }
}
