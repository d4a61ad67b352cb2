//! Where dotenvy 0.15 sees lines end, ported from its `iter.rs`; decoding is left to the library itself.

use super::{Statement, slice};

#[derive(Clone, Copy, PartialEq, Eq)]
enum DotenvyState {
    Complete,
    Blank,
    Escape,
    Quoted(char),
    QuotedEscape(char),
    Comment,
}

pub(super) fn statements(bytes: &[u8]) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut state = DotenvyState::Complete;
    let mut start = 0;
    let mut offset = 0;
    while offset < bytes.len() {
        let rest = bytes.get(offset..).unwrap_or_default();
        let end = offset + rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |length| length + 1);
        let line = String::from_utf8_lossy(slice(bytes, &(offset..end)));
        let mut end_of_statement = end;
        if state != DotenvyState::Complete || !line.trim_start().starts_with('#') {
            (state, end_of_statement) = walk(state, &line, offset, end);
        }
        if matches!(state, DotenvyState::Complete | DotenvyState::Comment) {
            found.extend(Statement::at(bytes, start..end_of_statement));
            (state, start) = (DotenvyState::Complete, end);
        }
        offset = end;
    }
    if start < bytes.len() {
        let is_open = matches!(state, DotenvyState::Quoted(_) | DotenvyState::QuotedEscape(_));
        found.extend(Statement::at(bytes, start..bytes.len()).map(|last| Statement { is_open, ..last }));
    }
    found
}

/// Returns the state behind a line, and where its statement ends.
fn walk(mut state: DotenvyState, line: &str, offset: usize, end: usize) -> (DotenvyState, usize) {
    for (position, character) in line.char_indices() {
        state = match (state, character) {
            (DotenvyState::Blank, '#') => return (DotenvyState::Comment, offset + position),
            (DotenvyState::Quoted(_), '\\') => match state {
                DotenvyState::Quoted(quote) => DotenvyState::QuotedEscape(quote),
                other => other,
            },
            (DotenvyState::Quoted(quote), _) if character == quote => DotenvyState::Complete,
            (DotenvyState::Quoted(quote) | DotenvyState::QuotedEscape(quote), _) => DotenvyState::Quoted(quote),
            (DotenvyState::Escape, _) => DotenvyState::Complete,
            (_, '\\') => DotenvyState::Escape,
            (_, '"' | '\'') => DotenvyState::Quoted(character),
            (DotenvyState::Complete, _) if character.is_whitespace() && !"\r\n".contains(character) => {
                DotenvyState::Blank
            }
            _ => DotenvyState::Complete,
        };
    }
    (state, end)
}

/// Reads one statement with the library; `None` if it is refused.
pub(in crate::settings) fn decode(statement: &[u8]) -> Option<String> {
    ::dotenvy::from_read_iter(statement).next()?.ok().map(|(_, value)| value)
}
