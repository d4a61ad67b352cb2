//! `/access/users/{userid}/token`.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::sandbox::auth::refusal::Refusal;
use crate::sandbox::auth::{Access, Token, User, names};
use crate::sandbox::cluster::Request;

/// Who may do anything with a user's tokens: the user itself, never through a token.
pub(crate) fn may_use(access: &Access, request: Request<'_>) -> Result<(), Refusal> {
    access.demand_self_or(request.caller, request.text("userid"), &["User.Modify"])
}

/// `GET /access/users/{userid}/token`.
pub(crate) fn list(access: &Access, request: Request<'_>) -> Result<Value, Refusal> {
    let user = request.text("userid");
    access.existing(user)?;
    Ok(access.users.get(user).map(listed).unwrap_or_default())
}

/// `GET /access/users/{userid}/token/{tokenid}`.
pub(crate) fn read(access: &Access, request: Request<'_>) -> Result<Value, Refusal> {
    let (user, name) = (request.text("userid"), request.text("tokenid"));
    access.existing_token(user, name)?;
    let token = access.token(&format!("{user}!{name}"));
    Ok(token.map(described).map(Value::Object).unwrap_or_default())
}

/// `POST /access/users/{userid}/token/{tokenid}`: the only answer that holds the secret.
pub(crate) fn create(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let (user, name) = (request.text("userid"), request.text("tokenid"));
    access.existing(user)?;
    if access.existing_token(user, name).is_ok() {
        return Err(Refusal::parameter("tokenid", "Token already exists."));
    }
    let token = Token {
        secret: Uuid::new_v4().to_string(),
        privsep: request.get("privsep") != Some("0"),
        expire: request.number("expire").unwrap_or_default(),
        comment: request.get("comment").filter(|comment| !comment.is_empty()).map(str::to_owned),
    };
    let mut info = Map::new();
    info.insert("privsep".to_owned(), request.get("privsep").map_or(json!(1), |given| json!(given)));
    info.extend(request.get("expire").map(|expire| ("expire".to_owned(), json!(expire))));
    info.extend(token.comment.as_ref().map(|comment| ("comment".to_owned(), json!(comment))));
    let answer = json!({"full-tokenid": format!("{user}!{name}"), "value": token.secret, "info": info});
    if let Some(user) = access.users.get_mut(user) {
        user.tokens.insert(name.to_owned(), token);
    }
    Ok(answer)
}

/// `PUT /access/users/{userid}/token/{tokenid}`: what was sent comes back as it was sent.
pub(crate) fn change(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let (user, name) = (request.text("userid"), request.text("tokenid"));
    if request.get("regenerate").is_some() && !access.release.regenerates() {
        let why = "property is not defined in schema and the schema does not allow additional properties";
        return Err(Refusal::parameter("regenerate", why));
    }
    access.existing_token(user, name)?;
    let Some(token) = access.users.get_mut(user).and_then(|user| user.tokens.get_mut(name)) else {
        return Ok(Value::Null);
    };
    if let Some(privsep) = request.get("privsep") {
        token.privsep = privsep == "1";
    }
    if request.get("expire").is_some() {
        token.expire = request.number("expire").unwrap_or_default();
    }
    if let Some(comment) = request.get("comment").filter(|comment| !comment.is_empty()) {
        token.comment = Some(comment.to_owned());
    }
    for setting in names::list(request.text("delete")) {
        match setting {
            "comment" => token.comment = None,
            "expire" => token.expire = 0,
            _ => {}
        }
    }
    let mut answer = described(token);
    for sent in ["privsep", "expire"] {
        answer.extend(request.get(sent).map(|value| (sent.to_owned(), json!(value))));
    }
    if request.is_on("regenerate") {
        token.secret = Uuid::new_v4().to_string();
        answer.insert("value".to_owned(), json!(token.secret));
        answer.insert("full-tokenid".to_owned(), json!(format!("{user}!{name}")));
    }
    Ok(Value::Object(answer))
}

/// `DELETE /access/users/{userid}/token/{tokenid}`.
pub(crate) fn delete(access: &mut Access, request: Request<'_>) -> Result<Value, Refusal> {
    let (user, name) = (request.text("userid"), request.text("tokenid"));
    access.existing_token(user, name)?;
    access.remove_token(user, name);
    Ok(Value::Null)
}

/// Lists a user's tokens with their names.
pub(crate) fn listed(user: &User) -> Value {
    let tokens = user.tokens.iter().map(|(name, token)| {
        let mut fields = described(token);
        fields.insert("tokenid".to_owned(), json!(name));
        Value::Object(fields)
    });
    tokens.collect()
}

/// Says of a token what may be known of it.
pub(crate) fn described(token: &Token) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("privsep".to_owned(), json!(u8::from(token.privsep)));
    fields.insert("expire".to_owned(), json!(token.expire));
    fields.extend(token.comment.as_ref().map(|comment| ("comment".to_owned(), json!(comment))));
    fields
}
