//! The one rule of sending a call again: which, how often, after which pause.
//!
//! | call | is sent again when |
//! |---|---|
//! | reads (GET) | something in between, or the server while it restarts, says that it cannot answer now (429, 502 to 504, 520 to 530, 595 and above, the file system of the cluster); or the way breaks after the server had answered in this run |
//! | reads of another node, where that is asked for | as above, but not where the node cannot be reached (595 and above) |
//! | sets a value (PUT) | it is certain that it was not carried out: nothing was sent, or 429, 595, no worker for the task, or a lock that was not free |
//! | starts, stops, destroys (POST, DELETE) | it is certain that it was not carried out: nothing was sent, or 429, 595, no worker for the task |
//! | creates a VM, a clone, an image | as above; where the server had no worker for the task, the caller first looks whether something was created |
//! | logs in | never: a one-time code is good once |
//! | asks about a task | never here: the task's waiter asks again until its patience ends |
//!
//! At most four times more, after a quarter of a second, one, two and three seconds, or after what a 429 asks for; never once
//! half a minute has passed, or eight seconds where the server cannot reach a node. A server that never answered in this
//! run is not tried again: a wrong address is reported at once. What waited for long already (a timeout) is reported as
//! well.

use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::clock::{Clock, SystemClock};
use crate::model::Foreign;
use crate::pve::task::TaskTrouble;
use crate::pve::{ApiError, RefusalReason};

/// The pauses before the second to fifth try: `pveproxy` refuses connections for 5 s when it restarts, as on every upgrade
/// and renewal of a certificate.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(3)];

/// What a server may ask for with `Retry-After` and get.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);

/// Nothing is tried again after this: each try may itself have taken long.
const RETRY_WINDOW: Duration = Duration::from_secs(30);

/// The same of a node that the server cannot reach, which it finds out anew in some seconds each time.
const NODE_WINDOW: Duration = Duration::from_secs(8);

/// What a second try of a call could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pve) enum RetryPolicy {
    /// A read.
    Reads,
    /// As reads, but not repeated if the server cannot reach the node, which another try would not change.
    ReadsOfNode,
    /// Sets a value.
    Sets,
    /// Starts, stops or destroys something.
    Acts,
    /// Creates something, each time anew.
    Creates,
    /// Repeated by the caller, not here.
    Elsewhere,
}

/// Whether the server has answered in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pve) enum ServerSeen {
    /// It has.
    Made,
    /// Not yet: perhaps the address is wrong.
    None,
}

/// The tries of one call.
#[derive(Debug)]
pub(in crate::pve) struct Attempts {
    repeat: RetryPolicy,
    began: Instant,
    made: usize,
}

impl Attempts {
    /// Begins.
    pub(in crate::pve) fn new(repeat: RetryPolicy) -> Self {
        Self { repeat, began: SystemClock.now(), made: 0 }
    }

    /// Returns the pause before the next try, where there is to be one. `asked` is what the server asked for.
    pub(in crate::pve) fn next(
        &mut self,
        why: &ApiError,
        contact: ServerSeen,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        let pause = PAUSES.get(self.made).copied()?;
        let window = if why.is_for(RefusalReason::NodeUnreachable) { NODE_WINDOW } else { RETRY_WINDOW };
        if !is_retryable(self.repeat, why, contact) || SystemClock.now().duration_since(self.began) >= window {
            return None;
        }
        self.made += 1;
        Some(asked.map_or(pause, |asked| asked.clamp(pause, MAX_RETRY_AFTER)))
    }

    /// Counts the tries so far.
    pub(in crate::pve) const fn made(&self) -> usize {
        self.made
    }
}

fn is_retryable(repeat: RetryPolicy, why: &ApiError, contact: ServerSeen) -> bool {
    match repeat {
        RetryPolicy::Elsewhere => false,
        RetryPolicy::Reads => is_transient(why, contact),
        RetryPolicy::ReadsOfNode => is_transient(why, contact) && !why.is_for(RefusalReason::NodeUnreachable),
        RetryPolicy::Sets => was_not_carried_out(why, contact) || is_locked(why),
        RetryPolicy::Acts => was_not_carried_out(why, contact),
        RetryPolicy::Creates => was_not_carried_out(why, contact) && !why.is_for(RefusalReason::NoWorker),
    }
}

