//! Where a POSIX shell sees lines end: quotes, backslashes and comments; nothing is expanded.

use super::Statement;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Word,
    Blank,
    Comment,
    Quoted(u8),
}

pub(super) fn statements(bytes: &[u8]) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut state = State::Blank;
    let mut start = 0;
    let mut end = None;
    let mut offset = 0;
    while let Some(byte) = bytes.get(offset) {
        let escapes = *byte == b'\\' && !matches!(state, State::Comment | State::Quoted(b'\''));
        state = match (state, *byte) {
            _ if escapes => {
                offset += 1;
                if state == State::Blank { State::Word } else { state }
            }
            (State::Quoted(quote), _) if *byte == quote => State::Word,
            (State::Quoted(_), _) => state,
            (_, b'\n') => {
                found.extend(Statement::at(bytes, start..end.unwrap_or(offset)));
                (start, end) = (offset + 1, None);
                State::Blank
            }
            (State::Comment, _) => state,
            (_, b'\'' | b'"' | b'`') => State::Quoted(*byte),
            (State::Blank, b'#') => {
                end = Some(offset);
                State::Comment
            }
            (_, b' ' | b'\t' | b';' | b'&' | b'|' | b'(' | b')') => State::Blank,
            _ => State::Word,
        };
        offset += 1;
    }
    let is_open = matches!(state, State::Quoted(_));
    let last = Statement::at(bytes, start..end.unwrap_or(bytes.len()));
    found.extend(last.map(|last| Statement { is_open, ..last }));
    found
}
