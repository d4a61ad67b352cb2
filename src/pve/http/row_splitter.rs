//! Takes the rows of a long list out of a body while it arrives, so that memory never holds more than one of them.
//!
//! `{"data":[ROW,ROW],"total":2}` becomes `{"data":[],"total":2}` and two rows. Everything that is not as it should be stays
//! in the body from there on: parsing it gives the same error as in the body that the server sent.

use std::borrow::Cow;
use std::ops::ControlFlow;

/// How deep a row may be nested: `serde_json` allows 127 levels, of which the body and its list are two.
const MAX_ROW_DEPTH: usize = 125;

/// Takes rows as they arrive.
pub(in crate::pve) trait RowSink {
    /// Notes that a list begins. Of several, the last counts.
    fn begin(&mut self);

    /// Takes the text of one row, and says whether it is JSON.
    fn row(&mut self, text: &[u8]) -> bool;
}

/// What the next byte of a body belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// Whatever is not a row.
    Body,
    /// The list, where a row or its end may stand.
    BeforeFirstRow,
    /// The list, where a row must stand.
    BeforeRow,
    /// The list, where a comma or its end must stand.
    AfterRow,
    /// A row.
    Row(RowKind),
    /// What follows an error.
    Malformed,
}

/// What a row is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowKind {
    /// An object or a list: it ends with its last bracket.
    Nested,
    /// A string: it ends with its quote.
    Text,
    /// A number or a word: it ends before whatever separates it from the next.
    Bare,
}

/// Where in a value the scan is.
#[derive(Debug, Clone, Copy, Default)]
struct Nesting {
    /// How many brackets are open.
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
}

impl Nesting {
    /// Moves on by one byte, and says whether it closed a bracket or a string.
    fn advance(&mut self, byte: u8) -> bool {
        if self.is_in_string {
            let closes = byte == b'"' && !self.is_escaped;
            self.is_escaped = byte == b'\\' && !self.is_escaped;
            self.is_in_string = !closes;
            return closes;
        }
        match byte {
            b'"' => self.is_in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return true;
            }
            _ => {}
        }
        false
    }
}

/// Splits one body.
pub(in crate::pve) struct RowSplitter<'s> {
    sink: &'s mut dyn RowSink,
    /// The body without its rows.
    body: Vec<u8>,
    /// The beginning of a row that has not arrived as a whole.
    row: Vec<u8>,
    position: Position,
    nesting: Nesting,
    /// Where in `body` the last string of the outer object begins.
    name_at: usize,
    /// Whether the name and the colon before the list were the last thing.
    is_at_list: bool,
}

impl<'s> RowSplitter<'s> {
    /// Begins a body whose rows go to a sink.
    pub(in crate::pve) fn new(sink: &'s mut dyn RowSink) -> Self {
        Self {
            sink,
            body: Vec::new(),
            row: Vec::new(),
            position: Position::Body,
            nesting: Nesting::default(),
            name_at: 0,
            is_at_list: false,
        }
    }

