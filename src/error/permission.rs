//! Privileges are missing.

use crate::error::hint::{run, say};
use crate::error::{Hint, Kind};
use crate::model::Foreign;
use crate::pve;
use crate::pve::privileges::{FixKind, FixScript, MissingPrivileges};
use crate::ui::Printable;

/// Privileges are missing.
#[derive(Debug, thiserror::Error)]
pub enum PermissionError {
    /// No template was named, and none can be seen.
    #[error("no template is visible to {who}")]
    NoTemplateVisible {
        /// To whom.
        who: String,
    },
    /// Privileges are missing.
    #[error("{who} lacks privileges that the proof needs")]
    Lacking {
        /// Who.
        who: String,
        /// What is missing, path by path.
        gaps: Vec<MissingPrivileges>,
        /// The lines that close the gap.
        blocks: Vec<FixScript>,
        /// Whether it could be seen why they are missing.
        is_explained: bool,
        /// The server's own words, where it refused.
        said: Option<Foreign>,
    },
}

impl PermissionError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            // Nobody can say that there is none: only that none may be seen.
            Self::NoTemplateVisible { .. } => Kind::Permission,
            Self::Lacking { .. } => Kind::Permission,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NoTemplateVisible { who } => vec![
                say(format!(
                    "a list shows only what may be seen: {who} needs VM.Audit on the template, /vms/9000 for example"
                )),
                say("where there is none, this makes one from an Ubuntu cloud image:"),
                run("glassdome template create"),
            ],
            Self::Lacking { who, blocks, is_explained, .. } => lacking(who, blocks, *is_explained),
        }
    }

    /// Gives the lines of detail.
    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::Lacking { gaps, .. } => {
                let rows: Vec<[String; 3]> = gaps.iter().map(pve::privileges::MissingPrivileges::row).collect();
                let width = rows.iter().map(|row| row[0].chars().count()).max().unwrap_or_default();
                rows.iter()
                    .map(|[place, missing, purposes]| format!("{place:<width$}  {missing} (to {purposes})"))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// Gives the server's own words.
    pub(super) fn server_message(&self) -> Option<Foreign> {
        match self {
            Self::Lacking { said, .. } => said.clone(),
            _ => None,
        }
    }
}

/// What helps most stands first: a whole screen of lines may follow.
fn lacking(who: &str, blocks: &[pve::privileges::FixScript], is_explained: bool) -> Vec<Hint> {
    let (first, others): (Vec<_>, Vec<_>) = blocks.iter().partition(|block| block.remedy == FixKind::Unseparate);
    let mut hints = Vec::new();
    for block in first {
        let path = "Datacenter > Permissions > API Tokens";
        let name = Printable(who);
        hints.push(say(format!(
            "{}. In the web interface: {path} > {name} > Edit, uncheck Privilege Separation; or as root on a node:",
            block.heading
        )));
        hints.extend(block.lines.iter().map(run));
    }
    if let Some((_, name)) = who.split_once('!') {
        hints.push(say("or, with an administrator's log-in, make a token that holds exactly what is needed:"));
        hints.push(run(format!(
            "glassdome token create --rights needed --token-name {}-2 --login-user root@pam",
            Printable(name)
        )));
    }
    let has_lines = others.iter().any(|block| !block.lines.is_empty());
    if has_lines {
        let doubt = if is_explained { "" } else { ". Whether token or user lacks it cannot be told from here" };
        let or = if hints.is_empty() { "" } else { "or " };
        hints.push(say(format!("{or}grant it by hand, as root on a node; no line takes a right from anybody{doubt}:")));
    }
    for block in others {
        let heading = block.heading.clone();
        hints.push(if block.lines.is_empty() { say(heading) } else { Hint::Remark(heading) });
        hints.extend(block.lines.iter().map(run));
    }
    hints
}
