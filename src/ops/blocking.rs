//! Does what may block for as long as it likes on a thread of its own, so that a signal ends the run meanwhile.

use crate::error::{Error, RunError};
use crate::ops::unless_interrupted;
use crate::session::Session;
use std::thread;

use tokio::sync::oneshot;

/// Does something that may wait for ever: reads a FIFO without a writer, standard input, a file in a network that is
/// down. Where a signal comes first, the thread is left behind; it does not keep the process alive.
pub(crate) async fn blocking<T: Send + 'static>(
    session: &Session,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let (sender, receiver) = oneshot::channel();
    // The receiver is gone where a signal came first.
    let started = thread::Builder::new().name("blocking".to_owned()).spawn(move || drop(sender.send(work())));
    started.map_err(|source| Error::Run(RunError::NoThread { source }))?;
    let done =
        async { receiver.await.map_err(|why| Error::Run(RunError::NoThread { source: std::io::Error::other(why) })) };
    unless_interrupted(session, done).await
}
