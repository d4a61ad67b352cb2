//! The table of the calls below `/access` and `/pools`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Access;
use super::calls::{Request, entries, groups, logins, passwords, permissions, pools, roles, tokens, users};
use super::form::{self, ANY_LENGTH, Form, Need, Parameter, needed, optional};
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
    /// Its parameters, those in the path included.
    pub parameters: &'static [Parameter],
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
    /// Those who are about to log in; a token is refused.
    LogIn,
}

impl Audience {
    /// Tells whether the call may be made by somebody who is not known.
    pub fn is_open(self) -> bool {
        matches!(self, Self::World | Self::LogIn)
    }

    /// Tells whether a token is refused.
    pub fn excludes_tokens(self) -> bool {
        matches!(self, Self::Users | Self::LogIn)
    }
}

const NOBODY_ASKS: May = |_, _| Ok(());

const fn route(
    method: &'static str,
    path: &'static str,
    parameters: &'static [Parameter],
    may: May,
    run: Run,
) -> Route {
    Route { method, path, audience: Audience::Known, parameters, may, run }
}

const fn with(name: &'static str, form: Form, other: &'static str) -> Parameter {
    Parameter { name, form, need: Need::With(other) }
}

const ROLE: Parameter = needed("roleid", Form::Name("role"));
const PRIVILEGES: Parameter = optional("privs", Form::List(&Form::Privilege));
const GROUP: Parameter = needed("groupid", Form::Name("group"));
const COMMENT: Parameter = optional("comment", Form::Text(ANY_LENGTH));
const USER: Parameter = needed("userid", Form::User);
const USER_COMMENT: Parameter = optional("comment", Form::Text(2048));
const EMAIL: Parameter = optional("email", Form::Text(254));
const ENABLE: Parameter = optional("enable", Form::Switch);
const EXPIRE: Parameter = optional("expire", Form::Number);
const FIRST_NAME: Parameter = optional("firstname", Form::Text(1024));
const LAST_NAME: Parameter = optional("lastname", Form::Text(1024));
const KEYS: Parameter = optional("keys", Form::Text(4096));
const GROUPS: Parameter = optional("groups", Form::List(&Form::Name("group")));
const TOKEN_NAME: Parameter = needed("tokenid", Form::TokenName);
const PRIVSEP: Parameter = optional("privsep", Form::Switch);
const POOL: Parameter = needed("poolid", Form::Pool);

const MEMBER: Form = Form::OneOf(&["qemu", "lxc", "storage"]);

const LOG_IN: &[Parameter] = &[
    optional("new-format", Form::Switch),
    optional("otp", Form::Text(ANY_LENGTH)),
    needed("password", Form::Text(ANY_LENGTH)),
    with("path", Form::Text(64), "privs"),
    with("privs", Form::List(&Form::Privilege), "path"),
    optional("realm", Form::Realm),
    optional("tfa-challenge", Form::Text(ANY_LENGTH)),
    needed("username", Form::Text(64)),
];

const PASSWORD: &[Parameter] =
    &[optional("confirmation-password", Form::Text(64)), needed("password", Form::Password), USER];

const ENTRY: &[Parameter] = &[
    optional("delete", Form::Switch),
    GROUPS,
    needed("path", Form::Text(ANY_LENGTH)),
    optional("propagate", Form::Switch),
    needed("roles", Form::List(&Form::Name("role"))),
    optional("tokens", Form::List(&Form::Token)),
    optional("users", Form::List(&Form::User)),
];

const NEW_USER: &[Parameter] = &[
    USER_COMMENT,
    EMAIL,
    ENABLE,
    EXPIRE,
    FIRST_NAME,
    GROUPS,
    KEYS,
    LAST_NAME,
    optional("password", Form::Password),
    USER,
];

const CHANGED_USER: &[Parameter] = &[
    with("append", Form::Switch, "groups"),
    USER_COMMENT,
    EMAIL,
    ENABLE,
    EXPIRE,
    FIRST_NAME,
    GROUPS,
    KEYS,
    LAST_NAME,
    USER,
];

const CHANGED_TOKEN: &[Parameter] = &[
    COMMENT,
    optional("delete", Form::List(&Form::Name("setting"))),
    EXPIRE,
    PRIVSEP,
    optional("regenerate", Form::Switch),
    TOKEN_NAME,
    USER,
];

