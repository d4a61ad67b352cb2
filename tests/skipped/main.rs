//! The last of the test programs: tells what the others had to skip, for the harness counts that as passed.
#![expect(clippy::expect_used, reason = "a test program may panic")]

#[expect(dead_code, reason = "the tests note what is told here")]
mod skips;

fn main() {
    let skips = skips::take();
    let tests: std::collections::BTreeSet<&str> = skips.iter().map(|skip| skip.test.as_str()).collect();
    println!();
    for skip in &skips {
        println!("skipped: {}: {}", skip.test, skip.why);
    }
    match tests.len() {
        0 => println!("0 tests skipped"),
        count => {
            println!("{count} tests skipped in whole or in part, which `ok` above does not show (bash .ci/install)")
        }
    }
}
