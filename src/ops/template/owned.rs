//! The image of one run: it belongs to this run once a task of this run has created it, and only as long as it is
//! unchanged.

use crate::error::{Doing, Error, Operation};
use crate::model::{Foreign, NodeName, Upid};
use crate::pve::{Image, Pve};

/// How many of the newest tasks are looked at to find one whose answer was lost.
const MAX_TASKS: usize = 10;

/// The lines at the beginning of a task's log in which it names its file, and how large that is.
const LOG_BEGINNING: usize = 20;

/// What is known of the image that a run asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum ImageOwnership {
    /// Nothing was asked for, or nothing is left of it.
    #[default]
    Nothing,
    /// It was asked for, and no task is known to have made it.
    Unconfirmed,
    /// A task of this run made it; the storage listed it like this afterwards.
    Ours(Image),
    /// A task of this run made it, and it was replaced or removed since.
    Replaced,
}

/// Where the image of a run is.
#[derive(Clone, Copy)]
pub(crate) struct ImageLocation<'a> {
    /// The server.
    pub(crate) pve: &'a Pve,
    /// The node.
    pub(crate) node: &'a NodeName,
    /// The storage.
    pub(crate) storage: &'a str,
    /// The name of the file.
    pub(crate) image: &'a str,
    /// The volume ID.
    pub(crate) volume: &'a str,
}

impl ImageLocation<'_> {
    /// Looks how the storage lists the image at this moment.
    pub(crate) async fn listed(&self) -> Result<Option<Image>, Error> {
        let listed = self.pve.images(self.node, self.storage).await;
        let listed = listed.doing(Operation::ReadImages(self.storage.to_owned()))?;
        Ok(listed.into_iter().find(|image| image.volume == self.volume))
    }

    /// Returns whether no request of this run may have put the image there: it is not listed, and no task that would do
    /// it runs.
    pub(crate) async fn is_absent(&self) -> Result<bool, Error> {
        if let Some(upid) = self.task().await?
            && !self.pve.task_status(&upid).await.doing(Operation::ReadTasks)?.is_stopped()
        {
            return Ok(false);
        }
        Ok(self.listed().await?.is_none())
    }

    /// Looks how the storage lists the image that a task has put there; `None` if it is not the image of that task.
    pub(crate) async fn made_by(&self, upid: &Upid) -> Result<Option<Image>, Error> {
        // Without the log, the size is not known, but everything else is.
        let log = self.pve.task_log(upid, 0, LOG_BEGINNING).await.unwrap_or_default();
        let (made, listed) = (size_in(&log), self.listed().await?);
        let is_other = |image: &Image| image.size.zip(made).is_some_and(|(listed, made)| listed != made);
        Ok(listed.filter(|image| !is_other(image)))
    }

    /// Finds the task that puts the image there, where the answer that would have named it was lost: a download carries
    /// the name of the file, an upload logs it.
    pub(crate) async fn task(&self) -> Result<Option<Upid>, Error> {
        let failed = |source| Error::server(Operation::ReadTasks, source);
        let downloads = self.pve.tasks_of_kind(self.node, "download").await.map_err(failed)?;
        if let Some(upid) = downloads.into_iter().find(|upid| upid.id() == self.image) {
            return Ok(Some(upid));
        }
        let uploads = self.pve.tasks_of_kind(self.node, "imgcopy").await.map_err(failed)?;
        for upid in uploads.into_iter().take(MAX_TASKS) {
            // Some callers see other users' tasks, but not their logs.
            let log = self.pve.task_log(&upid, 0, LOG_BEGINNING).await.unwrap_or_default();
            if log.iter().any(|line| is_target(line, self.image)) {
                return Ok(Some(upid));
            }
        }
        Ok(None)
    }
}

/// Returns whether a line of an upload's log names this file as its target.
fn is_target(line: &Foreign, image: &str) -> bool {
    line.starts_with("target file: ") && line.ends_with(&format!("/{image}"))
}

/// Finds in the log of a download or an upload how many bytes the file has.
fn size_in(log: &[Foreign]) -> Option<u64> {
    let of_line = |line: &Foreign| {
        let fetched = line.between("Length: ", " (").and_then(|size| size.parse().ok());
        fetched.or_else(|| line.parse_behind("file size is: "))
    };
    // Where an address led to another one, the last line is about the file.
    log.iter().rev().find_map(of_line)
}

#[cfg(test)]
mod tests {
    use super::{is_target, size_in};
    use crate::model::Foreign;

    #[test]
    fn the_log_of_a_task_tells_how_large_its_file_is() {
        let log = |lines: &[&str]| lines.iter().map(|line| Foreign::new(*line)).collect::<Vec<_>>();
        for (lines, size) in [
            (&["Length: 314900480 (300M) [application/octet-stream]", "Saving to: 'x'"][..], Some(314_900_480)),
            (&["Length: 162 [text/html]", "Length: 2048 (2.0K) [application/octet-stream]"], Some(2048)),
            (&["target node: pve", "file size is: 2048", "command: cp -- a b"], Some(2048)),
            (&["Length: unspecified [application/octet-stream]"], None),
            (&["Length: "], None),
            (&[], None),
        ] {
            assert_eq!(size_in(&log(lines)), size, "{lines:?}");
        }
    }

    #[test]
    fn an_upload_names_its_file_in_its_log() {
        for (line, is_it) in [
            ("target file: /var/lib/vz/import/glassdome-a-1.qcow2", true),
            ("target file: /var/lib/vz/import/x-glassdome-a-1.qcow2", false),
            ("target file: /var/lib/vz/import/glassdome-a-1.qcow2.tmp", false),
            ("command: cp -- /var/tmp/pveupload-1 /var/lib/vz/import/glassdome-a-1.qcow2", false),
            ("target node: pve", false),
            ("", false),
        ] {
            assert_eq!(is_target(&Foreign::new(line), "glassdome-a-1.qcow2"), is_it, "{line}");
        }
    }
}