const CHANGED_POOL: &[Parameter] = &[
    optional("allow-move", Form::Switch),
    COMMENT,
    optional("delete", Form::Switch),
    POOL,
    optional("storage", Form::List(&Form::Name("storage"))),
    optional("vms", Form::List(&Form::Vmid)),
];

/// The calls that log-ins and lists for everybody are.
const COMMON: &[Route] = &[
    route("GET", "/access", &[], NOBODY_ASKS, |_, _| Ok(permissions::index())),
    Route {
        audience: Audience::World,
        ..route("GET", "/access/domains", &[], NOBODY_ASKS, |access, _| Ok(permissions::domains(access)))
    },
    Route { audience: Audience::World, ..route("GET", "/access/ticket", &[], NOBODY_ASKS, |_, _| Ok(Value::Null)) },
    Route { audience: Audience::LogIn, ..route("POST", "/access/ticket", LOG_IN, NOBODY_ASKS, logins::log_in) },
    Route {
        audience: Audience::Users,
        ..route("PUT", "/access/password", PASSWORD, passwords::may_change, passwords::change)
    },
    route(
        "GET",
        "/access/permissions",
        &[optional("path", Form::Text(ANY_LENGTH)), optional("userid", Form::Subject)],
        NOBODY_ASKS,
        |access, request| permissions::read(access, request),
    ),
    route("GET", "/access/acl", &[], NOBODY_ASKS, |access, request| Ok(entries::read(access, request))),
    route("PUT", "/access/acl", ENTRY, entries::may_change, entries::change),
];

/// The calls about roles and groups.
const ROLES_AND_GROUPS: &[Route] = &[
    route("GET", "/access/roles", &[], NOBODY_ASKS, |access, _| Ok(roles::list(access))),
    route("POST", "/access/roles", &[ROLE, PRIVILEGES], roles::may_change, roles::create),
    route("GET", "/access/roles/{roleid}", &[ROLE], NOBODY_ASKS, |access, request| roles::read(access, request)),
    route(
        "PUT",
        "/access/roles/{roleid}",
        &[with("append", Form::Switch, "privs"), ROLE, PRIVILEGES],
        roles::may_change,
        roles::change,
    ),
    route("DELETE", "/access/roles/{roleid}", &[ROLE], roles::may_change, roles::delete),
    route("GET", "/access/groups", &[], NOBODY_ASKS, |access, request| Ok(groups::list(access, request))),
    route("POST", "/access/groups", &[GROUP, COMMENT], groups::may_change, groups::create),
    route("GET", "/access/groups/{groupid}", &[GROUP], groups::may_read, |access, request| {
        groups::read(access, request)
    }),
    route("PUT", "/access/groups/{groupid}", &[GROUP, COMMENT], groups::may_change, groups::change),
    route("DELETE", "/access/groups/{groupid}", &[GROUP], groups::may_change, groups::delete),
];

const TOKENS: &str = "/access/users/{userid}/token";
const TOKEN: &str = "/access/users/{userid}/token/{tokenid}";

/// The calls about users and their tokens.
const USERS_AND_TOKENS: &[Route] = &[
    route(
        "GET",
        "/access/users",
        &[optional("enabled", Form::Switch), optional("full", Form::Switch)],
        NOBODY_ASKS,
        |access, request| Ok(users::list(access, request)),
    ),
    route("POST", "/access/users", NEW_USER, users::may_create, users::create),
    route("GET", "/access/users/{userid}", &[USER], users::may_read, |access, request| users::read(access, request)),
    route("PUT", "/access/users/{userid}", CHANGED_USER, users::may_change, users::change),
    route("DELETE", "/access/users/{userid}", &[USER], users::may_delete, |access, request| {
        Ok(users::delete(access, request))
    }),
    route("GET", TOKENS, &[USER], tokens::may_use, |access, request| tokens::list(access, request)),
    route("GET", TOKEN, &[USER, TOKEN_NAME], tokens::may_use, |access, request| tokens::read(access, request)),
    route("POST", TOKEN, &[USER, TOKEN_NAME, COMMENT, EXPIRE, PRIVSEP], tokens::may_use, tokens::create),
    route("PUT", TOKEN, CHANGED_TOKEN, tokens::may_use, tokens::change),
    route("DELETE", TOKEN, &[USER, TOKEN_NAME], tokens::may_use, tokens::delete),
];

