//! What a person pasted, wherever it was copied from: the secret of a token, and whose token it is.

use std::ops::Range;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::model::characters::plain;
use crate::model::placeholder::is_reference;
use crate::model::token_secret::BadSecret;
use crate::model::{Secret, TokenId, TokenName, TokenSecret, UserId, Validated};

/// Characters that no user ID has: they end one to its left.
const NOT_IN_USER_ID: &str = ":/│";

/// Brackets that may be around a token ID.
const BRACKETS: [(char, char); 4] = [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')];

/// Quotation marks, any of which a user ID may have, too.
const QUOTES: &str = "\"'`";

/// What was found in a paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pasted {
    /// The user, where it was in there.
    pub user: Option<UserId>,
    /// The name of the token, where it was in there.
    pub name: Option<TokenName>,
    /// The secret.
    pub secret: TokenSecret,
}

impl Pasted {
    /// Finds the secret in a bare UUID, a token with its ID, a header, a curl line, the table or the JSON of `pveum`, or
    /// the lines of a settings file.
    ///
    /// # Errors
    /// If there is none, or more than one, the reason; it does not repeat what was pasted.
    pub fn read(said: &Secret) -> Result<Self, BadSecret> {
        said.parse()
    }

    /// Returns whether the secret is all that was pasted, as a program takes it that wants the secret alone.
    #[must_use]
    pub fn is_all_of(&self, said: &Secret) -> bool {
        said.equals_ignoring_case(&Secret::from(self.secret.clone()))
    }

    fn find(text: &str) -> Result<Self, BadSecret> {
        if is_reference(value_alone(text)) {
            return Err(BadSecret::Reference);
        }
        let found = uuids(text);
        let secret = match found.as_slice() {
            [] => return broken_over_lines(text).ok_or_else(|| reason(text)),
            [one] => one.clone(),
            several => unambiguous(text, several).ok_or(BadSecret::Several)?,
        };
        Self::around(text, secret)
    }

    /// Takes the secret that is there, and finds whose token it is.
    fn around(text: &str, secret: Range<usize>) -> Result<Self, BadSecret> {
        let secret: TokenSecret = text.get(secret).unwrap_or_default().parse()?;
        Ok(match id_beside(text) {
            Some(id) => Self { user: Some(id.user), name: Some(id.name), secret },
            None => {
                let user = value_of(text, |key| ["USER", "USERNAME", "USERID"].iter().any(|end| key.ends_with(end)));
                let name = value_of(text, |key| key.ends_with("TOKEN_NAME") || key.ends_with("TOKEN_ID"));
                Self { user, name, secret }
            }
        })
    }
}

impl Validated for Pasted {}

impl FromStr for Pasted {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, BadSecret> {
        Self::find(plain(text).trim())
    }
}

impl From<TokenSecret> for Pasted {
    /// Takes the secret alone.
    fn from(secret: TokenSecret) -> Self {
        Self { user: None, name: None, secret }
    }
}

/// Finds a secret that a narrow window or an editor broke over two or three lines; there must be one alone.
fn broken_over_lines(text: &str) -> Option<Pasted> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut found: Vec<Pasted> = Vec::new();
    for count in [2, 3] {
        for place in 0..(lines.len() + 1).saturating_sub(count) {
            let (before, rest) = lines.split_at(place);
            let (broken, after) = rest.split_at(count);
            // A shell's line goes on behind a backslash.
            let joined: Vec<&str> = broken.iter().map(|line| line.trim_end_matches('\\').trim_end()).collect();
            let whole = Zeroizing::new([before, &[joined.concat().as_str()], after].concat().join("\n"));
            if let [one] = uuids(&whole).as_slice() {
                found.extend(Pasted::around(&whole, one.clone()));
            }
        }
    }
    let first = found.first()?;
    found.iter().all(|other| other.secret == first.secret).then(|| first.clone())
}

/// Finds what has the form of a secret and is alone: no letter, digit or hyphen on either side, no brace, no `urn:`.
fn uuids(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (begin, _) in text.char_indices() {
        let is_secret = |text: &str| text.parse::<TokenSecret>().is_ok();
        if !text.get(begin..begin + 36).is_some_and(is_secret) {
            continue;
        }
        let belongs = |character: char| character.is_alphanumeric() || "-{}".contains(character);
        let before = text.get(..begin).unwrap_or_default();
        let is_joined = before.ends_with(belongs)
            || before.to_ascii_lowercase().ends_with("urn:uuid:")
            || text.get(begin + 36..).unwrap_or_default().starts_with(belongs);
        if !is_joined {
            found.push(begin..begin + 36);
        }
    }
    found
}

