//! The one line that is redrawn while a task runs.

use console::{measure_text_width, truncate_str};

use crate::ui::Style;

/// What is waited for, for how long, and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What is waited for: "cloning 9000 to 100".
    pub what: String,
    /// Seconds since it began.
    pub seconds: f64,
    /// How far it is, in percent, where that is known.
    pub percent: Option<f64>,
    /// More about it: bytes, rate, time left.
    pub detail: String,
}

impl Progress {
    /// Draws the line, cut to the width of the terminal.
    #[must_use]
    pub fn line(&self, style: Style) -> String {
        let mut text = format!("  {} ({:.0} s)", self.what, self.seconds);
        if let Some(percent) = self.percent {
            text.push_str(&format!(" {percent:.0} %"));
        }
        if !self.detail.is_empty() {
            text.push_str(&format!(" {}", self.detail));
        }
        let width = style.width.unwrap_or(80).saturating_sub(1);
        let ellipsis = if style.unicode { "…" } else { "..." };
        if measure_text_width(&text) > width { truncate_str(&text, width, ellipsis).into_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;
    use crate::ui::Style;

    #[test]
    fn the_line_never_wraps() {
        let progress = Progress {
            what: "cloning 9000 to 100".to_owned(),
            seconds: 12.4,
            percent: Some(41.6),
            detail: "13.3 of 32.0 GiB, 1.1 GiB/s, 17 s left".to_owned(),
        };
        let wide = Style { color: false, unicode: true, width: Some(80) };
        assert_eq!(progress.line(wide), "  cloning 9000 to 100 (12 s) 42 % 13.3 of 32.0 GiB, 1.1 GiB/s, 17 s left");
        let narrow = Style { color: false, unicode: false, width: Some(40) };
        assert_eq!(progress.line(narrow), "  cloning 9000 to 100 (12 s) 42 % 13...");
    }
}
