//! The calls about tasks.

use serde_json::Value;

use crate::model::{Foreign, NodeName, Upid};
use crate::pve::lenient::{as_number, field_text, object};
use crate::pve::values::task::TaskEntry;
use crate::pve::values::{ActiveTask, TaskStatus};
use crate::pve::{ApiError, Pve};

/// The server lists 50 tasks unless it is asked for more. A node on which many VMs are cloned has more, and a caller with
/// Sys.Audit is shown those of all users.
const MAX_ACTIVE_TASKS: &str = "2000";

impl Pve {
    /// Reads the state of a task. Only its owner may, or a caller with Sys.Audit.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn task_status(&self, upid: &Upid) -> Result<TaskStatus, ApiError> {
        let path = ["nodes", upid.node().as_str(), "tasks", upid.as_str(), "status"];
        let data = self.transport.get_once(&path, &[]).await?;
        object(data).ok_or_else(|| self.unexpected("the status of the task is missing"))
    }

    /// Reads the log of a task from a line on, counted from 0; returns its lines.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn task_log(&self, upid: &Upid, start: usize, limit: usize) -> Result<Vec<Foreign>, ApiError> {
        let path = ["nodes", upid.node().as_str(), "tasks", upid.as_str(), "log"];
        let (from, limit) = (start.to_string(), limit.to_string());
        let data = self.transport.get_once(&path, &[("start", &from), ("limit", &limit)]).await?;
        // The log of a task that is not known is one line, and no list, up to Proxmox VE 8.
        let data = if data.is_object() { Value::Array(vec![data]) } else { data };
        let mut lines = self.list(data, "the log of the task", |line| {
            let number = line.get("n").and_then(as_number)?;
            Some((number, field_text(&line, "t").unwrap_or_default()))
        })?;
        // A log that became shorter has no new lines.
        lines.retain(|(number, _)| *number > start as u64);
        lines.sort_by_key(|(number, _)| *number);
        Ok(lines.into_iter().map(|(_, text)| text).collect())
    }

    /// Lists the tasks of this caller's user that run on a node.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn active_tasks(&self, node: &NodeName) -> Result<Vec<ActiveTask>, ApiError> {
        let path = ["nodes", node.as_str(), "tasks"];
        let query = [("source", "active"), ("limit", MAX_ACTIVE_TASKS)];
        self.rows(&path, &query, "the list of tasks", TaskEntry::active).await
    }

    /// Lists the newest tasks of one kind of this caller's user on a node, those that have ended as well.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn tasks_of_kind(&self, node: &NodeName, kind: &str) -> Result<Vec<Upid>, ApiError> {
        let path = ["nodes", node.as_str(), "tasks"];
        let query = [("source", "all"), ("typefilter", kind)];
        self.rows(&path, &query, "the list of tasks", |task: TaskEntry| task.upid).await
    }
}
