//! Waits for several answers at once.

use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream::iter;

/// How many calls of one kind are under way at once: each may need a connection of its own, and more of them would
/// cost the server more than they save.
const AT_ONCE: usize = 8;

/// Runs futures side by side, a few at a time, and gives their results in their order.
pub(crate) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    iter(futures).buffered(AT_ONCE).collect().await
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
