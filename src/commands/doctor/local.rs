//! The checks that need no server: the settings file, its mode, git, the source of each value, and the values.

mod values;

use self::values::{credentials, endpoint, overriding_variables, sources, trust};
use std::os::unix::fs::MetadataExt;

use crate::commands::doctor::check::{Check, CheckStatus};
use crate::error::Error;
use crate::ops::context::Context;
use crate::ops::git;
use crate::session::Session;
use crate::settings::{KEYS, Source};

/// Makes the checks that need no server.
pub(super) async fn checks(session: &Session, context: &Context, unread: Option<&Error>) -> Vec<Check> {
    let mut checks = vec![file(context, unread)];
    match context.loaded.mode {
        Some(mode) => {
            checks.push(other_names(context, protection(context, mode)));
            checks.push(repository(session, context).await);
        }
        None => {
            checks.push(Check::inapplicable("env-mode", "no settings file"));
            checks.push(Check::inapplicable("env-git", "no settings file"));
        }
    }
    checks.push(sources(context));
    checks.push(overriding_variables(session, context));
    checks.push(endpoint(context));
    checks.push(trust(context));
    checks.push(credentials(context));
    checks
}

fn file(context: &Context, unread: Option<&Error>) -> Check {
    let path = context.store.path().display().to_string();
    if let Some(why) = unread {
        return Check::failed("env-file", why);
    }
    if context.loaded.mode.is_none() && context.is_sandbox() {
        return Check::inapplicable("env-file", "the sandbox needs no settings file");
    }
    if context.loaded.mode.is_none() {
        return Check::warning(
            "env-file",
            format!("{path} does not exist; using only flags and environment variables"),
        )
        .with_hint("create it:")
        .with_command("glassdome setup");
    }
    let warnings = context.loaded.file.warnings(&context.instance);
    let unused = context.lines_without_effect();
    if !unused.is_empty() {
        return Check::warning("env-file", format!("{path}: some lines do not set what they should"))
            .with_details(unused.iter().map(ToString::to_string))
            .with_details(warnings.iter().map(ToString::to_string));
    }
    if warnings.is_empty() {
        let keys =
            KEYS.iter().filter(|it| matches!(context.settings.source(it.key), Some(Source::File { .. }))).count();
        let keys = if keys == 1 { "1 setting".to_owned() } else { format!("{keys} settings") };
        return Check::ok("env-file", format!("{path} was read, {keys}"))
            .with_short_text(format!("{}: {keys}", name(context)));
    }
    Check::warning("env-file", format!("{path}: other programs may read some lines differently"))
        .with_details(warnings.iter().map(ToString::to_string))
}

/// Returns the name of the settings file.
fn name(context: &Context) -> String {
    context.store.path().file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn protection(context: &Context, mode: u32) -> Check {
    let path = context.store.path();
    let who = match mode {
        _ if mode & 0o007 != 0 => "every user of this machine",
        _ if mode & 0o070 != 0 => "its group",
        _ => "",
    };
    if mode & 0o007 == 0 && !context.loaded.listed.is_empty() {
        let who = context.loaded.listed.join(", ");
        return Check::warning(
            "env-mode",
            format!(
                "mode {mode:04o}: its access control list (ACL) grants access to {who}, and the file contains a secret"
            ),
        )
        .with_command(format!("setfacl -b {0} && chmod 600 {0}", quoted(&path.display().to_string())));
    }
    if !who.is_empty() {
        return Check::warning(
            "env-mode",
            format!("mode {mode:04o}: the file is accessible to {who} and contains a secret"),
        )
        .with_command(format!("chmod 600 {}", quoted(&path.display().to_string())));
    }
    let owner = std::fs::metadata(path).map(|found| found.uid()).ok();
    let me = rustix::process::geteuid().as_raw();
    match owner {
        Some(owner) if owner != me => {
            Check::warning("env-mode", format!("mode {mode:04o}, but the file belongs to user {owner} (you are {me})"))
        }
        _ => Check::ok("env-mode", format!("mode {mode:04o}: readable only by its owner"))
            .with_short_text(format!("mode {mode:04o}")),
    }
}

/// Warns of hard links: a save gives the new text to one name alone.
fn other_names(context: &Context, check: Check) -> Check {
    let count = context.loaded.other_names;
    if count == 0 {
        return check;
    }
    let text = format!("it has {count} other name(s) (hard links), which keep the old content when the file is saved");
    if check.status == CheckStatus::Ok {
        Check::warning("env-mode", text).with_detail(check.summary)
    } else {
        check.with_detail(text)
    }
}

/// Asks git about the settings file and its backup.
pub(super) async fn git_status(session: &Session, context: &Context) -> git::GitStatus {
    let Some(folder) = context.store.path().parent() else { return git::GitStatus::default() };
    let name = name(context);
    let backup = format!("{name}.bak");
    let backup = folder.join(&backup).exists().then_some(backup);
    git::ask(folder, &[vec![name], backup.into_iter().collect()].concat(), &session.variables).await
}

async fn repository(session: &Session, context: &Context) -> Check {
    let verdict = git_status(session, context).await;
    if !verdict.tracked.is_empty() {
        let mut check = Check::warning(
            "env-git",
            format!("git tracks {}: the secret may be in its history", verdict.tracked.join(", ")),
        )
        .with_hint(
            "remove it from the index, ignore it, and rotate the secret, because the history may keep the old one:",
        );
        for name in &verdict.tracked {
            check = check.with_command(format!("git rm --cached -- {}", quoted(name)));
        }
        return ignored(check, &verdict.ignore_lines());
    }
    if !verdict.exposed.is_empty() {
        let check = Check::warning(
            "env-git",
            format!("not ignored by git: {}; `git add .` would stage the secret", verdict.exposed.join(", ")),
        );
        return ignored(check, &verdict.ignore_lines());
    }
    Check::ok("env-git", "not tracked by git").with_short_text("not tracked by git")
}

fn ignored(mut check: Check, lines: &[String]) -> Check {
    for line in lines {
        check = check.with_command(format!("echo {} >> .gitignore", quoted(line)));
    }
    check
}

/// Quotes a text for a shell where it must be.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-@:+".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
