//! `/access/users`.

use serde_json::{Map, Value, json};

use crate::sandbox::api::access::tokens;
use crate::sandbox::auth::refusal::Refusal;
use crate::sandbox::auth::{Access, User, names};
use crate::sandbox::cluster::{Request, object};

/// What the API says of a user besides its state, in its own words.
const DETAILS: [&str; 5] = ["firstname", "lastname", "email", "comment", "keys"];

/// The privileges that let see a user.
const SEES: [&str; 2] = ["User.Modify", "Sys.Audit"];

/// `GET /access/users`: oneself, and those whom the caller may see.
pub(crate) fn list(access: &Access, request: Request<'_>) -> Value {
    let shown = access.users.iter().filter(|(name, user)| {
        let seen = request.caller.subject == **name || access.has_over(request.caller, name, &SEES);
        seen && request.get("enabled").is_none_or(|wanted| (wanted == "1") == user.enabled)
    });
    let described = shown.map(|(name, user)| {
        let mut fields = described(user);
        fields.insert("userid".to_owned(), json!(name));
        if let Some(realm) = names::split_user(name).and_then(|(_, realm)| access.realms.get(realm)) {
            fields.insert("realm-type".to_owned(), json!(realm.kind));
        }
        if request.is_on("full") {
            let groups: Vec<&str> = access.groups_of(name).map(String::as_str).collect();
            fields.insert("groups".to_owned(), json!(groups.join(",")));
            let tokens = if user.tokens.is_empty() { Value::Null } else { tokens::listed(user) };
            fields.insert("tokens".to_owned(), tokens);
        }
        Value::Object(fields)
    });
    described.collect()
}

/// Who may read one user.
pub(crate) fn may_read(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    access.demand_over(request.caller, request.text("userid"), &SEES)
}

/// `GET /access/users/{userid}`.
pub(crate) fn read(access: &Access, request: Request<'_>) -> Result<Value, Refusal> {
    let name = request.text("userid");
    access.existing(name)?;
    let Some(user) = access.users.get(name) else { return Ok(Value::Null) };
    let mut fields = described(user);
    fields.insert("groups".to_owned(), access.groups_of(name).map(|group| json!(group)).collect());
    let tokens = user.tokens.iter().map(|(name, token)| (name.clone(), Value::Object(tokens::described(token))));
    fields.insert("tokens".to_owned(), if user.tokens.is_empty() { Value::Null } else { object(tokens) });
    Ok(Value::Object(fields))
}

/// Who may call `POST /access/users`.
pub(crate) fn may_create(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    access.demand_realm(request.caller, request.text("userid"))?;
    access.demand_over_groups(request.caller, request.text("groups"), &["User.Modify"])
}

/// `POST /access/users`.
pub(crate) fn create(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let name = request.text("userid");
    let failed = |why: String| Refusal::Failed(format!("create user failed: {why}"));
    if access.users.contains_key(name) {
        return Err(failed(format!("user '{name}' already exists")));
    }
    let realm = names::split_user(name).map(|(_, realm)| realm).unwrap_or_default();
    if request.get("password").is_some() && !access.realms.contains_key(realm) {
        return Err(failed(format!("auth domain '{realm}' does not exist")));
    }
    existing_groups(access, request).map_err(|why| why.while_doing("create user failed"))?;
    let mut user = User { password: request.get("password").map(str::to_owned), ..User::default() };
    fill(&mut user, request);
    access.users.insert(name.to_owned(), user);
    join(access, request);
    Ok(Value::Null)
}

/// Who may call `PUT /access/users/{userid}`.
pub(crate) fn may_change(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    let name = request.text("userid");
    if request.caller.subject != crate::sandbox::auth::ROOT {
        access.existing(name)?;
    }
    access.demand_over_groups(request.caller, request.text("groups"), &["User.Modify"])?;
    access.demand_over(request.caller, name, &["User.Modify"])
}

/// `PUT /access/users/{userid}`.
pub(crate) fn change(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let name = request.text("userid");
    let failed = |why: Refusal| why.while_doing("update user failed");
    access.existing(name).map_err(failed)?;
    existing_groups(access, request).map_err(failed)?;
    if let Some(user) = access.users.get_mut(name) {
        fill(user, request);
    }
    if request.get("groups").is_some() && !request.is_on("append") {
        for group in access.groups.values_mut() {
            group.members.remove(name);
        }
    }
    join(access, request);
    Ok(Value::Null)
}

/// Who may call `DELETE /access/users/{userid}`.
pub(crate) fn may_delete(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    access.demand_realm(request.caller, request.text("userid"))?;
    access.demand_over(request.caller, request.text("userid"), &["User.Modify"])
}

/// `DELETE /access/users/{userid}`: a user that is missing is no failure here.
pub(crate) fn delete(access: &mut Access, request: Request<'_>) -> Value {
    let name = request.text("userid");
    access.remove_user(name);
    if name == crate::sandbox::auth::ROOT {
        // A cluster without root is given it back when its configuration is read next.
        access.users.insert(name.to_owned(), User::default());
    }
    Value::Null
}

fn fill(user: &mut User, request: Request<'_>) {
    if let Some(enabled) = request.get("enable") {
        user.enabled = enabled == "1";
    }
    if request.get("expire").is_some() {
        user.expire = request.number("expire").unwrap_or_default();
    }
    for detail in DETAILS {
        if let Some(text) = request.get(detail) {
            user.details.insert(detail.to_owned(), text.to_owned());
        }
    }
}

fn existing_groups(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    match request.list("groups").find(|group| !access.groups.contains_key(*group)) {
        Some(unknown) => Err(Refusal::Failed(format!("no such group '{unknown}'"))),
        None => Ok(()),
    }
}

fn join(access: &mut Access, request: Request<'_>) {
    for name in request.list("groups") {
        if let Some(group) = access.groups.get_mut(name) {
            group.members.insert(request.text("userid").to_owned());
        }
    }
}

fn described(user: &User) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("enable".to_owned(), json!(u8::from(user.enabled)));
    fields.insert("expire".to_owned(), json!(user.expire));
    for (detail, text) in &user.details {
        if !text.is_empty() {
            fields.insert(detail.clone(), json!(text));
        }
    }
    if user.totp.is_some() {
        fields.insert("keys".to_owned(), json!("x"));
    }
    // The file keeps these in order, so what is before a comment is there, if only as an empty text.
    if fields.contains_key("comment") || fields.contains_key("keys") {
        fields.entry("email").or_insert(json!(""));
    }
    fields
}
