//! What a task does, step by step.

use std::fmt::Debug;
use std::time::Duration;

use crate::sandbox::auth::Caller;
use crate::sandbox::cluster::Cluster;
use crate::sandbox::cluster::locks::Claim;

/// What a task does, in three steps of which the last two exclude each other.
pub trait Work: Debug + Send {
    /// Names the locks that it needs, and whether it shares them with others of its kind.
    fn claims(&self) -> Vec<Claim> {
        Vec::new()
    }

    /// Begins once it has its locks, and says how long it takes and what it logs meanwhile.
    fn begin(&mut self, cluster: &mut Cluster, scene: &Scene) -> Result<Plan, String>;

    /// Ends, and returns the lines that it logs last.
    fn finish(&mut self, _cluster: &mut Cluster, _scene: &Scene) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    /// Takes back what it began, because it was interrupted; says how it failed.
    fn interrupted(&mut self, _cluster: &mut Cluster) -> String {
        "received interrupt".to_owned()
    }
}

/// Where and when a step of a task happens.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The node.
    pub node: String,
    /// The user or token that asked for it.
    pub caller: Caller,
    /// Seconds since 1970.
    pub unix: u64,
    /// The time since the cluster was started.
    pub at: Duration,
}

/// How a task goes on once it has begun.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// How long it works.
    pub length: Duration,
    /// What it logs, and how long after its beginning.
    pub lines: Vec<(Duration, String)>,
}

impl Plan {
    /// Works for some time and logs these lines at once.
    pub fn of(length: Duration, lines: &[String]) -> Self {
        Self { length, lines: lines.iter().map(|line| (Duration::ZERO, line.clone())).collect() }
    }
}
