//! The real binary at a real terminal: typed to, and its screen read back.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::support::test_env::{Outcome, TestEnv};

/// Nothing that is waited for takes longer, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// High enough for a whole run: nothing scrolls away.
const ROWS: u16 = 200;

/// Terminals to test questions on: their width, and the variables that say what they can show.
pub(crate) const TERMINALS: [(u16, &[(&str, &str)]); 5] = [
    (80, &[]),
    (40, &[]),
    (80, &[("NO_COLOR", "1")]),
    (40, &[("LANG", "C"), ("LC_ALL", "C")]),
    (80, &[("TERM", "dumb")]),
];

/// A terminal with the binary in it.
pub(crate) struct Terminal {
    keyboard: File,
    before: Termios,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// What was drawn since the last key.
    since: vt100::Parser,
    everything: Vec<u8>,
    child: Child,
    is_closed: Arc<AtomicBool>,
}

impl Terminal {
    /// Starts the binary in a terminal of so many columns, with the words of one line as arguments.
    pub(crate) fn start(stage: &TestEnv, columns: u16, line: &str) -> Self {
        Self::of(stage.command(line.split_whitespace()), columns)
    }

    /// Starts a command in a terminal of so many columns, whose keys become signals; `TERM` is `xterm` unless it says
    /// otherwise.
    pub(crate) fn of(command: Command, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it opens");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let line = rustix::fs::open(
            &*name,
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .expect("its other side");
        let size = Winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&line, size).expect("its size");
        let before = tcgetattr(&master).expect("its modes");
        let end = || Stdio::from(line.try_clone().expect("its other side"));
        let mut leader = leading(&command);
        leader.stdin(end()).stdout(end()).stderr(end());
        let child = leader.spawn().expect("the binary runs");
        let keyboard = File::from(master);
        let is_closed = Arc::new(AtomicBool::new(false));
        let output = listen(keyboard.try_clone().expect("our side"), Arc::clone(&is_closed));
        let screen = vt100::Parser::new(size_of(ROWS), size_of(columns), 0);
        let since = vt100::Parser::new(size_of(ROWS), size_of(columns), 0);
        Self { keyboard, before, output, screen, since, everything: Vec::new(), child, is_closed }
    }

    /// Starts the binary with some of its streams elsewhere, as a shell redirects them.
    pub(crate) fn redirected(stage: &TestEnv, line: &str, streams: &str) -> Self {
        let program = stage.command([""; 0]).get_program().to_string_lossy().into_owned();
        Self::shell(stage, &format!("exec '{program}' {line} {streams}"))
    }

    /// Starts a line of shell, in which `$GLASSDOME` is the binary.
    pub(crate) fn shell(stage: &TestEnv, line: &str) -> Self {
        let binary = stage.command([""; 0]);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]).current_dir(stage.folder()).env_clear().env("GLASSDOME", binary.get_program());
        command.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self::of(command, 80)
    }

    /// Waits until a text is drawn, wherever its lines break. What stood on the screen when the last key was pressed does
    /// not count: it is not the answer to that key.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> &mut Self {
        self.wait(text, |terminal| words(&terminal.since.screen().contents()).contains(&words(text)))
    }

    /// Waits until the whole screen is as it should be, whenever it was drawn.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> &mut Self {
        self.wait(what, |terminal| is_so(&terminal.text()))
    }

    #[track_caller]
    fn wait(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> &mut Self {
        let until = Instant::now() + PATIENCE;
        while !is_so(self) {
            let left = until.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.take(&bytes),
                Err(why) => panic!("{what}: {why}\n--- screen\n{}", self.text()),
            }
        }
        self
    }

    /// Types keys as they are.
    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        while let Ok(bytes) = self.output.try_recv() {
            self.take(&bytes);
        }
        let (rows, columns) = self.since.screen().size();
        self.since = vt100::Parser::new(rows, columns, 0);
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal is read");
        self
    }

    /// Types a text, and Enter.
    pub(crate) fn answer(&mut self, text: &str) -> &mut Self {
        self.press(text).press("\r")
    }

    /// Waits until a question is open, and answers it. One that was answered stands on the screen without its mark.
    #[track_caller]
    pub(crate) fn to(&mut self, question: &str, text: &str) -> &mut Self {
        self.wait_for(&format!("? {}", question.trim_start_matches("? "))).answer(text)
    }

    /// Pastes a text as a terminal does that marks what is pasted.
    pub(crate) fn paste(&mut self, text: &str) -> &mut Self {
        self.press(&format!("\x1b[200~{text}\x1b[201~"))
    }

    /// Gives the window another width.
    pub(crate) fn resize(&mut self, columns: u16) -> &mut Self {
        let size = Winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.keyboard, size).expect("its size");
        self.screen.screen_mut().set_size(size_of(ROWS), size_of(columns));
        self.since.screen_mut().set_size(size_of(ROWS), size_of(columns));
        self
    }

    /// Gives what the screen shows, blanks at the ends of lines cut off.
    pub(crate) fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Gives the process.
    pub(crate) const fn child(&self) -> &Child {
        &self.child
    }

    /// Gives everything that was ever sent to the terminal.
    pub(crate) fn everything(&self) -> String {
        String::from_utf8_lossy(&self.everything).into_owned()
    }

    /// Says whether what is typed is shown, as it was before.
    pub(crate) fn echoes(&self) -> bool {
        tcgetattr(&self.keyboard).expect("its modes").local_modes.contains(LocalModes::ECHO)
    }

    /// Closes the terminal, as closing its window does; gives the exit code.
    pub(crate) fn close(mut self) -> i32 {
        self.keyboard = File::open("/dev/null").expect("a file");
        self.is_closed.store(true, Ordering::SeqCst);
        // The listener holds our side as well, and lets go of it when it sees that.
        while self.output.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Disconnected) {}
        Outcome::of(&std::process::Output {
            status: self.child.wait().expect("it is ours"),
            stdout: Vec::new(),
            stderr: Vec::new(),
        })
        .code
    }

    /// Waits for the end; the terminal must then be as it was before: its modes, and its cursor.
    #[track_caller]
    pub(crate) fn end(mut self, code: i32) -> Ended {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                break status;
            }
            match self.output.recv_timeout(Duration::from_millis(20)) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            assert!(Instant::now() < until, "it does not end\n--- screen\n{}", self.text());
        };
        // What it said last may still be on its way: it has all come when no process holds the other side any more.
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.take(&bytes);
        }
        let after = tcgetattr(&self.keyboard).expect("its modes");
        let outcome = Outcome::of(&std::process::Output { status, stdout: Vec::new(), stderr: Vec::new() });
        assert_eq!(outcome.code, code, "exit code\n--- screen\n{}", self.text());
        assert_eq!(after.local_modes, self.before.local_modes, "the modes of the terminal");
        assert_eq!(after.input_modes, self.before.input_modes, "the modes of the terminal");
        assert!(!self.screen.screen().hide_cursor(), "the cursor is hidden\n{}", self.text());
        assert!(!self.screen.screen().bracketed_paste(), "pastes are still marked");
        Ended { text: self.text(), everything: self.everything() }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.everything.extend_from_slice(bytes);
        self.screen.process(bytes);
        self.since.process(bytes);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a run at a terminal left.
