//! The results of many test VMs: how many, how fast, what failed, what held them up.

use crate::error::{Error, Kind, Report};
use crate::ops::batch::per_node::{self, NodeCounters, NodeFigures};
use crate::ops::batch::time_breakdown::TimeBreakdown;
use crate::ops::batch::time_totals::TimeTotals;
use crate::ops::test_vm::receipt::{LeftBehind, Receipt, SCHEMA};
use crate::ui::{Draw, Printable, Screen, Symbol, Tone};
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// The steps of one test VM, in their order.
const STEPS: [&str; 6] = ["clone", "check", "start", "wait-ip", "stop", "destroy"];

/// One test VM alone does not show what limits many.
const MIN_FOR_BOTTLENECK: usize = 2;

/// The figures of one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct StepFigures {
    /// Its name.
    name: &'static str,
    /// How often it was taken.
    count: usize,
    /// Half of them took no longer, in seconds.
    median: f64,
    /// 95 of 100 took no longer.
    p95: f64,
}

/// One reason for failures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FailureCount {
    /// The message of the failure, without numbers.
    reason: String,
    /// How often.
    count: usize,
    /// The first VM that failed for this reason.
    first_vmid: Option<u32>,
}

/// The receipt of many test VMs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct BatchSummary {
    schema: &'static str,
    /// Whether every test VM succeeded.
    pub(crate) ok: bool,
    /// Who was verified to be able to.
    pub(crate) token: String,
    /// The template.
    pub(crate) template: u32,
    /// How many test VMs were asked for.
    pub(crate) count: usize,
    /// How many at once.
    pub(crate) parallel: usize,
    /// How many succeeded.
    pub(crate) succeeded: usize,
    /// How many failed.
    pub(crate) failed: usize,
    /// How many a signal ended.
    pub(crate) interrupted: usize,
    /// How long the whole took.
    pub(crate) seconds: f64,
    /// Test VMs per minute, from clone to destruction.
    pub(crate) clones_per_minute: f64,
    /// How often another client took a VMID.
    pub(crate) lost_races: usize,
    /// What most of the time went into, and how that is known; `None` if too few were verified to tell.
    pub(crate) limited_by: Option<String>,
    /// What the time went into.
    pub(crate) spent: TimeBreakdown,
    /// The figures of every step.
    pub(crate) steps: Vec<StepFigures>,
    /// The figures of every node.
    pub(crate) nodes: Vec<NodeFigures>,
    /// The nodes that are online and on which nothing was verified.
    #[serde(rename = "unproven")]
    pub(crate) unverified: Vec<String>,
    /// The failures by reason, the most frequent first.
    pub(crate) failures: Vec<FailureCount>,
    /// VMs that are still there.
    pub(crate) left_behind: Vec<LeftBehind>,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
}

/// How many test VMs were asked for, and how many at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchSize {
    /// In all.
    pub(crate) count: usize,
    /// At once.
    pub(crate) parallel: usize,
}

/// Counts test VMs as they end. Of each only its times are kept.
#[derive(Default)]
pub(crate) struct BatchCounter {
    times: BTreeMap<&'static str, Vec<f32>>,
    /// What came of each node.
    pub(crate) nodes: NodeCounters,
    reasons: BTreeMap<String, FailureCount>,
    /// How many succeeded.
    pub(crate) succeeded: usize,
    /// How many failed.
    pub(crate) failed: usize,
    /// How many a signal ended.
    interrupted: usize,
    /// What the time went into.
    account: TimeTotals,
    /// VMs that are still there.
    left_behind: Vec<LeftBehind>,
    /// The first failure that has not to do with an interruption, and the place at which it happened.
    pub(crate) first: Option<(usize, Error)>,
    /// Whether a failure was seen that every further test VM would meet.
    pub(crate) is_hopeless: bool,
}

impl BatchCounter {
    /// Counts one test VM.
    pub(crate) fn count(&mut self, place: usize, receipt: &Receipt, ended: Result<(), Error>) {
        for step in &receipt.steps {
            #[expect(clippy::cast_possible_truncation, reason = "seconds of one task; the figures are rounded anyway")]
            self.times.entry(step.name).or_default().push(step.seconds as f32);
        }
        self.account.add(receipt);
        self.left_behind.extend(receipt.left_behind.clone());
        let Err(error) = ended else {
            self.nodes.verified(&receipt.node);
            self.succeeded += 1;
            return;
        };
        let report = Report::of(&error);
        if matches!(report.kind, Kind::Interrupted(_)) {
            self.interrupted += 1;
            return;
        }
        self.nodes.failed(&receipt.node);
        self.failed += 1;
        self.is_hopeless |= matches!(report.kind, Kind::Authentication | Kind::Permission | Kind::Tls);
        let said = report.server_message.clone().or_else(|| report.causes.last().cloned());
        let text = without_numbers(&said.unwrap_or(report.message));
        let new = || FailureCount { reason: text.clone(), count: 0, first_vmid: receipt.vmid };
        self.reasons.entry(text.clone()).or_insert_with(new).count += 1;
        self.first.get_or_insert((place, error));
    }

