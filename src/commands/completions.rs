//! `glassdome completions`: the script for a shell, which it finds by itself.

use crate::cli::{Completions, Shell, completion};
use crate::commands::CommandFailure;
use crate::error::{Error, UsageError};
use crate::session::Session;
use crate::ui::Verbatim;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Prints the script for a shell.
pub(crate) fn run(session: &Session, arguments: &Completions) -> Result<ExitCode, CommandFailure> {
    let found = arguments.shell.or_else(|| session.variable("SHELL").and_then(shell_named)).or_else(parent_shell);
    let Some(shell) = found else {
        return Err(Error::Usage(UsageError::CommandLine {
            message: "cannot detect the shell: neither $SHELL nor the parent process is a supported one".to_owned(),
            tips: vec!["pass one of: bash, zsh, fish, powershell".to_owned()],
            command: "glassdome completions".to_owned(),
        })
        .into());
    };
    session.result(&Verbatim(completion::script(shell)));
    Ok(ExitCode::SUCCESS)
}

/// Returns the shell of a program: its path, or its name as a process has it (with a hyphen before it in a login
/// shell).
fn shell_named(program: &str) -> Option<Shell> {
    let name = Path::new(program.trim()).file_name()?.to_str()?.trim_start_matches('-').trim_end_matches(".exe");
    match name {
        "bash" => Some(Shell::Bash),
        "zsh" => Some(Shell::Zsh),
        "fish" => Some(Shell::Fish),
        "pwsh" | "pwsh-preview" | "powershell" => Some(Shell::PowerShell),
        _ => None,
    }
}

/// Returns the shell that started this program.
fn parent_shell() -> Option<Shell> {
    let id = rustix::process::getppid()?.as_raw_nonzero().to_string();
    if let Ok(name) = std::fs::read_to_string(format!("/proc/{id}/comm")) {
        return shell_named(&name);
    }
    let output = Command::new("ps").args(["-o", "comm=", "-p", &id]).output().ok()?;
    shell_named(&String::from_utf8_lossy(&output.stdout))
}

#[cfg(test)]
mod tests {
    use super::shell_named;
    use crate::cli::Shell;

    #[test]
    fn a_shell_is_known_by_its_path_or_process() {
        for (program, shell) in [
            ("/bin/bash", Some(Shell::Bash)),
            ("/usr/local/bin/fish", Some(Shell::Fish)),
            ("-zsh\n", Some(Shell::Zsh)),
            ("pwsh", Some(Shell::PowerShell)),
            ("/bin/sh", None),
            ("/opt/bashful", None),
            ("", None),
        ] {
            assert_eq!(shell_named(program), shell, "{program:?}");
        }
    }
}
