//! The calls about users and tokens.

use reqwest::Method;
use serde_json::Value;

use super::{text_of, words};
use crate::model::{Foreign, TokenId, TokenName, TokenSecret, UserId};
use crate::pve::values::{Fields, as_text};
use crate::pve::{ApiError, Pve, RefusalReason};

/// A token, as its user's list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its name.
    pub name: TokenName,
    /// Whether it has privilege separation.
    pub separated: bool,
    /// When it expires, in seconds since 1970; 0 is never.
    pub expire: u64,
    /// What it is for.
    pub comment: Option<Foreign>,
}

/// A user, as far as it may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Its ID, as the server writes it.
    pub id: Foreign,
    /// Whether it may log in.
    pub enabled: bool,
    /// Its groups.
    pub groups: Vec<Foreign>,
    /// Its tokens.
    pub tokens: Vec<TokenRecord>,
    /// What it is for.
    pub comment: Option<Foreign>,
    /// Whether it has anything that a user made for a token alone does not have: a name, an address, an end.
    pub is_described: bool,
}

/// Whether a user exists, as far as that can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserLookup {
    /// It exists.
    Seen(UserRecord),
    /// It does not exist.
    Missing,
    /// The caller may not know.
    Hidden,
}

/// What a new token shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// Whether it has privilege separation.
    pub separated: bool,
    /// When it expires, in seconds since 1970; 0 is never.
    pub expire: u64,
    /// What it is for.
    pub comment: String,
}

/// Checks that calls can name a token and authenticate with it, before anything is made for it.
///
/// # Errors
/// Where no call can hold the user.
pub fn check_sendable(token: &TokenId) -> Result<(), ApiError> {
    let user = token.user.to_string();
    if user.contains('!') {
        return Err(ApiError::unsendable(&user, '!'));
    }
    token.header_text().map(drop).map_err(|found| ApiError::unsendable(&user, found))
}

impl Pve {
    /// Looks for a user, with its groups and tokens.
    ///
    /// # Errors
    /// As every call.
    pub async fn find_user(&self, user: &UserId) -> Result<UserLookup, ApiError> {
        let id = user.to_string();
        if let Some(card) = self.users().await?.into_iter().find(|card| card.id == *id) {
            return Ok(UserLookup::Seen(card));
        }
        match self.transport.get(&["access", "users", &id], &[]).await {
            Ok(data) => Ok(UserLookup::Seen(UserRecord::alone(&id, &data))),
            Err(ApiError::Refusal(refusal)) if refusal.reason() == RefusalReason::NoSuchUser => Ok(UserLookup::Missing),
            Err(refused) if refused.is_forbidden() => Ok(UserLookup::Hidden),
            Err(why) => Err(why),
        }
    }

    /// Lists the users that may be seen, with their groups and tokens.
    ///
    /// # Errors
    /// As every call.
    pub async fn users(&self) -> Result<Vec<UserRecord>, ApiError> {
        let data = self.transport.get_whole(&["access", "users"], &[("full", "1")]).await?;
        let mut users = self.list(&data, "the list of users", UserRecord::of)?;
        users.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(users)
    }

    /// Makes a user without a password.
    ///
    /// # Errors
    /// As every call. The server takes a realm that does not exist: look first.
    pub async fn create_user(&self, user: &UserId, comment: &str) -> Result<(), ApiError> {
        let form = [("userid", user.to_string()), ("comment", comment.to_owned())];
        self.change_access(Method::POST, &["access", "users"], &form).await
    }

