//! Long lists, row by row.

use proptest::prelude::{prop_assert_eq, proptest};
use proptest::sample::select;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::RowReader;
use crate::model::Foreign;
use crate::pve::http::row_splitter::RowSplitter;
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

/// Reads a body that arrives in parts of so many bytes.
fn row_by_row(body: &[u8], part: usize) -> Outcome {
    let mut rows = RowReader::new(&even);
    let mut splitter = RowSplitter::new(&mut rows);
    body.chunks(part).for_each(|part| splitter.feed(part));
    let body = serde_json::from_slice::<Value>(&splitter.into_body()).map_err(|why| without_position(&why))?;
    let rows = rows.into_rows();
    let Some(map) = body.as_object() else { return Ok(ReplyData::NoMap) };
    let Some(data) = map.get("data") else { return Ok(ReplyData::NoData) };
    Ok(ReplyData::Data(if data.is_array() {
        rows.map_or(ListReply::Unread, ListReply::Rows)
    } else {
        ListReply::NoList
    }))
}

/// Gives the words of an error. Its position differs: the rows before it are gone.
fn without_position(why: &serde_json::Error) -> String {
    let text = why.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Reads the same by keeping all of it.
fn as_a_whole(body: &[u8]) -> Outcome {
    let body: Value = serde_json::from_slice(body).map_err(|why| without_position(&why))?;
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
    for part in 1..=body.len() {
        assert_eq!(row_by_row(body, part), Ok(ReplyData::Data(ListReply::Rows(rows.clone()))), "{part}");
    }
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
        r#"{"data":[{"vmid":2} {"vmid":4}]}"#,
        r#"{"data":[{"vmid":2},]}"#,
        r#"{"data":[{"vmid":2},"#,
        r#"{"data":[{"vmid":2}"#,
        r#"{"data":[,{"vmid":2}]}"#,
        r#"{"data":[}"#,
        r#"{"data":[{"vmid":2}}"#,
        r#"{"data":[{"vmid":2]]}"#,
        r#"{"data":[1"x"]}"#,
        r#"{"data":["x",tru,7]}"#,
        r#"{"data":[7 , "a" , null]}"#,
        r#"{"data" : [ {"vmid":2} ] , "total" : 1 }"#,
        r#"{"d\u0061ta":[{"vmid":2}]}"#,
        r#"{"x":{"data":[{"vmid":2}]},"data":[{"vmid":4}]}"#,
        r#"{"x":"data","data":[{"vmid":4,"name":"a\"]}{"}]}"#,
        r#"["data":[{"vmid":4}]]"#,
        r#"{"data":[{"vmid":2.0,"name":true,"\u006eame":false}]}"#,
        &deep(100),
        &deep(124),
        &deep(125),
        &deep(126),
        &deep(100_000),
    ];
    let not_text = &b"{\"data\":[{\"new\":\"\xff\"}]}"[..];
    for body in bodies.iter().map(|body| body.as_bytes()).chain([not_text]) {
        for part in (1..20).chain([1_000_000]) {
            assert_eq!(row_by_row(body, part), as_a_whole(body), "{:.80}", String::from_utf8_lossy(body));
        }
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_judged_as_if_all_of_it_was_kept(
        words in proptest::collection::vec(
            select(vec![
                "{", "}", "[", "]", ",", ":", "\"data\"", "\"vmid\"", "\"name\"", "7", "100", "\"x\"", "null", " ", "\"d\\u0061ta\"",
                "\"]\\\"\"", "{\"vmid\":4},", "\\", "\"",
            ]),
            0..30,
        ),
        from_data: bool,
        part in 1_usize..40,
    ) {
        let text = if from_data { format!("{{\"data\":[{{\"vmid\":{}", words.concat()) } else { words.concat() };
        prop_assert_eq!(row_by_row(text.as_bytes(), part), as_a_whole(text.as_bytes()));
    }
}
