//! Text as a decoder would read it, with the place of each byte in the text itself.

/// A text in one of its readings.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// The bytes of this reading.
    pub(super) bytes: Vec<u8>,
    /// Where each byte comes from; nothing where each stands at its own place.
    places: Option<Vec<SpellingPosition>>,
}

/// Where something stands in the text that is shown, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpellingPosition {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Bytes that were decoded, and how many bytes of the text they took.
struct Unit {
    decoded: [u8; 4],
    length: usize,
    taken: usize,
}

impl Unit {
    const fn byte(byte: u8, taken: usize) -> Self {
        Self { decoded: [byte, 0, 0, 0], length: 1, taken }
    }

    fn character(number: u32, taken: usize) -> Option<Self> {
        let mut decoded = [0; 4];
        let length = char::from_u32(number)?.encode_utf8(&mut decoded).len();
        Some(Self { decoded, length, taken })
    }

    fn bytes(&self) -> &[u8] {
        self.decoded.get(..self.length).unwrap_or_default()
    }
}

impl View {
    /// Reads a text as it stands.
    pub(super) fn of(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), places: None }
    }

    /// Gives the place in the shown text of a part of this reading that is not empty.
    pub(super) fn place(&self, start: usize, end: usize) -> SpellingPosition {
        let Some(places) = &self.places else { return SpellingPosition { start, end } };
        let first = places.get(start).map_or(0, |place| place.start);
        let last = end.checked_sub(1).and_then(|last| places.get(last)).map_or(first, |place| place.end);
        SpellingPosition { start: first, end: last }
    }

    /// Decodes every escape once: percent, JSON, HTML, shell. Gives nothing where there is none.
    pub(super) fn unescaped(&self) -> Option<Self> {
        if !self.bytes.iter().any(|byte| b"%\\&".contains(byte)) {
            return None;
        }
        let mut reading = SpellingReader::default();
        let mut changed = false;
        let mut at = 0;
        while let Some(rest) = self.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let unit = unit(rest).inspect(|_| changed = true);
            let unit = unit.unwrap_or_else(|| Unit::byte(rest.first().copied().unwrap_or_default(), 1));
            reading.push(unit.bytes(), self.place(at, at + unit.taken));
            at += unit.taken;
        }
        changed.then(|| reading.view())
    }

    /// Takes out what a screen puts into a text: colours and links, and line breaks with the indentation behind them, for
    /// which it writes `between`. Gives nothing where there are none.
    pub(super) fn unwrapped(&self, between: &[u8]) -> Option<Self> {
        if !self.bytes.iter().any(|byte| b"\n\x1b".contains(byte)) {
            return None;
        }
        let mut reading = SpellingReader::default();
        let mut at = 0;
        while let Some(rest) = self.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let control = control_sequence(rest);
            let broken = if control == 0 { line_break(rest) } else { 0 };
            if broken > 0 {
                reading.push(between, self.place(at, at + broken));
            } else if control == 0 {
                reading.push(rest.get(..1).unwrap_or_default(), self.place(at, at + 1));
            }
            at += control.max(broken).max(1);
        }
        Some(reading.view())
    }

    /// Says whether there is a run of characters that could be base64.
    pub(super) fn holds_base64(&self, least: usize) -> bool {
        let mut run = 0;
        self.bytes.iter().any(|byte| {
            run = if sextet(*byte).is_some() { run + 1 } else { 0 };
            run >= least
        })
    }

    /// Decodes everything that could be base64 or base64url, taking the first character of each run for the one at
    /// `offset` of four. Runs are kept apart by a zero byte, or by dots where a run was cut off.
    pub(super) fn unencoded(&self, offset: usize, least: usize) -> Self {
        let mut reading = SpellingReader::default();
        let mut at = 0;
        while at < self.bytes.len() {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let run = rest.iter().take_while(|byte| sextet(**byte).is_some()).count();
            if run >= least {
                self.decode_run(at + offset.min(run), at + run, &mut reading);
                let after = rest.get(run..).unwrap_or_default();
                let is_cut = after.starts_with(b"...") || after.starts_with("…".as_bytes());
                let place = self.place(at + run - 1, at + run);
                reading
                    .push(if is_cut { b"..." } else { b"\0" }, SpellingPosition { start: place.end, end: place.end });
            }
            at += run.max(1);
        }
        reading.view()
    }

    fn decode_run(&self, start: usize, end: usize, reading: &mut SpellingReader) {
        let digits = self.bytes.get(start..end).unwrap_or_default();
        let (mut bits, mut count) = (0_u32, 0_u32);
        for (index, digit) in digits.iter().filter_map(|byte| sextet(*byte)).enumerate() {
            bits = (bits << 6 | digit) & 0xFFFF;
            count += 6;
            if count >= 8 {
                count -= 8;
                let byte = u8::try_from(bits >> count & 0xFF).unwrap_or_default();
                // A byte stands in the last two digits; those before and behind share bits with it.
                reading.push(&[byte], self.place(start + index - 1, start + index + 1));
            }
        }
    }
}

