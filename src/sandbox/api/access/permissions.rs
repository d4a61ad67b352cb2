//! `/access/permissions` and the lists that everybody may read.

use serde_json::{Map, Value, json};

use crate::sandbox::auth::Rights;
use crate::sandbox::auth::refusal::Refusal;
use crate::sandbox::auth::{Access, names};
use crate::sandbox::cluster::{Request, object};

/// `GET /access/permissions`: the caller's own, those of its tokens, or with Sys.Audit those of any user.
pub(crate) fn read(access: &Access, request: Request<'_>) -> Result<Value, Refusal> {
    let caller = &request.caller.subject;
    let subject = request.get("userid").unwrap_or(caller);
    if subject != caller && names::owner(subject) != caller {
        access.demand(request.caller, "/access", &["Sys.Audit"])?;
    }
    let mut answer = Map::new();
    match request.get("path").filter(|path| !path.is_empty()) {
        Some(path) => {
            answer.insert(path.to_owned(), flags(access.effective(subject, path)));
        }
        None => {
            let everywhere = access.effective_everywhere(subject);
            answer.extend(everywhere.into_iter().map(|(path, rights)| (path, flags(rights))));
        }
    }
    Ok(Value::Object(answer))
}

/// `GET /access/domains`: the realms.
pub(crate) fn domains(access: &Access) -> Value {
    let realms = access.realms.iter();
    realms.map(|(realm, known)| json!({"realm": realm, "type": known.kind, "comment": known.comment})).collect()
}

/// `GET /access`: what is below it.
pub(crate) fn index() -> Value {
    let below = ["users", "groups", "roles", "acl", "domains", "openid", "tfa", "ticket", "password"];
    below.into_iter().map(|subdir| json!({"subdir": subdir})).collect()
}

fn flags(rights: Rights) -> Value {
    object(rights.into_iter().map(|(privilege, propagate)| (privilege, json!(u8::from(propagate)))))
}
