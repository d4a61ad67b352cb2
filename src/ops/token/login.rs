//! An administrator's login, kept only for the work that needs it.

use crate::error::{AuthError, Error, Operation, TokenError, UsageError};
use crate::model::{Secret, UserId};
use crate::ops::ask;
use crate::ops::context::Context;
use crate::ops::options::LoginOptions;
use crate::pve::{Challenge, LogInStep, Pve};
use crate::session::Session;
use crate::settings::{LOGIN_PASSWORD, Source};
use crate::ui::Printable;
use crate::ui::prompt::{ChoicePrompt, HiddenPrompt, TextPrompt};

/// The flag that names a file with the password of the login.
const PASSWORD_FLAG: &str = "--login-password-file";

/// The question for a second factor.
const CODE_QUESTION: &str = "One-time code";

/// How often a person may get a password or a code wrong.
const MAX_ATTEMPTS: u32 = 3;

/// An administrator who has logged in.
pub(crate) struct Admin {
    /// The client, which has the ticket. It is dropped as soon as the work is done, and the ticket with it.
    pub(crate) pve: Pve,
    /// Who it is.
    pub(crate) user: UserId,
}

/// Logs in, with what flags and variables say, else with what a person answers.
pub(crate) async fn log_in(
    session: &Session,
    context: &Context,
    pve: Pve,
    realms: &[String],
    login: &LoginOptions,
) -> Result<Admin, Error> {
    let user = user(session, context, realms, login).await?;
    if !realms.iter().any(|realm| realm == user.realm()) {
        return Err(Error::Auth(AuthError::UnknownRealm { user, realms: realms.to_vec() }));
    }
    let settled = given_password(session, context, login).await?;
    let mut tries = 0;
    loop {
        tries += 1;
        let password = match &settled {
            Some(password) => password.clone(),
            None => typed_password(session, &user).await?,
        };
        match pve.clone().begin_log_in(&user, &password).await {
            Ok(LogInStep::Done(pve)) => return Ok(Admin { pve: *pve, user }),
            Ok(LogInStep::NeedsFactor(challenge)) => {
                let pve = second_factor(session, &challenge, &user, login).await?;
                return Ok(Admin { pve, user });
            }
            Err(source) => {
                let is_wrong = source.is_unauthenticated() && settled.is_none();
                if is_wrong {
                    session.mark_failed(&password_question(&user));
                }
                if !is_wrong || tries == MAX_ATTEMPTS {
                    return Err(Error::server(Operation::LogIn(user.to_string()), source));
                }
                let user = Printable(&user.to_string()).to_string();
                session.failed(format!("the server refused the login of {user}: wrong password, or no such user"));
            }
        }
    }
}

async fn user(session: &Session, context: &Context, realms: &[String], login: &LoginOptions) -> Result<UserId, Error> {
    if let Some(user) = &login.user {
        return Ok(user.clone());
    }
    if !session.is_attended()
        && let Some((user, _)) = context.rehearsed_login()
    {
        return Ok(user);
    }
    let otherwise = || ask::answer_only_by("--login-user", "the user to log in as");
    let question = TextPrompt::new("Log in as").hinting("name@realm, e.g. root@pam").or(Some("root@pam".to_owned()));
    let known = realms.to_vec();
    let question = question.checked(move |text| {
        let whole = if text.contains('@') { text.to_owned() } else { format!("{text}@pve") };
        let user = whole.parse::<UserId>().map_err(|why| why.to_string())?;
        let is_known = !text.contains('@') || known.iter().any(|realm| realm == user.realm());
        if is_known { Ok(()) } else { Err(unknown_realm(&user, &known)) }
    });
    let said = ask::text(session, question, otherwise).await?;
    let whole = if said.contains('@') {
        said
    } else {
        let items: Vec<String> = realms.iter().map(|realm| realm_description(realm)).collect();
        let proposed = realms.iter().position(|realm| realm == "pam").unwrap_or_default();
        let short = realms.iter().map(|realm| Printable(realm).to_string()).collect();
        let menu = ChoicePrompt::new(format!("Realm of {said}"), items)
            .answered_as(format!("Realm of {said}"), short)
            .proposing(proposed);
        let index = ask::choice(session, menu, otherwise).await?;
        format!("{said}@{}", realms.get(index).map(String::as_str).unwrap_or_default())
    };
    whole.parse().map_err(|_| otherwise())
}