/// A reading that is being put together.
#[derive(Default)]
struct SpellingReader {
    bytes: Vec<u8>,
    places: Vec<SpellingPosition>,
}

impl SpellingReader {
    fn push(&mut self, bytes: &[u8], place: SpellingPosition) {
        self.bytes.extend_from_slice(bytes);
        self.places.extend(std::iter::repeat_n(place, bytes.len()));
    }

    fn view(self) -> View {
        View { bytes: self.bytes, places: Some(self.places) }
    }
}

/// Gives the value of a digit of base64 or base64url.
const fn sextet(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(digit as u32)
}

/// Reads one escape at the beginning of a text.
fn unit(rest: &[u8]) -> Option<Unit> {
    match rest.first()? {
        b'%' => percent(rest),
        b'\\' => backslash(rest),
        b'&' => entity(rest),
        // A quote inside the single quotes of a shell.
        b'\'' if rest.starts_with(br"'\''") => Some(Unit::byte(b'\'', 4)),
        _ => None,
    }
}

/// Reads `%2D`, or `%u002d` as some servers write it.
fn percent(rest: &[u8]) -> Option<Unit> {
    if let Some(b'u' | b'U') = rest.get(1) {
        return Unit::character(number(rest.get(2..6)?, 16)?, 6);
    }
    let byte = number(rest.get(1..3)?, 16)?;
    Some(Unit::byte(u8::try_from(byte).ok()?, 3))
}

/// Reads `\u002d`, `\u{2d}`, `\x2d`, `\055`, or `\` before any sign.
fn backslash(rest: &[u8]) -> Option<Unit> {
    match rest.get(1)? {
        b'u' if rest.get(2) == Some(&b'{') => {
            let digits = rest.get(3..)?.iter().take(7).take_while(|byte| byte.is_ascii_hexdigit()).count();
            let is_closed = rest.get(3 + digits) == Some(&b'}');
            let character = Unit::character(number(rest.get(3..3 + digits)?, 16)?, 4 + digits);
            character.filter(|_| is_closed)
        }
        b'u' => {
            let first = number(rest.get(2..6)?, 16)?;
            let Some(high) = first.checked_sub(0xD800).filter(|high| *high < 0x400) else {
                return Unit::character(first, 6);
            };
            let second = rest.get(6..8).filter(|begin| *begin == br"\u").and_then(|_| number(rest.get(8..12)?, 16))?;
            let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
            Unit::character(0x1_0000 + (high << 10) + low, 12)
        }
        b'x' => Some(Unit::byte(u8::try_from(number(rest.get(2..4)?, 16)?).ok()?, 4)),
        b'n' => Some(Unit::byte(b'\n', 2)),
        b'r' => Some(Unit::byte(b'\r', 2)),
        b't' => Some(Unit::byte(b'\t', 2)),
        b'0'..=b'7' => Some(Unit::byte(u8::try_from(number(rest.get(1..4)?, 8)?).ok()?, 4)),
        // These two begin an escape of their own, which are never written with a backslash before them.
        b'%' | b'&' => None,
        sign if sign.is_ascii_punctuation() => Some(Unit::byte(*sign, 2)),
        _ => None,
    }
}

