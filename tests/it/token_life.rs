//! `glassdome token list`, `rotate` and `revoke`; a rotation killed at each of its steps.

use std::time::Duration;

use glassdome::sandbox::{Fault, Sandbox};
use rustix::process::Signal;

use crate::support::admin::Admin;
use crate::support::test_env::{Outcome, TestEnv, quick, signal};

/// A stage whose file holds a token with privilege separation and rights of its own.
fn stage(sandbox: &Sandbox) -> TestEnv {
    let mut stage = TestEnv::new();
    stage.point_at(sandbox);
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    stage.glassdome("token create --no-input --yes --login-user root@pam --user svc@pve --token-name tt").expect(0);
    stage
}

fn token(stage: &TestEnv, line: &str) -> Outcome {
    stage.glassdome(&format!("token {line} --no-input --login-user root@pam -o json"))
}

fn names(sandbox: &Sandbox, user: &str) -> Vec<String> {
    sandbox.edit(|cluster| cluster.access.users[user].tokens.keys().cloned().collect())
}

/// Lists the notes of rotations.
fn notes(stage: &TestEnv) -> usize {
    let folder = stage.folder().join("../state/glassdome/rotations");
    std::fs::read_dir(folder).map_or(0, |listing| listing.count())
}

#[test]
fn a_list_tells_what_is_known_of_each_token() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    Admin::of(&sandbox).call("PUT", "/access/users/svc@pve/token/tt", "expire=1000000000&comment=one%1b[2J");
    let document = token(&stage, "list").expect(0).json();
    let listed = &document["tokens"][0];
    assert_eq!(document["schema"], "glassdome.token/1");
    assert_eq!((&listed["id"], &listed["in_use"]), (&"svc@pve!tt".into(), &true.into()));
    assert_eq!((&listed["privilege_separation"], &listed["expired"]), (&true.into(), &true.into()));
    assert!(listed["rights"]["/vms"].as_array().unwrap().contains(&"VM.Clone".into()));
    let shown = stage.glassdome("token list --no-input --login-user root@pam").expect(0);
    let shown = shown.says("Tokens of svc@pve on 127.0.0.1").results;
    assert!(shown.contains("expires: 2001-09-09, which has expired") && !shown.contains('\x1b'), "{shown}");
    let other = token(&stage, "list --user nobody@pve").expect(0).json();
    assert_eq!(other["tokens"], serde_json::json!([]));
    token(&stage, "list --user ghost@pve").expect(9);
    // A token's own log-in does not exist, and a user without privileges sees only its own.
    stage.glassdome("token list --no-input --login-user nobody@pve").expect(7);
}

#[test]
fn a_rotation_puts_another_token_in_place_and_removes_the_first() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let before = stage.read(".env");
    let document = token(&stage, "rotate --yes").expect(0).json();
    assert_eq!((&document["token"]["id"], &document["replaced"]), (&"svc@pve!tt-2".into(), &"svc@pve!tt".into()));
    assert_eq!(names(&sandbox, "svc@pve"), ["tt-2"]);
    let comment = sandbox.edit(|cluster| cluster.access.users["svc@pve"].tokens["tt-2"].comment.clone());
    assert_eq!(comment.as_deref(), Some("API token for Glassdome"), "the nonce is gone with the rotation");
    assert_eq!(stage.read(".env.bak"), before);
    stage.glassdome("test-vm").expect(0);
    assert_eq!(notes(&stage), 0);
    token(&stage, "rotate --in-place --yes").expect(0).says("stops working immediately");
    assert_eq!(names(&sandbox, "svc@pve"), ["tt-2"]);
    stage.glassdome("test-vm").expect(0);
    token(&stage, "rotate --yes --token-name nosuch").expect(8).says("existing tokens: tt-2");
    assert_eq!(notes(&stage), 0);
}

