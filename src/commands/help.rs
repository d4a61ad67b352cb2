//! Explains a command or a topic.

use crate::cli;
use crate::cli::topics::{self, Topic, TopicBlock};
use crate::commands::CommandFailure;
use crate::error::{Error, KINDS, UsageError};
use crate::session::Session;
use crate::settings::{ENV_FILE, Instance, KEYS, LOGIN_PASSWORD};
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
                return Err(Error::Usage(UsageError::UnknownTopic { topic }).into());
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
        screen.labelled("    0  ", crate::ui::Tone::Plain, "done")?;
        for (kind, meaning) in KINDS {
            let label = format!("  {:>3}  ", kind.exit_code());
            screen.labelled(&label, crate::ui::Tone::Plain, &format!("{}: {meaning}", kind.word()))?;
        }
        screen.blank_line()?;
        screen.paragraph(0, "With `-o json`, `error.kind` holds the word and `error.exit_code` the number. `doctor` exits with the code of its first failed check.")?;
        screen.blank_line()?;
        screen.paragraph(0, "If a result cannot be written (a full disk, for example), the exit code is 1 and the result is printed to standard error; changes already made are kept. A reader that closes its pipe early (`| head`) is not an error.")
    }
}

/// The variables that are read.
struct Environment;

impl Draw for Environment {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.heading("Settings")?;
        screen.paragraph(0, "Flags take precedence over variables, variables over the settings file, and the file over defaults. The keys of the file have the same names.")?;
        for entry in KEYS {
            screen.line(&format!("  {}", entry.key.variable(&Instance::default())))?;
            screen.paragraph(6, &format!("{} ({})", entry.about, entry.flag))?;
        }
        screen.blank_line()?;
        screen.heading("The program")?;
        for (name, about) in [
            (ENV_FILE, "settings file to use (--env-file)"),
            (LOGIN_PASSWORD, "password of the administrator login (--login-password-file)"),
            ("NO_COLOR, CLICOLOR_FORCE, CLICOLOR, TERM", "whether to use colours (--color)"),
            ("LC_ALL, LC_CTYPE, LANG", "whether to use non-ASCII characters"),
            ("XDG_STATE_HOME, HOME", "folder for the journals of test VMs, tokens and rotations"),
            ("HTTPS_PROXY, ALL_PROXY, NO_PROXY", "proxy to the server, as in curl; lower case also works"),
            ("SSL_CERT_FILE, SSL_CERT_DIR", "CA certificates to use instead of those of the system"),
            ("SHELL", "shell for the script of `glassdome completions`"),
        ] {
            screen.line(&format!("  {name}"))?;
            screen.paragraph(6, about)?;
        }
        Ok(())
    }
}
