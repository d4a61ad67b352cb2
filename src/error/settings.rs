//! What to do about a settings file that cannot be read or written.

use crate::error::Hint;
use crate::error::hint::{by_flag, run, say};
use crate::settings;
use crate::settings::sh_word;
use std::path::Path;

pub(super) fn hints(error: &settings::SettingsError) -> Vec<Hint> {
    use settings::SettingsError as Settings;
    match error {
        Settings::Invalid { origin, .. } => vec![say(format!("correct {origin}"))],
        Settings::TwoUsers { .. } => vec![say("keep only one of them; the full token ID is enough")],
        Settings::TwoTokens { .. } => {
            vec![say("pass the name of the token that the secret belongs to, or omit the name")]
        }
        Settings::Missing { .. } => vec![say("`glassdome help environment` lists every setting")],
        Settings::Unwritable { .. } => vec![
            say("use a token instead of the password: a token secret has no special characters"),
            by_flag(
                "or change the password, or pass --allow-ambiguous-value to write it for python-dotenv only",
                "or change the password",
            ),
        ],
        Settings::WouldReadDifferently { line, .. } => {
            vec![say(format!("close the quote on or before line {line}, then run this again"))]
        }
        Settings::ChangedMeanwhile { .. } => vec![say("nothing was written; run this again")],
        Settings::Locked { .. } => vec![say("wait for the other run, then run this again")],
        Settings::DanglingLink { .. } | Settings::LinkLoop { .. } => {
            other_path("correct the link, or pass --env-file with another path", "correct the link, then try again")
        }
        Settings::IsLink { path } => {
            vec![say(format!("replace the link with a regular file, or delete it: {}", path.display()))]
        }
        Settings::TooLarge { .. } => other_path(
            "pass --env-file with the path of a settings file",
            "replace it with a settings file, then try again",
        ),
        Settings::Encoding { path, encoding } => converted(path, *encoding),
        Settings::NulByte { line, .. } => {
            vec![say(format!("rewrite the file from line {line} on, with an editor that saves UTF-8"))]
        }
        Settings::MountPoint { .. } => other_path(
            "mount its folder instead of the file, or pass --env-file with a path inside the container",
            "mount its folder instead of the file, then start again",
        ),
        Settings::Immutable { path } => vec![
            say("if it may be changed, remove the attribute:"),
            run(format!("chattr -i -a {}", sh_word(&path.display().to_string()))),
        ],
        Settings::NameTooLong { .. } => {
            other_path("pass --env-file with a shorter name", "start again with a shorter name for the settings file")
        }
        Settings::NoFolder { .. } => {
            other_path("create the folder, or pass --env-file with another path", "create the folder, then try again")
        }
        Settings::IsFolder { .. } | Settings::NotAFile { .. } => other_path(
            "pass --env-file with the path of a regular file",
            "replace it with a regular file, then try again",
        ),
        Settings::Denied { .. } | Settings::ReadOnly { .. } => {
            other_path("pass --env-file with a path that you can write to", "make its folder writable, then try again")
        }
        Settings::DiskFull { .. } => vec![say("free some space; the old file is unchanged")],
        Settings::System { .. } => vec![say("the old file is unchanged")],
    }
}

/// Gives what to do about the place of the file: for a command line, and for the wizard.
fn other_path(text: &str, asked: &str) -> Vec<Hint> {
    vec![by_flag(text, asked)]
}

/// Tells how a file becomes UTF-8; what is written meanwhile is as private as the file.
fn converted(path: &Path, encoding: settings::Encoding) -> Vec<Hint> {
    let (from, to) = (path.display().to_string(), format!("{}.utf8", path.display()));
    let (from, to) = (sh_word(&from), sh_word(&to));
    vec![
        say("nothing was written; convert the file:"),
        run(format!("(umask 077; iconv -f {encoding} -t UTF-8 {from} > {to} && mv {to} {from})")),
        say("in PowerShell, write it with `Set-Content -Encoding utf8`"),
    ]
}
