//! An administrator beside us: whatever another administrator does on the server between two of our requests, and however our run
//! ends then, nothing of theirs is harmed and nothing of ours is left unnamed.
//!
//! `cargo test` tries a sample; `cargo test --test beside -- --all` tries every combination, and prints how many there
//! are. `-- token-create promote-user 12 go-on` tries one, and tells what happened; words may be left out.
#![cfg(test)]

mod actions;
mod checks;
mod relay;
mod run;
mod scenarios;
mod state;

#[expect(dead_code, reason = "the last test program tells what is noted here")]
#[path = "../skipped/skips.rs"]
mod skip;

/// What is shared with the other tests.
#[expect(dead_code, reason = "only a part of it is needed here")]
#[path = "../it/support"]
mod support {
    pub(crate) mod admin;
    pub(crate) mod server;
    pub(crate) mod test_env;
}

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use actions::Action;
use relay::Ending;
use run::{Case, CaseResult, Recording};
use scenarios::Scenario;

/// How many combinations `cargo test` tries.
const SAMPLE: usize = 150;

/// How many are tried at once.
const THREADS: usize = 6;

/// What was asked for on the command line.
#[derive(Default)]
struct Asked {
    all: bool,
    seed: u64,
    count: Option<usize>,
    threads: usize,
    scenario: Option<String>,
    action: Option<String>,
    number: Option<usize>,
    ending: Option<String>,
}

fn main() -> ExitCode {
    let Some(asked) = Asked::read(std::env::args().skip(1)) else { return ExitCode::SUCCESS };
    let began = Instant::now();
    let scenarios: Vec<&'static Scenario> =
        scenarios::ALL.iter().filter(|it| asked.scenario.as_ref().is_none_or(|name| it.name == name)).collect();
    let scenarios: Vec<&'static Scenario> =
        scenarios.into_iter().filter(|it| it.name != "setup-over-ssh" || !skip::lacks(&["python3"])).collect();
    let recordings = each(&scenarios, asked.threads, |scenario| scenario.record());
    let mut cases = Vec::new();
    for (scenario, recording) in scenarios.iter().zip(recordings) {
        match recording {
            Ok(recording) => cases.extend(combinations(scenario, &recording)),
            Err(why) => {
                println!("beside: an undisturbed run fails: {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    let whole = cases.len();
    cases.retain(|case| asked.wants(case));
    let is_whole = asked.all || asked.scenario.is_some();
    if let Some(count) = asked.count.or((!is_whole).then_some(SAMPLE)) {
        let (always, others): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(is_always_tried);
        cases = sample(others, asked.seed, count);
        cases.extend(always);
    }
    let came = each(&cases, asked.threads, |case| {
        let came = case.run();
        print(case, &came, asked.number.is_some());
        came
    });
    report(&came, whole, began)
}

impl Asked {
    /// Reads the command line; nothing where this test is not meant.
    fn read(words: impl Iterator<Item = String>) -> Option<Self> {
        let mut asked = Self { threads: THREADS, ..Self::default() };
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => return None,
                "--all" => asked.all = true,
                "--seed" => asked.seed = words.next()?.parse().ok()?,
                "--count" => asked.count = Some(words.next()?.parse().ok()?),
                "--threads" => asked.threads = words.next()?.parse().ok()?,
                other if other.starts_with('-') => {}
                other if scenarios::ALL.iter().any(|it| it.name == other) => asked.scenario = Some(word),
                other if Action::ALL.iter().any(|it| it.name() == other) => asked.action = Some(word),
                other if Ending::ALL.iter().any(|it| it.name() == other) => asked.ending = Some(word),
                other => asked.number = Some(other.parse().ok()?),
            }
        }
        Some(asked)
    }

    fn wants(&self, case: &Case) -> bool {
        self.action.as_ref().is_none_or(|name| case.action.name() == name)
            && self.number.is_none_or(|number| case.number == number)
            && self.ending.as_ref().is_none_or(|name| case.ending.name() == name)
    }
}

/// Lists everything that can get in the way of a scenario.
fn combinations(scenario: &'static Scenario, recording: &Recording) -> Vec<Case> {
    let scene = &recording.scene;
    let first_change = recording.requests.iter().position(relay::Request::changes).unwrap_or_default();
    let mut cases = Vec::new();
    for (index, (request, state)) in recording.requests.iter().zip(&recording.states).enumerate() {
        let follows_change = index > 0 && recording.requests[index - 1].changes();
        for action in scenario.actions.iter().copied().filter(|action| action.applies(scene, state, request)) {
            for ending in Ending::ALL {
                let makes_a_difference = match ending {
                    Ending::GoOn => true,
                    // Before the first change there is nothing to leave.
                    Ending::Refuse => index >= first_change,
                    // A run that was killed between two reads left what it had left before the first of them.
                    Ending::KillBefore => index >= first_change && (follows_change || request.changes()),
                    Ending::Cut | Ending::KillAfter => request.changes(),
                };
                if makes_a_difference {
                    cases.push(Case { scenario, action, number: index + 1, ending });
                }
            }
        }
    }
    cases
}

/// Says whether a combination is tried always: a test VM that is changed at any request of `test-vm` was once neither
/// removed nor named, by one moment in hundreds that a sample hardly ever meets.
fn is_always_tried(case: &Case) -> bool {
    let changes_vm = matches!(case.action, Action::RenameVm | Action::DescribeVm | Action::AddDisk);
    case.scenario.name == "test-vm" && changes_vm
}

/// Takes some of them, the same ones for the same seed.
fn sample(mut cases: Vec<Case>, seed: u64, count: usize) -> Vec<Case> {
    let mut chance = seed.wrapping_mul(2).wrapping_add(1);
    for index in (1..cases.len()).rev() {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(chance >> 33).unwrap_or_default() % (index + 1);
        cases.swap(index, other);
    }
    cases.truncate(count);
    cases
}

/// Does something with each, several at once, and gives the results in order.
fn each<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::SeqCst);
                    let Some(item) = items.get(index) else { return };
                    let result = work(item);
                    results.lock().unwrap_or_else(PoisonError::into_inner).insert(index, result);
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

/// Prints which promise was broken, and how to see it again.
fn print(case: &Case, came: &CaseResult, tells_all: bool) {
    let CaseResult::Broken(why, story) = came else { return };
    let mut text = format!("beside: cargo test --test beside -- {}\n    {}", case.name(), why.join("\n    "));
    if tells_all {
        text.push('\n');
        text.push_str(story);
    }
    println!("{text}");
}

/// Prints what came of it all.
fn report(came: &[CaseResult], whole: usize, began: Instant) -> ExitCode {
    let count = |test: fn(&CaseResult) -> bool| came.iter().filter(|came| test(came)).count();
    let nothing = count(|came| matches!(came, CaseResult::Nothing));
    let broken = count(|came| matches!(came, CaseResult::Broken(..)));
    println!(
        "beside: {} of {whole} combinations tried in {:.0} s, in {nothing} of them there was nothing to do; {broken} broke a promise",
        came.len(),
        began.elapsed().as_secs_f64()
    );
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
