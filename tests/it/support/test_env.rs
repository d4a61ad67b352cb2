//! A place to run the real binary in: an empty folder, a state folder, an environment of its own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use glassdome::sandbox::{Options, Sandbox};
use serde_json::Value;
use tempfile::TempDir;

/// An empty folder with everything around it that a run could touch.
pub(crate) struct TestEnv {
    root: TempDir,
    variables: Vec<(String, String)>,
}

/// What a run left: its exit code and its two streams.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) results: String,
    pub(crate) stderr: String,
}

/// Longer than anything that a test waits for may take, whatever the machine is doing.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// Starts a sandbox, and sets a stage whose settings lead to it.
pub(crate) fn scene(options: Options) -> (Sandbox, TestEnv) {
    let sandbox = Sandbox::start(options).expect("a sandbox");
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    (sandbox, stage)
}

/// Options of a sandbox that wastes no time.
pub(crate) fn quick() -> Options {
    Options {
        task_time: Duration::from_millis(60),
        auth_delay: Duration::ZERO,
        unreachable_delay: Duration::ZERO,
        lock_delay: Duration::ZERO,
        late_cleanup: false,
        report_every: None,
        ..Options::default()
    }
}

impl TestEnv {
    /// Makes an empty stage.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        for folder in ["work", "state", "home"] {
            std::fs::create_dir(root.path().join(folder)).expect("a folder");
        }
        Self { root, variables: Vec::new() }
    }

    /// Gives the working directory of the runs.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// Gives a path below the working directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Lists the journal's entries.
    pub(crate) fn entries(&self) -> Vec<PathBuf> {
        let Ok(listing) = std::fs::read_dir(self.root.path().join("state/glassdome/journal")) else {
            return Vec::new();
        };
        listing.map(|item| item.expect("an entry").path()).collect()
    }

    /// Writes a file below the working directory.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// Reads a file below the working directory.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    /// Sets a variable for the runs to come.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Writes a `.env` that leads to a sandbox, trusting its CA.
    pub(crate) fn point_at(&self, sandbox: &Sandbox) {
        let (user, name, secret) = sandbox.default_token();
        self.point_with(sandbox, user, name, secret);
    }

    /// Writes a `.env` that leads to a sandbox with a token of one's own.
    pub(crate) fn point_with(&self, sandbox: &Sandbox, user: &str, name: &str, secret: &str) {
        self.write("proxmox-ca.pem", sandbox.ca_pem());
        let address = sandbox.address();
        self.write(
            ".env",
            &format!(
                "PROXMOX_HOST={address}\nPROXMOX_USER={user}\nPROXMOX_TOKEN_NAME={name}\nPROXMOX_TOKEN_VALUE={secret}\n\
                 PROXMOX_VERIFY_SSL=false\nPROXMOX_CA_FILE=proxmox-ca.pem\nPROXMOX_NODE=pve\nUBUNTU_2204_TEMPLATE_ID=9000\n"
            ),
        );
    }

    /// Prepares a run, with nothing of the surrounding environment but the search path.
    pub(crate) fn command<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glassdome"));
        command.args(arguments).current_dir(self.folder()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.root.path().join("home")).env("XDG_STATE_HOME", self.root.path().join("state"));
        command.env("LANG", "C.UTF-8").envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Outcome {
        Outcome::of(&self.command(arguments).output().expect("the binary runs"))
    }

    /// Runs the binary to its end, with the words of one line as arguments.
    pub(crate) fn glassdome(&self, line: &str) -> Outcome {
        self.run(line.split_whitespace())
    }

    /// Starts the binary and comes back at once.
    pub(crate) fn spawn(&self, line: &str) -> Child {
        let words = line.split_whitespace();
        self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
    }

    /// Adds to the arguments what leads to a sandbox without any file.
    pub(crate) fn flags_to(&self, sandbox: &Sandbox, line: &str) -> Vec<OsString> {
        let (user, name, secret) = sandbox.default_token();
        let secret = self.write("secret.txt", secret);
        let authority = self.write("ca.pem", sandbox.ca_pem());
        let mut arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        for (flag, value) in [
            ("--host", OsString::from(sandbox.address().to_string())),
            ("--user", user.into()),
            ("--token-name", name.into()),
            ("--token-value-file", secret.into()),
            ("--ca-file", authority.into()),
        ] {
            arguments.push(flag.into());
            arguments.push(value);
        }
        arguments
    }
}

impl Outcome {
    /// Fails if a message says one of these.
    #[track_caller]
    pub(crate) fn never_says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(!self.stderr.contains(word), "{word}: {}", self.stderr);
        }
        self
    }

    /// Takes what a finished process left.
    pub(crate) fn of(output: &std::process::Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Self {
            code: output.status.code().unwrap_or_else(|| -output.status.signal().unwrap_or_default()),
            results: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Reads the one JSON document that standard output must be.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.results).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    /// Fails with both streams unless the exit code is this one.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- results\n{}\n--- talk\n{}", self.results, self.stderr);
        self
    }

    /// Fails unless the results show something.
    #[track_caller]
    pub(crate) fn shows(self, text: &str) -> Self {
        assert!(self.results.contains(text), "`{text}` is not shown\n--- results\n{}", self.results);
        self
    }

    /// Fails with both streams unless the talk says something.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "`{text}` is not said\n--- results\n{}\n--- talk\n{}",
            self.results,
            self.stderr
        );
        self
    }
}

/// Gives the permission bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("the file").permissions().mode() & 0o7777
}

/// Sends a signal to a process of ours.
pub(crate) fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).expect("the process lives");
}
