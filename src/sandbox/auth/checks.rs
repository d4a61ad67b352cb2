//! The permission checks that calls about users and tokens make, in the server's order.

use crate::sandbox::auth::refusal::Refusal;
use crate::sandbox::auth::rights::grant_privileges;
use crate::sandbox::auth::{Access, Caller, ROOT, names};

impl Access {
    /// Demands all of these privileges at a path.
    pub fn demand(&self, caller: &Caller, path: &str, privileges: &[&str]) -> Result<(), Refusal> {
        let rights = self.effective(&caller.subject, path);
        match privileges.iter().find(|privilege| !rights.contains_key(**privilege)) {
            Some(missing) => Err(Refusal::lacking(path, &[missing])),
            None => Ok(()),
        }
    }

    /// Demands one of these privileges at a path.
    pub fn demand_any(&self, caller: &Caller, path: &str, privileges: &[&str]) -> Result<(), Refusal> {
        if self.check_any(&caller.subject, path, privileges) {
            return Ok(());
        }
        Err(Refusal::lacking(path, privileges))
    }

    /// Demands the right to change the entries at a path.
    pub(crate) fn demand_grant(&self, caller: &Caller, path: &str) -> Result<(), Refusal> {
        self.demand_any(caller, path, grant_privileges(path))
    }

    /// Demands that the caller is the user itself, or has one of these privileges over it.
    pub(crate) fn demand_self_or(&self, caller: &Caller, user: &str, privileges: &[&str]) -> Result<(), Refusal> {
        if caller.subject == ROOT {
            return Ok(());
        }
        valid_user(user)?;
        let known = self.users.contains_key(user);
        if known && (caller.subject == user || self.has_over(caller, user, privileges)) {
            return Ok(());
        }
        Err(Refusal::Forbidden(None))
    }

    /// Demands one of these privileges over a user.
    pub(crate) fn demand_over(&self, caller: &Caller, user: &str, privileges: &[&str]) -> Result<(), Refusal> {
        if caller.subject == ROOT {
            return Ok(());
        }
        self.existing(user)?;
        if self.has_over(caller, user, privileges) {
            return Ok(());
        }
        Err(Refusal::Forbidden(None))
    }

    /// Demands one of these privileges over every one of these groups, or over all.
    pub(crate) fn demand_over_groups(&self, caller: &Caller, groups: &str, privileges: &[&str]) -> Result<(), Refusal> {
        let top = "/access/groups";
        if caller.subject == ROOT || self.check_any(&caller.subject, top, privileges) {
            return Ok(());
        }
        let mut groups = names::list(groups).peekable();
        if groups.peek().is_none() {
            return Err(Refusal::lacking(top, privileges));
        }
        for group in groups {
            let path = format!("{top}/{group}");
            if !self.groups.contains_key(group) {
                return Err(Refusal::lacking(&path, privileges));
            }
            self.demand_any(caller, &path, privileges)?;
        }
        Ok(())
    }

    /// Demands the right to make and remove users of the realm of this one.
    pub(crate) fn demand_realm(&self, caller: &Caller, user: &str) -> Result<(), Refusal> {
        if caller.subject == ROOT {
            return Ok(());
        }
        let realm = valid_user(user)?;
        self.demand(caller, &format!("/access/realm/{realm}"), &["Realm.AllocateUser"])
    }

    /// Tells whether the caller has one of these privileges over a user, through all groups or one of the user's.
    pub(crate) fn has_over(&self, caller: &Caller, user: &str, privileges: &[&str]) -> bool {
        let top = "/access/groups";
        self.check_any(&caller.subject, top, privileges)
            || self.groups_of(user).any(|group| self.check_any(&caller.subject, &format!("{top}/{group}"), privileges))
    }

    /// Demands that a user exists.
    pub(crate) fn existing(&self, user: &str) -> Result<(), Refusal> {
        valid_user(user)?;
        if self.users.contains_key(user) {
            return Ok(());
        }
        Err(Refusal::Failed(format!("no such user ('{user}')")))
    }

    /// Demands that a token exists.
    pub(crate) fn existing_token(&self, user: &str, name: &str) -> Result<(), Refusal> {
        self.existing(user)?;
        if self.users.get(user).is_some_and(|user| user.tokens.contains_key(name)) {
            return Ok(());
        }
        Err(Refusal::Failed(format!("no such token '{name}' for user '{user}'")))
    }
}

/// Demands a user's name in its form, and returns its realm.
fn valid_user(user: &str) -> Result<&str, Refusal> {
    let wrong = || Refusal::Failed(format!("value '{user}' does not look like a valid user name"));
    names::split_user(user).map(|(_, realm)| realm).ok_or_else(wrong)
}
