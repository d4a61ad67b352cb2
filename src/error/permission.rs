//! Privileges are missing.

use crate::error::hint::{run, say};
use crate::error::{Hint, Kind};
use crate::model::{Foreign, VmId};
use crate::pve::privileges::{Caller, LikelyCause, MissingPrivileges, Privilege, unseparate};

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
    #[error("{caller} lacks privileges to test template {template}")]
    Lacking {
        /// Who.
        caller: Box<Caller>,
        /// The template.
        template: VmId,
        /// What is missing, path by path.
        missing: Vec<MissingPrivileges>,
        /// Why it is missing, as far as it can be seen.
        cause: Box<LikelyCause>,
        /// The slots of the template that have the node's own CD-ROM drive.
        node_drives: Vec<String>,
        /// The server's own words, where it refused.
        said: Option<Foreign>,
    },
}

/// As many lines as the error takes at most, with its first one.
const MOST_LINES: usize = 12;

/// Names of privileges that are longer together push the path of their own row aside, not of all rows.
const WIDEST: usize = 36;

impl PermissionError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            // It cannot be said that there is none: only that none is visible.
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
            Self::Lacking { caller, template, missing, cause, node_drives, .. } => {
                let mut hints = take_out_drives(*template, node_drives, missing);
                if missing.iter().any(|gap| !is_of_drive(gap)) {
                    hints.extend(grant_it(caller, cause, missing));
                }
                hints
            }
        }
    }

    /// Gives the lines of detail.
    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::NoTemplateVisible { .. } => Vec::new(),
            Self::Lacking { missing, cause, said, .. } => {
                let others = 3 + usize::from(said.is_some()) + self.hints().len();
                let mut lines = vec!["missing privileges:".to_owned()];
                lines.extend(table(missing, MOST_LINES.saturating_sub(others).max(2)));
                lines.push(cause.to_string());
                lines
            }
        }
    }

    /// Gives the server's own words.
    pub(super) fn server_message(&self) -> Option<Foreign> {
        match self {
            Self::Lacking { said, .. } => said.clone(),
            Self::NoTemplateVisible { .. } => None,
        }
    }
}

fn is_of_drive(gap: &MissingPrivileges) -> bool {
    gap.missing.contains(&Privilege::SYS_CONSOLE)
}

/// Lays out what is missing in at most so many rows; the last one counts those that are left out.
fn table(missing: &[MissingPrivileges], most: usize) -> Vec<String> {
    let shown = if missing.len() > most { most.saturating_sub(1) } else { missing.len() };
    let rows: Vec<[String; 2]> = missing.iter().take(shown).map(MissingPrivileges::row).collect();
    let width = rows.iter().map(|[privileges, _]| privileges.len()).max().unwrap_or_default().min(WIDEST);
    let mut lines: Vec<String> =
        rows.iter().map(|[privileges, path]| format!("  {privileges:<width$}  {path}")).collect();
    if shown < missing.len() {
        lines.push(format!("  and privileges on {} more paths", missing.len() - shown));
    }
    lines
}

/// The node's own drive takes Sys.Console on `/`, which opens a root shell on every node: nothing to grant for a drive.
fn take_out_drives(template: VmId, drives: &[String], missing: &[MissingPrivileges]) -> Vec<Hint> {
    if drives.is_empty() || !missing.iter().any(is_of_drive) {
        return Vec::new();
    }
    let options: Vec<String> = drives.iter().map(|slot| format!("--{slot} none,media=cdrom")).collect();
    vec![
        say("take the node's CD-ROM drive out of the template, as root on its node:"),
        run(format!("qm set {template} {}", options.join(" "))),
    ]
}

/// The simplest way stands first.
fn grant_it(caller: &Caller, cause: &LikelyCause, missing: &[MissingPrivileges]) -> Vec<Hint> {
    // Only who asks for it is given a privilege that also allows running commands in guests.
    let monitor = missing.iter().any(|gap| gap.missing.contains(&Privilege::VM_MONITOR));
    let mut hints = Vec::new();
    if let Caller::Token(token, _) = caller {
        if cause.may_be_separation() {
            hints.push(say("disable it (Datacenter > Permissions > API Tokens > Edit), or as root:"));
            hints.push(run(unseparate(token)));
        }
        let or = if hints.is_empty() { "" } else { "or " };
        hints.push(say(format!("{or}create a token with exactly these privileges:")));
        let wait_ip = if monitor { " --wait-ip" } else { "" };
        hints.push(run(format!(
            "glassdome token create --rights needed --token-name {}-2 --login-user root@pam{wait_ip}",
            token.name
        )));
    }
    if !monitor {
        let or = if hints.is_empty() { "" } else { "or " };
        hints.push(say(format!("{or}print the single grants for root: glassdome doctor --grant-script")));
    }
    hints
}
