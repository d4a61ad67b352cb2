//! What a person can do when a token could not be made or is not accepted: no answer is lost, and nothing was changed.

use crate::error::{AuthError, Error, Kind, Report, TokenError};
use crate::ops::ask;
use crate::ops::context::Context;
use crate::session::Session;
use crate::settings::Key;
use crate::ui::prompt::ChoicePrompt;

use super::answers::{Answer, StepEnd, go_back};
use super::identity::{TOKEN_ANSWER, USER_QUESTION, password_question};
use super::show_error;
use super::token::{self, StillToAsk};
use super::token_source::{LoginSource, TokenSource};

/// A token that could not be made, or that the server does not accept.
pub(super) struct Failed {
    pub(super) why: Error,
    /// Where it was to come from, if it was to be made.
    pub(super) of: Option<TokenSource>,
}

/// What a person decides on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    Ask(StillToAsk),
    Destination,
    GoBack,
}

impl Failed {
    /// Shows why, and asks what to do: another try, another answer, an earlier step.
    pub(super) async fn next(self, session: &Session, context: &Context) -> Result<StepEnd<StillToAsk>, Error> {
        let Self { why, of } = self;
        if !session.is_attended() || is_final(&why) || is_settled(context, session, &why) {
            return Err(why);
        }
        // Who has said no to a plan needs no error that says so.
        if !matches!(why, Error::Token(TokenError::PlanDeclined)) {
            if of.is_none() {
                mark_failed(session, context, &why);
            }
            show_error(session, &why);
        }
        let (title, mut choices) = match of {
            Some(source) => ("What next?", token_choices(session, context, &source)),
            None => ("What would you like to change?", correction_choices(session, context, Report::of(&why).kind)),
        };
        if !Answer::User.before(session, context).is_empty() {
            choices.push((Choice::GoBack, "Go back to an earlier step"));
        }
        let items = choices.iter().map(|(_, text)| (*text).to_owned()).collect();
        loop {
            let menu = ChoicePrompt::new(title, Vec::clone(&items));
            let menu = menu.and_last("Quit (nothing was written)").answered_as("Next", shortened(&choices));
            let index = ask::choice(session, menu, || ask::answer_only_by("--no-input", "what to do next")).await?;
            match choices.get(index).map(|(choice, _)| choice.clone()) {
                None => return Err(why),
                Some(Choice::Ask(next)) => return Ok(StepEnd::Done(next)),
                Some(Choice::Destination) => {
                    let to = token::destination(session, &context.endpoint()?).await?;
                    return Ok(StepEnd::Done(StillToAsk::Make(TokenSource::Shell(Some(to)))));
                }
                Some(Choice::GoBack) => {
                    if let Some(earlier) = go_back(session, context, Answer::User).await? {
                        return Ok(StepEnd::Back(earlier));
                    }
                }
            }
        }
    }
}

/// Marks the answer that the server does not accept.
fn mark_failed(session: &Session, context: &Context, why: &Error) {
    if matches!(why, Error::Auth(AuthError::UnknownRealm { .. })) {
        session.mark_failed(USER_QUESTION);
    } else if Report::of(why).kind == Kind::Authentication {
        let user = context.settings.user().map(|user| user.value.to_string()).unwrap_or_default();
        let is_token = context.settings.token_secret().is_some();
        session.mark_failed(&if is_token { TOKEN_ANSWER.to_owned() } else { password_question(&user) });
    }
}

