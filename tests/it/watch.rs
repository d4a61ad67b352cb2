//! Watching a task: how often, how patiently, and through what troubles.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use glassdome::clock::Clock;
use glassdome::model::{Foreign, Upid};
use glassdome::pve::task::{LogDetail, TaskEnd, TaskProgress, wait};
use glassdome::pve::{ApiError, Limits, Proxies, Pve, Sizes, TaskTiming, Trust};
use time::OffsetDateTime;

use crate::support::server::{Asked, Authority, Server, ServerAction, data, reply};

const MINUTE: Duration = Duration::from_secs(60);

/// A clock that moves only when something waits on it.
struct StepClock {
    began: Instant,
    passed: Mutex<Duration>,
}

impl StepClock {
    fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), passed: Mutex::default() })
    }

    fn passed(&self) -> Duration {
        *self.passed.lock().unwrap()
    }

    fn seconds(&self) -> f64 {
        self.passed().as_secs_f64()
    }
}

impl Clock for StepClock {
    fn now(&self) -> Instant {
        self.began + self.passed()
    }

    fn utc(&self) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + self.passed()
    }

    fn sleep(&self, pause: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        *self.passed.lock().unwrap() += pause;
        Box::pin(std::future::ready(()))
    }
}

/// What came of a watch.
struct Watched {
    ended: Result<TaskEnd, ApiError>,
    spent: TaskTiming,
    shown: Vec<TaskProgress>,
    server: Server,
    seconds: f64,
}

impl Watched {
    fn count(&self, what: &str) -> usize {
        self.server.lines().iter().filter(|line| line.contains(what)).count()
    }
}

fn upid() -> Upid {
    "UPID:pve:00000132:0002DDB7:6B04F200:qmclone:9000:apex@pve!glassdome-token:".parse().unwrap()
}

/// Watches a task of a server that answers by the time on the clock.
async fn watch(timeout: Duration, answer: impl Fn(f64, &Asked) -> ServerAction + Send + Sync + 'static) -> Watched {
    watch_like(timeout, LogDetail::Usual, answer).await
}

async fn watch_like(
    timeout: Duration,
    log_detail: LogDetail,
    answer: impl Fn(f64, &Asked) -> ServerAction + Send + Sync + 'static,
) -> Watched {
    let clock = StepClock::new();
    let on_server = Arc::clone(&clock);
    let identity = Authority::new("the authority").good();
    let server = Server::start(&identity, move |asked| answer(on_server.seconds(), asked));
    let limits = Limits { connect: MINUTE, answer: MINUTE, outcome: MINUTE, quiet: MINUTE, size: Sizes::all(1 << 20) };
    let trust = Trust::Pinned(identity.fingerprint().into());
    let pve = Pve::new(server.endpoint(), &trust, limits, &Proxies::none()).unwrap();
    let mut shown = Vec::new();
    let watched =
        wait(&pve, &upid(), clock.as_ref(), timeout, log_detail, &mut |progress| shown.push(progress.clone())).await;
    let spent = watched.as_ref().map_or_else(|_| TaskTiming::default(), |watched| watched.spent);
    let ended = watched.map(|watched| watched.ended);
    Watched { ended, spent, shown, server, seconds: clock.seconds() }
}

