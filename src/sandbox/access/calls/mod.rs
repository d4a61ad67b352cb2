//! The calls below `/access` and `/pools`: who may make them, and what they do.

pub mod entries;
pub mod groups;
pub mod logins;
pub mod passwords;
pub mod permissions;
pub mod pools;
pub mod roles;
pub mod tokens;
pub mod users;

use std::collections::BTreeMap;

use super::{Caller, names, packed};

/// A call whose sender is known and whose parameters have the right form.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who sent it.
    pub caller: &'a Caller,
    /// Its parameters, those in its path included.
    pub params: &'a BTreeMap<String, String>,
    /// When it came, in seconds since 1970.
    pub now: u64,
}

impl<'a> Request<'a> {
    /// Gives a parameter, or nothing where it is missing or undefined.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.params.get(name).map(String::as_str).filter(|value| *value != packed::NULL)
    }

    /// Gives a parameter, or an empty text where it is missing.
    fn text(&self, name: &str) -> &'a str {
        self.get(name).unwrap_or_default()
    }

    /// Tells whether a switch is on.
    fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some("1")
    }

    /// Lists the words of a parameter.
    fn list(&self, name: &str) -> impl Iterator<Item = &'a str> {
        names::list(self.text(name))
    }

    /// Gives a number, 0 where it is missing.
    fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or_default()
    }
}
