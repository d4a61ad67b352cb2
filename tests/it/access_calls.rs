//! The recorded calls about identities, made in their order without the wire, and answered alike.

use glassdome::sandbox::auth::{Credentials, Entry, Release, Subject};
use serde_json::{Value, json};

use crate::support::recorded::{RELEASE, Recordings};
use crate::support::replay_client::{Replay, moment};

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
    let recordings = Recordings::load();
    let access = recordings.access(RELEASE);
    assert_eq!(access.effective("apex@pve!glassdome-token", "/vms/9000").len(), 32);
    assert_eq!(access.effective_everywhere("apex@pve").len(), 8);
    let mut player = Replay::new(&recordings, recordings.cluster(access));
    assert_eq!(replay(&mut player, EARLY), 47);
    player.add_later();
    let access = &player.cluster.access;
    assert_eq!(access.effective_everywhere("apex@pve").len(), 14);
    assert_eq!(access.effective("apex@pve", "/").len(), 33);
    assert_eq!(replay(&mut player, LATER), 49);
    let access = &mut player.cluster.access;
    access.acl.forget_holders(|holder| *holder != Subject::User("min@pve".into()));
    access.grant("rv1@pve", "/", "Administrator");
    replay(&mut player, "shadow-1-administrator-on-root shadow-2-grant-own-role-on-vms shadow-3-after");
    let access = &mut player.cluster.access;
    access.acl.forget_holders(|holder| *holder == Subject::User("rv1@pve".into()));
    let holder = Subject::Group("rvg".into());
    access.acl.set(Entry { path: "/".into(), holder, role: "Administrator".into(), propagate: true });
    replay(&mut player, "shadow-4-administrator-by-group");
    player.cluster.access.grant("rv1@pve", "/", "PVEAuditor");
    replay(&mut player, "shadow-5-own-entry-beside-group");
    assert_eq!(replay(&mut player, LAST), 5);
}

#[test]
fn recorded_credentials_are_judged_alike() {
    let recordings = Recordings::load();
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
        let now = moment(&recording["response"]);
        let verdict = recordings.access(release).authenticate(credentials, now);
        let reason = verdict.map_or_else(|stranger| stranger.reason, |_| "OK".to_owned());
        assert_eq!(json!(reason), recording["response"]["reason"], "{name}");
        judged += 1;
    }
    assert!(judged >= 25, "only {judged}");
}

fn replay(player: &mut Replay<'_>, names: &str) -> usize {
    names.split_whitespace().map(|name| replayed(player, name)).count()
}

fn replayed(player: &mut Replay<'_>, name: &str) {
    let answer = player.answer_to(name);
    let expected = &player.recordings.0[name]["response"];
    assert_eq!(json!(answer.status), expected["status"], "{name}: {}", answer.json);
    assert_eq!(comparable(&answer.json), comparable(&expected["json"]), "{name}");
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
