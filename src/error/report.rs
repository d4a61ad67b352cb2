//! Failure -> kind, exit code, hints: the one place that decides, and how it is told.

use std::error::Error as _;
use std::fmt;

use serde_json::{Value, json};

use crate::error::{Error, advice};
use crate::session::Signal;
use crate::ui::{Draw, Printable, Screen, Tone};

/// The kinds of failure, each with its exit code: a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Unexpected error.
    Unexpected,
    /// Usage.
    Usage,
    /// Configuration missing or invalid.
    Configuration,
    /// DNS, route, refused, timed out, broken off, proxy.
    Unreachable,
    /// Certificate not trusted, or changed.
    Tls,
    /// Not authenticated.
    Authentication,
    /// Not permitted.
    Permission,
    /// No such node, template, storage, token; no VM template.
    NotFound,
    /// The server failed.
    Server,
    /// A test VM had to be left behind.
    LeftBehind,
    /// A signal.
    Interrupted(Signal),
}

/// Every kind with its meaning, for `help exit-codes` and the documentation.
pub const KINDS: [(Kind, &str); 13] = [
    (Kind::Unexpected, "something failed that nobody foresaw"),
    (Kind::Usage, "the command line is not understood, or lacks a flag"),
    (Kind::Configuration, "configuration missing or invalid"),
    (Kind::Unreachable, "DNS, route, refused, timed out, broken off, proxy"),
    (Kind::Tls, "certificate not trusted, or changed"),
    (Kind::Authentication, "not authenticated (401)"),
    (Kind::Permission, "not permitted (403, or found before the clone)"),
    (Kind::NotFound, "no such node, template, storage, token; no VM template"),
    (Kind::Server, "the server failed (5xx, task failed, no progress, not understood)"),
    (Kind::LeftBehind, "a test VM had to be left behind"),
    (Kind::Interrupted(Signal::Hangup), "SIGHUP"),
    (Kind::Interrupted(Signal::Interrupt), "SIGINT, Ctrl-C"),
    (Kind::Interrupted(Signal::Terminate), "SIGTERM"),
];

impl Kind {
    /// Gives the word for it in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unexpected => "unexpected",
            Self::Usage => "usage",
            Self::Configuration => "configuration",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::Server => "server",
            Self::LeftBehind => "left_behind",
            Self::Interrupted(_) => "interrupted",
        }
    }

    /// Gives its exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::Unreachable => 4,
            Self::Tls => 5,
            Self::Authentication => 6,
            Self::Permission => 7,
            Self::NotFound => 8,
            Self::Server => 9,
            Self::LeftBehind => 10,
            Self::Interrupted(signal) => signal.exit_code(),
        }
    }
}

/// What to do next: a sentence, or a command to paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A sentence.
    Say(String),
    /// A command.
    Run(String),
    /// What stands between commands that are pasted together, as a comment of the shell.
    Remark(String),
}

/// A failure as it is told: what happened, why, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its kind.
    pub kind: Kind,
    /// The exit code.
    pub exit_code: u8,
    /// What happened.
    pub message: String,
    /// Why, from the nearest cause to the farthest.
    pub causes: Vec<String>,
    /// The server's own words.
    pub server_message: Option<String>,
    /// A table of what is missing, drawn line by line.
    pub details: Vec<String>,
    /// What to do next.
    pub hints: Vec<Hint>,
}

impl Report {
    /// Makes of an error what is told about it.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        let kind = advice::kind(error);
        let server_message = advice::server_message(error).map(|text| text.to_string());
        // Its cause says the same once more, and the certificate is among the details.
        let mut causes = if matches!(error, Error::Untrusted { .. } | Error::NotFromStoredCa { .. }) {
            Vec::new()
        } else {
            causes(error)
        };
        if let Some(said) = &server_message
            && !causes.iter().any(|cause| cause.contains(said.as_str()))
        {
            causes.push(said.clone());
        }
        Self {
            kind,
            exit_code: kind.exit_code(),
            message: Printable(&error.to_string()).to_string(),
            causes,
            server_message,
            details: advice::details(error),
            hints: advice::hints(error),
        }
    }

    /// Tells what happened and why on one line.
    #[must_use]
    pub fn in_one_line(self) -> String {
        std::iter::once(self.message).chain(self.causes).collect::<Vec<_>>().join(": ")
    }

    /// Gives the JSON document of a failed command.
    #[must_use]
    pub fn document(&self, command: &str) -> Value {
        json!({ "schema": format!("glassdome.{command}/1"), "ok": false, "error": self.as_json() })
    }

    /// Gives the part of a document that tells the failure.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let hints: Vec<&str> = self.hints.iter().map(Hint::text).collect();
        let mut message = self.message.clone();
        for cause in &self.causes {
            if self.server_message.as_ref() != Some(cause) {
                message = format!("{message}: {cause}");
            }
        }
        json!({
            "kind": self.kind.word(),
            "message": message,
            "server_message": self.server_message,
            "hints": hints,
            "exit_code": self.exit_code,
        })
    }
}