/// Names of HTML for signs of ASCII, and for the hyphen's relatives.
const ENTITIES: [(&str, u8); 42] = [
    ("amp", b'&'),
    ("lt", b'<'),
    ("gt", b'>'),
    ("quot", b'"'),
    ("apos", b'\''),
    ("nbsp", b' '),
    ("Tab", b'\t'),
    ("NewLine", b'\n'),
    ("excl", b'!'),
    ("num", b'#'),
    ("dollar", b'$'),
    ("percnt", b'%'),
    ("lpar", b'('),
    ("rpar", b')'),
    ("ast", b'*'),
    ("midast", b'*'),
    ("plus", b'+'),
    ("comma", b','),
    ("hyphen", b'-'),
    ("dash", b'-'),
    ("minus", b'-'),
    ("period", b'.'),
    ("sol", b'/'),
    ("colon", b':'),
    ("semi", b';'),
    ("equals", b'='),
    ("quest", b'?'),
    ("commat", b'@'),
    ("lsqb", b'['),
    ("lbrack", b'['),
    ("bsol", b'\\'),
    ("rsqb", b']'),
    ("rbrack", b']'),
    ("Hat", b'^'),
    ("lowbar", b'_'),
    ("grave", b'`'),
    ("lcub", b'{'),
    ("lbrace", b'{'),
    ("verbar", b'|'),
    ("vert", b'|'),
    ("rcub", b'}'),
    ("rbrace", b'}'),
];

/// The longest name, and more digits than any number of a character needs.
const ENTITY_AT_MOST: usize = 12;

/// Reads `&#45;`, `&#x2d;` or `&amp;`; browsers take a number without its semicolon, too.
fn entity(rest: &[u8]) -> Option<Unit> {
    let body = rest.get(1..)?;
    if let Some(digits) = body.strip_prefix(b"#") {
        let (digits, base, before) = match digits.first()? {
            b'x' | b'X' => (digits.get(1..)?, 16, 3),
            _ => (digits, 10, 2),
        };
        let is_digit = |byte: &&u8| if base == 16 { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
        let count = digits.iter().take(ENTITY_AT_MOST).take_while(is_digit).count();
        let semicolon = usize::from(digits.get(count) == Some(&b';'));
        return Unit::character(number(digits.get(..count)?, base)?, before + count + semicolon);
    }
    let length = body.iter().take(ENTITY_AT_MOST).position(|byte| *byte == b';')?;
    let name = body.get(..length)?;
    let known = ENTITIES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
    known.map(|(_, byte)| Unit::byte(*byte, length + 2))
}

fn number(digits: &[u8], base: u32) -> Option<u32> {
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|it| it.is_ascii_alphanumeric()))?;
    u32::from_str_radix(digits, base).ok()
}

/// Measures the control sequence of a terminal that a text begins with: a colour, or a link.
fn control_sequence(rest: &[u8]) -> usize {
    match rest.get(..2) {
        Some(b"\x1b[") => {
            let inner = rest.iter().skip(2).take_while(|byte| matches!(byte, 0x20..=0x3F)).count();
            (inner + 3).min(rest.len())
        }
        Some(b"\x1b]") => {
            let inner = rest.iter().skip(2).take_while(|byte| !matches!(byte, 0x07 | 0x1b)).count();
            let end = if rest.get(inner + 2) == Some(&0x1b) { 2 } else { 1 };
            (inner + 2 + end).min(rest.len())
        }
        _ => 0,
    }
}

/// Measures the line break that a text begins with, with the indentation behind it and the `#` of a comment.
fn line_break(rest: &[u8]) -> usize {
    if rest.first() != Some(&b'\n') {
        return 0;
    }
    let blanks = 1 + rest.iter().skip(1).take_while(|byte| **byte == b' ').count();
    if rest.get(blanks..).is_some_and(|more| more.starts_with(b"# ")) { blanks + 2 } else { blanks }
}

/// Writes bytes so that readings that mean the same are alike: ASCII and the letters of other alphabets in lower case, `+`
/// as the blank that it is in a form, and the ellipsis as dots. No byte changes its place.
pub(super) fn folded(bytes: &[u8]) -> Vec<u8> {
    let mut folded: Vec<u8> = bytes.to_ascii_lowercase();
    for byte in &mut folded {
        if *byte == b'+' {
            *byte = b' ';
        }
    }
    if folded.is_ascii() {
        return folded;
    }
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let length = character.len_utf8();
            if let Some(place) = folded.get_mut(at..at + length).filter(|_| length > 1) {
                fold_letter(character, place);
            }
            at += length;
        }
        at += chunk.invalid().len();
    }
    folded
}

/// Writes a character in lower case where that takes as many bytes.
fn fold_letter(character: char, place: &mut [u8]) {
    if character == '…' {
        place.copy_from_slice(b"...");
        return;
    }
    let mut lower = character.to_lowercase();
    let mut buffer = [0; 4];
    if let (Some(first), None) = (lower.next(), lower.next())
        && first.len_utf8() == place.len()
    {
        place.copy_from_slice(first.encode_utf8(&mut buffer).as_bytes());
    }
}

#[cfg(test)]
mod tests;
