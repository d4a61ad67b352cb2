//! Explains a command or a topic.

use crate::cli;
use crate::cli::topics::{self, Topic, TopicBlock};
use crate::commands::{CommandFailure, reference};
use crate::error::{Error, UsageError};
use crate::session::Session;
use crate::ui::{Draw, Screen, Tone, Verbatim};
use std::fmt;
use std::process::ExitCode;

/// Prints the help of a topic.
pub(crate) fn run(session: &Session, words: &[String]) -> Result<ExitCode, CommandFailure> {
    let topic = words.join(" ");
    match topic.as_str() {
        "exit-codes" => session.result(&ExitCodes),
        "environment" => session.result(&Environment),
        name => {
            let command = cli::help(words);
            let text = topics::find(name);
            if command.is_none() && text.is_none() {
                return Err(Error::Usage(UsageError::UnknownTopic { topic, known: topics::names().collect() }).into());
            }
            session.result(&Explained { command, text });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The help of a command, the text of a topic, or both where they have the same name.
struct Explained {
    command: Option<String>,
    text: Option<Topic>,
}

impl Draw for Explained {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        if let Some(command) = &self.command {
            Verbatim(command.clone()).draw(screen)?;
        }
        let Some(topic) = &self.text else { return Ok(()) };
        if self.command.is_some() {
            screen.blank_line()?;
        }
        screen.heading(topic.title)?;
        let mut follows_item = false;
        for block in &topic.blocks {
            let is_item = matches!(block, TopicBlock::Item(_));
            if !(is_item && follows_item) {
                screen.blank_line()?;
            }
            draw_block(block, screen)?;
            follows_item = is_item;
        }
        Ok(())
    }
}

fn draw_block(block: &TopicBlock, screen: &mut Screen<'_>) -> fmt::Result {
    match block {
        TopicBlock::Heading(text) => screen.heading(text),
        TopicBlock::Paragraph(text) => screen.paragraph(0, text),
        TopicBlock::Item(text) => screen.labelled("- ", Tone::Plain, text),
        TopicBlock::Term { term, text } => {
            screen.labelled("", Tone::Strong, term)?;
            screen.paragraph(4, text)
        }
        TopicBlock::Lines(lines) => lines.iter().try_for_each(|line| screen.line(format!("    {line}").trim_end())),
    }
}

/// The table of exit codes.
struct ExitCodes;

impl Draw for ExitCodes {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.heading("Exit codes")?;
        for (code, text) in reference::exit_codes() {
            screen.labelled(&format!("  {code:>3}  "), Tone::Plain, &text)?;
        }
        for note in reference::EXIT_CODE_NOTES {
            screen.blank_line()?;
            screen.paragraph(0, note)?;
        }
        Ok(())
    }
}

/// The variables that are read.
struct Environment;

impl Draw for Environment {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.heading("Settings")?;
        screen.paragraph(0, reference::PRECEDENCE)?;
        for (name, about) in reference::settings() {
            screen.line(&format!("  {name}"))?;
            screen.paragraph(6, &about)?;
        }
        screen.blank_line()?;
        screen.heading("The program")?;
        for (name, about) in reference::PROGRAM_VARIABLES {
            screen.line(&format!("  {name}"))?;
            screen.paragraph(6, about)?;
        }
        Ok(())
    }
}
