//! The requests that change something on the server.

use super::{Attempt, Transport};
use crate::pve::ApiError;
use crate::pve::http::http_client::{Extent, SendError};
use crate::pve::http::multipart::Form;
use crate::pve::http::reply::Reply;
use crate::pve::http::retry::RetryPolicy;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Method};
use serde_json::Value;

impl Transport {
    /// Changes something. It is sent again only where it was certainly not carried out: where the answer is lost, so is
    /// the knowledge of what happened.
    pub(in crate::pve) async fn change(
        &self,
        method: Method,
        path: &[&str],
        form: &[(&str, &str)],
    ) -> Result<Value, ApiError> {
        let repeat = if method == Method::PUT { RetryPolicy::Sets } else { RetryPolicy::Acts };
        self.send_change(repeat, method, path, form).await
    }

    /// Creates something. As a change; where the server had no worker for the task, the caller looks before it asks again.
    pub(in crate::pve) async fn create(&self, path: &[&str], form: &[(&str, &str)]) -> Result<Value, ApiError> {
        self.send_change(RetryPolicy::Creates, Method::POST, path, form).await
    }

    async fn send_change(
        &self,
        repeat: RetryPolicy,
        method: Method,
        path: &[&str],
        form: &[(&str, &str)],
    ) -> Result<Value, ApiError> {
        let send = async || {
            // The server refuses a DELETE with a body.
            let (query, body) = if method == Method::DELETE { (form, None) } else { (&[][..], Some(form)) };
            let request = self.request(method.clone(), path, query, body)?;
            self.way.send(request, Extent::Usual, &self.listener).await.map_err(SendError::of_change)
        };
        self.repeated(repeat, async || Attempt::read(send().await, |reply| self.read_change(path, reply))).await
    }

    /// Sends a form with a file, once: where the answer is lost, so is the knowledge of what happened.
    pub(in crate::pve) async fn send_form(&self, path: &[&str], form: Form) -> Result<Value, ApiError> {
        let unfit = |_| ApiError::Preparation { why: "the form has an invalid content type".to_owned() };
        let kind = HeaderValue::from_str(&form.kind()).map_err(unfit)?;
        let mut request = self.request(Method::POST, path, &[], None)?;
        request.headers_mut().insert(CONTENT_TYPE, kind);
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(form.length()));
        *request.body_mut() = Some(Body::wrap(form));
        let reply = self
            .way
            .with_upload_timeout()
            .send(request, Extent::Usual, &self.listener)
            .await
            .map_err(SendError::of_change)?;
        self.read_change(path, reply)
    }

    fn read_change(&self, path: &[&str], reply: Reply) -> Result<Value, ApiError> {
        let may_be_done = reply.may_be_done();
        self.read(path, reply).map_err(|why| match why {
            why if may_be_done => ApiError::OutcomeUnknown { source: Box::new(why) },
            why => why,
        })
    }
}
