//! Explains a command, the exit codes, the environment.

use crate::cli;
use crate::commands::CommandFailure;
use crate::error::{Error, KINDS, UsageError};
use crate::session::Session;
use crate::settings::{Instance, KEYS};
use crate::ui::{Draw, Screen, Verbatim};
use std::fmt;
use std::process::ExitCode;

/// Prints the help of a topic.
pub(crate) fn run(session: &Session, topic: Option<&str>) -> Result<ExitCode, CommandFailure> {
    match topic {
        Some("exit-codes") => session.ui.borrow_mut().result(&ExitCodes),
        Some("environment") => session.ui.borrow_mut().result(&Environment),
        topic => {
            let text = cli::help(topic).ok_or_else(|| {
                Error::Usage(UsageError::UnknownTopic { topic: topic.unwrap_or_default().to_owned() })
            })?;
            session.ui.borrow_mut().result(&Verbatim(text));
        }
    }
    Ok(ExitCode::SUCCESS)
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
        screen.gap()?;
        screen.paragraph(0, "With `-o json` the same word stands in error.kind, and the number in error.exit_code.")
    }
}

/// The variables that are read.
struct Environment;

impl Draw for Environment {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.heading("Settings")?;
        screen.paragraph(0, "A flag beats a variable, a variable beats the settings file, the file beats the default. The same names are the keys of the file.")?;
        for entry in KEYS {
            screen.line(&format!("  {}", entry.key.variable(&Instance::default())))?;
            screen.paragraph(6, &format!("{} ({})", entry.about, entry.flag))?;
        }
        screen.gap()?;
        screen.heading("The program")?;
        for (name, about) in [
            ("GLASSDOME_ENV_FILE", "settings file to use (--env-file)"),
            ("PROXMOX_LOGIN_PASSWORD", "password of the log-in that makes or changes a token (--login-password-file)"),
            ("NO_COLOR, CLICOLOR_FORCE, CLICOLOR, TERM", "whether colours are used (--color)"),
            ("LC_ALL, LC_CTYPE, LANG", "whether characters beyond ASCII are used"),
            ("XDG_STATE_HOME, HOME", "where the journals of test VMs and of rotations are kept"),
            ("HTTPS_PROXY, ALL_PROXY, NO_PROXY", "proxy to the server, as curl reads them, lower case too"),
            ("SSL_CERT_FILE, SSL_CERT_DIR", "certificates of the system's trust"),
        ] {
            screen.line(&format!("  {name}"))?;
            screen.paragraph(6, about)?;
        }
        Ok(())
    }
}
