//! Nodes, and whether a call reaches them.

use super::Cluster;
use crate::sandbox::access::Refusal;

/// One node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Whether calls get there.
    pub reach: Reach,
    /// The fingerprint of its certificate.
    pub fingerprint: [u8; 32],
    /// Its address.
    pub address: String,
    /// Its bridges.
    pub bridges: Vec<String>,
}

/// Whether calls get to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// They do.
    Up,
    /// The network does not know the way.
    NoRoute,
    /// The machine is there, its server is not.
    Refused,
}

impl Reach {
    fn reason(self) -> Option<&'static str> {
        match self {
            Self::Up => None,
            Self::NoRoute => Some("No route to host"),
            Self::Refused => Some("Connection refused"),
        }
    }
}

impl Cluster {
    /// Demands that a node is known and answers.
    pub(super) fn reachable(&self, name: &str) -> Result<(), Refusal> {
        let reach = self.nodes.get(name).map(|node| node.reach).or_else(|| self.strangers.get(name).copied());
        let Some(reach) = reach else {
            let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
            let why = if is_name { "Temporary failure in name resolution" } else { "Name or service not known" };
            return Err(Refusal::Failed(format!(
                "hostname lookup '{name}' failed - failed to get address info for: {name}: {why}"
            )));
        };
        match reach.reason() {
            Some(reason) => Err(Refusal::Status { status: 595, reason: reason.to_owned() }),
            None => Ok(()),
        }
    }
}
