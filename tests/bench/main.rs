//! Ratios of speed and memory, all from one run: `cargo bench`. What needs processes is measured by `ratios.py`.
#![expect(clippy::expect_used, reason = "a measurement that cannot be made ends")]

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use glassdome::settings::{AmbiguousValues, Change, EnvFile, Instance, Key, WritableValue};

/// How often a quick thing is done; the fastest counts, because everything else is the work of other processes.
const ROUNDS: usize = 15;

fn main() -> ExitCode {
    println!("In the library");
    for lines in [20, 26_000] {
        let text = settings(lines);
        let size = text.len();
        let read = fastest(|| EnvFile::new(text.clone().into_bytes()).values(&|_| None).len());
        let file = EnvFile::new(text.into_bytes());
        let edited = fastest(|| edit(&file));
        println!(
            "  a .env of {:>7} bytes          read {:>7.2} ms   one key changed {:>7.2} ms",
            size,
            milliseconds(read),
            milliseconds(edited)
        );
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/ratios.py");
    let status = Command::new("python3").arg(script).arg(env!("CARGO_BIN_EXE_glassdome")).status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("python3 does not run: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Gives a settings file with our keys in the midst of many lines that are not ours.
fn settings(lines: usize) -> String {
    let mut text: String =
        (0..lines / 2).map(|number| format!("OTHER_{number}='value $number {number}, as it is'\n")).collect();
    text.push_str("PROXMOX_HOST=192.168.1.50\nPROXMOX_USER=apex@pve\nPROXMOX_NODE=pve\n");
    text.extend((lines / 2..lines).map(|number| format!("# a comment\nexport OTHER_{number}={number}\n")));
    text
}

/// Changes one key.
fn edit(file: &EnvFile) -> usize {
    let changes = [Change::Set(Key::Node, WritableValue::Text("another".to_owned()))];
    let edited =
        file.edit(&Instance::default(), &changes, AmbiguousValues::Withheld, &|_| None).expect("it can be edited");
    edited.file.bytes().len()
}

/// Gives the time of the fastest of many rounds.
fn fastest<T>(mut work: impl FnMut() -> T) -> Duration {
    let one = |_| {
        let started = Instant::now();
        std::hint::black_box(work());
        started.elapsed()
    };
    (0..ROUNDS).map(one).min().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
