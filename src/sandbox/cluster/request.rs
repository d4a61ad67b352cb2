//! A call on its way to what it does, and what it answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::sandbox::auth::{Caller, names};
use crate::sandbox::cluster::packed;

/// The moment at which a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Seconds since 1970.
    pub unix: u64,
    /// The time since the cluster was started.
    pub since_start: Duration,
}

/// What a call that went well answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The answer itself.
    pub data: Value,
    /// How many entries there are in all, where only some were asked for.
    pub total: Option<u64>,
}

impl From<Value> for Reply {
    fn from(data: Value) -> Self {
        Self { data, total: None }
    }
}

/// Makes an object of its fields. Each is inserted by itself: `collect` sorts first, by 4 kB of code for every kind of
/// iterator.
pub fn object(fields: impl IntoIterator<Item = (String, Value)>) -> Value {
    let mut map = Map::new();
    for (name, value) in fields {
        map.insert(name, value);
    }
    Value::Object(map)
}

/// A call on its way to what it does.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who makes it.
    pub caller: &'a Caller,
    /// Its parameters, those in its path included.
    pub params: &'a BTreeMap<String, String>,
    /// When it is made.
    pub now: Now,
}

impl<'a> Request<'a> {
    /// Returns a parameter, or nothing where it is missing or undefined.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.params.get(name).map(String::as_str).filter(|value| *value != packed::NULL)
    }

    /// Returns a parameter, or an empty text where it is missing.
    pub fn text(&self, name: &str) -> &'a str {
        self.get(name).unwrap_or_default()
    }

    /// Tells whether a switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some("1")
    }

    /// Returns a number, if it is there.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// Lists the words of a parameter.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        names::list(self.text(name))
    }

    /// Returns the node that the call is for.
    pub fn node(&self) -> &'a str {
        self.text("node")
    }

    /// Returns the number of the VM that the call is for.
    pub fn vmid(&self) -> u32 {
        self.text("vmid").parse().unwrap_or_default()
    }
}
