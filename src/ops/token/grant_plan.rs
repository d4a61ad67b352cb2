//! What creating a token would change: the steps with their `pveum` commands, the commands that undo them, and all
//! privileges before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::error::AccessChange;
use crate::model::{Expiry, PoolName, RoleName, TokenId, UserId};
use crate::ops::token::over_ssh::PveumCommand;
use crate::pve::privileges::{AclModel, GrantEffect, Privileges, RolePlan, RoleState};
use crate::pve::{AclChange, Subject, TokenRequest};
use crate::ui::{Draw, Printable, Screen, Tone};

/// The comment of a token that this program created.
pub(crate) const COMMENT: &str = "API token for Glassdome";

/// One change on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PlanStep {
    /// The user is made, without a password.
    User(UserId),
    /// The pool is made.
    Pool(PoolName),
    /// A role is made.
    Role(RolePlan),
    /// The token is made.
    Token(TokenId, TokenRequest),
    /// Roles are given.
    Grant(AclChange, PrivilegesBefore),
    /// The token gets all that its user has.
    Unseparate(TokenId),
    /// The token gets a new secret.
    Regenerate(TokenId),
}

/// Names what the server wants to see of who changes a token; the user itself needs nothing.
fn to_modify(token: &TokenId) -> String {
    format!("User.Modify on /access/groups, or the login of {}", token.user)
}

/// Which of the roles of a change stood there before, and whether they reached the paths below.
pub(crate) type PrivilegesBefore = BTreeMap<RoleName, bool>;

impl PlanStep {
    /// Returns the line for the shell of root on a node that does the same.
    pub(crate) fn line(&self) -> Option<String> {
        Some(match self {
            Self::User(user) => format!("pveum user add {} --comment {}", quoted(&user.to_string()), quoted(COMMENT)),
            Self::Pool(pool) => format!("pveum pool add {pool}"),
            Self::Role(role) => match &role.state {
                RoleState::Ready => return None,
                RoleState::Missing => {
                    format!("pveum role add {} --privs {}", role.name, quoted(&listed(&role.privileges)))
                }
            },
            Self::Token(token, request) => token_line(token, request),
            Self::Grant(change, _) => format!(
                "pveum acl modify {} {} --roles {} --propagate {}",
                change.path,
                option(&change.holder),
                joined(&change.roles),
                u8::from(change.propagates)
            ),
            Self::Unseparate(token) => {
                format!("pveum user token modify {} {} --privsep 0", quoted(&token.user.to_string()), token.name)
            }
            Self::Regenerate(token) => {
                format!("pveum user token modify {} {} --regenerate 1", quoted(&token.user.to_string()), token.name)
            }
        })
    }

    /// Names what it makes or changes.
    pub(crate) fn object(&self) -> String {
        match self {
            Self::User(user) => format!("user {user}"),
            Self::Pool(pool) => format!("pool {pool}"),
            Self::Role(role) => format!("role {}", role.name),
            Self::Token(token, _) => format!("token {token}"),
            Self::Unseparate(token) => format!("privilege separation of the token {token}"),
            Self::Regenerate(token) => format!("secret of the token {token}"),
            Self::Grant(change, _) => {
                let roles: Vec<&str> = change.roles.iter().map(RoleName::as_str).collect();
                format!("permission of {} on {} ({})", change.holder.id(), change.path, roles.join(", "))
            }
        }
    }

    /// Says what it does, for an error, with the privilege that the server wants to see for it.
    pub(crate) fn change(&self) -> AccessChange {
        let (what, takes) = match self {
            Self::User(user) => {
                let realm = format!("Realm.AllocateUser on /access/realm/{}", user.realm());
                (format!("create user {user}"), format!("User.Modify on /access/groups and {realm}"))
            }
            Self::Pool(pool) => (format!("create pool {pool}"), format!("Pool.Allocate on /pool/{pool}")),
            Self::Role(role) => (format!("create role {}", role.name), "Sys.Modify on /access".to_owned()),
            Self::Token(token, _) => (format!("create token {token}"), to_modify(token)),
            Self::Grant(change, _) => {
                ("change permissions".to_owned(), format!("Permissions.Modify on {}", change.path))
            }
            Self::Unseparate(token) => {
                (format!("turn off the privilege separation of the token {token}"), to_modify(token))
            }
            Self::Regenerate(token) => (format!("replace the secret of the token {token}"), to_modify(token)),
        };
        AccessChange { what, line: self.line().unwrap_or_default(), takes }
    }

    /// Returns the line that undoes it; a secret that changed stays as it is.
    pub(crate) fn undo_line(&self) -> Option<String> {
        Some(match self {
            Self::User(user) => format!("pveum user delete {}", quoted(&user.to_string())),
            Self::Pool(pool) => format!("pveum pool delete {pool}"),
            Self::Role(role) if role.state == RoleState::Missing => format!("pveum role delete {}", role.name),
            Self::Token(token, _) => remove_line(token),
            Self::Grant(change, before) => {
                let new: Vec<&RoleName> = change.roles.iter().filter(|role| !before.contains_key(*role)).collect();
                if new.is_empty() {
                    return None;
                }
                format!("pveum acl delete {} {} --roles {}", change.path, option(&change.holder), joined(new))
            }
            Self::Role(_) | Self::Unseparate(_) | Self::Regenerate(_) => return None,
        })
    }
}

/// Writes the line that makes a token.
pub(crate) fn token_line(token: &TokenId, request: &TokenRequest) -> String {
    let expire = if request.expire == 0 { String::new() } else { format!(" --expire {}", request.expire) };
    format!(
        "pveum user token add {} {} --privsep {}{expire} --comment {}",
        quoted(&token.user.to_string()),
        token.name,
        u8::from(request.separated),
        quoted(&request.comment)
    )
}

