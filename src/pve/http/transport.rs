//! Requests out, answers in, for one caller.

mod changes;
mod credentials;

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Method, Request};
use serde::de::DeserializeOwned;
use serde_json::Value;
use time::OffsetDateTime;

use crate::clock::{Clock, SystemClock};
use crate::model::Endpoint;
use crate::pve::ApiError;
use crate::pve::http::http_client::{Extent, HttpClient, Limits, SendError};
use crate::pve::http::proxy::Proxies;
use crate::pve::http::reply::{Reply, ReplyError, SentCredential};
use crate::pve::http::retry::{Attempts, CallEvent, Observer, Observers, RetryPolicy};
use crate::pve::http::streaming_list::{RowReader, Rows};
use crate::pve::tls::{HandshakePurpose, Presented, Trust};

/// How much longer a node may take for the list of its storages: it looks at each of them.
const STORAGE_PATIENCE: u32 = 4;

/// What became of one try of a call.
struct Attempt<T> {
    result: Result<T, ApiError>,
    /// How long the server asks to wait before the next.
    wait: Option<Duration>,
}

impl<T> Attempt<T> {
    fn read(reply: Result<Reply, ApiError>, read: impl FnOnce(Reply) -> Result<T, ApiError>) -> Self {
        let wait = reply.as_ref().ok().and_then(|reply| reply.wait);
        Self { result: reply.and_then(read), wait }
    }
}

/// The way to one server, for one caller.
#[derive(Debug, Clone)]
pub(in crate::pve) struct Transport {
    way: HttpClient,
    headers: HeaderMap,
    csrf: Option<HeaderValue>,
    listener: Observers,
    /// For how long a node is waited for that the server passes a read on to, which is then not sent again; without it as
    /// for every other answer.
    node_limit: Option<Duration>,
}

