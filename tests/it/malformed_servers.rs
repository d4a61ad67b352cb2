//! The client on servers that mean no good: nothing hangs, nothing fills the memory, nothing is sent twice.

use std::process::Command;
use std::time::{Duration, Instant};

use glassdome::pve::{ApiError, Limits, Sizes};
use glassdome::sandbox::{Distortion, Fault, Options, Sandbox};

use crate::client::{Pair, UPID, node, pair, patient, vmid, with_limits};
use crate::support::server::{ServerAction, data, reply};
use crate::support::skipped;
use crate::support::test_env::{BOUND, Outcome, TestEnv, quick};

fn ok(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}").into_bytes()
}

#[tokio::test]
async fn an_answer_of_one_byte_at_a_time_comes_to_an_end() {
    let began = Instant::now();
    let limits = Limits { quiet: Duration::from_secs(1), ..patient() };
    let pace = Duration::from_millis(50);
    for head in ["Content-Length: 900\r\n", "Connection: close\r\n"] {
        let Pair { server: _server, pve } = with_limits(limits, move |_| ServerAction::Trickle(ok(head, "{"), pace));
        let refused = pve.version().await.unwrap_err();
        assert!(matches!(refused, ApiError::Stalled { .. }), "{refused:?}");
    }
    assert!(began.elapsed() < BOUND);
}

#[tokio::test]
async fn a_header_without_an_end_is_given_up() {
    let began = Instant::now();
    let line = b"X-Padding: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n".to_vec();
    let Pair { server: _server, pve } =
        pair(move |_| ServerAction::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), line.clone()));
    let refused = pve.version().await.unwrap_err();
    assert!(matches!(refused, ApiError::NotUnderstood { .. }), "{refused:?}");

    let limits = Limits { connect: Duration::from_secs(1), answer: Duration::from_secs(1), ..patient() };
    let slow = |_: &_| ServerAction::Trickle(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), Duration::from_millis(50));
    let Pair { server: _server, pve } = with_limits(limits, slow);
    let refused = pve.version().await.unwrap_err();
    assert!(matches!(refused, ApiError::NoAnswer { .. }), "{refused:?}");
    assert!(began.elapsed() < BOUND);
}

#[tokio::test]
async fn a_body_without_an_end_is_cut_off_at_the_limit() {
    let began = Instant::now();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).into_bytes();
    let limits = Limits { size: Sizes::all(4 << 20), ..patient() };
    let Pair { server: _server, pve } =
        with_limits(limits, move |_| ServerAction::Flood(ok("Transfer-Encoding: chunked\r\n", ""), chunk.clone()));
    let refused = pve.version().await.unwrap_err();
    assert!(matches!(refused, ApiError::TooLarge { mebibytes: 4, .. }), "{refused:?}");
    // One that announces a gigabyte is not begun.
    let Pair { server: _server, pve } =
        with_limits(limits, move |_| ServerAction::Stall(ok("Content-Length: 1073741824\r\n", "")));
    let refused = pve.version().await.unwrap_err();
    assert!(matches!(refused, ApiError::TooLarge { .. }), "{refused:?}");
    assert!(began.elapsed() < BOUND);
}

#[tokio::test]
async fn an_encoding_that_was_not_requested_is_not_unpacked() {
    let Pair { server, pve } =
        pair(|_| ServerAction::Close(ok("Content-Encoding: gzip\r\nContent-Length: 4\r\n", "\x1f..")));
    let refused = pve.version().await.unwrap_err();
    assert!(refused.to_string().ends_with("it has an unrequested content encoding (gzip)"), "{refused}");
    assert!(!server.asked()[0].text.to_ascii_lowercase().contains("accept-encoding"), "{:?}", server.asked());
}

/// Runs a command, and prints the most memory that it took, in KiB.
const PEAK: &str = "\
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> (10 if sys.platform == 'darwin' else 0))
sys.exit(done.returncode)
";

/// Runs the binary to its end, and gives the most memory that it took, in KiB; nothing where that cannot be told.
fn watched(stage: &TestEnv, line: &str) -> Option<(Outcome, u64)> {
    let ours = stage.command(line.split_whitespace());
    let mut python = Command::new("python3");
    python.args(["-c", PEAK]).arg(ours.get_program()).args(ours.get_args()).current_dir(stage.folder()).env_clear();
    python.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let Ok(output) = python.output() else {
        skipped("python3 is missing");
        return None;
    };
    let outcome = Outcome::of(&output);
    let peak = outcome.results.lines().last()?.parse().expect("the last line is the peak");
    Some((outcome, peak))
}

#[test]
fn a_bomb_is_not_set_off() {
    let faults = vec![Fault::Distorted(Distortion::Gzip, 1), Fault::Distorted(Distortion::Gzip, 2)];
    let sandbox = Sandbox::start(Options { faults, ..quick() }).unwrap();
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    // Unpacked, it has a good answer, and then blanks without number.
    let url = format!("https://{}/api2/json/access/domains", sandbox.address());
    let curl = ["-s", "--compressed", "--noproxy", "*", "--cacert", "proxmox-ca.pem", "-o", "unpacked", &url];
    let unpacked = Command::new("curl").args(curl).current_dir(stage.folder()).status();
    if !unpacked.is_ok_and(|status| status.success()) {
        return skipped("a curl that unpacks is missing");
    }
    let text = stage.read("unpacked");
    assert!(text.len() > 64 << 20 && text.trim_end() == "{\"data\":null}", "{} bytes", text.len());

    let Some((outcome, peak)) = watched(&stage, "template list") else { return };
    outcome.expect(9).says("it has an unrequested content encoding (gzip)");
    assert!(peak < 64 << 10, "{peak} KiB");
}

