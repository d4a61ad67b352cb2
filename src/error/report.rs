//! A failure as it is shown: what happened, why, what to do.

use crate::error::{ConnectionError, Error, Hint, Kind, draw_hints};
use crate::pve::privileges::MissingPrivileges;
use crate::ui::{Draw, Printable, Screen, Tone};
use std::error::Error as _;
use std::fmt;

use serde_json::{Value, json};

/// A failure as it is reported: what happened, why, what to do.
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
    /// The privileges that are missing, path by path.
    pub missing: Vec<MissingPrivileges>,
    /// A table of what is missing, drawn line by line.
    pub details: Vec<String>,
    /// What to do next.
    pub hints: Vec<Hint>,
}

impl Report {
    /// Makes the report of an error.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        let kind = error.kind();
        let server_message = error.server_message().map(|text| text.to_string());
        // Its cause says the same once more, and the certificate is among the details.
        let mut causes = if matches!(
            error,
            Error::Connection(ConnectionError::Untrusted { .. })
                | Error::Connection(ConnectionError::NotFromStoredCa { .. })
        ) {
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
            missing: error.missing_privileges().to_vec(),
            details: error.details(),
            hints: error.hints().into_iter().map(Hint::for_command_line).collect(),
        }
    }

    /// Makes the report for a person whom the wizard asks: its hints name answers, not flags.
    pub(crate) fn in_wizard(error: &Error) -> Self {
        Self { hints: error.hints().into_iter().filter_map(Hint::for_wizard).collect(), ..Self::of(error) }
    }

    /// Tells what happened and why on one line.
    #[must_use]
    pub fn in_one_line(self) -> String {
        std::iter::once(self.message).chain(self.causes).collect::<Vec<_>>().join(": ")
    }

    /// Returns the JSON document of a failed command.
    #[must_use]
    pub fn document(&self, command: &str) -> Value {
        json!({ "schema": format!("glassdome.{command}/1"), "ok": false, "error": self.as_json() })
    }

    /// Returns the part of a document that tells the failure.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let hints: Vec<&str> = self.hints.iter().map(Hint::text).collect();
        let mut message = self.message.clone();
        for cause in &self.causes {
            if self.server_message.as_ref() != Some(cause) {
                message = format!("{message}: {cause}");
            }
        }
        let mut document = json!({
            "kind": self.kind.word(),
            "message": message,
            "server_message": self.server_message,
            "hints": hints,
            "exit_code": self.exit_code,
        });
        if !self.missing.is_empty() {
            let missing = self.missing.iter().map(MissingPrivileges::document).collect();
            document.as_object_mut().map(|map| map.insert("missing".to_owned(), missing));
        }
        document
    }
}

/// Collects what is behind an error, each sentence once.
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
        // What is below no cause is the cause.
        let mut label = if self.causes.is_empty() { "  why: " } else { "       " };
        for line in &self.details {
            screen.row(std::mem::replace(&mut label, "       "), Tone::Plain, line)?;
        }
        draw_hints("  try: ", &self.hints, screen)
    }
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
            missing: Vec::new(),
            details: vec![
                "/vms/9000       VM.Audit, VM.Clone (to clone the template)".to_owned(),
                "/storage/local  Datastore.AllocateSpace (to store its disks)".to_owned(),
                "cannot be checked from here: whether the user exists and is enabled".to_owned(),
            ],
            hints: vec![
                Hint::Say("as root on a node:".to_owned()),
                Hint::Run("pveum acl modify /vms/9000 --tokens 'apex@pve!tok' --roles PVETemplateUser".to_owned()),
            ],
        }
    }

    #[test]
    fn details_hang_and_a_command_is_never_wrapped() {
        let style = Style { color: false, unicode: true, width: Some(60) };
        insta::assert_snapshot!(render(&report(), style), @"
        error: apex@pve!tok lacks privileges
          why: /vms/9000       VM.Audit, VM.Clone (to clone the
                               template)
               /storage/local  Datastore.AllocateSpace (to store its
                               disks)
               cannot be checked from here: whether the user exists
                 and is enabled
          try: as root on a node:
               pveum acl modify /vms/9000 --tokens 'apex@pve!tok' --roles PVETemplateUser
        ");
        insta::assert_snapshot!(render(&report(), Style { width: Some(40), ..style }), @"
        error: apex@pve!tok lacks privileges
          why: /vms/9000 VM.Audit, VM.Clone
                 (to clone the template)
               /storage/local
                 Datastore.AllocateSpace (to
                 store its disks)
               cannot be checked from here:
                 whether the user exists and is
                 enabled
          try: as root on a node:
               pveum acl modify /vms/9000 --tokens 'apex@pve!tok' --roles PVETemplateUser
        ");
    }
}
