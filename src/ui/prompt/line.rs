//! A line that is being typed.

use console::measure_text_width;

use super::keys::KeyPress;
use crate::ui::Printable;

/// The characters so far, and where the next one goes.
#[derive(Debug, Default)]
pub(super) struct LineEditor {
    characters: Vec<char>,
    cursor: usize,
}

impl LineEditor {
    /// Takes a text as if it had been typed.
    pub(super) fn of(text: &str) -> Self {
        let characters: Vec<char> = Printable(text).to_string().chars().collect();
        Self { cursor: characters.len(), characters }
    }

    /// Does what a key does to a line; keys that do nothing to it are passed over.
    pub(super) fn press(&mut self, key: &KeyPress) {
        match key {
            KeyPress::Char(character) => self.insert(*character),
            KeyPress::Paste(text) => {
                for character in text.trim().chars() {
                    self.insert(if character.is_whitespace() { ' ' } else { character });
                }
            }
            KeyPress::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.characters.remove(self.cursor);
            }
            KeyPress::Delete if self.cursor < self.characters.len() => {
                self.characters.remove(self.cursor);
            }
            KeyPress::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyPress::Right => self.cursor = (self.cursor + 1).min(self.characters.len()),
            KeyPress::Home => self.cursor = 0,
            KeyPress::End => self.cursor = self.characters.len(),
            KeyPress::Clear => {
                self.characters.clear();
                self.cursor = 0;
            }
            KeyPress::Word => {
                let before = self.characters.get(..self.cursor).unwrap_or_default();
                let is_blank = |character: &&char| character.is_whitespace();
                let blanks = before.iter().rev().take_while(is_blank).count();
                let word = before.iter().rev().skip(blanks).take_while(|it| !is_blank(it)).count();
                let begin = self.cursor - blanks - word;
                self.characters.drain(begin..self.cursor);
                self.cursor = begin;
            }
            _ => {}
        }
    }

    /// Gives the text.
    pub(super) fn text(&self) -> String {
        self.characters.iter().collect()
    }

    /// Gives the part that fits into so many columns, with the cursor in it, and the column of the cursor.
    pub(super) fn view(&self, columns: usize) -> (String, usize) {
        let columns = columns.max(2);
        let before = self.characters.get(..self.cursor).unwrap_or_default();
        let mut column = 0;
        let mut begin = self.cursor;
        for character in before.iter().rev() {
            let wide = width(*character);
            if column + wide >= columns {
                break;
            }
            column += wide;
            begin -= 1;
        }
        let mut shown = String::new();
        let mut used = 0;
        for character in self.characters.iter().skip(begin) {
            used += width(*character);
            if used >= columns {
                break;
            }
            shown.push(*character);
        }
        (shown, column)
    }

    fn insert(&mut self, character: char) {
        if !character.is_control() {
            self.characters.insert(self.cursor, character);
            self.cursor += 1;
        }
    }
}

fn width(character: char) -> usize {
    measure_text_width(character.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::LineEditor;
    use crate::ui::prompt::keys::KeyPress;

    fn typed(keys: &[KeyPress]) -> LineEditor {
        let mut line = LineEditor::default();
        for key in keys {
            line.press(key);
        }
        line
    }

    fn paste(text: &str) -> KeyPress {
        KeyPress::Paste(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn keys_edit_the_line() {
        for (keys, text) in [
            (vec![paste("abc"), KeyPress::Backspace], "ab"),
            (vec![paste("abc"), KeyPress::Left, KeyPress::Left, KeyPress::Char('x')], "axbc"),
            (vec![paste("abc"), KeyPress::Home, KeyPress::Delete, KeyPress::End, KeyPress::Char('d')], "bcd"),
            (vec![paste("one two  "), KeyPress::Word], "one "),
            (vec![paste("one two"), KeyPress::Clear, KeyPress::Backspace, KeyPress::Char('x')], "x"),
            (vec![paste("  https://pve.lan:8006/#v1\n")], "https://pve.lan:8006/#v1"),
            (vec![paste("a\nb\u{1b}[A")], "a b[A"),
            (vec![KeyPress::Up, KeyPress::Other, KeyPress::Char('\u{7}'), KeyPress::Right, KeyPress::Left], ""),
        ] {
            assert_eq!(typed(&keys).text(), text, "{keys:?}");
        }
    }

    #[test]
    fn a_long_line_shows_the_part_around_the_cursor() {
        let mut line = typed(&[paste("abcdefgh")]);
        assert_eq!(line.view(20), ("abcdefgh".to_owned(), 8));
        assert_eq!(line.view(5), ("efgh".to_owned(), 4));
        line.press(&KeyPress::Home);
        assert_eq!(line.view(5), ("abcd".to_owned(), 0));
        assert_eq!(typed(&[paste("日本日本")]).view(6), ("日本".to_owned(), 4));
        assert_eq!(typed(&[]).view(0), (String::new(), 0));
    }
}
