//! The HTTP client of one server: one trust policy, and limits on everything that it waits for or reads.

mod body;
mod last_reply;
mod limits;

use self::body::ReceivedBody;
use last_reply::{LastReply, header_text};
pub(in crate::pve) use limits::Extent;
pub use limits::{Limits, Sizes};
use std::pin::pin;
use std::time::Duration;

use hyper::ext::ReasonPhrase;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, Request, Url, redirect, retry};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tokio::time::timeout;

use crate::clock::{Clock, SystemClock};
use crate::model::token::percent_encoded;
use crate::model::{Endpoint, Foreign};
use crate::pve::ApiError;
use crate::pve::http::error_mapping::{RequestContext, deepest, is_seen, whole};
use crate::pve::http::proxy::{Proxies, ProxyChoice};
use crate::pve::http::reply::Reply;
use crate::pve::http::retry::{CallEvent, Observers, OpenCall, ServerSeen};
use crate::pve::tls::{HandshakePurpose, Presented, Trust, configuration};

/// The server closes a connection that is idle for 5 s; ours is given up before, so that no request meets the closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Independent reads go out at once; no step of a command has more of them than this.
const IDLE_CONNECTIONS: usize = 8;

/// The form of the header `Date` (RFC 9110).
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// A large file over a slow line takes hours.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// A request without an answer, and whether it may be sent again.
pub(in crate::pve) enum SendError {
    /// Nothing was sent.
    NotSent(ApiError),
    /// The connection closed before the first byte of the answer: normal for one that was kept alive.
    ConnectionReset(ApiError),
    /// It was sent, and something went wrong with the answer.
    AfterSend(ApiError),
}

impl SendError {
    /// Returns what went wrong.
    pub(in crate::pve) fn error(self) -> ApiError {
        match self {
            Self::NotSent(why) | Self::ConnectionReset(why) | Self::AfterSend(why) => why,
        }
    }

    /// Says of a request that changes something that it is not known whether it was carried out.
    pub(in crate::pve) fn of_change(self) -> ApiError {
        match self {
            Self::NotSent(why) => why,
            Self::ConnectionReset(why) | Self::AfterSend(why) => ApiError::OutcomeUnknown { source: Box::new(why) },
        }
    }
}

/// The HTTP client of one server, without credentials.
#[derive(Debug, Clone)]
pub(in crate::pve) struct HttpClient {
    pub(in crate::pve) endpoint: Endpoint,
    limits: Limits,
    proxy: Option<ProxyChoice>,
    config: rustls::ClientConfig,
    client: Client,
    /// What the server presented last.
    pub(in crate::pve) presented: Presented,
    /// What it answered last.
    pub(in crate::pve) last: LastReply,
}

impl HttpClient {
    /// Prepares the way; nothing is sent yet.
    pub(in crate::pve) fn new(
        endpoint: Endpoint,
        trust: &Trust,
        limits: Limits,
        proxies: &Proxies,
        purpose: HandshakePurpose,
    ) -> Result<Self, ApiError> {
        let (config, presented) = configuration(&endpoint, trust, purpose)?;
        let proxy = proxies.chosen(&endpoint)?;
        let client = client(&config, limits, proxy.as_ref(), IDLE_CONNECTIONS)?;
        Ok(Self { endpoint, limits, proxy, config, client, presented, last: LastReply::default() })
    }

