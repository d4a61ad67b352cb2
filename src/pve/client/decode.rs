//! Lists and objects of an answer, read into their types.

use super::Pve;
use crate::model::Foreign;
use crate::pve::ApiError;
use crate::pve::http::retry::CallEvent;
use crate::pve::lenient::{field_text, object};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Splits a list as the server writes it.
pub(super) fn words(text: &Foreign) -> Vec<Foreign> {
    text.split(&[',', ';', ' '])
}

impl Pve {
    pub(super) fn require_map(&self, data: &Value, what: &str) -> Result<(), ApiError> {
        if data.is_object() { Ok(()) } else { Err(self.unexpected(&format!("{what} is not an object"))) }
    }

    /// Reads a list; fails if an entry cannot be read.
    pub(super) fn list<T>(
        &self,
        data: Value,
        what: &str,
        read: impl Fn(Value) -> Option<T>,
    ) -> Result<Vec<T>, ApiError> {
        let Value::Array(entries) = data else { return Err(self.not_a_list(what)) };
        let read: Option<Vec<T>> = entries.into_iter().map(read).collect();
        read.ok_or_else(|| self.unreadable_entry(what))
    }

    /// Reads a list whose entries have names of a checked type: an entry with an invalid name is skipped, and that is
    /// reported.
    pub(super) fn named<T: DeserializeOwned>(&self, data: Value, what: &str, field: &str) -> Result<Vec<T>, ApiError> {
        let entries = self.list(data, what, |entry| {
            let name = field_text(&entry, field)?;
            Some(object(entry).ok_or(name))
        })?;
        let report = |name: &Foreign| self.notify(&CallEvent::EntrySkipped { what, name });
        Ok(entries.into_iter().filter_map(|entry| entry.inspect_err(report).ok()).collect())
    }

    /// Reads a list that may be very long, row by row, keeping only what `keep` returns for each row.
    pub(super) async fn rows<R: DeserializeOwned, T>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        what: &str,
        keep: impl Fn(R) -> Option<T>,
    ) -> Result<Vec<T>, ApiError> {
        let (data, rows) = self.transport.get_rows(path, query, &keep).await?;
        if data.is_array() { rows.ok_or_else(|| self.unreadable_entry(what)) } else { Err(self.not_a_list(what)) }
    }

    fn not_a_list(&self, what: &str) -> ApiError {
        self.unexpected(&format!("{what} is not a list"))
    }

    fn unreadable_entry(&self, what: &str) -> ApiError {
        self.unexpected(&format!("{what} contains an unreadable entry"))
    }

    pub(super) fn unexpected(&self, what: &str) -> ApiError {
        ApiError::NotUnderstood { server: self.endpoint().authority(), what: what.to_owned() }
    }
}