/// Writes the line that removes a token.
fn remove_line(token: &TokenId) -> String {
    format!("pveum user token remove {} {}", quoted(&token.user.to_string()), token.name)
}

fn option(holder: &Subject) -> String {
    match holder {
        Subject::User(user) => format!("--users {}", user.shell_quoted()),
        Subject::Group(group) => format!("--groups {}", group.shell_quoted()),
        Subject::Token(token) => format!("--tokens {}", token.shell_quoted()),
    }
}

fn joined<'a>(roles: impl IntoIterator<Item = &'a RoleName>) -> String {
    roles.into_iter().map(RoleName::as_str).collect::<Vec<_>>().join(",")
}

/// Writes privileges as the server reads a list.
pub(crate) fn listed(privileges: &Privileges) -> String {
    privileges.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Quotes a text so that a shell takes it as it is.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What making a token would change.
pub(crate) struct GrantPlan {
    /// The token.
    pub(crate) token: TokenId,
    /// Whether it has privilege separation afterwards.
    pub(crate) separated: bool,
    /// When it ends, in seconds since 1970.
    pub(crate) expire: u64,
    /// The steps, in their order.
    pub(crate) steps: Vec<PlanStep>,
    /// The privileges of every user and token concerned, before and after.
    pub(crate) effects: Vec<GrantEffect>,
    /// The token that is removed once the new one has been saved and checked.
    pub(crate) retires: Option<TokenId>,
    /// What a person should know.
    pub(crate) remarks: Vec<String>,
    /// What decides about all privileges, as it was read for this plan; `None` if no privileges change.
    pub(crate) basis: Option<AclModel>,
}

impl GrantPlan {
    /// Says whether a token is made, or one that exists gets a new secret.
    pub(crate) fn action(&self) -> PveumCommand {
        let regenerates = self.steps.iter().any(|step| matches!(step, PlanStep::Regenerate(_)));
        if regenerates { PveumCommand::Regenerate } else { PveumCommand::Make }
    }

    /// Returns the lines that do the same.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.steps.iter().filter_map(PlanStep::line).collect()
    }
}

impl Draw for GrantPlan {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let privileges = if self.separated {
            "privilege separation: only privileges granted to both the token and its user"
        } else {
            "no privilege separation: all privileges of its user"
        };
        screen.labelled("   token       ", Tone::Plain, &Printable(&self.token.to_string()).to_string())?;
        screen.labelled("   privileges  ", Tone::Plain, privileges)?;
        screen.labelled("   expires     ", Tone::Plain, &Expiry::shown(self.expire))?;
        for remark in &self.remarks {
            screen.labelled(" ! ", Tone::Warning, &Printable(remark).to_string())?;
        }
        self.draw_effects(screen)?;
        let lines = self.lines();
        if lines.is_empty() {
            return screen.paragraph(3, "No changes on the server");
        }
        screen.blank_line()?;
        screen.paragraph(3, "Changes on the server, as the equivalent commands for root on a node:")?;
        for line in &lines {
            screen.command(5, &Printable(line).to_string())?;
        }
        if let Some(old) = &self.retires {
            screen.paragraph(3, "After the new token has been checked and saved:")?;
            screen.command(5, &Printable(&remove_line(old)).to_string())?;
        }
        Ok(())
    }
}

impl GrantPlan {
    fn draw_effects(&self, screen: &mut Screen<'_>) -> fmt::Result {
        if self.effects.is_empty() {
            return Ok(());
        }
        screen.blank_line()?;
        screen.paragraph(3, "Number of privileges before and after (none is removed):")?;
        let mut subjects: Vec<&Subject> = self.effects.iter().map(|effect| &effect.subject).collect();
        subjects.dedup();
        let mut unchanged = Vec::new();
        for subject in subjects {
            let of_subject = self.effects.iter().filter(|effect| effect.subject == *subject);
            let (changed, same): (Vec<&GrantEffect>, Vec<&GrantEffect>) =
                of_subject.partition(|effect| effect.before != effect.after);
            if changed.is_empty() {
                unchanged.push(subject.id().to_string());
                continue;
            }
            screen.labelled("   ", Tone::Plain, &subject.id().to_string())?;
            for (counts, paths) in grouped(&changed) {
                screen.labelled(&format!("     {counts}  "), Tone::Good, &paths)?;
            }
            for (counts, paths) in grouped(&same) {
                screen.labelled(&format!("     {counts}  "), Tone::Dim, &paths)?;
            }
        }
        if !unchanged.is_empty() {
            screen.labelled("   unchanged: ", Tone::Dim, &unchanged.join(", "))?;
        }
        Ok(())
    }
}

/// Puts the paths together on which the numbers are the same.
fn grouped(effects: &[&GrantEffect]) -> Vec<(String, String)> {
    let mut groups: BTreeMap<(usize, usize), BTreeSet<&str>> = BTreeMap::new();
    for effect in effects {
        groups.entry((effect.before.len(), effect.after.len())).or_default().insert(&effect.path);
    }
    let shown = |((before, after), paths): ((usize, usize), BTreeSet<&str>)| {
        let counts =
            if before == after { format!("{before:<7}") } else { format!("{:<7}", format!("{before}->{after}")) };
        (counts, paths.into_iter().map(|path| Printable(path).to_string()).collect::<Vec<_>>().join(", "))
    };
    groups.into_iter().map(shown).collect()
}
