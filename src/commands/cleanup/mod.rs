//! `glassdome cleanup`: finishes what an interrupted run left behind, and touches nothing else.

mod summary;

use crate::cli::{Cleanup, Global, OutputFormat};
use crate::commands::{CommandFailure, options};
use crate::error::{CleanupError, Doing, Error, Operation, RunError};
use crate::journal::{JournalContents, JournalEntry, Record};
use crate::model::{Foreign, NodeName, Upid, VmId};
use crate::ops::ask;
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::inventory::vms;
use crate::ops::port::{PortUse, settle_port};
use crate::ops::test_vm::marked::{DEFAULT_NAME_PREFIX, MarkedVm, inspect, marked, may_be_marked};
use crate::ops::test_vm::ownership::{OwnershipCheck, VmState};
use crate::ops::test_vm::receipt::{LeftBehind, Receipt};
use crate::ops::test_vm::remove::Remover;
use crate::ops::token::notes;
use crate::pve::Vm;
use crate::pve::task::LogDetail;
use crate::session::Session;
use crate::settings::Key;
use crate::ui::prompt::ConfirmPrompt;
use crate::ui::{Heading, Printable};
use std::process::ExitCode;
use std::time::Duration;

use summary::{CleanupSummary, ImageFate, LeftImage, OtherServerEntry, VmOutcome};

/// Destroys what the journal proves to be ours on this server, and what was named and carries a marker.
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

/// The work on one server.
struct CleanupRun<'a> {
    session: &'a Session,
    connected: &'a Connected,
    is_dry: bool,
    timeout: Duration,
}

