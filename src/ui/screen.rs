//! Lines of a screen: headings, found facts, tables, commands to paste.

use std::borrow::Cow;
use std::fmt::{self, Write};

use console::measure_text_width;

use crate::ui::{StickyFlags, Style};

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
    /// The mark of an open question.
    Accent,
}

/// Where a drawing draws: a writer and its style.
pub struct Screen<'a> {
    to: &'a mut dyn Write,
    style: Style,
    sticky_flags: Option<&'a StickyFlags>,
}

impl<'a> Screen<'a> {
    /// Draws into a writer with a style.
    pub fn new(to: &'a mut dyn Write, style: Style) -> Self {
        Self { to, style, sticky_flags: None }
    }

    /// Lets every command repeat these flags.
    #[must_use]
    pub const fn with_sticky_flags(self, repeat: &'a StickyFlags) -> Self {
        Self { sticky_flags: Some(repeat), ..self }
    }

    /// Returns the style of the output.
    #[must_use]
    pub const fn style(&self) -> Style {
        self.style
    }

    /// Colours a text as its tone says, or leaves it as it is; a command gets the flags that it must repeat.
    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        match self.sticky_flags {
            Some(repeat) if tone == Tone::Command => paint(self.style, tone, &repeat.append_flags(text)),
            _ => paint(self.style, tone, text),
        }
    }

    /// Adds to the commands that a sentence names the flags that they must repeat.
    fn complete<'t>(&self, sentence: &'t str) -> Cow<'t, str> {
        self.sticky_flags.map_or(Cow::Borrowed(sentence), |repeat| repeat.append_inside(sentence))
    }

    /// Writes one line as it is.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn line(&mut self, text: &str) -> fmt::Result {
        writeln!(self.to, "{}", decorated(text, self.style))
    }

    /// Writes an address on a line of its own, never wrapped; one that can be clicked where the terminal can.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn address(&mut self, indent: usize, url: &str) -> fmt::Result {
        let blanks = " ".repeat(indent);
        // A terminal that takes colours takes this, or passes over it.
        if self.style.color && self.style.width.is_some() {
            return self.line(&format!("{blanks}\x1b]8;;{url}\x1b\\{url}\x1b]8;;\x1b\\"));
        }
        self.line(&format!("{blanks}{url}"))
    }

    /// Writes an empty line.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn blank_line(&mut self) -> fmt::Result {
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
        for piece in wrap(&self.complete(text), self.style.width.map(|width| width.saturating_sub(indent))) {
            self.line(&format!("{label}{piece}"))?;
            label = " ".repeat(indent);
        }
        Ok(())
    }

    /// Writes a text behind a label as one of several: where it has to be wrapped, it hangs a little further in, so that
    /// the next one can be told from its second line.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn list_item(&mut self, label: &str, tone: Tone, text: &str) -> fmt::Result {
        let indent = measure_text_width(label);
        let mut label = self.paint(tone, label);
        for piece in wrap_hanging(text, self.style.width.map(|width| width.saturating_sub(indent)), HANG) {
            self.line(&format!("{label}{piece}"))?;
            label = " ".repeat(indent + HANG);
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
        for piece in wrap(&self.complete(text), self.style.width.map(|width| width.saturating_sub(indent))) {
            let piece = self.paint(tone, &piece);
            self.line(&format!("{}{piece}", " ".repeat(indent)))?;
        }
        Ok(())
    }

    /// Writes a line of a table, or of text, behind a label. Where it has to be wrapped, it hangs under its last column, or,
    /// where that has no room, a little further in.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn row(&mut self, label: &str, tone: Tone, text: &str) -> fmt::Result {
        let text = &*self.complete(text);
        let indent = measure_text_width(label);
        let column = text.rfind("  ").map_or(0, |at| at + 2);
        let (cells, rest) = text.split_at(column);
        let room = self.style.width.map(|width| width.saturating_sub(indent));
        let hang = measure_text_width(cells);
        let is_narrow = column > 0 && room.is_some_and(|room| room < hang + MIN_LAST_COLUMN);
        let (pieces, hang) = if is_narrow {
            let whole = text.split_whitespace().collect::<Vec<_>>().join(" ");
            (wrap(&whole, room.map(|room| room.saturating_sub(2))), 2)
        } else if column == 0 {
            (wrap_hanging(rest, room, HANG), HANG)
        } else {
            let mut pieces = wrap(rest, room.map(|room| room.saturating_sub(hang)));
            if let Some(first) = pieces.first_mut() {
                first.insert_str(0, cells);
            }
            (pieces, hang)
        };
        let mut label = self.paint(Tone::Strong, label);
        for piece in pieces {
            let piece = self.paint(tone, &piece);
            self.line(&format!("{label}{piece}"))?;
            label = " ".repeat(indent + hang);
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

/// Returns how many columns a text takes on the screen.
#[must_use]
pub(crate) fn text_width(text: &str) -> usize {
    measure_text_width(text)
}

/// A cell that is wider than this pushes the rest of its own row aside, not of all rows.
const MAX_ALIGNED_CELL: usize = 32;

/// So much further in stands what is wrapped of a list item.
const HANG: usize = 2;

/// A last column with less room than this is not wrapped within itself.
const MIN_LAST_COLUMN: usize = 20;

/// Lays rows out in columns, two blanks between them; blanks at the ends of lines are left out.
#[must_use]
pub fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(measure_text_width(cell).min(MAX_ALIGNED_CELL));
        }
    }
    let padded = |cell: &String, width: &usize| {
        format!("{cell}{}", " ".repeat((width + 2).saturating_sub(measure_text_width(cell)).max(2)))
    };
    let line = |row: &Vec<String>| row.iter().zip(&widths).map(|(cell, width)| padded(cell, width)).collect::<String>();
    rows.iter().map(|row| line(row).trim_end().to_owned()).collect()
}