#[test]
fn what_came_of_it_is_the_result_even_where_nothing_else_is_said() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let mut stage = TestEnv::new();
    stage.point_at(&sandbox);
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    for (line, result) in [
        ("create --dry-run --user svc@pve --token-name tt", "dry run: nothing was changed\n"),
        ("create --yes --user svc@pve --token-name tt", "svc@pve!tt created, and its secret saved in "),
        ("rotate --yes", "svc@pve!tt-2 replaces svc@pve!tt, and its secret is saved in "),
        ("rotate --in-place --yes", "svc@pve!tt-2 has a new secret, saved in "),
        ("revoke --yes", "svc@pve!tt-2 revoked\n"),
    ] {
        let outcome = stage.glassdome(&format!("token {line} -q --no-input --login-user root@pam")).expect(0);
        assert!(outcome.results.starts_with(result), "{line}: {outcome:?}");
        assert_eq!(outcome.results.lines().count(), 1, "{line}: {outcome:?}");
    }
}

#[test]
fn an_older_server_says_that_it_cannot_regenerate() {
    let options = glassdome::sandbox::Options { pve_version: "8.4.1".to_owned(), ..quick() };
    let sandbox = Sandbox::start(options).unwrap();
    let stage = stage(&sandbox);
    let file = stage.read(".env");
    token(&stage, "rotate --in-place --yes").expect(9).says("access-control 9.1.0");
    assert_eq!((stage.read(".env"), notes(&stage)), (file, 0));
    stage.glassdome("test-vm").expect(0);
    token(&stage, "rotate --yes").expect(0);
    stage.glassdome("test-vm").expect(0);
}

/// Kills a run when the server has read so many requests, before or after it answered the last of them.
fn killed(stage: &TestEnv, sandbox: &Sandbox, line: &str, fault: Fault, number: usize) {
    sandbox.add_fault(fault);
    let mut child = stage.spawn(&format!("token {line} --no-input --login-user root@pam"));
    assert!(sandbox.wait_until_seen(number, Duration::from_secs(60)), "{number}");
    // It holds the last answer back, so the run is still there.
    std::thread::yield_now();
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    sandbox.clear_faults();
}

fn a_kill_leaves_a_way_back(line: &str) {
    let (already, requests) = {
        let sandbox = Sandbox::start(quick()).unwrap();
        let stage = stage(&sandbox);
        let already = sandbox.seen().len();
        token(&stage, line).expect(0);
        (already, sandbox.seen())
    };
    let changes = (already + 1..=requests.len()).filter(|number| requests[number - 1].method != "GET");
    // Right before and right after each change, and once everything was asked.
    let changes: Vec<usize> = changes.chain([requests.len()]).collect();
    assert!(changes.len() > 2, "{changes:?}");
    for number in changes {
        for fault in [Fault::HoldBefore(number), Fault::HoldAfter(number)] {
            let sandbox = Sandbox::start(quick()).unwrap();
            let stage = stage(&sandbox);
            killed(&stage, &sandbox, line, fault, number);
            let works = stage.glassdome("test-vm --no-start").code == 0;
            let outcome = token(&stage, line).expect(0);
            stage.glassdome("test-vm --no-start").expect(0);
            assert_eq!(names(&sandbox, "svc@pve").len(), 1, "{fault:?} {outcome:?}");
            assert_eq!(notes(&stage), 0, "{fault:?}");
            assert!(works || line.contains("--in-place"), "{fault:?}: no working secret after the kill");
        }
    }
}

#[test]
fn a_rotation_that_is_killed_leaves_a_working_secret_and_is_finished_by_the_next() {
    a_kill_leaves_a_way_back("rotate --yes");
}

#[test]
fn a_rotation_in_place_that_is_killed_is_finished_by_the_next() {
    a_kill_leaves_a_way_back("rotate --in-place --yes");
}

/// Finds the request for the second token of a rotation, by its number among those of the rotation.
fn request_for_the_token() -> usize {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let already = sandbox.seen().len();
    token(&stage, "rotate --yes").expect(0);
    let seen = sandbox.seen();
    seen[already..].iter().position(|it| it.method == "POST" && it.path.contains("/token/")).unwrap() + 1
}

