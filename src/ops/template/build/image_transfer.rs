//! Gets the image onto the server: downloaded by the server, or uploaded.

use super::{Build, REDRAW_INTERVAL, share};
use crate::error::{Doing, Error, Operation, RunError, TemplateError};
use crate::model::Upid;
use crate::ops::creation::create_once;
use crate::ops::template::owned::ImageOwnership;
use crate::ops::test_vm::task_wait::require_uninterrupted;
use crate::pve::{self, FetchRequest, Upload};
use crate::ui::{Printable, Progress};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

impl Build<'_> {
    pub(super) async fn fetch(&mut self, url: &str) -> Result<(), Error> {
        require_uninterrupted(self.session)?;
        let operation = Operation::FetchImage(self.plan.image.clone());
        let request = FetchRequest {
            url: url.to_owned(),
            filename: self.plan.image.clone(),
            sha256: self.sha256.map(str::to_owned),
        };
        self.journal_image()?;
        let ask = async || self.pve.fetch_image(&self.plan.node, &self.plan.image_storage, &request).await;
        let asked = create_once(self.session, ask, async || self.image_location().is_absent().await).await;
        self.watch_image(asked, &operation).await
    }

    pub(super) async fn send(&mut self, path: &Path) -> Result<(), Error> {
        require_uninterrupted(self.session)?;
        let operation = Operation::SendImage(self.plan.image.clone());
        self.journal_image()?;
        let asked = self.upload(path, &operation).await?;
        self.session.ui.end_progress(&operation.to_string());
        self.watch_image(asked, &operation).await
    }

    /// Sends the file and shows how far that is. The inner error is the server's.
    async fn upload(&self, path: &Path, operation: &Operation) -> Result<Result<Upid, pve::ApiError>, Error> {
        let sent = Arc::new(AtomicU64::new(0));
        let upload = Upload { path, filename: &self.plan.image, sha256: self.sha256, sent: Arc::clone(&sent) };
        let whole = std::fs::metadata(path).map_or(0, |file| file.len()).max(1);
        let (session, began) = (self.session, self.session.clock.now());
        let task = operation.to_string();
        let ask = async || {
            sent.store(0, Ordering::Relaxed);
            self.pve.upload_image(&self.plan.node, &self.plan.image_storage, &upload).await
        };
        let sending = create_once(session, ask, async || self.image_location().is_absent().await);
        tokio::pin!(sending);
        loop {
            tokio::select! {
                asked = &mut sending => return Ok(asked),
                signal = session.interrupts.first() => return Err(Error::Run(RunError::Interrupted { signal })),
                () = session.clock.sleep(REDRAW_INTERVAL) => {
                    let seconds = session.clock.now().duration_since(began).as_secs_f64();
                    let percent = Some(share(sent.load(Ordering::Relaxed), whole));
                    let (task, detail) = (task.clone(), String::new());
                    session.ui.progress(&Progress { task, what: operation.in_progress(), seconds, percent, detail });
                }
            }
        }
    }

    /// Notes the image on disk before it is asked for.
    pub(super) fn journal_image(&mut self) -> Result<(), Error> {
        self.created.entry = self.journal.map(|journal| journal.open(self.record())).transpose()?;
        self.created.image = ImageOwnership::Unconfirmed;
        Ok(())
    }

    /// Waits for the task that puts the image on its storage: only then it is this run's.
    pub(super) async fn watch_image(
        &mut self,
        asked: Result<Upid, pve::ApiError>,
        operation: &Operation,
    ) -> Result<(), Error> {
        if asked.as_ref().is_err_and(|why| !why.is_outcome_unknown()) {
            self.created.image = ImageOwnership::Nothing;
        }
        let upid = asked.doing(operation.clone())?;
        match self.watch(upid.clone(), operation).await {
            Ok(()) => self.verify_image(&upid).await,
            Err(why) => {
                if why.is_file_taken() {
                    self.created.image = ImageOwnership::Nothing;
                    self.warn(format!("{} was there before; not deleted", Printable(&self.volume)));
                }
                Err(why)
            }
        }
    }

    /// Notes how the storage lists the image that a task of this run has just put there.
    pub(crate) async fn verify_image(&mut self, upid: &Upid) -> Result<(), Error> {
        let made = self.image_location().made_by(upid).await?;
        let is_there = made.is_some();
        self.created.image = made.map_or(ImageOwnership::Replaced, ImageOwnership::Ours);
        if is_there { Ok(()) } else { Err(self.image_changed()) }
    }

    /// Fails once the image is another one than that which this run put there.
    pub(super) async fn check_image(&mut self) -> Result<(), Error> {
        let listed = self.image_location().listed().await?;
        if listed.is_some_and(|image| self.created.image == ImageOwnership::Ours(image)) {
            return Ok(());
        }
        self.created.image = ImageOwnership::Replaced;
        Err(self.image_changed())
    }

    pub(super) fn image_changed(&self) -> Error {
        TemplateError::ImageChanged { volume: self.volume.clone() }.into()
    }
}
