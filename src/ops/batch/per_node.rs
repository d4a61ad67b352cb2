//! The results of many test VMs on each node: verified, failed, or not even tried, and why.

use crate::error::{Error, PlacementError, Report};
use crate::ui::{Printable, Screen, Tone};
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// The result of the test VMs on a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NodeOutcome {
    /// Not tried: the run ended before its turn came.
    #[default]
    Untried,
    /// Every test VM succeeded.
    #[serde(rename = "proven")]
    Verified,
    /// A test VM failed.
    Failed,
    /// It is online, and no clone can be there.
    Impossible,
    /// It is not online.
    Offline,
}

/// The results of the test VMs on one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct NodeFigures {
    /// The node.
    node: String,
    /// What came of it.
    outcome: NodeOutcome,
    /// How many were verified.
    #[serde(rename = "proven")]
    verified: usize,
    /// How many failed.
    failed: usize,
    /// Why none can be there at all.
    why: Option<String>,
}

/// The results of the test VMs, node by node.
#[derive(Debug, Default)]
pub(crate) struct NodeCounters(BTreeMap<String, NodeFigures>);

impl NodeCounters {
    /// Notes a node on which test VMs will be made.
    pub(crate) fn plan(&mut self, node: &str) {
        self.figures_of(node);
    }

    /// Notes a node on which no test VM can be created.
    pub(crate) fn note_impossible(&mut self, node: &str, why: &Error) {
        // The template's own node may be the one that is offline, which makes it impossible on this one.
        let is_offline =
            matches!(why, Error::Placement(PlacementError::NodeOffline { node: named, .. }) if named.as_str() == node);
        let figures = self.figures_of(node);
        figures.outcome = if is_offline { NodeOutcome::Offline } else { NodeOutcome::Impossible };
        figures.why = Some(Report::of(why).in_one_line());
    }

    /// Counts a test VM that succeeded.
    pub(crate) fn verified(&mut self, node: &str) {
        let figures = self.figures_of(node);
        figures.verified += 1;
        if figures.failed == 0 {
            figures.outcome = NodeOutcome::Verified;
        }
    }

    /// Counts a test VM that failed.
    pub(crate) fn failed(&mut self, node: &str) {
        let figures = self.figures_of(node);
        figures.failed += 1;
        figures.outcome = NodeOutcome::Failed;
    }

    fn figures_of(&mut self, node: &str) -> &mut NodeFigures {
        let new = || NodeFigures { node: node.to_owned(), ..NodeFigures::default() };
        self.0.entry(node.to_owned()).or_insert_with(new)
    }

    /// Returns the figures of every node.
    pub(crate) fn figures(&self) -> Vec<NodeFigures> {
        self.0.values().cloned().collect()
    }
}

/// Names the nodes that are online and on which no test VM succeeded.
pub(crate) fn unverified(nodes: &[NodeFigures]) -> Vec<String> {
    let unverified = nodes.iter().filter(|node| node.verified == 0 && node.outcome != NodeOutcome::Offline);
    unverified.map(|node| node.node.clone()).collect()
}

/// Says where VMs can be created, in a few words: `pve`, or `2 of 3 nodes that are online`.
pub(crate) fn place(nodes: &[NodeFigures]) -> String {
    let online = nodes.iter().filter(|node| node.outcome != NodeOutcome::Offline).count();
    let verified: Vec<&str> = nodes.iter().filter(|node| node.verified > 0).map(|node| node.node.as_str()).collect();
    match verified.as_slice() {
        [] => "no node".to_owned(),
        [only] if online == 1 => (*only).to_owned(),
        several if several.len() == online => format!("{online} nodes"),
        several => format!("{} of {online} online nodes", several.len()),
    }
}

/// Draws a line for each node, where there is more to tell than the whole does.
pub(crate) fn draw(nodes: &[NodeFigures], screen: &mut Screen<'_>) -> fmt::Result {
    if nodes.len() < 2 {
        return Ok(());
    }
    screen.blank_line()?;
    screen.heading(&format!("{:<12}{:>10}{:>10}", "Node", "verified", "failed"))?;
    for node in nodes {
        let name = Printable(&node.node).to_string();
        match &node.why {
            None => screen.line(&format!("  {name:<10}{:>10}{:>10}", node.verified, node.failed))?,
            Some(why) => screen.labelled(&format!("  {name:<10}  "), Tone::Plain, why)?,
        }
    }
    let unverified = unverified(nodes);
    if unverified.is_empty() {
        return Ok(());
    }
    screen.labelled("not verified: ", Tone::Warning, &Printable(&unverified.join(", ")).to_string())
}

#[cfg(test)]
mod tests {
    use super::{NodeCounters, NodeFigures, NodeOutcome, place, unverified};
    use crate::error::{Error, PlacementError};
    use crate::model::Foreign;

    fn offline(node: &str) -> Error {
        Error::Placement(PlacementError::NodeOffline { node: node.parse().unwrap(), status: Foreign::new("offline") })
    }

    #[test]
    fn an_offline_node_need_not_be_verified() {
        let mut nodes = NodeCounters::default();
        for node in ["pve", "pve2"] {
            nodes.plan(node);
        }
        nodes.verified("pve");
        nodes.note_impossible("pve3", &offline("pve3"));
        nodes.note_impossible("pve4", &offline("pve3"));
        let figures = nodes.figures();
        let outcomes: Vec<NodeOutcome> = figures.iter().map(|node| node.outcome).collect();
        assert_eq!(
            outcomes,
            [NodeOutcome::Verified, NodeOutcome::Untried, NodeOutcome::Offline, NodeOutcome::Impossible]
        );
        assert_eq!(unverified(&figures), ["pve2", "pve4"]);
        assert_eq!(place(&figures), "1 of 3 online nodes");
    }

    #[test]
    fn one_failure_makes_a_node_a_failed_one() {
        let mut nodes = NodeCounters::default();
        for _ in 0..2 {
            nodes.verified("pve");
            nodes.failed("pve");
        }
        let figures: Vec<NodeFigures> = nodes.figures();
        assert_eq!((figures[0].outcome, figures[0].verified, figures[0].failed), (NodeOutcome::Failed, 2, 2));
        assert_eq!(place(&figures), "pve");
    }
}
