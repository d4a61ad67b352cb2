//! Waits for something until the program is asked to end.

use crate::error::{Error, RunError};
use crate::session::Session;
use std::future::Future;

/// Waits for something that may be broken off at any moment; what must not be broken off is not put in here.
pub(crate) async fn unless_interrupted<T>(
    session: &Session,
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::select! {
        biased;
        signal = session.interrupts.first() => Err(Error::Run(RunError::Interrupted { signal })),
        ended = future => ended,
    }
}