#[test]
fn a_crowd_of_vms_costs_little_more_than_its_bytes() {
    let sandbox = Sandbox::start(Options { faults: vec![Fault::ManyVms], ..quick() }).unwrap();
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    let Some((outcome, peak)) = watched(&stage, "doctor") else { return };
    outcome.expect(0);
    // The list has 12 MB, of which hardly a row matters.
    assert!(peak < 64 << 10, "{peak} KiB");
}

#[tokio::test]
async fn what_is_no_answer_of_the_api_is_said_to_be_none() {
    let deep = format!("{{\"data\":{}", "[".repeat(900));
    for (body, words) in [
        ("", "it is empty"),
        ("{\"data\":{\"version\":\"9", "it is not valid JSON (EOF while parsing a string"),
        (&deep, "it is not valid JSON (recursion limit exceeded"),
        ("<html>welcome</html>", "it is not JSON but begins with `<html>welcome</html>`"),
        ("{\"data\":[1,2]}", "the version is not an object"),
        ("{\"data\":{\"version\":{}}}", "the version contains no number"),
        ("{\"version\":\"9\"}", "it has no `data`"),
    ] {
        let owned = body.to_owned();
        let Pair { server, pve } = pair(move |_| reply(200, "OK", &owned));
        let refused = pve.version().await.unwrap_err();
        assert!(matches!(refused, ApiError::NotUnderstood { .. }), "{refused:?}");
        assert!(refused.to_string().contains(words), "{refused} for {body}");
        assert_eq!(server.asked().len(), 1, "it is not asked for again");
    }
}

#[tokio::test]
async fn a_list_of_a_hundred_thousand_vms_is_read() {
    let limits = Limits { size: Sizes::all(64 << 20), ..patient() };
    let Pair { server: _server, pve } = with_limits(limits, |_| {
        let filler = "x".repeat(180);
        let vm = |vmid: u32| format!("{{\"vmid\":{vmid},\"node\":\"pve\",\"type\":\"qemu\",\"name\":\"{filler}\"}}");
        let vms: Vec<String> = (100..100_100).map(vm).collect();
        data(&format!("[{}]", vms.join(",")))
    });
    assert_eq!(pve.vms_where(&|_| true).await.unwrap().len(), 100_000);
}

#[tokio::test]
async fn a_read_is_repeated_while_the_trouble_is_short() {
    for (status, reason, body) in [
        (502, "Bad Gateway", "<html>"),
        (503, "Service Unavailable", ""),
        (429, "Too Many Requests", ""),
        (596, "Connection timed out", ""),
        (500, "RPCEnvironment init request failed: Unable to load access control list: Connection refused", ""),
    ] {
        let Pair { server, pve } = pair(move |asked| match asked.before {
            0 => reply(status, reason, body),
            _ => data(r#"{"version":"9.2.11"}"#),
        });
        assert_eq!(pve.version().await.unwrap().to_string(), "9.2.11", "{status}");
        assert_eq!(server.asked().len(), 2, "{status}");
    }
    let Pair { server, pve } = pair(|_| reply(503, "Service Unavailable", ""));
    let refused = pve.version().await.unwrap_err();
    assert!(matches!(refused, ApiError::Gateway { status: 503, .. }), "{refused:?}");
    assert_eq!(server.asked().len(), 5, "it comes to an end");
}

#[tokio::test]
async fn a_change_is_repeated_only_where_it_was_certainly_not_carried_out() {
    let lock = "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout";
    for (status, reason, starts, sets) in [
        (429, "Too Many Requests", 2, 2),
        (595, "Connection refused", 2, 2),
        (500, lock, 1, 2),
        (502, "Bad Gateway", 1, 1),
        (503, "Service Unavailable", 1, 1),
        (504, "Gateway Timeout", 1, 1),
        (596, "Connection timed out", 1, 1),
        (500, "VM is locked (backup)", 1, 1),
    ] {
        let answer = move |before: usize| match before {
            0 => reply(status, reason, ""),
            _ => data(&format!("\"{UPID}\"")),
        };
        let Pair { server, pve } = pair(move |asked| answer(asked.before));
        assert_eq!(pve.start(&node(), vmid(100)).await.is_ok(), starts == 2, "{status} {reason}");
        assert_eq!(server.asked().len(), starts, "{status} {reason}: POST");
        let Pair { server, pve } = pair(move |asked| answer(asked.before));
        let set = pve.configure(&node(), vmid(100), None, &[("protection", "0".to_owned())]).await;
        assert_eq!(set.is_ok(), sets == 2, "{status} {reason}");
        assert_eq!(server.asked().len(), sets, "{status} {reason}: PUT");
    }
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_given_the_time() {
    let began = Instant::now();
    let Pair { server, pve } = pair(|asked| match asked.before {
        0 => ServerAction::Close(
            b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ),
        _ => data(r#"{"version":"9.2.11"}"#),
    });
    pve.version().await.unwrap();
    assert_eq!(server.asked().len(), 2);
    assert!(began.elapsed() >= Duration::from_secs(1));
}
