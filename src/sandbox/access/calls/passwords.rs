//! `/access/password`.

use serde_json::Value;

use super::super::refusal::Refusal;
use super::super::{Access, ROOT, names};
use super::Request;

/// Who may call `PUT /access/password`.
pub fn may_change(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    let user = request.text("userid");
    access.demand_self_or(request.caller, user, &["User.Modify"])?;
    if request.caller.subject != user && access.demand_realm(request.caller, user).is_err() {
        return Err(Refusal::Forbidden(None));
    }
    Ok(())
}

/// `PUT /access/password`: all but root confirm with their own.
pub fn change(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let (caller, user) = (&request.caller.subject, request.text("userid"));
    access.existing(user)?;
    if caller != ROOT {
        if user == ROOT {
            return Err(Refusal::Forbidden(None));
        }
        let confirmation = "confirmation-password";
        let Some(own) = request.get(confirmation) else {
            return Err(Refusal::parameter(confirmation, "password is required to modify user"));
        };
        if !access.is_password(caller, own) {
            return Err(Refusal::Failed("invalid credentials".to_owned()));
        }
        let of_the_system = names::split_user(user).is_some_and(|(_, realm)| realm == "pam");
        if caller != user && of_the_system {
            return Err(Refusal::Forbidden(None));
        }
    }
    if let Some(user) = access.users.get_mut(user) {
        user.password = request.get("password").map(str::to_owned);
    }
    Ok(Value::Null)
}
