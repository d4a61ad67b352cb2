//! A menu: items, a filter that is typed, and the one that is pointed at.

use console::{measure_text_width, truncate_str};

use super::keys::KeyPress;
use crate::ui::screen::{paint, wrap};
use crate::ui::{Style, Tone};

/// From so many items on the filter is mentioned.
const LONG: usize = 10;

/// What a key led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MenuStep {
    /// The menu stays open.
    Open,
    /// An item was chosen.
    Chosen(usize),
    /// The person left.
    Left,
}

/// Items, and the one that is pointed at.
pub(super) struct Menu<'a> {
    items: &'a [String],
    filter: String,
    /// The items that the filter lets through.
    shown: Vec<usize>,
    /// The place among these that is pointed at.
    pointer: usize,
    /// The first of these that is on the screen.
    top: usize,
    /// How many of these are on the screen at once.
    rows: usize,
}

impl<'a> Menu<'a> {
    /// Points at an item.
    pub(super) fn new(items: &'a [String], pointer: usize, rows: usize) -> Self {
        let pointer = pointer.min(items.len().saturating_sub(1));
        let mut menu = Self {
            items,
            filter: String::new(),
            shown: (0..items.len()).collect(),
            pointer,
            top: 0,
            rows: rows.max(1),
        };
        menu.scroll();
        menu
    }

    /// Changes how many items are on the screen at once.
    pub(super) fn resize(&mut self, rows: usize) {
        self.rows = rows.max(1);
        self.scroll();
    }

    /// Does what a key does to a menu.
    pub(super) fn press(&mut self, key: &KeyPress) -> MenuStep {
        let last = self.shown.len().saturating_sub(1);
        match key {
            KeyPress::Enter => {
                return self.shown.get(self.pointer).map_or(MenuStep::Open, |index| MenuStep::Chosen(*index));
            }
            KeyPress::Escape | KeyPress::Leave => return MenuStep::Left,
            KeyPress::Up if self.pointer == 0 => self.pointer = last,
            KeyPress::Up => self.pointer -= 1,
            KeyPress::Down if self.pointer >= last => self.pointer = 0,
            KeyPress::Down => self.pointer += 1,
            KeyPress::PageUp => self.pointer = self.pointer.saturating_sub(self.rows),
            KeyPress::PageDown => self.pointer = (self.pointer + self.rows).min(last),
            KeyPress::Home => self.pointer = 0,
            KeyPress::End => self.pointer = last,
            KeyPress::Char(character) => self.narrow(|filter| filter.push(*character)),
            KeyPress::Paste(text) => {
                self.narrow(|filter| filter.extend(text.trim().chars().filter(|it| !it.is_control())))
            }
            KeyPress::Backspace | KeyPress::Word => self.narrow(|filter| {
                filter.pop();
            }),
            KeyPress::Clear => self.narrow(String::clear),
            _ => {}
        }
        self.scroll();
        MenuStep::Open
    }

    /// Draws the items that are on the screen, and a line below them where there is something to say.
    pub(super) fn lines(&self, style: Style) -> Vec<String> {
        let columns = style.width.unwrap_or(80).saturating_sub(1);
        let ellipsis = if style.unicode { "…" } else { "..." };
        let cut = |text: &str| {
            if measure_text_width(text) > columns {
                truncate_str(text, columns, ellipsis).into_owned()
            } else {
                text.to_owned()
            }
        };
        let mut lines = Vec::new();
        for (place, index) in self.shown.iter().enumerate().skip(self.top).take(self.rows) {
            let item = self.items.get(*index).map(String::as_str).unwrap_or_default();
            let is_pointed_at = place == self.pointer;
            let mark = if is_pointed_at { " > " } else { "   " };
            let tone = if is_pointed_at { Tone::Strong } else { Tone::Plain };
            // Whoever is about to choose it reads all of it.
            let room = columns.saturating_sub(mark.len());
            let is_whole = !is_pointed_at || measure_text_width(item) <= room;
            let pieces = if is_whole { vec![item.to_owned()] } else { broken(item, room) };
            for (number, piece) in pieces.iter().enumerate() {
                let before = if number == 0 { mark } else { "   " };
                lines.push(paint(style, tone, &cut(&format!("{before}{piece}"))));
            }
        }
        if self.shown.is_empty() {
            lines.push(cut("   (nothing matches)"));
        }
        let below = self.below();
        if !below.is_empty() {
            lines.push(paint(style, Tone::Dim, &cut(&format!("   {below}"))));
        }
        lines
    }

    fn below(&self) -> String {
        let count = |shown: usize| format!("{shown} of {}", self.items.len());
        if !self.filter.is_empty() {
            return format!("filter: {} ({})", self.filter, count(self.shown.len()));
        }
        if self.items.len() >= LONG || self.items.len() > self.rows {
            return format!("{}; type to filter", count((self.pointer + 1).min(self.shown.len())));
        }
        String::new()
    }

