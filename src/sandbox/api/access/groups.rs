//! `/access/groups`.

use serde_json::{Value, json};

use crate::sandbox::auth::refusal::Refusal;
use crate::sandbox::auth::{Access, Group};
use crate::sandbox::cluster::Request;

/// `GET /access/groups`: those that the caller may look at.
pub(crate) fn list(access: &Access, request: Request<'_>) -> Value {
    let privileges = ["User.Modify", "Sys.Audit", "Group.Allocate"];
    let shown = access
        .groups
        .iter()
        .filter(|(name, _)| access.check_any(&request.caller.subject, &format!("/access/groups/{name}"), &privileges));
    let described = shown.map(|(name, group)| {
        let members: Vec<&str> = group.members.iter().map(String::as_str).collect();
        with_comment(json!({"groupid": name, "users": members.join(",")}), group)
    });
    described.collect()
}

/// Who may read one group.
pub(crate) fn may_read(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    access.demand_any(request.caller, "/access/groups", &["Sys.Audit", "Group.Allocate"])
}

/// Who may make, change and delete groups.
pub(crate) fn may_change(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    access.demand(request.caller, "/access/groups", &["Group.Allocate"])
}

/// `GET /access/groups/{groupid}`.
pub(crate) fn read(access: &Access, request: Request<'_>) -> Result<Value, Refusal> {
    let name = request.text("groupid");
    let group = access.groups.get(name).ok_or_else(|| missing(name))?;
    Ok(with_comment(json!({"members": group.members}), group))
}

/// `POST /access/groups`.
pub(crate) fn create(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let name = request.text("groupid");
    if access.groups.contains_key(name) {
        return Err(Refusal::Failed(format!("create group failed: group '{name}' already exists")));
    }
    let comment = request.get("comment").map(str::to_owned);
    access.groups.insert(name.to_owned(), Group { comment, ..Group::default() });
    Ok(Value::Null)
}

/// `PUT /access/groups/{groupid}`.
pub(crate) fn change(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let name = request.text("groupid");
    let group = access.groups.get_mut(name).ok_or_else(|| missing(name).while_doing("update group failed"))?;
    if let Some(comment) = request.get("comment") {
        group.comment = Some(comment.to_owned());
    }
    Ok(Value::Null)
}

/// `DELETE /access/groups/{groupid}`.
pub(crate) fn delete(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let name = request.text("groupid");
    if !access.groups.contains_key(name) {
        return Err(missing(name).while_doing("delete group failed"));
    }
    access.remove_group(name);
    Ok(Value::Null)
}

fn missing(name: &str) -> Refusal {
    Refusal::Failed(format!("group '{name}' does not exist"))
}

fn with_comment(mut described: Value, group: &Group) -> Value {
    if let (Some(fields), Some(comment)) = (described.as_object_mut(), group.comment.as_ref().filter(|c| !c.is_empty()))
    {
        fields.insert("comment".to_owned(), json!(comment));
    }
    described
}
