//! Where the four programs that read a `.env` see its statements begin and end.

pub(super) mod dotenvy;
pub(super) mod node;
pub(super) mod python;
pub(super) mod shell;

use std::fmt;
use std::ops::Range;

/// A program that reads `.env` files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// python-dotenv, which the Glassdome application uses.
    Python,
    /// The Rust library dotenvy.
    Dotenvy,
    /// Node's dotenv.
    Node,
    /// A POSIX shell that sources the file.
    Shell,
}

impl fmt::Display for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Python => "python-dotenv",
            Self::Dotenvy => "dotenvy",
            Self::Node => "Node's dotenv",
            Self::Shell => "sh",
        })
    }
}

impl Reader {
    pub(super) const ALL: [Self; 4] = [Self::Python, Self::Dotenvy, Self::Node, Self::Shell];

    /// Splits a file as this program would; comments and blank lines are left out.
    pub(super) fn statements(self, bytes: &[u8]) -> Vec<Statement> {
        match self {
            Self::Python => python::statements(bytes),
            Self::Dotenvy => dotenvy::statements(bytes),
            Self::Node => node::statements(bytes),
            Self::Shell => shell::statements(bytes),
        }
    }
}

/// What one program takes for one assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// From `export` or the name to the end of the value or of the line, blanks at the ends excluded.
    pub(super) range: Range<usize>,
    /// The name that is assigned to, where there is one.
    pub(super) name: Option<Range<usize>>,
    /// Whether a quote in it is never closed, so that the program cannot read it, nor anything behind it.
    pub(super) is_open: bool,
}

impl Statement {
    /// Makes a statement of a stretch of the file, looking for `[export] NAME =` at its beginning.
    fn at(bytes: &[u8], range: Range<usize>) -> Option<Self> {
        let text = slice(bytes, &range);
        let start = range.start + text.len() - text.trim_ascii_start().len();
        let range = start..start + text.trim_ascii().len();
        let text = slice(bytes, &range);
        if text.is_empty() || text.starts_with(b"#") {
            return None;
        }
        let name = name_in(text).map(|name| start + name.start..start + name.end);
        Some(Self { range, name, is_open: false })
    }
}

/// Finds the name in `[export] NAME [=]`.
fn name_in(text: &[u8]) -> Option<Range<usize>> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut start = 0;
    if let Some(rest) = text.strip_prefix(b"export")
        && rest.first().is_some_and(is_blank)
    {
        start = text.len() - rest.trim_ascii_start().len();
    }
    // python-dotenv takes `'NAME'=` too.
    let quote: &[u8] = if text.get(start) == Some(&b'\'') { b"'" } else { b"" };
    start += quote.len();
    let rest = text.get(start..)?;
    let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte)).count();
    let behind = rest.get(length..)?.strip_prefix(quote)?.iter().find(|byte| !is_blank(byte));
    (length > 0 && behind.is_none_or(|byte| b"=#\r\n".contains(byte))).then_some(start..start + length)
}

/// Returns a stretch of the file; nothing where it lies outside.
pub(super) fn slice<'a>(bytes: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    bytes.get(range.clone()).unwrap_or_default()
}

/// Returns the number of the line that an offset lies in, counted from 1.
pub(super) fn line_at(bytes: &[u8], offset: usize) -> usize {
    let before = bytes.get(..offset).unwrap_or(bytes);
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// Returns the width of the character at an offset where it is white space, and nothing else.
fn space_at(bytes: &[u8], offset: usize, is_space: fn(char) -> bool) -> Option<usize> {
    let first = *bytes.get(offset)?;
    if first.is_ascii() {
        return is_space(char::from(first)).then_some(1);
    }
    let width = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        _ => return None,
    };
    let text = std::str::from_utf8(bytes.get(offset..offset + width)?).ok()?;
    text.starts_with(is_space).then_some(width)
}

/// Skips white space.
fn skip(bytes: &[u8], mut offset: usize, is_space: fn(char) -> bool) -> usize {
    while let Some(width) = space_at(bytes, offset, is_space) {
        offset += width;
    }
    offset
}

/// Finds the end of the line, in front of its line break.
fn end_of_line(bytes: &[u8], offset: usize) -> usize {
    let rest = bytes.get(offset..).unwrap_or_default();
    offset + rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len())
}

/// Goes over one line break: `\r\n`, `\n` or `\r`.
pub(super) fn over_break(bytes: &[u8], offset: usize) -> usize {
    match (bytes.get(offset), bytes.get(offset + 1)) {
        (Some(b'\r'), Some(b'\n')) => offset + 2,
        (Some(b'\r' | b'\n'), _) => offset + 1,
        _ => offset,
    }
}

/// Finds the quotes that could close `(?:\\'|[^'])*'`, the preferred one first: the first that no backslash is before,
/// else, last to first, those behind a backslash.
fn closing_quotes(bytes: &[u8], from: usize, quote: u8) -> Vec<usize> {
    let mut escaped = Vec::new();
    let mut offset = from;
    while let Some(byte) = bytes.get(offset) {
        if *byte == b'\\' && bytes.get(offset + 1) == Some(&quote) {
            escaped.push(offset + 1);
            offset += 2;
            continue;
        }
        if *byte == quote {
            escaped.push(offset);
            break;
        }
        offset += 1;
    }
    escaped.reverse();
    escaped
}
