//! What `test-vm --dry-run` says of a clone, and what becomes of the clone and its start when they are requested all the
//! same: on random clusters, with random templates and options, the two agree.
//!
//! `cargo test` tries a few hundred cases, always the same ones; `cargo test --test preflight -- --count 5000 --seed 7`
//! tries more and others, and `-- 4711` tries one case and shows it.
#![cfg(test)]

mod scenario;
mod server;
mod verdict;

/// What is shared with the other tests.
#[expect(dead_code, reason = "only a part of it is needed here")]
#[path = "../it/support"]
mod support {
    pub(crate) mod admin;
    pub(crate) mod test_env;
}

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use verdict::Comparison;

/// How many cases `cargo test` tries.
const USUALLY: u64 = 400;

/// How many are tried at once.
const THREADS: usize = 4;

/// What was asked for on the command line.
struct Asked {
    first: u64,
    count: u64,
    shows_all: bool,
}

fn main() -> ExitCode {
    let Some(asked) = Asked::read(std::env::args().skip(1)) else { return ExitCode::SUCCESS };
    let began = Instant::now();
    let comparisons = compare_all(&asked);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let (mut agreed, mut differing) = (0, 0);
    for (seed, comparison) in &comparisons {
        let Some(difference) = &comparison.difference else {
            agreed += 1;
            *kinds.entry(comparison.kind.clone()).or_default() += 1;
            if asked.shows_all {
                println!("{}", comparison.story);
            }
            continue;
        };
        differing += 1;
        println!("preflight: cargo test --test preflight -- {seed}\n    {difference}\n{}", comparison.story);
    }
    let took = began.elapsed().as_secs_f64();
    println!("preflight: {agreed} of {} verdicts agree with the server ({took:.0} s): {kinds:?}", comparisons.len());
    if differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Asked {
    /// Reads the command line; nothing where this test is not meant.
    fn read(words: impl Iterator<Item = String>) -> Option<Self> {
        let mut asked = Self { first: 0, count: USUALLY, shows_all: false };
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => return None,
                "--seed" => asked.first = words.next()?.parse::<u64>().ok()? << 32,
                "--count" => asked.count = words.next()?.parse().ok()?,
                other if other.starts_with('-') => {}
                other => asked = Self { first: other.parse().ok()?, count: 1, shows_all: true },
            }
        }
        Some(asked)
    }
}

/// Compares case by case, several at once.
fn compare_all(asked: &Asked) -> BTreeMap<u64, Comparison> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let seeds: Vec<u64> = (asked.first..asked.first + asked.count).collect();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let Some(seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst)) else { return };
                    let comparison = verdict::compare(*seed);
                    results.lock().unwrap_or_else(PoisonError::into_inner).insert(*seed, comparison);
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}