    fn narrow(&mut self, change: impl FnOnce(&mut String)) {
        let pointed_at = self.shown.get(self.pointer).copied();
        change(&mut self.filter);
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let passes = |item: &String| {
            let item = item.to_lowercase();
            words.iter().all(|word| item.contains(word))
        };
        self.shown = self.items.iter().enumerate().filter(|(_, item)| passes(item)).map(|(index, _)| index).collect();
        self.pointer = self.shown.iter().position(|index| Some(*index) == pointed_at).unwrap_or(0);
    }

    fn scroll(&mut self) {
        let lowest_top = self.shown.len().saturating_sub(self.rows);
        self.top = self.top.min(self.pointer).max((self.pointer + 1).saturating_sub(self.rows)).min(lowest_top);
    }
}

/// Breaks an item into lines, at its blanks where that is enough.
fn broken(item: &str, room: usize) -> Vec<String> {
    let pieces = wrap(item, Some(room));
    if pieces.iter().all(|piece| measure_text_width(piece) <= room) {
        return pieces;
    }
    let mut lines = vec![String::new()];
    for character in item.chars() {
        let character = character.to_string();
        match lines.last_mut().filter(|line| measure_text_width(line) + measure_text_width(&character) <= room) {
            Some(line) => line.push_str(&character),
            None => lines.push(character),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Menu, MenuStep};
    use crate::ui::Style;
    use crate::ui::prompt::keys::KeyPress;

    const NARROW: Style = Style { color: false, unicode: true, width: Some(20) };

    fn items(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{} item", 100 + number)).collect()
    }

    #[test]
    fn arrows_move_and_enter_chooses() {
        let items = items(3);
        for (keys, step) in [
            (vec![KeyPress::Enter], MenuStep::Chosen(1)),
            (vec![KeyPress::Down, KeyPress::Enter], MenuStep::Chosen(2)),
            (vec![KeyPress::Down, KeyPress::Down, KeyPress::Enter], MenuStep::Chosen(0)),
            (vec![KeyPress::Up, KeyPress::Up, KeyPress::Enter], MenuStep::Chosen(2)),
            (vec![KeyPress::End, KeyPress::Enter], MenuStep::Chosen(2)),
            (vec![KeyPress::PageUp, KeyPress::Enter], MenuStep::Chosen(0)),
            (vec![KeyPress::Escape], MenuStep::Left),
            (vec![KeyPress::Char('z'), KeyPress::Enter], MenuStep::Open),
            (vec![KeyPress::Char('z'), KeyPress::Backspace, KeyPress::Enter], MenuStep::Chosen(0)),
            (vec![KeyPress::Char('0'), KeyPress::Char('2'), KeyPress::Enter], MenuStep::Chosen(2)),
        ] {
            let mut menu = Menu::new(&items, 1, 10);
            let steps: Vec<MenuStep> = keys.iter().map(|key| menu.press(key)).collect();
            assert_eq!(steps.last(), Some(&step), "{keys:?}");
        }
    }

    #[test]
    fn a_long_menu_scrolls_and_is_filtered() {
        let items = items(500);
        let mut menu = Menu::new(&items, 250, 3);
        assert_eq!(menu.lines(NARROW), ["   348 item", "   349 item", " > 350 item", "   251 of 500; typ…"]);
        for character in "59 it".chars() {
            menu.press(&KeyPress::Char(character));
        }
        assert_eq!(menu.lines(NARROW), [" > 159 item", "   259 item", "   359 item", "   filter: 59 it (…"]);
        menu.press(&KeyPress::End);
        assert_eq!(menu.press(&KeyPress::Enter), MenuStep::Chosen(499));
        menu.press(&KeyPress::Char('x'));
        assert_eq!(menu.lines(NARROW), ["   (nothing matche…", "   filter: 59 itx …"]);
    }

    #[test]
    fn wide_characters_are_cut_by_their_columns() {
        let items = vec!["9001".to_owned(), "9000 日本日本日本日本日本".to_owned()];
        let menu = Menu::new(&items, 0, 3);
        assert_eq!(menu.lines(NARROW), [" > 9001", "   9000 日本日本日…"]);
        assert_eq!(menu.lines(Style { unicode: false, ..NARROW }), [" > 9001", "   9000 日本日本..."]);
    }

    #[test]
    fn the_item_that_is_pointed_at_is_shown_whole() {
        let items = vec!["do not verify: whoever is in between".to_owned(), "quit and change nothing".to_owned()];
        let mut menu = Menu::new(&items, 0, 3);
        let lines = [" > do not verify:", "   whoever is in", "   between", "   quit and change…"];
        assert_eq!(menu.lines(NARROW), lines);
        let wide = vec!["9000 日本日本日本日本日本".to_owned()];
        assert_eq!(Menu::new(&wide, 0, 3).lines(NARROW), [" > 9000 日本日本日", "   本日本日本"]);
        menu.press(&KeyPress::Down);
        assert_eq!(menu.lines(NARROW), ["   do not verify: …", " > quit and change", "   nothing"]);
    }
}
