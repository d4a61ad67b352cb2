//! The choices of a menu, as they are handed to dialoguer.

use std::cell::RefCell;
use std::collections::HashMap;

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

/// Choices under keys. Dialoguer counts the bytes of what it is handed to find out how many lines it takes, so that a
/// key is never longer than a line; the theme draws the text that belongs to it.
pub(super) struct Menu<'a> {
    items: &'a [String],
    keys: Vec<String>,
    /// The place of the item behind each key.
    order: Vec<usize>,
    places: HashMap<String, usize>,
    /// For the filter that was drawn last: the key that dialoguer lists first, and the one that is exactly the filter.
    exact: RefCell<(String, Option<(String, String)>)>,
}

impl<'a> Menu<'a> {
    /// Keeps the order; the keys are numbers.
    pub(super) fn fixed(items: &'a [String]) -> Self {
        let order: Vec<usize> = (0..items.len()).collect();
        let keys = order.iter().map(ToString::to_string).collect();
        Self::of(items, keys, order)
    }

    /// Sorts by the first word, the name or ID; the keys are what can be searched. `None` where two would be the same.
    pub(super) fn sorted(items: &'a [String], default: usize, page: MenuArea) -> Option<Self> {
        let mut order: Vec<usize> = (0..items.len()).collect();
        let names = items.len().saturating_sub(page.last);
        if let Some(named) = order.get_mut(..names) {
            named.sort_by_key(|index| sort_key(items.get(*index).map(String::as_str).unwrap_or_default()));
        }
        // Dialoguer shows the first page when it begins: what it points at must be on it.
        let chosen = order.iter().position(|index| *index == default).unwrap_or_default();
        let name = name_of(items.get(default).map(String::as_str).unwrap_or_default());
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        for (place, index) in order.into_iter().enumerate() {
            let other = name_of(items.get(index).map(String::as_str).unwrap_or_default());
            let is_first = chosen >= page.rows && (place == chosen || (place < chosen && name.starts_with(other)));
            if is_first { first.push(index) } else { rest.push(index) }
        }
        first.extend(rest);
        let keys: Vec<String> = first
            .iter()
            .map(|index| cut(items.get(*index).map(String::as_str).unwrap_or_default(), page.columns))
            .collect();
        let menu = Self::of(items, keys, first);
        (menu.places.len() == items.len()).then_some(menu)
    }

    fn of(items: &'a [String], keys: Vec<String>, order: Vec<usize>) -> Self {
        let places = keys.iter().cloned().zip(order.iter().copied()).collect();
        Self { items, keys, order, places, exact: RefCell::new((String::new(), None)) }
    }

    /// Returns the keys, in their order.
    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Returns the place among the keys at which an item is.
    pub(super) fn place(&self, item: usize) -> usize {
        self.order.iter().position(|index| *index == item).unwrap_or_default()
    }

    /// Returns the item behind the key that dialoguer says was chosen.
    pub(super) fn chosen(&self, place: usize) -> usize {
        let key = self.keys.get(place).map(String::as_str).unwrap_or_default();
        let exact = self.exact.borrow();
        let key = swapped(key, &exact.1);
        self.places.get(key).copied().unwrap_or_default()
    }

    /// Returns the text of the item behind a key.
    pub(super) fn text(&self, key: &str) -> &str {
        self.places.get(key).and_then(|index| self.items.get(*index)).map(String::as_str).unwrap_or_default()
    }

    /// Returns the key to be drawn in the place of another one: the item whose name is exactly the filter is first,
    /// also where dialoguer, which sorts by likeness alone, lists another one there.
    pub(super) fn exact_first<'k>(&'k self, key: &'k str, filter: &str) -> &'k str {
        let mut exact = self.exact.borrow_mut();
        if exact.0 != filter {
            *exact = (filter.to_owned(), self.exact_and_first(filter));
        }
        match &exact.1 {
            Some((first, same)) if key == first => self.own(same),
            Some((first, same)) if key == same => self.own(first),
            _ => key,
        }
    }

    /// Says how many of the items a filter leaves: "1 of 501".
    pub(super) fn count(&self, filter: &str) -> String {
        let matcher = SkimMatcherV2::default();
        match self.keys.iter().filter(|key| matcher.fuzzy_match(key, filter).is_some()).count() {
            0 => "nothing matches".to_owned(),
            count => format!("{count} of {}", self.keys.len()),
        }
    }

    fn own(&self, key: &str) -> &str {
        self.places.get_key_value(key).map(|(key, _)| key.as_str()).unwrap_or_default()
    }

    fn exact_and_first(&self, filter: &str) -> Option<(String, String)> {
        let same = self.keys.iter().find(|key| name_of(key) == filter.trim())?;
        let matcher = SkimMatcherV2::default();
        // As dialoguer does it, down to the order of equals.
        let mut found: Vec<(&String, i64)> =
            self.keys.iter().filter_map(|key| matcher.fuzzy_match(key, filter).map(|score| (key, score))).collect();
        found.sort_unstable_by(|(_, one), (_, other)| other.cmp(one));
        let (first, _) = found.first()?;
        (*first != same).then(|| ((*first).clone(), same.clone()))
    }
}