fn is_transient(why: &ApiError, contact: ServerSeen) -> bool {
    let waited_already =
        matches!(why, ApiError::ConnectTimeout { .. } | ApiError::NoAnswer { .. } | ApiError::Stalled { .. });
    why.is_temporary() && !waited_already && (contact == ServerSeen::Made || !why.is_unreachable())
}

/// Returns whether a call was certainly not carried out: it did not leave this machine, or was turned away unread.
fn was_not_carried_out(why: &ApiError, contact: ServerSeen) -> bool {
    match why {
        ApiError::Gateway { status, .. } => *status == 429,
        ApiError::Refusal(refusal) => {
            matches!(refusal.status, 429 | 595) || refusal.reason() == RefusalReason::NoWorker
        }
        // What may have been carried out comes as `OutcomeUnknown`.
        ApiError::Refused { .. } | ApiError::NoRoute { .. } | ApiError::BrokenOff { .. } => contact == ServerSeen::Made,
        ApiError::UnknownName { .. }
        | ApiError::ConnectTimeout { .. }
        | ApiError::Proxy { .. }
        | ApiError::BadProxy { .. }
        | ApiError::NoAnswer { .. }
        | ApiError::Stalled { .. }
        | ApiError::TooLarge { .. }
        | ApiError::OutcomeUnknown { .. }
        | ApiError::NotTls { .. }
        | ApiError::Handshake { .. }
        | ApiError::CertificateUntrusted { .. }
        | ApiError::CertificateExpired { .. }
        | ApiError::AuthorityNotValid { .. }
        | ApiError::CertificateUnfit { .. }
        | ApiError::CertificateWrongName { .. }
        | ApiError::CertificateChanged { .. }
        | ApiError::CertificateNotAsGiven { .. }
        | ApiError::CertificateKeyMismatch { .. }
        | ApiError::CertificateBroken { .. }
        | ApiError::NoSystemTrust
        | ApiError::NotACa { .. }
        | ApiError::Redirect { .. }
        | ApiError::NotUnderstood { .. }
        | ApiError::SecondFactor { .. }
        | ApiError::Unsendable { .. }
        | ApiError::Preparation { .. } => false,
    }
}

fn is_locked(why: &ApiError) -> bool {
    why.refusal().is_some_and(|refusal| refusal.reason() == RefusalReason::LockTimeout)
}

/// An event of a call to the server, for progress and logs.
#[derive(Debug, Clone, Copy)]
pub enum CallEvent<'a> {
    /// A call is sent.
    Started,
    /// A call has ended: it was answered, or given up.
    Finished,
    /// A call was answered.
    Answered {
        /// The verb.
        method: &'a str,
        /// The path, without the query.
        path: &'a str,
        /// The status.
        status: u16,
        /// How long it took.
        took: Duration,
    },
    /// A call is about to be repeated.
    Retry {
        /// Why the last attempt failed.
        why: &'a ApiError,
        /// The pause before it.
        pause: Duration,
        /// Which try it will be, counted from 2.
        number: usize,
    },
    /// An entry of a list is skipped: its name is invalid.
    EntrySkipped {
        /// Which list.
        what: &'a str,
        /// The name.
        name: &'a Foreign,
    },
    /// A task is still running, but the server cannot be asked about it.
    PollingFailed(&'a TaskTrouble),
}

/// Receives the events of the calls.
pub type Observer = Rc<dyn Fn(&CallEvent<'_>)>;

/// An optional observer of the calls.
#[derive(Clone, Default)]
pub(in crate::pve) struct Observers(pub(in crate::pve) Option<Observer>);

impl Observers {
    /// Tells.
    pub(in crate::pve) fn notify(&self, event: &CallEvent<'_>) {
        if let Some(listener) = &self.0 {
            listener(event);
        }
    }
}

/// A call that is waited for.
pub(in crate::pve) struct OpenCall<'a>(&'a Observers);

impl<'a> OpenCall<'a> {
    /// Begins.
    pub(in crate::pve) fn begin(observers: &'a Observers) -> Self {
        observers.notify(&CallEvent::Started);
        Self(observers)
    }
}

impl Drop for OpenCall<'_> {
    fn drop(&mut self) {
        self.0.notify(&CallEvent::Finished);
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Listener")
    }
}

#[cfg(test)]
mod tests;
