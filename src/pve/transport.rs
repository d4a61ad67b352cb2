//! Requests out, answers in: one client, one trust, limits on everything.

use std::time::Duration;

use hyper::ext::ReasonPhrase;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use reqwest::{Client, Method, Request, Response, Url, redirect, retry};
use serde_json::Value;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::model::{Endpoint, Secret, TokenId, TokenSecret};
use crate::pve::Error;
use crate::pve::failure::{Scene, deepest, is_seen, whole};
use crate::pve::proxy::{Chosen, Proxies};
use crate::pve::reply::{Reply, Strange};
use crate::pve::tls::{Presented, Purpose, Trust, configuration};

/// The server closes a connection that is idle for 5 s; ours is given up before, so that no request meets the closing.
const IDLE_AT_MOST: Duration = Duration::from_secs(4);

/// Independent reads go out at once; no step of a command has more of them than this.
const IDLE_CONNECTIONS: usize = 8;

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

/// A request that brought no reply, and what that means for a second try.
enum Failed {
    /// Nothing was sent.
    Unsent(Error),
    /// The connection died before the first byte of the answer: normal on one that was kept alive.
    Died(Error),
    /// It was sent, and something went wrong with the answer.
    Amid(Error),
}

impl Failed {
    fn error(self) -> Error {
        match self {
            Self::Unsent(why) | Self::Died(why) | Self::Amid(why) => why,
        }
    }

    /// Says of a request that changes something that it is not known whether it was carried out.
    fn of_change(self) -> Error {
        match self {
            Self::Unsent(why) => why,
            Self::Died(why) | Self::Amid(why) => Error::OutcomeUnknown { source: Box::new(why) },
        }
    }
}

/// The way to one server, without anybody who goes it.
#[derive(Debug, Clone)]
pub(super) struct Way {
    endpoint: Endpoint,
    limits: Limits,
    proxy: Option<Chosen>,
    config: rustls::ClientConfig,
    client: Client,
    /// What the server presented last.
    pub(super) presented: Presented,
}

impl Way {
    /// Prepares the way; nothing is sent yet.
    pub(super) fn new(
        endpoint: Endpoint,
        trust: &Trust,
        limits: Limits,
        proxies: &Proxies,
        purpose: Purpose,
    ) -> Result<Self, Error> {
        let (config, presented) = configuration(&endpoint, trust, purpose)?;
        let proxy = proxies.chosen(&endpoint)?;
        let client = client(&config, limits, proxy.as_ref(), IDLE_CONNECTIONS)?;
        Ok(Self { endpoint, limits, proxy, config, client, presented })
    }

    /// Shakes hands and sends nothing, under a judge whose purpose is to look.
    pub(super) async fn shake_hands(&self) -> Result<(), Error> {
        let request = Request::new(Method::GET, self.url(&[])?);
        let ended = timeout(self.limits.connect + self.limits.answer, self.client.execute(request)).await;
        match ended {
            Err(_) => Err(self.no_answer()),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(why)) if is_seen(&why) => Ok(()),
            Ok(Err(why)) => Err(self.failed(&why).await.error()),
        }
    }

    fn url(&self, path: &[&str]) -> Result<Url, Error> {
        let base = format!("{}/api2/json/", self.endpoint.url());
        let mut url = Url::parse(&base).map_err(|why| Error::Preparation { why: why.to_string() })?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Ok(url)
    }

    async fn send(&self, client: &Client, request: Request) -> Result<Reply, Failed> {
        let response = match timeout(self.limits.connect + self.limits.answer, client.execute(request)).await {
            Err(_) => return Err(Failed::Amid(self.no_answer())),
            Ok(Err(why)) => return Err(self.failed(&why).await),
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        // Kept only where it is not the usual phrase of the status.
        let reason = match response.extensions().get::<ReasonPhrase>() {
            Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()).into_owned(),
            None => status.canonical_reason().unwrap_or_default().to_owned(),
        };
        let body = self.body(response).await.map_err(Failed::Amid)?;
        Ok(Reply { status: status.as_u16(), reason, body })
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Error> {
        let limit = self.limits.size;
        let server = || self.endpoint.authority();
        let too_large = || Error::TooLarge { server: server(), mebibytes: limit / (1024 * 1024) };
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        loop {
            let next = timeout(self.limits.quiet, response.chunk()).await;
            let next = next.map_err(|_| Error::Stalled { server: server(), seconds: whole(self.limits.quiet) })?;
            let Some(chunk) = next.map_err(|why| self.scene().of_talking(&why))? else {
                return Ok(body);
            };
            if body.len() as u64 + chunk.len() as u64 > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
    }

    async fn failed(&self, why: &reqwest::Error) -> Failed {
        let scene = self.scene();
        if why.is_connect() {
            return Failed::Unsent(scene.look_again(scene.of_connecting(why)).await);
        }
        match scene.of_talking(why) {
            died @ Error::BrokenOff { .. } => Failed::Died(died),
            other => Failed::Amid(other),
        }
    }

    const fn scene(&self) -> Scene<'_> {
        Scene { endpoint: &self.endpoint, proxy: self.proxy.as_ref(), connect: self.limits.connect }
    }

    fn no_answer(&self) -> Error {
        Error::NoAnswer { server: self.endpoint.authority(), seconds: whole(self.limits.answer) }
    }
}

