//! Privileges are missing.

use crate::error::hint::{by_flag, not_in_wizard, run, say};
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
    Privileges {
        /// The token or user that lacks the privileges.
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
const MAX_LINES: usize = 12;

/// The widest column of privileges; more of them are on further lines.
const MAX_PRIVILEGE_COLUMNS: usize = 36;

impl PermissionError {
    /// Decides on the kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            // It cannot be said that there is none: only that none is visible.
            Self::NoTemplateVisible { .. } => Kind::Permission,
            Self::Privileges { .. } => Kind::Permission,
        }
    }

    /// Says what to do next.
    pub(super) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NoTemplateVisible { who } => vec![
                say(format!("{who} needs VM.Audit to see a template, e.g. on /vms/9000")),
                by_flag(
                    "if there is none, create one from an Ubuntu cloud image:",
                    "or use a token that may see it, or create one with an administrator login",
                ),
                not_in_wizard(run("glassdome template create")),
            ],
            Self::Privileges { caller, template, missing, cause, node_drives, .. } => {
                let mut hints = remove_drives(*template, node_drives, missing);
                if missing.iter().any(|entry| !is_of_drive(entry)) {
                    hints.extend(grant_hints(caller, cause, missing));
                }
                hints
            }
        }
    }

    /// Returns the lines of detail.
    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::NoTemplateVisible { .. } => Vec::new(),
            Self::Privileges { missing, cause, said, .. } => {
                let (first, cause) = (self.to_string(), cause.to_string());
                let hints: usize = self.hints().iter().map(hint_height).sum();
                // The heading of the table takes one more.
                let others = height(&first) + usize::from(said.is_some()) + 1 + height(&cause) + hints;
                let mut lines = vec!["missing privileges:".to_owned()];
                lines.extend(table(missing, MAX_LINES.saturating_sub(others).max(2)));
                lines.push(cause);
                lines
            }
        }
    }

    /// Returns the privileges that are missing.
    pub(super) fn missing(&self) -> &[MissingPrivileges] {
        match self {
            Self::Privileges { missing, .. } => missing,
            Self::NoTemplateVisible { .. } => &[],
        }
    }

    /// Returns the server's own words.
    pub(super) fn server_message(&self) -> Option<Foreign> {
        match self {
            Self::Privileges { said, .. } => said.clone(),
            Self::NoTemplateVisible { .. } => None,
        }
    }
}

/// Returns the lines that a text takes behind its label on a screen of 80 columns; from the second one on it hangs.
fn height(text: &str) -> usize {
    1 + text.chars().count().saturating_sub(73).div_ceil(71)
}

/// A command is never wrapped.
fn hint_height(hint: &Hint) -> usize {
    match hint {
        Hint::Run(_) => 1,
        Hint::Say(text) => height(text),
        Hint::ByFlag { hint, .. } => hint_height(hint),
    }
}

fn is_of_drive(entry: &MissingPrivileges) -> bool {
    entry.missing.contains(&Privilege::SYS_CONSOLE)
}

/// Lays out what is missing in at most so many lines; the last one counts the paths that are left out.
fn table(missing: &[MissingPrivileges], most: usize) -> Vec<String> {
    let rows: Vec<[String; 2]> = missing.iter().flat_map(rows_of).collect();
    let width = rows.iter().map(|[privileges, _]| privileges.len()).max().unwrap_or_default();
    let drawn = |entry: &MissingPrivileges| -> Vec<String> {
        rows_of(entry)
            .iter()
            .map(|[privileges, path]| format!("  {privileges:<width$}  {path}").trim_end().to_owned())
            .collect()
    };
    let lines = missing.iter().flat_map(drawn);
    if lines.clone().map(|line| height(&line)).sum::<usize>() <= most {
        return lines.collect();
    }
    let mut lines: Vec<String> = Vec::new();
    let (mut shown, mut used) = (0, 0);
    for entry in missing {
        let of_entry = drawn(entry);
        // The first path is shown whatever it takes.
        used += of_entry.iter().map(|line| height(line)).sum::<usize>();
        if shown > 0 && used >= most {
            break;
        }
        lines.extend(of_entry);
        shown += 1;
    }
    if shown < missing.len() {
        lines.push(format!("  and more on {} other paths", missing.len() - shown));
    }
    lines
}

/// Breaks the privileges of a row into lines that are not too wide; the path is on the first one.
fn rows_of(entry: &MissingPrivileges) -> Vec<[String; 2]> {
    let [privileges, path] = entry.row();
    let mut lines: Vec<String> = Vec::new();
    for privilege in privileges.split(", ") {
        match lines.last_mut() {
            Some(line) if line.len() + 2 + privilege.len() < MAX_PRIVILEGE_COLUMNS => {
                line.push_str(", ");
                line.push_str(privilege);
            }
            Some(line) => {
                line.push(',');
                lines.push(privilege.to_owned());
            }
            None => lines.push(privilege.to_owned()),
        }
    }
    let paths = std::iter::once(path).chain(std::iter::repeat(String::new()));
    lines.into_iter().zip(paths).map(|(line, path)| [line, path]).collect()
}

/// The node's own drive takes Sys.Console on `/`, which opens a root shell on every node: nothing to grant for a drive.
fn remove_drives(template: VmId, drives: &[String], missing: &[MissingPrivileges]) -> Vec<Hint> {
    if drives.is_empty() || !missing.iter().any(is_of_drive) {
        return Vec::new();
    }
    let options: Vec<String> = drives.iter().map(|slot| format!("--{slot} none,media=cdrom")).collect();
    vec![
        say("remove the physical CD-ROM drive from the template, as root on its node:"),
        run(format!("qm set {template} {}", options.join(" "))),
    ]
}

/// The simplest way is first.
fn grant_hints(caller: &Caller, cause: &LikelyCause, missing: &[MissingPrivileges]) -> Vec<Hint> {
    // Only who asks for it is given a privilege that also allows running commands in guests.
    let monitor = missing.iter().any(|entry| entry.missing.contains(&Privilege::VM_MONITOR));
    let mut hints = Vec::new();
    if let Caller::Token(token, _) = caller {
        if cause.may_be_separation() {
            hints.push(say(
                "disable privilege separation for this token (Datacenter > Permissions > API Tokens > Edit), or as root:",
            ));
            hints.push(run(unseparate(token)));
        }
        let or = if hints.is_empty() { "" } else { "or " };
        hints.push(by_flag(
            format!("{or}create a token with exactly these privileges:"),
            format!("{or}use another token, or create one with exactly these privileges"),
        ));
        let wait_ip = if monitor { " --wait-ip" } else { "" };
        hints.push(not_in_wizard(run(format!(
            "glassdome token create --rights needed --token-name {}-2 --login-user root@pam{wait_ip}",
            token.name
        ))));
    }
    if !monitor {
        let or = if hints.is_empty() { "" } else { "or " };
        let text = format!("{or}print the commands for root: `glassdome doctor --grant-script`");
        hints.push(not_in_wizard(say(text)));
    }
    hints
}
