//! Waits for several answers at once, for what may block, and for anything until a signal comes.

use std::future::Future;
use std::thread;

use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::sync::oneshot;

use crate::error::{Error, RunError};
use crate::session::Session;

/// How many calls of one kind are under way at once: each may need a connection of its own, and more of them would
/// cost the server more than they save.
const MAX_CONCURRENT: usize = 8;

/// Runs futures side by side, a few at a time, and returns their results in their order.
pub(crate) async fn concurrently<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    iter(futures).buffered(MAX_CONCURRENT).collect().await
}

/// Waits for a future until a signal comes; used only for work that may be cancelled at any moment.
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

/// Runs work that may block indefinitely on its own thread: a FIFO without a writer, standard input, a file on an
/// unreachable network. If a signal comes first, the thread is abandoned; it does not keep the process alive.
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

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::concurrently;

    #[tokio::test]
    async fn results_come_in_the_order_of_the_questions() {
        let results = concurrently((0..20).map(|number| async move {
            if number % 2 == 0 {
                tokio::task::yield_now().await;
            }
            number
        }));
        assert_eq!(results.await, (0..20).collect::<Vec<i32>>());
        assert!(concurrently(std::iter::empty::<std::future::Ready<()>>()).await.is_empty());
        assert_eq!(concurrently([ready(1)]).await, [1]);
    }
}
