//! `/access/roles`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::sandbox::auth::refusal::Refusal;
use crate::sandbox::auth::{Access, Role};
use crate::sandbox::cluster::{Request, object};

/// `GET /access/roles`.
pub(crate) fn list(access: &Access) -> Value {
    let roles = access.roles.iter().map(|(name, role)| {
        let privileges: Vec<&str> = role.privileges.iter().map(String::as_str).collect();
        json!({"roleid": name, "privs": privileges.join(","), "special": u8::from(role.special)})
    });
    roles.collect()
}

/// `GET /access/roles/{roleid}`.
pub(crate) fn read(access: &Access, request: Request<'_>) -> Result<Value, Refusal> {
    let role = existing(access, request.text("roleid"))?;
    Ok(object(role.privileges.iter().map(|name| (name.clone(), json!(1)))))
}

/// Who may make, change and delete roles.
pub(crate) fn may_change(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    access.demand(request.caller, "/access", &["Sys.Modify"])
}

/// `POST /access/roles`.
pub(crate) fn create(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let name = request.text("roleid");
    let privileges = privileges(request);
    if name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("PVE")) {
        let why = "cannot use role ID starting with the (case-insensitive) 'PVE' namespace";
        return Err(Refusal::parameter("roleid", why));
    }
    if access.roles.contains_key(name) {
        return Err(Refusal::Failed(format!("create role failed: role '{name}' already exists")));
    }
    access.roles.insert(name.to_owned(), Role { privileges, special: false });
    Ok(Value::Null)
}

/// `PUT /access/roles/{roleid}`.
pub(crate) fn change(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let name = request.text("roleid");
    let mut privileges = privileges(request);
    refuse_special(access, name, "modified")?;
    let role = access.roles.get_mut(name).ok_or_else(|| missing(name).while_doing("update role failed"))?;
    if request.is_on("append") {
        privileges.append(&mut role.privileges.clone());
    }
    role.privileges = privileges;
    Ok(Value::Null)
}

/// `DELETE /access/roles/{roleid}`.
pub(crate) fn delete(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let name = request.text("roleid");
    refuse_special(access, name, "deleted")?;
    existing(access, name).map_err(|why| why.while_doing("delete role failed"))?;
    access.roles.remove(name);
    access.acl.forget_role(name);
    Ok(Value::Null)
}

fn privileges(request: Request<'_>) -> BTreeSet<String> {
    request.list("privs").map(str::to_owned).collect()
}

fn refuse_special(access: &Access, name: &str, done: &str) -> Result<(), Refusal> {
    match access.roles.get(name) {
        Some(role) if role.special => Err(Refusal::Failed(format!("auto-generated role '{name}' cannot be {done}"))),
        _ => Ok(()),
    }
}

fn existing<'a>(access: &'a Access, name: &str) -> Result<&'a Role, Refusal> {
    access.roles.get(name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Refusal {
    Refusal::Failed(format!("role '{name}' does not exist"))
}
