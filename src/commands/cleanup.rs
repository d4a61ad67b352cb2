//! `glassdome cleanup`: finishes what an interrupted run left behind, and touches nothing else.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{Cleanup, Global, Output};
use crate::commands::Failure;
use crate::commands::connect::{Connected, Ground};
use crate::commands::proof::look::{Search, Standing};
use crate::commands::proof::receipt::{LeftBehind, Receipt};
use crate::commands::proof::remove::Remover;
use crate::commands::screens::{Heading, Note};
use crate::error::{Doing, Error, Report};
use crate::journal::{Entry, Journal};
use crate::model::{NodeName, VmId};
use crate::session::Session;
use crate::ui::{Draw, Printable, Screen, Tone};

/// What became of one VMID of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// It was ours, and is gone.
    Destroyed,
    /// It is ours; `--dry-run` keeps it.
    WouldBeDestroyed,
    /// Nothing stands there.
    Gone,
    /// Something stands there, and it is not ours.
    NotOurs(Option<String>),
}

/// What was done, for the screen and for JSON.
#[derive(Debug, Default)]
struct Summary {
    fates: Vec<(u32, String, Fate)>,
    left: Vec<LeftBehind>,
    elsewhere: Vec<(u32, String)>,
    alive: usize,
    unreadable: Vec<String>,
}

/// Destroys what the journal proves to be ours on this server.
pub(crate) async fn run(session: &Session, global: &Global, arguments: &Cleanup) -> Result<ExitCode, Failure> {
    let journal = Journal::new(session.state_folder()).map_err(Error::from)?;
    let found = journal.read().map_err(Error::from)?;
    let mut summary = Summary { alive: found.alive, ..Summary::default() };
    summary.unreadable = found.unreadable.iter().map(|path| path.display().to_string()).collect();
    let mut ended = Ok(());
    if !found.orphans.is_empty() {
        let ground = Ground::survey(session, global, &arguments.connection, &[])?;
        session
            .ui
            .borrow_mut()
            .say(&Heading { text: format!("Clean-up on {}", ground.host()?), is_sandbox: ground.is_sandbox() });
        ended = clean(session, &ground, arguments, found.orphans, &mut summary).await;
    }
    let error = ended.err();
    if global.output == Output::Json {
        session.ui.borrow_mut().json(&summary.document(error.as_ref()));
    } else {
        session.ui.borrow_mut().result(&summary);
    }
    match error {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => Err(Failure { error, is_told: global.output == Output::Json }),
    }
}

async fn clean(
    session: &Session,
    ground: &Ground,
    arguments: &Cleanup,
    orphans: Vec<Entry>,
    summary: &mut Summary,
) -> Result<(), Error> {
    let here = ground.endpoint()?.authority();
    let (ours, others): (Vec<Entry>, Vec<Entry>) = orphans.into_iter().partition(|entry| entry.record.server == here);
    for entry in others {
        let vmid = entry.record.vmids.last().copied().unwrap_or_default();
        summary.elsewhere.push((vmid, entry.record.server.clone()));
    }
    if ours.is_empty() {
        return Ok(());
    }
    let connected = Connected::open(session, ground).await?;
    let patience = arguments.timeout.unwrap_or(Duration::from_secs(300));
    let mut first_failure = Ok(());
    for entry in ours {
        let finished = tokio::select! {
            finished = finish(session, &connected, (arguments.dry_run, patience), &entry, summary) => finished,
            signal = session.interrupts.first() => return Err(Error::Interrupted { signal }),
        };
        match finished {
            Ok(()) if arguments.dry_run => {}
            Ok(()) => entry.close()?,
            Err(why) => {
                let error = left(&entry, summary, why);
                first_failure = first_failure.and(Err(error));
            }
        }
    }
    first_failure
}

