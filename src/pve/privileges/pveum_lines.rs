//! The `pveum` lines that make an entry, for the shell of root on a node.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};

use crate::model::{TokenId, UserId};
use crate::pve::privileges::plan::{PlannedEntry, Propagation};
use crate::pve::privileges::requirements::join;
use crate::pve::privileges::{AclPath, Privilege, Privileges};

/// Roles that every server has, with their privileges.
const BUILT_IN: [(&str, [Privilege; 2]); 3] = [
    ("PVETemplateUser", [Privilege::VM_AUDIT, Privilege::VM_CLONE]),
    ("PVEDatastoreUser", [Privilege::DATASTORE_ALLOCATE_SPACE, Privilege::DATASTORE_AUDIT]),
    ("PVESDNUser", [Privilege::SDN_AUDIT, Privilege::SDN_USE]),
];

/// Who is granted something.
#[derive(Debug, Clone, Copy)]
pub(super) enum Grantee<'a> {
    /// A token.
    Token(&'a TokenId),
    /// A user.
    User(&'a UserId),
}

impl Grantee<'_> {
    fn option(self) -> String {
        match self {
            Self::Token(token) => format!("--tokens {}", quoted(&token.to_string())),
            Self::User(user) => format!("--users {}", quoted(&user.to_string())),
        }
    }
}

/// Writes the lines for entries whose privileges are known.
pub(super) fn grant(subject: Grantee<'_>, entries: &[PlannedEntry]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for entry in entries {
        let role = built_in(entry).map_or_else(
            || {
                let role = role_name(&format!("{:?} {}", entry.reach, join(&entry.privileges, ",")));
                let line = make_role(&role, &entry.privileges);
                if !lines.contains(&line) {
                    lines.push(line);
                }
                role
            },
            ToOwned::to_owned,
        );
        lines.push(grant_role(subject, &entry.path, &role, entry.reach));
    }
    lines
}

/// Writes the lines for an entry of a user whose rights cannot be seen from here: the server is asked for them, and where
/// it does not answer, no entry is made.
pub(super) fn grant_unseen(user: &UserId, path: &AclPath, missing: &Privileges, reach: Propagation) -> [String; 2] {
    let asked = match reach {
        Propagation::Here => path.clone(),
        Propagation::Below => path.fresh_child(),
    };
    let role = role_name(&format!("{user} {path} {reach:?} {}", join(missing, ",")));
    let who = quoted(&user.to_string());
    let names = r#"$(echo "$held" | grep -oE '"[A-Z][A-Za-z.]+"' | tr -d '"')"#;
    let grant = grant_role(Grantee::User(user), path, &role, reach);
    let line = format!(
        "held=$(pveum user permissions {who} --path {asked} --output-format json) \
         && pveum role modify {role} --append 1 --privs \"{} {names}\" && {grant}",
        join(missing, " ")
    );
    [make_role(&role, missing), line]
}

/// Writes the line that lets a token have all that its user has.
pub(super) fn unseparate(token: &TokenId) -> String {
    format!("pveum user token modify {} {} --privsep 0", quoted(&token.user.to_string()), token.name)
}

/// Makes the role, or, where an earlier run made it, adds what it may lack.
fn make_role(role: &str, privileges: &Privileges) -> String {
    let privileges = quoted(&join(privileges, ","));
    format!("pveum role add {role} --privs {privileges} || pveum role modify {role} --append 1 --privs {privileges}")
}

fn grant_role(subject: Grantee<'_>, path: &AclPath, role: &str, reach: Propagation) -> String {
    let propagate = u8::from(reach == Propagation::Below);
    format!("pveum acl modify {path} {} --roles {role} --propagate {propagate}", subject.option())
}

/// Gives the built-in role that has all of these privileges and at most one more, which only lets its holder look.
///
/// The server keeps one entry for each path, subject and role: the same role once more, without propagation, would take
/// that of an entry made by somebody else. So where there may be paths below, no role of somebody else's is used.
fn built_in(entry: &PlannedEntry) -> Option<&'static str> {
    if entry.reach == Propagation::Here && entry.path.has_children() {
        return None;
    }
    let fits = |role: &[Privilege; 2]| {
        entry.privileges.iter().all(|privilege| role.contains(privilege))
            && role.iter().all(|it| entry.privileges.contains(it) || it.as_str().ends_with(".Audit"))
    };
    BUILT_IN.iter().find(|(_, role)| fits(role)).map(|(name, _)| *name)
}

/// Gives a role a name of its own, the same in every run. The reach is part of the seed, see `built_in`.
fn role_name(seed: &str) -> String {
    let mut name = "Glassdome-".to_owned();
    for byte in digest(&SHA256, seed.as_bytes()).as_ref().iter().take(4) {
        let _ = write!(name, "{byte:02x}"); // writing to a String cannot fail
    }
    name
}

/// Quotes a text so that a shell takes it as it stands.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
