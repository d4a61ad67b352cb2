//! The checks that need no server: the settings file, its mode, git, the source of each value, and the values.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use crate::commands::doctor::check::{Check, CheckStatus};
use crate::error::Error;
use crate::model::Secret;
use crate::ops::connection::TrustSource;
use crate::ops::context::Context;
use crate::ops::git;
use crate::session::Session;
use crate::settings::{
    Credentials, Instance, InvalidSetting, InvalidValue, KEYS, Key, SettingFault, SettingsError, Source, TRUST_KEYS,
    Warning,
};

/// Looks at everything on this side.
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
            format!("{} is tracked by git: the secret is in the history", verdict.tracked.join(", ")),
        )
        .with_hint(
            "remove it from the index, ignore it, and rotate the secret, because the history keeps the old one:",
        );
        for name in &verdict.tracked {
            check = check.with_command(format!("git rm --cached -- {}", quoted(name)));
        }
        return ignored(check, &verdict.ignore_lines());
    }
    if !verdict.exposed.is_empty() {
        let check = Check::warning(
            "env-git",
            format!("git does not ignore {}: the next `git add .` would commit the secret", verdict.exposed.join(", ")),
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

/// The keys whose values have a check of their own further down, which reports what is wrong with them.
const CHECKED_LATER: [Key; 10] = [
    Key::Host,
    Key::User,
    Key::TokenName,
    Key::TokenValue,
    Key::VerifySsl,
    Key::Node,
    Key::CaFile,
    Key::Fingerprint,
    Key::Pool,
    Key::Ubuntu2204Template,
];

/// The keys that the check of the credentials reports.
const CREDENTIAL_KEYS: [Key; 3] = [Key::User, Key::TokenName, Key::TokenValue];

/// Lists what else is wrong with some keys beside what the failed check of them says.
fn with_other_faults(check: Check, context: &Context, keys: &[Key]) -> Check {
    let faults = context.settings.invalid().filter(|it| keys.contains(&it.key));
    let texts = faults.map(|it| SettingsError::from(it.clone()).to_string());
    let others: Vec<String> = texts.filter(|text| *text != check.summary).collect();
    check.with_details(others)
}

fn sources(context: &Context) -> Check {
    let is_checked_later =
        |it: &&InvalidSetting| CHECKED_LATER.contains(&it.key) && it.why != SettingFault::Value(InvalidValue::NotText);
    let (later, here): (Vec<_>, Vec<_>) = context.settings.invalid().partition(is_checked_later);
    let error = |invalid: &InvalidSetting| SettingsError::from(invalid.clone());
    let lines = here.iter().skip(1).map(|invalid| error(invalid).to_string());
    if let Some(first) = here.first() {
        return Check::failed("sources", &error(first).into()).with_details(lines);
    }
    // The checks of this group report the others, even if the server cannot be reached.
    let is_reported =
        |it: &&InvalidSetting| CREDENTIAL_KEYS.contains(&it.key) || TRUST_KEYS.contains(&it.key) || it.key == Key::Host;
    let mut unreported = later.iter().filter(|it| !is_reported(it)).map(|invalid| error(invalid).to_string());
    if let Some(first) = unreported.next() {
        return Check::warning("sources", first).with_details(unreported);
    }
    let instance = if context.instance == Instance::default() {
        String::new()
    } else {
        format!(" of instance {}", context.instance)
    };
    Check::ok("sources", format!("where the settings{instance} come from")).with_details(value_sources(context))
}

/// Says which source won for each key.
fn value_sources(context: &Context) -> Vec<String> {
    let mut by_place: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in &KEYS {
        let Some(source) = context.settings.source(entry.key) else { continue };
        let place = match source {
            Source::Flag(_) => "flag".to_owned(),
            Source::Variable(_) => "variable".to_owned(),
            Source::File { path, .. } => {
                path.file_name().map_or_else(|| "file".to_owned(), |it| it.to_string_lossy().into_owned())
            }
            Source::Answer => "keyboard".to_owned(),
            Source::Sandbox => "sandbox".to_owned(),
            Source::Default(_) => "default".to_owned(),
        };
        by_place.entry(place).or_default().push(entry.key.variable(&context.instance));
    }
    by_place.iter().map(|(place, names)| format!("{place}: {}", names.join(", "))).collect()
}

/// Checks for environment variables that override the file.
fn overriding_variables(session: &Session, context: &Context) -> Check {
    let in_file = context.loaded.file.values(&|name| session.variable(name).map(str::to_owned));
    let mut names = Vec::new();
    for entry in &KEYS {
        let Some(Source::Variable(name)) = context.settings.source(entry.key) else { continue };
        let said = session.variable(name).map(|text| Secret::new(text.to_owned()));
        let written = in_file.get(name).and_then(|located| located.text.clone()).filter(|text| !text.is_empty());
        if written.is_some() && written != said {
            names.push(name.clone());
        }
    }
    if names.is_empty() {
        return Check::ok("shadowed", "no environment variable overrides the file");
    }
    let all = names.join(", ");
    Check::warning("shadowed", format!("environment variables override the file: {all}"))
        .with_detail("the variable applies here; the application may use the file")
        .with_command(format!("unset {}", names.join(" ")))
}

fn endpoint(context: &Context) -> Check {
    match context.host() {
        Ok(host) => {
            let check = Check::ok("endpoint", format!("the server is {}", host.authority()));
            let is_without_file = context.loaded.mode.is_none() && context.is_sandbox();
            if is_without_file { check.with_short_text("no file (the sandbox needs none)") } else { check }
        }
        Err(why) => Check::failed("endpoint", &why),
    }
}

fn trust(context: &Context) -> Check {
    let check = tls_verification(context);
    let Ok((_, trusted)) = context.trust() else { return check };
    match context.mixed_sources(trusted) {
        Some(warning) if trusted == TrustSource::Unverified => check.with_detail(warning),
        Some(warning) => Check::warning("trust", warning),
        None => check,
    }
}

/// Says how certificates are judged.
fn tls_verification(context: &Context) -> Check {
    match context.trust() {
        Ok((_, TrustSource::System)) => Check::ok("trust", "TLS is verified with the system's CAs"),
        Ok((_, TrustSource::Ca)) => Check::ok("trust", "TLS is verified with the cluster CA"),
        Ok((_, TrustSource::Pin)) => Check::ok("trust", "one certificate is trusted by its fingerprint"),
        Ok((_, TrustSource::Unverified)) => {
            Check::warning("trust", "certificates are NOT verified: anyone on the network path can read the secret")
                .with_hint(
                    "copy the cluster CA (/etc/pve/pve-root-ca.pem on a node) next to the settings file, and set",
                )
                .with_command(format!(
                    "{}={}",
                    Key::CaFile.variable(&context.instance),
                    context.instance.ca_file_name()
                ))
        }
        Err(why) => with_other_faults(Check::failed("trust", &why), context, &TRUST_KEYS),
    }
}

/// Checks the form of user, token name and secret; a malformed secret is not sent to the server.
fn credentials(context: &Context) -> Check {
    let said = match context.settings.credentials() {
        Ok(said) => said,
        // What is missing besides the server is listed with it.
        Err(SettingsError::Missing { .. }) if context.host().is_err() => {
            return Check::skipped("credentials", "incomplete");
        }
        Err(why) => return with_other_faults(Check::failed("credentials", &why.into()), context, &CREDENTIAL_KEYS),
    };
    match said {
        (Credentials::Token { id, secret }, None) => {
            Check::ok("credentials", format!("token {id}, secret {} in the right format", secret.masked()))
        }
        (Credentials::Token { id, .. }, Some(warning @ Warning::TokenBeatsPassword { .. })) => {
            Check::warning("credentials", format!("token {id}; a password is also set"))
                .with_detail(warning.to_string())
        }
        (Credentials::Token { id, .. }, Some(warning)) => {
            Check::warning("credentials", format!("token {id}: {warning}"))
        }
        (Credentials::Password { user, .. }, _) => {
            Check::warning("credentials", format!("{user} logs in with a password; a token is safer"))
                .with_detail("a token can be restricted and revoked separately, without changing the password")
        }
    }
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
