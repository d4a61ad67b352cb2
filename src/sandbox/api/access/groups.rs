//! `/access/groups`.

use serde_json::Value;

use crate::sandbox::auth::refusal::Refusal;
use crate::sandbox::auth::{Access, Group};
use crate::sandbox::cluster::Request;

/// Who may make and delete groups.
pub(crate) fn may_change(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    access.demand(request.caller, "/access/groups", &["Group.Allocate"])
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
