//! The recorded calls about identities, made in their order without the wire, and answered alike.

use std::collections::BTreeMap;

use glassdome::sandbox::access::calls::Request;
use glassdome::sandbox::access::{Access, Caller, Credentials, Entry, Holder, Refusal, Release, find};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::support;
use crate::support::recorded::{RELEASE, Recordings};

/// What was asked of the server as it was at first.
const EARLY: &str = "acl roles pools domains-no-auth permissions-good-token permissions-good-token-path \
    privsep-noacl-permissions privsep-noacl-users privsep-noacl-domains users-get-self-via-token ticket-get-endpoint \
    ticket-ok ticket-ok-realm-param ticket-json-body ticket-root-pam-ok ticket-root-pam-wrong ticket-wrong-password \
    ticket-no-realm ticket-disabled-user ticket-expired-user ticket-empty-body ticket-missing-password ticket-needtfa \
    ticket-tfa-step2-ok ticket-tfa-step2-code-reuse ticket-renew-with-ticket-as-password \
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
    let Some(recordings) = Recordings::load() else { return };
    let mut access = recordings.access(RELEASE);
    assert_eq!(access.effective("apex@pve!glassdome-token", "/vms/9000").len(), 32);
    assert_eq!(access.effective_everywhere("apex@pve").len(), 8);
    assert_eq!(replay(&mut access, EARLY), 47);
    recordings.add_later(&mut access);
    assert_eq!(access.effective_everywhere("apex@pve").len(), 14);
    assert_eq!(access.effective("apex@pve", "/").len(), 33);
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

#[test]
fn recorded_credentials_are_judged_alike() {
    let Some(recordings) = Recordings::load() else { return };
    let mut judged = 0;
    for (name, recording) in &recordings.0 {
        let release = match name.strip_prefix("pre915-").unwrap_or(name) {
            asked if !asked.starts_with("version-") && asked != "ticket-tfa-ticket-used-as-auth" => continue,
            asked if asked == name => RELEASE,
            _ => Release { major: 9, minor: 1, patch: 4 },
        };
        let header = |name: &str| recording["request"]["headers"][name].as_str();
        let (cookie, authorization) = (header("Cookie"), header("Authorization"));
        let credentials = Credentials { cookie, authorization, ..Credentials::default() };
        let now = moment(&recording["response"]["headers"]);
        let verdict = recordings.access(release).authenticate(credentials, now);
        let reason = verdict.map_or_else(|stranger| stranger.reason, |_| "OK".to_owned());
        assert_eq!(json!(reason), recording["response"]["reason"], "{name}");
        judged += 1;
    }
    assert!(judged >= 25, "only {judged}");
}

fn replay(access: &mut Access, names: &str) -> usize {
    names.split_whitespace().map(|name| replayed(access, name)).count()
}

fn replayed(access: &mut Access, name: &str) {
    let file = support::shared(&format!("pve/recordings/{name}.json")).unwrap();
    let recording: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let now = moment(&recording["response"]["headers"]);
    let answer = answer(access, &recording["request"], now);
    let expected = &recording["response"];
    assert_eq!(json!(answer.0), expected["status"], "{name}: {}", answer.1);
    assert_eq!(comparable(&answer.1), comparable(&expected["json"]), "{name}");
}

fn answer(access: &mut Access, request: &Value, now: u64) -> (u16, Value) {
    let url = request["url"].as_str().unwrap().strip_prefix("/api2/json").unwrap();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let method = request["method"].as_str().unwrap();
    let mut params: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let body = request["body"].as_str().unwrap_or_default();
    match serde_json::from_str::<BTreeMap<String, String>>(body) {
        Ok(fields) => params.extend(fields),
        Err(_) => params.extend(form_urlencoded::parse(body.as_bytes()).into_owned()),
    }
    sign_again(access, &mut params, now);
    let caller = Caller { subject: sender(&request["headers"]) };
    let path = path.replace("%40", "@");
    let (route, in_path) = find(method, &path).unwrap_or_else(|| panic!("no such call: {method} {path}"));
    params.extend(in_path);
    let request = Request { caller: &caller, params: &params, now };
    let refused = |message: String| json!({"data": null, "message": format!("{message}\n")});
    match route.make(access, request) {
        Ok(data) => (200, json!({"data": data})),
        Err(Refusal::Forbidden(None)) => (403, refused("Permission check failed".into())),
        Err(Refusal::Forbidden(Some(what))) => (403, refused(format!("Permission check failed ({what})"))),
        Err(Refusal::Failed(why)) => (500, refused(why)),
        Err(Refusal::Status { status, reason }) => (status, refused(reason)),
        Err(Refusal::NotLoggedIn) => (401, refused("authentication failure".into())),
        Err(Refusal::Invalid(errors)) => {
            let mut answer = refused("Parameter verification failed.".into());
            answer["errors"] = json!(errors);
            (400, answer)
        }
    }
}

/// Replaces tickets that were signed with a key that nobody has.
fn sign_again(access: &Access, params: &mut BTreeMap<String, String>, now: u64) {
    let user = params.get("username").cloned().unwrap_or_default();
    if let Some(challenge) = params.get_mut("tfa-challenge") {
        *challenge = access.signer.challenge(&user, now);
    } else if let Some(ticket) = params.get_mut("password").filter(|password| password.starts_with("PVE:")) {
        *ticket = access.signer.ticket(&user, now);
    }
}

/// Reads when a call was made off its answer, for one-time codes hold only then.
fn moment(headers: &Value) -> u64 {
    let date = headers.as_array().unwrap().iter().find(|header| header[0] == "Date").unwrap();
    let date = OffsetDateTime::parse(&date[1].as_str().unwrap().replace("GMT", "+0000"), &Rfc2822).unwrap();
    u64::try_from(date.unix_timestamp()).unwrap()
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
