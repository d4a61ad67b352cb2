//! The script for root that grants what is missing, and takes nothing from any user, group or token.
//!
//! Only root can see all entries, so the script reads them when it runs, right before each change.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use ring::digest::{SHA256, digest};

use crate::model::{TokenId, UserId, VmId};
use crate::pve::privileges::remediation::Caller;
use crate::pve::privileges::requirements::join;
use crate::pve::privileges::{AclPath, MissingPrivileges, Permissions, Privilege, Privileges, RequirementPath};

/// What a line `acl_modify` runs.
const PROGRAM: &str = include_str!("acl_modify.pl");

/// Roles that every server has, with their privileges.
const BUILT_IN: [(&str, [Privilege; 2]); 4] = [
    ("PVETemplateUser", [Privilege::VM_AUDIT, Privilege::VM_CLONE]),
    ("PVEDatastoreUser", [Privilege::DATASTORE_ALLOCATE_SPACE, Privilege::DATASTORE_AUDIT]),
    ("PVESDNUser", [Privilege::SDN_AUDIT, Privilege::SDN_USE]),
    ("PVEMappingUser", [Privilege::MAPPING_AUDIT, Privilege::MAPPING_USE]),
];

/// How far an entry reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Propagation {
    /// Its own path alone.
    ThisPath,
    /// The paths below, too.
    Below,
}

/// The privileges missing on one path, and the commands that grant them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantBlock {
    /// What is granted, and what for.
    pub comment: String,
    /// The commands, to be run in this order.
    pub lines: Vec<String>,
}

/// The script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantScript {
    /// Whose privileges are missing.
    caller: Caller,
    template: VmId,
    /// What is granted, place by place.
    pub blocks: Vec<GrantBlock>,
}

impl GrantScript {
    /// Writes the script for what is missing.
    #[must_use]
    pub fn new(caller: &Caller, template: VmId, missing: &[MissingPrivileges], held: &Permissions) -> Self {
        let blocks = match name_problem(caller.user()) {
            Some(problem) => vec![GrantBlock { comment: problem, lines: Vec::new() }],
            None => missing.iter().flat_map(|entry| blocks(caller, entry, held)).collect(),
        };
        Self { caller: caller.clone(), template, blocks }
    }

    /// Returns what is before the commands: the function that they call.
    #[must_use]
    pub fn preamble() -> String {
        format!("failed=0\nprogram='{PROGRAM}'\nacl_modify() {{ perl -e \"$program\" -- \"$@\" || failed=1; }}\n")
    }
}

impl fmt::Display for GrantScript {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "#!/bin/sh")?;
        writeln!(to, "# Grants what {} lacks to clone template {} and test the clone.", self.caller, self.template)?;
        if self.blocks.is_empty() {
            return writeln!(to, "# No privilege is missing: there is nothing to run.");
        }
        writeln!(to, "# Read it, then run it as root on a node of the cluster: sh FILE")?;
        writeln!(
            to,
            "# It removes no privileges from any user, group or token: existing roles are kept, and paths with"
        )?;
        writeln!(to, "# sufficient privileges are not changed.")?;
        if let Caller::Token(token, _) = &self.caller {
            writeln!(
                to,
                "# Instead of running this script, if {} has these privileges itself, disable privilege",
                token.user
            )?;
            writeln!(to, "# separation of the token:")?;
            writeln!(to, "#   {}", unseparate(token))?;
        }
        writeln!(to, "\n{}", Self::preamble())?;
        for block in &self.blocks {
            writeln!(to, "# {}", block.comment)?;
            for line in &block.lines {
                writeln!(to, "{line}")?;
            }
            writeln!(to)?;
        }
        writeln!(to, "exit \"$failed\"")
    }
}

/// Says why no command can name a user: a list of users is separated by commas or semicolons, and what the script
/// compares has to be written one way only.
fn name_problem(user: &UserId) -> Option<String> {
    let name = user.to_string();
    let is_plain = name.bytes().all(|byte| byte.is_ascii_graphic() && !b",;".contains(&byte));
    (!is_plain).then(|| {
        let shown: String = name.chars().map(|it| if it.is_control() { '?' } else { it }).collect();
        format!("pveum cannot name {shown}: grant what is missing in the web interface (Datacenter > Permissions)")
    })
}