impl CleanupRun<'_> {
    /// Removes what the entries name, then what was named; the rest is listed.
    async fn remove_all(
        &self,
        ours: Vec<JournalEntry>,
        active: &[Record],
        here: &str,
        named: &[VmId],
        summary: &mut CleanupSummary,
    ) -> Result<(), Error> {
        let mut first_failure = Ok(());
        for mut entry in ours {
            match self.finish(&entry, summary).await {
                Ok(disks) => {
                    let image = self.look_for_image(&entry.record).await;
                    match &image {
                        _ if self.is_dry => {}
                        None => entry.close()?,
                        // The entry stays as long as its image does, so that it is not forgotten.
                        Some(_) => entry.update(|record| record.vmids.clear())?,
                    }
                    summary.images.extend(image);
                    let reported = disks.map_or(Ok(()), |disks| disks_left(summary, disks));
                    first_failure = first_failure.and(reported);
                }
                Err(why) => {
                    let error = left(&entry, summary, self.connected.diagnosed(why).await);
                    first_failure = first_failure.and(Err(error));
                }
            }
        }
        let pve = &self.connected.pve;
        let is_wanted = |vm: &Vm| named.contains(&vm.vmid) || may_be_marked(vm);
        let vms = vms(pve, &is_wanted).await.doing(Operation::ReadVms);
        let vms = match (vms, named.is_empty() && first_failure.is_err()) {
            (Ok(vms), _) => vms,
            // The first failure is reported.
            (Err(_), true) => return first_failure,
            (Err(why), false) => return first_failure.and(Err(why)),
        };
        let alive = |marked: &MarkedVm| {
            let is_it = |record: &&Record| record.server == here && marked.name == record.name;
            active.iter().any(|record| is_it(&record))
        };
        for vmid in named {
            let removed = self.remove_named(*vmid, &vms, &alive, summary).await;
            first_failure = first_failure.and(removed);
        }
        let reported: Vec<u32> = summary.outcomes.iter().map(|(vmid, ..)| *vmid).collect();
        for marked in marked(pve, &vms).await {
            let number = marked.vmid.number();
            if !named.contains(&marked.vmid) && !reported.contains(&number) {
                let outcome = if alive(&marked) { VmOutcome::Alive } else { VmOutcome::Listed };
                summary.marked.push((marked, outcome));
            }
        }
        first_failure
    }

    /// Removes a VM that was named, if it carries a marker and belongs to no run that is alive.
    async fn remove_named(
        &self,
        vmid: VmId,
        vms: &[Vm],
        is_alive: &dyn Fn(&MarkedVm) -> bool,
        summary: &mut CleanupSummary,
    ) -> Result<(), Error> {
        let Some(vm) = vms.iter().find(|vm| vm.vmid == vmid) else {
            return Err(Error::Cleanup(CleanupError::NoTestVm { vmid, name: None }));
        };
        let found = inspect(&self.connected.pve, vm).await?;
        let name = || Some(vm.name.clone());
        let Some(marked) = found else { return Err(Error::Cleanup(CleanupError::NoTestVm { vmid, name: name() })) };
        if is_alive(&marked) {
            summary.marked.push((marked, VmOutcome::Alive));
            return Err(Error::Cleanup(CleanupError::TestVmInUse { vmid }));
        }
        let Some(marker) = marked.marker() else {
            return Err(Error::Cleanup(CleanupError::NoTestVm { vmid, name: name() }));
        };
        if self.is_dry {
            summary.marked.push((marked, VmOutcome::WouldBeDestroyed));
            return Ok(());
        }
        if !self.is_confirmed(vmid, &marker.name).await? {
            summary.marked.push((marked, VmOutcome::Listed));
            return Ok(());
        }
        let (pve, session, node) = (&self.connected.pve, self.session, marked.node.clone());
        let search = OwnershipCheck {
            pve,
            session,
            source: &node,
            target: &node,
            template: None,
            marker: &marker,
            drives: None,
        };
        session.note(format!("deleting VM {vmid} ({})", Printable(&marker.name)));
        match self.remove(search, vmid).await {
            Ok(disks) => {
                summary.marked.push((marked, VmOutcome::Destroyed));
                let (vmid, node, name) = (vmid.number(), node.to_string(), marker.name);
                disks_left(summary, LeftBehind { vmid, node, name, disks })
            }
            Err(why) => {
                let (vmid, node, name) = (vmid.number(), node.to_string(), marker.name);
                let left = LeftBehind { vmid, node: node.clone(), name: name.clone(), disks: Vec::new() };
                summary.left.push(left);
                Err(Error::Cleanup(CleanupError::LeftBehind { vmid, node, name, why: Box::new(why), failure: None }))
            }
        }
    }

    /// Asks before a VM is destroyed that is not called what a test VM usually is: it may have been taken over.
    async fn is_confirmed(&self, vmid: VmId, name: &str) -> Result<bool, Error> {
        if name.starts_with(DEFAULT_NAME_PREFIX) {
            return Ok(true);
        }
        let text = format!("VM {vmid} has the marker of a test VM but is named {}. Delete it?", Printable(name));
        let question = ConfirmPrompt::new(text).proposing_no();
        ask::confirm(self.session, question, || {
            Error::Cleanup(CleanupError::UnusualName { vmid, name: name.to_owned() })
        })
        .await
    }

    /// Looks for the image that a run which made a template asked for. It is only listed: the run is dead, and its name
    /// alone proves nothing.
    async fn look_for_image(&self, record: &Record) -> Option<LeftImage> {
        let volume = record.image.clone()?;
        let outcome = match self.image_fate(record, &volume).await {
            Ok(outcome) => outcome?,
            Err(why) => ImageFate::Unread(why.to_string()),
        };
        Some(LeftImage { volume, node: record.node.clone(), outcome })
    }

    async fn image_fate(&self, record: &Record, volume: &str) -> Result<Option<ImageFate>, Error> {
        let pve = &self.connected.pve;
        let node: NodeName = record.node.parse().map_err(|_| Error::Cleanup(CleanupError::InvalidEntry))?;
        let (storage, file) = volume.split_once(":import/").ok_or(Error::Cleanup(CleanupError::InvalidEntry))?;
        let tasks = pve.active_tasks(&node).await.doing(Operation::ReadTasks)?;
        let is_fetching = |upid: &Upid| upid.kind() == "imgcopy" || upid.kind() == "download" && upid.id() == file;
        if tasks.iter().any(|task| is_fetching(&task.upid)) {
            return Ok(Some(ImageFate::InProgress));
        }
        let images = pve.images(&node, storage).await;
        let images = images.doing(Operation::ReadImages(storage.to_owned()))?;
        Ok(images.iter().any(|image| image.volume == volume).then_some(ImageFate::Listed))
    }

    /// Removes what one entry names, and gives the disks that are left of it.
    async fn finish(&self, entry: &JournalEntry, summary: &mut CleanupSummary) -> Result<Option<LeftBehind>, Error> {
        let Self { session, connected, is_dry, timeout } = self;
        let (is_dry, timeout) = (*is_dry, *timeout);
        let marker = entry.record.marker();
        let node = |text: &str| text.parse::<NodeName>().map_err(|_| Error::Cleanup(CleanupError::InvalidEntry));
        let (source, target) = (node(&entry.record.node)?, node(&entry.record.target)?);
        let drives = entry.record.drives.as_deref();
        let search = OwnershipCheck {
            pve: &connected.pve,
            session,
            source: &source,
            target: &target,
            template: VmId::new(u64::from(entry.record.template)),
            marker: &marker,
            drives,
        };
        let mut disks = None;
        for (index, number) in entry.record.vmids.iter().enumerate() {
            let is_newest = index + 1 == entry.record.vmids.len();
            let vmid = VmId::new(u64::from(*number)).ok_or(Error::Cleanup(CleanupError::InvalidEntry))?;
            let standing = search.inspect_until_settled(vmid, timeout).await?;
            let outcome = match standing {
                VmState::Missing => VmOutcome::Gone,
                VmState::Foreign(name) => VmOutcome::NotOurs(name),
                // A VMID that another client took is theirs, whatever they do with it.
                VmState::Unfinished(_) | VmState::Hidden(_) if !is_newest => VmOutcome::NotOurs(None),
                VmState::Unfinished(node) => return Err(Error::Cleanup(CleanupError::StuckClone { vmid, node })),
                VmState::Hidden(refused) => return Err(Error::server(Operation::ReadVm(vmid), *refused)),
                VmState::Ours(..) if is_dry => VmOutcome::WouldBeDestroyed,
                VmState::Ours(..) => {
                    session.note(format!("deleting VM {vmid} ({})", Printable(&marker.name)));
                    let left = self.remove(search, vmid).await?;
                    if !left.is_empty() {
                        let (node, name) = (entry.record.target.clone(), marker.name.clone());
                        disks = Some(LeftBehind { vmid: *number, node, name, disks: left });
                    }
                    VmOutcome::Destroyed
                }
            };
            summary.outcomes.push((*number, marker.name.clone(), outcome));
        }
        Ok(disks)
    }

    /// Removes one VM, says what the server warned of, and gives the disks that it could not remove.
    async fn remove(&self, search: OwnershipCheck<'_>, vmid: VmId) -> Result<Vec<Foreign>, Error> {
        let mut receipt = Receipt::default();
        let remover = Remover { search, timeout: self.timeout, log_detail: LogDetail::Usual };
        let removed = remover.remove(vmid, &mut receipt).await;
        for warning in receipt.warnings {
            self.session.warn(warning);
        }
        removed
    }
}

/// Notes the disks that are left of a VM which is gone; the error where there are any.
fn disks_left(summary: &mut CleanupSummary, left: LeftBehind) -> Result<(), Error> {
    if left.disks.is_empty() {
        return Ok(());
    }
    summary.left.push(left.clone());
    let LeftBehind { vmid, node, name, disks } = left;
    Err(Error::Cleanup(CleanupError::DisksLeft { vmid, node, name, disks, failure: None }))
}

/// Notes a VM that could not be removed; its entry stays for another try.
fn left(entry: &JournalEntry, summary: &mut CleanupSummary, why: Error) -> Error {
    let left = LeftBehind {
        vmid: entry.record.vmids.last().copied().unwrap_or_default(),
        node: entry.record.target.clone(),
        name: entry.record.name.clone(),
        disks: Vec::new(),
    };
    summary.left.push(left.clone());
    Error::Cleanup(CleanupError::LeftBehind {
        vmid: left.vmid,
        node: left.node,
        name: left.name,
        why: Box::new(why),
        failure: None,
    })
}
