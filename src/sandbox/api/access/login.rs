//! `/access/ticket`.

use serde_json::{Value, json};

use crate::sandbox::auth::login::{LogIn, Progress};
use crate::sandbox::auth::refusal::Refusal;
use crate::sandbox::auth::{Access, names};
use crate::sandbox::cluster::{CLUSTER_NAME, Cluster, Reply, Request, object};

/// `POST /access/ticket`: a login, or the check of another one's.
pub(crate) fn log_in(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let several = cluster.nodes.len() > 1;
    let access = &mut cluster.access;
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
    let progress = access.log_in(&form, request.now.unix).map_err(|_| Refusal::NotLoggedIn)?;
    if let (Some(path), Some(privileges)) = (request.get("path"), request.get("privs")) {
        return verified(access, &user, path, privileges).map(Reply::from);
    }
    let csrf = access.signer.csrf(&user, request.now.unix);
    match progress {
        Progress::NeedsCode => Ok(json!({
            "username": user,
            "ticket": access.signer.challenge(&user, request.now.unix),
            "CSRFPreventionToken": csrf,
            "NeedTFA": 1,
        })
        .into()),
        Progress::Done => {
            let mut told = json!({
                "username": user,
                "ticket": access.signer.ticket(&user, request.now.unix),
                "CSRFPreventionToken": csrf,
                "cap": capabilities(access, &user),
            });
            if let Some(told) = told.as_object_mut().filter(|_| several) {
                told.insert("clustername".to_owned(), CLUSTER_NAME.into());
            }
            Ok(told.into())
        }
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
        (part.to_owned(), object(privileges.into_iter().map(|privilege| (privilege, json!(1)))))
    });
    object(parts)
}
