//! The recorded calls about identities, made in their order without the wire, and answered alike.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;

use glassdome::sandbox::access::calls::Request;
use glassdome::sandbox::access::{Access, Caller, Entry, Holder, Refusal, Release, routes};
use serde_json::{Value, json};

use crate::support;

const RELEASE: Release = Release { major: 9, minor: 2, patch: 11 };

/// What was asked of the server as it was at first.
const EARLY: &str = "acl roles pools domains-no-auth permissions-good-token permissions-good-token-path \
    privsep-noacl-permissions privsep-noacl-users privsep-noacl-domains users-get-self-via-token ticket-get-endpoint \
    ticket-ok ticket-ok-realm-param ticket-json-body ticket-root-pam-ok ticket-root-pam-wrong ticket-wrong-password \
    ticket-no-realm ticket-disabled-user ticket-expired-user ticket-empty-body ticket-missing-password ticket-needtfa \
    token-create-privsep0 token-create-privsep-default token-list token-get token-put token-regenerate token-delete \
    token-delete-missing token-put-missing token-create-invalid-name-digit token-create-name-1char \
    token-create-negative-expire token-create-unknown-param token-create-bad-userid token-create-for-unknown-user \
    token-create-for-unknown-user-as-root token-create-via-privsep-token token-get-via-own-token \
    token-get-via-privsep-token token-list-via-own-token token-get-encoded-user";

/// What was asked later: of the user with the fewest rights, and of users made for the purpose, from birth to death.
const LATER: &str = "priv-pool-get ticket-and-token-both-valid role-create-ok role-create-exists \
    role-create-unknown-privilege role-create-reserved-name role-get role-get-missing role-append-privs user-create-ok \
    user-create-exists user-create-unknown-realm user-create-short-password user-get user-get-missing group-create-ok \
    group-create-exists user-join-group pool-create-ok pool-create-exists acl-put-user-ok acl-put-storage-ok \
    acl-put-bad-path acl-put-unknown-role acl-put-unknown-user acl-put-unknown-token acl-put-nobody \
    acl-put-with-token-without-permissions-modify token-create-own-by-plain-user token-regenerate-own-by-plain-user \
    token-list-own-by-plain-user token-create-own-privsep0-by-plain-user token-get-itself-without-user-modify \
    token-regenerate-itself-without-user-modify token-delete-itself-without-user-modify \
    user-get-self-via-token-without-audit role-create-by-plain-user user-create-by-plain-user acl-put-by-vmadmin-vms \
    acl-put-by-vmadmin-vm-9000-subset acl-put-by-vmadmin-vm-9000-not-a-subset acl-put-by-vmadmin-storage-local-subset \
    acl-put-by-vmadmin-storage-root acl-put-by-vmadmin-bridge acl-put-by-vmadmin-node acl-get-by-plain-user \
    users-get-by-plain-user permissions-of-own-token-by-user permissions-of-own-user-by-token";

/// What was asked last.
const LAST: &str =
    "acl-after-vm-delete cleanup-users-delete cleanup-groups-delete cleanup-pools-delete cleanup-roles-delete";

#[test]
fn recorded_calls_about_identities_are_answered_alike() {
    if support::shared("pve/recordings").is_none() {
        return;
    }
    let mut access = Access::recorded(RELEASE);
    assert_eq!(replay(&mut access, EARLY), 44);
    access.add_later_recorded();
    assert_eq!(replay(&mut access, LATER), 49);
    access.acl.forget_holders(|holder| *holder != Holder::User("min@pve".into()));
    access.grant("rv1@pve", "/", "Administrator");
    replay(&mut access, "shadow-1-administrator-on-root shadow-2-grant-own-role-on-vms shadow-3-after");
    access.acl.forget_holders(|holder| *holder == Holder::User("rv1@pve".into()));
    let holder = Holder::Group("rvg".into());
    access.acl.set(Entry { path: "/".into(), holder, role: "Administrator".into(), propagate: true });
    replay(&mut access, "shadow-4-administrator-by-group");
    access.grant("rv1@pve", "/", "PVEAuditor");
    replay(&mut access, "shadow-5-own-entry-beside-group");
    assert_eq!(replay(&mut access, LAST), 5);
}