impl Hint {
    /// Gives its text.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Say(text) | Self::Run(text) | Self::Remark(text) => text,
        }
    }
}

/// Collects what stands behind an error, each sentence once.
fn causes(error: &Error) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = Printable(&cause.to_string()).to_string();
        if !text.is_empty() && !said.contains(&text) {
            said.push_str(&text);
            causes.push(text);
        }
        source = cause.source();
    }
    causes
}

impl Draw for Report {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.labelled("error: ", Tone::Bad, &self.message)?;
        for cause in &self.causes {
            screen.labelled("  why: ", Tone::Strong, cause)?;
        }
        // What stands below no cause is the cause.
        let mut label = if self.causes.is_empty() { "  why: " } else { "       " };
        for line in &self.details {
            screen.row(std::mem::replace(&mut label, "       "), Tone::Plain, line)?;
        }
        draw_hints("  try: ", &self.hints, screen)
    }
}

/// Draws what to do next, the first behind a label and the others below it.
///
/// # Errors
/// What the writer reports.
pub fn draw_hints(label: &str, hints: &[Hint], screen: &mut Screen<'_>) -> fmt::Result {
    let blanks = " ".repeat(label.chars().count());
    let mut label = label;
    for hint in hints {
        match hint {
            Hint::Say(text) => screen.labelled(label, Tone::Strong, text)?,
            Hint::Remark(text) => screen.remark(blanks.len(), text)?,
            Hint::Run(text) => {
                let text = screen.paint(Tone::Command, text);
                let label = screen.paint(Tone::Strong, label);
                screen.line(&format!("{label}{text}"))?;
            }
        }
        label = &blanks;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Hint, Kind, Report};
    use crate::ui::{Style, render};

    fn report() -> Report {
        Report {
            kind: Kind::Permission,
            exit_code: 7,
            message: "apex@pve!tok lacks privileges".to_owned(),
            causes: Vec::new(),
            server_message: None,
            details: vec![
                "/vms/9000       VM.Audit, VM.Clone (to clone the template)".to_owned(),
                "/storage/local  Datastore.AllocateSpace (to store its disks)".to_owned(),
                "not known from here: whether the user exists and is enabled".to_owned(),
            ],
            hints: vec![
                Hint::Say("as root on a node:".to_owned()),
                Hint::Remark("grant apex@pve!tok what it lacks (all that is written above)".to_owned()),
                Hint::Run("pveum acl modify /vms/9000 --tokens 'apex@pve!tok' --roles PVETemplateUser".to_owned()),
            ],
        }
    }

    #[test]
    fn every_line_of_a_remark_is_a_comment_and_details_hang() {
        let style = Style { color: false, unicode: true, width: Some(60) };
        insta::assert_snapshot!(render(&report(), style), @"
        error: apex@pve!tok lacks privileges
          why: /vms/9000       VM.Audit, VM.Clone (to clone the
                               template)
               /storage/local  Datastore.AllocateSpace (to store its
                               disks)
               not known from here: whether the user exists and is
               enabled
          try: as root on a node:
               # grant apex@pve!tok what it lacks (all that is
               # written above)
               pveum acl modify /vms/9000 --tokens 'apex@pve!tok' --roles PVETemplateUser
        ");
        insta::assert_snapshot!(render(&report(), Style { width: Some(40), ..style }), @"
        error: apex@pve!tok lacks privileges
          why: /vms/9000 VM.Audit, VM.Clone
                 (to clone the template)
               /storage/local
                 Datastore.AllocateSpace (to
                 store its disks)
               not known from here: whether the
               user exists and is enabled
          try: as root on a node:
               # grant apex@pve!tok what it
               # lacks (all that is written
               # above)
               pveum acl modify /vms/9000 --tokens 'apex@pve!tok' --roles PVETemplateUser
        ");
    }
}
