//! `glassdome cleanup`: finishes what an interrupted run left behind, and touches nothing else.

mod image;
mod removal;
mod summary;

use crate::cli::{Cleanup, Global, OutputFormat};
use crate::commands::{CommandFailure, options};
use crate::error::{Error, RunError};
use crate::journal::{JournalContents, JournalEntry, Record};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::port::{PortUse, settle_port};
use crate::ops::token::notes;
use crate::session::Session;
use crate::settings::Key;
use crate::ui::Heading;
use removal::CleanupRun;
use std::process::ExitCode;

use summary::{CleanupSummary, OtherServerEntry};

/// Deletes the VMs that the journal proves to be this machine's, and the VMs named with `--vmid` that carry a marker.
pub(crate) async fn run(session: &Session, global: &Global, arguments: &Cleanup) -> Result<ExitCode, CommandFailure> {
    let mut context = Context::load(session, &options::connection(global, &arguments.connection)).await?;
    if context.settings.source(Key::Host).is_some() {
        settle_port(session, &mut context, PortUse::Now).await?;
    }
    let found = match context.journal(session)? {
        Some(journal) => journal.read().map_err(Error::from)?,
        None => JournalContents::default(),
    };
    let mut summary = CleanupSummary { alive: found.alive, ..CleanupSummary::default() };
    summary.tokens = notes::unsaved(session, &context)?;
    summary.unreadable = found.unreadable.iter().map(|path| path.display().to_string()).collect();
    let error = clean_up(session, &context, arguments, found, &mut summary).await.err();
    if global.output == OutputFormat::Json {
        session.json(&summary.document(error.as_ref()));
    } else {
        session.result(&summary.at(session.clock.utc()));
    }
    match error {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => Err(CommandFailure { error, is_reported: global.output == OutputFormat::Json }),
    }
}

async fn clean_up(
    session: &Session,
    context: &Context,
    arguments: &Cleanup,
    found: JournalContents,
    summary: &mut CleanupSummary,
) -> Result<(), Error> {
    if context.settings.source(Key::Host).is_none() && found.orphans.is_empty() && arguments.vmid.is_empty() {
        summary.unseen = Some("no server is configured, so none was checked");
        return Ok(());
    }
    let host = context.host()?;
    session.heading(&Heading { text: format!("Cleanup on {host}"), is_sandbox: context.is_sandbox() });
    let here = context.endpoint()?.authority();
    let (ours, others): (Vec<JournalEntry>, Vec<JournalEntry>) =
        found.orphans.into_iter().partition(|entry| entry.record.server == here);
    for entry in others {
        let Record { server, vmids, image, .. } = &entry.record;
        summary.elsewhere.push(OtherServerEntry {
            vmid: vmids.last().copied(),
            image: image.clone(),
            server: server.clone(),
        });
    }
    let connected = Connected::open(session, context).await?;
    let timeout = arguments.timeout.unwrap_or(options::TASK_TIMEOUT);
    let work = CleanupRun { session, connected: &connected, is_dry: arguments.dry_run, timeout };
    let ended = tokio::select! {
        ended = work.remove_all(ours, &found.active, &here, &arguments.vmid, summary) => ended,
        signal = session.interrupts.first() => Err(Error::Run(RunError::Interrupted { signal })),
    };
    match ended {
        Err(why) => Err(connected.diagnosed(why).await),
        Ok(()) => Ok(()),
    }
}
