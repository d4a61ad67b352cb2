//! Requests out, answers in: one client, one trust, limits on everything.

use std::error::Error as _;
use std::io;
use std::sync::PoisonError;
use std::time::Duration;

use hyper::ext::ReasonPhrase;
use reqwest::header::{ACCEPT, AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Url, redirect, retry};
use serde_json::Value;
use tokio::time::timeout;

use crate::model::{Endpoint, Secret, TokenId, TokenSecret};
use crate::pve::Error;
use crate::pve::proxy::{Chosen, Proxies};
use crate::pve::reply::{Reply, Strange};
use crate::pve::tls::{Docket, Trust, configuration};

/// The server closes a connection that is idle for 5 s; ours is given up before, so that no request meets the closing.
const IDLE_AT_MOST: Duration = Duration::from_secs(4);

/// Limits of waiting and of size.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a connection to come about, TLS included.
    pub connect: Duration,
    /// For the first byte of an answer. The server holds a 401 back for 3 s, and a clone waits 10 s for a lock.
    pub answer: Duration,
    /// For the next byte of an answer.
    pub quiet: Duration,
    /// For a body, in bytes: 100 000 guests are 24 MiB.
    pub size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            quiet: Duration::from_secs(20),
            size: 64 * 1024 * 1024,
        }
    }
}

/// The way to one server.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client,
    base: Url,
    endpoint: Endpoint,
    limits: Limits,
    docket: Docket,
    proxy: Option<Chosen>,
    headers: HeaderMap,
    csrf: Option<HeaderValue>,
}

impl Transport {
    /// Prepares the way; nothing is sent yet.
    pub(super) fn new(endpoint: Endpoint, trust: &Trust, limits: Limits, proxies: &Proxies) -> Result<Self, Error> {
        let (config, docket) = configuration(trust)?;
        let failed = |why: String| Error::Preparation { why };
        let base = Url::parse(&format!("{}/api2/json/", endpoint.url())).map_err(|why| failed(why.to_string()))?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(config)
            .http1_only()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .connect_timeout(limits.connect)
            .pool_idle_timeout(IDLE_AT_MOST)
            .tcp_nodelay(true)
            .no_proxy();
        let proxy = proxies.chosen(&endpoint)?;
        if let Some(chosen) = &proxy {
            builder = builder.proxy(chosen.proxy.clone());
        }
        let client = builder.build().map_err(|why| failed(deepest(&why)))?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(Self { client, base, endpoint, limits, docket, proxy, headers, csrf: None })
    }

    /// Gives the server.
    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Authenticates every request with a token.
    pub(super) fn with_token(mut self, id: &TokenId, secret: &TokenSecret) -> Result<Self, Error> {
        let value = zeroize::Zeroizing::new(format!("PVEAPIToken={id}={}", secret.expose()));
        self.headers.insert(AUTHORIZATION, sensitive(&value)?);
        Ok(self)
    }

    /// Authenticates every request with a ticket, and every one that changes something with its CSRF token, too.
    pub(super) fn with_ticket(mut self, ticket: &Secret, csrf: &Secret) -> Result<Self, Error> {
        let encoded = percent_encoding::utf8_percent_encode(ticket.expose(), percent_encoding::NON_ALPHANUMERIC);
        let value = zeroize::Zeroizing::new(format!("PVEAuthCookie={encoded}"));
        self.headers.insert(COOKIE, sensitive(&value)?);
        self.csrf = Some(sensitive(csrf.expose())?);
        Ok(self)
    }

    /// Reads something. A connection that dies before its answer is normal on a kept-alive one: it is tried once more.
    pub(super) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Error> {
        match self.exchange(Method::GET, path, query, None).await {
            Err(Error::BrokenOff { .. }) => self.exchange(Method::GET, path, query, None).await,
            other => other,
        }
    }

    /// Changes something. It is never sent twice: where the answer is lost, so is the knowledge of what happened.
    pub(super) async fn change(&self, method: Method, path: &[&str], form: &[(&str, &str)]) -> Result<Value, Error> {
        let sent = if method == Method::DELETE {
            self.exchange(method, path, form, None).await
        } else {
            self.exchange(method, path, &[], Some(form)).await
        };
        sent.map_err(|why| match why {
            Error::BrokenOff { .. } | Error::NoAnswer { .. } | Error::Stalled { .. } | Error::TooLarge { .. } => {
                Error::OutcomeUnknown { source: Box::new(why) }
            }
            // A proxy in front that gave up may have passed the request on before.
            Error::Gateway { status: 502 | 504, .. } => Error::OutcomeUnknown { source: Box::new(why) },
            other => other,
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        form: Option<&[(&str, &str)]>,
    ) -> Result<Value, Error> {
        let server = || self.endpoint.authority();
        let reply = self.send(self.request(method, path, query, form)?).await?;
        reply.data().map_err(|strange| match strange {
            Strange::Refusal(refusal) => Error::Refusal(refusal),
            Strange::Page { status, reason } => Error::Gateway { server: server(), status, reason },
            Strange::Unclear(what) => Error::NotUnderstood { server: server(), what },
        })
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        form: Option<&[(&str, &str)]>,
    ) -> Result<Request, Error> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
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
            request.headers_mut().insert(reqwest::header::CONTENT_TYPE, kind);
            *request.body_mut() = Some(body.into());
        }
        Ok(request)
    }

