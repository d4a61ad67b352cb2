//! The identifier of a task.

use super::{InvalidId, NodeName};
use crate::model::Validated;
use crate::model::foreign::is_plain;
use std::fmt;
use std::str::FromStr;

/// The unique ID of a task: `UPID:node:pid:pstart:starttime:type:id:user:`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Upid {
    text: String,
    node: NodeName,
}

impl Upid {
    /// Returns the whole text, as calls want it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the node that the task runs on.
    #[must_use]
    pub const fn node(&self) -> &NodeName {
        &self.node
    }

    /// Returns what the task is about, most often a VMID.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text.split(':').nth(6).unwrap_or_default()
    }

    /// Returns the kind of the task, `qmclone` for example.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text.split(':').nth(5).unwrap_or_default()
    }
}

impl FromStr for Upid {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let parts: Vec<&str> = text.split(':').collect();
        let &["UPID", node, pid, pstart, starttime, kind, .., _user, ""] = parts.as_slice() else {
            return Err(InvalidId::Upid);
        };
        let is_hexadecimal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        // The user at its end may have any character that a user may have.
        let printable = text.chars().all(|it| is_plain(it) && !it.is_whitespace() && it != '/');
        if !is_hexadecimal(pid)
            || !is_hexadecimal(pstart)
            || !is_hexadecimal(starttime)
            || kind.is_empty()
            || !printable
        {
            return Err(InvalidId::Upid);
        }
        let node = node.parse().map_err(|_| InvalidId::Upid)?;
        Ok(Self { text: text.to_owned(), node })
    }
}

impl Validated for Upid {}

impl fmt::Display for Upid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}