    /// Returns the figures.
    pub(crate) fn summary(&self, blank: Receipt, size: BatchSize, lost: usize) -> BatchSummary {
        let BatchSize { count, parallel } = size;
        let mut failures: Vec<FailureCount> = self.reasons.values().cloned().collect();
        failures.sort_by_key(|reason| std::cmp::Reverse(reason.count));
        let (nodes, spent) = (self.nodes.figures(), self.account.spent());
        BatchSummary {
            schema: SCHEMA,
            ok: self.failed == 0 && self.succeeded == count,
            token: blank.token,
            template: blank.template,
            count,
            parallel,
            succeeded: self.succeeded,
            failed: self.failed,
            interrupted: self.interrupted,
            seconds: blank.seconds,
            clones_per_minute: per_minute(self.succeeded, blank.seconds),
            lost_races: lost,
            limited_by: (self.succeeded >= MIN_FOR_BOTTLENECK).then(|| limited_by(&spent, lost)),
            spent,
            steps: STEPS.into_iter().filter_map(|name| figures(name, self.times.get(name)?)).collect(),
            unverified: per_node::unverified(&nodes),
            nodes,
            failures,
            left_behind: self.left_behind.clone(),
            warnings: blank.warnings,
        }
    }
}

impl BatchSummary {
    /// Says in one sentence what was verified.
    fn sentence(&self) -> String {
        let at_once = self.parallel.min(self.count);
        let at_once = if at_once > 1 { format!(", {at_once} at once") } else { String::new() };
        format!(
            "{} can create VMs on {} (template {}, {} of {}, {:.1} per minute{at_once})",
            Printable(&self.token),
            Printable(&per_node::place(&self.nodes)),
            self.template,
            self.succeeded,
            self.count,
            self.clones_per_minute
        )
    }

    /// Draws what the time of a VM went into, and what took most of it.
    fn draw_time(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let parts = self.spent.per_vm();
        if parts.is_empty() || self.succeeded == 0 {
            return Ok(());
        }
        screen.blank_line()?;
        screen.heading(&format!("{:<14}{:>8}", "Time per VM", "mean"))?;
        for (what, seconds) in parts {
            screen.line(&format!("  {what:<12}{seconds:>6.2} s"))?;
        }
        match &self.limited_by {
            Some(limit) => {
                screen.blank_line()?;
                screen.labelled("Bottleneck: ", Tone::Strong, limit)
            }
            None => Ok(()),
        }
    }
}

impl Draw for BatchSummary {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let interrupted =
            if self.interrupted > 0 { format!(", {} interrupted", self.interrupted) } else { String::new() };
        let (succeeded, failed) = (self.succeeded, self.failed);
        screen.blank_line()?;
        screen.heading("Results")?;
        screen.paragraph(2, &format!("{succeeded} verified, {failed} failed{interrupted}, {:.1} s", self.seconds))?;
        if !self.steps.is_empty() {
            screen.blank_line()?;
            screen.heading(&format!("{:<12}{:>10}{:>10}", "Step", "median", "p95"))?;
        }
        for step in &self.steps {
            // The word that the lines above use.
            let name = if step.name == "destroy" { "delete" } else { step.name };
            screen.line(&format!("  {name:<10}{:>8.2} s{:>8.2} s", step.median, step.p95))?;
        }
        per_node::draw(&self.nodes, screen)?;
        self.draw_time(screen)?;
        screen.blank_line()?;
        for failure in &self.failures {
            let first = failure.first_vmid.map(|vmid| format!(" (VM {vmid} first)")).unwrap_or_default();
            screen.labelled("failed: ", Tone::Bad, &format!("{} x {}{first}", failure.count, failure.reason))?;
        }
        for left in &self.left_behind {
            screen.labelled("left: ", Tone::Warning, &left.describe("may still be"))?;
        }
        for warning in &self.warnings {
            screen.labelled("warning: ", Tone::Warning, warning)?;
        }
        if self.ok {
            let label = format!("{} Verified: ", Symbol::Done.text(screen.style()));
            screen.labelled(&label, Tone::Good, &self.sentence())?;
        }
        Ok(())
    }
}

/// Says what limited the test VMs; a VMID that is lost costs little time, and still is worth knowing.
fn limited_by(spent: &TimeBreakdown, lost: usize) -> String {
    let sentence = spent.sentence();
    if lost == 0 { sentence } else { format!("{sentence}; VMIDs taken by other clients: {lost}") }
}

#[expect(clippy::cast_precision_loss, reason = "a count of test VMs is far from the limit")]
fn per_minute(count: usize, seconds: f64) -> f64 {
    if seconds > 0.0 { (count as f64 / seconds * 600.0).round() / 10.0 } else { 0.0 }
}

fn figures(name: &'static str, times: &[f32]) -> Option<StepFigures> {
    let mut times = times.to_vec();
    times.sort_by(f32::total_cmp);
    Some(StepFigures { name, count: times.len(), median: share_of(&times, 50)?, p95: share_of(&times, 95)? })
}

/// Returns a percentile of sorted times.
fn share_of(sorted: &[f32], hundredth: usize) -> Option<f64> {
    let rank = (sorted.len() * hundredth).div_ceil(100).max(1);
    sorted.get(rank - 1).map(|&seconds| (f64::from(seconds) * 1000.0).round() / 1000.0)
}

/// Leaves the numbers out of a text, so that one reason is one whatever VM it was said about.
fn without_numbers(text: &str) -> String {
    let mut short = String::new();
    for character in text.chars() {
        match character {
            '0'..='9' if short.ends_with('N') => {}
            '0'..='9' => short.push('N'),
            other => short.push(other),
        }
    }
    short
}

#[cfg(test)]
mod tests;
