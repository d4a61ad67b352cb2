//! What to do about a settings file that cannot be read or written.

use crate::error::Hint;
use crate::error::hint::{run, say};
use crate::settings;
use crate::settings::sh_word;
use std::path::Path;

pub(super) fn hints(error: &settings::SettingsError) -> Vec<Hint> {
    use settings::SettingsError as Settings;
    match error {
        Settings::Invalid { origin, .. } => vec![say(format!("correct {origin}"))],
        Settings::TwoUsers { .. } => vec![say("keep one of the two; the token name alone is enough")],
        Settings::TwoTokens { .. } => {
            vec![say("give the name of the token that the secret is of, or leave the name out")]
        }
        Settings::Missing { .. } => vec![say("`glassdome help environment` lists every setting")],
        Settings::Unwritable { .. } => vec![
            say("use a token instead of the password: its secret can always be written"),
            say("or change the password; --allow-ambiguous-value writes it for python-dotenv alone"),
        ],
        Settings::Entangled { line, .. } => vec![say(format!("close the quote in line {line}, then run this again"))],
        Settings::ChangedMeanwhile { .. } => vec![say("nothing was written; run this again")],
        Settings::Locked { .. } => vec![say("wait for the other run, then run this again")],
        Settings::DanglingLink { .. } | Settings::LinkLoop { .. } => {
            vec![say("correct the link, or give --env-file another path")]
        }
        Settings::IsLink { path } => {
            vec![say(format!("put the file itself there, or remove the link {}", path.display()))]
        }
        Settings::TooLarge { .. } => vec![say("give --env-file the path of a settings file")],
        Settings::Encoding { path, encoding } => converted(path, *encoding),
        Settings::NulByte { line, .. } => {
            vec![say(format!("write line {line} and what follows it anew, with an editor that saves UTF-8"))]
        }
        Settings::MountPoint { .. } => {
            vec![say("mount its folder instead of the file, or give --env-file a path in a folder of the container")]
        }
        Settings::Immutable { path } => vec![
            say("if it may be changed, take the attribute away:"),
            run(format!("chattr -i -a {}", sh_word(&path.display().to_string()))),
        ],
        Settings::NameTooLong { .. } => vec![say("give --env-file a shorter name")],
        Settings::NoFolder { .. } => vec![say("make the folder, or give --env-file another path")],
        Settings::IsFolder { .. } | Settings::NotAFile { .. } => vec![say("give --env-file the path of a file")],
        Settings::Denied { .. } | Settings::ReadOnly { .. } => {
            vec![say("give --env-file a path that you may write to")]
        }
        Settings::DiskFull { .. } => vec![say("make room; the old file is untouched")],
        Settings::System { .. } => vec![say("the old file is untouched")],
    }
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
