//! Why a call is refused, before it becomes an answer.

use std::collections::BTreeMap;

/// A call that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The caller lacks a privilege; what is said of it is in brackets.
    Forbidden(Option<String>),
    /// Parameters are wrong, each with the reason.
    Invalid(BTreeMap<String, String>),
    /// The server failed at it and says so.
    Failed(String),
    /// A log-in was refused.
    NotLoggedIn,
    /// The server answers with a status and reason phrase alone.
    Status {
        /// The status.
        status: u16,
        /// The reason phrase.
        reason: String,
    },
}

impl Refusal {
    /// Refuses for want of one privilege, or of one out of several.
    pub(crate) fn lacking(path: &str, privileges: &[&str]) -> Self {
        Self::Forbidden(Some(format!("{path}, {}", privileges.join("|"))))
    }

    /// Refuses one parameter.
    pub(crate) fn parameter(name: &str, why: impl Into<String>) -> Self {
        Self::Invalid(BTreeMap::from([(name.to_owned(), why.into())]))
    }

    /// Says what was being done when it failed; whatever it was, it is the server's failure then.
    pub(crate) fn while_doing(self, what: &str) -> Self {
        Self::Failed(format!("{what}: {}", self.text()))
    }

    /// Says it in one text, as a task's log does.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Failed(why) => why.clone(),
            Self::Forbidden(None) => "403 Permission check failed".to_owned(),
            Self::Forbidden(Some(what)) => format!("403 Permission check failed ({what})"),
            Self::Invalid(errors) => {
                let lines = errors.iter().map(|(name, why)| format!("\n{name}: {why}"));
                format!("400 Parameter verification failed.{}", lines.collect::<String>())
            }
            Self::NotLoggedIn => "401 authentication failure".to_owned(),
            Self::Status { status, reason } => format!("{status} {reason}"),
        }
    }
}
