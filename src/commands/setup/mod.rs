//! `glassdome setup`: server, trust, token, checks, node and templates, save, test VM.

mod answers;
mod check;
mod chosen_templates;
mod identity;
mod instructions;
mod invalid_settings;
mod node_and_templates;
mod rehearsal;
mod report;
mod retry;
mod save;
mod screens;
pub(crate) mod server;
mod template;
mod token;
mod token_method;
mod token_source;
mod trust;
mod unused_token;
mod wizard;

use crate::cli::{Global, OutputFormat, Setup};
use crate::commands::{CommandFailure, options};
use crate::error::{Error, PlacementError, Report, RunError, TokenError, UsageError};
use crate::model::VmId;
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::test_vm::receipt::{Receipt, document};
use crate::ops::test_vm::run_test_vm;
use crate::ops::token::issue::replaced;
use crate::ops::token::{consent, notes};
use crate::ops::{ask, unless_interrupted};
use crate::session::Session;
use crate::settings::{Credentials, Key, Setting};
use crate::ui::prompt::ConfirmPrompt;
use crate::ui::{Heading, Printable};
use std::process::ExitCode;

use report::SetupReport;
use save::SavedSettings;
use screens::{DryRun, Next, TestVmEnd};
use wizard::{Reviewed, WizardEnd};

/// Sets up, step by step; nothing is written before everything up to step 5 has been verified.
pub(crate) async fn run(session: &Session, global: &Global, arguments: &Setup) -> Result<ExitCode, CommandFailure> {
    let mut report = SetupReport::default();
    let ended = tokio::select! {
        // If both happen at once, the result of the command counts more than the second signal.
        biased;
        ended = steps(session, global, arguments, &mut report) => ended,
        signal = session.interrupts.second() => Err(Error::Run(RunError::Abandoned { signal, left: None })),
    };
    let ended = match (ended, report.made.take()) {
        (Err(why), Some(made)) => Err(made.applied.into_error(why)),
        (Err(why), None) => Err(with_setup_hints(why, report.is_saved)),
        (ended, _) => ended,
    };
    let wants_json = global.output == OutputFormat::Json;
    if wants_json {
        session.json(&report.document(ended.as_ref().err()));
    }
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(CommandFailure { error, is_reported: wants_json }),
    }
}

/// Adds what only this command can say of an end.
fn with_setup_hints(why: Error, is_saved: bool) -> Error {
    match why {
        Error::Run(RunError::Cancelled) | Error::Token(TokenError::PlanDeclined) if !is_saved => {
            Error::Run(RunError::NothingWritten { signal: None })
        }
        Error::Run(RunError::Interrupted { signal }) if !is_saved => {
            Error::Run(RunError::NothingWritten { signal: Some(signal) })
        }
        Error::Placement(PlacementError::NoTemplate { template, known }) if !is_saved && known.is_empty() => {
            Error::Placement(PlacementError::NothingToClone { template })
        }
        Error::Usage(UsageError::Unanswered { what, flag, key, further, .. })
            if flag == Some(Key::Host.entry().flag) =>
        {
            Error::Usage(UsageError::Unanswered {
                what,
                flag,
                key,
                further,
                rehearsal: Some("glassdome setup --sandbox --no-input"),
                lacks_terminal: true,
            })
        }
        // In a terminal it would have been asked.
        other => other.without_terminal(),
    }
}

async fn steps(session: &Session, global: &Global, arguments: &Setup, report: &mut SetupReport) -> Result<(), Error> {
    let mut options = options::connection(global, &arguments.connection);
    let templates = [
        (Key::Ubuntu2204Template, arguments.ubuntu_2204_template_id),
        (Key::Ubuntu2004Template, arguments.ubuntu_2004_template_id),
    ];
    options.templates = templates.into_iter().filter_map(|(key, vmid)| Setting::template(key, vmid?)).collect();
    let mut context = Context::load_for_correction(session, &options).await?;
    if let Some(from) = arguments.import {
        let tool = context.import(session, from.tool())?;
        session.remark(format!("importing the variables of {tool}"));
    }
    invalid_settings::drop_invalid_settings(session, &mut context, arguments)?;
    if session.is_attended() && !arguments.dry_run {
        match (context.require_savable(), context.settings.credentials()) {
            (Ok(()), _) => {}
            // As long as nothing changes, nothing has to be saved.
            (Err(why), Ok(_)) => session.warn(format!("nothing can be saved: {why}")),
            (Err(why), Err(_)) => return Err(why),
        }
    }
    report.env_file = context.store.path().display().to_string();
    if !arguments.skip_test_vm && !arguments.dry_run {
        context.require_journal(session)?;
    }
    report.is_dry_run = arguments.dry_run;
    introduce(session, &context, arguments);
    if session.is_attended() && context.is_sandbox() {
        context.rehearse_first_contact()?;
        rehearsal::announce(session, &context);
    }
    let ended = run_steps(session, global, arguments, &mut context, report).await;
    report.name_unused(session);
    match (ended, report.made.take()) {
        (Err(why), Some(made)) => Err(made.applied.into_error_saving_secret(session, &context, why)),
        (ended, _) => ended,
    }
}

