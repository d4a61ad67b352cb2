//! Throws broken input at everything that reads what others have written. `cargo test` makes a short run of it;
//! `cargo test --release --test fuzz -- 600 env replies` throws at those two for ten minutes each.
//!
//! It runs on stable Rust, without the instruments of a coverage-guided fuzzer: good examples are mutated, with a
//! dictionary for each kind. What breaks a promise is printed with the input, and with the seed that makes it again.
#![cfg(test)]

mod mutate;
mod replies;
#[path = "../it/support/server.rs"]
#[expect(dead_code, reason = "of the server of the other tests only a part is needed here")]
mod server;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use mutate::Mutator;

/// Reads an input; panics where a promise is broken.
type Reader = Box<dyn FnMut(&[u8])>;

/// Something that reads, and what it is thrown at.
struct Target {
    name: &'static str,
    /// Good examples, from which the broken ones are made.
    examples: &'static [&'static str],
    /// Pieces that are put in.
    words: &'static [&'static str],
    /// How many inputs a short run has.
    short: u64,
    read: Reader,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if std::env::args().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    let seconds = arguments.iter().find_map(|word| word.parse().ok()).map(Duration::from_secs);
    let names: Vec<&String> = arguments.iter().filter(|word| word.parse::<u64>().is_err()).collect();
    let mut ended = ExitCode::SUCCESS;
    for mut target in targets::all() {
        if !names.is_empty() && !names.iter().any(|name| name.as_str() == target.name) {
            continue;
        }
        if !throw(&mut target, seconds) {
            ended = ExitCode::FAILURE;
        }
    }
    ended
}

/// Throws inputs at one target; says whether every promise was kept.
fn throw(target: &mut Target, within: Option<Duration>) -> bool {
    let began = Instant::now();
    let mut count = 0;
    loop {
        let is_over = within.map_or(count >= target.short, |within| began.elapsed() >= within);
        if is_over {
            println!("fuzz {}: {count} inputs in {:.1} s, nothing found", target.name, began.elapsed().as_secs_f64());
            return true;
        }
        let input = Mutator::new(count).make(target.examples, target.words);
        let read = catch_unwind(AssertUnwindSafe(|| (target.read)(&input)));
        if read.is_err() {
            println!("fuzz {}: input {count} breaks a promise: {:?}", target.name, String::from_utf8_lossy(&input));
            println!("  byte by byte: {input:?}");
            return false;
        }
        count += 1;
    }
}
