//! The topics of `glassdome help`: texts from which the help and the manual pages are made.

/// The texts, in the order in which they are listed.
const TEXTS: [(&str, &str); 9] = [
    ("trust", include_str!("topics/trust.md")),
    ("tokens", include_str!("topics/tokens.md")),
    ("privileges", include_str!("topics/privileges.md")),
    ("env-file", include_str!("topics/env-file.md")),
    ("templates", include_str!("topics/templates.md")),
    ("many-vms", include_str!("topics/many-vms.md")),
    ("unreliable-networks", include_str!("topics/unreliable-networks.md")),
    ("sandbox", include_str!("topics/sandbox.md")),
    ("speed", include_str!("topics/speed.md")),
];

/// The topics that are made of tables in the code.
const TABLES: [&str; 2] = ["exit-codes", "environment"];

/// A topic of the help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name, as `glassdome help` takes it.
    pub name: &'static str,
    /// What it is about, in one line.
    pub title: &'static str,
    /// Its text.
    pub blocks: Vec<TopicBlock>,
}

/// A piece of the text of a topic. Words in backticks are literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicBlock {
    /// A heading.
    Heading(String),
    /// A paragraph.
    Paragraph(String),
    /// An item of a list.
    Item(String),
    /// A term and what it means.
    Term {
        /// The term.
        term: String,
        /// What it means.
        text: String,
    },
    /// Lines to be shown as they are: commands, tables, examples.
    Lines(Vec<String>),
}

/// Lists the names of all topics.
pub fn names() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().map(|(name, _)| *name).chain(TABLES)
}

/// Lists the topics that have a text.
pub fn all() -> impl Iterator<Item = Topic> {
    TEXTS.iter().map(|(name, text)| parse(name, text))
}

/// Gives a topic that has a text.
#[must_use]
pub fn find(name: &str) -> Option<Topic> {
    TEXTS.iter().find(|(known, _)| *known == name).map(|(name, text)| parse(name, text))
}

/// Reads a text: its first line is the title, empty lines separate the blocks.
fn parse(name: &'static str, text: &'static str) -> Topic {
    let (title, body) = text.split_once('\n').unwrap_or((text, ""));
    let mut blocks = Vec::new();
    for piece in body.split("\n\n").map(|piece| piece.trim_matches('\n')).filter(|piece| !piece.is_empty()) {
        add(piece, &mut blocks);
    }
    Topic { name, title: title.trim_start_matches("# "), blocks }
}

fn add(piece: &str, blocks: &mut Vec<TopicBlock>) {
    if let Some(heading) = piece.strip_prefix("## ") {
        blocks.push(TopicBlock::Heading(heading.to_owned()));
    } else if piece.starts_with("    ") {
        blocks
            .push(TopicBlock::Lines(piece.lines().map(|line| line.get(4..).unwrap_or_default().to_owned()).collect()));
    } else if let Some((term, text)) = piece.split_once("\n:   ") {
        blocks.push(TopicBlock::Term { term: term.to_owned(), text: joined(text) });
    } else if let Some(items) = piece.strip_prefix("- ") {
        blocks.extend(items.split("\n- ").map(|item| TopicBlock::Item(joined(item))));
    } else {
        blocks.push(TopicBlock::Paragraph(joined(piece)));
    }
}

/// Puts the lines of a paragraph into one.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{TopicBlock, all, parse};

    #[test]
    fn a_text_is_read_block_by_block() {
        let topic = parse(
            "x",
            "# Title\n\n## Head\n\none\ntwo\n\n- a\n  b\n- c\n\nterm\n:   its\n    text\n\n    $ x\n      y\n",
        );
        assert_eq!(topic.title, "Title");
        let lines = vec!["$ x".to_owned(), "  y".to_owned()];
        let expected = vec![
            TopicBlock::Heading("Head".into()),
            TopicBlock::Paragraph("one two".into()),
            TopicBlock::Item("a b".into()),
            TopicBlock::Item("c".into()),
            TopicBlock::Term { term: "term".into(), text: "its text".into() },
            TopicBlock::Lines(lines),
        ];
        assert_eq!(topic.blocks, expected);
    }

    #[test]
    fn every_topic_has_a_title_and_fits_a_screen() {
        for topic in all() {
            assert!(topic.title.len() < 60 && topic.blocks.len() > 3, "{}", topic.name);
            for block in &topic.blocks {
                if let TopicBlock::Lines(lines) = block {
                    assert!(lines.iter().all(|line| line.chars().count() <= 76), "{}: {lines:?}", topic.name);
                }
            }
        }
    }
}