/// The calls about pools.
const POOLS: &[Route] = &[
    route(
        "GET",
        "/pools",
        &[optional("poolid", Form::Pool), with("type", MEMBER, "poolid")],
        NOBODY_ASKS,
        |access, request| pools::list(access, request),
    ),
    route("GET", "/pools/{poolid}", &[POOL, optional("type", MEMBER)], pools::may_read, |access, request| {
        pools::read(access, request)
    }),
    route("POST", "/pools", &[POOL, COMMENT], pools::may_change, pools::create),
    route("PUT", "/pools", CHANGED_POOL, pools::may_change, pools::change),
    route("DELETE", "/pools", &[POOL], pools::may_change, pools::delete),
    route("PUT", "/pools/{poolid}", CHANGED_POOL, pools::may_change, pools::change),
    route("DELETE", "/pools/{poolid}", &[POOL], pools::may_change, pools::delete),
];

/// Gives what the server says it failed at where it cannot write down what a call changes; nothing where it changes
/// nothing.
pub(in crate::sandbox) fn writes(route: &Route) -> Option<&'static str> {
    let failed = match (route.method, route.path) {
        (_, "/access/acl") => "ACL update failed",
        ("POST", "/access/roles") => "create role failed",
        ("PUT", "/access/roles/{roleid}") => "update role failed",
        ("DELETE", "/access/roles/{roleid}") => "delete role failed",
        ("POST", "/access/groups") => "create group failed",
        ("PUT", "/access/groups/{groupid}") => "modify group failed",
        ("DELETE", "/access/groups/{groupid}") => "delete group failed",
        ("POST", "/access/users") => "create user failed",
        ("PUT", "/access/users/{userid}") => "update user failed",
        ("DELETE", "/access/users/{userid}") => "delete user failed",
        ("POST", TOKEN) => "generating token failed",
        ("PUT", TOKEN) => "updating token info failed",
        ("DELETE", TOKEN) => "deleting token failed",
        ("POST", "/pools") => "create pool failed",
        ("PUT", "/pools" | "/pools/{poolid}") => "update pools failed",
        ("DELETE", "/pools" | "/pools/{poolid}") => "delete pool failed",
        _ => return None,
    };
    (route.method != "GET").then_some(failed)
}

/// Lists the calls.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    [COMMON, ROLES_AND_GROUPS, USERS_AND_TOKENS, POOLS].into_iter().flatten()
}

/// Finds the call for a decoded path below `/api2/json`, with the parameters in it.
pub fn find(method: &str, path: &str) -> Option<(&'static Route, BTreeMap<String, String>)> {
    let same_method = routes().filter(|route| route.method == method);
    same_method.into_iter().find_map(|route| Some((route, in_path(route.path, path)?)))
}

/// Reads the parameters out of a path, if it fits; a blank or an exclamation mark never does.
fn in_path(route: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (names, levels): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), path.split('/').collect());
    let mut found = BTreeMap::new();
    for (name, level) in names.iter().zip(&levels) {
        match name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !level.is_empty() && !level.contains([' ', '!']) => {
                found.insert(name.to_owned(), (*level).to_owned());
            }
            None if name == level => {}
            _ => return None,
        }
    }
    (names.len() == levels.len()).then_some(found)
}

impl Route {
    /// Makes the call: the caller's rights come before the form of the parameters.
    pub fn make(&self, access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
        (self.may)(access, request)?;
        form::demand(access, self.parameters, request.params)?;
        (self.run)(access, request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_by_verb_and_path() {
        let table = [
            ("GET", "/access/users/apex@pve/token/tt", Some("/access/users/{userid}/token/{tokenid}")),
            ("POST", "/access/users/apex@pve/token/bad name!", None),
            ("GET", "/access/users/", None),
            ("PATCH", "/access/users", None),
            ("GET", "/pools/labpool", Some("/pools/{poolid}")),
            ("GET", "/pools", Some("/pools")),
        ];
        for (method, path, expected) in table {
            assert_eq!(find(method, path).map(|(route, _)| route.path), expected, "{method} {path}");
        }
        let (_, found) = find("GET", "/access/users/apex@pve/token/tt").unwrap();
        assert_eq!((found["userid"].as_str(), found["tokenid"].as_str()), ("apex@pve", "tt"));
    }
}
