//! Where Node's dotenv sees assignments: its one regular expression, the same since version 15, by hand.

use std::ops::Range;

use super::{Statement, closing_quotes, end_of_line, over_break, skip, slice};

/// White space as JavaScript's `\s` has it.
fn is_space(character: char) -> bool {
    (character.is_whitespace() && character != '\u{85}') || character == '\u{feff}'
}

pub(super) fn statements(bytes: &[u8]) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut offset = 0;
    while offset < bytes.len() {
        let start = skip(bytes, offset, is_space);
        let mut end = start;
        if let Some((name, value)) = assignment(bytes, start) {
            end = value;
            let length = slice(bytes, &(start..end)).trim_ascii_end().len();
            found.push(Statement { range: start..start + length, name: Some(name), is_open: false });
        }
        offset = over_break(bytes, end_of_line(bytes, end));
    }
    found
}

/// Reads an assignment: its name, and where its value ends.
fn assignment(bytes: &[u8], start: usize) -> Option<(Range<usize>, usize)> {
    let rest = bytes.get(start..).unwrap_or_default();
    if rest.starts_with(b"export") {
        let inner = skip(bytes, start + 6, is_space);
        if inner > start + 6
            && let Some(found) = plain_assignment(bytes, inner)
        {
            return Some(found);
        }
    }
    plain_assignment(bytes, start)
}

fn plain_assignment(bytes: &[u8], start: usize) -> Option<(Range<usize>, usize)> {
    let rest = bytes.get(start..)?;
    let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte)).count();
    if length == 0 {
        return None;
    }
    let name = start..start + length;
    let sign = skip(bytes, name.end, is_space);
    let value = if bytes.get(sign) == Some(&b'=') {
        sign + 1
    } else if bytes.get(name.end) == Some(&b':') && skip(bytes, name.end + 1, is_space) > name.end + 1 {
        name.end + 2
    } else {
        return None;
    };
    Some((name, end_of_value(bytes, value)))
}

fn end_of_value(bytes: &[u8], start: usize) -> usize {
    let quoted = skip(bytes, start, is_space);
    if let Some(quote @ (b'\'' | b'"' | b'`')) = bytes.get(quoted) {
        let closes = |close: &usize| {
            let behind = slice(bytes, &(close + 1..end_of_line(bytes, *close))).trim_ascii_start();
            behind.is_empty() || behind.starts_with(b"#")
        };
        if let Some(close) = closing_quotes(bytes, quoted + 1, *quote).into_iter().find(closes) {
            return close + 1;
        }
    }
    let line = slice(bytes, &(start..end_of_line(bytes, start)));
    start + line.iter().position(|byte| *byte == b'#').unwrap_or(line.len())
}
