//! `glassdome setup`: server, trust, token, checks, node and templates, save, prove.

mod check;
pub(crate) mod git;
mod guides;
mod mend;
mod menus;
mod origin;
mod save;
mod screens;
pub(crate) mod server;
mod template;
mod token;
mod trust;

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::{Global, Output, Setup};
use crate::commands::Failure;
use crate::commands::ask;
use crate::commands::connect::{Connected, Ground};
use crate::commands::ladder::{self, Wish};
use crate::commands::proof::prove;
use crate::commands::proof::receipt::Receipt;
use crate::commands::screens::{Heading, Note};
use crate::commands::test_vm::{document, order};
use crate::commands::token::consent;
use crate::commands::token::notes;
use crate::commands::token::undo::Made;
use crate::commands::unless_interrupted;
use crate::error::{Error, Report};
use crate::model::VmId;
use crate::session::Session;
use crate::settings::{AmbiguousValues, Credentials, Key};
use crate::ui::prompt::ConfirmPrompt;

use check::{Checked, Switch};
use origin::{Obtained, Origin};
use save::Saved;
use screens::{Next, Plan};
use server::Way;

/// What is known of a run so far, for the JSON document.
#[derive(Default)]
struct Story {
    env_file: String,
    host: String,
    version: Option<String>,
    trust: Option<&'static str>,
    token: Option<String>,
    /// What was made for the token in this run, as long as it is not saved.
    made: Option<Made>,
    is_created: bool,
    is_saved: bool,
    /// Whether nothing was to be written or changed.
    is_rehearsal: bool,
    node: Option<String>,
    templates: Vec<(String, u32)>,
    changed: Vec<String>,
    proof: Option<Value>,
    warnings: Vec<String>,
}

/// Sets up, step by step; nothing is written before everything up to step 5 has been verified.
pub(crate) async fn run(session: &Session, global: &Global, arguments: &Setup) -> Result<ExitCode, Failure> {
    let mut story = Story::default();
    let ended = tokio::select! {
        // What the work itself says of a hurried end counts more.
        biased;
        ended = steps(session, global, arguments, &mut story) => ended,
        signal = session.interrupts.second() => Err(Error::Abandoned { signal, left: None }),
    };
    let ended = match (ended, story.made.take()) {
        (Err(why), Some(made)) => Err(made.left(why)),
        (Err(why), None) => Err(in_its_own_words(why, story.is_saved)),
        (ended, _) => ended,
    };
    let wants_json = global.output == Output::Json;
    if wants_json {
        session.ui.borrow_mut().json(&story.document(ended.as_ref().err()));
    }
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(Failure { error, is_told: wants_json }),
    }
}

/// Adds what only this command can say of an end.
fn in_its_own_words(why: Error, is_saved: bool) -> Error {
    match why {
        Error::Cancelled if !is_saved => Error::NothingWritten { signal: None },
        Error::Interrupted { signal } if !is_saved => Error::NothingWritten { signal: Some(signal) },
        Error::Unanswered { what, flag, key, .. } if flag == Some(Key::Host.entry().flag) => {
            Error::Unanswered { what, flag, key, rehearsal: Some("glassdome setup --sandbox --no-input") }
        }
        other => other,
    }
}

async fn steps(session: &Session, global: &Global, arguments: &Setup, story: &mut Story) -> Result<(), Error> {
    let text = |vmid: Option<VmId>| vmid.map(|vmid| vmid.to_string());
    let templates = [
        (Key::Ubuntu2204Template, text(arguments.ubuntu_2204_template_id)),
        (Key::Ubuntu2004Template, text(arguments.ubuntu_2004_template_id)),
    ];
    let mut ground = Ground::survey(session, global, &arguments.connection, &templates).await?;
    if let Some(from) = arguments.import {
        let tool = ground.import(session, from.tool())?;
        session.ui.borrow_mut().info(&Note::plain(format!("what {tool}'s variables say is taken")));
    }
    story.env_file = ground.store.path().display().to_string();
    if !arguments.skip_test_vm && !arguments.dry_run {
        ground.require_journal(session)?;
    }
    story.is_rehearsal = arguments.dry_run;
    let ended = from_server_to_proof(session, global, arguments, &mut ground, story).await;
    match (ended, story.made.take()) {
        (Err(why), Some(made)) => Err(made.saved_or_left(session, &ground, why)),
        (ended, _) => ended,
    }
}

