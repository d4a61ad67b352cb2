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
    pub(super) fn sorted(items: &'a [String], default: usize, page: Page) -> Option<Self> {
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.sort_by_key(|index| sort_key(items.get(*index).map(String::as_str).unwrap_or_default()));
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

    /// Gives the keys, in their order.
    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Gives the place among the keys at which an item stands.
    pub(super) fn place(&self, item: usize) -> usize {
        self.order.iter().position(|index| *index == item).unwrap_or_default()
    }

    /// Gives the item behind the key that dialoguer says was chosen.
    pub(super) fn chosen(&self, place: usize) -> usize {
        let key = self.keys.get(place).map(String::as_str).unwrap_or_default();
        let exact = self.exact.borrow();
        let key = swapped(key, &exact.1);
        self.places.get(key).copied().unwrap_or_default()
    }

    /// Gives the text of the item behind a key.
    pub(super) fn text(&self, key: &str) -> &str {
        self.places.get(key).and_then(|index| self.items.get(*index)).map(String::as_str).unwrap_or_default()
    }

    /// Gives the key to be drawn in the place of another one: the item whose name is exactly the filter stands first,
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
pub(super) struct Page {
    pub(super) rows: usize,
    pub(super) columns: usize,
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
