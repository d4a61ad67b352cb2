//! Makes a template step by step; if a step fails or is interrupted, what was made is removed.

mod image_transfer;
mod vm_steps;

use crate::error::{Error, Operation, RunError};
use crate::journal::{Journal, JournalEntry, Record};
use crate::model::{DiskSize, Foreign, Marker, Upid, VmId};
use crate::ops::template::image::{ImageSource, ImageSpec};
use crate::ops::template::options::ImageDisposal;
use crate::ops::template::owned::{ImageLocation, ImageOwnership};
use crate::ops::template::plan::TemplatePlan;
use crate::ops::test_vm::ownership::OwnershipCheck;
use crate::ops::test_vm::task_wait::{OnSignal, TaskWaiter};
use crate::pve::Pve;
use crate::pve::task::LogDetail;
use crate::session::Session;
use crate::ui::Printable;
use std::time::Duration;

use time::format_description::well_known::Rfc3339;

/// The disk of the VM.
const DISK: &str = "scsi0";

/// The drive for cloud-init.
const CLOUD_INIT: &str = "ide2";

/// How often another VMID is tried after another client took one.
const MAX_VMID_ATTEMPTS: usize = 20;

/// How often the progress of an upload is shown anew.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// One template in the making.
pub(crate) struct Build<'a> {
    pub(crate) pve: &'a Pve,
    pub(crate) session: &'a Session,
    pub(crate) plan: &'a TemplatePlan,
    wanted: &'a ImageSpec,
    sha256: Option<&'a str>,
    pub(crate) timeout: Duration,
    journal: Option<&'a Journal>,
    marker: Marker,
    pub(crate) afterwards: ImageDisposal,
    volume: String,
    /// The drives that the VM is made with, by their slots.
    drives: Vec<String>,
    pub(crate) created: BuildProgress,
}

/// What was asked of the server so far: all that clean-up needs to know.
#[derive(Default)]
pub(crate) struct BuildProgress {
    pub(crate) entry: Option<JournalEntry>,
    pub(crate) task: Option<Upid>,
    pub(crate) image: ImageOwnership,
    pub(crate) vm: Option<TemplateVm>,
    /// VMIDs that the server refused.
    lost: Vec<VmId>,
    /// Disks that the server could not remove together with their VM.
    pub(crate) disks: Vec<Foreign>,
}

/// A VM that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TemplateVm {
    pub(crate) vmid: VmId,
    pub(crate) phase: BuildPhase,
}

/// How far a VM is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuildPhase {
    /// It was asked for, and the answer is not there, or was lost.
    Unanswered,
    /// The server has begun to make it.
    Begun,
    /// The task of this run that makes it has ended well.
    Made,
}

/// What was made, and what is on the storage beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildResult {
    /// The number of the template.
    pub(crate) vmid: VmId,
    /// The size of its disk.
    pub(crate) disk_size: Option<DiskSize>,
    /// The volume ID of the image, where it is kept as it was asked for.
    pub(crate) kept_image: Option<String>,
    /// The volume IDs of what could not be removed, or is not known to be this run's.
    pub(crate) left_behind: Vec<String>,
}

/// What a template is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BuildInput<'a> {
    /// Where and how.
    pub(crate) plan: &'a TemplatePlan,
    /// The image.
    pub(crate) wanted: &'a ImageSpec,
    /// Its checksum, if it is known.
    pub(crate) sha256: Option<&'a str>,
}

impl<'a> Build<'a> {
    /// Prepares the making.
    pub(crate) fn new(
        pve: &'a Pve,
        session: &'a Session,
        input: BuildInput<'a>,
        timeout: Duration,
        journal: Option<&'a Journal>,
    ) -> Self {
        let BuildInput { plan, wanted, sha256 } = input;
        let nonce = Marker::new(None).nonce;
        let marker = Marker { name: plan.name.clone(), nonce };
        let (afterwards, volume, created) = (ImageDisposal::Remove, plan.volume(), BuildProgress::default());
        let drives = [DISK, CLOUD_INIT].map(str::to_owned).to_vec();
        Self { pve, session, plan, wanted, sha256, timeout, journal, marker, afterwards, volume, drives, created }
    }

    /// Makes it. The image is removed at the end, unless it is to stay. A second interrupt ends it at once, and reports
    /// what may be left.
    pub(crate) async fn make(mut self, image: ImageDisposal) -> Result<BuildResult, Error> {
        self.afterwards = image;
        let interrupts = self.session.interrupts.clone();
        let ended = tokio::select! {
            ended = self.build_or_clean_up() => Ok(ended),
            signal = interrupts.second() => Err(signal),
        };
        ended.unwrap_or_else(|signal| Err(self.with_leftovers(Error::Run(RunError::Abandoned { signal, left: None }))))
    }