/// Removes what one entry names.
async fn finish(
    session: &Session,
    connected: &Connected,
    (is_dry, patience): (bool, Duration),
    entry: &Entry,
    summary: &mut Summary,
) -> Result<(), Error> {
    let marker = entry.record.marker();
    let node = |text: &str| text.parse::<NodeName>().map_err(|_| Error::StrangeEntry);
    let (source, target) = (node(&entry.record.node)?, node(&entry.record.target)?);
    let search = Search { pve: &connected.pve, session, source: &source, target: &target, marker: &marker };
    let remover = Remover { search, patience };
    for (index, number) in entry.record.vmids.iter().enumerate() {
        let is_newest = index + 1 == entry.record.vmids.len();
        let vmid = VmId::new(u64::from(*number)).ok_or(Error::StrangeEntry)?;
        let standing = search.look_until_settled(vmid, patience).await?;
        let fate = match standing {
            Standing::Nothing => Fate::Gone,
            Standing::Foreign(name) => Fate::NotOurs(name),
            // A number that was lost to somebody else is theirs, whatever they do with it.
            Standing::Unfinished(_) | Standing::Hidden(_) if !is_newest => Fate::NotOurs(None),
            Standing::Unfinished(node) => return Err(Error::StuckClone { vmid, node }),
            Standing::Hidden(refused) => return Err(Error::server(Doing::ReadVm(vmid), *refused)),
            Standing::Ours(..) if is_dry => Fate::WouldBeDestroyed,
            Standing::Ours(..) => {
                session
                    .ui
                    .borrow_mut()
                    .say(&Note::found(format!("destroying VM {vmid} ({})", Printable(&marker.name))));
                remover.remove(vmid, &mut Receipt::default()).await?;
                Fate::Destroyed
            }
        };
        summary.fates.push((*number, marker.name.clone(), fate));
    }
    Ok(())
}

/// Notes a VM that could not be removed; its entry stays for another try.
fn left(entry: &Entry, summary: &mut Summary, why: Error) -> Error {
    let left = LeftBehind {
        vmid: entry.record.vmids.last().copied().unwrap_or_default(),
        node: entry.record.target.clone(),
        name: entry.record.name.clone(),
    };
    summary.left.push(left.clone());
    Error::LeftBehind { vmid: left.vmid, node: left.node, name: left.name, why: Box::new(why), proof: None }
}

impl Summary {
    fn document(&self, error: Option<&Error>) -> Value {
        let fates: Vec<Value> = self
            .fates
            .iter()
            .map(|(vmid, name, fate)| json!({"vmid": vmid, "name": name, "fate": fate.word()}))
            .collect();
        let elsewhere: Vec<Value> =
            self.elsewhere.iter().map(|(vmid, server)| json!({"vmid": vmid, "server": server})).collect();
        let mut document = json!({
            "schema": "glassdome.cleanup/1",
            "ok": error.is_none(),
            "vms": fates,
            "left_behind": self.left,
            "other_servers": elsewhere,
            "alive": self.alive,
            "unreadable": self.unreadable,
        });
        if let (Some(error), Some(map)) = (error, document.as_object_mut()) {
            map.insert("error".to_owned(), Report::of(error).as_json());
        }
        document
    }
}

impl Fate {
    const fn word(&self) -> &'static str {
        match self {
            Self::Destroyed => "destroyed",
            Self::WouldBeDestroyed => "would_be_destroyed",
            Self::Gone => "gone",
            Self::NotOurs(_) => "not_ours",
        }
    }

    fn sentence(&self, vmid: u32, name: &str) -> String {
        let name = Printable(name);
        match self {
            Self::Destroyed => format!("VM {vmid} ({name}) is destroyed"),
            Self::WouldBeDestroyed => format!("VM {vmid} ({name}) would be destroyed"),
            Self::Gone => format!("VM {vmid} ({name}) is gone already"),
            Self::NotOurs(Some(other)) => format!("VM {vmid} is `{}`, not ours; it stays", Printable(other)),
            Self::NotOurs(None) => format!("VM {vmid} is not ours; it stays"),
        }
    }
}

impl Draw for Summary {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        for (vmid, name, fate) in &self.fates {
            screen.paragraph(0, &fate.sentence(*vmid, name))?;
        }
        for (vmid, server) in &self.elsewhere {
            let text =
                format!("VM {vmid} was left on {}; run this with the settings of that server", Printable(server));
            screen.labelled("skipped: ", Tone::Warning, &text)?;
        }
        if self.alive > 0 {
            screen
                .paragraph(0, &format!("{} test VM(s) belong to runs that are still alive; they stay", self.alive))?;
        }
        for path in &self.unreadable {
            screen.labelled("skipped: ", Tone::Warning, &format!("{} is no journal entry", Printable(path)))?;
        }
        if self.fates.is_empty() && self.left.is_empty() && self.elsewhere.is_empty() {
            screen.line("nothing was left behind")?;
        }
        Ok(())
    }
}
