//! The calls about who may do what: log-in in two steps, users, tokens, groups, roles, entries, pools.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use reqwest::Method;
use serde_json::Value;

use crate::model::{
    Foreign, GroupName, PoolName, RoleName, Secret, StorageName, TokenId, TokenName, TokenSecret, UserId, VmId,
};
use crate::pve::privileges::{AclPath, Privileges};
use crate::pve::values::{Fields, as_text};
use crate::pve::{ApiError, Pve, RefusalReason};

/// How far a log-in came.
#[derive(Debug)]
pub enum LoggedIn {
    /// The user is known.
    Done(Box<Pve>),
    /// The password was right, and the server wants a second factor.
    NeedsFactor(Box<Challenge>),
}

/// A log-in that waits for its second factor.
#[derive(Debug)]
pub struct Challenge {
    pve: Pve,
    user: UserId,
    ticket: Secret,
    /// The kinds of factor that the user has set up, `totp` for example; none where the server does not say.
    pub factors: Vec<Foreign>,
}

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

/// What is in a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolCard {
    /// How many VMs, containers and storages.
    pub members: usize,
    /// What it is for.
    pub comment: Option<Foreign>,
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

/// Who an entry is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A user.
    User(Foreign),
    /// A group.
    Group(Foreign),
    /// A token.
    Token(Foreign),
}

impl Subject {
    /// Means a user.
    #[must_use]
    pub fn user(user: &UserId) -> Self {
        Self::User(Foreign::new(user.to_string()))
    }

    /// Means a token.
    #[must_use]
    pub fn token(token: &TokenId) -> Self {
        Self::Token(Foreign::new(token.to_string()))
    }

    /// Gives the ID.
    #[must_use]
    pub const fn id(&self) -> &Foreign {
        match self {
            Self::User(id) | Self::Group(id) | Self::Token(id) => id,
        }
    }

    /// Gives the parameter that names it in a change; nothing where the ID is none.
    fn parameter(&self) -> Option<(&'static str, String)> {
        Some(match self {
            Self::User(id) => ("users", id.parse::<UserId>().ok()?.to_string()),
            Self::Group(id) => ("groups", id.parse::<GroupName>().ok()?.to_string()),
            Self::Token(id) => ("tokens", id.parse::<TokenId>().ok()?.to_string()),
        })
    }
}

/// An entry of the access control list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AclEntry {
    /// Where.
    pub path: AclPath,
    /// For whom.
    pub holder: Subject,
    /// Which role.
    pub role: RoleName,
    /// Whether it reaches the paths below.
    pub propagates: bool,
}

/// Roles to be given on one path, or taken away there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AclChange {
    /// Where.
    pub path: AclPath,
    /// To whom.
    pub holder: Subject,
    /// Which roles, all in one step.
    pub roles: Vec<RoleName>,
    /// Whether they reach the paths below.
    pub propagates: bool,
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

impl Challenge {
    /// Says whether a one-time code can be the factor.
    #[must_use]
    pub fn takes_codes(&self) -> bool {
        self.factors.is_empty() || self.factors.iter().any(|factor| *factor == "totp")
    }

    /// Answers with a one-time code. A wrong one may be followed by another.
    ///
    /// # Errors
    /// Where the server refuses the code.
    pub async fn answer(&self, code: &Secret) -> Result<Pve, ApiError> {
        let name = self.user.to_string();
        code.register();
        let answer = Secret::new(format!("totp:{}", code.expose()));
        let form =
            [("username", name.as_str()), ("tfa-challenge", self.ticket.expose()), ("password", answer.expose())];
        let data = self.pve.transport.submit(&["access", "ticket"], &form).await?;
        self.pve.clone().with_answer(&data)
    }
}

