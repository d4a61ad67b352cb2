//! The table of the calls below `/access` and `/pools`.

use serde_json::Value;

use super::Access;
use super::calls::{Request, entries, groups, logins, passwords, permissions, pools, roles, tokens, users};
use super::refusal::Refusal;

/// Says whether a caller may make a call.
pub type May = fn(&Access, Request<'_>) -> Result<(), Refusal>;

/// Makes a call.
pub type Run = fn(&mut Access, Request<'_>) -> Result<Value, Refusal>;

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The verb.
    pub method: &'static str,
    /// The path below `/api2/json`, with parameters in braces.
    pub path: &'static str,
    /// Who it is for.
    pub audience: Audience,
    /// The check that comes before the parameters are looked at.
    pub may: May,
    /// What it does once they are right.
    pub run: Run,
}

/// Who a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody, known or not.
    World,
    /// Users and tokens.
    Known,
    /// Users, with a ticket; a token is refused.
    Users,
}
