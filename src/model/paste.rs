//! What a person pasted, wherever it was copied from: the secret of a token, and whose token it is.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::model::Secret;
use crate::model::placeholder::is_reference;
use crate::model::token::{BadSecret, TokenId, TokenName, TokenSecret, UserId};

/// Characters that no user ID has: they end one to its left.
const NEVER_IN_A_USER: &str = ":/│";

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
    /// Where there is none, or more than one, the reason; it does not repeat what was pasted.
    pub fn read(said: &Secret) -> Result<Self, BadSecret> {
        let text = plain(said.expose());
        let text = text.trim();
        if is_reference(value_alone(text)) {
            return Err(BadSecret::Reference);
        }
        let found = uuids(text);
        let secret = match found.as_slice() {
            [] => return broken_over_lines(text).ok_or_else(|| reason(text)),
            [one] => one.clone(),
            several => the_one(text, several).ok_or(BadSecret::Several)?,
        };
        Self::around(text, secret)
    }

    /// Says whether the secret is all that was pasted, as a program takes it that wants the secret alone.
    #[must_use]
    pub fn is_all_of(&self, said: &Secret) -> bool {
        said.expose().eq_ignore_ascii_case(self.secret.expose())
    }

    /// Takes the secret that stands there, and finds whose token it is.
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

impl From<TokenSecret> for Pasted {
    /// Takes the secret alone.
    fn from(secret: TokenSecret) -> Self {
        Self { user: None, name: None, secret }
    }
}

/// Finds the first character that a program put into a text on its way: one that cannot be seen, a quotation mark of a word
/// processor, a hyphen that is not ASCII's, a blank of another width. Gives its position, counted from 1.
#[must_use]
pub fn foreign_character(text: &str) -> Option<(usize, char)> {
    let mut buffer = [0; 4];
    let is_changed = |character: char, buffer: &mut [u8; 4]| {
        let written: &str = character.encode_utf8(buffer);
        *plain(written) != *written
    };
    text.chars().enumerate().find(|(_, it)| is_changed(*it, &mut buffer)).map(|(index, it)| (index + 1, it))
}

