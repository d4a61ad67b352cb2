//! Waits for several answers at once.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// How many calls of one kind are under way at once: each may need a connection of its own, and more of them would
/// cost the server more than they save.
const AT_ONCE: usize = 8;

/// Runs futures side by side, a few at a time, and gives their results in their order.
pub(crate) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting = futures.into_iter();
    let mut results = Vec::new();
    loop {
        let batch: Vec<F> = waiting.by_ref().take(AT_ONCE).collect();
        if batch.is_empty() {
            return results;
        }
        results.extend(all(batch).await);
    }
}

async fn all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut is_done = true;
        for (future, result) in running.iter_mut().zip(&mut results) {
            if result.is_some() {
                continue;
            }
            match future.as_mut().poll(context) {
                Poll::Ready(output) => *result = Some(output),
                Poll::Pending => is_done = false,
            }
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::together;

    #[tokio::test]
    async fn results_come_in_the_order_of_the_questions() {
        let results = together((0..20).map(|number| async move {
            if number % 2 == 0 {
                tokio::task::yield_now().await;
            }
            number
        }));
        assert_eq!(results.await, (0..20).collect::<Vec<i32>>());
        assert!(together(std::iter::empty::<std::future::Ready<()>>()).await.is_empty());
        assert_eq!(together([ready(1)]).await, [1]);
    }
}
