//! The answers of the wizard: which are still to be asked for, and which can be changed later.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::ops::ask;
use crate::ops::context::Context;
use crate::ops::ubuntu_releases::keyed;
use crate::session::Session;
use crate::settings::Key;
use crate::ui::prompt::ChoicePrompt;
use crate::ui::{Printable, columns};

use super::trust;

/// An answer that can be changed as long as nothing is saved, in the order of the questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    /// Which server.
    Server,
    /// How its certificate is trusted.
    Trust,
    /// The user of the token, or of the password.
    User,
    /// The token with its secret, or the password.
    Token,
    /// The node on which VMs are created.
    Node,
    /// The template that a key points at.
    Template(Key),
    /// The pool that VMs are created in.
    Pool,
}

/// How a step ends.
pub(super) enum StepEnd<T> {
    /// Everything in it is checked.
    Done(T),
    /// This answer is to be asked for again first.
    Back(Answer),
}

/// The answers that are asked for when their step comes; every other one is kept.
pub(super) struct Pending {
    answers: BTreeSet<Answer>,
    round: Round,
}

/// Whether the token was asked for before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// What is there already may be kept.
    First,
    /// It is asked for because another one is wanted.
    Later,
}

impl Pending {
    /// Asks for everything, as a first run does; for the trust only if the certificate is not trusted.
    pub(super) fn everything() -> Self {
        let templates = keyed().map(|(key, _)| Answer::Template(key));
        let answers =
            [Answer::Server, Answer::User, Answer::Token, Answer::Node].into_iter().chain(templates).collect();
        Self { answers, round: Round::First }
    }

    /// Lets an answer be asked for again.
    pub(super) fn ask(&mut self, answer: Answer) {
        self.answers.insert(answer);
    }

    /// Returns whether an answer is still to be asked for, and marks it as asked.
    pub(super) fn take(&mut self, answer: Answer) -> bool {
        self.answers.remove(&answer)
    }

    /// Says whether the token is asked for the first time; from then on it is not.
    pub(super) fn begin_round(&mut self) -> Round {
        std::mem::replace(&mut self.round, Round::Later)
    }

    /// Returns whether one of these is to be asked for.
    pub(super) fn has_any(&self, answers: &[Answer]) -> bool {
        answers.iter().any(|answer| self.answers.contains(answer))
    }
}

impl Answer {
    /// Lists those that can be changed: no flag and no variable decides about them.
    pub(super) fn changeable(session: &Session, context: &Context) -> Vec<Self> {
        let templates = keyed().map(|(key, _)| Self::Template(key));
        let all = [Self::Server, Self::Trust, Self::User, Self::Token, Self::Node].into_iter().chain(templates);
        all.chain([Self::Pool]).filter(|answer| answer.is_changeable(session, context)).collect()
    }

    /// Lists those of them that come before this one.
    pub(super) fn before(self, session: &Session, context: &Context) -> Vec<Self> {
        let mut answers = Self::changeable(session, context);
        answers.retain(|answer| *answer < self);
        answers
    }

    fn is_changeable(self, session: &Session, context: &Context) -> bool {
        match self {
            Self::Server => context.is_open(session, Key::Host),
            Self::Trust => trust::can_be_changed(session, context),
            Self::User => context.is_open(session, Key::User),
            Self::Token => {
                let is_password =
                    context.settings.source(Key::TokenValue).is_none() && context.settings.password().is_some();
                context.is_open(session, if is_password { Key::Password } else { Key::TokenValue })
            }
            Self::Node => context.is_open(session, Key::Node),
            Self::Template(key) => context.is_open(session, key),
            Self::Pool => context.settings.pool().is_some() && context.is_open(session, Key::Pool),
        }
    }

    fn label(self) -> String {
        match self {
            Self::Server => "Server".to_owned(),
            Self::Trust => "Certificate".to_owned(),
            Self::User => "User".to_owned(),
            Self::Token => "Token".to_owned(),
            Self::Node => "Node".to_owned(),
            Self::Template(key) => {
                let release = keyed().find(|(of, _)| *of == key).map(|(_, release)| release.number);
                format!("Ubuntu {}", release.unwrap_or_default())
            }
            Self::Pool => "Pool".to_owned(),
        }
    }

    /// Returns what is answered now, as it may be seen.
    fn value(self, context: &Context) -> String {
        let settings = &context.settings;
        let text = |key: Key| settings.text(key).unwrap_or_default();
        match self {
            Self::Server => text(Key::Host),
            Self::Trust => trust::present(context),
            Self::User => text(Key::User),
            Self::Token => match (settings.token_secret(), settings.token_name()) {
                (Some(secret), Some(name)) => format!("{}, secret {}", name.value, secret.value.masked()),
                (None, _) if settings.password().is_some() => "a password instead".to_owned(),
                _ => String::new(),
            },
            Self::Node => text(Key::Node),
            Self::Template(key) => settings.template(key).map_or("none".to_owned(), |it| it.value.to_string()),
            Self::Pool => text(Key::Pool),
        }
    }
}

/// Lets one of these answers be chosen, to be changed; `None` if all of them are to stay.
pub(super) async fn choose(
    session: &Session,
    context: &Context,
    answers: &[Answer],
    stay: &str,
) -> Result<Option<Answer>, Error> {
    let value = |answer: &Answer| Printable(&answer.value(context)).to_string();
    let rows: Vec<Vec<String>> = answers.iter().map(|answer| vec![answer.label(), value(answer)]).collect();
    let short = rows.iter().filter_map(|row| row.first().cloned()).chain(["none".to_owned()]).collect();
    let menu = ChoicePrompt::new("Which answer do you want to change?", columns(&rows));
    let menu = menu.and_last(stay).answered_as("Change", short);
    let index = ask::choice(session, menu, || ask::answer_only_by("--no-input", "which answer is changed")).await?;
    Ok(answers.get(index).copied())
}

/// Lets one of the answers before a step be chosen; the only one needs no menu.
pub(super) async fn go_back(session: &Session, context: &Context, from: Answer) -> Result<Option<Answer>, Error> {
    match from.before(session, context).as_slice() {
        [only] => Ok(Some(*only)),
        answers => choose(session, context, answers, "None, go on here").await,
    }
}
