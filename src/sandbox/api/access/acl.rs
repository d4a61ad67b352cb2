//! `/access/acl`: reading and changing the access control list.

use serde_json::{Value, json};

use crate::sandbox::auth::refusal::Refusal;
use crate::sandbox::auth::{Access, Acl, Entry, Subject, names};
use crate::sandbox::cluster::Request;

/// `GET /access/acl`: with Sys.Audit the whole list, else the paths that the caller may change.
pub(crate) fn read(access: &Access, request: Request<'_>) -> Value {
    let caller = &request.caller.subject;
    let auditor = access.check(caller, "/access", &["Sys.Audit"]);
    let shown = access.acl.entries().filter(|entry| auditor || access.may_grant_at(caller, &entry.path));
    shown.map(described).collect()
}

/// Who may call `PUT /access/acl`.
pub(crate) fn may_change(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    match names::normal_path(request.text("path")) {
        Some(path) => access.demand_grant(request.caller, &path),
        None => Ok(()),
    }
}

/// `PUT /access/acl`: gives roles to users, groups and tokens, or takes them away.
pub(crate) fn change(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let kinds = ["users", "groups", "tokens"];
    if kinds.iter().all(|kind| request.text(kind).is_empty()) {
        let why = "either 'users', 'groups' or 'tokens' is required.";
        return Err(Refusal::Invalid(kinds.map(|kind| (kind.to_owned(), why.to_owned())).into()));
    }
    let given = request.text("path");
    let invalid = || Refusal::parameter("path", format!("invalid ACL path '{given}'"));
    let path = names::normal_path(given).ok_or_else(invalid)?;
    if !request.is_on("delete") && !names::may_have_entries(&path) {
        return Err(invalid());
    }
    access.acl = changed(access, request, &path).map_err(|why| why.while_doing("ACL update failed"))?;
    Ok(Value::Null)
}

fn changed(access: &Access, request: Request<'_>, path: &str) -> Result<Acl, Refusal> {
    let mut acl = access.acl.clone();
    for role in request.list("roles") {
        if !access.roles.contains_key(role) {
            return Err(Refusal::Failed(format!("role '{role}' does not exist")));
        }
        may_hand_out(access, request, path, role)?;
        for holder in holders(access, request)? {
            if request.is_on("delete") {
                acl.remove(path, &holder, role);
            } else {
                let propagate = request.get("propagate") != Some("0");
                acl.set(Entry { path: path.to_owned(), holder, role: role.to_owned(), propagate });
            }
        }
    }
    Ok(acl)
}

/// Demands that a caller without Permissions.Modify grants no more than it holds there itself.
fn may_hand_out(access: &Access, request: Request<'_>, path: &str, role: &str) -> Result<(), Refusal> {
    let own = access.effective(&request.caller.subject, path);
    let Some(wanted) = access.roles.get(role) else { return Ok(()) };
    if own.contains_key("Permissions.Modify") {
        return Ok(());
    }
    let verb = if request.is_on("delete") { "remove" } else { "add" };
    let refusal = |how: &str| Refusal::parameter("role", format!("Cannot {verb} role '{role}'{how}"));
    let propagate = request.get("propagate") != Some("0");
    for privilege in &wanted.privileges {
        match own.get(privilege) {
            None => return Err(refusal(" - requires 'Permissions.Modify' or superset of privileges.")),
            Some(false) if propagate && verb == "add" => {
                let how = " with propagation - requires 'Permissions.Modify' or propagated superset of privileges.";
                return Err(refusal(how));
            }
            Some(_) => {}
        }
    }
    if role == "NoAccess" {
        return Err(refusal(" - requires 'Permissions.Modify'"));
    }
    Ok(())
}

fn holders(access: &Access, request: Request<'_>) -> Result<Vec<Subject>, Refusal> {
    let mut holders = Vec::new();
    for group in request.list("groups") {
        if !access.groups.contains_key(group) {
            return Err(Refusal::Failed(format!("group '{group}' does not exist")));
        }
        holders.push(Subject::Group(group.to_owned()));
    }
    for user in request.list("users") {
        if !access.users.contains_key(user) {
            return Err(Refusal::Failed(format!("user '{user}' does not exist")));
        }
        holders.push(Subject::User(user.to_owned()));
    }
    for token in request.list("tokens") {
        let (user, name) = names::split_token(token).ok_or_else(|| {
            Refusal::Failed(format!("'{token}' is not a valid token ID - not able to split into user and token parts"))
        })?;
        access.existing_token(user, name)?;
        holders.push(Subject::Token(token.to_owned()));
    }
    Ok(holders)
}

fn described(entry: Entry) -> Value {
    let (kind, holder) = match entry.holder {
        Subject::User(user) => ("user", user),
        Subject::Group(group) => ("group", group),
        Subject::Token(token) => ("token", token),
    };
    json!({
        "path": entry.path,
        "type": kind,
        "ugid": holder,
        "roleid": entry.role,
        "propagate": u8::from(entry.propagate),
    })
}
