//! Figures and ratios of speed and memory: `cargo bench`. What needs processes is measured by `ratios.py`, which explains
//! the arguments: `cargo bench -- start waves`, `cargo bench -- --save`.
#![expect(clippy::expect_used, reason = "a measurement that cannot be made ends")]

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use glassdome::settings::{AmbiguousValues, Change, EnvFile, Instance, Key, WritableValue};

/// How often a quick thing is done. The fastest counts: what made the others slower are other processes.
const ROUNDS: usize = 15;

fn main() -> ExitCode {
    println!("In the library: a settings file with comments and keys that are not ours");
    Editing::measure(20);
    let large = Editing::measure(26_000);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/ratios.py");
    let arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let mut command = Command::new("python3");
    command
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_glassdome"))
        .args(arguments)
        .env("MEASURED_MS", format!("file.read={} file.edit={}", large.read, large.edit));
    let status = command.status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("python3 does not run: {why}");
            ExitCode::FAILURE
        }
    }
}

/// How long it takes to read a settings file and to change a key in it, in milliseconds.
struct Editing {
    read: f64,
    edit: f64,
}

impl Editing {
    fn measure(lines: usize) -> Self {
        let text = settings(lines);
        let size = text.len();
        let read = milliseconds(fastest(|| EnvFile::new(text.clone().into_bytes()).values(&|_| None).len()));
        let file = EnvFile::new(text.into_bytes());
        let edit = milliseconds(fastest(|| edit(&file)));
        println!("  {size:>7} bytes: read in {read:.2} ms, one key changed in {edit:.2} ms");
        Self { read, edit }
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