impl Pve {
    /// Logs in with a password; a second factor is asked for in a step of its own.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn begin_log_in(self, user: &UserId, password: &Secret) -> Result<LoggedIn, ApiError> {
        let name = user.to_string();
        password.register();
        let form = [("username", name.as_str()), ("password", password.expose())];
        let data = self.transport.submit(&["access", "ticket"], &form).await?;
        let fields = self.fields(&data, "the log-in")?;
        if !fields.flag("NeedTFA") {
            return self.with_answer(&data).map(|pve| LoggedIn::Done(Box::new(pve)));
        }
        let ticket = fields.secret("ticket").ok_or_else(|| self.unexpected("the challenge has no ticket"))?;
        ticket.register_ticket();
        let factors = factors(ticket.expose());
        Ok(LoggedIn::NeedsFactor(Box::new(Challenge { pve: self, user: user.clone(), ticket, factors })))
    }

    fn with_answer(self, data: &Value) -> Result<Self, ApiError> {
        let fields = self.fields(data, "the log-in")?;
        let both = fields.secret("ticket").zip(fields.secret("CSRFPreventionToken"));
        let (ticket, csrf) = both.ok_or_else(|| self.unexpected("the log-in has no ticket"))?;
        Ok(Self { transport: self.transport.clone().with_ticket(&ticket, &csrf)? })
    }

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

    /// Lists the roles with their privileges. Everybody may.
    ///
    /// # Errors
    /// As every call.
    pub async fn roles(&self) -> Result<BTreeMap<RoleName, Privileges>, ApiError> {
        let data = self.transport.get(&["access", "roles"], &[]).await?;
        // A privilege with a strange name is none that this program deals with.
        let privileges = |names: &[Foreign]| names.iter().filter_map(|name| name.parse().ok()).collect();
        let roles = self.list(&data, "the list of roles", |value| {
            let fields = Fields::of(value)?;
            Some((fields.parsed("roleid")?, privileges(&words(&fields.text("privs").unwrap_or_default()))))
        })?;
        Ok(roles.into_iter().collect())
    }

    /// Makes a role.
    ///
    /// # Errors
    /// As every call.
    pub async fn create_role(&self, role: &RoleName, privileges: &str) -> Result<(), ApiError> {
        let form = [("roleid", role.to_string()), ("privs", privileges.to_owned())];
        self.change_access(Method::POST, &["access", "roles"], &form).await
    }

    /// Removes a role with its entries.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete_role(&self, role: &RoleName) -> Result<(), ApiError> {
        self.change_access(Method::DELETE, &["access", "roles", role.as_str()], &[]).await
    }

    /// Lists the entries that may be seen: all with Sys.Audit on `/access`, else those that the caller may change.
    ///
    /// # Errors
    /// As every call.
    pub async fn acl(&self) -> Result<Vec<AclEntry>, ApiError> {
        let row = |fields: Option<Fields<'_>>| AclEntry::of(&fields?).map(Some);
        let call: (&[&str], &[(&str, &str)]) = (&["access", "acl"], &[]);
        let mut entries = self.rows(call, "the access control list", AclEntry::FIELDS, row).await?;
        entries.sort();
        Ok(entries)
    }

    /// Gives roles.
    ///
    /// # Errors
    /// As every call.
    pub async fn grant(&self, change: &AclChange) -> Result<(), ApiError> {
        self.change_acl(change, &[("propagate", u8::from(change.propagates).to_string())]).await
    }

    /// Takes roles away. Only what this program gave itself may be taken.
    ///
    /// # Errors
    /// As every call.
    pub async fn ungrant(&self, change: &AclChange) -> Result<(), ApiError> {
        self.change_acl(change, &[("delete", "1".to_owned())]).await
    }

    async fn change_acl(&self, change: &AclChange, how: &[(&str, String)]) -> Result<(), ApiError> {
        let holder = change.holder.parameter().ok_or_else(|| ApiError::Preparation {
            why: format!("{} is no user, group or token that the server could take", change.holder.id()),
        })?;
        let roles = change.roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let mut form = vec![("path", change.path.to_string()), ("roles", roles), holder];
        form.extend(how.iter().cloned());
        self.change_access(Method::PUT, &["access", "acl"], &form).await
    }

    /// Lists the pools that may be seen (Pool.Audit).
    ///
    /// # Errors
    /// As every call.
    pub async fn pools(&self) -> Result<Vec<PoolName>, ApiError> {
        let data = self.transport.get(&["pools"], &[]).await?;
        self.named(&data, "the list of pools", "poolid", |value| Fields::of(value)?.parsed("poolid"))
    }

    /// Looks into a pool; nothing where there is none.
    ///
    /// # Errors
    /// As every call.
    pub async fn pool(&self, pool: &PoolName) -> Result<Option<PoolCard>, ApiError> {
        let data = match self.transport.get(&["pools", &pool.to_string()], &[]).await {
            Ok(data) => data,
            Err(gone) if gone.is_for(RefusalReason::NoSuchPool) => return Ok(None),
            Err(why) => return Err(why),
        };
        let fields = self.fields(&data, "the pool")?;
        let members = data.get("members").and_then(Value::as_array).map(Vec::len);
        let members = members.ok_or_else(|| self.unexpected("the pool has no list of members"))?;
        Ok(Some(PoolCard { members, comment: text_of(&fields, "comment") }))
    }

    /// Lists which VMs and storages that may be seen are in a pool: their path, and the pool's.
    ///
    /// # Errors
    /// As every call.
    pub async fn pool_members(&self) -> Result<Vec<(AclPath, AclPath)>, ApiError> {
        let row = |fields: Option<Fields<'_>>| {
            let fields = fields?;
            let of_vm = fields.number("vmid").and_then(VmId::new).map(AclPath::vm);
            let path = of_vm.or_else(|| fields.parsed::<StorageName>("storage").map(|it| AclPath::storage(&it)));
            Some(path.zip(fields.parsed::<PoolName>("pool").map(|pool| AclPath::pool(&pool))))
        };
        let call: (&[&str], &[(&str, &str)]) = (&["cluster", "resources"], &[]);
        self.rows(call, "the list of resources", &["vmid", "storage", "pool"], row).await
    }

    /// Makes a pool.
    ///
    /// # Errors
    /// As every call.
    pub async fn create_pool(&self, pool: &PoolName) -> Result<(), ApiError> {
        self.change_access(Method::POST, &["pools"], &[("poolid", pool.to_string())]).await
    }

    /// Removes a pool; the server refuses one that has members.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete_pool(&self, pool: &PoolName) -> Result<(), ApiError> {
        self.change_access(Method::DELETE, &["pools"], &[("poolid", pool.to_string())]).await
    }

    async fn change_access(&self, method: Method, path: &[&str], form: &[(&str, String)]) -> Result<(), ApiError> {
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

impl AclEntry {
    /// What is read of an entry.
    const FIELDS: &[&'static str] = &["path", "ugid", "type", "roleid", "propagate"];

    fn of(fields: &Fields<'_>) -> Option<Self> {
        let holder = fields.text("ugid")?;
        let kind = fields.text("type")?;
        let holder = match () {
            () if kind == "user" => Subject::User(holder),
            () if kind == "group" => Subject::Group(holder),
            () if kind == "token" => Subject::Token(holder),
            () => return None,
        };
        Some(Self {
            path: fields.parsed("path")?,
            holder,
            role: fields.parsed("roleid")?,
            propagates: fields.flag_or("propagate", true),
        })
    }
}

/// Reads the kinds of factor out of a challenge: `PVE:!tfa!{"totp"%3Atrue}:...`.
fn factors(ticket: &str) -> Vec<Foreign> {
    let named = ticket.split("!tfa!").nth(1).and_then(|rest| rest.split(':').next()).unwrap_or_default();
    let decoded = percent_decode_str(named).decode_utf8_lossy().into_owned();
    let known: Option<Value> = serde_json::from_str(&decoded).ok();
    let Some(Value::Object(known)) = known else { return Vec::new() };
    let is_set = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
    let mut factors: Vec<Foreign> =
        known.iter().filter(|(_, value)| is_set(value)).map(|(name, _)| Foreign::new(name)).collect();
    factors.sort();
    factors
}

/// Gives a text that is not empty.
fn text_of(fields: &Fields<'_>, name: &str) -> Option<Foreign> {
    fields.text(name).filter(|text| !text.is_empty())
}

fn is_described(fields: &Fields<'_>) -> bool {
    ["firstname", "lastname", "email", "keys"].iter().any(|name| text_of(fields, name).is_some())
        || fields.number("expire").is_some_and(|end| end != 0)
}

/// Splits a list as the server writes it.
fn words(text: &Foreign) -> Vec<Foreign> {
    text.split(&[',', ';', ' '])
}

#[cfg(test)]
mod tests {
    use super::factors;
    use crate::model::Foreign;

    #[test]
    fn the_factors_are_read_out_of_the_challenge() {
        for (ticket, expected) in [
            (r#"PVE:!tfa!{"totp"%3Atrue}:6B04F2B7::sig=="#, &["totp"][..]),
            (r#"PVE:!tfa!%7B%22webauthn%22%3A%7B%22a%22%3A1%7D%2C%22totp%22%3Afalse%7D:6B::x"#, &["webauthn"]),
            (r#"PVE:!tfa!{"recovery"%3A[1,2],"yubico"%3Atrue}:6B::x"#, &["recovery", "yubico"]),
            ("PVE:!tfa!x:6B::x", &[]),
            ("PVE:apex@pve:6B::x", &[]),
            ("", &[]),
        ] {
            assert_eq!(factors(ticket), expected.iter().map(|it| Foreign::new(*it)).collect::<Vec<_>>(), "{ticket}");
        }
    }
}