    async fn build_or_clean_up(&mut self) -> Result<BuildResult, Error> {
        match self.steps().await {
            Ok(made) => self.finish_image(made).await,
            Err(why) => {
                // `CreatedResources` reports what is left.
                let _ = self.clean_up().await;
                Err(self.with_leftovers(why))
            }
        }
    }

    /// Deletes the image after the template is created, or reports that it is still there.
    async fn finish_image(&mut self, made: BuildResult) -> Result<BuildResult, Error> {
        let cleared = self.clean_up_image().await;
        if let Err(why) = &cleared {
            self.warn(format!("the image {} could not be deleted: {why}", Printable(&self.volume)));
        }
        let mut made = made;
        match &self.created.image {
            ImageOwnership::Nothing => {}
            ImageOwnership::Ours(image) if self.afterwards == ImageDisposal::Keep => {
                made.kept_image = Some(image.volume.to_string());
            }
            ImageOwnership::Ours(_) => made.left_behind.push(self.volume.clone()),
            ImageOwnership::Replaced => self.warn(format!("{}; not deleted", Printable(&self.unconfirmed_image()))),
            ImageOwnership::Unconfirmed => {
                if cleared.is_ok() {
                    self.warn(format!("{}; not deleted", Printable(&self.unconfirmed_image())));
                }
                made.left_behind.push(self.volume.clone());
            }
        }
        if made.left_behind.is_empty()
            && let Some(entry) = self.created.entry.take()
        {
            entry.close()?;
        }
        Ok(made)
    }

    async fn steps(&mut self) -> Result<BuildResult, Error> {
        match &self.wanted.origin {
            ImageSource::Address(url) => self.fetch(url).await?,
            ImageSource::File(path) => self.send(path).await?,
        }
        self.say(format!("{} is on the server", Printable(&self.volume)));
        let vmid = self.create().await?;
        self.say(format!("VM {vmid} ({}) has its disk on {}", self.plan.name, self.plan.disk_storage));
        self.resize_disk(vmid).await?;
        let disk_size = self.convert(vmid).await?;
        self.say(format!("VM {vmid} is a template"));
        Ok(BuildResult { vmid, disk_size, kept_image: None, left_behind: Vec::new() })
    }

    /// Takes the VM out of the journal: from now on it is a template like any other.
    fn forget_vm(&mut self) {
        let forgotten = self.created.entry.as_mut().map(|entry| entry.update(|record| record.vmids.clear()));
        if let Some(Err(why)) = forgotten {
            self.warn(why.to_string());
        }
    }

    fn record(&self) -> Record {
        Record {
            server: self.plan.server.clone(),
            node: self.plan.node.to_string(),
            target: self.plan.node.to_string(),
            template: self.plan.vmid.number(),
            vmids: Vec::new(),
            upid: None,
            name: self.marker.name.clone(),
            nonce: self.marker.nonce.clone(),
            made: self.session.clock.utc().format(&Rfc3339).unwrap_or_default(),
            image: Some(self.volume.clone()),
            drives: Some(self.drives.clone()),
        }
    }

    async fn watch(&mut self, upid: Upid, operation: &Operation) -> Result<(), Error> {
        self.created.task = Some(upid.clone());
        let watched = self.watcher(OnSignal::Signals).wait(&upid, operation).await;
        if watched.as_ref().err().is_none_or(Error::is_task_over) {
            self.created.task = None;
        }
        watched.map(drop)
    }

    pub(crate) fn image_location(&self) -> ImageLocation<'_> {
        let (node, storage) = (&self.plan.node, self.plan.image_storage.as_str());
        ImageLocation { pve: self.pve, node, storage, image: &self.plan.image, volume: &self.volume }
    }

    pub(crate) fn ownership_check(&self) -> OwnershipCheck<'_> {
        OwnershipCheck {
            pve: self.pve,
            session: self.session,
            source: &self.plan.node,
            target: &self.plan.node,
            template: None,
            marker: &self.marker,
            drives: Some(self.drives.as_slice()),
        }
    }

    pub(crate) const fn watcher(&self, on_signal: OnSignal) -> TaskWaiter<'_> {
        let (timeout, log_detail) = (self.timeout, LogDetail::Usual);
        TaskWaiter { pve: self.pve, session: self.session, timeout, on_signal, log_detail }
    }

    fn say(&self, text: String) {
        self.session.note(text);
    }

    pub(crate) fn warn(&self, text: String) {
        self.session.warn(text);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of a hundred is all that is shown")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64 * 100.0
}
