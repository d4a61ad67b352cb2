//! The checks of the settings themselves: where each value comes from, and whether it can be used.

use crate::commands::doctor::check::Check;
use crate::model::Secret;
use crate::ops::connection::TrustSource;
use crate::ops::context::Context;
use crate::session::Session;
use crate::settings::{
    Credentials, Instance, InvalidSetting, InvalidValue, KEYS, Key, SettingFault, SettingsError, Source, TRUST_KEYS,
    Warning,
};
use std::collections::BTreeMap;

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

pub(super) fn sources(context: &Context) -> Check {
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
pub(super) fn overriding_variables(session: &Session, context: &Context) -> Check {
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

pub(super) fn endpoint(context: &Context) -> Check {
    match context.host() {
        Ok(host) => {
            let check = Check::ok("endpoint", format!("the server is {}", host.authority()));
            let is_without_file = context.loaded.mode.is_none() && context.is_sandbox();
            if is_without_file { check.with_short_text("no file (the sandbox needs none)") } else { check }
        }
        Err(why) => Check::failed("endpoint", &why),
    }
}

pub(super) fn trust(context: &Context) -> Check {
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
pub(super) fn credentials(context: &Context) -> Check {
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
