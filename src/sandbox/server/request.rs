//! A request, from the bytes on the wire to its parameters.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::sandbox::auth::Release;
use crate::sandbox::cluster::packed;
use crate::sandbox::server::answer::Answer;
use crate::sandbox::server::multipart::{Parts, take_apart};

/// A header that is longer is never answered.
pub(crate) const HEADER_AT_MOST: usize = 8 * 1024;

/// A file that is longer is not for rehearsals.
const UPLOAD_AT_MOST: usize = 64 * 1024 * 1024;

/// The line and the headers of a request.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// The verb.
    pub(crate) method: String,
    /// The path, decoded, without the query.
    pub(crate) path: String,
    /// The query, as it came.
    query: String,
    headers: Vec<(String, String)>,
    /// Whether it is of HTTP 1.0.
    pub(crate) is_old: bool,
    /// How many bytes it took.
    pub(crate) length: usize,
}

/// What the bytes so far are.
pub(crate) enum Parsed {
    /// Not all of a header yet.
    Partial,
    /// A header.
    Whole(Box<Head>),
    /// Nothing that a server could answer.
    Garbage,
    /// A header that is too long, or has too many lines: it is never answered.
    TooLarge,
}

/// Parameters, or the answer to a request whose body cannot be read.
pub(crate) type Parameters = Result<BTreeMap<String, String>, Answer>;

impl Head {
    /// Reads the header at the beginning of some bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Parsed {
        let mut storage = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut storage);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= HEADER_AT_MOST => length,
            Ok(httparse::Status::Partial) if bytes.len() <= HEADER_AT_MOST => return Parsed::Partial,
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Parsed::TooLarge,
            Err(_) => return Parsed::Garbage,
        };
        let (Some(method), Some(target)) = (request.method, request.path) else { return Parsed::Garbage };
        // The absolute form names the server once more.
        let target = target
            .split_once("://")
            .map_or(target, |(_, rest)| rest.find('/').map_or("/", |at| rest.get(at..).unwrap_or("/")));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let written = bytes.get(..length).unwrap_or_default();
        let text = |value: &[u8]| String::from_utf8_lossy(with_blanks(value, written)).into_owned();
        Parsed::Whole(Box::new(Self {
            method: method.to_owned(),
            path: percent_decode_str(path).map(char::from).collect(),
            query: query.to_owned(),
            headers: request
                .headers
                .iter()
                .map(|header| (header.name.to_ascii_lowercase(), text(header.value)))
                .collect(),
            is_old: request.version == Some(0),
            length,
        }))
    }

    /// Returns a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Returns the length of the body.
    pub(crate) fn body_length(&self) -> usize {
        self.header("content-length").and_then(|text| text.trim().parse().ok()).unwrap_or_default()
    }

    /// Returns whether the client wants the connection closed.
    pub(crate) fn wants_close(&self) -> bool {
        self.header("connection").is_some_and(|text| text.eq_ignore_ascii_case("close"))
    }

    /// Refuses what the server's HTTP layer does not take, before it reads a body.
    pub(crate) fn refuse(&self, release: Release) -> Option<Answer> {
        let refused = self.refused(release)?;
        let is_whole = release.repeats_errors_in_the_body();
        Some(if is_whole { refused } else { refused.without_body() })
    }

    fn refused(&self, release: Release) -> Option<Answer> {
        if !matches!(self.method.as_str(), "GET" | "POST" | "PUT" | "DELETE") {
            return Some(Answer::bare(501, format!("method '{}' not available", self.method)));
        }
        if self.header("transfer-encoding").is_some_and(|text| text.eq_ignore_ascii_case("chunked")) {
            return Some(Answer::text(501, "chunked transfer encoding not supported"));
        }
        let length = self.body_length();
        if length > 0 && matches!(self.method.as_str(), "GET" | "DELETE") {
            return Some(Answer::text(501, &format!("Unexpected content for method '{}'", self.method)));
        }
        if self.is_upload() && length <= UPLOAD_AT_MOST {
            return None;
        }
        if length > release.body_at_most() {
            return Some(Answer::text(501, "for data too large"));
        }
        match self.header("content-type") {
            Some(kind) if length > 0 && !is_form(kind) && !is_json(kind) => {
                Some(Answer::text(506, &format!("upload 'Content-Type '{kind}' not implemented")))
            }
            _ => None,
        }
    }

    /// Returns whether it brings a file.
    pub(crate) fn is_upload(&self) -> bool {
        self.path.ends_with("/upload") && self.header("content-type").is_some_and(is_multipart)
    }

    /// Takes apart a form with a file.
    pub(crate) fn upload(&self, body: &[u8]) -> Option<Parts> {
        take_apart(self.header("content-type").filter(|kind| is_multipart(kind))?, body)
    }

    /// Reads the parameters of query and body.
    pub(crate) fn parameters(&self, body: &[u8]) -> Parameters {
        let mut all = Vec::new();
        all.extend(form_urlencoded::parse(self.query.as_bytes()).into_owned());
        if self.header("content-type").is_some_and(is_json) && !body.is_empty() {
            all.extend(from_json(body)?);
        } else {
            all.extend(form_urlencoded::parse(body).into_owned());
        }
        let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in all {
            parameters.entry(name).or_default().push(value);
        }
        let one = |values: Vec<String>| match values.as_slice() {
            [value] => value.clone(),
            several => packed::array(several.iter().map(String::as_str)),
        };
        Ok(parameters.into_iter().map(|(name, values)| (name, one(values))).collect())
    }
}

