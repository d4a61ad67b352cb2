//! What every action on tokens begins with: the settings, the server, somebody logged in.

use crate::cli::{Connection, Global, Login};
use crate::commands::connect::{Ground, Trusted};
use crate::commands::ladder::expiry;
use crate::commands::overheard::overheard;
use crate::commands::screens::{Heading, Note};
use crate::commands::token::login::{Admin, log_in};
use crate::error::{Doing, Error, TokenError};
use crate::model::{Endpoint, TokenId};
use crate::pve::{Pve, TokenRecord, Trust};
use crate::session::Session;
use crate::settings::{Credentials, Key};

/// The settings and the way to the server.
pub(super) struct Desk {
    /// What is known before a server is called.
    pub(super) ground: Ground,
    /// The realms of the server.
    pub(super) realms: Vec<String>,
    /// A client without credentials.
    pub(super) pve: Pve,
    endpoint: Endpoint,
    trust: Trust,
    trusted: Trusted,
}

impl Desk {
    /// Finds the server by the settings that hold.
    pub(super) async fn open(
        session: &Session,
        global: &Global,
        connection: &Connection,
        what: &str,
    ) -> Result<Self, Error> {
        let ground = Ground::survey(session, global, connection, &[]).await?;
        let text = format!("{what} on {}", ground.host()?);
        session.ui.borrow_mut().info(&Heading { text, is_sandbox: ground.is_sandbox() });
        let (endpoint, (trust, trusted)) = (ground.endpoint()?, ground.trust()?);
        ground.warn_of_trust(session, trusted);
        let reach = |source| Error::reaching(&endpoint, source);
        let pve = Pve::new(endpoint.clone(), &trust, ground.limits(), &ground.proxies(session)).map_err(reach)?;
        let pve = overheard(pve, session);
        let realms = pve.domains().await.map_err(reach)?.into_iter().map(|realm| realm.name.to_string()).collect();
        if let Some(warning) = expiry(session, &pve, &trust) {
            session.ui.borrow_mut().info(&Note::warning(warning));
        }
        Ok(Self { ground, realms, pve, endpoint, trust, trusted })
    }

    /// Logs somebody in.
    pub(super) async fn admin(&self, session: &Session, login: &Login) -> Result<Admin, Error> {
        log_in(session, &self.ground, self.pve.clone(), &self.realms, login).await
    }

    /// Gives what a connection is made of.
    pub(super) fn way(&self) -> (Endpoint, Trust, Trusted) {
        (self.endpoint.clone(), self.trust.clone(), self.trusted)
    }

    /// Gives the token that the settings name.
    pub(super) fn token(&self) -> Result<TokenId, Error> {
        let settings = &self.ground.settings;
        let user = settings.user()?.ok_or_else(|| self.ground.unanswered("the user", Key::User))?.value;
        let name = settings.token_name()?.ok_or_else(|| self.ground.unanswered("the token's name", Key::TokenName))?;
        Ok(TokenId { user, name: name.value })
    }

    /// Says whether the token is the one whose secret the settings file holds.
    pub(super) fn is_in_file(&self, token: &TokenId) -> bool {
        let stored = super::save::stored(&self.ground);
        matches!(stored, Ok(Some(Credentials::Token { id, .. })) if id == *token)
    }
}

/// Finds a token among those of its user.
pub(super) async fn existing(admin: &Admin, token: &TokenId) -> Result<TokenRecord, Error> {
    let tokens = admin.pve.tokens(&token.user).await;
    let tokens = tokens.map_err(|source| Error::server(Doing::ReadTokens(token.user.to_string()), source))?;
    let known: Vec<String> = tokens.iter().map(|card| card.name.to_string()).collect();
    let found = tokens.into_iter().find(|card| card.name == token.name);
    found.ok_or_else(|| TokenError::Unknown { token: token.clone(), known }.into())
}
