//! Text from a file that some program wrote: UTF-8 or UTF-16, with or without a byte order mark.

use zeroize::Zeroizing;

/// Why bytes are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// Bytes that UTF-8 does not have, and no sign of UTF-16.
    #[error("it is not UTF-8 text: byte 0x{byte:02X} at position {position}")]
    Utf8 {
        /// The byte.
        byte: u8,
        /// Where it is, counted from 1.
        position: usize,
    },
    /// UTF-16 that is cut off or holds half a character.
    #[error("it looks like UTF-16 text, and is damaged")]
    Utf16,
}

/// Reads a text. PowerShell writes UTF-16 with `>`, some editors a byte order mark.
///
/// # Errors
/// Fails if the bytes are no text.
pub fn decode(bytes: &[u8]) -> Result<Zeroizing<String>, NotText> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest, 3),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        // A secret begins with an ASCII character: beside it is the zero that its high byte is.
        [first, 0, ..] if *first != 0 => utf16(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => utf16(bytes, u16::from_be_bytes),
        _ => utf8(bytes, 0),
    }
}

/// Reads UTF-8 behind so many bytes.
fn utf8(bytes: &[u8], behind: usize) -> Result<Zeroizing<String>, NotText> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(why) => {
            let place = why.valid_up_to();
            let byte = bytes.get(place).copied().unwrap_or_default();
            Err(NotText::Utf8 { byte, position: behind + place + 1 })
        }
    }
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Result<Zeroizing<String>, NotText> {
    let (pairs, []) = bytes.as_chunks::<2>() else { return Err(NotText::Utf16) };
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        text.push(character.map_err(|_| NotText::Utf16)?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{NotText, decode};

    #[test]
    fn a_text_is_read_in_every_encoding_that_programs_write() {
        let text = "apex@pve!tt=ü\r\n";
        let wide = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let marked = |mark: &[u8], rest: Vec<u8>| [mark.to_vec(), rest].concat();
        for bytes in [
            text.as_bytes().to_vec(),
            marked(b"\xef\xbb\xbf", text.as_bytes().to_vec()),
            marked(b"\xff\xfe", wide(u16::to_le_bytes)),
            marked(b"\xfe\xff", wide(u16::to_be_bytes)),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
        ] {
            assert_eq!(decode(&bytes).unwrap().as_str(), text, "{bytes:?}");
        }
        assert_eq!(decode(b"").unwrap().as_str(), "");
        assert_eq!(decode(b"a").unwrap().as_str(), "a");
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_place() {
        for (bytes, why) in [
            (&b"caf\xe9"[..], NotText::Utf8 { byte: 0xE9, position: 4 }),
            (b"\xef\xbb\xbfa\xff", NotText::Utf8 { byte: 0xFF, position: 5 }),
            (b"\xff\xfea\0b", NotText::Utf16),
            (b"\xff\xfe\x00\xd8", NotText::Utf16),
        ] {
            assert_eq!(decode(bytes), Err(why), "{bytes:?}");
        }
    }
}
