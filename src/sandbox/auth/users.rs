//! Users with their tokens, groups and realms.

use std::collections::{BTreeMap, BTreeSet};

use crate::sandbox::auth::acl::Subject;
use crate::sandbox::auth::{Access, names};

/// Where users come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realm {
    /// The kind of realm, as the API names it.
    pub kind: String,
    /// What the log-in screen says of it.
    pub comment: String,
}

/// A person or a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Whether the user may log in.
    pub enabled: bool,
    /// Seconds since 1970 after which it may not, 0 for ever.
    pub expire: u64,
    /// What it logs in with; without one nothing fits.
    pub password: Option<String>,
    /// The secret of its one-time codes, in base 32.
    pub totp: Option<Totp>,
    /// First and last name, address, comment and keys, by their names in the API.
    pub details: BTreeMap<String, String>,
    /// Tokens by name.
    pub tokens: BTreeMap<String, Token>,
}

impl Default for User {
    fn default() -> Self {
        Self { enabled: true, expire: 0, password: None, totp: None, details: BTreeMap::new(), tokens: BTreeMap::new() }
    }
}

impl User {
    /// Makes a user that logs in with a password.
    pub fn with_password(password: &str) -> Self {
        Self { password: Some(password.to_owned()), ..Self::default() }
    }
}

/// A second factor: one-time codes that change with time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totp {
    /// The name of the entry.
    pub id: String,
    /// The shared secret in base 32.
    pub secret: String,
    /// The step of the last code that was taken; it and all before it are used up.
    pub used_up: Option<u64>,
}

/// A secret that acts for its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The secret.
    pub secret: String,
    /// Whether it needs ACL entries of its own.
    pub privsep: bool,
    /// Seconds since 1970 after which it is refused, 0 for ever.
    pub expire: u64,
    /// What it is for.
    pub comment: Option<String>,
}

/// Users that share rights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Its users.
    pub members: BTreeSet<String>,
    /// What it is for.
    pub comment: Option<String>,
}

impl Access {
    /// Finds a token by its whole name.
    pub fn token(&self, id: &str) -> Option<&Token> {
        let (user, name) = names::split_token(id)?;
        self.users.get(user)?.tokens.get(name)
    }

    /// Lists the groups that a user belongs to.
    pub fn groups_of<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a String> {
        self.groups.iter().filter(move |(_, group)| group.members.contains(user)).map(|(name, _)| name)
    }

    /// Forgets a user, its tokens, memberships and entries.
    pub fn remove_user(&mut self, user: &str) {
        self.users.remove(user);
        for group in self.groups.values_mut() {
            group.members.remove(user);
        }
        self.acl.forget_holders(|holder| match holder {
            Subject::User(id) => id == user,
            Subject::Token(id) => names::owner(id) == user,
            Subject::Group(_) => false,
        });
    }

    /// Forgets a token and its entries.
    pub fn remove_token(&mut self, user: &str, name: &str) {
        if let Some(user) = self.users.get_mut(user) {
            user.tokens.remove(name);
        }
        let gone = Subject::Token(format!("{user}!{name}"));
        self.acl.forget_holders(|holder| *holder == gone);
    }

    /// Forgets a group and its entries.
    pub fn remove_group(&mut self, group: &str) {
        self.groups.remove(group);
        let gone = Subject::Group(group.to_owned());
        self.acl.forget_holders(|holder| *holder == gone);
    }
}
