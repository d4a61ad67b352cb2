//! Where a POSIX shell sees lines end: quotes, backslashes and comments; nothing is expanded.

use super::Statement;

#[derive(Clone, Copy, PartialEq, Eq)]
enum ShellState {
    Word,
    Blank,
    Comment,
    Quoted(u8),
}

pub(super) fn statements(bytes: &[u8]) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut state = ShellState::Blank;
    let mut start = 0;
    let mut end = None;
    let mut offset = 0;
    while let Some(byte) = bytes.get(offset) {
        let escapes = *byte == b'\\' && !matches!(state, ShellState::Comment | ShellState::Quoted(b'\''));
        state = match (state, *byte) {
            _ if escapes => {
                offset += 1;
                if state == ShellState::Blank { ShellState::Word } else { state }
            }
            (ShellState::Quoted(quote), _) if *byte == quote => ShellState::Word,
            (ShellState::Quoted(_), _) => state,
            (_, b'\n') => {
                found.extend(Statement::at(bytes, start..end.unwrap_or(offset)));
                (start, end) = (offset + 1, None);
                ShellState::Blank
            }
            (ShellState::Comment, _) => state,
            (_, b'\'' | b'"' | b'`') => ShellState::Quoted(*byte),
            (ShellState::Blank, b'#') => {
                end = Some(offset);
                ShellState::Comment
            }
            (_, b' ' | b'\t' | b';' | b'&' | b'|' | b'(' | b')') => ShellState::Blank,
            _ => ShellState::Word,
        };
        offset += 1;
    }
    let is_open = matches!(state, ShellState::Quoted(_));
    let last = Statement::at(bytes, start..end.unwrap_or(bytes.len()));
    found.extend(last.map(|last| Statement { is_open, ..last }));
    found
}
