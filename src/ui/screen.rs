//! Lines of a screen: headings, found facts, tables, commands to paste.

use std::fmt::{self, Write};

use console::measure_text_width;

use crate::ui::Style;

/// What a piece of text is, from which its colour follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Plain text.
    Plain,
    /// A heading or a name.
    Strong,
    /// Something beside the point.
    Dim,
    /// Good news.
    Good,
    /// A warning.
    Warning,
    /// An error.
    Bad,
    /// A command to paste.
    Command,
}

/// Where a drawing draws: a writer and the style in force.
pub struct Screen<'a> {
    to: &'a mut dyn Write,
    style: Style,
}

impl<'a> Screen<'a> {
    /// Draws into a writer with a style.
    pub fn new(to: &'a mut dyn Write, style: Style) -> Self {
        Self { to, style }
    }

    /// Gives the style in force.
    #[must_use]
    pub const fn style(&self) -> Style {
        self.style
    }

    /// Colours a text as its tone says, or leaves it as it is.
    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        paint(self.style, tone, text)
    }

    /// Writes one line as it is.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn line(&mut self, text: &str) -> fmt::Result {
        writeln!(self.to, "{text}")
    }

    /// Writes an empty line.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn gap(&mut self) -> fmt::Result {
        self.line("")
    }

    /// Writes a heading.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn heading(&mut self, text: &str) -> fmt::Result {
        self.toned(0, Tone::Strong, text)
    }

    /// Writes a text behind a label, wrapped so that it hangs under its own first word.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn labelled(&mut self, label: &str, tone: Tone, text: &str) -> fmt::Result {
        let indent = measure_text_width(label);
        let mut label = self.paint(tone, label);
        for piece in wrap(text, self.style.width.map(|width| width.saturating_sub(indent))) {
            self.line(&format!("{label}{piece}"))?;
            label = " ".repeat(indent);
        }
        Ok(())
    }

    /// Writes a paragraph, wrapped, each line behind as many blanks.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn paragraph(&mut self, indent: usize, text: &str) -> fmt::Result {
        self.labelled(&" ".repeat(indent), Tone::Plain, text)
    }

    /// Writes a paragraph in a tone, wrapped, each line behind as many blanks.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn toned(&mut self, indent: usize, tone: Tone, text: &str) -> fmt::Result {
        for piece in wrap(text, self.style.width.map(|width| width.saturating_sub(indent))) {
            let piece = self.paint(tone, &piece);
            self.line(&format!("{}{piece}", " ".repeat(indent)))?;
        }
        Ok(())
    }

    /// Writes a command on a line of its own, never wrapped, so that it can be pasted.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn command(&mut self, indent: usize, text: &str) -> fmt::Result {
        let text = self.paint(Tone::Command, text);
        self.line(&format!("{}{text}", " ".repeat(indent)))
    }
}

/// Colours a text as its tone says.
pub(super) fn paint(style: Style, tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Strong => "1",
        Tone::Dim => "2",
        Tone::Good => "32",
        Tone::Warning => "33",
        Tone::Bad => "31;1",
        Tone::Command => "36",
    };
    if style.color && !text.trim().is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Breaks a text at its blanks; a word that is wider than the line stays whole, so that it can be copied.
fn wrap(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else {
        return vec![text.to_owned()];
    };
    let width = width.max(12);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { continue };
        let is_full = !line.is_empty() && measure_text_width(line) + 1 + measure_text_width(word) > width;
        if is_full {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Screen, Tone, wrap};
    use crate::ui::Style;

    #[test]
    fn words_wrap_and_long_ones_stay_whole() {
        assert_eq!(wrap("one two three four", Some(12)), ["one two", "three four"]);
        assert_eq!(wrap("a UPID:pve:00000132:0002DDB7 b", Some(12)), ["a", "UPID:pve:00000132:0002DDB7", "b"]);
        assert_eq!(wrap("日本日本日本 日本", Some(12)), ["日本日本日本", "日本"]);
        assert_eq!(wrap("one two three", None), ["one two three"]);
    }

    #[test]
    fn a_label_hangs_in_front_of_its_text() {
        let mut text = String::new();
        let style = Style { color: false, unicode: true, width: Some(24) };
        let mut screen = Screen::new(&mut text, style);
        screen.labelled("error: ", Tone::Bad, "the server did not answer").unwrap();
        assert_eq!(text, "error: the server did\n       not answer\n");
    }

    #[test]
    fn colour_is_used_only_where_the_style_says_so() {
        let mut text = String::new();
        let plain = Style { color: false, unicode: true, width: None };
        let colored = Style { color: true, ..plain };
        assert_eq!(Screen::new(&mut text, plain).paint(Tone::Good, "ok"), "ok");
        assert_eq!(Screen::new(&mut text, colored).paint(Tone::Good, "ok"), "\u{1b}[32mok\u{1b}[0m");
    }
}
