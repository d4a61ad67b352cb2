//! The script that we print, in a real shell: with a `pveum` that answers from files and notes what it would change.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use glassdome::pve::privileges::GrantScript;

use crate::support::acl_model::World;

/// A folder with a `pveum` in it that notes its arguments and answers as the world is.
pub(crate) struct Stub {
    folder: tempfile::TempDir,
}

const STUB: &str = r#"#!/bin/sh
case "$1 $2 $3" in
'user token list') exec cat "$STUB/token-$4" ;;
'acl list '* | 'group list '* | 'role list '*) exec cat "$STUB/$1-list" ;;
esac
{ for argument; do printf '%s\n' "$argument"; done; echo; } >> "$STUB/notes"
"#;

impl Stub {
    pub(crate) fn new(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stub = Self { folder };
        std::fs::write(stub.path("pveum"), STUB).unwrap();
        std::fs::set_permissions(stub.path("pveum"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::create_dir(stub.path("work")).unwrap();
        for (name, answer) in world.answers_of_pveum() {
            std::fs::write(stub.path(&name), answer.to_string()).unwrap();
        }
        stub
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs one line of the script in an empty folder and gives the changes that came of it, word by word.
    pub(crate) fn run(&self, line: &str) -> Vec<Vec<String>> {
        let notes = self.path("notes");
        std::fs::write(&notes, "").unwrap();
        shell(line, self.folder.path(), &self.path("work")).env("STUB", self.folder.path()).output().unwrap();
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
    shell.arg("-c").arg(format!("{}{line}\nexit \"$failed\"\n", GrantScript::preamble()));
    shell.current_dir(work).env("PATH", format!("{}:{path}", tools.display()));
    shell
}

/// Runs a script with a `pveum` that works on the server at `url`.
pub(crate) fn run_on(url: &str, password: &str, script: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/pveum.py");
    let pveum = folder.path().join("pveum");
    std::fs::write(&pveum, format!("#!/bin/sh\nexec python3 -I -S '{}' \"$@\"\n", program.display())).unwrap();
    std::fs::set_permissions(&pveum, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(script).current_dir(folder.path());
    shell.env("PATH", format!("{}:{path}", folder.path().display()));
    shell.env("PVEUM_URL", url).env("PVEUM_PASSWORD", password).output().unwrap()
}
