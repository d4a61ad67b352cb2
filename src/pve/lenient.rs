//! Reads the forms in which Proxmox VE writes one value: numbers as strings, booleans as numbers, fields that are missing.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::model::{Foreign, Secret, Validated};

/// A value that may be missing or unreadable.
pub(super) trait Lenient: Sized {
    /// Reads a value; for any other kind of value, returns the empty one.
    fn of(value: &Value) -> Self;
}

impl Lenient for Option<Foreign> {
    fn of(value: &Value) -> Self {
        as_text(value)
    }
}

impl Lenient for Foreign {
    fn of(value: &Value) -> Self {
        as_text(value).unwrap_or_default()
    }
}

impl Lenient for Option<u64> {
    fn of(value: &Value) -> Self {
        as_number(value)
    }
}

impl Lenient for u64 {
    fn of(value: &Value) -> Self {
        as_number(value).unwrap_or_default()
    }
}

impl Lenient for bool {
    fn of(value: &Value) -> Self {
        match value {
            Value::Bool(flag) => *flag,
            other => as_number(other) == Some(1),
        }
    }
}

/// Reads a field that cannot be wrong; `default` says what it is where it is missing.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: Lenient>(deserializer: D) -> Result<T, D::Error> {
    Value::deserialize(deserializer).map(|value| T::of(&value))
}

/// Reads a text that is nothing where it is empty.
pub(super) fn non_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Foreign>, D::Error> {
    lenient(deserializer).map(|text: Option<Foreign>| text.filter(|text| !text.is_empty()))
}

/// Reads a text that its type takes; any other is nothing.
pub(super) fn parsed<'de, D: Deserializer<'de>, T: Validated>(deserializer: D) -> Result<Option<T>, D::Error> {
    lenient(deserializer).map(|text: Option<Foreign>| text?.parse().ok())
}

/// Reads a text that its type has to take.
pub(super) fn required<'de, D: Deserializer<'de>, T: Validated>(deserializer: D) -> Result<T, D::Error> {
    parsed(deserializer)?.ok_or_else(|| D::Error::custom("not of its type"))
}

/// Reads a text, of whatever form.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Foreign, D::Error> {
    lenient::<D, Option<Foreign>>(deserializer)?.ok_or_else(|| D::Error::custom("no text"))
}

/// The default of a boolean field that is true if it is missing.
pub(super) const fn yes() -> bool {
    true
}

/// Reads an object; `None` if the value is not an object, or has a field of the wrong type.
pub(super) fn object<T: DeserializeOwned>(value: Value) -> Option<T> {
    // A struct would be read from a list as well.
    if value.is_object() { serde_json::from_value(value).ok() } else { None }
}

/// Returns a field of an object as text.
pub(super) fn field_text(value: &Value, field: &str) -> Option<Foreign> {
    as_text(value.get(field)?)
}

/// Returns a field of an object that is a secret.
pub(super) fn field_secret(value: &Value, field: &str) -> Option<Secret> {
    value.get(field)?.as_str().map(|text| Secret::new(text.to_owned()))
}

/// Returns a value as text; a number or a boolean is one as well.
pub(super) fn as_text(value: &Value) -> Option<Foreign> {
    raw_text(value).map(Foreign::new)
}

/// Returns a value as raw text, for callers that parse it and return only validated parts.
pub(super) fn raw_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(u8::from(*flag).to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns a value as a whole number, also where it came as a text.
pub(super) fn as_number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        // Perl writes large numbers as floating ones.
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        _ => None,
    }
}

fn whole(number: f64) -> Option<u64> {
    format!("{number:.0}").parse().ok().filter(|_| number.fract() == 0.0)
}
