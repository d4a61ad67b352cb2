//! Signals that ask the program to end.

use std::io::{self};
use tokio::sync::watch;

/// A signal that asks the program to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The terminal was closed.
    Hangup,
    /// Ctrl-C.
    Interrupt,
    /// Asked to end.
    Terminate,
}

impl Signal {
    /// Returns the exit code that a shell expects after this signal: 128 and its number.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Signals that arrived, in their order; any task may wait for the first or for one more.
#[derive(Debug, Clone)]
pub struct Interrupts {
    sender: watch::Sender<Vec<Signal>>,
    received: watch::Receiver<Vec<Signal>>,
}

impl Interrupts {
    /// Starts to listen. Must be called on the runtime; from then on the signals no longer end the process.
    ///
    /// # Errors
    /// If the system refuses to install a handler.
    pub fn install() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangup = signal(SignalKind::hangup())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (sender, received) = watch::channel(Vec::new());
        let listener = sender.clone();
        tokio::spawn(async move {
            loop {
                // If several arrive at once, SIGHUP and SIGTERM count before an interrupt.
                let signal = tokio::select! {
                    biased;
                    Some(()) = hangup.recv() => Signal::Hangup,
                    Some(()) = terminate.recv() => Signal::Terminate,
                    Some(()) = interrupt.recv() => Signal::Interrupt,
                    else => return,
                };
                listener.send_modify(|all| all.push(signal));
            }
        });
        Ok(Self { sender, received })
    }

    /// Notes a Ctrl-C that a prompt read as a key.
    pub(super) fn note_key(&self) {
        self.sender.send_modify(|all| all.push(Signal::Interrupt));
    }

    /// Waits for the first signal, which may have arrived long ago.
    pub async fn first(&self) -> Signal {
        self.nth(0).await
    }

    /// Waits for a signal beyond the first.
    pub async fn second(&self) -> Signal {
        self.nth(1).await
    }

    /// Returns the first signal if one has arrived.
    #[must_use]
    pub fn seen(&self) -> Option<Signal> {
        self.received.borrow().first().copied()
    }

    async fn nth(&self, index: usize) -> Signal {
        let mut received = self.received.clone();
        loop {
            if let Some(signal) = received.borrow_and_update().get(index) {
                return *signal;
            }
            if received.changed().await.is_err() {
                // The listener has ended with the runtime: no signal can come any more.
                return std::future::pending().await;
            }
        }
    }
}
