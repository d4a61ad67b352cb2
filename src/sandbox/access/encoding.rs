//! Base 64, in which tickets are signed, and base 32, in which secrets of one-time codes are written.

const BASE_64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE_32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Writes bytes in base 64, without padding.
pub(super) fn base_64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            let index = (group >> (18 - 6 * digit)) & 63;
            text.extend(BASE_64.get(index as usize).map(|digit| char::from(*digit)));
        }
    }
    text
}

/// Reads bytes in base 32, in either case, padded or not.
pub(super) fn from_base_32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut group, mut bits) = (0_u32, 0);
    for digit in text.trim_end_matches('=').chars() {
        let value = BASE_32.find(digit.to_ascii_uppercase())?;
        group = (group << 5 | u32::try_from(value).ok()?) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(group >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_that_of_rfc_4648() {
        let table = [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")];
        for (bytes, text) in table {
            assert_eq!(base_64(bytes.as_bytes()), text);
        }
        assert_eq!(base_64(&[0xff, 0xef, 0xbe]), "/+++");
    }

    #[test]
    fn base_32_is_that_of_rfc_4648() {
        let table = [("", ""), ("MY======", "f"), ("MZXQ", "fo"), ("mzxw6===", "foo"), ("MZXW6YTBOI", "foobar")];
        for (text, bytes) in table {
            assert_eq!(from_base_32(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(from_base_32("M1"), None);
    }
}
