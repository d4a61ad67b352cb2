//! What is sent again, and when.

use std::time::Duration;

use super::{Attempts, RetryPolicy, ServerSeen};
use crate::model::Foreign;
use crate::pve::{ApiError, Refusal};

fn refusal(status: u16, reason: &str) -> ApiError {
    let reason = Foreign::new(reason);
    ApiError::Refusal(Refusal::new(status, reason))
}

fn page(status: u16) -> ApiError {
    ApiError::Gateway { server: "pve".to_owned(), method: "GET".to_owned(), status, phrase: Foreign::default() }
}

fn refused() -> ApiError {
    ApiError::Refused { server: "pve".to_owned() }
}

fn lost() -> ApiError {
    ApiError::OutcomeUnknown { source: Box::new(refused()) }
}

fn late() -> ApiError {
    ApiError::NoAnswer { server: "pve".to_owned(), seconds: 60 }
}

#[test]
fn what_may_have_been_done_is_never_sent_twice() {
    let locked = || refusal(500, "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout");
    for (what, error, reads, sets, acts, creates) in [
        ("429", refusal(429, "Too Many Requests"), true, true, true, true),
        ("a page with 429", page(429), true, true, true, true),
        ("502", page(502), true, false, false, false),
        ("503", page(503), true, false, false, false),
        ("504", page(504), true, false, false, false),
        ("595", refusal(595, "No route to host"), true, true, true, true),
        ("596", refusal(596, "Connection timed out"), true, false, false, false),
        (
            "the file system of the cluster",
            refusal(500, "RPCEnvironment init request failed: x"),
            true,
            false,
            false,
            false,
        ),
        ("a lock", locked(), false, true, false, false),
        ("refused", refused(), true, true, true, true),
        ("an answer that is lost", lost(), false, false, false, false),
        ("a time-out", late(), false, false, false, false),
        ("no worker", refusal(500, "got no worker upid - start worker failed"), false, true, true, false),
        ("520", page(520), true, false, false, false),
        ("401", refusal(401, "Authentication failed!"), false, false, false, false),
        ("403", refusal(403, "Permission check failed"), false, false, false, false),
        ("500", refusal(500, "VM is locked (backup)"), false, false, false, false),
    ] {
        for (repeat, expected) in [
            (RetryPolicy::Reads, reads),
            (RetryPolicy::Sets, sets),
            (RetryPolicy::Acts, acts),
            (RetryPolicy::Creates, creates),
            (RetryPolicy::Elsewhere, false),
        ] {
            let again = Attempts::new(repeat).next(&error, ServerSeen::Made, None);
            assert_eq!(again.is_some(), expected, "{what}, {repeat:?}");
        }
    }
}

#[test]
fn a_server_that_never_answered_is_not_tried_again() {
    for repeat in [RetryPolicy::Reads, RetryPolicy::Sets, RetryPolicy::Acts, RetryPolicy::Creates] {
        assert_eq!(Attempts::new(repeat).next(&refused(), ServerSeen::None, None), None);
    }
    assert!(Attempts::new(RetryPolicy::Reads).next(&page(503), ServerSeen::None, None).is_some());
}

#[test]
fn the_pauses_grow_and_end_and_a_server_may_ask_for_longer_ones() {
    let mut tries = Attempts::new(RetryPolicy::Reads);
    let pauses: Vec<u128> =
        std::iter::from_fn(|| tries.next(&page(503), ServerSeen::Made, None)).map(|pause| pause.as_millis()).collect();
    assert_eq!(pauses, [250, 1_000, 2_000, 3_000]);
    assert!(pauses.iter().sum::<u128>() > 5_000, "pveproxy restarts in 5 s");
    for (asked, given) in [(0, 250), (3, 3_000), (3_600, 10_000)] {
        let asked = Some(Duration::from_secs(asked));
        let pause = Attempts::new(RetryPolicy::Acts).next(&refusal(429, ""), ServerSeen::Made, asked);
        assert_eq!(pause.map(|pause| pause.as_millis()), Some(given));
    }
}
