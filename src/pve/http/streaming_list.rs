//! A long list of an answer, read row by row: of a row the fields of its type are kept until it is read, and nothing else.
//!
//! Every value is walked through as it would be to be kept (and not skipped, which is more lenient): an answer is JSON, or
//! is too deep, here and there alike.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::Error as NoValue;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Map, Value};

use crate::pve::lenient::object;

/// The rows of a list that are kept; none where a row could not be read.
pub(in crate::pve) type Rows<T> = Option<Vec<T>>;

/// Reads a body in which a list stands under `data`: each of its rows becomes an `R`, of which `keep` says what is kept. The
/// body is given as well, and the list in it is empty.
pub(in crate::pve) fn read<R: DeserializeOwned, T>(
    body: &[u8],
    keep: impl Fn(R) -> Option<T>,
) -> serde_json::Result<(Value, Rows<T>)> {
    let mut rows: Rows<T> = None;
    let mut take = |event: ListEvent| match (event, &mut rows) {
        (ListEvent::Begins, _) => rows = Some(Vec::new()),
        (ListEvent::Row(row), Some(kept)) => match object(row) {
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
    Ok((body, rows))
}

/// What is met on the way through a body.
enum ListEvent {
    /// A list, where the list should be: the last one counts.
    Begins,
    /// Its next row.
    Row(Value),
}

/// Which part of the answer a value is.
#[derive(Debug, Clone, Copy)]
enum ListPosition {
    /// All of it.
    Body,
    /// What stands under `data`.
    Data,
    /// A row of the list.
    Row,
    /// Anything else.
    Elsewhere,
}

/// A part of the answer that is next to be read. Of its value are kept: a text, a number, a boolean, and those fields of an
/// object that are wanted.
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
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        let (wanted, below) = match self.place {
            ListPosition::Body => (&["data"][..], ListPosition::Data),
            ListPosition::Row => (self.fields, ListPosition::Elsewhere),
            ListPosition::Data | ListPosition::Elsewhere => (&[][..], ListPosition::Elsewhere),
        };
        let mut map = Map::new();
        while let Some(Name(name)) = entries.next_key()? {
            if wanted.contains(&&*name) {
                // Of a field that stands twice, the last counts.
                map.insert(name.into_owned(), entries.next_value_seed(self.next(below))?);
            } else {
                entries.next_value_seed(self.next(ListPosition::Elsewhere))?;
            }
        }
        Ok(Value::Object(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        if matches!(self.place, ListPosition::Data) {
            (self.take)(ListEvent::Begins);
            while let Some(row) = items.next_element_seed(self.next(ListPosition::Row))? {
                (self.take)(ListEvent::Row(row));
            }
        } else {
            while items.next_element_seed(self.next(ListPosition::Elsewhere))?.is_some() {}
        }
        Ok(Value::Array(Vec::new()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::from(flag))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

/// Gives the names of the fields of a struct, as an answer has them.
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
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};
    use proptest::sample::select;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer};
    use serde_json::Value;

    use super::read;
    use crate::model::Foreign;
    use crate::pve::lenient::{lenient, object};

    type Outcome = Result<ReplyData<ListReply<(u64, Option<Foreign>)>>, String>;

    /// What stands where the data of an answer should.
    #[derive(Debug, PartialEq)]
    enum ReplyData<T> {
        Data(T),
        NoData,
        NoMap,
    }

    /// What the data of an answer is, read as a list.
    #[derive(Debug, PartialEq)]
    enum ListReply<T> {
        Rows(Vec<T>),
        Unread,
        NoList,
    }

    #[derive(Deserialize)]
    struct Entry {
        #[serde(deserialize_with = "number")]
        vmid: u64,
        #[serde(default, deserialize_with = "lenient")]
        name: Option<Foreign>,
    }

    fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        lenient::<D, Option<u64>>(deserializer)?.ok_or_else(|| D::Error::custom("no number"))
    }

    /// Keeps the rows with an even number; without a number a row cannot be read.
    fn even(entry: Entry) -> Option<(u64, Option<Foreign>)> {
        (entry.vmid.is_multiple_of(2)).then_some((entry.vmid, entry.name))
    }

    fn row_by_row(body: &[u8]) -> Outcome {
        let (body, rows) = read(body, even).map_err(|why| why.to_string())?;
        let Some(map) = body.as_object() else { return Ok(ReplyData::NoMap) };
        let Some(data) = map.get("data") else { return Ok(ReplyData::NoData) };
        Ok(ReplyData::Data(if data.is_array() {
            rows.map_or(ListReply::Unread, ListReply::Rows)
        } else {
            ListReply::NoList
        }))
    }

    /// Reads the same by keeping all of it.
    fn as_a_whole(body: &[u8]) -> Outcome {
        let body: Value = serde_json::from_slice(body).map_err(|why| why.to_string())?;
        let Some(map) = body.as_object() else { return Ok(ReplyData::NoMap) };
        let Some(data) = map.get("data") else { return Ok(ReplyData::NoData) };
        let Some(rows) = data.as_array() else { return Ok(ReplyData::Data(ListReply::NoList)) };
        let rows: Option<Vec<_>> = rows.iter().map(|row| object(row.clone()).map(even)).collect();
        Ok(ReplyData::Data(
            rows.map_or(ListReply::Unread, |rows| ListReply::Rows(rows.into_iter().flatten().collect())),
        ))
    }

    #[test]
    fn of_each_row_what_is_wanted_is_read() {
        let body =
            br#"{"total":3,"data":[{"vmid":100,"name":"a","new":{"x":[1]}},{"vmid":101},{"name":7,"vmid":"102"}]}"#;
        let rows = vec![(100, Some(Foreign::new("a"))), (102, Some(Foreign::new("7")))];
        assert_eq!(row_by_row(body), Ok(ReplyData::Data(ListReply::Rows(rows))));
    }

    #[test]
    fn strange_answers_are_judged_as_if_all_of_them_was_kept() {
        let deep =
            |depth: usize| format!(r#"{{"data":[{{"vmid":100,"new":{}1{}}}]}}"#, "[".repeat(depth), "]".repeat(depth));
        let bodies = [
            "",
            " ",
            "{",
            "[]",
            "7",
            "null",
            "{}",
            r#"{"data":null}"#,
            r#"{"data":{"vmid":100}}"#,
            r#"{"data":[]}"#,
            r#"{"data":[7]}"#,
            r#"{"data":[[]]}"#,
            r#"{"data":[{}]}"#,
            r#"{"data":[{"vmid":"x"},{"vmid":2"#,
            r#"{"data":[{"vmid":"x"},{"vmid":2}],"data":[{"vmid":4}]}"#,
            r#"{"data":[{"vmid":2}],"data":7}"#,
            r#"{"data":[{"vmid":2,"vmid":4}]}"#,
            r#"{"data":[{"vmid":2,"vmid":{}}]}"#,
            r#"{"data":[{"vmid":2}]} x"#,
            r#"{"data":[{"vmid":2,"new":1e999}]}"#,
            r#"{"data":[{"vmid":2,"new":"\ud800"}]}"#,
            r#"{"data":[{"vmid":-2}]}"#,
            r#"{"data":[{"vmid":2.0,"name":true,"\u006eame":false}]}"#,
            &deep(100),
            &deep(124),
            &deep(125),
            &deep(126),
            &deep(100_000),
        ];
        for body in bodies {
            assert_eq!(row_by_row(body.as_bytes()), as_a_whole(body.as_bytes()), "{body:.80}");
        }
        assert_eq!(row_by_row(b"{\"data\":[{\"new\":\"\xff\"}]}"), as_a_whole(b"{\"data\":[{\"new\":\"\xff\"}]}"));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_judged_as_if_all_of_it_was_kept(
            words in proptest::collection::vec(
                select(vec!["{", "}", "[", "]", ",", ":", "\"data\"", "\"vmid\"", "\"name\"", "7", "100", "\"x\"", "null", " "]),
                0..30,
            ),
            from_data: bool,
        ) {
            let text = if from_data { format!("{{\"data\":[{{\"vmid\":{}", words.concat()) } else { words.concat() };
            prop_assert_eq!(row_by_row(text.as_bytes()), as_a_whole(text.as_bytes()));
        }
    }
}
