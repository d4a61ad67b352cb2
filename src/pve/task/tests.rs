//! Progress as logs of tasks tell it.

use std::time::Duration;

use super::{Copied, LogEnd, interval};
use crate::model::Foreign;

#[test]
fn the_questions_come_at_a_twentieth_of_the_age() {
    for (age, pause) in [(0, 25), (400, 25), (500, 25), (1_000, 50), (10_000, 500), (20_000, 1_000), (600_000, 1_000)] {
        assert_eq!(interval(Duration::from_millis(age)), Duration::from_millis(pause), "{age} ms");
    }
}

#[test]
fn progress_is_read_from_the_log() {
    let copied = |amount: &str, percent| Ok(Copied { amount: amount.to_owned(), percent });
    let qemu = "transferred 96.0 MiB of 1.0 GiB (9.38%)";
    assert_eq!(Foreign::new(qemu).parse(), copied("96.0 MiB of 1.0 GiB", 9.38));
    let wget = " 32768K ........ ........ ........ ........ 21%  945M 0s";
    assert_eq!(Foreign::new(wget).parse(), copied("32768 KiB", 21.0));
    for line in [
        "12K ....",
        "transferred",
        "transferred x of y (z%)",
        "TASK OK",
        "transferred 1 of 2 (200%)",
        "transferred 1 \u{1b}[2J of 2 (20%)",
        "",
    ] {
        assert_eq!(Foreign::new(line).parse::<Copied>(), Err(()), "{line}");
    }
}

#[test]
fn of_a_long_log_the_end_is_kept() {
    let mut log = LogEnd::default();
    assert_eq!(log.shown(), Vec::<String>::new());
    for round in 0..3 {
        log.add((0..40).map(|line| Foreign::new(format!("{round}/{line}"))).collect());
    }
    let shown = log.shown();
    assert_eq!((shown.len(), shown[0].as_str()), (51, "… (70 earlier lines omitted)"));
    assert_eq!((shown[1].as_str(), shown[50].as_str()), ("1/30", "2/39"));
}
