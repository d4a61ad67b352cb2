//! Who the caller is to the server: realm, authentication, and the token's entry.

use crate::commands::doctor::check::Check;
use crate::commands::doctor::network::span;
use crate::error::{AuthError, Error};
use crate::model::UserId;
use crate::ops::connection::Connected;
use crate::pve::privileges::Caller;
use crate::pve::{self, Realm, TokenRecord, Version};
use crate::session::Session;
use crate::ui::Printable;
use time::OffsetDateTime;

/// A token that ends so soon is worth a word.
const EXPIRY_WARNING_SECONDS: u64 = 14 * 86_400;

/// Checks that the server knows the user's realm: to a token of an unknown one it only says "Authentication failed!".
pub(super) fn realm(user: &UserId, realms: &Result<Vec<Realm>, pve::ApiError>) -> Check {
    match realms {
        Err(_) => Check::skipped("realm", "the realms could not be read"),
        Ok(realms) if realms.iter().any(|realm| realm.name == *user.realm()) => {
            Check::ok("realm", format!("the server has the realm `{}`", user.realm()))
        }
        Ok(realms) => {
            let realms = realms.iter().map(|realm| realm.name.to_string()).collect();
            Check::failed("realm", &Error::Auth(AuthError::UnknownRealm { user: user.clone(), realms }))
        }
    }
}

/// Checks that the server accepts the credentials; `first` is a call that every authenticated caller may make.
pub(super) async fn authentication<T>(
    connected: &Connected,
    first: &Result<T, pve::ApiError>,
    version: &Result<Version, pve::ApiError>,
) -> Check {
    match first {
        Ok(_) => {
            let version = version.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
            let who = connected.caller_name();
            let who = Printable(&who);
            Check::ok("authentication", format!("Proxmox VE{version}: authenticated as {who}"))
                .with_short_text(format!("{who} on Proxmox VE{version}"))
                .with_detail("authentication says nothing about privileges; see below")
        }
        Err(why) => {
            let failed = Error::connecting(connected.pve.endpoint(), why.clone());
            Check::failed("authentication", &connected.diagnosed(failed).await)
        }
    }
}

/// Checks the token's entry on the server; most tokens may not read it.
pub(super) async fn token(session: &Session, connected: &Connected) -> Check {
    let Caller::Token(token, _) = &connected.caller else {
        return Check::inapplicable("token", "no token in use");
    };
    match connected.pve.token_entry(token).await {
        Ok(entry) => expiry_and_separation(token, &entry, session.clock.utc()),
        Err(why) if why.is_forbidden() => Check::unknown(
            "token",
            "token expiry and `privsep` setting: unknown, because a token can read its own entry only with Sys.Audit on /access",
        )
        .with_hint("as root on a node:")
        .with_command(format!("pveum user token list {}", token.user)),
        Err(why) => Check::unknown("token", "the entry of the token could not be read").with_detail(why.to_string()),
    }
}

fn expiry_and_separation(token: &crate::model::TokenId, entry: &TokenRecord, now: OffsetDateTime) -> Check {
    let (separation, short) = if entry.separated {
        (
            "privilege separation is enabled: the token has only privileges granted to both it and its user",
            "privilege separation",
        )
    } else {
        ("privilege separation is disabled: the token has all privileges of its user", "no privilege separation")
    };
    if entry.expire == 0 {
        return Check::ok("token", "the token never expires")
            .with_detail(separation)
            .with_short_text(format!("no expiry, {short}"));
    }
    let left = entry.expire.saturating_sub(u64::try_from(now.unix_timestamp()).unwrap_or_default());
    if left > EXPIRY_WARNING_SECONDS {
        return Check::ok("token", format!("the token expires in {}", span(left)))
            .with_detail(separation)
            .with_short_text(format!("expires in {}, {short}", span(left)));
    }
    Check::warning("token", format!("the token expires in {}", span(left)))
        .with_detail(separation)
        .with_hint("extend it, as root on a node:")
        .with_command(format!("pveum user token modify {} {} --expire 0", token.user, token.name))
}