/// Kills a rotation at the request that would be the one for the second token; nothing where it was another one.
fn killed_while_the_token_is_asked_for(place: usize) -> Option<(Sandbox, TestEnv)> {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let number = sandbox.seen().len() + place;
    sandbox.add_fault(Fault::HoldBefore(number));
    let mut child = stage.spawn("token rotate --yes --no-input --login-user root@pam");
    assert!(sandbox.wait_until_seen(number, Duration::from_secs(60)));
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    let is_meant = sandbox.seen().get(number - 1).is_some_and(|it| it.method == "POST" && it.path.contains("/token/"));
    sandbox.clear_faults();
    is_meant.then_some((sandbox, stage))
}

#[test]
fn a_token_that_only_looks_like_ours_is_left_alone() {
    // Killed while the second token was asked for; then another user creates one of that name. Reads that go out at once
    // arrive in any order: once in a while another request is held.
    let place = request_for_the_token();
    let killed = (0..20).find_map(|_| killed_while_the_token_is_asked_for(place));
    let (sandbox, stage) = killed.expect("the request for the token was never the one that was held");
    assert_eq!(notes(&stage), 1);
    Admin::of(&sandbox).token("svc@pve", "tt-2", false);
    token(&stage, "rotate --yes").expect(0);
    assert_eq!(names(&sandbox, "svc@pve"), ["tt-2", "tt-3"]);
    assert_eq!(notes(&stage), 0);
}

#[test]
fn a_token_is_revoked_with_what_was_granted_to_it() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let file = stage.read(".env");
    token(&stage, "revoke").expect(3).says("--yes").says("(GlassdomeProvisioner)");
    assert_eq!(names(&sandbox, "svc@pve"), ["tt"]);
    let document = token(&stage, "revoke --yes").expect(0).says("no longer works").json();
    assert_eq!((&document["token"]["id"], &document["was_in_use"]), (&"svc@pve!tt".into(), &true.into()));
    assert_eq!(names(&sandbox, "svc@pve"), Vec::<String>::new());
    let left =
        sandbox.edit(|cluster| cluster.access.acl.entries().filter(|it| format!("{it:?}").contains("!tt")).count());
    assert_eq!(left, 0);
    assert!(sandbox.edit(|cluster| cluster.access.effective("svc@pve", "/vms/1").contains_key("VM.Clone")));
    assert_eq!(stage.read(".env"), file);
    stage.glassdome("test-vm").expect(6);
    token(&stage, "revoke --yes").expect(8).says("svc@pve has no token");
}

#[test]
fn a_dry_run_shows_what_would_be_done_and_changes_nothing() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let before = stage.read(".env");
    for (line, shown) in [
        ("rotate", "pveum user token remove 'svc@pve' tt"),
        ("rotate --in-place", "would get a new secret"),
        ("revoke", "uses it"),
    ] {
        let calls = sandbox.seen().len();
        let outcome = token(&stage, &format!("{line} --dry-run")).expect(0);
        let document = outcome.json();
        assert_eq!((&document["ok"], &document["dry_run"]), (&true.into(), &true.into()), "{document}");
        assert!(outcome.stderr.contains(shown), "{line}: {}", outcome.stderr);
        let calls: Vec<String> = sandbox.seen().iter().skip(calls).map(|call| format!("{call:?}")).collect();
        let changes = |call: &&String| ["PUT", "DELETE", "POST"].iter().any(|method| call.contains(method));
        let changes: Vec<&String> = calls.iter().filter(changes).collect();
        assert!(changes.iter().all(|call| call.contains("ticket")), "{line}: {changes:?}");
        assert_eq!((stage.read(".env"), notes(&stage)), (before.clone(), 0), "{line}");
        assert_eq!(names(&sandbox, "svc@pve"), ["tt"], "{line}");
    }
    stage.glassdome("doctor").expect(0);
}