fn replay(access: &mut Access, names: &str) -> usize {
    names.split_whitespace().map(|name| replayed(access, name)).count()
}

fn replayed(access: &mut Access, name: &str) {
    let file = support::shared(&format!("pve/recordings/{name}.json")).unwrap();
    let recording: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let answer = answer(access, &recording["request"]);
    let expected = &recording["response"];
    assert_eq!(json!(answer.0), expected["status"], "{name}: {}", answer.1);
    assert_eq!(comparable(&answer.1), comparable(&expected["json"]), "{name}");
}

fn answer(access: &mut Access, request: &Value) -> (u16, Value) {
    let url = request["url"].as_str().unwrap().strip_prefix("/api2/json").unwrap();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let method = request["method"].as_str().unwrap();
    let mut params: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let body = request["body"].as_str().unwrap_or_default();
    match serde_json::from_str::<BTreeMap<String, String>>(body) {
        Ok(fields) => params.extend(fields),
        Err(_) => params.extend(form_urlencoded::parse(body.as_bytes()).into_owned()),
    }
    let caller = Caller { subject: sender(&request["headers"]) };
    let route = routes().find(|route| route.method == method && matches(route.path, path, &mut params));
    let request = Request { caller: &caller, params: &params, now: 1_795_487_000 };
    let refused = |message: String| json!({"data": null, "message": format!("{message}\n")});
    match route.unwrap_or_else(|| panic!("no such call: {method} {path}")).make(access, request) {
        Ok(data) => (200, json!({"data": data})),
        Err(Refusal::Forbidden(None)) => (403, refused("Permission check failed".into())),
        Err(Refusal::Forbidden(Some(what))) => (403, refused(format!("Permission check failed ({what})"))),
        Err(Refusal::Failed(why)) => (500, refused(why)),
        Err(Refusal::NotLoggedIn) => (401, refused("authentication failure".into())),
        Err(Refusal::Invalid(errors)) => {
            let mut answer = refused("Parameter verification failed.".into());
            answer["errors"] = json!(errors);
            (400, answer)
        }
    }
}

/// Fits a path to a route; its parameters join the others.
fn matches(route: &str, path: &str, params: &mut BTreeMap<String, String>) -> bool {
    let decode = |level: &str| level.replace("%40", "@");
    let levels: Vec<(&str, &str)> = route.split('/').zip(path.split('/')).collect();
    let fits = route.split('/').count() == path.split('/').count()
        && levels.iter().all(|(name, level)| name.starts_with('{') || name == level);
    if fits {
        let named = levels
            .iter()
            .filter_map(|(name, level)| Some((name.strip_prefix('{')?.strip_suffix('}')?.to_owned(), decode(level))));
        params.extend(named);
    }
    fits
}

/// Reads the sender off its credentials, of which a ticket was signed with a key that nobody has.
fn sender(headers: &Value) -> String {
    let header = |name: &str| headers[name].as_str().unwrap_or_default().replace("%3A", ":").replace("%40", "@");
    let (cookie, token) = (header("Cookie"), header("Authorization"));
    let ticket = cookie.strip_prefix("PVEAuthCookie=PVE:").and_then(|rest| rest.split(':').next());
    let token = token.strip_prefix("PVEAPIToken=").and_then(|rest| rest.split('=').next());
    ticket.or(token).unwrap_or_default().to_owned()
}

/// Puts lists in order and hides what no two servers have alike.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(comparable).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => {
            let hidden = ["ticket", "CSRFPreventionToken", "value"];
            let shown = fields.iter().map(|(key, field)| {
                let field = if hidden.contains(&key.as_str()) { json!("hidden") } else { comparable(field) };
                (key.clone(), field)
            });
            Value::Object(shown.collect())
        }
        other => other.clone(),
    }
}
