//! A long list of an answer, read row by row: of a row the fields of its type are kept until it is read, and nothing else.
//!
//! Every value is walked through as it would be to be kept (and not skipped, which is more lenient): an answer is JSON, or
//! is too deep, here and there alike.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{Error as NoValue, MapDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::Value;

use crate::pve::http::row_splitter::RowSink;

/// The rows of a list that are kept; none where a row could not be read, or there is no list.
pub(in crate::pve) type Rows<T> = Option<Vec<T>>;

/// Reads the rows of one list as they arrive: each becomes an `R`, of which `keep` says what is kept.
pub(in crate::pve) struct RowReader<'k, R, T> {
    keep: &'k dyn Fn(R) -> Option<T>,
    /// The fields of a row that are wanted.
    fields: &'static [&'static str],
    rows: Rows<T>,
}

impl<'k, R: DeserializeOwned, T> RowReader<'k, R, T> {
    /// Prepares for a list.
    pub(in crate::pve) fn new(keep: &'k dyn Fn(R) -> Option<T>) -> Self {
        Self { keep, fields: fields_of::<R>(), rows: None }
    }

    /// Returns the rows that were kept.
    pub(in crate::pve) fn into_rows(self) -> Rows<T> {
        self.rows
    }
}

impl<R: DeserializeOwned, T> RowSink for RowReader<'_, R, T> {
    fn begin(&mut self) {
        self.rows = Some(Vec::new());
    }

    fn row(&mut self, text: &[u8]) -> bool {
        let Ok(row) = partial_row(text, self.fields) else { return false };
        // Without a list, one before it could not be read.
        if let Some(kept) = &mut self.rows {
            match row.read() {
                Some(row) => kept.extend((self.keep)(row)),
                None => self.rows = None,
            }
        }
        true
    }
}

/// Reads the wanted fields of a row.
fn partial_row(text: &[u8], fields: &'static [&'static str]) -> serde_json::Result<PartialRow> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let row = Part { fields }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(row)
}

/// What is kept of a value until it is read.
enum PartialRow {
    /// A text, a number, a boolean, or nothing.
    Scalar(Value),
    /// The fields of an object that are wanted.
    Fields(Vec<(&'static str, Value)>),
    /// That it is a list.
    List,
}

impl PartialRow {
    /// Reads a row; nothing of what is no object, or has a field that its type does not take.
    fn read<R: DeserializeOwned>(self) -> Option<R> {
        let Self::Fields(fields) = self else { return None };
        R::deserialize(MapDeserializer::<_, serde_json::Error>::new(fields.into_iter())).ok()
    }

    fn into_value(self) -> Value {
        match self {
            Self::Scalar(value) => value,
            Self::Fields(fields) => fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            Self::List => Value::Array(Vec::new()),
        }
    }
}

/// A part of a row that is next to be read: itself, or what is in it, of which no field is wanted.
struct Part {
    fields: &'static [&'static str],
}

/// The name of a field that is next to be read.
#[derive(Deserialize)]
struct Name<'n>(#[serde(borrow)] Cow<'n, str>);

impl<'de> DeserializeSeed<'de> for Part {
    type Value = PartialRow;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<PartialRow, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = PartialRow;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<PartialRow, A::Error> {
        let mut fields = Vec::new();
        while let Some(Name(name)) = entries.next_key()? {
            let value = entries.next_value_seed(Part { fields: &[] })?;
            if let Some(name) = self.fields.iter().find(|wanted| **wanted == name) {
                // Of a field that is there twice, the last counts.
                fields.retain(|(other, _)| other != name);
                fields.push((*name, value.into_value()));
            }
        }
        Ok(PartialRow::Fields(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<PartialRow, A::Error> {
        while items.next_element_seed(Part { fields: &[] })?.is_some() {}
        Ok(PartialRow::List)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<PartialRow, E> {
        Ok(PartialRow::Scalar(Value::from(text)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<PartialRow, E> {
        Ok(PartialRow::Scalar(Value::from(number)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<PartialRow, E> {
        Ok(PartialRow::Scalar(Value::from(number)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<PartialRow, E> {
        Ok(PartialRow::Scalar(Value::from(number)))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<PartialRow, E> {
        Ok(PartialRow::Scalar(Value::from(flag)))
    }

    fn visit_unit<E: Error>(self) -> Result<PartialRow, E> {
        Ok(PartialRow::Scalar(Value::Null))
    }
}

/// Returns the names of the fields of a struct, as an answer has them.
fn fields_of<R: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // It ends with an error, as there is no value.
    let _ = R::deserialize(FieldNames(&mut fields));
    fields
}

/// Asks a struct for its fields in place of giving it any.
struct FieldNames<'f>(&'f mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = NoValue;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoValue> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, NoValue> {
        Err(NoValue::custom("no value"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