/// Replaces our decoration where only ASCII can be shown; names from elsewhere stay as they are.
pub(super) fn decorated(text: &str, style: Style) -> Cow<'_, str> {
    if style.unicode || text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('•', "*").replace('…', "..."))
}

/// Colours a text as its tone says, with what can be read on dark ground and on light.
pub(super) fn paint(style: Style, tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Strong => "1",
        Tone::Dim => "2",
        Tone::Good => "32",
        Tone::Warning => "35;1",
        Tone::Bad => "31;1",
        Tone::Command => "1",
        Tone::Accent => "34;1",
    };
    if style.color && !text.trim().is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Parts a fingerprint that is wider than the line between its bytes; any other word stays whole.
fn parted(word: &str, width: usize) -> Vec<String> {
    let bytes: Vec<&str> = word.split(':').collect();
    let is_fingerprint =
        bytes.len() > 16 && bytes.iter().all(|it| it.len() == 2 && it.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if !is_fingerprint || word.len() <= width {
        return vec![word.to_owned()];
    }
    // So many that two parts never fit on one line.
    let count = [16, 8].into_iter().find(|count| count * 3 <= width).unwrap_or(4);
    let mut parts: Vec<String> = bytes.chunks(count).map(|part| format!("{}:", part.join(":"))).collect();
    if let Some(last) = parts.last_mut() {
        last.pop();
    }
    parts
}

/// Breaks a text at its blanks; a word that is wider than the line stays whole, so that it can be copied.
pub(super) fn wrap(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else {
        return vec![text.to_owned()];
    };
    let width = width.max(12);
    let mut lines = vec![String::new()];
    for word in text.split(' ').flat_map(|word| parted(word, width)) {
        let Some(line) = lines.last_mut() else { continue };
        let is_full = !line.is_empty() && measure_text_width(line) + 1 + measure_text_width(&word) > width;
        if is_full {
            lines.push(word);
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
    }
    lines
}

/// Does the same with less room from the second line on.
fn wrap_hanging(text: &str, width: Option<usize>, hang: usize) -> Vec<String> {
    let mut lines = wrap(text, width);
    if lines.len() > 1 {
        let first = lines.swap_remove(0);
        let rest = text.get(first.len()..).unwrap_or_default().trim_start_matches(' ').to_owned();
        lines = wrap(&rest, width.map(|width| width.saturating_sub(hang)));
        lines.insert(0, first);
    }
    lines
}

#[cfg(test)]
mod tests;
