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
        assert_eq!(Printable("größer, 日本\n\u{1b}[2Jgone").to_string(), "größer, 日本\\n\\u{1b}[2Jgone");
    }
}
