//! Waits for several answers at once.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

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
        results.extend(side_by_side(batch).await);
    }
}

/// Runs futures side by side, all of them, and gives their results in their order. Each is looked at only when it was
/// woken itself, so that many that wait cost nothing.
pub(crate) async fn side_by_side<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Running<F>> = futures.into_iter().map(Running::new).collect();
    poll_fn(|context| {
        let mut is_done = true;
        for one in &mut running {
            is_done &= one.advance(context);
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|one| one.result).collect()
}

/// One future of several.
struct Running<F: Future> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    result: Option<F::Output>,
}

/// Rings when one future is to be looked at, and wakes the future that waits for all of them.
struct Bell {
    has_rung: AtomicBool,
    listener: Mutex<Option<Waker>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(listener) = listener {
            listener.wake();
        }
    }
}

impl<F: Future> Running<F> {
    fn new(future: F) -> Self {
        let bell = Arc::new(Bell { has_rung: AtomicBool::new(true), listener: Mutex::new(None) });
        Self { future: Box::pin(future), bell, result: None }
    }

    /// Looks at it if it was woken; says whether it is done.
    fn advance(&mut self, context: &Context<'_>) -> bool {
        if self.result.is_some() {
            return true;
        }
        // The waker is stored before the bell is read: a ring in between is not lost.
        *self.bell.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        if !self.bell.has_rung.swap(false, Ordering::AcqRel) {
            return false;
        }
        let waker = Waker::from(Arc::clone(&self.bell));
        if let Poll::Ready(output) = self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.result = Some(output);
        }
        self.result.is_some()
    }
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