fn blocks(caller: &Caller, entry: &MissingPrivileges, held: &Permissions) -> Vec<GrantBlock> {
    if entry.missing.contains(&Privilege::SYS_CONSOLE) {
        let comment = "Sys.Console on / is not granted: it gives root shells on every node. Remove the physical CD-ROM drive from the template.".to_owned();
        return vec![GrantBlock { comment, lines: Vec::new() }];
    }
    let (path, reach) = match &entry.path {
        RequirementPath::At(path) => (path.clone(), Propagation::ThisPath),
        RequirementPath::NewVm(_) => (AclPath::vms(), Propagation::Below),
        RequirementPath::Below(parent) => (parent.clone(), Propagation::Below),
    };
    let mut found = vec![block(caller, entry, &path, reach)];
    if let RequirementPath::NewVm(vmid) = &entry.path {
        // An ID that has an entry already: that entry, not the one above, decides.
        let vm = AclPath::vm(*vmid);
        if held.on(&vm) != held.on(&AclPath::vms().child_without_entries()) {
            found.push(block(caller, entry, &vm, Propagation::ThisPath));
        }
    }
    found
}

fn block(caller: &Caller, entry: &MissingPrivileges, path: &AclPath, reach: Propagation) -> GrantBlock {
    let mut lines = Vec::new();
    let role = built_in(&entry.missing).map_or_else(
        || {
            let role = role_name(&entry.missing);
            lines.push(make_role(&role, &entry.missing));
            role
        },
        ToOwned::to_owned,
    );
    let propagate = u8::from(reach == Propagation::Below);
    let user = caller.user();
    let mut subjects = Vec::new();
    if !user.is_root() {
        subjects.push(format!("--users {}", quoted(&user.to_string())));
    }
    if let Caller::Token(token, _) = caller {
        subjects.push(format!("--tokens {}", quoted(&token.to_string())));
    }
    let grants = subjects.iter().map(|who| format!("acl_modify {path} {who} --roles {role} --propagate {propagate}"));
    lines.extend(grants);
    GrantBlock { comment: comment(entry, path, reach), lines }
}

fn comment(entry: &MissingPrivileges, path: &AclPath, reach: Propagation) -> String {
    let below = if reach == Propagation::Below { " and below" } else { "" };
    let mut text = format!("{} on {path}{below}", join(&entry.missing, ", "));
    if !entry.purposes.is_empty() {
        let _ = write!(text, ", to {}", join(&entry.purposes, ", ")); // writing to a String cannot fail
    }
    text
}

/// Writes the command that lets a token have all that its user has.
pub(crate) fn unseparate(token: &TokenId) -> String {
    format!("pveum user token modify {} {} --privsep 0", quoted(&token.user.to_string()), token.name)
}

/// Creates the role, or adds missing privileges to the one that an earlier run created.
fn make_role(role: &str, privileges: &Privileges) -> String {
    let privileges = quoted(&join(privileges, ","));
    format!(
        "pveum role add {role} --privs {privileges} 2>/dev/null || pveum role modify {role} --append 1 --privs {privileges}"
    )
}

/// Returns the built-in role that has all of these privileges and at most one more, which only lets its holder look.
fn built_in(privileges: &Privileges) -> Option<&'static str> {
    let fits = |role: &[Privilege; 2]| {
        privileges.iter().all(|privilege| role.contains(privilege))
            && role.iter().all(|it| privileges.contains(it) || it.as_str().ends_with(".Audit"))
    };
    BUILT_IN.iter().find(|(_, role)| fits(role)).map(|(name, _)| *name)
}

/// Returns a role a name of its own, the same in every run.
fn role_name(privileges: &Privileges) -> String {
    let mut name = "Glassdome-".to_owned();
    for byte in digest(&SHA256, join(privileges, ",").as_bytes()).as_ref().iter().take(4) {
        let _ = write!(name, "{byte:02x}"); // writing to a String cannot fail
    }
    name
}

/// Quotes a text so that a shell takes it as it is.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Lists the paths that are asked for so that an entry on the ID of a new VM is seen.
#[must_use]
pub fn paths_of_script(missing: &[MissingPrivileges]) -> BTreeSet<AclPath> {
    let is_new = |entry: &&MissingPrivileges| matches!(entry.path, RequirementPath::NewVm(_));
    missing
        .iter()
        .filter(is_new)
        .flat_map(|entry| [entry.path.acl_path(), AclPath::vms().child_without_entries()])
        .collect()
}
