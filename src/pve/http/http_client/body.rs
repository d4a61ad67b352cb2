//! The body of an answer, read up to a limit.

use super::{Extent, HttpClient};
use crate::clock::{Clock, SystemClock};
use crate::model::Foreign;
use crate::pve::ApiError;
use crate::pve::http::error_mapping::whole;
use crate::pve::http::row_splitter::RowSplitter;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use reqwest::{Response, StatusCode};
use std::time::Duration;
use tokio::time::timeout;

/// The slowest rate of an answer that is waited for, in bytes a second, so that none lasts for ever.
const MIN_BYTES_PER_SECOND: u64 = 64 * 1024;

/// A body while it arrives.
enum BodyBuffer<'s> {
    Whole(Vec<u8>),
    /// A list, whose rows are taken out.
    List(RowSplitter<'s>),
}

impl BodyBuffer<'_> {
    fn extend(&mut self, chunk: &[u8]) {
        match self {
            Self::Whole(bytes) => bytes.extend_from_slice(chunk),
            Self::List(splitter) => splitter.feed(chunk),
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Whole(bytes) => bytes,
            Self::List(splitter) => splitter.into_body(),
        }
    }
}

/// A body, and what ended its connection where that did not end properly.
pub(super) struct ReceivedBody {
    pub(super) bytes: Vec<u8>,
    pub(super) broken: Option<ApiError>,
}

/// Returns whether a body has an end of its own, by its length or in chunks.
fn has_length(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING)
}

impl HttpClient {
    /// Reads a body to its end. One without a length ends with its connection, whatever way that ends: Proxmox VE
    /// before 8.4 sends every 401 and 595 so, and ends TLS without a close_notify.
    pub(super) async fn body(&self, mut response: Response, extent: Extent<'_>) -> Result<ReceivedBody, ApiError> {
        let (has_length, status) = (has_length(response.headers()), response.status());
        let limit = self.limits.size(status, &extent);
        let server = || self.endpoint.authority();
        let too_large = || ApiError::TooLarge { server: server(), mebibytes: limit / (1024 * 1024) };
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        if let Some(encoding) = response.headers().get(CONTENT_ENCODING).filter(|it| *it != "identity") {
            let encoding = Foreign::new(String::from_utf8_lossy(encoding.as_bytes()));
            let what = format!("it has an unrequested content encoding ({encoding})");
            return Err(ApiError::NotUnderstood { server: server(), what });
        }
        let mut body = match extent {
            Extent::Rows(sink) if status.is_success() => BodyBuffer::List(RowSplitter::new(sink)),
            Extent::Rows(_) | Extent::Whole | Extent::Usual => BodyBuffer::Whole(Vec::new()),
        };
        let (mut received, began) = (0, SystemClock.now());
        loop {
            // What has come buys time for the rest.
            let allowance = self.limits.quiet + Duration::from_secs(received / MIN_BYTES_PER_SECOND);
            let left = self.limits.quiet.min(allowance.saturating_sub(SystemClock.now().duration_since(began)));
            let next = match timeout(left, response.chunk()).await {
                Ok(next) => next.map_err(|why| self.request_context().io_error(&why)),
                Err(_) => Err(ApiError::Stalled { server: server(), seconds: whole(self.limits.quiet) }),
            };
            let chunk = match next {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(ReceivedBody { bytes: body.into_bytes(), broken: None }),
                // The credential is refused, and must not be sent again for the sake of the words.
                Err(why) if status == StatusCode::UNAUTHORIZED => {
                    return Ok(ReceivedBody { bytes: Vec::new(), broken: Some(why) });
                }
                Err(why @ ApiError::BrokenOff { .. }) if !has_length => {
                    return Ok(ReceivedBody { bytes: body.into_bytes(), broken: Some(why) });
                }
                Err(why) => return Err(why),
            };
            received += chunk.len() as u64;
            if received > limit {
                return Err(too_large());
            }
            body.extend(&chunk);
        }
    }
}
