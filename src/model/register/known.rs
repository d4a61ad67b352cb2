//! A registered secret: where it counts as the secret, and the blocks that it is found by.

use super::{BLOCK, MAX_CUT_LENGTH, PART};
use crate::model::secret_form;
use crate::model::spelling::{Reading, folded};
use memchr::memmem::Finder;
use zeroize::Zeroizing;

/// Where a secret counts as found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    Anywhere,
    AsWord,
    AsValue,
}

/// One secret, prepared to be searched for.
pub(super) struct RegisteredSecret {
    /// As it is, in lower case; never shown.
    pub(super) text: Zeroizing<Vec<u8>>,
    /// The readings that it may have.
    pub(super) forms: Vec<Finder<'static>>,
    pub(super) strength: Strength,
    /// For a generated secret: parts of it, with their positions in it.
    pub(super) blocks: Vec<(usize, Finder<'static>)>,
}

impl RegisteredSecret {
    pub(super) fn of(secret: &str, blocks: Vec<(usize, Finder<'static>)>) -> Self {
        let secret = secret.trim();
        let mut readings = vec![Zeroizing::new(secret.as_bytes().to_vec())];
        // Where only some of its characters were encoded, what looks like an escape in it is decoded with them.
        let mut view = Reading::of(secret);
        while let Some(next) = view.unescaped().filter(|_| readings.len() < DECODING_DEPTHS.len()) {
            readings.push(Zeroizing::new(next.bytes.clone()));
            view = next;
        }
        readings.extend(misdecoded(secret));
        if secret_form::is_token_secret(secret) {
            readings.push(Zeroizing::new(secret.replace('-', "").into_bytes()));
        }
        let strength = strength(secret);
        let is_searched =
            |reading: &&Zeroizing<Vec<u8>>| reading.len() >= MIN_LENGTH_ANYWHERE || strength != Strength::Anywhere;
        let forms = readings.iter().filter(is_searched).map(|it| Finder::new(&folded(it)).into_owned()).collect();
        Self { text: Zeroizing::new(folded(secret.as_bytes())), forms, strength, blocks }
    }

    /// Reports where it is in a text, whole or in part.
    pub(super) fn find(&self, bytes: &[u8], found: &mut impl FnMut(usize, usize)) {
        for form in &self.forms {
            let length = form.needle().len();
            for start in form.find_iter(bytes) {
                if self.counts(bytes, start, start + length) {
                    found(start, start + length);
                }
            }
        }
        for (offset, block) in &self.blocks {
            for hit in block.find_iter(bytes) {
                let (start, end) = self.extend_match(bytes, hit, *offset);
                if end - start >= PART {
                    found(start, end);
                }
            }
        }
    }

    /// Returns whether a match is the secret, and not an ordinary word that happens to be the same.
    fn counts(&self, bytes: &[u8], start: usize, end: usize) -> bool {
        let before = start.checked_sub(1).and_then(|at| bytes.get(at)).copied();
        let after = bytes.get(end).copied();
        let is_inner = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte >= 0x80);
        match self.strength {
            Strength::Anywhere => true,
            Strength::AsWord => !is_inner(before) && !is_inner(after),
            Strength::AsValue => {
                let behind_colon = before == Some(b' ') && start >= 2 && bytes.get(start - 2) == Some(&b':');
                let is_closed = |more: &[u8]| after.is_none_or(|byte| more.contains(&byte));
                match before {
                    Some(b'=') => is_closed(b"&,;\"'<>)]}\0\n\r\t "),
                    Some(b':' | b'"' | b'\'' | 0) => is_closed(b"&,;\"'<>)]}\0\n\r"),
                    _ => behind_colon && is_closed(b"&,;\"'<>)]}\0\n\r"),
                }
            }
        }
    }

    /// Returns the longest part of the secret around one of its blocks.
    fn extend_match(&self, bytes: &[u8], hit: usize, offset: usize) -> (usize, usize) {
        let same = |at: usize, own: usize| bytes.get(at).is_some_and(|byte| self.text.get(own) == Some(byte));
        let before = (1..=offset.min(hit)).take_while(|back| same(hit - back, offset - back)).count();
        let after = (BLOCK..self.text.len()).take_while(|on| same(hit + on, offset + on)).count();
        (hit - before, hit + BLOCK + after)
    }

    /// Returns how much of the secret a text ends with that was cut off within it.
    pub(super) fn head(&self, bytes: &[u8]) -> usize {
        if self.strength != Strength::Anywhere {
            return 0;
        }
        let longest = self.text.len().saturating_sub(1).min(bytes.len());
        let ends = |length: &usize| self.text.get(..*length).is_some_and(|head| bytes.ends_with(head));
        (MAX_CUT_LENGTH..=longest).rev().find(ends).unwrap_or(0)
    }
}

/// Judges where a secret counts as found.
pub(super) fn strength(secret: &str) -> Strength {
    let length = secret.chars().count();
    let is_our_word = COMMON_WORDS.iter().any(|word| word.eq_ignore_ascii_case(secret));
    if length >= MIN_LENGTH_ANYWHERE && !is_our_word {
        Strength::Anywhere
    } else if length >= MIN_LENGTH_AS_WORD && !secret.chars().all(char::is_alphabetic) {
        Strength::AsWord
    } else {
        Strength::AsValue
    }
}

/// Returns the secret as it appears if its non-ASCII letters are read in the wrong encoding.
fn misdecoded(secret: &str) -> Vec<Zeroizing<Vec<u8>>> {
    if secret.is_ascii() {
        return Vec::new();
    }
    let as_latin: String = secret.bytes().map(char::from).collect();
    let lost = |each: &dyn Fn(char) -> usize| -> String {
        let signs = secret.chars().map(|it| if it.is_ascii() { it.to_string() } else { "\u{fffd}".repeat(each(it)) });
        signs.collect()
    };
    let (by_byte, by_letter) = (lost(&char::len_utf8), lost(&|_| 1));
    let marked = by_letter.replace('\u{fffd}', "?");
    let mut readings: Vec<_> =
        [as_latin, by_byte, by_letter, marked].into_iter().map(|it| Zeroizing::new(it.into_bytes())).collect();
    let latin: Option<Vec<u8>> = secret.chars().map(|it| u8::try_from(u32::from(it)).ok()).collect();
    readings.extend(latin.map(Zeroizing::new));
    readings
}

/// From so many characters on a secret is masked wherever it is.
pub(super) const MIN_LENGTH_ANYWHERE: usize = 8;

/// From so many characters on a secret with more than letters in it is masked as a word.
pub(super) const MIN_LENGTH_AS_WORD: usize = 4;

/// Long words that are frequent in this program's own texts; as passwords they are guessed first anyway.
const COMMON_WORDS: [&str; 14] = [
    "administrator",
    "authentication",
    "certificate",
    "configuration",
    "fingerprint",
    "glassdome",
    "password",
    "permission",
    "privileges",
    "provisioner",
    "settings",
    "template",
    "templates",
    "virtual",
];

/// How many times escapes are decoded: in a text, in base64 found in it, and in base64 found in that.
pub(super) const DECODING_DEPTHS: [usize; 3] = [4, 3, 2];
