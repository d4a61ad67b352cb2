//! Starts the program and hands back its exit code.

fn main() {}
