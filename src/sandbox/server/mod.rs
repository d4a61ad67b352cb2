//! From bytes to calls and back: connections, requests, answers.

pub(crate) mod answer;
pub(crate) mod certificate;
pub(crate) mod connection;
mod dispatch;
pub mod exchange;
mod multipart;
mod proxied_calls;
mod request;
pub(crate) mod shared;
