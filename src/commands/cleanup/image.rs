//! The image that an interrupted `template create` asked for.

use super::removal::CleanupRun;
use super::summary::{ImageFate, LeftImage};
use crate::error::{CleanupError, Doing, Error, Operation};
use crate::journal::Record;
use crate::model::{NodeName, Upid};

impl CleanupRun<'_> {
    /// Looks for the image that an interrupted `template create` asked for. It is only listed: its name alone does not
    /// prove who created it.
    pub(super) async fn look_for_image(&self, record: &Record) -> Option<LeftImage> {
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
}
