//! What all connections of a simulated server share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::clock::{Clock, SystemClock};
use crate::sandbox::Options;
use crate::sandbox::cluster::{Cluster, Now};
use crate::sandbox::faults::{Fault, preparation};

/// How long a restart takes.
const AWAY_FOR: Duration = Duration::from_secs(1);

/// A request that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The verb.
    pub method: String,
    /// The path below `/api2/json`, decoded, without the query.
    pub path: String,
    /// The parameters of query and body; secrets are masked.
    pub query_and_body: BTreeMap<String, String>,
    /// Which connection it came over, counted from 1.
    pub connection: u64,
    /// The status of its answer, once there is one.
    pub status: Option<u16>,
}

/// Changes the cluster right before a call is carried out; gets the verb and the path of the call.
pub(crate) type BeforeCall = Box<dyn FnMut(&str, &str, &mut Cluster) + Send>;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    clock: SystemClock,
    cluster: Mutex<Cluster>,
    faults: Mutex<Vec<Fault>>,
    seen: Mutex<Vec<Seen>>,
    /// How many requests are read, and is decided what becomes of them.
    decided: AtomicUsize,
    read: Condvar,
    handshakes: Mutex<u64>,
    gone: Notify,
    before_call: Mutex<Option<BeforeCall>>,
    away_until: Mutex<Option<Instant>>,
    started: Instant,
}

impl Shared {
    pub(crate) fn new(options: Options, cluster: Cluster) -> Self {
        let clock = SystemClock;
        let faults = Mutex::new(options.faults.clone());
        let shared = Self {
            options,
            clock,
            cluster: Mutex::new(cluster),
            faults,
            seen: Mutex::default(),
            decided: AtomicUsize::new(0),
            read: Condvar::new(),
            handshakes: Mutex::default(),
            gone: Notify::new(),
            before_call: Mutex::default(),
            away_until: Mutex::default(),
            started: clock.now(),
        };
        for fault in shared.options.faults.clone() {
            shared.prepare(fault);
        }
        shared
    }

    /// Returns the cluster, moved on to this moment.
    pub(crate) fn cluster(&self) -> MutexGuard<'_, Cluster> {
        let mut cluster = lock(&self.cluster);
        cluster.advance(self.now());
        cluster
    }

    /// Returns the moment.
    pub(crate) fn now(&self) -> Now {
        let unix = u64::try_from(self.clock.utc().unix_timestamp()).unwrap_or_default();
        Now { unix, since_start: self.clock.now().saturating_duration_since(self.started) }
    }

    pub(crate) fn add_fault(&self, fault: Fault) {
        self.prepare(fault);
        lock(&self.faults).push(fault);
    }

    pub(crate) fn clear_faults(&self) {
        lock(&self.faults).clear();
    }

    /// Brings about what a fault needs beforehand.
    fn prepare(&self, fault: Fault) {
        preparation::prepare(&mut lock(&self.cluster), fault);
    }

    /// Returns whether a fault is in force.
    pub(crate) fn has(&self, test: impl Fn(&Fault) -> bool) -> bool {
        lock(&self.faults).iter().any(test)
    }

    /// Takes a fault out that happens once.
    pub(crate) fn take(&self, fault: Fault) -> bool {
        let mut faults = lock(&self.faults);
        let position = faults.iter().position(|it| *it == fault);
        position.map(|position| faults.remove(position)).is_some()
    }

    /// Finds a fault that is in force.
    pub(crate) fn find<T>(&self, test: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        lock(&self.faults).iter().find_map(test)
    }

    pub(crate) fn set_before_call(&self, act: BeforeCall) {
        *lock(&self.before_call) = Some(act);
    }

    /// Runs what is to happen before a call.
    pub(crate) fn before_call(&self, method: &str, path: &str) {
        if let Some(act) = lock(&self.before_call).as_mut() {
            act(method, path, &mut self.cluster());
        }
    }

    /// Notes a request; returns its number, counted from 1.
    pub(crate) fn note(&self, seen: Seen) -> usize {
        let mut all = lock(&self.seen);
        all.push(seen);
        all.len()
    }

    /// Notes that it is decided what becomes of one more request: a test that waited for it may end a fault now.
    pub(crate) fn decided(&self) {
        let _all = lock(&self.seen);
        self.decided.fetch_add(1, Ordering::SeqCst);
        self.read.notify_all();
    }

    /// Notes how a request was answered.
    pub(crate) fn answered(&self, number: usize, status: u16) {
        if let Some(seen) = lock(&self.seen).get_mut(number - 1) {
            seen.status = Some(status);
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.seen).len()
    }

    pub(crate) fn wait_until_seen(&self, count: usize, within: Duration) -> bool {
        let is_early = || self.decided.load(Ordering::SeqCst) < count;
        let waited = self.read.wait_timeout_while(lock(&self.seen), within, |_| is_early());
        drop(waited);
        !is_early()
    }

    /// Counts a handshake; returns its number.
    pub(crate) fn handshake(&self) -> u64 {
        let mut handshakes = lock(&self.handshakes);
        *handshakes += 1;
        *handshakes
    }

    pub(crate) fn handshakes(&self) -> u64 {
        *lock(&self.handshakes)
    }

    /// Lets the server, or a node of it, be away for a while, where such a fault is in force; once only.
    pub(crate) fn away(&self, test: impl Fn(&Fault) -> bool) {
        if self.has(test) {
            lock(&self.away_until).get_or_insert_with(|| self.clock.now() + AWAY_FOR);
        }
    }

    /// Returns whether it is away, by this fault.
    pub(crate) fn is_away(&self, fault: Fault) -> bool {
        self.has(|it| *it == fault) && lock(&self.away_until).is_some_and(|until| self.clock.now() < until)
    }

    /// Returns the date and time that the server's answers carry.
    pub(crate) fn date(&self) -> OffsetDateTime {
        let is_ahead = self.has(|fault| *fault == Fault::ClockAhead);
        self.clock.utc() + if is_ahead { Duration::from_secs(86_400) } else { Duration::ZERO }
    }

    /// Waits.
    pub(crate) async fn sleep(&self, pause: Duration) {
        self.clock.sleep(pause).await;
    }

    /// Lets the server be gone for good.
    pub(crate) fn shut_down(&self) {
        self.gone.notify_one();
    }

    /// Waits until the server is to be gone.
    pub(crate) async fn is_shut_down(&self) {
        self.gone.notified().await;
    }
}

/// A panic of one connection must not take the others with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
