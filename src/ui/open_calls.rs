//! Calls to the server that have no answer yet: what is waited for when nothing else says so.

use std::cell::{Cell, RefCell};

use super::Progress;

/// The task under which the wait is drawn.
pub(super) const TASK: &str = "an answer";

/// The number of ticks without an answer after which the wait is shown; a tick is a tenth of a second.
const SHOW_AFTER: u32 = 2;

/// The number of ticks between two redraws.
const REDRAW_INTERVAL: u32 = 5;

/// How many calls are open, and to whom.
#[derive(Default)]
pub(crate) struct OpenCalls {
    count: Cell<usize>,
    server: RefCell<String>,
    /// How often it was polled since the first of them was made.
    looks: Cell<u32>,
}

impl OpenCalls {
    /// Notes a call to a server.
    pub(crate) fn begin(&self, server: &str) {
        if self.count.get() == 0 {
            server.clone_into(&mut self.server.borrow_mut());
        }
        self.count.set(self.count.get() + 1);
    }

    /// Notes an answer, or that none is waited for any more.
    pub(crate) fn end(&self) {
        self.count.set(self.count.get().saturating_sub(1));
    }

    /// Returns whether it is to be drawn again at this look.
    pub(super) fn is_due(&self) -> bool {
        self.looks.get().is_multiple_of(REDRAW_INTERVAL)
    }

    /// Looks once more; returns what is waited for, once that has lasted. One call after the other is one wait.
    pub(super) fn waiting_call(&self) -> Option<Progress> {
        if self.count.get() == 0 {
            self.looks.set(0);
            return None;
        }
        self.looks.set(self.looks.get() + 1);
        let seconds = f64::from(self.looks.get()) / 10.0;
        let what = format!("Waiting for {}", self.server.borrow());
        let (task, detail) = (TASK.to_owned(), String::new());
        (self.looks.get() > SHOW_AFTER).then_some(Progress { task, what, seconds, percent: None, detail })
    }
}

#[cfg(test)]
mod tests {
    use super::{OpenCalls, SHOW_AFTER};

    #[test]
    fn only_a_wait_that_lasts_is_shown() {
        let calls = OpenCalls::default();
        assert!(calls.waiting_call().is_none());
        calls.begin("pve.lan");
        calls.begin("pve.lan");
        for _ in 0..SHOW_AFTER {
            assert!(calls.waiting_call().is_none());
        }
        calls.end();
        assert_eq!(calls.waiting_call().map(|it| it.what).as_deref(), Some("Waiting for pve.lan"));
        calls.end();
        assert!(calls.waiting_call().is_none());
        calls.begin("pve.lan");
        assert!(calls.waiting_call().is_none(), "the next wait begins anew");
    }
}
