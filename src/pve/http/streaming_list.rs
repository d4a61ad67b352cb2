//! A long list of an answer, read row by row: what is wanted of a row is kept until it is read, and nothing of the rest.
//!
//! Every value is walked through as it would be to be kept (and not skipped, which is more lenient): an answer is JSON, or
//! is too deep, here and there alike.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::pve::values::Fields;

/// What stands where the data of an answer should.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::pve) enum ReplyData<T> {
    /// Data.
    Data(T),
    /// An object without data.
    NoData,
    /// No object.
    NoMap,
}

/// What the data of an answer is, read as a list.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::pve) enum ListReply<T> {
    /// A list, each row of which could be read.
    Rows(Vec<T>),
    /// A list with a row that cannot be read.
    Unread,
    /// No list.
    NoList,
}

/// Reads the list under `data`. `wanted` names the fields that `read` looks at; of a row that is no object it has none. It
/// gives nothing of a row that cannot be read, and `Some(None)` of one that is not to be kept.
pub(in crate::pve) fn read<T>(
    body: &[u8],
    wanted: &[&'static str],
    read: impl Fn(Option<Fields<'_>>) -> Option<Option<T>>,
) -> serde_json::Result<ReplyData<ListReply<T>>> {
    let mut reading = ListReader { wanted, read, row: Vec::with_capacity(wanted.len()), found: ReplyData::NoMap };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    Part { place: ListPosition::Body, reading: &mut reading }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(reading.found)
}

/// How far the list is read.
struct ListReader<'w, T, R> {
    wanted: &'w [&'static str],
    read: R,
    /// The wanted fields of the row that is at hand.
    row: Vec<(&'static str, Value)>,
    found: ReplyData<ListReply<T>>,
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

/// A part of the answer that is next to be read. Its value says whether it is an object.
struct Part<'r, 'w, T, R> {
    place: ListPosition,
    reading: &'r mut ListReader<'w, T, R>,
}

impl<'w, T, R: Fn(Option<Fields<'_>>) -> Option<Option<T>>> Part<'_, 'w, T, R> {
    const fn next(&mut self, place: ListPosition) -> Part<'_, 'w, T, R> {
        Part { place, reading: &mut *self.reading }
    }

    fn list<'de, A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let mut rows = Vec::new();
        self.reading.found = ReplyData::Data(ListReply::Unread);
        while let Some(is_object) = items.next_element_seed(self.next(ListPosition::Row))? {
            let fields = is_object.then(|| Fields::of_row(&self.reading.row));
            let Some(row) = (self.reading.read)(fields) else {
                drop(rows);
                return self.walk_through(items);
            };
            rows.extend(row);
        }
        self.reading.found = ReplyData::Data(ListReply::Rows(rows));
        Ok(())
    }

    fn walk_through<'de, A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.next(ListPosition::Elsewhere))?.is_some() {}
        Ok(())
    }

    fn row<'de, A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        self.reading.row.clear();
        while let Some(name) = entries.next_key_seed(Name(self.reading.wanted))? {
            let Some(name) = name else {
                entries.next_value_seed(self.next(ListPosition::Elsewhere))?;
                continue;
            };
            let mut value = Value::Null;
            entries.next_value_seed(Scalar(&mut value, self.next(ListPosition::Elsewhere)))?;
            // Of a field that stands twice, the last counts.
            self.reading.row.retain(|(other, _)| *other != name);
            self.reading.row.push((name, value));
        }
        Ok(())
    }

    fn body<'de, A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        self.reading.found = ReplyData::NoData;
        while let Some(name) = entries.next_key_seed(Name(&["data"]))? {
            if name.is_none() {
                entries.next_value_seed(self.next(ListPosition::Elsewhere))?;
                continue;
            }
            self.reading.found = ReplyData::Data(ListReply::NoList);
            entries.next_value_seed(self.next(ListPosition::Data))?;
        }
        Ok(())
    }
}

impl<'de, T, R: Fn(Option<Fields<'_>>) -> Option<Option<T>>> DeserializeSeed<'de> for Part<'_, '_, T, R> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T, R: Fn(Option<Fields<'_>>) -> Option<Option<T>>> Visitor<'de> for Part<'_, '_, T, R> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<bool, A::Error> {
        match self.place {
            ListPosition::Body => self.body(entries)?,
            ListPosition::Row => self.row(entries)?,
            ListPosition::Data | ListPosition::Elsewhere => {
                while entries.next_key_seed(Name(&[]))?.is_some() {
                    entries.next_value_seed(self.next(ListPosition::Elsewhere))?;
                }
            }
        }
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<bool, A::Error> {
        match self.place {
            ListPosition::Data => self.list(items)?,
            ListPosition::Body | ListPosition::Row | ListPosition::Elsewhere => self.walk_through(items)?,
        }
        Ok(false)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }
}

/// A wanted field that is next to be read: a list or an object in its place is walked through, and not kept.
struct Scalar<'r, 'w, T, R>(&'r mut Value, Part<'r, 'w, T, R>);

impl<'de, T, R: Fn(Option<Fields<'_>>) -> Option<Option<T>>> DeserializeSeed<'de> for Scalar<'_, '_, T, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T, R: Fn(Option<Fields<'_>>) -> Option<Option<T>>> Visitor<'de> for Scalar<'_, '_, T, R> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error> {
        self.1.visit_map(entries).map(drop)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.1.visit_seq(items).map(drop)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        *self.0 = Value::from(text);
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        *self.0 = Value::from(number);
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        *self.0 = Value::from(number);
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        *self.0 = Value::from(number);
        Ok(())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        *self.0 = Value::from(flag);
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The name of a field that is next to be read: one of these, or any other.
struct Name<'w>(&'w [&'static str]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<&'static str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|name| **name == text).copied())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};
    use proptest::sample::select;
    use serde_json::Value;

    use super::{ListReply, ReplyData, read};
    use crate::model::Foreign;
    use crate::pve::values::Fields;

    type Outcome = Result<ReplyData<ListReply<(u64, Option<Foreign>)>>, String>;

    /// Keeps the rows with an even number; without a number a row cannot be read.
    fn even(fields: Option<Fields<'_>>) -> Option<Option<(u64, Option<Foreign>)>> {
        let fields = fields?;
        let number = fields.number("vmid")?;
        Some((number % 2 == 0).then(|| (number, fields.text("name"))))
    }

    fn row_by_row(body: &[u8]) -> Outcome {
        read(body, &["vmid", "name"], even).map_err(|why| why.to_string())
    }

    /// Reads the same by keeping all of it.
    fn as_a_whole(body: &[u8]) -> Outcome {
        let body: Value = serde_json::from_slice(body).map_err(|why| why.to_string())?;
        let Some(map) = body.as_object() else { return Ok(ReplyData::NoMap) };
        let Some(data) = map.get("data") else { return Ok(ReplyData::NoData) };
        let Some(rows) = data.as_array() else { return Ok(ReplyData::Data(ListReply::NoList)) };
        let rows: Option<Vec<_>> = rows.iter().map(|row| even(Fields::of(row))).collect();
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