pub(crate) struct Ended {
    /// The screen.
    pub(crate) text: String,
    /// Everything that was ever sent to the terminal.
    pub(crate) everything: String,
}

impl Ended {
    /// Fails unless the screen says something, wherever its lines break.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(words(&self.text).contains(&words(text)), "`{text}` is not said\n--- screen\n{}", self.text);
        self
    }
}

/// Joins what stands on several lines.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn size_of(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("a terminal has rows and columns")
}

fn listen(mut side: File, is_closed: Arc<AtomicBool>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        let tick = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        // The other side is gone with an error, not with an end.
        while !is_closed.load(Ordering::SeqCst) {
            if poll(&mut [PollFd::new(&side, PollFlags::IN)], Some(&tick)) == Ok(0) {
                continue;
            }
            let Ok(count @ 1..) = side.read(&mut bytes) else { return };
            if sender.send(bytes[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A part of every Linux, whatever the search path holds.
const SETSID: &str = "/usr/bin/setsid";

/// Lets a command lead a session of its own, with its terminal as the controlling one.
fn leading(command: &Command) -> Command {
    let mut leader = Command::new(SETSID);
    leader.arg("--ctty").arg(command.get_program()).args(command.get_args());
    leader.env_clear().env("TERM", "xterm");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => leader.env(name, value),
            None => leader.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        leader.current_dir(folder);
    }
    leader
}
