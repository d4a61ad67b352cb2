//! Starts the program and hands back its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    glassdome::run(std::env::args_os())
}
