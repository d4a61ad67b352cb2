//! The manual pages, one for the program and one for each command.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;

/// A manual page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its name, `glassdome-setup` for example; its file ends in `.1`.
    pub name: String,
    /// Its text in roff.
    pub roff: String,
}

/// Writes every page, that of the program first.
#[must_use]
pub fn pages() -> Vec<Page> {
    let mut program = Cli::command();
    program.build();
    let mut pages = Vec::new();
    collect(&program, "glassdome", &mut pages);
    pages
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

fn write(command: &Command, name: &str, to: &mut Vec<u8>) -> io::Result<()> {
    let source = concat!("glassdome ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(name.to_uppercase()).source(source).manual("Glassdome manual");
    man.render_title(to)?;
    man.render_name_section(to)?;
    man.render_synopsis_section(to)?;
    man.render_description_section(to)?;
    man.render_options_section(to)?;
    if command.has_subcommands() {
        man.render_subcommands_section(to)?;
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
    use super::escaped;

    #[test]
    fn nothing_in_a_line_is_a_command_to_roff() {
        for (line, expected) in [("a --b", r"a \-\-b"), (".TH x", r"\&.TH x"), ("'x'", r"\&'x'"), (r"a\nb", r"a\enb")] {
            assert_eq!(escaped(line), expected);
        }
    }
}
