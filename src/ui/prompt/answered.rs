//! The answers at the end of the screen: one whose check fails later is marked as failed in its place.

use console::measure_text_width;

use super::theme::{Outcome, QuestionTheme};
use crate::ui::Style;

/// The answers that are directly above the cursor, with nothing else between them.
#[derive(Default)]
pub(super) struct Answers {
    answers: Vec<Answered>,
    /// How many columns the screen had when they were drawn.
    columns: usize,
}

/// An answer as it is on the screen.
struct Answered {
    question: String,
    answer: String,
    outcome: Outcome,
}

impl Answers {
    /// Notes an answer, and returns its lines.
    pub(super) fn add(&mut self, question: &str, answer: &str, style: Style) -> String {
        let columns = style.width.unwrap_or(80);
        if self.columns != columns {
            self.forget();
            self.columns = columns;
        }
        let answered = Answered { question: question.to_owned(), answer: answer.to_owned(), outcome: Outcome::Good };
        let drawn = answered.drawn(style);
        self.answers.push(answered);
        drawn
    }

    /// Forgets them: something else is below them now.
    pub(super) fn forget(&mut self) {
        self.answers.clear();
    }

    /// Marks the last answer to a question as failed. Returns what draws it and everything below it anew, unless that
    /// reaches beyond a screen of so many rows.
    pub(super) fn fail(&mut self, question: &str, style: Style, rows: usize) -> Option<String> {
        if style.width != Some(self.columns) {
            return None;
        }
        let place = self.answers.iter().rposition(|it| it.question == question)?;
        let redrawn = self.answers.get_mut(place..)?;
        let height: usize = redrawn.iter().map(|it| height(&it.drawn(style), self.columns)).sum();
        if height >= rows {
            return None;
        }
        if let Some(failed) = redrawn.first_mut() {
            failed.outcome = Outcome::Failed;
        }
        let lines: String = redrawn.iter().map(|it| it.drawn(style)).collect();
        Some(format!("{}{lines}", clear_above(height)))
    }
}

impl Answered {
    fn drawn(&self, style: Style) -> String {
        let lines = QuestionTheme::new(style).answered(&self.question, &self.answer, self.outcome);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Returns how many rows whole lines take on a screen.
pub(super) fn height(lines: &str, columns: usize) -> usize {
    lines.lines().map(|line| measure_text_width(line).div_ceil(columns.max(1)).max(1)).sum()
}

/// Removes so many rows above the cursor.
pub(super) fn clear_above(rows: usize) -> String {
    if rows == 0 { String::new() } else { format!("\x1b[{rows}A\r\x1b[J") }
}

#[cfg(test)]
mod tests {
    use super::{Answers, height};
    use crate::ui::Style;

    const STYLE: Style = Style { color: false, unicode: true, width: Some(40) };

    #[test]
    fn an_answer_is_marked_in_its_place_and_what_follows_it_is_kept() {
        let mut answers = Answers::default();
        assert_eq!(answers.add("Node", "pve", STYLE), "✔ Node · pve\n");
        answers.add("Template for Ubuntu 22.04", "9000 ubuntu-2204-cloudinit-template", STYLE);
        answers.add("Pool", "", STYLE);
        let redrawn = answers.fail("Template for Ubuntu 22.04", STYLE, 24).unwrap();
        assert_eq!(
            redrawn,
            "\x1b[3A\r\x1b[J✗ Template for Ubuntu 22.04 · 9000\n  ubuntu-2204-cloudinit-template\n✔ Pool · (none)\n"
        );
        let again = answers.fail("Pool", STYLE, 24).unwrap();
        assert_eq!(again, "\x1b[1A\r\x1b[J✗ Pool · (none)\n");
    }

    #[test]
    fn what_is_not_on_the_screen_any_more_is_left_alone() {
        let mut answers = Answers::default();
        answers.add("Node", "pve", STYLE);
        assert_eq!(answers.fail("Pool", STYLE, 24), None, "never asked");
        assert_eq!(answers.fail("Node", STYLE, 1), None, "scrolled out");
        assert_eq!(answers.fail("Node", Style { width: Some(80), ..STYLE }, 24), None, "the window was resized");
        answers.forget();
        assert_eq!(answers.fail("Node", STYLE, 24), None, "something else was written");
    }

    #[test]
    fn a_word_that_is_wider_than_the_screen_takes_several_rows() {
        assert_eq!(height("short\n", 40), 1);
        assert_eq!(height(&format!("short\n  {}\n", "x".repeat(90)), 40), 4);
    }
}