impl Transport {
    /// Prepares an unauthenticated client.
    pub(in crate::pve) fn new(
        endpoint: Endpoint,
        trust: &Trust,
        limits: Limits,
        proxies: &Proxies,
    ) -> Result<Self, ApiError> {
        let way = HttpClient::new(endpoint, trust, limits, proxies, HandshakePurpose::Requests)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("glassdome/", env!("CARGO_PKG_VERSION"))));
        Ok(Self { way, headers, csrf: None, listener: Observers::default(), node_limit: None })
    }

    /// Prepares another way to the same server, judged by another trust, for the same caller.
    pub(in crate::pve) fn reconnected(
        &self,
        trust: &Trust,
        limits: Limits,
        proxies: &Proxies,
    ) -> Result<Self, ApiError> {
        let way = HttpClient::new(self.endpoint().clone(), trust, limits, proxies, HandshakePurpose::Requests)?;
        Ok(Self { way, ..self.clone() })
    }

    /// Returns the server.
    pub(in crate::pve) const fn endpoint(&self) -> &Endpoint {
        &self.way.endpoint
    }

    /// Returns what the server presented last.
    pub(in crate::pve) const fn presented(&self) -> &Presented {
        &self.way.presented
    }

    /// Reports calls to an observer from here on.
    pub(in crate::pve) fn observed_by(mut self, observer: Observer) -> Self {
        self.listener = Observers(Some(observer));
        self
    }

    /// Asks each thing of a node once, and waits for it no longer than this, or than the limit that holds already.
    pub(in crate::pve) fn with_node_limit(mut self, limit: Duration) -> Self {
        self.node_limit = Some(self.node_limit.map_or(limit, |held| held.min(limit)));
        self
    }

    /// Returns the limit of a read that the server passes on to a node; a storage that hangs takes a node some time,
    /// too.
    fn limit_of(&self, path: &[&str]) -> Option<(Duration, String)> {
        let ["nodes", node, rest @ ..] = path else { return None };
        let limit = self.node_limit?;
        let limit = if rest == ["storage"] { limit * STORAGE_PATIENCE } else { limit };
        Some((limit, format!("node {node}, asked through {},", self.endpoint().authority())))
    }

    /// Returns the rule for a read.
    fn read_policy(&self, path: &[&str]) -> RetryPolicy {
        match path {
            ["nodes", _, ..] if self.node_limit.is_some() => RetryPolicy::ReadsOfNode,
            _ => RetryPolicy::Reads,
        }
    }

    /// Reports to the observer.
    pub(in crate::pve) fn notify(&self, event: &CallEvent<'_>) {
        self.listener.notify(event);
    }

    /// Returns the server's time from the `Date` header of its last answer.
    pub(in crate::pve) fn date(&self) -> Option<OffsetDateTime> {
        self.way.last.date()
    }

    /// Reads something.
    pub(in crate::pve) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, ApiError> {
        self.get_value(path, query, || Extent::Usual).await
    }

    /// Reads something that grows with the cluster and cannot be read row by row.
    pub(in crate::pve) async fn get_whole(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, ApiError> {
        self.get_value(path, query, || Extent::Whole).await
    }

    async fn get_value(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        extent: fn() -> Extent<'static>,
    ) -> Result<Value, ApiError> {
        let call = async || Attempt::read(self.get_reply(path, query, extent()).await, |reply| self.read(path, reply));
        self.repeated(self.read_policy(path), call).await
    }

    /// Reads a list that may be very long, row by row as it arrives: each becomes an `R`, of which `keep` says what is kept.
    /// The data is given as well, and is an empty list where it was a list.
    pub(in crate::pve) async fn get_rows<R: DeserializeOwned, T>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        keep: &dyn Fn(R) -> Option<T>,
    ) -> Result<(Value, Rows<T>), ApiError> {
        let call = async || {
            let mut rows = RowReader::new(keep);
            let reply = self.get_reply(path, query, Extent::Rows(&mut rows)).await;
            Attempt::read(reply, |reply| Ok((self.read(path, reply)?, rows.into_rows())))
        };
        self.repeated(self.read_policy(path), call).await
    }

    /// Reads something for a caller with its own retry rule.
    pub(in crate::pve) async fn get_once(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, ApiError> {
        let call =
            async || Attempt::read(self.get_reply(path, query, Extent::Usual).await, |reply| self.read(path, reply));
        self.repeated(RetryPolicy::Elsewhere, call).await
    }

    /// Reads once; if the connection closes before the answer begins, once more on a new one.
    async fn get_reply(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        mut extent: Extent<'_>,
    ) -> Result<Reply, ApiError> {
        let request = || self.request(Method::GET, path, query, None);
        let limited = self.limit_of(path);
        let way = match &limited {
            Some((limit, _)) => self.way.answering_within(*limit),
            None => self.way.clone(),
        };
        let reply = match way.send(request()?, extent.reborrow(), &self.listener).await {
            Err(SendError::ConnectionReset(_)) => way.send_on_new_connection(request()?, extent, &self.listener).await,
            other => other,
        };
        reply.map_err(SendError::error).map_err(|why| match (why, limited) {
            (ApiError::NoAnswer { seconds, .. }, Some((_, server))) => ApiError::NoAnswer { server, seconds },
            (why, _) => why,
        })
    }

    /// Calls until an answer is final, by the one rule of repeating.
    async fn repeated<T>(&self, repeat: RetryPolicy, call: impl AsyncFn() -> Attempt<T>) -> Result<T, ApiError> {
        let mut tries = Attempts::new(repeat);
        loop {
            let Attempt { result, wait } = call().await;
            let why = match result {
                Ok(data) => return Ok(data),
                Err(why) => why,
            };
            let Some(pause) = tries.next(&why, self.way.last.contact(), wait) else { return Err(why) };
            self.listener.notify(&CallEvent::Retry { why: &why, pause, number: tries.made() + 1 });
            SystemClock.sleep(pause).await;
        }
    }

    fn read(&self, path: &[&str], reply: Reply) -> Result<Value, ApiError> {
        let server = || self.endpoint().authority();
        let broken = reply.broken.clone();
        let credential = if self.csrf.is_some() { SentCredential::Ticket } else { SentCredential::TokenOrNone };
        reply.data().map_err(|error| match error {
            ReplyError::Refusal(refusal) => ApiError::Refusal(refusal.about(path, credential)),
            ReplyError::Page { method, status, phrase } => {
                ApiError::Gateway { server: server(), method: method.to_string(), status, phrase }
            }
            ReplyError::Redirect { status, phrase, to } => ApiError::Redirect { server: server(), status, phrase, to },
            ReplyError::Unclear(what) => broken.unwrap_or(ApiError::NotUnderstood { server: server(), what }),
        })
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        form: Option<&[(&str, &str)]>,
    ) -> Result<Request, ApiError> {
        let mut url = self.way.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let is_change = method != Method::GET;
        let mut request = Request::new(method, url);
        request.headers_mut().extend(self.headers.clone());
        if let (true, Some(csrf)) = (is_change, &self.csrf) {
            request.headers_mut().insert(HeaderName::from_static("csrfpreventiontoken"), csrf.clone());
        }
        if let Some(form) = form {
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(CONTENT_TYPE, kind);
            // Without this, an empty body would be sent without its length.
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            *request.body_mut() = Some(body.into());
        }
        Ok(request)
    }
}
