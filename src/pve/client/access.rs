//! The calls about users and tokens.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::decode::words;
use crate::model::{Foreign, TokenId, TokenName, TokenSecret, UserId};
use crate::pve::lenient::{
    Lenient, as_number, as_text, field_secret, field_text, lenient, non_empty, object, required, yes,
};
use crate::pve::{ApiError, Pve, RefusalReason};

/// A token, as its user's list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TokenRecord {
    /// Its name.
    #[serde(rename = "tokenid", deserialize_with = "required")]
    pub name: TokenName,
    /// Whether it has privilege separation. The server leaves it out where it is the default.
    #[serde(rename = "privsep", default = "yes", deserialize_with = "lenient")]
    pub separated: bool,
    /// When it expires, in seconds since 1970; 0 is never.
    #[serde(default, deserialize_with = "lenient")]
    pub expire: u64,
    /// What it is for.
    #[serde(default, deserialize_with = "non_empty")]
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

/// Whether a user exists, as far as that is visible.
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
/// If no call can hold the user.
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
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn find_user(&self, user: &UserId) -> Result<UserLookup, ApiError> {
        let id = user.to_string();
        if let Some(record) = self.users().await?.into_iter().find(|record| record.id == *id) {
            return Ok(UserLookup::Seen(record));
        }
        match self.transport.get(&["access", "users", &id], &[]).await {
            Ok(data) => Ok(UserLookup::Seen(UserRecord::of_user_page(&id, &data))),
            Err(ApiError::Refusal(refusal)) if refusal.reason() == RefusalReason::NoSuchUser => Ok(UserLookup::Missing),
            Err(refused) if refused.is_forbidden() => Ok(UserLookup::Hidden),
            Err(why) => Err(why),
        }
    }

    /// Lists the users that may be seen, with their groups and tokens.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn users(&self) -> Result<Vec<UserRecord>, ApiError> {
        let data = self.transport.get_whole(&["access", "users"], &[("full", "1")]).await?;
        let mut users = self.list(data, "the list of users", |user| UserRecord::of(&user))?;
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
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn delete_user(&self, user: &UserId) -> Result<(), ApiError> {
        self.change_access(Method::DELETE, &["access", "users", &user.to_string()], &[]).await
    }

    /// Lists the tokens of a user. A token may not, without User.Modify.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn tokens(&self, user: &UserId) -> Result<Vec<TokenRecord>, ApiError> {
        let data = self.transport.get(&["access", "users", &user.to_string(), "token"], &[]).await?;
        let mut tokens = self.list(data, "the list of tokens", object::<TokenRecord>)?;
        tokens.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(tokens)
    }

    /// Makes a token; the server returns its secret only here.
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
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn unseparate_token(&self, token: &TokenId) -> Result<(), ApiError> {
        let form = [("privsep", "0".to_owned())];
        let user = token.user.to_string();
        self.change_access(Method::PUT, &["access", "users", &user, "token", token.name.as_str()], &form).await
    }

    /// Gives a token another comment; everything else of it stays.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn describe_token(&self, token: &TokenId, comment: &str) -> Result<(), ApiError> {
        let form = [("comment", comment.to_owned())];
        let user = token.user.to_string();
        self.change_access(Method::PUT, &["access", "users", &user, "token", token.name.as_str()], &form).await
    }

    /// Removes a token.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
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

    /// Reads the secret of a token; without it the token cannot be used.
    fn secret(&self, data: &Value) -> Result<TokenSecret, ApiError> {
        let secret = field_secret(data, "value").and_then(|value| value.parse().ok());
        secret.ok_or_else(|| ApiError::OutcomeUnknown {
            source: Box::new(self.unexpected("it contains no token secret")),
        })
    }
}

impl UserRecord {
    fn of(user: &Value) -> Option<Self> {
        let tokens = user.get("tokens").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let known: Vec<TokenRecord> = tokens.iter().cloned().filter_map(object).collect();
        Some(Self {
            id: field_text(user, "userid")?,
            enabled: is_enabled(user),
            groups: words(&field_text(user, "groups").unwrap_or_default()),
            comment: said(user, "comment"),
            // A token whose entry cannot be read still counts.
            is_described: is_described(user) || known.len() != tokens.len(),
            tokens: known,
        })
    }

    /// Reads the answer about one user, which has lists and maps where the list of users has texts.
    fn of_user_page(id: &str, user: &Value) -> Self {
        let groups = user.get("groups").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let tokens = user.get("tokens").and_then(Value::as_object).cloned().unwrap_or_default();
        Self {
            id: Foreign::new(id),
            comment: said(user, "comment"),
            is_described: is_described(user),
            enabled: is_enabled(user),
            groups: groups.iter().filter_map(as_text).collect(),
            tokens: tokens.into_iter().filter_map(|(name, token)| TokenRecord::named(&name, token)).collect(),
        }
    }
}

impl TokenRecord {
    /// Reads an answer about a token that does not name it.
    pub(super) fn named(name: &str, mut data: Value) -> Option<Self> {
        data.as_object_mut()?.insert("tokenid".to_owned(), Value::from(name));
        object(data)
    }
}

fn is_enabled(user: &Value) -> bool {
    user.get("enable").is_none_or(bool::of)
}

fn is_described(user: &Value) -> bool {
    ["firstname", "lastname", "email", "keys"].iter().any(|name| said(user, name).is_some())
        || user.get("expire").and_then(as_number).is_some_and(|end| end != 0)
}

/// Returns a text that is not empty.
pub(super) fn said(value: &Value, field: &str) -> Option<Foreign> {
    field_text(value, field).filter(|text| !text.is_empty())
}
