//! The user's browser, if this program can open a URL in one.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::ops::ChildKind;
use crate::session::{Session, Variables};

/// The program that opens an address, on this system.
const OPEN_COMMAND: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// A browser on the user's screen.
pub(crate) struct Browser<'a> {
    program: PathBuf,
    variables: &'a Variables,
}

impl<'a> Browser<'a> {
    /// Finds one. Over ssh there is none: it would open on the screen of another machine, or nowhere.
    pub(crate) fn of(session: &'a Session) -> Option<Self> {
        let is_set = |name: &str| session.variable(name).is_some();
        let is_remote = ["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"].into_iter().any(is_set);
        let has_screen = cfg!(target_os = "macos") || ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(is_set);
        if !session.is_attended() || is_remote || !has_screen {
            return None;
        }
        let folders = session.variables.get("PATH").map(|path| std::env::split_paths(path).collect::<Vec<_>>())?;
        let found = folders.into_iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(OPEN_COMMAND));
        let program = found.into_iter().find(|path| path.is_file())?;
        Some(Self { program, variables: &session.variables })
    }

    /// Opens an address, without waiting for the browser. It gets no secret, not the terminal, and no signal that is sent
    /// to this program.
    pub(crate) fn open(&self, url: &str) -> io::Result<()> {
        let mut command = Command::new(&self.program);
        command.arg(OsStr::new(url)).env_clear().envs(ChildKind::Browser.environment(self.variables));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        command.spawn().map(drop)
    }
}
