//! The calls below `/access` and `/pools`. They see nothing of the cluster but its identities.

use serde_json::Value;

use crate::sandbox::api::access::{acl, groups, login, password, permissions, pools, roles, tokens, users};
use crate::sandbox::api::form::{ANY_LENGTH, Form, Need, Parameter, needed, optional};
use crate::sandbox::api::routes::{ANY_CALLER, Audience, Route, route};
use crate::sandbox::auth::{Access, Refusal};
use crate::sandbox::cluster::{Reply, Request};

/// A check on identities as one on the cluster.
macro_rules! may {
    ($may:expr) => {
        |cluster, request| {
            let may: fn(&Access, Request<'_>) -> Result<(), Refusal> = $may;
            may(&cluster.access, request)
        }
    };
}

/// A call about identities as one about the cluster.
macro_rules! run {
    ($run:expr) => {
        |cluster, request| {
            let run: fn(&mut Access, Request<'_>) -> Result<Value, Refusal> = $run;
            run(&mut cluster.access, request).map(Reply::from)
        }
    };
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
pub(crate) const COMMON: &[Route] = &[
    route("GET", "/access", &[], ANY_CALLER, run!(|_, _| Ok(permissions::index()))),
    Route {
        audience: Audience::World,
        ..route("GET", "/access/domains", &[], ANY_CALLER, run!(|access, _| Ok(permissions::domains(access))))
    },
    Route {
        audience: Audience::World,
        ..route("GET", "/access/ticket", &[], ANY_CALLER, run!(|_, _| Ok(Value::Null)))
    },
    Route { audience: Audience::LogIn, ..route("POST", "/access/ticket", LOG_IN, ANY_CALLER, login::log_in) },
    Route {
        audience: Audience::Users,
        ..route("PUT", "/access/password", PASSWORD, may!(password::may_change), run!(password::change))
    },
    route(
        "GET",
        "/access/permissions",
        &[optional("path", Form::Text(ANY_LENGTH)), optional("userid", Form::Subject)],
        ANY_CALLER,
        run!(|access, request| permissions::read(access, request)),
    ),
    route("GET", "/access/acl", &[], ANY_CALLER, run!(|access, request| Ok(acl::read(access, request)))),
    route("PUT", "/access/acl", ENTRY, may!(acl::may_change), run!(acl::change)).writing("ACL update failed"),
];

/// The calls about roles and groups.
pub(crate) const ROLES_AND_GROUPS: &[Route] = &[
    route("GET", "/access/roles", &[], ANY_CALLER, run!(|access, _| Ok(roles::list(access)))),
    route("POST", "/access/roles", &[ROLE, PRIVILEGES], may!(roles::may_change), run!(roles::create))
        .writing("create role failed"),
    route("GET", "/access/roles/{roleid}", &[ROLE], ANY_CALLER, run!(|access, request| roles::read(access, request))),
    route(
        "PUT",
        "/access/roles/{roleid}",
        &[with("append", Form::Switch, "privs"), ROLE, PRIVILEGES],
        may!(roles::may_change),
        run!(roles::change),
    )
    .writing("update role failed"),
    route("DELETE", "/access/roles/{roleid}", &[ROLE], may!(roles::may_change), run!(roles::delete))
        .writing("delete role failed"),
    route("POST", "/access/groups", &[GROUP, COMMENT], may!(groups::may_change), run!(groups::create))
        .writing("create group failed"),
    route("DELETE", "/access/groups/{groupid}", &[GROUP], may!(groups::may_change), run!(groups::delete))
        .writing("delete group failed"),
];

const TOKENS: &str = "/access/users/{userid}/token";
const TOKEN: &str = "/access/users/{userid}/token/{tokenid}";

/// The calls about users and their tokens.
pub(crate) const USERS_AND_TOKENS: &[Route] = &[
    route(
        "GET",
        "/access/users",
        &[optional("enabled", Form::Switch), optional("full", Form::Switch)],
        ANY_CALLER,
        run!(|access, request| Ok(users::list(access, request))),
    ),
    route("POST", "/access/users", NEW_USER, may!(users::may_create), run!(users::create))
        .writing("create user failed"),
    route(
        "GET",
        "/access/users/{userid}",
        &[USER],
        may!(users::may_read),
        run!(|access, request| users::read(access, request)),
    ),
    route("PUT", "/access/users/{userid}", CHANGED_USER, may!(users::may_change), run!(users::change))
        .writing("update user failed"),
    route(
        "DELETE",
        "/access/users/{userid}",
        &[USER],
        may!(users::may_delete),
        run!(|access, request| Ok(users::delete(access, request))),
    )
    .writing("delete user failed"),
    route("GET", TOKENS, &[USER], may!(tokens::may_use), run!(|access, request| tokens::list(access, request))),
    route(
        "GET",
        TOKEN,
        &[USER, TOKEN_NAME],
        may!(tokens::may_use),
        run!(|access, request| tokens::read(access, request)),
    ),
    route("POST", TOKEN, &[USER, TOKEN_NAME, COMMENT, EXPIRE, PRIVSEP], may!(tokens::may_use), run!(tokens::create))
        .writing("generating token failed"),
    route("PUT", TOKEN, CHANGED_TOKEN, may!(tokens::may_use), run!(tokens::change))
        .writing("updating token info failed"),
    route("DELETE", TOKEN, &[USER, TOKEN_NAME], may!(tokens::may_use), run!(tokens::delete))
        .writing("deleting token failed"),
];

/// The calls about pools.
pub(crate) const POOLS: &[Route] = &[
    route(
        "GET",
        "/pools",
        &[optional("poolid", Form::Pool), with("type", MEMBER, "poolid")],
        ANY_CALLER,
        run!(|access, request| pools::list(access, request)),
    ),
    route(
        "GET",
        "/pools/{poolid}",
        &[POOL, optional("type", MEMBER)],
        may!(pools::may_read),
        run!(|access, request| pools::read(access, request)),
    ),
    route("POST", "/pools", &[POOL, COMMENT], may!(pools::may_change), run!(pools::create))
        .writing("create pool failed"),
    route("DELETE", "/pools", &[POOL], may!(pools::may_change), run!(pools::delete)).writing("delete pool failed"),
    route("PUT", "/pools/{poolid}", CHANGED_POOL, may!(pools::may_change), run!(pools::change))
        .writing("update pools failed"),
    route("DELETE", "/pools/{poolid}", &[POOL], may!(pools::may_change), run!(pools::delete))
        .writing("delete pool failed"),
];