async fn from_server_to_proof(
    session: &Session,
    global: &Global,
    arguments: &Setup,
    ground: &mut Ground,
    story: &mut Story,
) -> Result<(), Error> {
    let verified = verify(session, ground, arguments, story).await;
    ground.repeat(session);
    let Some((connected, checked)) = verified? else {
        if global.output == Output::Text {
            session.ui.borrow_mut().result(&screens::Rehearsed);
        }
        return Ok(());
    };
    story.note_access(ground, &connected, &checked);

    heading(session, ground, "6. Save");
    let consent = if arguments.allow_ambiguous_value { AmbiguousValues::Allow } else { AmbiguousValues::Withheld };
    let draft = save::draft(session, ground, &connected, &checked, consent).await?;
    session.ui.borrow_mut().info(&draft);
    if arguments.dry_run {
        if global.output == Output::Text {
            session.ui.borrow_mut().result(&Plan {
                skips_proof: arguments.skip_test_vm,
                node: checked.node,
                template: order(ground, &arguments.proof)?.template,
            });
        }
        return Ok(());
    }
    agree_to_replace(session, ground, story, &connected).await?;
    let saved = save::write(session, ground, draft).await?;
    end_note(session, ground, story, &connected)?;
    ground.read_saved()?;
    ground.repeat(session);
    story.is_saved = true;
    story.changed.clone_from(&saved.changed);
    story.warnings.extend(saved.warnings.iter().cloned());

    let skips = arguments.skip_test_vm || !is_proof_wanted(session, ground, arguments).await?;
    let receipt = if skips { None } else { Some(proof(session, arguments, ground, story).await?) };
    if global.output == Output::Text {
        session.ui.borrow_mut().result(&next(ground, &connected, &saved, receipt));
    }
    Ok(())
}

/// Ends what the journal says of the token that was made: its secret is saved.
fn end_note(session: &Session, ground: &Ground, story: &mut Story, connected: &Connected) -> Result<(), Error> {
    if let (Some(made), Credentials::Token { id, .. }) = (story.made.take(), &connected.credentials) {
        made.saved()?;
        notes::forget(session, ground, id)?;
    }
    Ok(())
}

/// Ends the run where another token of the settings file would be replaced that works, and nobody agreed to that.
async fn agree_to_replace(
    session: &Session,
    ground: &Ground,
    story: &Story,
    connected: &Connected,
) -> Result<(), Error> {
    // Where the token was made in this run, that was settled before.
    let (None, Credentials::Token { id, .. }) = (&story.made, &connected.credentials) else { return Ok(()) };
    let way = (connected.pve.endpoint().clone(), connected.trust.clone(), connected.trusted);
    unless_interrupted(session, consent::for_replacing(session, ground, way, id)).await
}

/// Steps 1 to 5: finds the server, decides on the trust, makes the token where that is wanted, checks token, privileges,
/// node and templates; nothing where only the plan of a new token was to be shown.
async fn verify(
    session: &Session,
    ground: &mut Ground,
    arguments: &Setup,
    story: &mut Story,
) -> Result<Option<(Connected, Checked)>, Error> {
    let origin = Origin::of(arguments)?;
    let way = unless_interrupted(session, meet(session, ground, arguments, &origin, story)).await?;
    let wish = way.wish(arguments)?;
    heading(session, ground, "3. Token");
    let mut found = match origin {
        Origin::Known => unless_interrupted(session, token::connect(session, ground, way.clone())).await?,
        other => {
            token::owner(session, ground, &way).await?;
            token::Found::ToBeMade(other)
        }
    };
    loop {
        let connected = match found {
            token::Found::Connected(connected) => *connected,
            token::Found::ToBeMade(origin) => {
                match make(session, ground, way.clone(), &origin, arguments, story).await? {
                    Some(connected) => connected,
                    None => return Ok(None),
                }
            }
        };
        let may_switch = story.made.is_none() && ground.is_open(session, Key::TokenValue);
        let switch = if may_switch { Switch::Offered } else { Switch::No };
        if let Some(good) = check(session, ground, connected, wish, (arguments, switch)).await? {
            return Ok(Some(good));
        }
        heading(session, ground, "3. Token");
        found = unless_interrupted(session, token::another(session, ground, way.clone())).await?;
    }
}

/// Steps 1 and 2: finds the server, and decides on the trust.
async fn meet(
    session: &Session,
    ground: &mut Ground,
    arguments: &Setup,
    origin: &Origin,
    story: &mut Story,
) -> Result<Way, Error> {
    if !session.is_attended() {
        // What is missing is told before anything is called.
        story.host = ground.host()?.to_string();
        if *origin == Origin::Known {
            ground.credentials(session)?;
        }
    }
    mend::forget_what_is_wrong(session, ground, arguments)?;
    let way = server::find(session, ground, arguments).await?;
    story.host = ground.host()?.to_string();
    Ok(way)
}

/// Makes the token. It is not to be broken off at any moment: what is half done has to be undone.
async fn make(
    session: &Session,
    ground: &mut Ground,
    way: Way,
    origin: &Origin,
    arguments: &Setup,
    story: &mut Story,
) -> Result<Option<Connected>, Error> {
    if let Origin::Shell(to) = origin {
        if arguments.dry_run {
            found(session, origin::line(ground, arguments)?);
            return Ok(None);
        }
        story.made = Some(origin::over_ssh(session, ground, way.clone(), to.as_ref(), arguments).await?);
        story.is_created = true;
        return unless_interrupted(session, token::checked(session, ground, way)).await.map(Some);
    }
    match origin::by_log_in(session, ground, way, arguments).await? {
        Obtained::Planned => Ok(None),
        Obtained::Made(connected, made) => {
            (story.made, story.is_created) = (Some(*made), true);
            Ok(Some(*connected))
        }
    }
}

