//! Characters that word processors, browsers and chats put into a text on its way.

use zeroize::Zeroizing;

/// Finds the first character that a word processor, browser or chat may have put in place of a plain one: an invisible
/// character, a typographic quotation mark, a hyphen that is not ASCII's, a space of another width. Returns its
/// position, counted from 1.
#[must_use]
pub fn first_replaceable_character(text: &str) -> Option<(usize, char)> {
    let mut buffer = [0; 4];
    let is_changed = |character: char, buffer: &mut [u8; 4]| {
        let written: &str = character.encode_utf8(buffer);
        *plain(written) != *written
    };
    text.chars().enumerate().find(|(_, it)| is_changed(*it, &mut buffer)).map(|(index, it)| (index + 1, it))
}

/// Replaces such characters by plain ones: typographic quotation marks, other hyphens and spaces; invisible characters
/// are removed.
pub(super) fn plain(text: &str) -> Zeroizing<String> {
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

/// Names a character: a visible one as it is, any other by its number in Unicode, and by its name if it is a common one.
#[must_use]
pub fn named(character: char) -> String {
    if character == ' ' {
        return "a space".to_owned();
    }
    let name = match character {
        '\u{00A0}' | '\u{202F}' => " (no-break space)",
        '\u{00AD}' => " (soft hyphen)",
        '\u{200B}' => " (zero-width space)",
        '\u{200C}' | '\u{200D}' => " (zero-width joiner)",
        '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => " (direction mark)",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => " (a dash, not the hyphen)",
        '\u{2018}'..='\u{201F}' | '\u{00AB}' | '\u{00BB}' => " (typographic quotation mark)",
        '\u{FEFF}' => " (byte order mark)",
        _ => "",
    };
    if character.is_ascii_graphic() {
        format!("`{character}`")
    } else {
        format!("U+{:04X}{name}", u32::from(character))
    }
}