    /// Shakes hands and sends nothing, under a judge whose purpose is to look.
    pub(in crate::pve) async fn handshake(&self) -> Result<(), ApiError> {
        let request = Request::new(Method::GET, self.url(&[])?);
        let ended = timeout(self.limits.connect + self.limits.answer, self.client.execute(request)).await;
        match ended {
            Err(_) => Err(self.no_answer(self.limits.answer)),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(why)) if is_seen(&why) => Ok(()),
            Ok(Err(why)) => Err(self.failed(&why).await.error()),
        }
    }

    pub(in crate::pve) fn url(&self, path: &[&str]) -> Result<Url, ApiError> {
        let base = format!("{}/api2/json/", self.endpoint.url());
        let mut url = Url::parse(&base).map_err(|why| ApiError::Preparation { why: why.to_string() })?;
        // Segments of dots would change the path: the call would be another one.
        if path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(ApiError::Preparation {
                why: "the path of the call contains an empty name, `.` or `..`".to_owned(),
            });
        }
        // The router of the server takes no user with a `!`, in whatever spelling.
        if let ["access", "users", user, ..] = path
            && user.contains('!')
        {
            return Err(ApiError::unsendable(user, '!'));
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@:!$&'()*+,=".contains(&byte);
        let encoded = path
            .iter()
            .map(|segment| percent_encoded(segment, is_plain).map_err(|found| ApiError::unsendable(segment, found)));
        let encoded: Vec<String> = encoded.collect::<Result<_, _>>()?;
        url.set_path(&format!("{}{}", url.path(), encoded.join("/")));
        Ok(url)
    }

    /// Returns the same client for a request that takes long to send: its progress is shown.
    pub(in crate::pve) fn with_upload_timeout(&self) -> Self {
        Self { limits: Limits { outcome: UPLOAD_TIMEOUT, ..self.limits }, ..self.clone() }
    }

    /// Returns the same client for a question whose answer is waited for no longer than this.
    pub(in crate::pve) fn answering_within(&self, limit: Duration) -> Self {
        Self { limits: Limits { answer: self.limits.answer.min(limit), ..self.limits }, ..self.clone() }
    }

    /// Sends a request on a connection of the pool.
    pub(in crate::pve) async fn send(
        &self,
        request: Request,
        extent: Extent<'_>,
        listener: &Observers,
    ) -> Result<Reply, SendError> {
        self.send_by(&self.client, request, extent, listener).await
    }

    /// Sends a request on a connection of its own.
    pub(in crate::pve) async fn send_on_new_connection(
        &self,
        request: Request,
        extent: Extent<'_>,
        listener: &Observers,
    ) -> Result<Reply, SendError> {
        let fresh = client(&self.config, self.limits, self.proxy.as_ref(), 0).map_err(SendError::NotSent)?;
        self.send_by(&fresh, request, extent, listener).await
    }

    async fn send_by(
        &self,
        client: &Client,
        request: Request,
        extent: Extent<'_>,
        listener: &Observers,
    ) -> Result<Reply, SendError> {
        let _open = OpenCall::begin(listener);
        let (began, method, path) = (SystemClock.now(), request.method().clone(), request.url().path().to_owned());
        let within = self.limits.first_byte(&method);
        let mut response = pin!(client.execute(request));
        let answered = match timeout(within, &mut response).await {
            // Perhaps the time went into the connection, which takes hardly any to a server that has answered before.
            Err(_) if self.last.contact() == ServerSeen::None => timeout(self.limits.connect, response).await,
            answered => answered,
        };
        let response = match answered {
            Err(_) => return Err(SendError::AfterSend(self.no_answer(within))),
            Ok(Err(why)) => return Err(self.failed(&why).await),
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        // Kept only where it is not the usual phrase of the status.
        let phrase = match response.extensions().get::<ReasonPhrase>() {
            Some(phrase) => Foreign::new(header_text(phrase.as_bytes())),
            None => Foreign::new(status.canonical_reason().unwrap_or_default()),
        };
        self.last.note(response.headers());
        let wait = seconds_of(response.headers());
        let location = response.headers().get(LOCATION).map(|it| Foreign::new(header_text(it.as_bytes())));
        let body = self.body(response, extent).await.map_err(SendError::AfterSend)?;
        let ReceivedBody { bytes: body, broken } = body;
        let (status, took) = (status.as_u16(), SystemClock.now().duration_since(began));
        listener.notify(&CallEvent::Answered { method: method.as_str(), path: &path, status, took });
        Ok(Reply { method, status, phrase, location, body, broken, wait, took })
    }

    async fn failed(&self, why: &reqwest::Error) -> SendError {
        let scene = self.request_context();
        if why.is_connect() {
            let why = scene.probe_without_tls(scene.connect_error(why)).await;
            return SendError::NotSent(self.with_certificate_error(why).await);
        }
        match scene.io_error(why) {
            died @ ApiError::BrokenOff { .. } => SendError::ConnectionReset(died),
            other => SendError::AfterSend(other),
        }
    }

    /// Looks once more at a server that broke the handshake off: perhaps its certificate has a key whose signatures cannot
    /// be verified here, and which it therefore did not show.
    async fn with_certificate_error(&self, why: ApiError) -> ApiError {
        if !matches!(why, ApiError::Handshake { .. }) {
            return why;
        }
        let look = async {
            let (config, _) = configuration(&self.endpoint, &Trust::Unverified, HandshakePurpose::Identify).ok()?;
            let client = client(&config, self.limits, self.proxy.as_ref(), 0).ok()?;
            let ended = client.execute(Request::new(Method::GET, self.url(&[]).ok()?)).await.err()?;
            Some(self.request_context().connect_error(&ended))
        };
        match timeout(self.limits.connect, look).await {
            Ok(Some(broken @ ApiError::CertificateBroken { .. })) => broken,
            _ => why,
        }
    }

    const fn request_context(&self) -> RequestContext<'_> {
        RequestContext { endpoint: &self.endpoint, proxy: self.proxy.as_ref(), connect: self.limits.connect }
    }

    fn no_answer(&self, within: Duration) -> ApiError {
        ApiError::NoAnswer { server: self.endpoint.authority(), seconds: whole(within) }
    }
}

/// Makes an HTTP client that keeps this many idle connections.
fn client(
    config: &rustls::ClientConfig,
    limits: Limits,
    proxy: Option<&ProxyChoice>,
    idle: usize,
) -> Result<Client, ApiError> {
    let builder = Client::builder()
        .tls_backend_preconfigured(config.clone())
        .http1_only()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(limits.connect)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(idle)
        .tcp_nodelay(true)
        .no_proxy();
    let builder = match proxy {
        Some(chosen) => builder.proxy(chosen.proxy.clone()),
        None => builder,
    };
    builder.build().map_err(|why| ApiError::Preparation { why: deepest(&why) })
}

/// Reads how many seconds a server asks to wait.
fn seconds_of(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
