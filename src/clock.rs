//! Time, as everything but the edge sees it.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// A source of time and of waiting; a person's time in production, a stepped one in tests.
pub trait Clock: Send + Sync {
    /// Returns a point on the monotonic clock.
    fn now(&self) -> Instant;

    /// Returns the date and time of day in UTC.
    fn utc(&self) -> OffsetDateTime;

    /// Waits.
    fn sleep(&self, pause: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Waits on this thread, where there is no runtime to wait on: for a lock on a file.
    pub fn block(self, pause: Duration) {
        std::thread::sleep(pause);
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn utc(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn sleep(&self, pause: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(pause))
    }
}