/// Decides between several: all the same, or one that a token ID or a label is before.
fn unambiguous(text: &str, found: &[Range<usize>]) -> Option<Range<usize>> {
    let same = |left: &Range<usize>, right: &Range<usize>| {
        let of = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default().to_ascii_lowercase();
        of(left) == of(right)
    };
    let only = |of: Vec<&Range<usize>>| {
        let first = *of.first()?;
        of.iter().all(|other| same(first, other)).then(|| first.clone())
    };
    let labelled = found.iter().filter(|range| is_labelled(text.get(..range.start).unwrap_or_default()));
    only(found.iter().collect()).or_else(|| only(labelled.collect()))
}

/// Returns whether a text ends with what is before a secret: `USER!NAME=`, or a label such as `value` in a table.
fn is_labelled(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default();
    let is_between = |character: char| character.is_whitespace() || "\"'`=:|│".contains(character);
    let label = line.trim_end_matches(is_between);
    let word = label.rsplit(|character: char| is_between(character) || "{,".contains(character)).next();
    let word = word.unwrap_or_default().to_ascii_lowercase();
    word.contains('!') || word == "value" || word.ends_with("token_value") || word.ends_with("secret")
}

/// Finds the token ID: the one that the secret is behind, else the only one.
fn id_beside(text: &str) -> Option<TokenId> {
    let mut all: Vec<TokenId> = Vec::new();
    for (id, behind) in ids(text) {
        if behind.starts_with('=') {
            return Some(id);
        }
        if !all.contains(&id) {
            all.push(id);
        }
    }
    if all.len() == 1 { all.pop() } else { None }
}

/// Finds everything that is a token ID, each with the text behind it.
fn ids(text: &str) -> impl Iterator<Item = (TokenId, &str)> {
    text.match_indices('!').filter_map(|(mark, _)| {
        let is_stop = |character: char| character.is_whitespace() || NOT_IN_USER_ID.contains(character);
        let before = text.get(..mark)?.rsplit(is_stop).next()?;
        let behind = text.get(mark + 1..)?;
        let is_name = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
        let length = behind.find(|character: char| !is_name(character)).unwrap_or(behind.len());
        let rest = behind.get(length..)?;
        let id = format!("{}!{}", user_at_the_end(before, rest), behind.get(..length)?).parse().ok()?;
        Some((id, rest))
    })
}

/// Takes off what is before a user in a header, a table, JSON or a file: `NAME=`, brackets, borders, and a quotation
/// mark that is closed behind the token. A user may have all of these characters itself, `o'brien` for example.
fn user_at_the_end<'a>(before: &'a str, behind: &str) -> &'a str {
    let line = behind.lines().next().unwrap_or_default();
    let end = line.chars().find(|character| character.is_whitespace() || QUOTES.contains(*character));
    let closing = end.filter(|character| QUOTES.contains(*character));
    let mut user = before;
    while let Some(first) = user.chars().next() {
        let is_name = |name: &str| name.chars().all(|it| it.is_ascii_alphanumeric() || "_-".contains(it));
        let rest = user.get(first.len_utf8()..).unwrap_or_default();
        let is_closed = BRACKETS.iter().any(|(open, close)| first == *open && line.starts_with(*close));
        if is_closed || first == '|' || closing == Some(first) {
            user = rest;
        } else if let Some((_, value)) = user.split_once('=').filter(|(name, _)| is_name(name)) {
            user = value;
        } else if let Some((_, inner)) = closing.and_then(|quote| user.split_once(&format!("={quote}"))) {
            user = inner;
        } else {
            break;
        }
    }
    user
}

/// Reads the value of the first `KEY=value` line whose key is one of those meant.
fn value_of<T: std::str::FromStr>(text: &str, is_meant: impl Fn(&str) -> bool) -> Option<T> {
    text.lines().find_map(|line| {
        let (key, value) = line.trim().trim_start_matches("export ").split_once('=')?;
        let value = value.split(" #").next()?.trim().trim_matches(['"', '\'']);
        if is_meant(&key.trim().to_ascii_uppercase()) { value.parse().ok() } else { None }
    })
}

/// Explains why there is no secret in a text, judged by the part where it should be.
fn reason(text: &str) -> BadSecret {
    let is_end = |character: char| character.is_whitespace() || "\"'`".contains(character);
    let behind_id = ids(text).find_map(|(_, behind)| behind.strip_prefix('=')?.split(is_end).next());
    let lines = text.lines().count();
    let candidate = match behind_id {
        Some(candidate) => candidate,
        None if lines > 1 => return BadSecret::NotFound { lines },
        None => value_alone(text),
    };
    candidate.parse::<TokenSecret>().err().unwrap_or(BadSecret::NotFound { lines })
}

/// Takes off the name of a variable.
fn value_alone(text: &str) -> &str {
    match text.split_once('=') {
        Some((key, value)) if key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_ ".contains(&byte)) => value,
        _ => text,
    }
}

#[cfg(test)]
mod tests;