/// How much of a menu is on the screen at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct MenuArea {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// How many items stay at the end, whatever their names.
    pub(super) last: usize,
}

fn swapped<'a>(key: &'a str, pair: &'a Option<(String, String)>) -> &'a str {
    match pair {
        Some((first, same)) if key == first => same,
        Some((first, same)) if key == same => first,
        _ => key,
    }
}

fn name_of(item: &str) -> &str {
    item.split_whitespace().next().unwrap_or_default()
}

/// Numbers by their value, before names.
fn sort_key(item: &str) -> (u64, String) {
    let name = name_of(item);
    (name.parse().unwrap_or(u64::MAX), name.to_owned())
}

/// Cuts a text to this many bytes.
fn cut(text: &str, bytes: usize) -> String {
    let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use fuzzy_matcher::FuzzyMatcher;
    use fuzzy_matcher::skim::SkimMatcherV2;

    use super::{Menu, MenuArea};

    const PAGE: MenuArea = MenuArea { rows: 5, columns: 40, last: 0 };

    fn items(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("{name}  online")).collect()
    }

    /// Returns the texts in the order in which dialoguer lists them for a filter, as the theme draws them.
    fn listed<'a>(menu: &'a Menu<'a>, filter: &str) -> Vec<&'a str> {
        let matcher = SkimMatcherV2::default();
        let score = |key: &'a String| matcher.fuzzy_match(key, filter).map(|score| (key, score));
        let mut found: Vec<(&String, i64)> = menu.keys().iter().filter_map(score).collect();
        found.sort_unstable_by(|(_, one), (_, other)| other.cmp(one));
        found.iter().map(|(key, _)| menu.text(menu.exact_first(key, filter))).collect()
    }

    #[test]
    fn numbers_come_by_value_and_names_behind_them() {
        let items = items(&["b", "9000", "none", "10000", "a", "101"]);
        let menu = Menu::sorted(&items, 0, MenuArea { rows: 9, ..PAGE }).unwrap();
        let names: Vec<&str> = menu.keys().iter().map(|key| key.split(' ').next().unwrap()).collect();
        assert_eq!(names, ["101", "9000", "10000", "a", "b", "none"]);
        assert_eq!(menu.chosen(menu.place(0)), 0);
        assert_eq!(menu.chosen(0), 5);
    }

    #[test]
    fn a_default_behind_the_first_page_is_moved_onto_it() {
        let items: Vec<String> = (100..200).map(|number| format!("{number}  template")).collect();
        let menu = Menu::sorted(&items, 77, PAGE).unwrap();
        assert_eq!((menu.place(77), menu.chosen(0)), (0, 77));
        assert_eq!(menu.chosen(1), 0, "the others stay in their order");
    }

    #[test]
    fn an_exact_name_is_first_among_many_that_contain_it() {
        let names: Vec<String> = ["apve".to_owned(), "zpve".to_owned(), "pve".to_owned()]
            .into_iter()
            .chain((1..60).map(|number| format!("pve{number}")))
            .chain((1..60).map(|number| format!("a{number}pve")))
            .collect();
        let items = items(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for default in [0, 2, 30, 61] {
            let menu = Menu::sorted(&items, default, PAGE).unwrap();
            for name in &names {
                let listed = listed(&menu, name);
                assert_eq!(listed.first().copied(), Some(format!("{name}  online").as_str()), "{default}");
                let mut each = listed.clone();
                each.sort_unstable();
                each.dedup();
                assert_eq!(each.len(), listed.len(), "each is listed once");
            }
        }
    }

    #[test]
    fn what_is_drawn_is_what_is_chosen() {
        let items = items(&["pve2", "pve", "apve"]);
        let menu = Menu::sorted(&items, 0, PAGE).unwrap();
        for filter in ["", "p", "pve", "pve2", "ve"] {
            for (place, key) in menu.keys().iter().enumerate() {
                let drawn = menu.text(menu.exact_first(key, filter)).to_owned();
                assert_eq!(items[menu.chosen(place)], drawn, "{filter}");
            }
        }
    }

    #[test]
    fn keys_are_no_longer_than_a_line_and_never_the_same() {
        let long = "x".repeat(63);
        let menu_items = vec![format!("{long}1  online"), "日本語のテンプレート日本語のテンプレート".to_owned()];
        let menu = Menu::sorted(&menu_items, 0, PAGE).unwrap();
        assert!(menu.keys().iter().all(|key| key.len() <= PAGE.columns));
        assert_eq!(menu.text(&menu.keys()[0]), menu_items[0], "the whole text is drawn");
        let same = vec![format!("{long}1"), format!("{long}2")];
        assert!(Menu::sorted(&same, 0, PAGE).is_none(), "then the menu has no filter");
        assert_eq!(Menu::fixed(&same).chosen(1), 1);
    }
}
