//! Asks git whether the files with secrets are kept out of the repository.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::bounded::{self, SETTINGS_LIMIT};
use crate::ops::ChildKind;
use crate::session::Variables;

/// git answers from the index of one folder; where it takes longer, a file system or a hook of it hangs.
const GIT_TIMEOUT: Duration = Duration::from_secs(5);

/// How git treats one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileStatus {
    /// It is in the index: with the next commit, or long since, the secret is in the history.
    Tracked,
    /// It would be added by `git add .`.
    NotIgnored,
    /// It is kept out.
    Ignored,
}

/// What git says about the files of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct GitStatus {
    /// Names of the files that are tracked.
    pub(crate) tracked: Vec<String>,
    /// Names of the files that are not ignored.
    pub(crate) exposed: Vec<String>,
}

impl GitStatus {
    /// Returns the lines for `.gitignore` that keep the exposed files out.
    #[must_use]
    pub(crate) fn ignore_lines(&self) -> Vec<String> {
        self.exposed.iter().chain(&self.tracked).map(|name| format!("/{}", escape(name))).collect()
    }
}

/// Asks git about some files of one folder. Where there is no git, or no repository, there is nothing to say.
pub(crate) async fn ask(folder: &Path, names: &[String], variables: &Variables) -> GitStatus {
    let mut verdict = GitStatus::default();
    if !is_below_a_repository(folder) {
        return verdict;
    }
    for name in names {
        match file_status(folder, name, variables).await {
            Some(FileStatus::Tracked) => verdict.tracked.push(name.clone()),
            Some(FileStatus::NotIgnored) => verdict.exposed.push(name.clone()),
            Some(FileStatus::Ignored) | None => {}
        }
    }
    verdict
}

/// Looks for `.git` in the folder or above it: without one no process need be started.
fn is_below_a_repository(folder: &Path) -> bool {
    folder.ancestors().any(|folder| folder.join(".git").exists())
}

async fn file_status(folder: &Path, name: &str, variables: &Variables) -> Option<FileStatus> {
    if run(folder, &["--literal-pathspecs", "ls-files", "--error-unmatch", "--", name], variables).await? == 0 {
        return Some(FileStatus::Tracked);
    }
    match run(folder, &["check-ignore", "--quiet", "--", name], variables).await? {
        0 => Some(FileStatus::Ignored),
        1 => Some(FileStatus::NotIgnored),
        _ => None,
    }
}

/// Runs git without a secret in its environment, without a hook, without a prompt; returns its exit code.
async fn run(folder: &Path, arguments: &[&str], variables: &Variables) -> Option<i32> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["-c", "core.fsmonitor=false"]).args(arguments);
    command.env_clear().envs(ChildKind::Git.environment(variables));
    command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    timeout(GIT_TIMEOUT, command.status()).await.ok()?.ok()?.code()
}

/// Adds lines to the `.gitignore` of a folder, and says which file that is.
///
/// # Errors
/// If the file cannot be read or written.
pub(crate) fn ignore(folder: &Path, lines: &[String]) -> io::Result<PathBuf> {
    let path = folder.join(".gitignore");
    let old = match bounded::read_regular(&path, SETTINGS_LIMIT) {
        Err(gone) if gone.is_missing() => Zeroizing::default(),
        other => other?,
    };
    let mut text = String::new();
    if !old.is_empty() && !old.ends_with(b"\n") {
        text.push('\n');
    }
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    OpenOptions::new().append(true).create(true).open(&path)?.write_all(text.as_bytes())?;
    Ok(path)
}

/// Escapes what has a meaning in a pattern of `.gitignore`.
fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for character in name.chars() {
        if "\\*?[ #!".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::{GitStatus, ask, ignore};
    use crate::session::Variables;
    use crate::skip::lacks;

    fn git(folder: &Path, arguments: &[&str]) {
        let status = Command::new("git").arg("-C").arg(folder).args(arguments).output().unwrap().status;
        assert!(status.success(), "git {arguments:?}");
    }

    fn variables() -> Variables {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    #[tokio::test]
    async fn tracked_exposed_and_ignored_files_are_distinguished() {
        if lacks(&["git"]) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = [".env", ".env.bak", "a [b].pem"].map(str::to_owned).to_vec();
        assert_eq!(ask(folder.path(), &names, &variables()).await, GitStatus::default());
        git(folder.path(), &["init", "-q"]);
        std::fs::write(folder.path().join(".env"), "A=1\n").unwrap();
        git(folder.path(), &["add", ".env"]);
        let verdict = ask(folder.path(), &names, &variables()).await;
        assert_eq!(verdict.tracked, [".env"]);
        assert_eq!(verdict.exposed, [".env.bak", "a [b].pem"]);
        ignore(folder.path(), &verdict.ignore_lines()).unwrap();
        git(folder.path(), &["rm", "-q", "--cached", ".env"]);
        assert_eq!(ask(folder.path(), &names, &variables()).await, GitStatus::default());
    }

    #[test]
    fn lines_are_added_behind_an_unfinished_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".gitignore"), "target").unwrap();
        ignore(folder.path(), &["/.env".to_owned()]).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join(".gitignore")).unwrap(), "target\n/.env\n");
    }
}
