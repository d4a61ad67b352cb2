//! Invalid values of the settings file: shown to a person, and asked for anew instead of ending the run.

use crate::cli::Setup;
use crate::error::Error;
use crate::ops::context::Context;
use crate::session::Session;
use crate::settings::{InvalidSetting, SettingsError, Source, TRUST_KEYS};

/// Drops what the file says wrongly. An invalid flag or variable is an error, and so is everything where there is no person
/// to ask.
pub(super) fn drop_invalid_settings(session: &Session, context: &mut Context, arguments: &Setup) -> Result<(), Error> {
    if !session.is_attended() {
        return context.require_valid();
    }
    let invalid: Vec<InvalidSetting> = context.settings.invalid().cloned().collect();
    let mut dropped = Vec::new();
    for setting in invalid {
        let (key, is_settled) = (setting.key, Source::is_settled(&setting.source));
        let why = SettingsError::from(setting);
        // If something was stored for this server and cannot be read, nothing may take its place without a question.
        if is_settled || TRUST_KEYS.contains(&key) && arguments.accept_new_certificate {
            return Err(why.into());
        }
        session.warn(format!("{why}; please enter it again"));
        // What is beside an invalid pin must not decide alone: it says that nothing is verified.
        if TRUST_KEYS.contains(&key) { dropped.extend(TRUST_KEYS) } else { dropped.push(key) }
    }
    if dropped.is_empty() { Ok(()) } else { context.unset(&dropped) }
}