    async fn send(&self, request: Request) -> Result<Reply, Error> {
        let server = || self.endpoint.authority();
        let sent = timeout(self.limits.connect + self.limits.answer, self.client.execute(request)).await;
        let response = match sent {
            Err(_) => return Err(Error::NoAnswer { server: server(), seconds: self.limits.answer.as_secs() }),
            Ok(Err(why)) => return Err(self.failure(&why)),
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        let phrase = response.extensions().get::<ReasonPhrase>();
        let reason = match phrase {
            Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()).into_owned(),
            None => status.canonical_reason().unwrap_or_default().to_owned(),
        };
        let body = self.body(response).await?;
        Ok(Reply { status: status.as_u16(), reason, body })
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, Error> {
        let server = || self.endpoint.authority();
        let too_large = || Error::TooLarge { server: server(), mebibytes: self.limits.size / (1024 * 1024) };
        if response.content_length().is_some_and(|length| length > self.limits.size) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        loop {
            let next = timeout(self.limits.quiet, response.chunk()).await;
            let next = next.map_err(|_| Error::Stalled { server: server(), seconds: self.limits.quiet.as_secs() })?;
            let Some(chunk) = next.map_err(|why| self.failure(&why))? else {
                return Ok(body);
            };
            if body.len() as u64 + chunk.len() as u64 > self.limits.size {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Makes of the library's error what the user lives through.
    fn failure(&self, why: &reqwest::Error) -> Error {
        let server = self.endpoint.authority();
        if let Some(verdict) = self.docket.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return verdict.error(server);
        }
        let cause = self.cause(why);
        match &self.proxy {
            Some(chosen) if why.is_connect() && !matches!(cause, Error::Handshake { .. } | Error::NotTls { .. }) => {
                Error::Proxy {
                    proxy: chosen.shown.clone(),
                    variable: chosen.variable.clone(),
                    server,
                    source: Box::new(cause),
                }
            }
            _ => cause,
        }
    }

    fn cause(&self, why: &reqwest::Error) -> Error {
        let server = self.endpoint.authority();
        if why.is_dns() {
            return Error::UnknownName { host: self.endpoint.host().to_string(), source: None };
        }
        let mut source = why.source();
        while let Some(cause) = source {
            if let Some(tls) = rustls_error(cause) {
                return of_tls(tls, server);
            }
            if let Some(io) = cause.downcast_ref::<io::Error>()
                && io.get_ref().is_none()
            {
                return of_io(io, &self.endpoint);
            }
            source = cause.source();
        }
        if why.is_timeout() && why.is_connect() {
            return Error::ConnectTimeout { server, seconds: self.limits.connect.as_secs() };
        }
        Error::BrokenOff { server, why: deepest(why) }
    }
}

fn sensitive(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::Preparation { why: "the credentials hold characters that no header takes".to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Finds an error of the TLS library, which travels inside an error of the socket.
fn rustls_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(tls);
    }
    cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>()
}

fn of_tls(why: &rustls::Error, server: String) -> Error {
    match why {
        rustls::Error::InvalidMessage(_) => Error::NotTls { server },
        other => Error::Handshake { server, why: other.to_string() },
    }
}

/// Makes of a socket's error what the user lives through.
pub(super) fn of_io(why: &io::Error, endpoint: &Endpoint) -> Error {
    let server = endpoint.authority();
    match why.kind() {
        io::ErrorKind::ConnectionRefused => Error::Refused { server },
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            Error::NoRoute { server }
        }
        io::ErrorKind::TimedOut => Error::ConnectTimeout { server, seconds: 0 },
        _ if why.raw_os_error().is_none() && why.to_string().contains("lookup") => {
            Error::UnknownName { host: endpoint.host().to_string(), source: None }
        }
        _ => Error::BrokenOff { server, why: why.to_string() },
    }
}

/// Gives the words of the innermost cause.
fn deepest(why: &dyn std::error::Error) -> String {
    let mut cause = why;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
