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

/// The rows of a list that are kept; none where a row could not be read.
pub(in crate::pve) type Rows<T> = Option<Vec<T>>;

/// Reads a body in which a list is under `data`: each of its rows becomes an `R`, of which `keep` says what is kept.
/// The body is given as well, and the list in it is empty.
pub(in crate::pve) fn read<R: DeserializeOwned, T>(
    body: &[u8],
    keep: impl Fn(R) -> Option<T>,
) -> serde_json::Result<(Value, Rows<T>)> {
    let mut rows: Rows<T> = None;
    let mut take = |event: ListEvent| match (event, &mut rows) {
        (ListEvent::Begins, _) => rows = Some(Vec::new()),
        (ListEvent::Row(row), Some(kept)) => match row.read() {
            Some(row) => kept.extend(keep(row)),
            None => rows = None,
        },
        // One before it could not be read.
        (ListEvent::Row(_), None) => {}
    };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let part = Part { place: ListPosition::Body, fields: fields_of::<R>(), take: &mut take };
    let body = part.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((body.into_value(), rows))
}

/// What is met on the way through a body.
enum ListEvent {
    /// A list, where the list should be: the last one counts.
    Begins,
    /// Its next row.
    Row(PartialRow),
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

/// Which part of the answer a value is.
#[derive(Debug, Clone, Copy)]
enum ListPosition {
    /// All of it.
    Body,
    /// What is under `data`.
    Data,
    /// A row of the list.
    Row,
    /// Anything else.
    Elsewhere,
}

/// A part of the answer that is next to be read.
struct Part<'r> {
    place: ListPosition,
    /// The fields of a row that are wanted.
    fields: &'static [&'static str],
    take: &'r mut dyn FnMut(ListEvent),
}

/// The name of a field that is next to be read.
#[derive(Deserialize)]
struct Name<'n>(#[serde(borrow)] Cow<'n, str>);

impl Part<'_> {
    fn next(&mut self, place: ListPosition) -> Part<'_> {
        Part { place, fields: self.fields, take: self.take }
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = PartialRow;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<PartialRow, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = PartialRow;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<PartialRow, A::Error> {
        let (wanted, below) = match self.place {
            ListPosition::Body => (&["data"][..], ListPosition::Data),
            ListPosition::Row => (self.fields, ListPosition::Elsewhere),
            ListPosition::Data | ListPosition::Elsewhere => (&[][..], ListPosition::Elsewhere),
        };
        let mut fields = Vec::new();
        while let Some(Name(name)) = entries.next_key()? {
            let Some(name) = wanted.iter().find(|wanted| **wanted == name) else {
                entries.next_value_seed(self.next(ListPosition::Elsewhere))?;
                continue;
            };
            let value = entries.next_value_seed(self.next(below))?.into_value();
            // Of a field that is twice, the last counts.
            fields.retain(|(other, _)| other != name);
            fields.push((*name, value));
        }
        Ok(PartialRow::Fields(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<PartialRow, A::Error> {
        if matches!(self.place, ListPosition::Data) {
            (self.take)(ListEvent::Begins);
            while let Some(row) = items.next_element_seed(self.next(ListPosition::Row))? {
                (self.take)(ListEvent::Row(row));
            }
        } else {
            while items.next_element_seed(self.next(ListPosition::Elsewhere))?.is_some() {}
        }
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