/// Says which realms the server has in place of one that it does not have.
pub(crate) fn unknown_realm(user: &UserId, realms: &[String]) -> String {
    let known: Vec<String> = realms.iter().map(|realm| Printable(realm).to_string()).collect();
    format!("the server has no realm `{}`; it has {}", user.realm(), known.join(", "))
}

/// Says what the two realms are that every server has.
pub(crate) fn realm_description(realm: &str) -> String {
    match realm {
        "pam" => "pam: Linux users of the node, such as root".to_owned(),
        "pve" => "pve: users managed by Proxmox VE".to_owned(),
        other => Printable(other).to_string(),
    }
}

async fn given_password(session: &Session, context: &Context, login: &LoginOptions) -> Result<Option<Secret>, Error> {
    if login.is_asked_again {
        return Ok(None);
    }
    if let Some(path) = &login.password_file {
        context.warn_of_login(session, &Source::Flag(PASSWORD_FLAG));
        return context.login_password(session, path, PASSWORD_FLAG).await.map(Some);
    }
    if let Some(password) = context.secret_variable(LOGIN_PASSWORD) {
        context.warn_of_login(session, &Source::Variable(LOGIN_PASSWORD.to_owned()));
        return Ok(Some(password));
    }
    Ok(if session.is_attended() { None } else { context.rehearsed_login().map(|(_, password)| password) })
}

fn password_question(user: &UserId) -> String {
    format!("Password for {}", Printable(&user.to_string()))
}

async fn typed_password(session: &Session, user: &UserId) -> Result<Secret, Error> {
    let otherwise = || {
        Error::Usage(UsageError::Unanswered {
            what: "the password for the login",
            flag: Some(PASSWORD_FLAG),
            // An administrator's password does not belong in the settings file, and is not read from there.
            key: Some((LOGIN_PASSWORD.to_owned(), None)),
            further: Vec::new(),
            rehearsal: None,
            lacks_terminal: false,
        })
    };
    let question = HiddenPrompt::new(password_question(user)).hinting("hidden; used once, not stored");
    let question = question.checked(|said| match said.is_empty() {
        true => Err("the password is empty".to_owned()),
        false => Ok(()),
    });
    ask::hidden(session, question, otherwise).await
}

async fn second_factor(
    session: &Session,
    challenge: &Challenge,
    user: &UserId,
    login: &LoginOptions,
) -> Result<Pve, Error> {
    if !challenge.takes_codes() {
        return Err(TokenError::OtherFactor { user: user.clone(), factors: challenge.factors.clone() }.into());
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let code = match &login.totp {
            Some(code) => code.clone(),
            None => {
                let question = TextPrompt::new(CODE_QUESTION).hinting("six digits").checked(|text| {
                    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                        return Err("a one-time code consists of digits".to_owned());
                    }
                    // Some programs are set to eight.
                    let is_whole = (6..=8).contains(&text.len());
                    if is_whole { Ok(()) } else { Err(format!("a one-time code has six digits, not {}", text.len())) }
                });
                ask::text(session, question, || ask::answer_only_by("--totp", "the one-time code for the login"))
                    .await?
            }
        };
        match challenge.answer(&Secret::new(code)).await {
            Ok(pve) => return Ok(pve),
            Err(refused) if refused.is_unauthenticated() && login.totp.is_none() && tries < MAX_ATTEMPTS => {
                session.mark_failed(CODE_QUESTION);
                session.failed("code rejected; codes work once, so wait for the next one");
            }
            Err(source) => return Err(Error::server(Operation::AnswerChallenge(user.to_string()), source)),
        }
    }
}
