//! A rehearsal at the keyboard: what there is to type on the sandbox.

use std::fmt;

use crate::model::Secret;
use crate::ops::context::Context;
use crate::session::Session;
use crate::ui::{Draw, Screen, Tone};

/// The logins and tokens of the sandbox, which are documented and open nothing else.
struct PublicCredentials {
    logins: Vec<(String, String)>,
    tokens: Vec<(String, String)>,
}

/// Shows what can be typed and pasted.
pub(super) fn announce(session: &Session, context: &Context) {
    let Some(credentials) = PublicCredentials::of(context) else { return };
    let revealed = credentials.tokens.iter().map(|(_, secret)| Secret::new(secret.clone())).collect::<Vec<_>>();
    session.ui.reveal_info(&credentials, &revealed);
}

impl PublicCredentials {
    #[cfg(feature = "sandbox")]
    fn of(context: &Context) -> Option<Self> {
        let sandbox = context.sandbox.as_ref()?;
        let logins = sandbox.users().into_iter().map(|user| {
            let code = user.totp.map(|secret| format!(", one-time codes: oathtool --totp -b {secret}"));
            (user.userid.to_owned(), format!("password {}{}", user.password, code.unwrap_or_default()))
        });
        let tokens = sandbox.tokens().into_iter().map(|token| (token.tokenid.to_owned(), token.secret.to_owned()));
        Some(Self { logins: logins.collect(), tokens: tokens.collect() })
    }

    #[cfg(not(feature = "sandbox"))]
    fn of(_: &Context) -> Option<Self> {
        None
    }
}

impl Draw for PublicCredentials {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.blank_line()?;
        screen.paragraph(0, "The server is a simulated one. Logins and tokens to try, which open nothing else:")?;
        for (user, text) in &self.logins {
            screen.labelled(&format!("  {user:<13}"), Tone::Strong, text)?;
        }
        for (token, secret) in &self.tokens {
            screen.paragraph(2, &format!("{token}={secret}"))?;
        }
        Ok(())
    }
}
