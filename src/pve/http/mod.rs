//! Requests out, answers in: connections, limits, repeating, and what can go wrong.

pub(in crate::pve) mod error;
pub(in crate::pve) mod error_mapping;
pub(in crate::pve) mod http_client;
pub(in crate::pve) mod multipart;
pub(in crate::pve) mod proxy;
pub(in crate::pve) mod reachability;
pub(in crate::pve) mod refusal_reason;
pub(in crate::pve) mod reply;
pub(in crate::pve) mod retry;
mod row_splitter;
pub(in crate::pve) mod streaming_list;
pub(in crate::pve) mod text_download;
pub(in crate::pve) mod transport;
