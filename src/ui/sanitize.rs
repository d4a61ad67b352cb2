//! Foreign text made printable.

use std::fmt;

use crate::model::foreign::write_escaped;

/// Text from a file or a command line, shown as text from a server is: with everything escaped that could move the cursor
/// or mislead, and cut at a readable length.
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::Printable;

    #[test]
    fn what_could_move_the_cursor_or_mislead_is_escaped() {
        for (text, shown) in [
            ("storage 'x' does not exist\n", "storage 'x' does not exist"),
            ("größer, 日本", "größer, 日本"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("evil\u{202e}txt.exe", "evil\\u{202e}txt.exe"),
            ("\u{7f}\u{0}", "\\u{7f}\\u{0}"),
        ] {
            assert_eq!(Printable(text).to_string(), shown);
        }
    }
}
