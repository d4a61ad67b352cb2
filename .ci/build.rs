//! Tells the program from which commit and for which target it is built, for `--version`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=.ci/build.rs");
    let target = std::env::var("TARGET").unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo::rustc-env=GLASSDOME_TARGET={target}");
    println!(
        "cargo::rustc-env=GLASSDOME_COMMIT={}",
        commit().or_else(packaged_commit).unwrap_or_else(|| "unknown".to_owned())
    );
}

/// Gives the short hash of the commit, if this folder is the top of a git repository: sources that were unpacked below
/// another project are not at that project's commit.
fn commit() -> Option<String> {
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    // The hash changes with the branch that is checked out, and with the commit at its tip.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = git(&["rev-parse", "--git-path", name])?;
        // Cargo takes a file that is missing for one that has changed.
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=10", "HEAD"]).filter(|hash| !hash.is_empty())
}

/// Gives the short hash of the commit that `cargo package` noted in a packaged crate.
fn packaged_commit() -> Option<String> {
    let notes = std::fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = notes.split_once("\"sha1\": \"")?;
    rest.get(..10).map(str::to_owned)
}

/// Gives what git prints, without the end of the line; nothing if there is no git, or if it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim_end().to_owned())
}
