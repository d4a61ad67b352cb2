//! Long lists, row by row.

use proptest::prelude::{prop_assert_eq, proptest};
use proptest::sample::select;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::read;
use crate::model::Foreign;
use crate::pve::lenient::{lenient, object};

type Outcome = Result<ReplyData<ListReply<(u64, Option<Foreign>)>>, String>;

/// What is where the data of an answer should.
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
    Ok(ReplyData::Data(rows.map_or(ListReply::Unread, |rows| ListReply::Rows(rows.into_iter().flatten().collect()))))
}

#[test]
fn of_each_row_what_is_wanted_is_read() {
    let body = br#"{"total":3,"data":[{"vmid":100,"name":"a","new":{"x":[1]}},{"vmid":101},{"name":7,"vmid":"102"}]}"#;
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
