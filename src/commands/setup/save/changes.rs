//! The changes of the settings file: the settings of this run that it does not have yet.

use crate::commands::setup::check::VerifiedAccess;
use crate::error::Error;
use crate::model::TokenRef;
use crate::ops::connection::{Connected, TrustSource};
use crate::ops::context::Context;
use crate::pve::Trust;
use crate::settings::{Change, Credentials, Key, Setting, Settings, Source, Sourced};
use std::path::PathBuf;

/// Lists the changes, key by key.
pub(super) fn changes(
    context: &Context,
    in_file: &Settings,
    connected: &Connected,
    checked: &VerifiedAccess,
) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    let mut set = |standing: FileValue, setting: Setting| {
        if standing == FileValue::Different {
            changes.push(Change::from(setting));
        }
    };
    let host = context.host()?;
    set(compare_with_file(in_file.host(), &host), Setting::Host(host));
    let user = connected.user();
    // The application reads the user from its own key alone.
    let standing = in_file.user().filter(|_| in_file.source(Key::User).is_some());
    set(compare_with_file(standing, user), Setting::User(user.clone()));
    match &connected.credentials {
        Credentials::Token { id, secret } => {
            // A new instance gets a name of its own: the first one's, which it would have, may change.
            let is_new = in_file.source(Key::TokenValue).is_none() && !context.instance.is_first();
            // The application reads the secret alone: what is around it is written where it belongs.
            let is_bare = in_file.is_secret_bare();
            let standing = in_file.token_name().filter(|_| !is_new && is_bare);
            set(compare_with_file(standing, &id.name), Setting::TokenName(TokenRef::Name(id.name.clone())));
            let standing = in_file.token_secret().filter(|_| is_bare);
            set(compare_with_file(standing, secret), Setting::TokenValue(secret.clone().into()));
        }
        Credentials::Password { password, .. } => {
            set(compare_with_file(in_file.password(), password), Setting::Password(password.clone()));
        }
    }
    let verifies = connected.trusted == TrustSource::System;
    set(compare_with_file(in_file.verify_ssl(), &verifies), Setting::VerifySsl(verifies));
    set(compare_with_file(in_file.node(), &checked.node), Setting::Node(checked.node.clone()));
    if let Some(pool) = &checked.pool {
        set(compare_with_file(in_file.pool(), pool), Setting::Pool(pool.clone()));
    }
    for (key, vmid) in &checked.templates {
        if let Some(setting) = Setting::template(*key, *vmid) {
            set(compare_with_file(in_file.template(*key), vmid), setting);
        }
    }
    changes.extend(keys_to_remove(context, in_file).into_iter().map(Change::Remove));
    changes.extend(trust_changes(context, in_file, connected));
    Ok(changes)
}

/// Lists the keys that are in the file, and that a person decided against.
fn keys_to_remove(context: &Context, in_file: &Settings) -> Vec<Key> {
    let mut keys = vec![Key::Password, Key::TokenValue, Key::Ubuntu2204Template, Key::Ubuntu2004Template, Key::Pool];
    keys.retain(|key| context.is_unset(*key));
    if keys.contains(&Key::TokenValue) {
        keys.push(Key::TokenName);
    }
    keys.retain(|key| in_file.source(*key).is_some_and(|source| !matches!(source, Source::Default(_))));
    keys
}

/// The keys of the trust: what is used is set, and nothing else.
fn trust_changes(context: &Context, in_file: &Settings, connected: &Connected) -> Vec<Change> {
    let mut changes = Vec::new();
    let pin = match &connected.trust {
        // The sandbox has a new certificate in each run: nothing is stored about it.
        _ if context.is_sandbox() => None,
        Trust::Pinned(pin) | Trust::CaAndPinned(_, pin) => Some(Setting::Fingerprint(pin.fingerprint)),
        Trust::System | Trust::Ca(_) | Trust::Unverified => None,
    };
    let ca_file = match (&connected.trust, context.settings.ca_file_to_store()) {
        _ if context.is_sandbox() => None,
        (Trust::Ca(_), _) if let Some(fetched) = &connected.fetched => Some(PathBuf::from(&fetched.name)),
        (Trust::Ca(_) | Trust::CaAndPinned(..), path) => path,
        _ => None,
    };
    for (key, wanted) in [(Key::Fingerprint, pin), (Key::CaFile, ca_file.map(Setting::CaFile))] {
        match wanted {
            Some(wanted) if in_file.setting(key).is_none_or(|standing| standing.value != wanted) => {
                changes.push(Change::from(wanted));
            }
            None if in_file.source(key).is_some() => changes.push(Change::Remove(key)),
            _ => {}
        }
    }
    changes
}

/// What the file itself says of a value that is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FileValue {
    /// The same.
    Same,
    /// Another value, or nothing.
    Different,
}

/// Compares what the file itself says with what is wanted.
fn compare_with_file<T: PartialEq>(in_file: Option<Sourced<T>>, wanted: &T) -> FileValue {
    let is_same = in_file.is_some_and(|it| it.value == *wanted && !matches!(it.source, Source::Default(_)));
    if is_same { FileValue::Same } else { FileValue::Different }
}
