//! The writer that a question is drawn through: it masks secrets, and fails once the question is no longer wanted.

use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use crate::ui::Masked;
use crate::ui::prompt::terminal::QuestionState;

/// Standard error, as long as the question is open.
pub(super) struct QuestionWriter {
    to: Masked<io::Stderr>,
    question: Arc<QuestionState>,
}

impl QuestionWriter {
    /// Writes for a question.
    pub(super) fn new(to: Masked<io::Stderr>, question: Arc<QuestionState>) -> Self {
        Self { to, question }
    }
}

impl fmt::Debug for QuestionWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("QuestionWriter")
    }
}

impl AsRawFd for QuestionWriter {
    fn as_raw_fd(&self) -> RawFd {
        io::stderr().as_raw_fd()
    }
}

impl Write for QuestionWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.question.is_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.to.write_all(harmless(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Leaves out the control characters that dialoguer echoes when they are typed: they could switch the character set.
fn harmless(text: &str) -> String {
    text.chars().filter(|it| !it.is_control() || ['\n', '\r', '\x1b'].contains(it)).collect()
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn typed_control_characters_are_not_shown() {
        assert_eq!(harmless("a\u{4}\u{e}\u{15}\u{9b}b\u{7f}"), "ab");
        assert_eq!(harmless("\x1b[1mgrößer\x1b[0m\r\n"), "\x1b[1mgrößer\x1b[0m\r\n");
    }
}
