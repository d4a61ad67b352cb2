//! How a question, its choices, its answer and a reason look: one theme for all questions.

use std::fmt::{self, Write};

use console::{measure_text_width, truncate_str};
use dialoguer::theme::Theme;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::menu::Menu;
use crate::ui::screen::{decorated, paint, wrap};
use crate::ui::symbols::Symbol;
use crate::ui::{Printable, Style, Tone};

/// With less room than this behind the question, the answer is typed on a line of its own.
const MIN_ANSWER_COLUMNS: usize = 24;

/// The keys of a menu, as wide as the number of its page leaves room for at 40 columns.
const KEYS: &str = "arrows, Enter";
const KEYS_UNICODE: &str = "↑ ↓, Enter";

/// What is known of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was accepted.
    Good,
    /// What it was checked against later did not accept it.
    Failed,
}

/// The look of one question.
pub(super) struct QuestionTheme<'a> {
    style: Style,
    columns: usize,
    menu: Option<&'a Menu<'a>>,
}

impl<'a> QuestionTheme<'a> {
    /// Draws in a style, whose width is that of the terminal.
    pub(super) fn new(style: Style) -> Self {
        Self { style, columns: style.width.unwrap_or(80), menu: None }
    }

    /// Takes the texts of the choices from a menu.
    pub(super) fn of_menu(self, menu: &'a Menu<'a>) -> Self {
        Self { menu: Some(menu), ..self }
    }

    /// Returns the lines of an open question.
    pub(super) fn question(&self, question: &str) -> Vec<String> {
        self.with_hanging_indent(Symbol::Question, Tone::Accent, question)
    }

    /// Returns the lines of a question and its answer.
    pub(super) fn answered(&self, question: &str, answer: &str, outcome: Outcome) -> Vec<String> {
        let question = question.trim_end_matches([':', ' ']);
        let separator = Symbol::Separator.text(self.style);
        let answer = if answer.is_empty() { "(none)" } else { answer };
        let (symbol, tone) = match outcome {
            Outcome::Good => (Symbol::Done, Tone::Good),
            Outcome::Failed => (Symbol::Failed, Tone::Bad),
        };
        self.with_hanging_indent(symbol, tone, &format!("{question} {separator} {answer}"))
    }

    /// Returns the lines of the reason why an answer is refused.
    pub(super) fn reason(&self, why: &str) -> Vec<String> {
        let mark = paint(self.style, Tone::Bad, Symbol::Failed.text(self.style));
        let indent = Symbol::Failed.text(self.style).chars().count() + 1;
        let why = decorated(&Printable(why).to_string(), self.style).into_owned();
        let pieces = wrap(&why, Some(self.columns.saturating_sub(indent + 1)));
        pieces
            .iter()
            .enumerate()
            .map(|(number, piece)| {
                let before = if number == 0 { format!("{mark} ") } else { " ".repeat(indent) };
                format!("{before}{}", paint(self.style, Tone::Bad, piece))
            })
            .collect()
    }

    /// Returns how many columns of the line that is typed on are before the answer.
    pub(super) fn width_before_answer(&self, question: &str, default: Option<&str>) -> usize {
        let mut prompt = String::new();
        // A String takes everything.
        let _ = self.format_input_prompt(&mut prompt, question, default);
        prompt.lines().last().map_or(0, measure_text_width)
    }

    /// Returns the mark behind which an answer is typed.
    pub(super) fn cursor(&self) -> String {
        paint(self.style, Tone::Dim, Symbol::Cursor.text(self.style))
    }

    /// Writes a text behind a symbol; its first line is strong where it asks.
    fn with_hanging_indent(&self, symbol: Symbol, tone: Tone, text: &str) -> Vec<String> {
        let mark = symbol.text(self.style);
        let indent = mark.chars().count() + 1;
        let text = decorated(text, self.style).into_owned();
        let weight = if symbol == Symbol::Question { Tone::Strong } else { Tone::Plain };
        let room = self.columns.saturating_sub(indent + 1);
        // An open question must not take more rows than it has lines: that is how it is removed.
        let pieces = if symbol == Symbol::Question { wrapped(&text, room) } else { wrap(&text, Some(room)) };
        pieces
            .iter()
            .enumerate()
            .map(|(number, piece)| {
                let before =
                    if number == 0 { format!("{} ", paint(self.style, tone, mark)) } else { " ".repeat(indent) };
                format!("{before}{}", paint(self.style, weight, piece))
            })
            .collect()
    }

