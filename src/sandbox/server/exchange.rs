//! One exchange without a connection: a request as it goes over the wire, answered at a given moment.

use crate::sandbox::cluster::{Cluster, Now};
use crate::sandbox::server::dispatch::{parameters, react};
use crate::sandbox::server::request::{Head, Parsed};

/// An answer, without the headers that depend on its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanged {
    /// The status.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The body, empty where there is none.
    pub body: String,
    /// Whether its length is in the header.
    pub has_length: bool,
}

/// Answers a request as a connection would; `None` if its header is not whole, or none at all.
pub fn exchange(cluster: &mut Cluster, request: &[u8], now: Now) -> Option<Exchanged> {
    let Parsed::Whole(head) = Head::parse(request) else { return None };
    let body = request.get(head.length..).unwrap_or_default();
    let answer = match head.refuse(cluster.release()) {
        Some(refused) => refused,
        None => match parameters(cluster, &head, body) {
            Ok(parameters) => react(cluster, &head, &parameters, now).answer,
            Err(unread) => unread,
        },
    };
    let has_length = answer.body.is_some();
    Some(Exchanged { status: answer.status, reason: answer.reason, body: answer.body.unwrap_or_default(), has_length })
}
