//! Reply types of tasks.

use crate::model::{Foreign, Upid};
use crate::pve::lenient::{lenient, parsed, text};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TaskStatus {
    #[serde(rename = "status", deserialize_with = "stopped_or_running")]
    is_stopped: bool,
    /// How it ended, once it has.
    #[serde(rename = "exitstatus", default, deserialize_with = "lenient")]
    pub exit_status: Option<Foreign>,
}

/// The server knows these two alone; anything else would be waited for without end.
fn stopped_or_running<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let status = text(deserializer)?;
    let is_stopped = status == "stopped";
    if is_stopped || status == "running" { Ok(is_stopped) } else { Err(D::Error::custom("unknown status")) }
}

impl TaskStatus {
    /// Returns whether it has ended.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.is_stopped
    }
}

/// A task that runs on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveTask {
    /// Its ID.
    pub upid: Upid,
    /// What it does: `qmclone`, `qmstart` and others.
    pub kind: String,
}

/// An entry of a list of tasks.
#[derive(Deserialize)]
pub(in crate::pve) struct TaskEntry {
    #[serde(default, deserialize_with = "parsed")]
    pub(in crate::pve) upid: Option<Upid>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<Foreign>,
}

impl TaskEntry {
    /// Returns the task; `None` if it has ended.
    pub(in crate::pve) fn active(self) -> Option<ActiveTask> {
        let is_running = self.status.is_none_or(|status| status == "RUNNING" || status == "running");
        let upid = self.upid.filter(|_| is_running)?;
        Some(ActiveTask { kind: upid.kind().to_owned(), upid })
    }
}
