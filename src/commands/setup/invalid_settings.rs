//! Values of the settings file that cannot be read: told to a person, and asked anew instead of ending the run.

use crate::cli::Setup;
use crate::error::Error;
use crate::ops::context::Context;
use crate::session::Session;
use crate::settings::{self, Key, Source};
use crate::ui::Note;

/// The keys whose value decides how certificates are judged.
const TRUST: [Key; 3] = [Key::Fingerprint, Key::CaFile, Key::VerifySsl];

/// Lets go of what the file says wrongly. A wrong flag or variable stays an error, and so does everything where nobody
/// can be asked.
pub(super) fn forget_what_is_wrong(session: &Session, context: &mut Context, arguments: &Setup) -> Result<(), Error> {
    if !session.is_attended() {
        return Ok(());
    }
    for key in [
        Key::Host,
        Key::TokenName,
        Key::User,
        Key::TokenValue,
        Key::Node,
        Key::Fingerprint,
        Key::VerifySsl,
        Key::Pool,
        Key::Ubuntu2204Template,
        Key::Ubuntu2004Template,
    ] {
        let Some(why) = wrong(context, key) else { continue };
        if TRUST.contains(&key) && arguments.accept_new_certificate {
            // Something was stored for this server: what it was cannot be read, so nothing may take its place unasked.
            return Err(why.into());
        }
        if context.settings.source(key).is_none_or(Source::is_settled) {
            continue;
        }
        session.ui.borrow_mut().info(&Note::warning(format!("{why}; it is asked anew")));
        // What stands beside a wrong pin must not decide alone: it says that nothing is verified.
        if TRUST.contains(&key) { context.unset(&TRUST)? } else { context.unset(&[key])? }
    }
    Ok(())
}

/// Says what is wrong with the value of a key, where something is.
fn wrong(context: &Context, key: Key) -> Option<settings::SettingsError> {
    let settings = &context.settings;
    match key {
        Key::Host => settings.host().err(),
        Key::User => settings.user().err(),
        Key::TokenName => settings.token_name().err(),
        Key::TokenValue => settings.token_secret().err(),
        Key::Node => settings.node().err(),
        Key::Pool => settings.pool().err(),
        Key::Fingerprint => settings.fingerprint().err(),
        Key::VerifySsl => settings.verify_ssl().err(),
        Key::Ubuntu2204Template | Key::Ubuntu2004Template => settings.template(key).err(),
        Key::Password | Key::CaFile => None,
    }
}
