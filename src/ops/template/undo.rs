//! Removes what an unfinished template left, if this run is known to have created it, and lists the rest.

use crate::error::{CleanupError, Doing, Error, Operation, TemplateError};
use crate::model::Upid;
use crate::ops::template::build::{Build, BuildPhase, TemplateVm};
use crate::ops::template::options::ImageDisposal;
use crate::ops::template::owned::ImageOwnership;
use crate::ops::test_vm::ownership::VmState;
use crate::ops::test_vm::receipt::Receipt;
use crate::ops::test_vm::remove::Remover;
use crate::ops::test_vm::task_wait::{OnSignal, ROLLBACK_TIMEOUT, abort, wait_until_stopped};
use crate::pve::task::LogDetail;
use crate::ui::Printable;

impl Build<'_> {
    /// Removes everything that this run created. What cannot be removed, or may belong to others, stays recorded.
    pub(crate) async fn clean_up(&mut self) -> Result<(), Error> {
        self.end_tasks().await?;
        let vm = self.clean_up_vm().await;
        let image = self.clean_up_image().await;
        let kept = matches!(&self.created.image, ImageOwnership::Ours(_)) && self.afterwards == ImageDisposal::Keep;
        if kept {
            self.warn(format!("image kept as requested: {}", Printable(self.image_location().volume)));
        }
        if self.created.image == ImageOwnership::Replaced {
            self.warn(format!("{}; not deleted", Printable(&self.unconfirmed_image())));
            self.created.image = ImageOwnership::Nothing;
        }
        let is_all_clear = self.created.vm.is_none() && (kept || self.created.image == ImageOwnership::Nothing);
        if is_all_clear && let Some(entry) = self.created.entry.take() {
            entry.close()?;
        }
        vm.and(image)
    }

    /// Ends the task that is under way, and those of which the answer was lost.
    async fn end_tasks(&mut self) -> Result<(), Error> {
        match self.created.task.take() {
            // A resize or conversion is quick, and an interrupted one would leave the disk in an unknown state.
            Some(upid) if matches!(upid.kind(), "qmtemplate" | "resize") => self.wait_for_task(&upid).await,
            Some(upid) => {
                abort(self.pve, self.session, &upid).await?;
                self.wait_for_task(&upid).await
            }
            // Where an answer was lost, a task may run of which only the list of tasks knows.
            None => self.wait_for_unanswered().await,
        }
    }

    /// Waits until a task has stopped. One that has put the image on its storage all the same makes it this run's.
    async fn wait_for_task(&mut self, upid: &Upid) -> Result<(), Error> {
        wait_until_stopped(self.pve, self.session, upid, &Operation::ReadTasks).await?;
        if self.created.image != ImageOwnership::Unconfirmed || !matches!(upid.kind(), "download" | "imgcopy") {
            return Ok(());
        }
        let status = self.pve.task_status(upid).await;
        let status = status.doing(Operation::ReadTasks)?;
        if status.exit_status.is_some_and(|it| it == "OK") { self.verify_image(upid).await } else { Ok(()) }
    }

    /// Waits for tasks that make the VM or fetch the image: what they create shows whose they are, once they end.
    async fn wait_for_unanswered(&mut self) -> Result<(), Error> {
        if self.created.image == ImageOwnership::Unconfirmed
            && let Some(upid) = self.image_location().task().await?
        {
            self.wait_for_task(&upid).await?;
        }
        let Some(TemplateVm { vmid, .. }) = self.created.vm else { return Ok(()) };
        let tasks = self.pve.active_tasks(&self.plan.node).await;
        let tasks = tasks.doing(Operation::ReadTasks)?;
        let is_of_vm = |upid: &Upid| matches!(upid.kind(), "qmcreate" | "resize") && upid.id() == vmid.to_string();
        for task in tasks.iter().filter(|task| is_of_vm(&task.upid)) {
            wait_until_stopped(self.pve, self.session, &task.upid, &Operation::ReadTasks).await?;
        }
        Ok(())
    }

    /// Deletes the VM, if it carries the marker; any other VM with that VMID stays.
    async fn clean_up_vm(&mut self) -> Result<(), Error> {
        let Some(TemplateVm { vmid, phase }) = self.created.vm else { return Ok(()) };
        let search = self.ownership_check();
        let standing = match phase {
            BuildPhase::Unanswered => search.inspect_unanswered(vmid, ROLLBACK_TIMEOUT).await?,
            BuildPhase::Begun | BuildPhase::Made => search.inspect_until_settled(vmid, ROLLBACK_TIMEOUT).await?,
        };
        let removed = match standing {
            VmState::Ours(..) => {
                let remover = Remover { search, timeout: self.timeout, log_detail: LogDetail::Usual };
                let mut receipt = Receipt::default();
                let removed = remover.remove(vmid, &mut receipt).await;
                receipt.warnings.into_iter().for_each(|warning| self.warn(warning));
                removed
            }
            VmState::Foreign(_) | VmState::Unfinished(_) if phase == BuildPhase::Made => {
                Err(Error::Cleanup(CleanupError::ChangedByOthers { vmid }))
            }
            // The server has begun to make it for this run, and its task ended without an end.
            VmState::Unfinished(node) if phase == BuildPhase::Begun => {
                Err(Error::Cleanup(CleanupError::StuckClone { vmid, node }))
            }
            VmState::Missing | VmState::Foreign(_) | VmState::Unfinished(_) => Ok(Vec::new()),
            VmState::Hidden(refused) => Err(Error::server(Operation::ReadVm(vmid), *refused)),
        };
        match removed {
            Ok(disks) => self.created.disks = disks,
            Err(taken @ Error::Cleanup(CleanupError::ChangedByOthers { .. })) => {
                self.warn(format!("{taken}; not deleted"))
            }
            Err(why) => return Err(why),
        }
        self.created.vm = None;
        match &mut self.created.entry {
            Some(entry) => Ok(entry.update(|record| record.vmids.clear())?),
            None => Ok(()),
        }
    }

    /// Removes the image, if a task of this run put it there, it is as it was then, and it is not to stay.
    pub(crate) async fn clean_up_image(&mut self) -> Result<(), Error> {
        if self.created.image == ImageOwnership::Nothing {
            return Ok(());
        }
        let Some(there) = self.image_location().listed().await? else {
            self.created.image = ImageOwnership::Nothing;
            return Ok(());
        };
        match &self.created.image {
            ImageOwnership::Ours(made) if *made == there => {}
            ImageOwnership::Ours(_) | ImageOwnership::Replaced => {
                self.created.image = ImageOwnership::Replaced;
                return Ok(());
            }
            ImageOwnership::Nothing | ImageOwnership::Unconfirmed => return Ok(()),
        }
        if self.afterwards == ImageDisposal::Keep {
            return Ok(());
        }
        let place = self.image_location();
        let operation = Operation::RemoveImage(place.volume.to_owned());
        let asked = self.pve.remove_image(place.node, place.storage, place.volume).await;
        let upid = asked.doing(operation.clone())?;
        self.watcher(OnSignal::Nothing).wait(&upid, &operation).await?;
        self.created.image = ImageOwnership::Nothing;
        Ok(())
    }

    /// Says that an image of this run's name is there, or may be, and that it is not known to be this run's.
    pub(crate) fn unconfirmed_image(&self) -> String {
        let volume = self.image_location().volume;
        match &self.created.image {
            ImageOwnership::Replaced => format!("the image {volume} is not the one that this run stored"),
            ImageOwnership::Nothing | ImageOwnership::Unconfirmed | ImageOwnership::Ours(_) => {
                format!(
                    "an image with this name may remain: {volume}; not deleted, because this run may not have stored it"
                )
            }
        }
    }

    /// Names what could not be removed, and returns lines for what is known to be this run's.
    pub(crate) fn with_leftovers(&self, why: Error) -> Error {
        let (mut left, mut lines) = (Vec::new(), Vec::new());
        if let Some(TemplateVm { vmid, .. }) = self.created.vm {
            left.push(format!("VM {vmid} ({}) may still exist", self.plan.name));
            // Its owner is checked before it is removed.
            let line = || format!("glassdome cleanup --vmid {vmid}");
            lines.push(self.created.entry.as_ref().map_or_else(line, |_| "glassdome cleanup".to_owned()));
        }
        for disk in &self.created.disks {
            left.push(format!("disk {disk} could not be deleted"));
            lines.push(format!("pvesm free {}", disk.shell_quoted()));
        }
        match &self.created.image {
            ImageOwnership::Ours(image) if self.afterwards == ImageDisposal::Remove => {
                left.push(format!("the image {} may still exist", image.volume));
                lines.push(format!("pvesm free {}", image.volume.shell_quoted()));
            }
            ImageOwnership::Unconfirmed => left.push(self.unconfirmed_image()),
            ImageOwnership::Nothing | ImageOwnership::Replaced | ImageOwnership::Ours(_) => {}
        }
        if left.is_empty() { why } else { TemplateError::Left { why: Box::new(why), left, lines }.into() }
    }
}
