//! Turns an answer into its data, or into a refusal in the server's own words. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::model::{Foreign, Register};
use crate::pve::ApiError;
use crate::pve::http::refusal_reason::{RefusalReason, is_proxy_trouble};

/// Of an answer in an unknown form, so many bytes are shown.
const EXCERPT: usize = 80;

/// An answer as it came.
#[derive(Debug, Clone)]
pub(in crate::pve) struct Reply {
    /// The method of the request.
    pub(in crate::pve) method: Method,
    /// The status.
    pub(in crate::pve) status: u16,
    /// The reason phrase, where Proxmox VE puts its error text; older servers nowhere else.
    pub(in crate::pve) phrase: Foreign,
    /// Where a redirect leads to (`Location`).
    pub(in crate::pve) location: Option<Foreign>,
    /// The body.
    pub(in crate::pve) body: Vec<u8>,
    /// What ended the connection of a body without a length, where that did not end properly: such a body may be cut
    /// off.
    pub(in crate::pve) broken: Option<ApiError>,
    /// How long the server asks to wait before the next call.
    pub(in crate::pve) wait: Option<Duration>,
    /// How long the whole took.
    pub(in crate::pve) took: Duration,
}

/// A server that says no, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The reason phrase.
    pub phrase: Foreign,
    /// `message` of the body.
    pub message: Option<Foreign>,
    /// `errors` of the body: parameter and text.
    pub errors: BTreeMap<Foreign, Foreign>,
    /// The node that could not be asked, where the one that was connected to says so.
    pub node: Option<String>,
    /// How long the answer took.
    pub took: Duration,
    /// What the request authenticated with.
    pub credential: SentCredential,
}

/// What a request authenticates with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SentCredential {
    /// A token, or nothing.
    #[default]
    TokenOrNone,
    /// The ticket of a login that this run made.
    Ticket,
}

/// What an answer turned out to be, where it is not data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pve) enum ReplyError {
    /// The API says no.
    Refusal(Refusal),
    /// A page that is not the API's, with a status of failure.
    Page {
        /// The method of the request.
        method: Method,
        /// Its status.
        status: u16,
        /// Its reason phrase.
        phrase: Foreign,
    },
    /// An answer that leads elsewhere.
    Redirect {
        /// Its status.
        status: u16,
        /// Its reason phrase.
        phrase: Foreign,
        /// Where it leads.
        to: Option<Foreign>,
    },
    /// Something that is not understood.
    Unclear(String),
}

/// Proxmox VE answers a refused credential after three seconds.
const REFUSAL_DELAY: Duration = Duration::from_millis(2_500);

impl Refusal {
    /// Makes a refusal of a status and its phrase.
    #[must_use]
    pub const fn new(status: u16, phrase: Foreign) -> Self {
        Self {
            status,
            phrase,
            message: None,
            errors: BTreeMap::new(),
            node: None,
            took: Duration::ZERO,
            credential: SentCredential::TokenOrNone,
        }
    }

    /// Says why.
    #[must_use]
    pub fn reason(&self) -> RefusalReason {
        match RefusalReason::of_answer(self.status, &self.text(), self.credential) {
            // A proxy that replaced the phrase, or letters in it that the HTTP library drops: the delay is the server's.
            RefusalReason::UnknownUnauthorized if self.is_held_back() => RefusalReason::CredentialsRefused,
            reason => reason,
        }
    }

    /// Returns whether the answer came as late as those of Proxmox VE to a refused credential.
    #[must_use]
    pub fn is_held_back(&self) -> bool {
        self.took >= REFUSAL_DELAY
    }

    /// Returns whether it is a failure of the server (500) without any words of its own.
    #[must_use]
    pub fn is_wordless(&self) -> bool {
        let has_phrase = !self.phrase.is_empty() && self.phrase != "Internal Server Error";
        self.status == 500 && !has_phrase && self.message.is_none() && self.errors.is_empty()
    }

    /// Returns all that the server said, once.
    #[must_use]
    pub fn text(&self) -> Foreign {
        // The reason phrase is the first line of the message.
        let mut text = self.phrase.and(self.message.as_ref().unwrap_or(&Foreign::default()));
        for (parameter, error) in &self.errors {
            text = text.and_of(parameter, error);
        }
        if text.is_empty() { Foreign::new(format!("status {}", self.status)) } else { text }
    }

