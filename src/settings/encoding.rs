//! Recognises text that is not UTF-8: UTF-16 and UTF-32, with and without a byte order mark.

use std::fmt;

/// So much of a file is looked at: its first keys are enough.
const SAMPLE: usize = 64 << 10;

/// The encoding of a file, as `iconv` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-16 with a byte order mark, as PowerShell writes it.
    Utf16,
    /// UTF-16 without a mark, the low byte first.
    Utf16Le,
    /// UTF-16 without a mark, the high byte first.
    Utf16Be,
    /// UTF-32 with a byte order mark.
    Utf32,
    /// UTF-32 without a mark, the low byte first.
    Utf32Le,
    /// UTF-32 without a mark, the high byte first.
    Utf32Be,
}

impl fmt::Display for Encoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Utf16 => "UTF-16",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Utf32 => "UTF-32",
            Self::Utf32Le => "UTF-32LE",
            Self::Utf32Be => "UTF-32BE",
        })
    }
}

/// Returns the encoding of a text that is UTF-16 or UTF-32.
///
/// Without a byte order mark it is known by its NUL bytes: names of variables, `=` and line ends are ASCII, whatever the
/// values are.
pub(super) fn wide_encoding(bytes: &[u8]) -> Option<Encoding> {
    if bytes.starts_with(&[0xFF, 0xFE, 0, 0]) || bytes.starts_with(&[0, 0, 0xFE, 0xFF]) {
        return Some(Encoding::Utf32);
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Some(Encoding::Utf16);
    }
    let sample = bytes.get(..SAMPLE).unwrap_or(bytes);
    let (mut zeros, mut groups) = ([0usize; 4], 0);
    for group in sample.as_chunks::<4>().0 {
        groups += 1;
        for (zeros, byte) in zeros.iter_mut().zip(group) {
            *zeros += usize::from(*byte == 0);
        }
    }
    let [first, second, third, fourth] = zeros;
    let nearly_all = |count: usize| groups > 0 && count * 10 >= groups * 9;
    if fourth == groups && first < groups && nearly_all(third) {
        return Some(Encoding::Utf32Le);
    }
    if first == groups && fourth < groups && nearly_all(second) {
        return Some(Encoding::Utf32Be);
    }
    let pairs = sample.as_chunks::<2>().0;
    let low_first = pairs.iter().filter(|[_, high]| *high == 0).count();
    let high_first = pairs.iter().filter(|[high, _]| *high == 0).count();
    let is_common = |count: usize| count > 1 && count * 5 >= pairs.len();
    // A file that begins as UTF-8 and goes on as UTF-16 is neither: PowerShell makes such when it adds to a file.
    match (low_first, high_first, pairs.first()) {
        (count, 0, Some([_, 0])) if is_common(count) => Some(Encoding::Utf16Le),
        (0, count, Some([0, _])) if is_common(count) => Some(Encoding::Utf16Be),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Encoding, wide_encoding};

    const TEXT: &str = "# Größe, Размер, 大きさ, 🦀\r\nDATABASE=1\r\nPROXMOX_HOST=pve.lan\r\n";

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    fn utf32(text: &str, order: fn(u32) -> [u8; 4]) -> Vec<u8> {
        text.chars().flat_map(|character| order(u32::from(character))).collect()
    }

    #[test]
    fn wide_text_is_recognised_with_and_without_its_mark() {
        let marked = format!("\u{FEFF}{TEXT}");
        for text in [TEXT, "A=1\n", "A=", "\n\nKEY='日本語の値'\n"] {
            for (bytes, expected) in [
                (utf16(text, u16::to_le_bytes), Encoding::Utf16Le),
                (utf16(text, u16::to_be_bytes), Encoding::Utf16Be),
                (utf32(text, u32::to_le_bytes), Encoding::Utf32Le),
                (utf32(text, u32::to_be_bytes), Encoding::Utf32Be),
            ] {
                assert_eq!(wide_encoding(&bytes), Some(expected), "{text:?} {expected}");
            }
        }
        for bytes in [utf16(&marked, u16::to_le_bytes), utf16(&marked, u16::to_be_bytes), vec![0xFF, 0xFE]] {
            assert_eq!(wide_encoding(&bytes), Some(Encoding::Utf16));
        }
        for bytes in [utf32(&marked, u32::to_le_bytes), utf32(&marked, u32::to_be_bytes)] {
            assert_eq!(wide_encoding(&bytes), Some(Encoding::Utf32));
        }
    }

    #[test]
    fn utf_8_and_the_old_encodings_are_not_wide() {
        let with_mark = format!("\u{FEFF}{TEXT}");
        for bytes in
            [b"".as_slice(), b"A", b"A=1\n", TEXT.as_bytes(), with_mark.as_bytes(), b"A=gr\xFC\xDFe\n", b"A=1\0"]
        {
            assert_eq!(wide_encoding(bytes), None, "{bytes:?}");
        }
    }
}