/// Returns a header's value with the blanks at its end: the real server keeps them, and a secret with one is wrong.
fn with_blanks<'a>(value: &'a [u8], written: &'a [u8]) -> &'a [u8] {
    let start = value.as_ptr().addr().saturating_sub(written.as_ptr().addr());
    let rest = written.get(start..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    end.and_then(|end| rest.get(..end)).unwrap_or(value)
}

/// Complains about a body in the words of the Perl library that reads it.
fn malformed(body: &[u8], offset: usize) -> Answer {
    let rest = String::from_utf8_lossy(body.get(offset..).unwrap_or_default());
    let rest = if rest.is_empty() { "(end of string)" } else { &rest };
    let words = format!(
        "malformed JSON string, neither tag, array, object, number, string or atom, at character offset {offset} (before \"{rest}\") at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934.\n"
    );
    Answer::text(500, &words)
}

fn is_form(kind: &str) -> bool {
    kind.starts_with("application/x-www-form-urlencoded")
}

fn is_multipart(kind: &str) -> bool {
    kind.starts_with("multipart/form-data")
}

fn is_json(kind: &str) -> bool {
    kind.starts_with("application/json")
}

fn from_json(body: &[u8]) -> Result<Vec<(String, String)>, Answer> {
    let parsed: Result<Value, serde_json::Error> = serde_json::from_slice(body);
    let map = match parsed {
        Ok(Value::Object(map)) => map,
        Ok(_) => return Err(malformed(body, 0)),
        Err(why) if why.is_eof() => return Err(malformed(body, body.len())),
        Err(why) => return Err(malformed(body, why.column().saturating_sub(1))),
    };
    Ok(map.into_iter().map(|(name, value)| (name, from_value(value))).collect())
}

fn from_value(value: Value) -> String {
    match value {
        Value::Null => packed::NULL.to_owned(),
        Value::Bool(flag) => u8::from(flag).to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text,
        Value::Array(items) => {
            let items: Vec<String> = items.into_iter().map(from_value).collect();
            packed::array(items.iter().map(String::as_str))
        }
        Value::Object(_) => packed::OBJECT.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters of a request, as they are shown; `None` if its body cannot be read.
    fn parameters(request: &str) -> Option<Vec<String>> {
        let Parsed::Whole(head) = Head::parse(request.as_bytes()) else { panic!("{request}") };
        let parameters = head.parameters(&request.as_bytes()[head.length..]).ok()?;
        Some(parameters.iter().map(|(name, value)| format!("{name}={}", packed::shown(value))).collect())
    }

    #[test]
    fn a_header_is_kept_to_its_last_blank() {
        let request = "GET /version HTTP/1.1\r\nA: b c \r\nD:e\t\r\nF:\r\nG: \r\nH:  i\r\n\r\n";
        let Parsed::Whole(head) = Head::parse(request.as_bytes()) else { panic!("{request}") };
        let values = ["a", "d", "f", "g", "h"].map(|name| head.header(name).unwrap());
        assert_eq!(values, ["b c ", "e\t", "", "", "i"]);
    }

    #[test]
    fn parameters_come_from_query_form_and_json() {
        let table: [(&str, &str, &str, Option<&[&str]>); 8] = [
            ("?a=1", "", "", Some(&["a=1"])),
            ("?a=1", "application/x-www-form-urlencoded", "b=%20x+y", Some(&["a=1", "b= x y"])),
            ("", "", "a=1", Some(&["a=1"])),
            ("?a=1&a=2", "", "", Some(&["a=1,2"])),
            ("?a=1", "application/json", r#"{"b": 2, "c": true, "d": "x"}"#, Some(&["a=1", "b=2", "c=1", "d=x"])),
            ("", "application/json;charset=UTF-8", r#"{"a": null, "b": {"c": 1}}"#, Some(&["a=null", "b={}"])),
            ("", "application/json", r#"{"a": ["x", 2, false]}"#, Some(&["a=x,2,0"])),
            ("", "application/json", r#"{"a": "#, None),
        ];
        for (query, kind, body, expected) in table {
            let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
            let request = format!("POST /api2/json/version{query} HTTP/1.1\r\n{kind}\r\n{body}");
            let expected = expected.map(|words| words.iter().map(|word| (*word).to_owned()).collect());
            assert_eq!(parameters(&request), expected, "{request}");
        }
    }
}