/// Makes an HTTP client that keeps this many idle connections.
fn client(config: &rustls::ClientConfig, limits: Limits, proxy: Option<&Chosen>, idle: usize) -> Result<Client, Error> {
    let builder = Client::builder()
        .tls_backend_preconfigured(config.clone())
        .http1_only()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(limits.connect)
        .pool_idle_timeout(IDLE_AT_MOST)
        .pool_max_idle_per_host(idle)
        .tcp_nodelay(true)
        .no_proxy();
    let builder = match proxy {
        Some(chosen) => builder.proxy(chosen.proxy.clone()),
        None => builder,
    };
    builder.build().map_err(|why| Error::Preparation { why: deepest(&why) })
}

/// The way to one server, for one caller.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    way: Way,
    headers: HeaderMap,
    csrf: Option<HeaderValue>,
}

impl Transport {
    /// Prepares the way for somebody who is not authenticated.
    pub(super) fn new(endpoint: Endpoint, trust: &Trust, limits: Limits, proxies: &Proxies) -> Result<Self, Error> {
        let way = Way::new(endpoint, trust, limits, proxies, Purpose::Requests)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("glassdome/", env!("CARGO_PKG_VERSION"))));
        Ok(Self { way, headers, csrf: None })
    }

    /// Gives the server.
    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.way.endpoint
    }

    /// Gives what the server presented last.
    pub(super) const fn presented(&self) -> &Presented {
        &self.way.presented
    }

    /// Authenticates every request with a token.
    pub(super) fn with_token(mut self, id: &TokenId, secret: &TokenSecret) -> Result<Self, Error> {
        let value = Zeroizing::new(format!("PVEAPIToken={id}={}", secret.expose()));
        self.headers.insert(AUTHORIZATION, sensitive(&value)?);
        Ok(self)
    }

    /// Authenticates every request with a ticket, and every one that changes something with its CSRF token, too.
    pub(super) fn with_ticket(mut self, ticket: &Secret, csrf: &Secret) -> Result<Self, Error> {
        let encoded = percent_encoding::utf8_percent_encode(ticket.expose(), percent_encoding::NON_ALPHANUMERIC);
        let value = Zeroizing::new(format!("PVEAuthCookie={encoded}"));
        self.headers.insert(COOKIE, sensitive(&value)?);
        self.csrf = Some(sensitive(csrf.expose())?);
        Ok(self)
    }

    /// Reads something. Where the connection dies before the answer begins, it is tried once more on a fresh one.
    pub(super) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Error> {
        let request = || self.request(Method::GET, path, query, None);
        let reply = match self.way.send(&self.way.client, request()?).await {
            Err(Failed::Died(_)) => {
                let fresh = client(&self.way.config, self.way.limits, self.way.proxy.as_ref(), 0)?;
                self.way.send(&fresh, request()?).await
            }
            other => other,
        };
        self.read(path, reply.map_err(Failed::error)?)
    }

    /// Sends a form that changes nothing on the server.
    pub(super) async fn submit(&self, path: &[&str], form: &[(&str, &str)]) -> Result<Value, Error> {
        let request = self.request(Method::POST, path, &[], Some(form))?;
        let reply = self.way.send(&self.way.client, request).await;
        self.read(path, reply.map_err(Failed::error)?)
    }

    /// Changes something. It is never sent twice: where the answer is lost, so is the knowledge of what happened.
    pub(super) async fn change(&self, method: Method, path: &[&str], form: &[(&str, &str)]) -> Result<Value, Error> {
        // The server refuses a DELETE with a body.
        let (query, body) = if method == Method::DELETE { (form, None) } else { (&[][..], Some(form)) };
        let request = self.request(method, path, query, body)?;
        let reply = self.way.send(&self.way.client, request).await.map_err(Failed::of_change)?;
        let may_be_done = reply.may_be_done();
        self.read(path, reply).map_err(|why| match why {
            why if may_be_done => Error::OutcomeUnknown { source: Box::new(why) },
            why => why,
        })
    }

    fn read(&self, path: &[&str], reply: Reply) -> Result<Value, Error> {
        let server = || self.endpoint().authority();
        reply.data().map_err(|strange| match strange {
            Strange::Refusal(refusal) => Error::Refusal(refusal.about(path)),
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
            // An empty body would otherwise go without its length.
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            *request.body_mut() = Some(body.into());
        }
        Ok(request)
    }
}

fn sensitive(text: &str) -> Result<HeaderValue, Error> {
    let unfit = |_| Error::Preparation { why: "the credentials hold characters that no header takes".to_owned() };
    let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(unfit)?;
    value.set_sensitive(true);
    Ok(value)
}
