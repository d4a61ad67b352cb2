//! Reply types of storages.

use crate::model::{ContentKind, Foreign, StorageName};
use crate::pve::lenient::{Lenient, as_text, lenient, required, yes};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A storage, as a node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Storage {
    /// Its name.
    #[serde(rename = "storage", deserialize_with = "required")]
    pub name: StorageName,
    /// Whether every node sees the same.
    #[serde(default, deserialize_with = "lenient")]
    pub shared: bool,
    /// Whether it is switched on, and meant for this node.
    #[serde(rename = "enabled", default = "yes", deserialize_with = "enabled_by_default")]
    pub is_enabled: bool,
    /// Whether it can be used now.
    #[serde(rename = "active", default, deserialize_with = "lenient")]
    pub is_active: bool,
    /// What it may hold: `images`, `iso`, `import` and others.
    #[serde(default, deserialize_with = "lenient")]
    content: Vec<ContentKind>,
    /// Free space in bytes.
    #[serde(rename = "avail", default, deserialize_with = "lenient")]
    pub available: Option<u64>,
}

fn enabled_by_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Value::deserialize(deserializer).map(|value| as_text(&value).is_none() || bool::of(&value))
}

impl Lenient for Vec<ContentKind> {
    fn of(value: &Value) -> Self {
        Foreign::of(value).split(&[',']).iter().filter_map(|it| it.parse().ok()).collect()
    }
}

impl Storage {
    /// Returns all that it may hold and one thing more, as the server takes a list of them.
    #[must_use]
    pub fn contents_with(&self, content: &str) -> String {
        self.content.iter().map(ContentKind::as_str).chain([content]).collect::<Vec<_>>().join(",")
    }

    /// Returns whether it may hold something.
    #[must_use]
    pub fn holds(&self, content: &str) -> bool {
        self.content.iter().any(|it| *it == *content)
    }
}