fn shortened(choices: &[(Choice, &'static str)]) -> Vec<String> {
    choices.iter().map(|(_, text)| as_answer(text)).chain(["quit".to_owned()]).collect()
}

/// Lists what can follow when a token could not be made.
fn token_choices(session: &Session, context: &Context, source: &TokenSource) -> Vec<(Choice, &'static str)> {
    let again = match source {
        TokenSource::Shell(_) => (Choice::Destination, "Run it again, or at another address"),
        TokenSource::LogIn(_) | TokenSource::Known => {
            let make = StillToAsk::Make(TokenSource::LogIn(LoginSource::AskedAgain));
            (Choice::Ask(make), "Log in again, or as another user")
        }
    };
    let mut choices = vec![again, (Choice::Ask(StillToAsk::Method), "Get the token in another way")];
    if [Key::User, Key::TokenName].into_iter().any(|key| context.is_open(session, key)) {
        let owner = StillToAsk::Owner(source.clone());
        choices.push((Choice::Ask(owner), "Change the user or the token name"));
    }
    choices
}

/// Lists what can be changed when the server does not accept the answers.
fn correction_choices(session: &Session, context: &Context, kind: Kind) -> Vec<(Choice, &'static str)> {
    let is_password = context.settings.token_secret().is_none();
    let secret = if is_password { Key::Password } else { Key::TokenValue };
    let mut choices = Vec::new();
    if context.is_open(session, secret) {
        let text = if is_password { "The password" } else { "The secret" };
        choices.push((Choice::Ask(StillToAsk::Secret), text));
    }
    if context.is_open(session, Key::TokenName) && !is_password {
        choices.push((Choice::Ask(StillToAsk::Name), "The token name"));
    }
    if context.is_open(session, Key::User) {
        choices.push((Choice::Ask(StillToAsk::User), "The user"));
    }
    if context.is_open(session, secret) {
        choices.push((Choice::Ask(StillToAsk::Method), "The way to get the token"));
    }
    let retry = (Choice::Ask(StillToAsk::Nothing), "Nothing, try again");
    // A wrong answer comes from the person, everything else may pass.
    if kind == Kind::Authentication {
        choices.push(retry)
    } else {
        choices.insert(0, retry)
    }
    choices
}

/// Returns whether nothing can follow: the person wants to leave, the certificate has changed, or something is left on
/// the server that has to be reported last.
pub(super) fn is_final(why: &Error) -> bool {
    match why {
        Error::Token(TokenError::LeftOnServer { .. }) => true,
        // No to a plan is no to the plan alone.
        Error::Token(TokenError::PlanDeclined) => false,
        _ => matches!(Report::of(why).kind, Kind::Interrupted(_) | Kind::LeftBehind | Kind::Tls | Kind::Usage),
    }
}

/// Returns whether a flag or a variable alone decides about what is wrong.
fn is_settled(context: &Context, session: &Session, why: &Error) -> bool {
    matches!(why, Error::Auth(AuthError::UnknownRealm { .. })) && !context.is_open(session, Key::User)
}

/// Asks what to do about a failure that no single answer corrects: another try, or an earlier answer. Returns `None`
/// for another try.
pub(super) async fn ask_what_next(
    session: &Session,
    context: &Context,
    why: Error,
    from: Answer,
) -> Result<Option<Answer>, Error> {
    if !session.is_attended() || is_final(&why) {
        return Err(why);
    }
    show_error(session, &why);
    let mut items = vec!["Try again".to_owned()];
    if !from.before(session, context).is_empty() {
        items.push("Go back to an earlier step".to_owned());
    }
    loop {
        let short = items.iter().map(|text| as_answer(text)).chain(["quit".to_owned()]).collect();
        let menu = ChoicePrompt::new("What next?", items.clone()).and_last("Quit (nothing was written)");
        let menu = menu.answered_as("Next", short);
        match ask::choice(session, menu, || ask::answer_only_by("--no-input", "what to do next")).await? {
            0 => return Ok(None),
            index if index + 1 == items.len() => {
                if let Some(earlier) = go_back(session, context, from).await? {
                    return Ok(Some(earlier));
                }
            }
            _ => return Err(why),
        }
    }
}

/// Writes an item of a menu as the answer behind a question: with a small letter first, names as they are.
pub(super) fn as_answer(item: &str) -> String {
    let mut letters = item.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}
