//! What earlier runs left behind: by the journal, and by the markers on the server.

use crate::commands::doctor::bundle::Pseudonym;
use crate::commands::doctor::check::Check;
use crate::commands::doctor::server::ReachedServer;
use crate::error::Error;
use crate::journal::JournalContents;
use crate::ops::context::Context;
use crate::ops::test_vm::marked::{MarkedVm, marked};
use crate::ops::token::notes;
use crate::session::Session;
use crate::ui::Printable;

/// Looks into the journal, and at the VMs whose name is that of a test VM.
pub(super) async fn checks(
    session: &Session,
    context: &Context,
    server: Option<&ReachedServer>,
    names: &mut Vec<Pseudonym>,
) -> Vec<Check> {
    let found = match journal(session, context) {
        Ok(found) => found,
        Err(why) => {
            return vec![
                Check::failed("journal", &why),
                on_server(session, server, &JournalContents::default(), names).await,
            ];
        }
    };
    let journal = in_journal(&found);
    let mut checks = vec![journal, on_server(session, server, &found, names).await];
    checks.extend(tokens(session, context, server, names));
    checks
}

/// Looks for tokens that an ended run may have made without saving their secret; `None` if there are none.
fn tokens(
    session: &Session,
    context: &Context,
    server: Option<&ReachedServer>,
    names: &mut Vec<Pseudonym>,
) -> Option<Check> {
    let mut left = match notes::unsaved(session, context) {
        Ok(left) => left,
        Err(why) => return Some(Check::failed("unsaved_tokens", &why)),
    };
    // The secret of the token that was just called with is in the file after all.
    let in_use = server.map(|reached| reached.connected.caller_name());
    left.retain(|it| Some(&it.token) != in_use.as_ref());
    let first = left.first()?;
    for it in &left {
        names.extend(it.names().into_iter().map(|(name, kind)| Pseudonym { name, stands_for: kind.to_owned() }));
    }
    let check = Check::warning(
        "unsaved_tokens",
        match left.len() {
            1 => "a run ended before saving its token".to_owned(),
            many => format!("{many} runs ended before saving their tokens"),
        },
    );
    let check = check.with_details(left.iter().map(|it| Printable(&it.sentence()).to_string()));
    Some(first.commands().into_iter().fold(check.with_hint("to finish or undo it, run one of:"), Check::with_command))
}

fn journal(session: &Session, context: &Context) -> Result<JournalContents, Error> {
    match context.journal(session)? {
        Some(journal) => Ok(journal.read()?),
        None => Ok(JournalContents::default()),
    }
}

fn in_journal(found: &JournalContents) -> Check {
    let unreadable_files = found
        .unreadable
        .iter()
        .map(|path| format!("passed over: {} is not a readable journal entry", Printable(&path.display().to_string())));
    let alive = (found.alive > 0).then(|| format!("{} belong to active runs", found.alive));
    if found.orphans.is_empty() && !found.unreadable.is_empty() {
        return Check::warning(
            "journal",
            "no VM of an earlier run is recorded, but the state folder contains other files",
        )
        .with_details(unreadable_files)
        .with_details(alive);
    }
    if found.orphans.is_empty() {
        return Check::ok("journal", "no earlier run on this machine left a VM behind")
            .with_details(alive)
            .with_short_text("nothing from earlier runs on this machine");
    }
    let lines = found.orphans.iter().map(|entry| {
        let record = &entry.record;
        let vm = record.vmids.last().map(|vmid| format!("VM {vmid} ({})", Printable(&record.name)));
        let image = record.image.as_ref().map(|image| format!("image {}", Printable(image)));
        let what: Vec<String> = vm.into_iter().chain(image).collect();
        format!("{} on {}", what.join(" and "), Printable(&record.server))
    });
    let runs = if found.orphans.len() == 1 { "run" } else { "runs" };
    Check::warning("journal", format!("{} earlier {runs} may have left something behind", found.orphans.len()))
        .with_details(lines)
        .with_details(unreadable_files)
        .with_details(alive)
        .with_command("glassdome cleanup")
}

async fn on_server(
    session: &Session,
    server: Option<&ReachedServer>,
    found: &JournalContents,
    names: &mut Vec<Pseudonym>,
) -> Check {
    let Some(ReachedServer { connected, vms }) = server else {
        return Check::skipped("leftovers", "the server could not be queried");
    };
    let vms = match vms {
        Ok(vms) => vms,
        Err(why) => return Check::unknown("leftovers", "the VMs could not be listed").with_detail(why.to_string()),
    };
    let known = |marked: &MarkedVm| {
        let records = found.orphans.iter().map(|entry| &entry.record).chain(&found.active);
        records.into_iter().any(|record| marked.name == record.name)
    };
    let others: Vec<MarkedVm> = marked(&connected.pve, vms).await.into_iter().filter(|marked| !known(marked)).collect();
    if others.is_empty() {
        return Check::ok("leftovers", "no other test VM is visible on the server")
            .with_short_text("no other test VM on the server");
    }
    let machines = others.iter().filter_map(|marked| marked.origin.as_ref()?.machine.clone());
    names.extend(machines.map(|name| Pseudonym { name: name.to_string(), stands_for: "MACHINE".to_owned() }));
    let now = session.clock.utc();
    Check::warning("leftovers", format!("test VMs of other runs or machines on the server: {}", others.len()))
        .with_details(others.iter().map(|marked| marked.describe(now)))
        .with_hint("they may be in use; to delete one that is not, pass its VMID:")
        .with_command(format!(
            "glassdome cleanup --vmid {}",
            others.first().map(|it| it.vmid.to_string()).unwrap_or_default()
        ))
}
