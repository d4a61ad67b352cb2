//! The steps of set-up in their order, and the ways back: an answer that is changed leads to its question, everything that
//! depends on it is checked again, and every other answer is kept.

use crate::cli::Setup;
use crate::error::{Error, RunError};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::{ask, pin_ca, unless_interrupted};
use crate::session::Session;
use crate::settings::AmbiguousValues;
use crate::ui::prompt::TextPrompt;

use super::answers::{self, Answer, Pending, StepEnd};
use super::check::{CheckStep, ShownSoFar, VerifiedAccess};
use super::report::SetupReport;
use super::save::PendingSave;
use super::server::{Server, ServerStep};
use super::token_source::TokenSource;
use super::{heading, retry, save, token, unused_token};

/// What was checked, shown and agreed to.
pub(super) struct Reviewed {
    pub(super) connected: Connected,
    pub(super) checked: VerifiedAccess,
    pub(super) draft: PendingSave,
}

/// How the questions end.
pub(super) enum WizardEnd {
    /// What was shown may be written.
    Agreed(Box<Reviewed>),
    /// Only the plan of a new token was to be shown.
    PlanShown,
}

/// What a person says to what would be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agreement {
    Yes,
    No,
    Change,
}

impl Agreement {
    fn of(said: &str) -> Option<Self> {
        match said.to_lowercase().as_str() {
            "y" | "yes" => Some(Self::Yes),
            "n" | "no" => Some(Self::No),
            "c" | "change" => Some(Self::Change),
            _ => None,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Change => "change an answer",
        }
    }
}

/// What holds of the steps so far.
struct Wizard<'a> {
    session: &'a Session,
    arguments: &'a Setup,
    pending: Pending,
    step: ServerStep,
    server: Option<Server>,
    connected: Option<Connected>,
    said: ShownSoFar,
}

/// Asks and checks until everything is right and the person agrees to what will be written.
pub(super) async fn ask_until_confirmed(
    session: &Session,
    context: &mut Context,
    arguments: &Setup,
    report: &mut SetupReport,
) -> Result<WizardEnd, Error> {
    let mut wizard = Wizard {
        session,
        arguments,
        pending: Pending::everything(),
        step: ServerStep::default(),
        server: None,
        connected: None,
        said: ShownSoFar::Nothing,
    };
    require_answers(session, context, arguments, report)?;
    loop {
        let server = wizard.server(context).await?;
        report.host = context.host()?.to_string();
        let connected = match wizard.connected(context, &server, report).await? {
            StepEnd::Done(Some(connected)) => connected,
            StepEnd::Done(None) => return Ok(WizardEnd::PlanShown),
            StepEnd::Back(answer) => {
                wizard.pending.ask(answer);
                continue;
            }
        };
        report.note_used(&connected.credentials);
        unused_token::offer_to_revoke(session, context, &server, arguments, report).await?;
        match wizard.reviewed(context, connected, report).await? {
            StepEnd::Done(reviewed) => return Ok(WizardEnd::Agreed(Box::new(reviewed))),
            StepEnd::Back(answer) => wizard.pending.ask(answer),
        }
    }
}

/// Without a terminal, reports what is missing before anything is called.
fn require_answers(
    session: &Session,
    context: &Context,
    arguments: &Setup,
    report: &mut SetupReport,
) -> Result<(), Error> {
    let source = TokenSource::of(arguments)?;
    if !session.is_attended() {
        report.host = context.host()?.to_string();
        if source == TokenSource::Known {
            context.credentials(session)?;
        }
    }
    Ok(())
}

