//! Nodes, and whether a call reaches them.

use crate::sandbox::auth::Refusal;
use crate::sandbox::cluster::Cluster;

/// What the lists say of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistics {
    /// How it is.
    Current,
    /// Nothing: its statistics daemon is stopped, and everything else on it works.
    Stale,
    /// How it was before it was away: the others have not noticed yet.
    Old,
}

/// One node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Whether calls get there.
    pub reach: Reach,
    /// What the lists say of it.
    pub statistics: Statistics,
    /// The fingerprint of its certificate.
    pub fingerprint: [u8; 32],
    /// Its address.
    pub address: String,
    /// Its bridges.
    pub bridges: Vec<String>,
    /// Its network cards.
    pub cards: Vec<String>,
    /// The gateway of its first bridge.
    pub gateway: Option<String>,
}

impl Node {
    /// Returns its status in lists.
    pub(crate) fn status(&self) -> &'static str {
        match (self.statistics, self.reach) {
            (Statistics::Stale, Reach::Up) => "unknown",
            (Statistics::Old, _) | (_, Reach::Up) => "online",
            _ => "offline",
        }
    }
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
    /// Nothing comes back.
    TimedOut,
}

impl Reach {
    fn reason(self) -> Option<&'static str> {
        match self {
            Self::Up => None,
            Self::NoRoute => Some("No route to host"),
            Self::Refused => Some("Connection refused"),
            Self::TimedOut => Some("Connection timed out"),
        }
    }
}

impl Cluster {
    /// Demands that the node that answers belongs to the majority of the cluster.
    pub(crate) fn check_quorum(&self) -> Result<(), Refusal> {
        match self.quorate {
            true => Ok(()),
            false => Err(Refusal::Failed("cluster not ready - no quorum?".to_owned())),
        }
    }

    /// Demands that the configuration of a VM can be written, which it cannot without a quorum.
    pub(crate) fn writable(&self, node: &str, vmid: u32) -> Result<(), String> {
        if self.quorate {
            return Ok(());
        }
        let file = format!("/etc/pve/nodes/{node}/qemu-server/{vmid}.conf.tmp.{}", 1000 + self.tasks.len());
        Err(format!("unable to open file '{file}' - Permission denied"))
    }

    /// Demands that a node is known and answers.
    pub(crate) fn reachable(&self, name: &str) -> Result<(), Refusal> {
        let reach = self.nodes.get(name).map(|node| node.reach).or_else(|| self.foreign_hosts.get(name).copied());
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
