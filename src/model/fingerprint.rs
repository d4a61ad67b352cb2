//! The SHA-256 fingerprint of a certificate.

use std::fmt;
use std::str::FromStr;

use crate::model::Validated;

/// The SHA-256 digest of a certificate in DER form, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// Why a text is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFingerprint {
    /// SHA-1 fingerprints have 20 bytes and prove nothing any more.
    #[error("this is a SHA-1 fingerprint; use the SHA-256 fingerprint, as shown by `pvenode cert info`")]
    Sha1,
    /// Neither 64 hexadecimal digits nor 32 pairs of them.
    #[error("a SHA-256 fingerprint has 64 hexadecimal digits, with or without colons; this one has {digits}")]
    Length {
        /// How many hexadecimal digits were found.
        digits: usize,
    },
    /// Something that is no hexadecimal digit.
    #[error("a SHA-256 fingerprint consists of hexadecimal digits and colons; character {position} is neither")]
    Character {
        /// Where it is, counted from 1.
        position: usize,
    },
}

impl Fingerprint {
    /// Wraps a finished SHA-256 digest.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl Validated for Fingerprint {}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    /// Accepts the forms that Proxmox VE, openssl and ssh print: `AB:CD:…`, `abcd…`, each with or without `sha256:`.
    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let text = text.trim();
        let body = strip_label(text);
        let offset = text.chars().count() - body.chars().count();
        let mut digits = Vec::with_capacity(64);
        for (index, character) in body.chars().enumerate() {
            match character.to_digit(16) {
                Some(digit) => digits.push(digit),
                None if character == ':' => {}
                None => return Err(InvalidFingerprint::Character { position: offset + index + 1 }),
            }
        }
        if digits.len() == 40 {
            return Err(InvalidFingerprint::Sha1);
        }
        if digits.len() != 64 {
            return Err(InvalidFingerprint::Length { digits: digits.len() });
        }
        let mut digest = [0_u8; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
            *byte = pair.iter().fold(0, |value, digit| value * 16 + u8::try_from(*digit).unwrap_or(0));
        }
        Ok(Self(digest))
    }
}

/// Takes off what openssl and ssh write before the digits.
fn strip_label(text: &str) -> &str {
    for label in ["sha256 fingerprint=", "sha256:", "sha256="] {
        if let Some(head) = text.get(..label.len())
            && head.eq_ignore_ascii_case(label)
        {
            return text.get(label.len()..).unwrap_or_default();
        }
    }
    text
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(":")?;
            }
            write!(formatter, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::{Fingerprint, InvalidFingerprint};

    const SHOWN: &str =
        "D2:58:36:6D:3B:B4:8C:8E:65:63:3A:75:A0:67:F6:F9:4C:5F:5C:23:D2:AF:87:2C:8D:D2:9A:62:37:B3:AD:DF";

    #[test]
    fn every_usual_spelling_is_the_same_fingerprint() {
        let bare = SHOWN.replace(':', "");
        for spelling in [
            SHOWN.to_owned(),
            SHOWN.to_lowercase(),
            bare.clone(),
            format!("SHA256:{bare}"),
            format!("sha256 Fingerprint={SHOWN}"),
            format!("  {SHOWN}\n"),
        ] {
            assert_eq!(spelling.parse::<Fingerprint>().map(|it| it.to_string()), Ok(SHOWN.to_owned()), "{spelling}");
        }
    }

    #[test]
    fn an_invalid_value_is_refused_with_the_reason() {
        let sha1 = &SHOWN[..59];
        assert_eq!(sha1.parse::<Fingerprint>(), Err(InvalidFingerprint::Sha1));
        assert_eq!("AB:CD".parse::<Fingerprint>(), Err(InvalidFingerprint::Length { digits: 4 }));
        assert_eq!("AB:XD".parse::<Fingerprint>(), Err(InvalidFingerprint::Character { position: 4 }));
        assert_eq!("sha256:é".parse::<Fingerprint>(), Err(InvalidFingerprint::Character { position: 8 }));
        assert_eq!("".parse::<Fingerprint>(), Err(InvalidFingerprint::Length { digits: 0 }));
    }
}
