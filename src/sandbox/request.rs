//! A request, from the bytes on the wire to its parameters.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::answer::Answer;
use super::multipart::{Parts, take_apart};

/// A header that is longer is never answered.
pub(super) const HEADER_AT_MOST: usize = 8 * 1024;

/// A body that is longer is refused.
const BODY_AT_MOST: usize = 512 * 1024;

/// A file that is longer is not for rehearsals.
const UPLOAD_AT_MOST: usize = 64 * 1024 * 1024;

/// The line and the headers of a request.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// The verb.
    pub(super) method: String,
    /// The path, decoded, without the query.
    pub(super) path: String,
    /// The query, as it came.
    query: String,
    headers: Vec<(String, String)>,
    /// Whether it is of HTTP 1.0.
    pub(super) is_old: bool,
    /// How many bytes it took.
    pub(super) length: usize,
}

/// What the bytes so far are.
pub(super) enum Parsed {
    /// Not all of a header yet.
    Partial,
    /// A header.
    Whole(Box<Head>),
    /// Nothing that a server could answer.
    Garbage,
    /// A header that is too long, or has too many lines: it is never answered.
    TooLarge,
}

/// Parameters, or the answer to a request whose form is wrong.
pub(super) type Parameters = Result<BTreeMap<String, String>, Answer>;

impl Head {
    /// Reads the header at the beginning of some bytes.
    pub(super) fn parse(bytes: &[u8]) -> Parsed {
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
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Parsed::Whole(Box::new(Self {
            method: method.to_owned(),
            path: percent_decode_str(path).decode_utf8_lossy().into_owned(),
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

    /// Gives a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Gives the length of the body.
    pub(super) fn body_length(&self) -> usize {
        self.header("content-length").and_then(|text| text.trim().parse().ok()).unwrap_or_default()
    }

    /// Says whether the client wants the connection closed.
    pub(super) fn wants_close(&self) -> bool {
        self.header("connection").is_some_and(|text| text.eq_ignore_ascii_case("close"))
    }

    /// Refuses what the server's HTTP layer does not take, before it reads a body.
    pub(super) fn refuse(&self) -> Option<Answer> {
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
        let is_upload = self.path.ends_with("/upload") && self.header("content-type").is_some_and(is_multipart);
        if is_upload && length <= UPLOAD_AT_MOST {
            return None;
        }
        if length > BODY_AT_MOST {
            return Some(Answer::text(501, "for data too large"));
        }
        match self.header("content-type") {
            Some(kind) if length > 0 && !is_form(kind) && !is_json(kind) => {
                Some(Answer::text(506, &format!("upload 'Content-Type '{kind}' not implemented")))
            }
            _ => None,
        }
    }

    /// Takes apart a form with a file.
    pub(super) fn upload(&self, body: &[u8]) -> Option<Parts> {
        take_apart(self.header("content-type").filter(|kind| is_multipart(kind))?, body)
    }

    /// Reads the parameters of query and body.
    pub(super) fn parameters(&self, body: &[u8]) -> Parameters {
        let mut all = Vec::new();
        all.extend(form_urlencoded::parse(self.query.as_bytes()).into_owned());
        if self.header("content-type").is_some_and(is_json) && !body.is_empty() {
            all.extend(from_json(body)?);
        } else {
            all.extend(form_urlencoded::parse(body).into_owned());
        }
        let mut parameters = BTreeMap::new();
        for (name, value) in all {
            if parameters.insert(name.clone(), value).is_some() {
                return Err(duplicate(&name));
            }
        }
        Ok(parameters)
    }
}

fn duplicate(name: &str) -> Answer {
    let errors = BTreeMap::from([(name.to_owned(), "type check ('string') failed - got ARRAY".to_owned())]);
    Answer::refusal(&super::access::Refusal::Invalid(errors))
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
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Bool(flag) => Some(u8::from(flag).to_string()),
        Value::Null => None,
        other => Some(other.to_string()),
    };
    Ok(map.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect())
}