/// Writes a text without what programs put into it on its way: characters that cannot be seen, quotation marks of a word
/// processor, hyphens that are not to be broken at, blanks of other widths.
fn plain(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut characters = text.chars().peekable();
    let mut before = None;
    while let Some(character) = characters.next() {
        let is_apostrophe =
            |next: Option<&char>| before.is_some_and(char::is_alphabetic) && next.is_some_and(|it| it.is_alphabetic());
        let written = match character {
            '\u{00AD}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206F}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' => continue,
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' => '-',
            '\u{201C}'..='\u{201F}' | '\u{00AB}' | '\u{00BB}' | '\u{2033}' | '\u{2036}' | '\u{FF02}' => '"',
            // A user may be called o’brien.
            '\u{2018}'..='\u{201B}' | '\u{2039}' | '\u{203A}' | '\u{2032}' | '\u{2035}' | '\u{FF07}'
                if !is_apostrophe(characters.peek()) =>
            {
                '\''
            }
            '\u{2028}' | '\u{2029}' | '\u{0085}' => '\n',
            blank if blank.is_whitespace() && !blank.is_ascii() => ' ',
            other => other,
        };
        plain.push(written);
        before = Some(character);
    }
    plain
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

/// Finds what has the form of a secret and stands alone: no letter, digit or hyphen on either side, no brace, no `urn:`.
fn uuids(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (begin, _) in text.char_indices() {
        let is_secret = |text: &str| text.parse::<TokenSecret>().is_ok_and(|it| it.expose().len() == text.len());
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

/// Decides between several: all the same, or one that a token ID or a label stands before.
fn the_one(text: &str, found: &[Range<usize>]) -> Option<Range<usize>> {
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

/// Says whether a text ends with what stands before a secret: `USER!NAME=`, or a label such as `value` in a table.
fn is_labelled(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default();
    let is_between = |character: char| character.is_whitespace() || "\"'`=:|│".contains(character);
    let label = line.trim_end_matches(is_between);
    let word = label.rsplit(|character: char| is_between(character) || "{,".contains(character)).next();
    let word = word.unwrap_or_default().to_ascii_lowercase();
    word.contains('!') || word == "value" || word.ends_with("token_value") || word.ends_with("secret")
}

/// Finds the token ID: the one that the secret stands behind, else the only one.
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
        let is_stop = |character: char| character.is_whitespace() || NEVER_IN_A_USER.contains(character);
        let before = text.get(..mark)?.rsplit(is_stop).next()?;
        let behind = text.get(mark + 1..)?;
        let is_name = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
        let length = behind.find(|character: char| !is_name(character)).unwrap_or(behind.len());
        let rest = behind.get(length..)?;
        let id = format!("{}!{}", user_at_the_end(before, rest), behind.get(..length)?).parse().ok()?;
        Some((id, rest))
    })
}

/// Takes off what stands before a user in a header, a table, JSON or a file: `NAME=`, brackets, borders, and a quotation
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

/// Says why there is no secret in a text, judged by the part of it where one should be.
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
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::Pasted;
    use crate::model::Secret;
    use crate::model::token::BadSecret;

    const UUID: &str = "a1b2c3d4-1234-5678-9abc-def012345678";
    const OTHER: &str = "00000000-1111-2222-3333-444444444444";

    fn read(text: &str) -> Result<Pasted, BadSecret> {
        Pasted::read(&Secret::new(text.to_owned()))
    }

    /// Gives what was found as `user, name`, and checks that the secret is the one above.
    fn found(text: &str) -> (Option<String>, Option<String>) {
        let pasted = read(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(pasted.secret.expose(), UUID, "{text}");
        (pasted.user.map(|user| user.to_string()), pasted.name.map(|name| name.to_string()))
    }

    #[test]
    fn a_secret_alone_is_found_in_every_dress() {
        for text in [
            UUID.to_owned(),
            format!("  {UUID}\r\n"),
            format!("\"{UUID}\""),
            format!("' {UUID} '"),
            UUID.to_uppercase(),
            format!("Secret: {UUID}"),
            format!("PROXMOX_TOKEN_VALUE={UUID}"),
            format!("export PROXMOX_TOKEN_VALUE='{UUID}' # mine"),
            format!("{UUID}\n{UUID}"),
        ] {
            assert_eq!(found(&text), (None, None), "{text}");
        }
    }

    #[test]
    fn what_programs_put_in_on_its_way_is_passed_over() {
        let hyphens = |hyphen: char| UUID.replace('-', &hyphen.to_string());
        for text in [
            format!("\u{feff}{UUID}"),
            format!("\u{200b}{UUID}\u{200b}"),
            format!("{}\u{200d}{}", &UUID[..10], &UUID[10..]),
            format!("\u{201c}{UUID}\u{201d}"),
            format!("\u{201e}{UUID}\u{201c}"),
            format!("\u{2018}{UUID}\u{2019}"),
            format!("\u{ab}\u{a0}{UUID}\u{a0}\u{bb}"),
            format!("\u{202a}{UUID}\u{202c}"),
            hyphens('\u{2010}'),
            hyphens('\u{2011}'),
            hyphens('\u{2013}'),
            hyphens('\u{2212}'),
            UUID.replace('-', "-\u{ad}"),
            format!("{UUID}\u{2028}"),
        ] {
            assert_eq!(found(&text), (None, None), "{text:?}");
        }
        let with_id = format!("\u{201c}o\u{2019}brien@pve!tt={UUID}\u{201d}");
        assert_eq!(found(&with_id), (Some("o\u{2019}brien@pve".to_owned()), Some("tt".to_owned())));
    }

    #[test]
    fn a_secret_that_is_broken_over_lines_is_joined() {
        let whole = format!("apex@pve!tt={UUID}");
        for place in 1..UUID.len() {
            let (first, rest) = UUID.split_at(place);
            for between in ["\n", "\r\n", " \n  ", "\n\n", "\\\n"] {
                assert_eq!(found(&format!("{first}{between}{rest}\n")), (None, None), "{place}");
            }
            let id = (Some("apex@pve".to_owned()), Some("tt".to_owned()));
            assert_eq!(found(&format!("apex@pve!tt={first}\n{rest}")), id, "{place}");
            let file = format!(
                "PROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=tt\nPROXMOX_TOKEN_VALUE={first}\n{rest}\nPROXMOX_NODE=pve\n"
            );
            assert_eq!(found(&file), id, "{place}");
        }
        for place in 1..whole.len() {
            let (first, rest) = whole.split_at(place);
            assert_eq!(read(&format!("{first}\n{rest}")).unwrap().secret.expose(), UUID, "{place}");
        }
        let three = format!("{}\n{}\n{}", &UUID[..10], &UUID[10..20], &UUID[20..]);
        assert_eq!(found(&three), (None, None));
        // Two halves that belong to nothing are no secret.
        for text in [format!("{}\nwords\n{}", &UUID[..20], &UUID[20..]), format!("{}\n{}", &UUID[..20], &UUID[21..])] {
            assert!(read(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn whose_token_it_is_is_found_beside_it() {
        let table = format!(
            "┌──────────────┬──────────────────────────────────────┐\n│ key          │ value                                │\n\
             ╞══════════════╪══════════════════════════════════════╡\n│ full-tokenid │ apex@pve!tt                          │\n\
             ├──────────────┼──────────────────────────────────────┤\n│ info         │ {{\"privsep\":\"0\"}}                      │\n\
             ├──────────────┼──────────────────────────────────────┤\n│ value        │ {UUID} │\n\
             └──────────────┴──────────────────────────────────────┘\n"
        );
        for text in [
            format!("apex@pve!tt={UUID}"),
            format!("PVEAPIToken=apex@pve!tt={UUID}"),
            format!("Authorization: PVEAPIToken=apex@pve!tt={UUID}\n"),
            format!(
                "curl -k -H \"Authorization: PVEAPIToken=apex@pve!tt={UUID}\" \\\n  https://pve.lan:8006/api2/json/version"
            ),
            format!("-H 'Authorization: PVEAPIToken=apex@pve!tt={UUID}'"),
            table.clone(),
            table
                .replace('│', "|")
                .replace(['┌', '─', '┬', '┐', '╞', '═', '╪', '╡', '├', '┼', '┤', '└', '┴', '┘'], "-"),
            format!("{{\"full-tokenid\":\"apex@pve!tt\",\"info\":{{\"privsep\":\"0\"}},\"value\":\"{UUID}\"}}"),
            format!("{{\"data\":{{\"value\":\"{UUID}\",\"full-tokenid\":\"apex@pve!tt\"}}}}"),
            format!("Token ID: apex@pve!tt\n\nSecret:\n{UUID}\n"),
            format!("PROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=tt\nPROXMOX_TOKEN_VALUE={UUID}\n"),
            format!(
                "# x\r\nexport PROXMOX_USER=\"apex@pve\"\r\nPROXMOX_TOKEN_NAME='tt'\r\nPROXMOX_TOKEN_VALUE={UUID}\r\n"
            ),
            format!("PROXMOX_TOKEN_NAME=apex@pve!tt\nPROXMOX_TOKEN_VALUE={UUID}"),
            format!(
                "PROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=tt\nPROXMOX_TOKEN_VALUE_02={OTHER}\nPROXMOX_TOKEN_VALUE={UUID}"
            ),
            format!("PM_API_TOKEN_ID=apex@pve!tt\nPM_API_TOKEN_SECRET={UUID}"),
            format!("PROXMOX_VE_API_TOKEN=apex@pve!tt={UUID}"),
        ] {
            assert_eq!(found(&text), (Some("apex@pve".to_owned()), Some("tt".to_owned())), "{text}");
        }
    }

    #[test]
    fn a_user_may_have_every_character_that_proxmox_allows() {
        for user in [
            "o'brien@corp.example@ad",
            "'s-gravesande@pve",
            "d'arc'@pve",
            "o`neil@pve",
            "foo!bar@pve",
            "a;b@pve",
            "a,b@pve",
            "a|b@pve",
            "(a)b[c]{d}@pve",
            "a+b#c%d$e&f@pve",
            "j\u{fc}rgen@pve",
            "say\"hi\"@pve",
            "a=b@pve",
        ] {
            let id = format!("{user}!tt");
            let expected = (Some(user.to_owned()), Some("tt".to_owned()));
            for text in [
                format!("{id}={UUID}"),
                format!("PVEAPIToken={id}={UUID}"),
                format!("Authorization: PVEAPIToken={id}={UUID}"),
                format!("│ full-tokenid │ {id} │\n│ value │ {UUID} │"),
                format!("PROXMOX_TOKEN_NAME={id}\nPROXMOX_TOKEN_VALUE={UUID}"),
            ] {
                // What a name of a variable looks like is taken for one.
                let is_ambiguous = user.contains('=');
                assert!(is_ambiguous || found(&text) == expected, "{text}: {:?}", found(&text));
            }
            for quote in ['\'', '"'] {
                let is_inside = user.contains(quote);
                for text in [
                    format!("-H {quote}Authorization: PVEAPIToken={id}={UUID}{quote}"),
                    format!("{quote}{id}={UUID}{quote}"),
                ] {
                    let is_ambiguous =
                        user.contains('=') || (is_inside && !user.starts_with('o') && !user.starts_with('d'));
                    assert!(is_ambiguous || found(&text) == expected, "{text}: {:?}", found(&text));
                }
            }
        }
    }

    #[test]
    fn what_is_no_secret_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", BadSecret::Empty),
            ("abc123", BadSecret::TooShort { length: 6 }),
            ("apex@pve!tt", BadSecret::IsTokenId),
            ("apex@pve!tt=", BadSecret::Empty),
            ("apex@pve!tt=a1b2c3d4-1234-5678-9abc-def01234567", BadSecret::TooShort { length: 35 }),
            (
                "curl -H 'x: PVEAPIToken=a@pve!tt=a1b2c3d4-1234-5678-9abc-def0123456789' x",
                BadSecret::TooLong { length: 37 },
            ),
            (
                "PROXMOX_TOKEN_VALUE=a1b2c3d4-1234-5678-9abc-def01234567g",
                BadSecret::Character { position: 36, length: 36, found: 'g' },
            ),
            ("a1b2c3d4123456789abcdef012345678", BadSecret::NoHyphens),
            ("{a1b2c3d4-1234-5678-9abc-def012345678}", BadSecret::Wrapped),
            ("urn:uuid:a1b2c3d4-1234-5678-9abc-def012345678", BadSecret::Wrapped),
            ("mysecretpassword", BadSecret::Password),
            ("p=ssw=rd", BadSecret::Password),
            ("PROXMOX_TOKEN_VALUE=xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", BadSecret::Placeholder),
            ("apex@pve!tt=<secret>", BadSecret::Placeholder),
            ("op://vault/a1b2c3d4-1234-5678-9abc-def012345678/token", BadSecret::Reference),
            ("PROXMOX_TOKEN_VALUE=${TOKEN}", BadSecret::Reference),
            ("one\ntwo\nthree", BadSecret::NotFound { lines: 3 }),
            ("a1b2c3d4-1234-5678-9abc-def012345678\n00000000-1111-2222-3333-444444444444", BadSecret::Several),
        ] {
            assert_eq!(read(text), Err(reason), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_paste_is_read_or_refused_without_being_shown(text in "(?s).{0,200}") {
            if let Err(reason) = read(&text) {
                prop_assert!(text.trim().len() < 8 || !reason.to_string().contains(text.trim()));
            }
        }

        #[test]
        fn a_secret_among_words_is_found(before in "[ a-z:=]{0,20}", bytes: [u8; 16], after in "[ \n][a-z ]{0,20}") {
            let uuid = uuid::Uuid::from_bytes(bytes).to_string();
            let pasted = read(&format!("{before} {uuid}{after}"));
            prop_assert_eq!(pasted.map(|it| it.secret.expose().to_owned()), Ok(uuid));
        }
    }
}
