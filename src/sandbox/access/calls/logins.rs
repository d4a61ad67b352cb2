//! `/access/ticket`.

use serde_json::{Value, json};

use super::super::login::{LogIn, Progress};
use super::super::refusal::Refusal;
use super::super::{Access, names};
use super::Request;

/// `POST /access/ticket`: a log-in, or the check of somebody else's.
pub fn log_in(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let user = match request.get("realm").filter(|realm| !realm.is_empty()) {
        Some(realm) => format!("{}@{realm}", request.text("username")),
        None => request.text("username").to_owned(),
    };
    let form = LogIn {
        user: &user,
        password: request.text("password"),
        otp: request.get("otp"),
        challenge: request.get("tfa-challenge"),
    };
    let progress = access.log_in(&form, request.now).map_err(|_| Refusal::NotLoggedIn)?;
    if let (Some(path), Some(privileges)) = (request.get("path"), request.get("privs")) {
        return verified(access, &user, path, privileges);
    }
    let csrf = access.signer.csrf(&user, request.now);
    match progress {
        Progress::NeedsCode => Ok(json!({
            "username": user,
            "ticket": access.signer.challenge(&user, request.now),
            "CSRFPreventionToken": csrf,
            "NeedTFA": 1,
        })),
        Progress::Done => Ok(json!({
            "username": user,
            "ticket": access.signer.ticket(&user, request.now),
            "CSRFPreventionToken": csrf,
            "cap": capabilities(access, &user),
        })),
    }
}

fn verified(access: &Access, user: &str, path: &str, privileges: &str) -> Result<Value, Refusal> {
    let path = names::normal_path(path).ok_or(Refusal::NotLoggedIn)?;
    let privileges: Vec<&str> = names::list(privileges).collect();
    if privileges.is_empty() || !access.check(user, &path, &privileges) {
        return Err(Refusal::NotLoggedIn);
    }
    Ok(json!({"username": user, "cap": capabilities(access, user)}))
}

fn capabilities(access: &Access, user: &str) -> Value {
    let parts = access.capabilities(user).into_iter().map(|(part, privileges)| {
        let flags = privileges.into_iter().map(|privilege| (privilege, json!(1))).collect();
        (part.to_owned(), Value::Object(flags))
    });
    Value::Object(parts.collect())
}