    /// Notes what the request authenticated with, and names the node that could not be asked, from the path of the call.
    pub(in crate::pve) fn about(mut self, path: &[&str], credential: SentCredential) -> Self {
        self.credential = credential;
        if let (595..=599, ["nodes", node, ..]) = (self.status, path) {
            self.node = Some((*node).to_owned());
        }
        self
    }

    /// Says why one parameter is not accepted.
    #[must_use]
    pub fn reason_of(&self, parameter: &str) -> Option<RefusalReason> {
        self.errors.iter().find(|(name, _)| **name == *parameter).map(|(_, error)| RefusalReason::of_text(error))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(formatter, "node {node} cannot be reached: {}", self.text()),
            None => self.text().fmt(formatter),
        }
    }
}

impl Reply {
    /// Returns whether what was asked for may have been carried out, although this is no good answer: it is a good one
    /// that is not understood, or something in between gave up waiting for it.
    pub(in crate::pve) const fn may_be_done(&self) -> bool {
        matches!(self.status, 200..=299 | 502 | 504 | 520 | 522 | 524 | 527 | 596..=599)
    }

    /// Returns the data of a good answer, or says what it is instead.
    pub(in crate::pve) fn data(self) -> Result<Value, ReplyError> {
        if !(200..300).contains(&self.status) {
            return Err(self.no_data());
        }
        let what = match serde_json::from_slice(&self.body) {
            Ok(Value::Object(mut body)) => match body.remove("data") {
                Some(data) => return Ok(data),
                None => "it has no `data`".to_owned(),
            },
            Ok(_) => self.no_json(""),
            Err(_) if self.body.is_empty() => "it is empty".to_owned(),
            Err(why) => self.no_json(&why.to_string()),
        };
        Err(ReplyError::Unclear(what))
    }

    /// Says what an answer is that is no good one.
    fn no_data(self) -> ReplyError {
        if (300..400).contains(&self.status) {
            return ReplyError::Redirect { status: self.status, phrase: self.phrase, to: self.location };
        }
        let body = serde_json::from_slice::<Value>(&self.body).ok();
        let is_api = body.as_ref().is_some_and(Value::is_object);
        // The API's own errors have a JSON body, or none; with a page it is a reverse proxy or another program. Some
        // errors of the API's own HTTP layer carry plain text.
        let is_page = !is_api && (looks_like_a_page(&self.body) || is_gateway(self.status) || self.status < 200);
        if is_page {
            ReplyError::Page { method: self.method, status: self.status, phrase: self.phrase }
        } else {
            ReplyError::Refusal(self.refusal(body))
        }
    }

    fn refusal(self, body: Option<Value>) -> Refusal {
        let message = body.as_ref().and_then(|body| body.get("message")).and_then(Value::as_str).map(Foreign::new);
        // The HTTP layer of the API answers in plain text.
        let message = message.or_else(|| body.is_none().then(|| self.beginning()));
        let errors = body.as_ref().and_then(|body| body.get("errors")).and_then(Value::as_object);
        let errors = errors.map(|errors| errors.iter().map(|(name, text)| (Foreign::new(name), plain(text))).collect());
        Refusal {
            message,
            errors: errors.unwrap_or_default(),
            took: self.took,
            ..Refusal::new(self.status, self.phrase)
        }
    }

    /// Says what there is instead of JSON; of JSON that breaks off or is too deep, that it is.
    fn no_json(&self, why: &str) -> String {
        if self.body.starts_with(b"{") || self.body.starts_with(b"[") {
            return format!("it is not valid JSON ({why})");
        }
        format!("it is not JSON but begins with `{}`", self.beginning())
    }

    fn beginning(&self) -> Foreign {
        let ample = self.body.get(..self.body.len().min(EXCERPT * 100)).unwrap_or_default();
        let text = String::from_utf8_lossy(ample);
        Foreign::new(Register::of_process().masked_beginning(&text, EXCERPT).0)
    }
}

fn plain(value: &Value) -> Foreign {
    Foreign::new(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn looks_like_a_page(body: &[u8]) -> bool {
    let beginning: Vec<u8> = body.iter().copied().skip_while(u8::is_ascii_whitespace).take(1).collect();
    beginning == b"<"
}

/// Returns whether a status is one that a proxy answers, and the API never. The API itself has 595 and above for a node
/// that it cannot reach.
const fn is_gateway(status: u16) -> bool {
    matches!(status, 405 | 429) || is_proxy_trouble(status)
}

#[cfg(test)]
mod tests;
