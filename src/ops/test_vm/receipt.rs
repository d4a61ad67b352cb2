//! What was verified, with the time of every step.

use crate::error::{Error, Report};
use crate::model::Foreign;
use crate::model::foreign::listed;
use crate::ops::test_vm::step_line::StepLine;
use crate::ops::test_vm::task_wait::TaskTime;
use crate::session::Session;
use crate::ui::{Draw, Printable, Screen, Symbol, Tone, Verbosity};
use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// The schema of the JSON document.
pub(crate) const SCHEMA: &str = "glassdome.test-vm/1";

/// How the disk of the clone is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CloneType {
    /// It shares the template's disk.
    Linked,
    /// It is a copy.
    Full,
}

impl fmt::Display for CloneType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Linked => "linked",
            Self::Full => "full",
        })
    }
}

/// One step that was taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ReceiptStep {
    /// Its name: `preflight`, `clone`, `check`, `start`, `wait-ip`, `stop`, `destroy`.
    pub(crate) name: &'static str,
    /// How long it took.
    pub(crate) seconds: f64,
    /// The task that the server ran for it.
    pub(crate) upid: Option<String>,
}

/// A VM that is still there, or disks of one that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LeftBehind {
    /// Its number.
    pub(crate) vmid: u32,
    /// Where it is.
    pub(crate) node: String,
    /// Its name.
    pub(crate) name: String,
    /// The volume IDs of its disks, where the VM is gone and they alone are left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) disks: Vec<Foreign>,
}

impl LeftBehind {
    /// Describes where the VM is, or may be: its state may be unknown.
    pub(crate) fn describe(&self, how: &str) -> String {
        if !self.disks.is_empty() {
            let (name, node) = (Printable(&self.name), Printable(&self.node));
            return format!("disks of deleted VM {} ({name}) on {node}: {}", self.vmid, listed(&self.disks));
        }
        format!("VM {} ({}) {how} on {}", self.vmid, Printable(&self.name), Printable(&self.node))
    }
}

/// The receipt of one test VM; also of one that failed, as far as it came.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Receipt {
    /// The schema of this document.
    pub(crate) schema: &'static str,
    /// Whether everything was verified.
    pub(crate) ok: bool,
    /// The caller that was verified: the full token ID, or the user if a password is used.
    pub(crate) token: String,
    /// The node that the clone was made for.
    pub(crate) node: String,
    /// The template.
    pub(crate) template: u32,
    /// The clone, once it was asked for.
    pub(crate) vmid: Option<u32>,
    /// Its name.
    pub(crate) name: String,
    /// How its disk was made, once that was decided.
    pub(crate) mode: Option<CloneType>,
    /// The storage of its first disk.
    pub(crate) storage: Option<String>,
    /// Addresses that the guest agent reported, with `--wait-ip`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) addresses: Vec<String>,
    /// The steps taken, in their order.
    pub(crate) steps: Vec<ReceiptStep>,
    /// How long the whole took.
    pub(crate) seconds: f64,
    /// A VM that is still there.
    pub(crate) left_behind: Option<LeftBehind>,
    /// What a person should know beside it.
    pub(crate) warnings: Vec<String>,
    /// What the time of each task went into.
    #[serde(skip)]
    pub(crate) times: Vec<TaskTime>,
    /// Whether each step is shown as it is done: of many test VMs at once, it is not.
    #[serde(skip)]
    pub(crate) shows_steps: bool,
}

impl ReceiptStep {
    /// Makes a step that has just been done.
    pub(crate) fn new(name: &'static str, took: Duration, upid: Option<String>) -> Self {
        Self { name, seconds: round(took), upid }
    }

    /// Returns the word that is in front of it on the screen; `None` for what only the JSON document lists.
    fn verb(&self) -> Option<&'static str> {
        match self.name {
            "preflight" => Some("Checked"),
            "clone" => Some("Cloned"),
            "start" => Some("Started"),
            "wait-ip" => Some("Address"),
            "stop" => Some("Stopped"),
            "destroy" => Some("Deleted"),
            _ => None,
        }
    }
}

impl Receipt {
    /// Notes a step that is done, and shows it.
    pub(crate) fn step_done(&mut self, session: &Session, step: ReceiptStep, text: &str) {
        if let Some(verb) = step.verb().filter(|_| self.shows_steps) {
            let upid = step.upid.clone().filter(|_| session.ui.verbosity() >= Verbosity::Verbose);
            session.info(&StepLine { verb, text: text.to_owned(), seconds: step.seconds, upid });
        }
        self.steps.push(step);
    }

    /// Says in one sentence what was verified.
    #[must_use]
    pub(crate) fn sentence(&self) -> String {
        let mut how = vec![format!("template {}", self.template)];
        match (self.mode, &self.storage) {
            (Some(mode), Some(storage)) => how.push(format!("{mode} clone on {}", Printable(storage))),
            (Some(mode), None) => how.push(format!("{mode} clone")),
            (None, _) => {}
        }
        how.push(format!("{:.1} s", self.seconds));
        format!("{} can create VMs on {} ({})", Printable(&self.token), Printable(&self.node), how.join(", "))
    }
}

/// Rounds to a thousandth of a second: finer figures would only be noise.
#[must_use]
pub(crate) fn round(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}

impl Draw for Receipt {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        for address in &self.addresses {
            screen.labelled("address: ", Tone::Plain, &Printable(address).to_string())?;
        }
        if self.ok {
            let label = format!("{} Verified: ", Symbol::Done.text(screen.style()));
            screen.labelled(&label, Tone::Good, &self.sentence())?;
        }
        if let Some(left) = &self.left_behind {
            if self.ok {
                screen.toned(0, Tone::Warning, &format!("{}; delete it with:", left.describe("was kept")))?;
                screen.command(4, &format!("glassdome cleanup --vmid {}", left.vmid))?;
            } else {
                screen.labelled("left: ", Tone::Warning, &left.describe("may still be"))?;
            }
        }
        for warning in &self.warnings {
            screen.labelled("warning: ", Tone::Warning, warning)?;
        }
        Ok(())
    }
}

/// Returns the JSON document: the receipt, and the error where there is one.
pub(crate) fn document(receipt: &impl Serialize, error: Option<&Error>) -> serde_json::Value {
    let mut document = serde_json::to_value(receipt).unwrap_or_default();
    if let (Some(error), Some(map)) = (error, document.as_object_mut()) {
        map.insert("error".to_owned(), Report::of(error).as_json());
    }
    document
}

#[cfg(test)]
mod tests;
