//! The grammar of python-dotenv 1.x, whose reading decides; ported from its `parser.py` and `variables.py`.

use std::ops::Range;

use super::{Statement, closing_quotes, end_of_line, over_break, skip, slice, space_at};

/// What is around a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::settings) enum Quotes {
    None,
    Single,
    Double,
}

/// A value as it is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::settings) struct RawValue {
    /// With its quotes.
    pub(in crate::settings) range: Range<usize>,
    pub(in crate::settings) quotes: Quotes,
}

/// What python-dotenv takes for one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::settings) struct Binding {
    /// From `export` or the name to behind the line break.
    pub(in crate::settings) range: Range<usize>,
    /// The name, without quotes. Nothing for a comment and for a statement that cannot be read.
    pub(in crate::settings) name: Option<Range<usize>>,
    pub(in crate::settings) value: Option<RawValue>,
    pub(in crate::settings) is_broken: bool,
}

impl Binding {
    /// Returns whether this binds a name, byte for byte.
    pub(in crate::settings) fn binds(&self, bytes: &[u8], name: &str) -> bool {
        self.name.as_ref().is_some_and(|range| slice(bytes, range) == name.as_bytes())
    }
}

/// White space as Python's `\s` has it.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// White space within a line.
fn is_blank(character: char) -> bool {
    is_space(character) && character != '\r' && character != '\n'
}

/// Splits a file into bindings.
pub(in crate::settings) fn bindings(bytes: &[u8]) -> Vec<Binding> {
    let mut found = Vec::new();
    let mut offset = 0;
    loop {
        let start = skip(bytes, offset, is_space);
        if start >= bytes.len() {
            return found;
        }
        let mut cursor = Cursor { bytes, offset: start };
        let read = cursor.binding();
        if read.is_none() {
            cursor.offset = over_break(bytes, end_of_line(bytes, cursor.offset));
        }
        let is_broken = read.is_none();
        let (name, value) = read.unwrap_or_default();
        found.push(Binding { range: start..cursor.offset, name, value, is_broken });
        offset = cursor.offset;
    }
}

pub(super) fn statements(bytes: &[u8]) -> Vec<Statement> {
    let statement = |binding: Binding| match binding.name {
        Some(name) => {
            let text = slice(bytes, &binding.range);
            let end = binding.range.start + text.trim_ascii_end().len();
            Some(Statement { range: binding.range.start..end, name: Some(name), is_open: false })
        }
        None if binding.is_broken => Statement::at(bytes, binding.range),
        None => None,
    };
    bindings(bytes).into_iter().filter_map(statement).collect()
}

struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.offset).copied()
    }

    fn skip_blanks(&mut self) {
        self.offset = skip(self.bytes, self.offset, is_blank);
    }

    /// Reads one statement; where it cannot be read, the offset stays where the reading failed.
    fn binding(&mut self) -> Option<(Option<Range<usize>>, Option<RawValue>)> {
        self.skip_export();
        let name = if self.peek() == Some(b'#') { None } else { Some(self.name()?) };
        self.skip_blanks();
        let mut value = None;
        if self.peek() == Some(b'=') {
            self.offset += 1;
            self.skip_blanks();
            value = Some(self.value()?);
        }
        self.end()?;
        Some((name, value))
    }

    fn skip_export(&mut self) {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        if rest.starts_with(b"export") && space_at(self.bytes, self.offset + 6, is_blank).is_some() {
            self.offset = skip(self.bytes, self.offset + 6, is_blank);
        }
    }

    fn name(&mut self) -> Option<Range<usize>> {
        let start = self.offset;
        if self.peek() == Some(b'\'') {
            let rest = self.bytes.get(start + 1..)?;
            let length = rest.iter().position(|byte| *byte == b'\'').filter(|length| *length > 0)?;
            self.offset = start + length + 2;
            return Some(start + 1..start + 1 + length);
        }
        while let Some(byte) = self.peek() {
            if byte == b'=' || byte == b'#' || space_at(self.bytes, self.offset, is_space).is_some() {
                break;
            }
            self.offset += 1;
        }
        (self.offset > start).then_some(start..self.offset)
    }

    fn value(&mut self) -> Option<RawValue> {
        let start = self.offset;
        let (quote, quotes) = match self.peek() {
            Some(b'\'') => (b'\'', Quotes::Single),
            Some(b'"') => (b'"', Quotes::Double),
            _ => {
                self.offset = end_of_line(self.bytes, start);
                let text = slice(self.bytes, &(start..self.offset));
                return Some(RawValue { range: start..start + unquoted_length(text), quotes: Quotes::None });
            }
        };
        let close = *closing_quotes(self.bytes, start + 1, quote).first()?;
        self.offset = close + 1;
        Some(RawValue { range: start..self.offset, quotes })
    }

    /// Reads a comment and the end of the line.
    fn end(&mut self) -> Option<()> {
        let behind = skip(self.bytes, self.offset, is_blank);
        if self.bytes.get(behind) == Some(&b'#') {
            self.offset = end_of_line(self.bytes, behind);
        }
        let end = skip(self.bytes, self.offset, is_blank);
        if end < self.bytes.len() && end_of_line(self.bytes, end) != end {
            return None;
        }
        self.offset = over_break(self.bytes, end);
        Some(())
    }
}

