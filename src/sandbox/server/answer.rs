//! An answer, from what a call says to the bytes on the wire.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::sandbox::auth::Refusal;
use crate::sandbox::cluster::Reply;

/// The form of the header `Date` (RFC 9110).
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// What becomes of the connection behind an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It stays.
    Stays,
    /// It is closed.
    Closes,
    /// It is closed, as the client of an older HTTP expects.
    ClosesOld,
}

/// An answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The reason phrase, where the error text is.
    pub(crate) reason: String,
    kind: Option<&'static str>,
    location: Option<String>,
    /// The body, where there is one.
    pub(crate) body: Option<String>,
    is_of_daemon: bool,
}

impl Answer {
    /// Answers with data.
    pub(crate) fn data(reply: Reply) -> Self {
        let mut document = json!({ "data": reply.data });
        if let (Some(total), Some(map)) = (reply.total, document.as_object_mut()) {
            map.insert("total".to_owned(), Value::from(total));
        }
        Self::json(200, "OK", &document)
    }

    fn json(status: u16, reason: &str, document: &Value) -> Self {
        let kind = Some("application/json;charset=UTF-8");
        Self {
            status,
            reason: reason.to_owned(),
            kind,
            location: None,
            body: Some(document.to_string()),
            is_of_daemon: false,
        }
    }

    /// Answers without a body: the words are in the reason phrase alone.
    pub(crate) fn bare(status: u16, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), kind: None, location: None, body: None, is_of_daemon: false }
    }

    /// Answers with the same words as reason phrase and as plain text.
    pub(crate) fn text(status: u16, words: &str) -> Self {
        let reason = words.lines().next().unwrap_or_default().to_owned();
        Self { body: Some(words.to_owned()), ..Self::bare(status, reason) }
    }

    /// Answers with a page of something that is not the API.
    pub(crate) fn page(status: u16, reason: &str, html: &str) -> Self {
        Self { kind: Some("text/html"), body: Some(html.to_owned()), ..Self::bare(status, reason) }
    }

    /// Leads elsewhere.
    pub(crate) fn moved(status: u16, location: &str) -> Self {
        let reason = if status == 308 { "Permanent Redirect" } else { "Moved Permanently" };
        Self { location: Some(location.to_owned()), ..Self::text(status, reason) }
    }

    /// Says no, in the words of the server.
    pub(crate) fn refusal(refusal: &Refusal) -> Self {
        let (status, message) = match refusal {
            Refusal::Forbidden(None) => (403, "Permission check failed".to_owned()),
            Refusal::Forbidden(Some(what)) => (403, format!("Permission check failed ({what})")),
            Refusal::Failed(why) => (500, why.clone()),
            Refusal::NotLoggedIn => (401, "authentication failure".to_owned()),
            Refusal::Status { status, reason } => return Self::status(*status, reason),
            Refusal::Invalid(errors) => {
                let message = "Parameter verification failed.";
                let document = json!({ "data": null, "message": format!("{message}\n"), "errors": errors });
                return Self::json(400, message, &document);
            }
        };
        let first = message.lines().next().unwrap_or_default().to_owned();
        Self::json(status, &first, &json!({ "data": null, "message": format!("{message}\n") }))
    }

    /// Refuses a token what needs a ticket; the closing bracket comes in a line of its own.
    pub(crate) fn without_bracket(what: &str) -> Self {
        let words = format!("Permission check failed ({what}");
        Self::json(403, &words, &json!({ "data": null, "message": format!("{words}\n)\n") }))
    }

    fn status(status: u16, reason: &str) -> Self {
        match status {
            // What the server's own HTTP layer says has no line break at its end.
            501 => Self::json(status, reason, &json!({ "data": null, "message": reason })),
            595..=599 => Self::bare(status, reason),
            _ => Self::json(status, reason, &json!({ "data": null, "message": format!("{reason}\n") })),
        }
    }

    /// Adds what the formatter for the web interface adds.
    pub(crate) fn for_web_interface(mut self) -> Self {
        if let Some(Ok(mut document)) = self.body.as_deref().map(serde_json::from_str::<Value>)
            && let Some(map) = document.as_object_mut()
        {
            map.insert("success".to_owned(), Value::from(u8::from(self.status == 200)));
            self.body = Some(document.to_string());
        }
        self
    }

    /// Changes its body.
    pub(crate) fn with_body(mut self, change: impl FnOnce(String) -> String) -> Self {
        self.body = self.body.map(change);
        self
    }

    /// Changes its reason phrase.
    pub(crate) fn with_reason(mut self, change: impl FnOnce(String) -> String) -> Self {
        self.reason = change(self.reason);
        self
    }

    /// Changes what is in its JSON body.
    pub(crate) fn with_data(self, change: fn(Value) -> Value) -> Self {
        self.with_body(|body| match serde_json::from_str::<Value>(&body) {
            Ok(Value::Object(mut map)) => {
                let key = if map.contains_key("data") { "data" } else { "message" };
                if let Some(value) = map.get_mut(key) {
                    *value = change(value.take());
                }
                Value::Object(map).to_string()
            }
            _ => body,
        })
    }

    /// Marks it as one that the daemon behind the web server gave.
    pub(crate) const fn of_daemon(mut self) -> Self {
        self.is_of_daemon = true;
        self
    }

    /// Leaves the text of an error out of its JSON body.
    pub(crate) fn without_message(mut self) -> Self {
        if self.status != 200
            && let Some(Ok(Value::Object(mut map))) = self.body.as_deref().map(serde_json::from_str::<Value>)
        {
            map.remove("message");
            self.body = Some(Value::Object(map).to_string());
        }
        self
    }

    /// Leaves the words in the reason phrase alone.
    pub(crate) fn without_body(self) -> Self {
        Self::bare(self.status, self.reason)
    }

    /// Returns whether it comes later than others: what is refused while the caller is made out.
    pub(crate) const fn is_held_back(&self) -> bool {
        self.status == 401 || (self.status == 403 && self.body.is_none())
    }

    /// Returns whether the connection is closed behind it, as it must be where no length is told.
    pub(crate) const fn closes(&self) -> bool {
        self.status >= 300
    }

    /// Writes it as it goes over the wire.
    pub(crate) fn bytes(&self, ending: Ending, date: OffsetDateTime) -> Vec<u8> {
        let date = date.format(HTTP_DATE).unwrap_or_default();
        let version = if ending == Ending::ClosesOld { "HTTP/1.0" } else { "HTTP/1.1" };
        let connection = match (ending, self.is_of_daemon) {
            (Ending::Closes | Ending::ClosesOld, _) => "close",
            (Ending::Stays, false) => "Keep-Alive",
            (Ending::Stays, true) => "close\r\nConnection: Keep-Alive",
        };
        let mut head = format!(
            "{version} {} {}\r\nCache-Control: max-age=0\r\nConnection: {connection}\r\nDate: {date}\r\nPragma: no-cache\r\nServer: pve-api-daemon/3.0\r\n",
            self.status, self.reason
        );
        if let Some(location) = &self.location {
            head.push_str(&format!("Location: {location}\r\n"));
        }
        if let Some(body) = &self.body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        if let Some(kind) = self.kind {
            head.push_str(&format!("Content-Type: {kind}\r\n"));
        }
        head.push_str(&format!("Expires: {date}\r\n\r\n"));
        // A header has one byte for each character, as long as there is one.
        let mut bytes = Vec::with_capacity(head.len());
        for character in head.chars() {
            match u8::try_from(character) {
                Ok(byte) => bytes.push(byte),
                Err(_) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default().as_bytes());
        bytes
    }
}