/// Climbs to the cluster's CA where that is wished, and checks everything; nothing where another token is to be used.
async fn check(
    session: &Session,
    ground: &mut Ground,
    connected: Connected,
    wish: Wish,
    (arguments, switch): (&Setup, Switch),
) -> Result<Option<(Connected, Checked)>, Error> {
    // A token that was made just now came over a connection that has climbed already.
    let connected = match connected.fetched {
        Some(_) => connected,
        None => unless_interrupted(session, ladder::climbed(session, ground, connected, wish)).await?,
    };
    let Some(mut checked) = check::until_good(session, ground, &connected, arguments, switch).await? else {
        return Ok(None);
    };
    if let Some(warning) = ladder::expiry(session, &connected.pve, &connected.trust) {
        session.ui.borrow_mut().info(&Note::warning(warning.clone()));
        checked.warnings.push(warning);
    }
    Ok(Some((connected, checked)))
}

/// Asks whether a VM may be made to prove it.
async fn is_proof_wanted(session: &Session, ground: &Ground, arguments: &Setup) -> Result<bool, Error> {
    if !session.is_attended() {
        return Ok(true);
    }
    let template = order(ground, &arguments.proof)?.template;
    let question =
        ConfirmPrompt::new(format!("Prove it now: clone template {template}, start, stop and destroy the clone?"));
    ask::confirm(session, question.proposing_yes(), || ask::only_by("--skip-test-vm", "whether to prove")).await
}

/// Step 7: the proof, with what was written and nothing else.
async fn proof(session: &Session, arguments: &Setup, ground: &mut Ground, story: &mut Story) -> Result<Receipt, Error> {
    heading(session, ground, "7. Proof");
    let order = order(ground, &arguments.proof)?;
    let connected = Connected::open(session, ground).await?;
    let (receipt, ended) = prove(session, ground, &connected, &order).await?;
    story.proof = Some(document(&receipt, ended.as_ref().err()));
    match ended {
        Ok(()) => Ok(receipt),
        Err(why) => {
            if !receipt.steps.is_empty() {
                session.ui.borrow_mut().info(&receipt);
            }
            found(
                session,
                format!("{} was written; once the cause is mended, `glassdome test-vm` proves it", story.env_file),
            );
            Err(why)
        }
    }
}

fn next(ground: &Ground, connected: &Connected, saved: &Saved, receipt: Option<Receipt>) -> Next {
    Next {
        receipt,
        file: saved.path.clone(),
        token: connected.who(),
        user: connected.user().to_string(),
        curl: screens::Curl::of(ground),
        is_sandbox: ground.is_sandbox(),
    }
}

fn heading(session: &Session, ground: &Ground, text: &str) {
    session.ui.borrow_mut().info(&Heading { text: text.to_owned(), is_sandbox: ground.is_sandbox() });
}

/// Tells an error that a person may mend right here.
fn tell(session: &Session, why: &Error) {
    session.ui.borrow_mut().error(&Report::of(why));
}

fn found(session: &Session, text: String) {
    session.ui.borrow_mut().info(&Note::found(text));
}

impl Story {
    /// Notes who is connected to which server, and what was chosen there.
    fn note_access(&mut self, ground: &Ground, connected: &Connected, checked: &check::Checked) {
        self.trust = Some(connected.trusted.word());
        self.token = Some(connected.who());
        self.version = Some(checked.version.to_string());
        self.node = Some(checked.node.to_string());
        self.templates =
            checked.templates.iter().map(|(key, vmid)| (key.variable(&ground.instance), vmid.number())).collect();
        self.warnings.clone_from(&checked.warnings);
        self.warnings.extend(ground.trust_warnings(connected.trusted));
    }

    fn document(&self, error: Option<&Error>) -> Value {
        let templates: serde_json::Map<String, Value> =
            self.templates.iter().map(|(key, vmid)| (key.clone(), json!(vmid))).collect();
        let mut document = json!({
            "schema": "glassdome.setup/1",
            "ok": error.is_none(),
            "env_file": self.env_file,
            "dry_run": self.is_rehearsal,
            "changed": self.changed,
            "server": {"host": self.host, "version": self.version},
            "trust": self.trust,
            "token": {"id": self.token, "created": self.is_created},
            "node": self.node,
            "templates": templates,
            "proof": self.proof,
            "warnings": self.warnings,
        });
        if let (Some(error), Some(map)) = (error, document.as_object_mut()) {
            map.insert("error".to_owned(), Report::of(error).as_json());
            map.insert("left_on_server".to_owned(), error.left_on_server().into());
        }
        document
    }
}
