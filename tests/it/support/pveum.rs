//! The lines that we print, in a real shell: with a `pveum` that only notes what it is told.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with a `pveum` in it that notes its arguments and answers as the test says.
pub(crate) struct Stub {
    folder: tempfile::TempDir,
}

/// What the stub answers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answers<'a> {
    /// What `pveum user permissions` prints; without it, the command fails.
    pub(crate) held: Option<&'a str>,
    /// Whether every role exists already.
    pub(crate) roles_exist: bool,
}

const STUB: &str = r#"#!/bin/sh
{ for argument; do printf '%s\n' "$argument"; done; echo; } >> "$STUB_NOTES"
case "$1 $2" in
'user permissions') [ "$STUB_FAILS" = 0 ] && printf '%s\n' "$STUB_HELD" ;;
'role add') [ "$STUB_ROLES_EXIST" = 0 ] ;;
esac
"#;

impl Stub {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stub = Self { folder };
        std::fs::write(stub.path("pveum"), STUB).unwrap();
        std::fs::set_permissions(stub.path("pveum"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::create_dir(stub.path("work")).unwrap();
        stub
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs one line in an empty folder and gives the calls that came of it, word by word.
    pub(crate) fn run(&self, line: &str, answers: Answers<'_>) -> Vec<Vec<String>> {
        let notes = self.path("notes");
        std::fs::write(&notes, "").unwrap();
        shell(line, self.folder.path(), &self.path("work"))
            .env("STUB_NOTES", &notes)
            .env("STUB_HELD", answers.held.unwrap_or_default())
            .env("STUB_FAILS", if answers.held.is_none() { "1" } else { "0" })
            .env("STUB_ROLES_EXIST", if answers.roles_exist { "1" } else { "0" })
            .output()
            .unwrap();
        let noted = std::fs::read_to_string(notes).unwrap();
        let calls = noted.split("\n\n").filter(|call| !call.is_empty());
        calls.map(|call| call.lines().map(str::to_owned).collect()).collect()
    }

    /// Names what a line left behind in its folder.
    pub(crate) fn left_behind(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.path("work")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

/// A shell that finds the `pveum` of this folder first.
fn shell(line: &str, tools: &Path, work: &Path) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(line).current_dir(work).env("PATH", format!("{}:{path}", tools.display()));
    shell
}

/// Runs a line with a `pveum` that works on the server at `url`.
pub(crate) fn run_on(url: &str, password: &str, line: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/pveum.py");
    let pveum = folder.path().join("pveum");
    std::fs::write(&pveum, format!("#!/bin/sh\nexec python3 -I -S '{}' \"$@\"\n", script.display())).unwrap();
    std::fs::set_permissions(&pveum, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    shell(line, folder.path(), folder.path()).env("PVEUM_URL", url).env("PVEUM_PASSWORD", password).output().unwrap()
}
