//! The manual pages, one for the program and one for each command.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::cli::topics::{self, Topic, TopicBlock};

/// A manual page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its name, `glassdome-setup` for example; its file ends in `.1`.
    pub name: String,
    /// Its text in roff.
    pub roff: String,
}

/// Writes every page, that of the program first. A topic has a page of its own, or stands in the page of the command that
/// has its name.
#[must_use]
pub fn pages() -> Vec<Page> {
    let mut program = Cli::command();
    program.build();
    let mut pages = Vec::new();
    collect(&program, "glassdome", &mut pages);
    for topic in topics::all() {
        let name = format!("glassdome-{}", topic.name);
        if pages.iter().all(|page| page.name != name) {
            pages.push(topic_page(&topic));
        }
    }
    pages
}

/// Lines are neither hyphenated nor stretched: both would change the commands in them.
const LAYOUT: &str = ".nh\n.ad l\n";

/// Writes the page of a topic.
#[must_use]
pub fn topic_page(topic: &Topic) -> Page {
    let name = format!("glassdome-{}", topic.name);
    let title = escaped(&name.to_uppercase());
    let source = escaped(&format!("glassdome {}", env!("CARGO_PKG_VERSION")));
    let roff = format!(
        ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n.TH \"{title}\" \"1\" \"\" \"{source}\" \"Glassdome manual\"\n\
         {LAYOUT}.SH NAME\n{} \\- {}\n.SH DESCRIPTION\n{}",
        escaped(&name),
        literal(topic.title),
        body(topic)
    );
    Page { name, roff }
}

/// Writes the text of a topic.
fn body(topic: &Topic) -> String {
    let mut roff = String::new();
    for block in &topic.blocks {
        roff.push_str(&match block {
            TopicBlock::Heading(text) => format!(".SS {}\n", escaped(text)),
            TopicBlock::Paragraph(text) => format!(".PP\n{}\n", literal(text)),
            TopicBlock::Item(text) => format!(".IP \\(bu 2\n{}\n", literal(text)),
            TopicBlock::Term { term, text } => {
                format!(".TP\n\\fB{}\\fR\n{}\n", escaped(&term.replace('`', "")), literal(text))
            }
            TopicBlock::Lines(lines) => {
                let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
                format!(".PP\n.RS 4\n.nf\n{}\n.fi\n.RE\n", lines.join("\n"))
            }
        });
    }
    roff
}

/// Writes a text with the words in backticks in bold.
fn literal(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    let marked = pieces.map(|(index, piece)| match index % 2 {
        0 => escaped(piece),
        _ => format!("\\fB{}\\fR", escaped(piece)),
    });
    let line: String = marked.collect();
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

fn collect(command: &Command, name: &str, pages: &mut Vec<Page>) {
    let mut roff = Vec::new();
    let written = write(command, name, &mut roff);
    debug_assert!(written.is_ok(), "memory takes everything");
    pages.push(Page { name: name.to_owned(), roff: String::from_utf8_lossy(&roff).into_owned() });
    for subcommand in command.get_subcommands() {
        collect(subcommand, &format!("{name}-{}", subcommand.get_name()), pages);
    }
}

/// Prepares a command for its page: the page explains the options that the short help leaves out, too, and its synopsis is
/// the usage line of the help.
fn for_manual(command: &Command) -> Command {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned();
    command.clone().override_usage(usage).mut_args(|option| option.hide_short_help(false))
}

fn write(command: &Command, name: &str, to: &mut Vec<u8>) -> io::Result<()> {
    let source = concat!("glassdome ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(for_manual(command)).title(name.to_uppercase()).source(source).manual("Glassdome manual");
    man.render_title(to)?;
    to.write_all(LAYOUT.as_bytes())?;
    man.render_name_section(to)?;
    man.render_synopsis_section(to)?;
    man.render_description_section(to)?;
    man.render_options_section(to)?;
    if command.has_subcommands() {
        man.render_subcommands_section(to)?;
    }
    if let Some(topic) = topics::find(command.get_name()) {
        write!(to, ".SH {}\n{}", escaped(&topic.title.to_uppercase()), body(&topic))?;
    }
    let Some(examples) = command.get_after_help() else { return Ok(()) };
    let examples = examples.to_string();
    let (heading, lines) = examples.split_once('\n').unwrap_or(("Examples:", &examples));
    writeln!(to, ".SH {}\n.nf", heading.trim_end_matches(':').to_uppercase())?;
    for line in lines.lines() {
        writeln!(to, "{}", escaped(line))?;
    }
    writeln!(to, ".fi")
}

/// Writes a line so that roff takes it as text: no control line, no escape, no hyphen in place of a minus.
#[must_use]
pub fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

#[cfg(test)]
mod tests {
    use super::{escaped, literal};

    #[test]
    fn words_in_backticks_are_bold() {
        assert_eq!(literal("set `--pin ca`, or not"), r"set \fB\-\-pin ca\fR, or not");
        assert_eq!(literal("`.env`"), r"\fB\&.env\fR");
    }

    #[test]
    fn nothing_in_a_line_is_a_command_to_roff() {
        for (line, expected) in [("a --b", r"a \-\-b"), (".TH x", r"\&.TH x"), ("'x'", r"\&'x'"), (r"a\nb", r"a\enb")] {
            assert_eq!(escaped(line), expected);
        }
    }
}
