//! The secrets that this process knows, and the one rule by which they are masked.
//!
//! There is one register for the whole process, and not one for each session: secrets are made where there is no session
//! (a token is parsed, a command line is refused), and a panic is reported where none can be reached.
//!
//! A secret of eight characters or more is masked wherever it is. A shorter one is masked where it is a word of its
//! own, and one of letters alone, of fewer than four characters, or one of the words that this program's own texts are
//! made of is masked only where it is a value, as in `password=VALUE`: or else every other word on the screen would be
//! masked, and tell what the secret is.

mod known;
mod search;

use known::{DECODING_DEPTHS, MIN_LENGTH_ANYWHERE, RegisteredSecret, Strength};
pub use search::replaced;
use search::{SecretSearch, merge_overlaps};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use memchr::memmem::Finder;

use super::Secret;
use super::secret_form;
use super::spelling::{Reading, folded};
use super::token::{TokenId, UserId};

/// What is shown in the place of a secret.
pub const MASK: &str = "••••";

/// A part of a generated secret is masked from so many characters on.
const PART: usize = 12;

/// Every part of that length holds one of the blocks that begin at every seventh character.
const BLOCK: usize = 6;

/// Where a text was cut off, at most this many characters of a secret may be left: the program itself shows four.
const MAX_CUT_LENGTH: usize = 5;

/// The secrets that are known.
#[derive(Default)]
pub struct Register {
    known: RwLock<Vec<RegisteredSecret>>,
}

/// The register of this process.
static REGISTER: Register = Register::new();

