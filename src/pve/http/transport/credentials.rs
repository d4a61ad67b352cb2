//! What the requests of a transport authenticate with, and the form of a log-in.

use super::{Attempt, Transport};
use crate::model::{Secret, TokenId, TokenSecret};
use crate::pve::ApiError;
use crate::pve::http::http_client::{Extent, SendError};
use crate::pve::http::retry::RetryPolicy;
use percent_encoding::{AsciiSet, CONTROLS};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderValue};
use serde_json::Value;
use zeroize::Zeroizing;

/// What cannot be in a cookie, and the sign of the encoding. The rest goes as it came: some servers do not decode it.
const NO_COOKIE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

impl Transport {
    /// Authenticates every request with a token.
    pub(in crate::pve) fn with_token(mut self, id: &TokenId, secret: &TokenSecret) -> Result<Self, ApiError> {
        let id = id.header_text().map_err(|found| ApiError::unsendable(&id.user.to_string(), found))?;
        let value = Zeroizing::new(format!("PVEAPIToken={id}={}", secret.expose()));
        self.headers.insert(AUTHORIZATION, sensitive(&value)?);
        Ok(self)
    }

    /// Authenticates every request with a ticket, and every one that changes something with its CSRF token, too.
    pub(in crate::pve) fn with_ticket(mut self, ticket: &Secret, csrf: &Secret) -> Result<Self, ApiError> {
        ticket.register_ticket();
        csrf.register_ticket();
        let encoded = percent_encoding::utf8_percent_encode(ticket.expose(), NO_COOKIE);
        let value = Zeroizing::new(format!("PVEAuthCookie={encoded}"));
        self.headers.insert(COOKIE, sensitive(&value)?);
        self.csrf = Some(sensitive(csrf.expose())?);
        Ok(self)
    }

    /// Takes the credentials away.
    pub(in crate::pve) fn anonymous(mut self) -> Self {
        self.headers.remove(AUTHORIZATION);
        self.headers.remove(COOKIE);
        self.csrf = None;
        self
    }

    /// Sends a form with secrets that changes nothing on the server: a log-in.
    pub(in crate::pve) async fn submit(
        &self,
        path: &[&str],
        form: &[(&str, &str)],
        secrets: &[(&str, &Secret)],
    ) -> Result<Value, ApiError> {
        let secrets = secrets.iter().map(|(name, secret)| (*name, secret.expose()));
        let form: Vec<(&str, &str)> = form.iter().copied().chain(secrets).collect();
        let send = async || {
            let request = self.request(Method::POST, path, &[], Some(&form))?;
            self.way.send(request, Extent::Usual, &self.listener).await.map_err(SendError::error)
        };
        let call = async || Attempt::read(send().await, |reply| self.read(path, reply));
        self.repeated(RetryPolicy::Elsewhere, call).await
    }
}

/// Makes a header value that is hidden in logs.
fn sensitive(text: &str) -> Result<HeaderValue, ApiError> {
    let unfit = |_| ApiError::Preparation {
        why: "the credentials contain characters that are not allowed in a header".to_owned(),
    };
    let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(unfit)?;
    value.set_sensitive(true);
    Ok(value)
}
