//! One-time codes that change every 30 seconds (RFC 6238).

use ring::hmac;

use crate::sandbox::auth::users::Totp;

/// How long one code holds, in seconds.
const STEP: u64 = 30;

/// Reads a secret in base 32, in either case, padded or not.
fn key(secret: &str) -> Option<Vec<u8>> {
    let alphabet = base32::Alphabet::Rfc4648 { padding: false };
    base32::decode(alphabet, &secret.trim_end_matches('=').to_ascii_uppercase())
}

impl Totp {
    /// Makes the second factor of a secret in base 32.
    pub fn new(secret: &str) -> Self {
        Self { id: uuid::Uuid::new_v4().to_string(), secret: secret.to_owned(), used_up: None }
    }

    /// Takes a code, unless it is wrong or was taken before; the codes beside the current one are good too.
    pub(crate) fn take(&mut self, code: &str, now: u64) -> Result<(), Refused> {
        let key = key(&self.secret).ok_or(Refused)?;
        let current = now / STEP;
        let fits = |step: &u64| code_at(&key, *step) == code;
        let step = (current.saturating_sub(1)..=current + 1).find(fits).ok_or(Refused)?;
        if self.used_up.is_some_and(|last| step <= last) {
            return Err(Refused);
        }
        self.used_up = Some(step);
        Ok(())
    }
}

/// Says that a code was wrong or used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

/// Returns the code that a secret in base 32 has at a time, in seconds since 1970.
pub fn code(secret: &str, now: u64) -> Option<String> {
    Some(code_at(&key(secret)?, now / STEP))
}

fn code_at(key: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 0xf);
    let word = tag.iter().skip(offset).take(4).fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, "12345678901234567890", in base 32.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (now, expected) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            assert_eq!(code(SECRET, now).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_code_is_taken_once_and_may_be_a_step_off() {
        let mut totp = Totp::new(SECRET);
        let at = |now| code(SECRET, now).unwrap();
        assert_eq!(totp.take("000000", 3000), Err(Refused));
        assert_eq!(totp.take(&at(2900), 3000), Err(Refused));
        assert_eq!(totp.take(&at(2970), 3000), Ok(()));
        assert_eq!(totp.take(&at(2970), 3000), Err(Refused));
        assert_eq!(totp.take(&at(3030), 3000), Ok(()));
        assert_eq!(totp.take(&at(3000), 3000), Err(Refused));
    }
}
