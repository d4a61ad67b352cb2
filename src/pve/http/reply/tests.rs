//! Data, refusals, and what is neither.

use proptest::prelude::{prop_assert, proptest};

use std::time::Duration;

use reqwest::Method;

use super::{Reply, ReplyError};
use crate::model::Foreign;

fn received(status: u16, phrase: &str, body: Vec<u8>) -> Reply {
    Reply {
        method: Method::GET,
        status,
        phrase: Foreign::new(phrase),
        location: None,
        body,
        broken: None,
        wait: None,
        took: Duration::ZERO,
    }
}

fn reply(status: u16, reason: &str, body: &str) -> Reply {
    received(status, reason, body.as_bytes().to_vec())
}

#[test]
fn data_is_what_stands_under_data() {
    assert_eq!(reply(200, "OK", r#"{"data":"100"}"#).data(), Ok(serde_json::json!("100")));
    assert_eq!(reply(200, "OK", r#"{"data":null}"#).data(), Ok(serde_json::Value::Null));
    for body in ["", "{}", "[]", "<html>", "{\"data\":"] {
        assert!(matches!(reply(200, "OK", body).data(), Err(ReplyError::Unclear(_))), "{body}");
    }
    assert!(matches!(reply(301, "Moved", "").data(), Err(ReplyError::Redirect { to: None, .. })));
}

#[test]
fn the_words_come_from_wherever_the_server_put_them() {
    for (status, reason, body, text) in [
        (401, "Authentication failed!", "", "Authentication failed!"),
        (
            403,
            "Permission check failed (/vms/9000, VM.Clone)",
            r#"{"data":null,"message":"Permission check failed (/vms/9000, VM.Clone)\n"}"#,
            "Permission check failed (/vms/9000, VM.Clone)",
        ),
        (
            400,
            "Parameter verification failed.",
            r#"{"data":null,"message":"Parameter verification failed.\n","errors":{"vmid":"VM 9000 already exists"}}"#,
            "Parameter verification failed. vmid: VM 9000 already exists",
        ),
        (500, "first", r#"{"data":null,"message":"first\nsecond\n"}"#, "first\nsecond"),
        (
            500,
            "Internal Server Error",
            r#"{"data":null,"message":"other words"}"#,
            "Internal Server Error: other words",
        ),
        (595, "Connection refused", "", "Connection refused"),
        (501, "for data too large", "for data too large", "for data too large"),
        (400, "", "no such thing\n", "no such thing"),
        (500, "", "", "status 500"),
    ] {
        let Err(ReplyError::Refusal(refusal)) = reply(status, reason, body).data() else { panic!("{reason}") };
        assert_eq!((refusal.status, refusal.text()), (status, Foreign::new(text)));
    }
}

#[test]
fn a_failure_without_words_is_one_of_the_server_whose_words_something_in_between_took() {
    for (status, reason, body, wordless) in [
        (500, "Internal Server Error", r#"{"data":null}"#, true),
        (500, "", r#"{"data":null,"errors":{}}"#, true),
        (500, "Internal Server Error", r#"{"data":null,"message":"got timeout\n"}"#, false),
        (500, "Internal Server Error", r#"{"data":null,"errors":{"vmid":"taken"}}"#, false),
        (500, "got timeout", r#"{"data":null}"#, false),
        (400, "", r#"{"data":null}"#, false),
    ] {
        let Err(ReplyError::Refusal(refusal)) = reply(status, reason, body).data() else { panic!("{status} {body}") };
        assert_eq!(refusal.is_wordless(), wordless, "{status} {reason} {body}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_data_or_has_words(status in 100_u16..1000, reason in "\\PC{0,40}", body: Vec<u8>) {
        match received(status, &reason, body).data() {
            Err(ReplyError::Refusal(refusal)) => prop_assert!(!refusal.to_string().is_empty()),
            Err(ReplyError::Unclear(what)) => prop_assert!(!what.is_empty()),
            Ok(_) | Err(ReplyError::Page { .. } | ReplyError::Redirect { .. }) => {}
        }
    }
}

#[test]
fn pages_of_something_in_between_are_no_words_of_the_server() {
    for (status, body) in [
        (502, "<html><body>nginx</body></html>"),
        (503, "upstream down"),
        (504, ""),
        (404, " <!DOCTYPE html>"),
        (405, "Not Allowed"),
        (520, "error code: 520"),
        (530, ""),
    ] {
        assert_eq!(
            reply(status, "Bad Gateway", body).data(),
            Err(ReplyError::Page { method: Method::GET, status, phrase: Foreign::new("Bad Gateway") }),
            "{body}"
        );
    }
}