    /// Cuts a text that does not fit on a line.
    fn cut(&self, text: &str) -> String {
        let ellipsis = if self.style.unicode { "…" } else { "..." };
        truncate_str(&Printable(text).to_string(), self.columns.saturating_sub(6).max(12), ellipsis).into_owned()
    }

    /// Returns the lines of a choice: on one line, cut; the one that Enter takes as a whole.
    fn item(&self, text: &str, active: bool) -> String {
        let pointer = Symbol::Pointer.text(self.style);
        let room = self.columns.saturating_sub(3).max(12);
        if !active {
            let ellipsis = if self.style.unicode { "…" } else { "..." };
            return format!("  {}", truncate_str(&decorated(text, self.style), room, ellipsis));
        }
        let pieces = wrapped(&decorated(text, self.style), room);
        let pieces = pieces.iter().map(|piece| paint(self.style, Tone::Strong, piece));
        format!("{} {}", paint(self.style, Tone::Accent, pointer), pieces.collect::<Vec<_>>().join("\n  "))
    }

    fn keys(&self) -> String {
        let keys = if self.style.unicode { KEYS_UNICODE } else { KEYS };
        paint(self.style, Tone::Dim, keys)
    }
}

/// Breaks a text into lines of this many columns, between words where it can.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in wrap(text, Some(room)) {
        let mut piece = String::new();
        for character in line.chars() {
            if measure_text_width(&piece) + measure_text_width(character.encode_utf8(&mut [0; 4])) > room {
                lines.push(std::mem::take(&mut piece));
            }
            piece.push(character);
        }
        lines.push(piece);
    }
    lines
}

impl Theme for QuestionTheme<'_> {
    fn format_error(&self, to: &mut dyn Write, why: &str) -> fmt::Result {
        to.write_str(&self.reason(why).join("\n"))
    }

    fn format_input_prompt(&self, to: &mut dyn Write, question: &str, default: Option<&str>) -> fmt::Result {
        let default = default.map(|default| format!(" [{}]", self.cut(default))).unwrap_or_default();
        let lines = self.question(&format!("{question}{default}"));
        let last = lines.last().map_or(0, |line| measure_text_width(line));
        let gap = if last + MIN_ANSWER_COLUMNS > self.columns { "\n  " } else { " " };
        write!(to, "{}{gap}{} ", lines.join("\n"), self.cursor())
    }

    fn format_select_prompt(&self, to: &mut dyn Write, question: &str) -> fmt::Result {
        write!(to, "{}\n  {}", self.question(question).join("\n"), self.keys())
    }

    fn format_select_prompt_item(&self, to: &mut dyn Write, item: &str, active: bool) -> fmt::Result {
        let text = self.menu.map_or(item, |menu| menu.text(item));
        to.write_str(&self.item(text, active))
    }

    fn format_fuzzy_select_prompt(
        &self,
        to: &mut dyn Write,
        question: &str,
        filter: &str,
        _cursor: usize,
    ) -> fmt::Result {
        let lines = self.question(question).join("\n");
        if filter.is_empty() {
            let hint = paint(self.style, Tone::Dim, "or type to filter");
            return write!(to, "{lines}\n  {}, {hint}", self.keys());
        }
        // Of a long filter its end is shown: that is where it is typed.
        let count = self.menu.map(|menu| format!(" ({})", menu.count(filter))).unwrap_or_default();
        let room = self.columns.saturating_sub(14 + count.len()).max(4);
        let filter = Printable(filter).to_string();
        let excess = measure_text_width(&filter).saturating_sub(room);
        let end: String = filter.chars().skip(excess).collect();
        write!(to, "{lines}\n  filter {} {end}_{}", self.cursor(), paint(self.style, Tone::Dim, &count))
    }

    fn format_fuzzy_select_prompt_item(
        &self,
        to: &mut dyn Write,
        item: &str,
        active: bool,
        _highlight: bool,
        _matcher: &SkimMatcherV2,
        filter: &str,
    ) -> fmt::Result {
        let text = self.menu.map_or(item, |menu| menu.text(menu.exact_first(item, filter)));
        to.write_str(&self.item(text, active))
    }
}