async fn run_steps(
    session: &Session,
    global: &Global,
    arguments: &Setup,
    context: &mut Context,
    report: &mut SetupReport,
) -> Result<(), Error> {
    let reviewed = wizard::ask_until_confirmed(session, context, arguments, report).await;
    context.repeat_flags(session);
    let Reviewed { connected, checked, draft } = match reviewed? {
        WizardEnd::Agreed(reviewed) => *reviewed,
        WizardEnd::PlanShown => {
            if global.output == OutputFormat::Text {
                session.blank_line();
                session.result(&screens::SandboxNote);
            }
            return Ok(());
        }
    };
    if arguments.dry_run {
        if global.output == OutputFormat::Text {
            session.blank_line();
            session.result(&DryRun { calls: checked.calls.filter(|_| !arguments.skip_test_vm) });
        }
        return Ok(());
    }
    agree_to_replace(session, context, report, &connected).await?;
    let replaced = report.made.as_ref().and_then(|made| replaced(context, &made.token));
    let saved = save::write(session, context, draft).await?;
    end_note(session, context, report, &connected)?;
    if let Some(old) = replaced.filter(|_| !context.is_sandbox()) {
        session.note(notes::replaced_token(&old));
    }
    context.read_saved()?;
    context.repeat_flags(session);
    report.is_saved = true;
    report.changed.clone_from(&saved.changed);
    report.warnings.extend(saved.warnings.iter().cloned());

    let test_vm = match checked.template {
        None => TestVmEnd::NoTemplate,
        Some(template) if !arguments.skip_test_vm && is_test_vm_wanted(session, template).await? => {
            TestVmEnd::Verified(Box::new(test_vm(session, arguments, context, report).await?))
        }
        Some(_) => TestVmEnd::Skipped,
    };
    if global.output == OutputFormat::Text {
        session.blank_line();
        session.result(&next(context, &connected, &saved, test_vm));
    }
    Ok(())
}

/// Ends what the journal says of the token that was made: its secret is saved.
fn end_note(
    session: &Session,
    context: &Context,
    report: &mut SetupReport,
    connected: &Connected,
) -> Result<(), Error> {
    if let (Some(made), Credentials::Token { id, .. }) = (report.made.take(), &connected.credentials) {
        made.applied.saved()?;
        notes::forget(session, context, id)?;
    }
    Ok(())
}

/// Ends the run if another token of the settings file would be replaced that works, without consent.
async fn agree_to_replace(
    session: &Session,
    context: &Context,
    report: &SetupReport,
    connected: &Connected,
) -> Result<(), Error> {
    // Where the token was made in this run, that was settled before.
    let (None, Credentials::Token { id, .. }) = (&report.made, &connected.credentials) else { return Ok(()) };
    unless_interrupted(session, consent::require_yes_to_replace(session, context, connected.server(), id)).await
}

/// Asks whether a VM may be made to prove it.
async fn is_test_vm_wanted(session: &Session, template: VmId) -> Result<bool, Error> {
    if !session.is_attended() {
        return Ok(true);
    }
    let question = ConfirmPrompt::new("Verify with a test VM now?")
        .hinting(format!("clones template {template}, starts, stops and deletes the clone"));
    ask::confirm(session, question.proposing_yes(), || ask::answer_only_by("--skip-test-vm", "whether to prove")).await
}

/// Step 7: the test VM, with what was written and nothing else.
async fn test_vm(
    session: &Session,
    arguments: &Setup,
    context: &mut Context,
    report: &mut SetupReport,
) -> Result<Receipt, Error> {
    heading(session, context, "Test VM");
    let order = options::test_vm(context, &arguments.test_vm)?;
    let connected = Connected::open(session, context).await?;
    let (receipt, ended) = run_test_vm(session, context, &connected, &order).await?;
    report.test_vm = Some(document(&receipt, ended.as_ref().err()));
    match ended {
        Ok(()) => Ok(receipt),
        Err(why) => {
            if !receipt.steps.is_empty() {
                session.info(&receipt);
            }
            found(
                session,
                format!("{} was written; after fixing the cause, verify with `glassdome test-vm`", report.env_file),
            );
            Err(why)
        }
    }
}

fn next(context: &Context, connected: &Connected, saved: &SavedSettings, test_vm: TestVmEnd) -> Next {
    Next {
        test_vm,
        file: saved.path.clone(),
        token: connected.caller_name(),
        user: connected.user().to_string(),
        curl: screens::Curl::of(context),
        is_sandbox: context.is_sandbox(),
    }
}

fn heading(session: &Session, context: &Context, text: &str) {
    session.heading(&Heading { text: text.to_owned(), is_sandbox: context.is_sandbox() });
}

/// Shows an error that can be corrected right here.
fn show_error(session: &Session, why: &Error) {
    session.error(&Report::in_wizard(why));
}

fn found(session: &Session, text: String) {
    session.note(text);
}

/// Says in front of the first question what will happen.
fn introduce(session: &Session, context: &Context, arguments: &Setup) {
    if !session.is_attended() {
        return;
    }
    let file = context.store.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = Printable(&file);
    let works = match (arguments.dry_run, arguments.skip_test_vm) {
        (true, _) => {
            format!("checks everything that an API token for Proxmox VE needs, and shows what {file} would hold")
        }
        (false, true) => format!("sets up an API token for Proxmox VE and writes {file}"),
        (false, false) => format!("sets up an API token for Proxmox VE, writes {file}, and verifies it with a test VM"),
    };
    let promise = if arguments.dry_run {
        "Nothing is written."
    } else {
        "Nothing is saved before you have seen and confirmed it."
    };
    let text = format!("{} {works}. {promise}", env!("CARGO_PKG_NAME"));
    session.remark(text);
}