impl Wizard<'_> {
    /// Steps 1 and 2: finds the server, and decides on the trust.
    async fn server(&mut self, context: &mut Context) -> Result<Server, Error> {
        if let Some(server) = &self.server
            && !self.pending.has_any(&[Answer::Server, Answer::Trust])
        {
            return Ok(server.clone());
        }
        self.connected = None;
        self.said = ShownSoFar::Nothing;
        let found = self.step.find(self.session, context, &mut self.pending, self.arguments);
        let server = unless_interrupted(self.session, found).await?;
        self.server = Some(server.clone());
        Ok(server)
    }

    /// Step 3: finds out who calls, makes the token where that is wanted, and pins the cluster's CA where that is wished.
    async fn connected(
        &mut self,
        context: &mut Context,
        server: &Server,
        report: &mut SetupReport,
    ) -> Result<StepEnd<Option<Connected>>, Error> {
        let is_pending = self.pending.has_any(&[Answer::User, Answer::Token]);
        if let Some(connected) = self.connected.take().filter(|_| !is_pending) {
            return Ok(StepEnd::Done(Some(connected)));
        }
        let pin_policy = server.pin_policy(self.arguments)?;
        self.said = ShownSoFar::Nothing;
        heading(self.session, context, "API token");
        let end = token::connect(self.session, context, server, &mut self.pending, self.arguments, report).await?;
        let StepEnd::Done(Some(connected)) = end else { return Ok(end) };
        // A token that was made just now came over a connection that trusts the CA already.
        if connected.fetched.is_some() {
            return Ok(StepEnd::Done(Some(connected)));
        }
        let pinned = pin_ca::pin_and_reconnect(self.session, context, connected, pin_policy);
        match unless_interrupted(self.session, pinned).await {
            Ok(connected) => Ok(StepEnd::Done(Some(connected))),
            Err(why) => {
                let again = retry::ask_what_next(self.session, context, why, Answer::Node).await?;
                Ok(StepEnd::Back(again.unwrap_or(Answer::Trust)))
            }
        }
    }

    /// Steps 4 to 6: checks what the token may do, chooses node and templates, and shows what will be written.
    async fn reviewed(
        &mut self,
        context: &mut Context,
        connected: Connected,
        report: &mut SetupReport,
    ) -> Result<StepEnd<Reviewed>, Error> {
        let session = self.session;
        let mut step = CheckStep::new(session, self.arguments, &connected, self.said);
        let mut checked = match step.check_until_passed(context, &mut self.pending).await? {
            StepEnd::Done(checked) => checked,
            StepEnd::Back(answer) => {
                self.connected = Some(connected);
                return Ok(StepEnd::Back(answer));
            }
        };
        self.said = ShownSoFar::Caller;
        if let Some(warning) = pin_ca::expiry(session, &connected.pve, &connected.trust) {
            session.warn(warning.clone());
            checked.warnings.push(warning);
        }
        report.note_access(context, &connected, &checked);
        heading(session, context, "Review");
        let consent =
            if self.arguments.allow_ambiguous_value { AmbiguousValues::Allow } else { AmbiguousValues::Withheld };
        let draft = match save::draft(session, context, &connected, &checked, consent).await {
            Ok(draft) => draft,
            Err(why) => {
                self.connected = Some(connected);
                let earlier = retry::ask_what_next(session, context, why, Answer::Pool).await?;
                return Ok(StepEnd::Back(earlier.unwrap_or(Answer::Pool)));
            }
        };
        session.info(&draft);
        let agreed = self.agreed(context, &draft).await;
        if let (Err(Error::Run(RunError::Cancelled)), Some(server)) = (&agreed, &self.server) {
            unused_token::offer_to_revoke_unsaved(session, context, server, self.arguments, report).await?;
        }
        match agreed? {
            None => Ok(StepEnd::Done(Reviewed { connected, checked, draft })),
            Some(answer) => {
                self.connected = Some(connected);
                Ok(StepEnd::Back(answer))
            }
        }
    }

    /// Asks whether what is shown may be saved; returns the answer that is to be changed first, if one is.
    async fn agreed(&self, context: &Context, draft: &PendingSave) -> Result<Option<Answer>, Error> {
        let session = self.session;
        if !session.is_attended() || session.confirms_all || self.arguments.dry_run || !draft.is_change() {
            return Ok(None);
        }
        let changeable = Answer::changeable(session, context);
        loop {
            let keys = if changeable.is_empty() { "y: yes, n: no" } else { "y: yes, n: no, c: change an answer" };
            let can_change = !changeable.is_empty();
            let question = TextPrompt::new("Save this?").hinting(keys).or(Some("y".to_owned()));
            let question = question.checked(move |said| match Agreement::of(said) {
                Some(Agreement::Change) if !can_change => Err(keys.to_owned()),
                Some(_) => Ok(()),
                None => Err(keys.to_owned()),
            });
            let question = question.shown_as(|said| Agreement::of(said).map_or("", Agreement::words));
            let said = ask::text(session, question, || ask::answer_only_by("--yes", "whether to save")).await?;
            match Agreement::of(&said) {
                Some(Agreement::Yes) => return Ok(None),
                Some(Agreement::No) => return Err(Error::Run(RunError::Cancelled)),
                Some(Agreement::Change) | None => {
                    let chosen = answers::choose(session, context, &changeable, "None, back to the review").await?;
                    if chosen.is_some() {
                        return Ok(chosen);
                    }
                }
            }
        }
    }
}
