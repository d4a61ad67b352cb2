//! One escape at a time: percent, JSON, HTML, shell and the control sequences of a terminal.

/// Bytes that were decoded, and how many bytes of the text they took.
pub(super) struct Unit {
    decoded: [u8; 4],
    length: usize,
    pub(super) taken: usize,
}

impl Unit {
    pub(super) const fn byte(byte: u8, taken: usize) -> Self {
        Self { decoded: [byte, 0, 0, 0], length: 1, taken }
    }

    pub(super) fn character(number: u32, taken: usize) -> Option<Self> {
        let mut decoded = [0; 4];
        let length = char::from_u32(number)?.encode_utf8(&mut decoded).len();
        Some(Self { decoded, length, taken })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.decoded.get(..self.length).unwrap_or_default()
    }
}

/// Returns the value of a digit of base64 or base64url.
pub(super) const fn sextet(byte: u8) -> Option<u32> {
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
pub(super) fn unit(rest: &[u8]) -> Option<Unit> {
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
pub(super) fn control_sequence(rest: &[u8]) -> usize {
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
pub(super) fn line_break(rest: &[u8]) -> usize {
    if rest.first() != Some(&b'\n') {
        return 0;
    }
    let blanks = 1 + rest.iter().skip(1).take_while(|byte| **byte == b' ').count();
    if rest.get(blanks..).is_some_and(|more| more.starts_with(b"# ")) { blanks + 2 } else { blanks }
}
