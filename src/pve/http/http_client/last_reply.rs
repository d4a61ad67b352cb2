//! What the last answer said in its headers.

use super::HTTP_DATE;
use crate::pve::http::retry::ServerSeen;
use reqwest::header::{DATE, HeaderMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::{OffsetDateTime, PrimitiveDateTime};

/// The last answer of the server: whether there was one, and its `Date` header.
#[derive(Debug, Clone, Default)]
pub(in crate::pve) struct LastReply(Arc<Mutex<Option<LastResponse>>>);

/// What the header of an answer said.
#[derive(Debug, Clone, Copy)]
struct LastResponse {
    date: Option<OffsetDateTime>,
}

impl LastReply {
    /// Returns the server's time.
    pub(in crate::pve) fn date(&self) -> Option<OffsetDateTime> {
        self.lock().and_then(|reply| reply.date)
    }

    /// Says whether the server has answered in this run.
    pub(in crate::pve) fn contact(&self) -> ServerSeen {
        if self.lock().is_some() { ServerSeen::Made } else { ServerSeen::None }
    }

    pub(super) fn note(&self, headers: &HeaderMap) {
        let text = headers.get(DATE).and_then(|it| it.to_str().ok());
        let date = text.and_then(|text| PrimitiveDateTime::parse(text, HTTP_DATE).ok());
        *self.lock() = Some(LastResponse { date: date.map(PrimitiveDateTime::assume_utc) });
    }

    fn lock(&self) -> MutexGuard<'_, Option<LastResponse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a header: Proxmox VE writes one byte a character, and others write UTF-8.
pub(super) fn header_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}