fn running() -> ServerAction {
    data(r#"{"status":"running"}"#)
}

fn stopped(exit_status: &str) -> ServerAction {
    data(&format!(r#"{{"status":"stopped","exitstatus":"{exit_status}"}}"#))
}

/// Answers with the lines from the one asked for on, numbered from 1.
fn log(asked: &Asked, lines: &[String]) -> ServerAction {
    let start = asked.line().split("start=").nth(1).unwrap().split(['&', ' ']).next().unwrap();
    let start: usize = start.parse().unwrap();
    let entries = lines.iter().enumerate().skip(start);
    let entries: Vec<String> = entries.map(|(index, line)| format!(r#"{{"n":{},"t":"{line}"}}"#, index + 1)).collect();
    data(&format!("[{}]", entries.join(",")))
}

fn is_log(asked: &Asked) -> bool {
    asked.line().contains("/log?")
}

#[tokio::test]
async fn watching_adds_at_most_a_twentieth_to_a_task() {
    for length in [0.1, 0.2, 1.0, 3.0, 30.0, 600.0] {
        let watched = watch(MINUTE * 60, move |now, asked| match is_log(asked) {
            true => log(asked, &[]),
            false if now < length => running(),
            false => stopped("OK"),
        })
        .await;
        assert_eq!(watched.ended.as_ref().unwrap(), &TaskEnd::Succeeded { warnings: 0 });
        let added = watched.seconds - length;
        assert!(added <= length * 0.05 + 0.025, "{added} s were added to {length} s");
        let asked = watched.count("/status");
        assert!(asked <= 120 + length as usize, "{asked} questions about {length} s");
    }
}

#[tokio::test]
async fn the_log_is_read_on_from_its_last_line_and_tells_the_progress() {
    let all: Vec<String> =
        (0..=100).map(|step| format!("transferred {step}.0 MiB of 100.0 MiB ({step}.00%)")).collect();
    let watched = watch(MINUTE, move |now, asked| match is_log(asked) {
        true => log(asked, &all[..all.len().min(now as usize * 5)]),
        false if now < 20.0 => running(),
        false => stopped("OK"),
    })
    .await;
    assert_eq!(watched.ended.unwrap(), TaskEnd::Succeeded { warnings: 0 });
    let percents: Vec<f64> = watched.shown.iter().filter_map(|progress| progress.percent).collect();
    assert!(percents.is_sorted() && percents.last().is_some_and(|last| *last > 80.0), "{percents:?}");
    assert_eq!(watched.shown.last().unwrap().amount.as_deref().map(|it| it.ends_with(" MiB of 100.0 MiB")), Some(true));
    let starts: Vec<String> = watched.server.lines().into_iter().filter(|line| line.contains("/log?")).collect();
    assert!(starts.iter().any(|line| line.contains("start=5&")) && !starts[5].contains("start=0&"), "{starts:?}");
}

#[tokio::test]
async fn a_wait_for_a_lock_is_measured_from_the_log() {
    // Three seconds of waiting, then one of work.
    let lines = |now: f64| {
        let lines = ["trying to acquire lock...", " OK", "creating a clone"].map(str::to_owned);
        lines[..if now < 3.0 { 1 } else { 3 }].to_vec()
    };
    for log_detail in [LogDetail::Usual, LogDetail::Close] {
        let watched = watch_like(MINUTE, log_detail, move |now, asked| match is_log(asked) {
            true => log(asked, &lines(now)),
            false if now < 4.0 => running(),
            false => stopped("OK"),
        })
        .await;
        let locks = watched.spent.locks.as_secs_f64();
        assert!((2.8..3.2).contains(&locks) && watched.spent.waits == 1, "{log_detail:?}: {:?}", watched.spent);
        assert!(watched.spent.is_read && watched.spent.unseen < Duration::from_millis(250), "{:?}", watched.spent);
    }
}

#[tokio::test]
async fn the_log_of_a_short_task_is_read_only_where_it_is_asked_for() {
    for (log_detail, reads, waits) in [(LogDetail::Usual, false, 0), (LogDetail::Close, true, 1)] {
        let watched = watch_like(MINUTE, log_detail, |now, asked| match is_log(asked) {
            true => {
                log(asked, &["trying to acquire lock...".to_owned(), " OK".to_owned()][..1 + usize::from(now > 0.2)])
            }
            false if now < 0.4 => running(),
            false => stopped("OK"),
        })
        .await;
        assert_eq!((watched.count("/log?") > 0, watched.spent.is_read, watched.spent.waits), (reads, reads, waits));
    }
}

#[tokio::test]
async fn patience_counts_from_the_last_progress() {
    // A line every 50 s until 200 s, then nothing.
    let watched = watch(MINUTE, |now, asked| match is_log(asked) {
        true => log(asked, &vec!["working".to_owned(); (now.min(200.0) / 50.0) as usize]),
        false => running(),
    })
    .await;
    let TaskEnd::NoProgress { waited } = watched.ended.unwrap() else { panic!() };
    assert!(waited >= MINUTE && waited < MINUTE * 2, "{waited:?}");
    assert!((260.0..265.0).contains(&watched.seconds), "{}", watched.seconds);
}

#[tokio::test]
async fn a_failure_comes_with_the_servers_words_and_the_log() {
    let watched = watch(MINUTE, |_, asked| match is_log(asked) {
        true => log(asked, &["creating a clone".to_owned(), "TASK ERROR: clone failed: no space".to_owned()]),
        false => stopped("clone failed: no space"),
    })
    .await;
    let TaskEnd::Failed { exit_status, log } = watched.ended.unwrap() else { panic!() };
    let shown = ["creating a clone".to_owned(), "TASK ERROR: clone failed: no space".to_owned()];
    assert_eq!((exit_status, log.shown()), (Foreign::new("clone failed: no space"), shown.to_vec()));
}

#[tokio::test]
async fn every_exit_status_is_understood() {
    for (exit_status, expected) in [
        ("OK", Some(0)),
        ("WARNINGS: 3", Some(3)),
        ("unexpected status", None),
        ("interrupted by signal", None),
        ("", None),
    ] {
        let watched =
            watch(MINUTE, move |_, asked| if is_log(asked) { reply(500, "gone", "") } else { stopped(exit_status) });
        match watched.await.ended.unwrap() {
            TaskEnd::Succeeded { warnings } => assert_eq!(Some(warnings), expected, "{exit_status}"),
            TaskEnd::Failed { exit_status: output, .. } => {
                assert_eq!((output, None), (Foreign::new(exit_status), expected))
            }
            TaskEnd::NoProgress { .. } => panic!("{exit_status}"),
        }
    }
}

#[tokio::test]
async fn a_task_goes_on_being_watched_through_troubles_that_pass() {
    let watched = watch(MINUTE, |now, asked| match now {
        _ if asked.before < 3 => running(),
        ..0.3 => ServerAction::Close(Vec::new()),
        ..0.5 => reply(502, "Bad Gateway", "<html>"),
        ..0.8 => reply(595, "Connection refused", ""),
        ..1.0 => reply(500, "RPCEnvironment init request failed: Unable to load access control list", ""),
        _ => stopped("OK"),
    })
    .await;
    assert_eq!(watched.ended.unwrap(), TaskEnd::Succeeded { warnings: 0 });
    assert!(
        watched.server.lines().iter().all(|line| line.contains("UPID:pve:00000132:0002DDB7")),
        "{:?}",
        watched.server.lines()
    );
}

#[tokio::test]
async fn a_server_that_stays_away_ends_the_patience() {
    let watched = watch(MINUTE, |_, _| ServerAction::Close(Vec::new())).await;
    assert!(matches!(watched.ended, Err(ApiError::BrokenOff { .. })), "{:?}", watched.ended);
    assert!((60.0..62.0).contains(&watched.seconds), "{}", watched.seconds);
}

#[tokio::test]
async fn a_user_who_may_not_read_the_task_is_warned_at_once() {
    let watched = watch(MINUTE, |_, _| reply(403, "Permission check failed (/nodes/pve, Sys.Audit)", "")).await;
    assert!(watched.ended.unwrap_err().is_forbidden());
    assert_eq!(watched.server.asked().len(), 1);
}
