//! The start of every token command: the settings, the server, an administrator's login.

use crate::error::{Doing, Error, Operation, TokenError};
use crate::model::{Endpoint, TokenId};
use crate::ops::call_log::log_calls;
use crate::ops::connection::{TrustSource, TrustedServer};
use crate::ops::context::Context;
use crate::ops::options::{ConnectionOptions, LoginOptions};
use crate::ops::pin_ca::expiry;
use crate::ops::port::{PortUse, settle_port};
use crate::ops::token::login::{Admin, log_in};
use crate::pve::{Pve, TokenRecord, Trust};
use crate::session::Session;
use crate::settings::Credentials;
use crate::ui::Heading;

/// The settings and the way to the server.
pub(crate) struct AdminSession {
    /// What is known before a server is called.
    pub(crate) context: Context,
    /// The realms of the server.
    pub(crate) realms: Vec<String>,
    /// A client without credentials.
    pub(crate) pve: Pve,
    endpoint: Endpoint,
    trust: Trust,
    trusted: TrustSource,
}

impl AdminSession {
    /// Finds the server by the settings that hold.
    pub(crate) async fn open(session: &Session, options: &ConnectionOptions, what: &str) -> Result<Self, Error> {
        Self::open_titled(session, options, |_| what.to_owned()).await
    }

    /// Does the same, with a heading that depends on the settings.
    pub(crate) async fn open_titled(
        session: &Session,
        options: &ConnectionOptions,
        title: impl FnOnce(&Context) -> String,
    ) -> Result<Self, Error> {
        let mut context = Context::load(session, options).await?;
        context.expect_admin_login();
        settle_port(session, &mut context, PortUse::Now).await?;
        let text = format!("{} on {}", title(&context), context.host()?);
        session.heading(&Heading { text, is_sandbox: context.is_sandbox() });
        let (endpoint, (trust, trusted)) = (context.endpoint()?, context.trust()?);
        context.warn_of_trust(session, trusted);
        let reach = |source| Error::connecting(&endpoint, source);
        let pve = Pve::new(endpoint.clone(), &trust, context.limits(), &context.proxies(session)).map_err(reach)?;
        let pve = log_calls(pve, session);
        let realms = pve.domains().await.map_err(reach)?.into_iter().map(|realm| realm.name.to_string()).collect();
        if let Some(warning) = expiry(session, &pve, &trust) {
            session.warn(warning);
        }
        Ok(Self { context, realms, pve, endpoint, trust, trusted })
    }

    /// Logs an administrator in.
    pub(crate) async fn admin(&self, session: &Session, login: &LoginOptions) -> Result<Admin, Error> {
        log_in(session, &self.context, self.pve.clone(), &self.realms, login).await
    }

    /// Returns the server, and how its certificates are judged.
    pub(crate) fn server(&self) -> TrustedServer {
        TrustedServer { endpoint: self.endpoint.clone(), trust: self.trust.clone(), trusted: self.trusted }
    }

    /// Returns the token that the settings name.
    pub(crate) fn token(&self) -> Result<TokenId, Error> {
        self.context.token_id()
    }

    /// Returns whether the token is the one whose secret the settings file holds.
    pub(crate) fn is_in_file(&self, token: &TokenId) -> bool {
        let stored = super::store::stored(&self.context);
        matches!(stored, Ok(Some(Credentials::Token { id, .. })) if id == *token)
    }
}

/// Finds a token among those of its user.
pub(crate) async fn existing(admin: &Admin, token: &TokenId) -> Result<TokenRecord, Error> {
    let tokens = admin.pve.tokens(&token.user).await;
    let tokens = tokens.doing(Operation::ReadTokens(token.user.to_string()))?;
    let known: Vec<String> = tokens.iter().map(|record| record.name.to_string()).collect();
    let found = tokens.into_iter().find(|record| record.name == token.name);
    found.ok_or_else(|| TokenError::Unknown { token: token.clone(), known }.into())
}
