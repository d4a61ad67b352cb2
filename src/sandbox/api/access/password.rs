//! `/access/password`.

use serde_json::Value;

use crate::sandbox::auth::refusal::Refusal;
use crate::sandbox::auth::{Access, ROOT, names};
use crate::sandbox::cluster::Request;

/// Who may call `PUT /access/password`.
pub(crate) fn may_change(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    let user = request.text("userid");
    if request.caller.subject == user && access.users.contains_key(user) {
        return Ok(());
    }
    access.demand_realm(request.caller, user)?;
    access.demand_over(request.caller, user, &["User.Modify"])
}

/// `PUT /access/password`: all but root confirm with their own.
pub(crate) fn change(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sandbox::auth::{Caller, Release};
    use crate::sandbox::cluster::Now;

    const START: Now = Now { unix: 0, since_start: Duration::ZERO };

    /// Lets a caller set a password, confirmed with another one, and says what came of it.
    fn set(caller: &str, user: &str, confirmation: &str) -> String {
        let mut access = Access::standard(Release { major: 9, minor: 2, patch: 11 });
        let caller = Caller { subject: caller.to_owned() };
        let params = [("userid", user), ("password", "something-new"), ("confirmation-password", confirmation)];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let request = Request { caller: &caller, params: &params, now: START };
        match may_change(&access, request).and_then(|()| change(&mut access, request)) {
            Ok(_) => access.users.get(user).and_then(|user| user.password.clone()).unwrap_or_default(),
            Err(refusal) => format!("{refusal:?}"),
        }
    }

    #[test]
    fn one_changes_ones_own_password_by_confirming_it_and_root_anybodys() {
        assert_eq!(set("nobody@pve", "nobody@pve", "sandbox"), "something-new");
        assert_eq!(set("root@pam", "nobody@pve", ""), "something-new");
        assert_eq!(set("apex@pve", "nobody@pve", "sandbox"), "something-new");
        assert_eq!(set("nobody@pve", "nobody@pve", "wrong"), r#"Failed("invalid credentials")"#);
        assert_eq!(set("apex@pve", "root@pam", "sandbox"), "Forbidden(None)");
        assert_eq!(
            set("nobody@pve", "apex@pve", "sandbox"),
            r#"Forbidden(Some("/access/realm/pve, Realm.AllocateUser"))"#
        );
    }
}