/// Measures an unquoted value: up to the first `#` behind white space, without the white space at its end.
fn unquoted_length(text: &[u8]) -> usize {
    let mut end_of_word = 0;
    let mut offset = 0;
    while let Some(byte) = text.get(offset) {
        if let Some(width) = space_at(text, offset, is_space) {
            offset += width;
            continue;
        }
        if *byte == b'#' && offset > end_of_word {
            return end_of_word;
        }
        offset += 1;
        end_of_word = offset;
    }
    end_of_word
}

/// Decodes a value: quotes off, escapes and line breaks read, `${X}` left as it is.
pub(in crate::settings) fn decode(bytes: &[u8], value: &RawValue) -> String {
    let text = String::from_utf8_lossy(slice(bytes, &value.range));
    if value.quotes == Quotes::None {
        return text.into_owned();
    }
    // Python opens the file as text and so never sees a `\r`.
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default().replace("\r\n", "\n").replace('\r', "\n");
    let mut decoded = String::with_capacity(inner.len());
    let mut rest = inner.chars().peekable();
    while let Some(character) = rest.next() {
        let escape = if character == '\\' { rest.peek().and_then(|next| escaped(*next, value.quotes)) } else { None };
        if escape.is_some() {
            rest.next();
        }
        decoded.push(escape.unwrap_or(character));
    }
    decoded
}

fn escaped(character: char, quotes: Quotes) -> Option<char> {
    match (character, quotes) {
        ('\\' | '\'', _) => Some(character),
        (_, Quotes::Single | Quotes::None) => None,
        ('"', Quotes::Double) => Some('"'),
        ('a', Quotes::Double) => Some('\u{7}'),
        ('b', Quotes::Double) => Some('\u{8}'),
        ('f', Quotes::Double) => Some('\u{c}'),
        ('n', Quotes::Double) => Some('\n'),
        ('r', Quotes::Double) => Some('\r'),
        ('t', Quotes::Double) => Some('\t'),
        ('v', Quotes::Double) => Some('\u{b}'),
        _ => None,
    }
}

/// Puts values in place of `${NAME}` and `${NAME:-default}`.
pub(in crate::settings) fn interpolate(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((start, variable)) = next_variable(rest) {
        result.push_str(rest.get(..start).unwrap_or_default());
        let value = lookup(variable.name).unwrap_or_else(|| variable.default.to_owned());
        result.push_str(&value);
        rest = rest.get(start + variable.length..).unwrap_or_default();
    }
    result.push_str(rest);
    result
}

/// Returns whether python-dotenv would put a value in place of something in this text.
pub(in crate::settings) fn has_variable(text: &str) -> bool {
    next_variable(text).is_some()
}

/// Lists the variables that a text refers to and that nothing sets, where nothing else is put in their place; each once.
pub(in crate::settings) fn undefined_variables(text: &str, is_set: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut undefined: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((start, variable)) = next_variable(rest) {
        let name = variable.name.to_owned();
        if variable.default.is_empty() && !is_set(&name) && !undefined.contains(&name) {
            undefined.push(name);
        }
        rest = rest.get(start + variable.length..).unwrap_or_default();
    }
    undefined
}

struct Expansion<'a> {
    name: &'a str,
    default: &'a str,
    length: usize,
}

fn next_variable(text: &str) -> Option<(usize, Expansion<'_>)> {
    text.match_indices("${").find_map(|(start, _)| {
        let rest = text.get(start + 2..)?;
        let name_length = rest.find(['}', ':'])?;
        let (name, behind) = rest.split_at_checked(name_length)?;
        if behind.starts_with('}') {
            return Some((start, Expansion { name, default: "", length: 2 + name_length + 1 }));
        }
        let tail = behind.strip_prefix(":-")?;
        let (default, _) = tail.split_once('}')?;
        Some((start, Expansion { name, default, length: 2 + name_length + 2 + default.len() + 1 }))
    })
}

#[cfg(test)]
mod tests;
