//! Answers that go wrong on their way, or were never right: what they say, and what becomes of their bytes.

use serde_json::{Value, json};

use crate::sandbox::cluster::object;
use crate::sandbox::faults::gzip_bomb::bomb;
use crate::sandbox::server::answer::Answer;

/// How deep the JSON goes that is too deep.
const TOO_DEEP: usize = 100_000;

/// How many VMs too many are.
const TOO_MANY: u64 = 100_000;

/// How one answer goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distortion {
    /// The connection is reset in the middle of its header.
    ResetHeader,
    /// The connection is reset in the middle of its body.
    ResetBody,
    /// It stops in the middle of its header.
    StallHeader,
    /// It stops in the middle of its body.
    StallBody,
    /// Its body comes one byte a second.
    Trickle,
    /// Its header has no end.
    EndlessHeader,
    /// Its body has a gigabyte.
    Huge,
    /// It is JSON that breaks off.
    Truncated,
    /// It is 200 with nothing in it.
    Empty,
    /// It is 200 with a page in it.
    Html,
    /// It is compressed, and a thousand times as large once it is unpacked.
    Gzip,
    /// It is JSON of a hundred thousand brackets.
    Deep,
    /// Every value in it has another type than it should.
    WrongTypes,
}

/// What becomes of the bytes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// They are sent.
    Whole(Vec<u8>),
    /// They are sent, and the connection is reset.
    ThenReset(Vec<u8>),
    /// They are sent, and nothing more.
    ThenStall(Vec<u8>),
    /// The first are sent, and then the others one a second.
    Slowly(Vec<u8>, Vec<u8>),
    /// The first are sent, and then the others again and again.
    Flood(Vec<u8>, Vec<u8>),
}

impl Distortion {
    /// Changes what an answer says.
    pub(crate) fn of_content(self, answer: Answer) -> Answer {
        match self {
            Self::Truncated => answer.with_body(|body| body.get(..body.len() * 2 / 3).unwrap_or_default().to_owned()),
            Self::Empty => Answer::text(200, ""),
            Self::Html => Answer::page(200, "OK", "<!DOCTYPE html><html><body>Welcome</body></html>"),
            Self::Deep => answer.with_body(|_| format!("{{\"data\":{}", "[".repeat(TOO_DEEP))),
            Self::WrongTypes => answer.with_data(wrong),
            Self::ResetHeader
            | Self::ResetBody
            | Self::StallHeader
            | Self::StallBody
            | Self::Trickle
            | Self::EndlessHeader
            | Self::Huge
            | Self::Gzip => answer,
        }
    }

    /// Says what becomes of the bytes.
    pub(crate) fn of_bytes(self, bytes: Vec<u8>) -> Bytes {
        let body_at = bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let until = |end: usize| bytes.get(..end).unwrap_or_default().to_vec();
        let in_body = until((body_at + 2).min(bytes.len().saturating_sub(1)));
        match self {
            Self::ResetHeader => Bytes::ThenReset(until(body_at / 2)),
            Self::ResetBody => Bytes::ThenReset(in_body),
            Self::StallHeader => Bytes::ThenStall(until(body_at / 2)),
            Self::StallBody => Bytes::ThenStall(in_body),
            Self::Trickle => Bytes::Slowly(until(body_at), bytes.get(body_at..).unwrap_or_default().to_vec()),
            Self::EndlessHeader => {
                Bytes::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), format!("X-More: {}\r\n", "x".repeat(1000)).into_bytes())
            }
            Self::Huge => {
                let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n";
                Bytes::Flood(head.to_vec(), vec![b' '; 64 * 1024])
            }
            Self::Gzip => Bytes::Whole(bomb()),
            Self::Truncated | Self::Empty | Self::Html | Self::Deep | Self::WrongTypes => Bytes::Whole(bytes),
        }
    }
}

/// Gives every value another type, and leaves the shape.
fn wrong(value: Value) -> Value {
    match value {
        Value::Null => json!([]),
        Value::Bool(_) => json!("maybe"),
        Value::Number(_) => json!({}),
        Value::String(_) => json!(-7.5),
        Value::Array(items) => items.into_iter().map(wrong).collect(),
        Value::Object(map) => object(map.into_iter().map(|(key, value)| (key, wrong(value)))),
    }
}

/// Puts control characters and terminal escapes into every text of an answer.
pub(crate) fn escaped(answer: Answer) -> Answer {
    answer.with_reason(|reason| format!("{reason}\u{1b}[2J")).with_data(poisoned)
}

fn poisoned(value: Value) -> Value {
    match value {
        Value::String(text) => Value::from(format!("{text}\u{1b}]0;owned\u{7}\u{1b}[31m\r\n\u{9b}2J")),
        Value::Array(items) => items.into_iter().map(poisoned).collect(),
        Value::Object(map) => object(map.into_iter().map(|(key, value)| (key, poisoned(value)))),
        other => other,
    }
}

/// Adds a hundred thousand VMs to a list.
pub(crate) fn crowded(answer: Answer) -> Answer {
    answer.with_data(|data| match data {
        Value::Array(mut items) => {
            items.extend((1_000_000..1_000_000 + TOO_MANY).map(|vmid| {
                json!({"id": format!("qemu/{vmid}"), "type": "qemu", "vmid": vmid, "node": "pve", "name": format!("vm{vmid}"), "status": "stopped", "template": 0})
            }));
            Value::Array(items)
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Bytes, Distortion, wrong};

    #[test]
    fn values_change_their_types_and_keep_their_places() {
        assert_eq!(wrong(json!({"a": ["x", 1, true]})), json!({"a": [-7.5, {}, "maybe"]}));
    }

    #[test]
    fn bytes_are_cut_where_the_word_says() {
        let bytes = || b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{\"data\":1}".to_vec();
        let Bytes::ThenReset(head) = Distortion::ResetHeader.of_bytes(bytes()) else { panic!("a reset") };
        assert_eq!(head, b"HTTP/1.1 200");
        let Bytes::ThenStall(head) = Distortion::StallHeader.of_bytes(bytes()) else { panic!("a stall") };
        assert_eq!(head, b"HTTP/1.1 200");
        let Bytes::ThenStall(body) = Distortion::StallBody.of_bytes(bytes()) else { panic!("a stall") };
        assert!(body.ends_with(b"\r\n\r\n{\""), "{body:?}");
        let Bytes::Slowly(head, body) = Distortion::Trickle.of_bytes(bytes()) else { panic!("a trickle") };
        assert_eq!([head, body].concat(), bytes());
    }
}
