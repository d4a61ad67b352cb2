//! The keyboard while progress is shown: what is typed is neither shown nor taken as an answer later.

use std::io;

use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr,
};

use super::prompt::{NO_KEY, is_in_front};

/// A terminal that shows nothing of what is typed, until this is dropped.
pub(super) struct EchoGuard(Termios);

impl EchoGuard {
    /// Begins; nothing happens without a terminal, or in the background.
    pub(super) fn begin() -> Option<Self> {
        if !is_in_front() {
            return None;
        }
        let before = tcgetattr(io::stdin()).ok()?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        // The one key that ends a program without a chance to give the terminal back.
        modes.special_codes[SpecialCodeIndex::VQUIT] = NO_KEY;
        tcsetattr(io::stdin(), OptionalActions::Now, &modes).ok()?;
        Some(Self(before))
    }
}

impl Drop for EchoGuard {
    fn drop(&mut self) {
        if is_in_front() {
            let _ = tcflush(io::stdin(), QueueSelector::IFlush); // the terminal may be gone
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0); // the terminal may be gone
        }
    }
}