#[cfg(test)]
mod tests {
    use console::measure_text_width;
    use dialoguer::theme::Theme;

    use super::{Outcome, QuestionTheme};
    use crate::ui::Style;

    const WIDE: Style = Style { color: false, unicode: true, width: Some(80) };
    const NARROW: Style = Style { width: Some(40), ..WIDE };
    const ASCII: Style = Style { unicode: false, ..NARROW };

    fn input(style: Style, question: &str, default: Option<&str>) -> String {
        let mut text = String::new();
        QuestionTheme::new(style).format_input_prompt(&mut text, question, default).unwrap();
        text
    }

    fn item(style: Style, text: &str, active: bool) -> String {
        let mut drawn = String::new();
        QuestionTheme::new(style).format_select_prompt_item(&mut drawn, text, active).unwrap();
        drawn
    }

    #[test]
    fn an_answer_is_typed_where_there_is_room() {
        assert_eq!(
            input(WIDE, "The name of the token", Some("glassdome-token")),
            "? The name of the token [glassdome-token] › "
        );
        let narrow = input(NARROW, "The name of the token", Some("glassdome-token"));
        assert_eq!(narrow, "? The name of the token\n  [glassdome-token]\n  › ");
        assert_eq!(input(ASCII, "Keep a1b2••••?", None), "? Keep a1b2****? > ");
        let cut = input(NARROW, "Host", Some(&"x".repeat(90)));
        assert_eq!(cut, format!("? Host\n  [{}…]\n  › ", "x".repeat(33)), "a default that is wider than the line");
        let long = input(NARROW, &"x".repeat(90), None);
        assert!(long.lines().all(|line| measure_text_width(line) < 40), "{long}");
        assert!(input(WIDE, "The host", Some("a\u{1b}[2J")).contains("[a\\u{1b}[2J]"), "a default is made printable");
    }

    #[test]
    fn a_question_with_its_answer_hangs_under_its_first_word() {
        let theme = QuestionTheme::new(NARROW);
        assert_eq!(
            theme.answered("The name of the token:", "glassdome", Outcome::Good),
            ["✔ The name of the token · glassdome"]
        );
        assert_eq!(
            theme.answered("Do you trust this certificate?", "yes, and the CA", Outcome::Good),
            ["✔ Do you trust this certificate? · yes,", "  and the CA"]
        );
        assert_eq!(QuestionTheme::new(ASCII).answered("Host", "pve", Outcome::Good), ["ok Host - pve"]);
        assert_eq!(QuestionTheme::new(ASCII).answered("Host", "pve", Outcome::Failed), ["x Host - pve"]);
        assert_eq!(theme.answered("CA file", "", Outcome::Good), ["✔ CA file · (none)"]);
        assert_eq!(QuestionTheme::new(ASCII).reason("too short: 3 of 36"), ["x too short: 3 of 36"]);
    }

    #[test]
    fn an_item_is_cut_and_the_one_that_is_pointed_at_is_whole() {
        let text = "9000  日本語のテンプレート日本語のテンプレート  pve";
        assert_eq!(item(NARROW, text, false), "  9000  日本語のテンプレート日本語のテ…");
        let whole = item(NARROW, text, true);
        assert!(whole.lines().all(|line| measure_text_width(line) < 40), "{whole}");
        assert_eq!(whole.replace(['\n', ' '], ""), format!("❯{}", text.replace(' ', "")));
        assert_eq!(item(ASCII, "pve", true), "> pve");
    }
}