    /// Takes the next part of the body.
    pub(in crate::pve) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            match self.position {
                Position::Body => {
                    self.body_byte(*first);
                    bytes = rest;
                }
                Position::BeforeFirstRow | Position::BeforeRow | Position::AfterRow => {
                    if self.between_rows(*first).is_break() {
                        bytes = rest;
                    }
                }
                Position::Row(kind) => {
                    let Some(end) = self.end_of_row(kind, bytes) else {
                        self.row.extend_from_slice(bytes);
                        if self.nesting.depth > MAX_ROW_DEPTH {
                            self.keep_malformed_row();
                        }
                        return;
                    };
                    let (part, after) = bytes.split_at(end);
                    bytes = after;
                    self.end_row(part);
                }
                Position::Malformed => {
                    self.body.extend_from_slice(bytes);
                    return;
                }
            }
        }
    }

    /// Returns the body without its rows, at the end of what arrived.
    pub(in crate::pve) fn into_body(mut self) -> Vec<u8> {
        match self.position {
            Position::Body | Position::BeforeFirstRow | Position::Malformed => {}
            Position::BeforeRow => self.body.extend_from_slice(b"0,"),
            Position::AfterRow => self.body.push(b'0'),
            Position::Row(_) => self.keep_malformed_row(),
        }
        self.body
    }

    /// Takes a byte that is not part of the list.
    fn body_byte(&mut self, byte: u8) {
        let was_in_string = self.nesting.is_in_string;
        self.nesting.advance(byte);
        if !was_in_string && self.nesting.depth == 1 {
            match byte {
                b'"' => self.name_at = self.body.len(),
                b':' => self.is_at_list = self.is_name_of_list(),
                b' ' | b'\t' | b'\n' | b'\r' => {}
                _ => self.is_at_list = false,
            }
        }
        self.body.push(byte);
        if byte == b'[' && self.is_at_list && !was_in_string && self.nesting.depth == 2 {
            self.sink.begin();
            self.position = Position::BeforeFirstRow;
        }
        if self.nesting.depth != 1 || self.nesting.is_in_string {
            self.is_at_list = false;
        }
    }

    /// Says whether the last string of the outer object is the name of the list, in whatever spelling.
    fn is_name_of_list(&self) -> bool {
        let name = self.body.get(self.name_at..).unwrap_or_default();
        serde_json::from_slice::<Cow<'_, str>>(name).is_ok_and(|name| name == "data")
    }

    /// Looks at a byte between two rows; it breaks where that byte is done with.
    fn between_rows(&mut self, byte: u8) -> ControlFlow<()> {
        match (self.position, byte) {
            (_, b' ' | b'\t' | b'\n' | b'\r') => ControlFlow::Break(()),
            (Position::BeforeFirstRow | Position::AfterRow, b']') => {
                self.body.push(byte);
                self.nesting = Nesting { depth: 1, ..Nesting::default() };
                self.position = Position::Body;
                ControlFlow::Break(())
            }
            (Position::AfterRow, b',') => {
                self.position = Position::BeforeRow;
                ControlFlow::Break(())
            }
            (Position::AfterRow, _) => self.keep_malformed(b"0 "),
            (Position::BeforeRow, b',' | b']' | b'}') => self.keep_malformed(b"0,"),
            (_, b',' | b'}') => self.keep_malformed(b""),
            (_, first) => {
                self.nesting = Nesting::default();
                self.position = Position::Row(match first {
                    b'{' | b'[' => RowKind::Nested,
                    b'"' => RowKind::Text,
                    _ => RowKind::Bare,
                });
                ControlFlow::Continue(())
            }
        }
    }

    /// Keeps what is not a list in the body, behind what stands for the rows that were taken.
    fn keep_malformed(&mut self, rows: &[u8]) -> ControlFlow<()> {
        self.body.extend_from_slice(rows);
        self.position = Position::Malformed;
        ControlFlow::Continue(())
    }

    /// Finds the end of a row; nothing where it has not arrived, or is nested too deeply.
    fn end_of_row(&mut self, kind: RowKind, bytes: &[u8]) -> Option<usize> {
        if kind == RowKind::Bare {
            return bytes.iter().position(|byte| matches!(byte, b',' | b']' | b' ' | b'\t' | b'\n' | b'\r'));
        }
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.nesting.is_in_string && !self.nesting.is_escaped {
                // What is neither a quote nor a backslash does not change anything.
                at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
                self.nesting.advance(*bytes.get(at)?);
                at += 1;
                if !self.nesting.is_in_string && self.nesting.depth == 0 {
                    return Some(at);
                }
                continue;
            }
            at += 1;
            let closes = self.nesting.advance(*byte);
            if self.nesting.depth > MAX_ROW_DEPTH {
                return None;
            }
            if closes && self.nesting.depth == 0 && !self.nesting.is_in_string {
                return Some(at);
            }
        }
        None
    }

    /// Takes the last part of a row.
    fn end_row(&mut self, part: &[u8]) {
        let is_json = if self.row.is_empty() {
            self.sink.row(part)
        } else {
            self.row.extend_from_slice(part);
            self.sink.row(&self.row)
        };
        if is_json {
            self.row.clear();
            self.position = Position::AfterRow;
        } else {
            if self.row.is_empty() {
                self.row.extend_from_slice(part);
            }
            self.keep_malformed_row();
        }
    }

    /// Keeps a row that is not JSON in the body.
    fn keep_malformed_row(&mut self) {
        self.body.append(&mut self.row);
        self.position = Position::Malformed;
    }
}