impl Register {
    /// Knows nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { known: RwLock::new(Vec::new()) }
    }

    /// Returns the register of this process.
    #[must_use]
    pub fn of_process() -> &'static Self {
        &REGISTER
    }

    /// Adds a secret that a person may have made up: a password.
    pub fn add(&self, secret: &str) {
        self.push(RegisteredSecret::of(secret, Vec::new()));
    }

    /// Adds a secret that a program made: longer parts of it are masked as well.
    pub fn add_generated(&self, secret: &str) {
        let text = folded(secret.as_bytes());
        let starts = (0..text.len().saturating_sub(BLOCK - 1)).step_by(BLOCK + 1);
        let block = |start: usize| Some((start, Finder::new(text.get(start..start + BLOCK)?).into_owned()));
        let blocks = if text.len() >= PART { starts.filter_map(block).collect() } else { Vec::new() };
        self.push(RegisteredSecret::of(secret, blocks));
    }

    /// Adds the ticket of a log-in, or the token that goes with it: its signature, and the whole of it.
    pub fn add_ticket(&self, ticket: &str) {
        self.add(ticket);
        if let Some((_, signature)) = ticket.rsplit_once(':') {
            self.add_generated(signature);
        }
    }

    /// Adds everything that has the form of a secret in a given text: a flag, a variable, a setting.
    pub fn notice(&self, given: &str) {
        let bytes = folded(given.as_bytes());
        for found in secret_form::find(&bytes) {
            let Some(text) = given.get(found) else { continue };
            if secret_form::is_token_secret(text) { self.add_generated(text) } else { self.notice_user(text) }
        }
        // Here the password may hold any character, as it was not encoded.
        let address = given.split_once("://").map_or(given, |(_, rest)| rest);
        if let Some((before, _)) = address.rsplit_once('@')
            && let Some((user, _)) = before.split_once(':')
            && !user.contains(['@', '/'])
        {
            self.notice_user(before);
        }
    }

    /// Adds what is before the `@` of an address: a password, or a token in the place of the user.
    pub fn notice_user(&self, user_information: &str) {
        let (user, password) = user_information.split_once(':').unwrap_or((user_information, ""));
        self.add(password);
        if password.is_empty() && user.chars().count() >= MIN_LENGTH_ANYWHERE {
            self.add(user);
        }
    }

    /// Adds what a variable holds, judged by its name and by its form.
    pub fn notice_variable(&self, name: &str, value: &str) {
        let name = name.to_ascii_uppercase();
        let is_ours =
            ["PROXMOX", "UBUNTU_", "PM_", "PVE_", "PKR_VAR_", "TF_VAR_"].iter().any(|begin| name.starts_with(begin));
        let is_proxy = name.ends_with("_PROXY");
        if !is_ours && !is_proxy {
            return;
        }
        self.notice(value);
        let words = ["PASS", "SECRET", "TOKEN_VALUE", "TICKET", "CSRF", "OTP"];
        // The ID of a token in place of its secret is a mistake of the user, and not a secret.
        let is_name = !name.contains("PASS") && (value.parse::<TokenId>().is_ok() || value.parse::<UserId>().is_ok());
        if is_ours && words.iter().any(|word| name.contains(word)) && !is_name {
            self.add(value);
        }
    }

    /// Returns a text with every secret masked.
    #[must_use]
    pub fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        replaced(text, &self.positions(text), MASK)
    }

    /// Returns a text with every secret masked but those that are to be revealed.
    #[must_use]
    pub fn masked_except<'a>(&self, text: &'a str, revealed: &[Secret]) -> Cow<'a, str> {
        let shown: Vec<Range<usize>> = revealed
            .iter()
            .map(Secret::expose)
            .filter(|secret| !secret.is_empty())
            .flat_map(|secret| text.match_indices(secret).map(|(start, _)| start..start + secret.len()))
            .collect();
        let mut places = self.positions(text);
        places.retain(|place| !shown.iter().any(|it| it.start <= place.start && place.end <= it.end));
        replaced(text, &places, MASK)
    }

    /// Returns the first `length` characters of a text, masked before it is cut so that no secret is cut in two, and
    /// how many characters are left out.
    #[must_use]
    pub fn masked_beginning<'a>(&self, text: &'a str, length: usize) -> (Cow<'a, str>, usize) {
        // An escape takes ten characters at most, and a secret is hardly longer than a ticket.
        let at = |length: usize| text.char_indices().nth(length).map_or(text.len(), |(end, _)| end);
        let mut places = self.positions(text.get(..at(length + 5_000)).unwrap_or_default());
        let end = at(length);
        let end = places.iter().find(|place| place.start < end && end < place.end).map_or(end, |place| place.end);
        places.retain(|place| place.end <= end);
        let (beginning, rest) = text.split_at(end);
        (replaced(beginning, &places, MASK), rest.chars().count())
    }

    /// Finds the ranges of everything to be masked, sorted and not overlapping.
    pub fn positions(&self, text: &str) -> Vec<Range<usize>> {
        if text.len() < 2 {
            return Vec::new();
        }
        let known = self.read();
        let mut search = SecretSearch {
            known: known.iter().collect(),
            least: shortest_base64(&known),
            forms: secret_form::find,
            found: Vec::new(),
        };
        let view = Reading::of(text);
        let broken = [view.unwrapped(b" "), view.unwrapped(b"")];
        search.every_reading(view, &DECODING_DEPTHS);
        let [between_words, within_words] = broken;
        if let Some(view) = between_words {
            search.every_reading(view, &DECODING_DEPTHS);
        }
        if let Some(view) = within_words {
            // The ends of two adjacent lines easily form a short word by chance.
            search.known.retain(|it| it.strength == Strength::Anywhere);
            search.forms = secret_form::token_secrets;
            search.every_reading(view, &DECODING_DEPTHS);
        }
        merge_overlaps(text, search.found)
    }

    fn push(&self, known: RegisteredSecret) {
        if known.text.is_empty() {
            return;
        }
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match all.iter_mut().find(|it| it.text == known.text) {
            Some(old) if old.blocks.is_empty() => *old = known,
            Some(_) => {}
            None => all.push(known),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<RegisteredSecret>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the length of the shortest run of base64 that can hold a secret.
fn shortest_base64(known: &[RegisteredSecret]) -> usize {
    let shortest = known
        .iter()
        .flat_map(|it| it.forms.iter().map(|form| form.needle().len()))
        .min()
        .unwrap_or(MIN_LENGTH_ANYWHERE);
    (shortest * 4 / 3).clamp(4, 10)
}

#[cfg(test)]
mod tests;