    /// Removes a user with its tokens and entries.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete_user(&self, user: &UserId) -> Result<(), ApiError> {
        self.change_access(Method::DELETE, &["access", "users", &user.to_string()], &[]).await
    }

    /// Lists the tokens of a user. A token may not, without User.Modify.
    ///
    /// # Errors
    /// As every call.
    pub async fn tokens(&self, user: &UserId) -> Result<Vec<TokenRecord>, ApiError> {
        let data = self.transport.get(&["access", "users", &user.to_string(), "token"], &[]).await?;
        let mut tokens = self.list(&data, "the list of tokens", |value| TokenRecord::of(None, value))?;
        tokens.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(tokens)
    }

    /// Makes a token; its secret is told this once.
    ///
    /// # Errors
    /// As every call; where the answer is lost, it is not known whether there is a token now.
    pub async fn create_token(&self, token: &TokenId, request: &TokenRequest) -> Result<TokenSecret, ApiError> {
        let form = [
            ("privsep", u8::from(request.separated).to_string()),
            ("expire", request.expire.to_string()),
            ("comment", request.comment.clone()),
        ];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let user = token.user.to_string();
        let path = ["access", "users", &user, "token", token.name.as_str()];
        let data = self.transport.change(Method::POST, &path, &form).await?;
        self.secret(&data)
    }

    /// Gives a token a new secret; the old one is dead at once. Servers before access-control 9.1.0 cannot.
    ///
    /// # Errors
    /// As every call; where the answer is lost, it is not known which secret counts.
    pub async fn regenerate_token(&self, token: &TokenId) -> Result<TokenSecret, ApiError> {
        let user = token.user.to_string();
        let path = ["access", "users", &user, "token", token.name.as_str()];
        let data = self.transport.change(Method::PUT, &path, &[("regenerate", "1")]).await?;
        self.secret(&data)
    }

    /// Lets a token have all that its user has.
    ///
    /// # Errors
    /// As every call.
    pub async fn unseparate_token(&self, token: &TokenId) -> Result<(), ApiError> {
        let form = [("privsep", "0".to_owned())];
        let user = token.user.to_string();
        self.change_access(Method::PUT, &["access", "users", &user, "token", token.name.as_str()], &form).await
    }

    /// Gives a token another comment; everything else of it stays.
    ///
    /// # Errors
    /// As every call.
    pub async fn describe_token(&self, token: &TokenId, comment: &str) -> Result<(), ApiError> {
        let form = [("comment", comment.to_owned())];
        let user = token.user.to_string();
        self.change_access(Method::PUT, &["access", "users", &user, "token", token.name.as_str()], &form).await
    }

    /// Removes a token.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete_token(&self, token: &TokenId) -> Result<(), ApiError> {
        let user = token.user.to_string();
        self.change_access(Method::DELETE, &["access", "users", &user, "token", token.name.as_str()], &[]).await
    }

    pub(super) async fn change_access(
        &self,
        method: Method,
        path: &[&str],
        form: &[(&str, String)],
    ) -> Result<(), ApiError> {
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.transport.change(method, path, &form).await.map(drop)
    }

    /// Reads the secret of a token; without it the token is of no use to anybody.
    fn secret(&self, data: &Value) -> Result<TokenSecret, ApiError> {
        let value = Fields::of(data).and_then(|fields| fields.secret("value"));
        let secret = value.and_then(|value| value.expose().parse().ok());
        secret.ok_or_else(|| ApiError::OutcomeUnknown {
            source: Box::new(self.unexpected("it has no secret of a token")),
        })
    }
}

impl UserRecord {
    fn of(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        let tokens = value.get("tokens").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let known: Vec<TokenRecord> = tokens.iter().filter_map(|token| TokenRecord::of(None, token)).collect();
        Some(Self {
            id: fields.text("userid")?,
            enabled: fields.flag_or("enable", true),
            groups: words(&fields.text("groups").unwrap_or_default()),
            comment: text_of(&fields, "comment"),
            // A token that cannot be read is one all the same.
            is_described: is_described(&fields) || known.len() != tokens.len(),
            tokens: known,
        })
    }

    /// Reads the answer about one user, which has lists and maps where the list of users has texts.
    fn alone(id: &str, value: &Value) -> Self {
        let groups = value.get("groups").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let tokens = value.get("tokens").and_then(Value::as_object);
        let tokens = tokens.into_iter().flatten().filter_map(|(name, token)| TokenRecord::of(Some(name), token));
        let fields = Fields::of(value);
        Self {
            id: Foreign::new(id),
            comment: fields.as_ref().and_then(|fields| text_of(fields, "comment")),
            is_described: fields.as_ref().is_some_and(is_described),
            enabled: fields.is_none_or(|fields| fields.flag_or("enable", true)),
            groups: groups.iter().filter_map(as_text).collect(),
            tokens: tokens.collect(),
        }
    }
}

impl TokenRecord {
    pub(super) fn of(name: Option<&str>, value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self {
            name: name.map_or_else(|| fields.parsed("tokenid"), |name| name.parse().ok())?,
            // The server leaves it out where it is the default.
            separated: fields.flag_or("privsep", true),
            expire: fields.number("expire").unwrap_or_default(),
            comment: fields.text("comment").filter(|comment| !comment.is_empty()),
        })
    }
}

fn is_described(fields: &Fields<'_>) -> bool {
    ["firstname", "lastname", "email", "keys"].iter().any(|name| text_of(fields, name).is_some())
        || fields.number("expire").is_some_and(|end| end != 0)
}
