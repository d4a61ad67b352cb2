//! What others do to users, tokens and permissions while this program is at work: nothing of theirs is lost, and nothing
//! of ours is left unnamed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use glassdome::sandbox::cluster::Cluster;
use glassdome::sandbox::{Fault, Sandbox};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::admin::Admin;
use crate::support::tcp_proxy::call;
use crate::support::terminal::Terminal;
use crate::support::test_env::{BOUND, Outcome, TestEnv, quick, signal};

const LINE: &str = "--login-user root@pam --user svc@pve --token-name tt --pool lab";

fn stage(sandbox: &Sandbox) -> TestEnv {
    let mut stage = TestEnv::new();
    stage.point_at(sandbox);
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    stage
}

fn token(stage: &TestEnv, line: &str) -> Outcome {
    stage.glassdome(&format!("token {line} --no-input -o json"))
}

/// Does something as root: a verb, a path, and a form.
pub(crate) fn act(cluster: &mut Cluster, (method, path, form): (&str, &str, &str)) {
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    let params: BTreeMap<String, String> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    call(&mut cluster.access, "root@pam", method, path, params).unwrap_or_else(|why| panic!("{path}: {why:?}"));
}

/// Lets root do things right before the first call of a kind.
pub(crate) fn before_first(
    sandbox: &Sandbox,
    verb: &'static str,
    path: &'static str,
    acts: Vec<(&'static str, &'static str, &'static str)>,
) {
    let mut acts = Some(acts);
    sandbox.before_call(move |method, called, cluster| {
        if method == verb && called == path {
            acts.take().into_iter().flatten().for_each(|it| act(cluster, it));
        }
    });
}

fn kept(outcome: &Outcome) -> Vec<String> {
    let document = outcome.json();
    let left = document["left_on_server"].as_array().unwrap_or_else(|| panic!("{outcome:?}"));
    left.iter().filter_map(|it| it["kept"].as_str().map(str::to_owned)).collect()
}

/// A role of the name that is about to be made, so that making it fails.
const ROLE: (&str, &str, &str) = ("POST", "/access/roles", "roleid=GlassdomeGuest&privs=VM.Audit");

#[test]
fn what_others_added_to_what_a_run_made_is_kept_and_named() {
    let user = "/access/users/svc@pve";
    for (added, objects) in [
        (None, &[][..]),
        (Some(("POST", "/access/users/svc@pve/token/two", "privsep=0")), &["user svc@pve"]),
        (Some(("PUT", user, "groups=admins")), &["user svc@pve"]),
        (Some(("PUT", user, "comment=mine now")), &["user svc@pve"]),
        (Some(("PUT", user, "email=a@example.org")), &["user svc@pve"]),
        (Some(("PUT", user, "enable=0")), &["user svc@pve"]),
        (Some(("PUT", "/access/acl", "path=/vms/101&roles=PVEVMUser&users=svc@pve")), &["user svc@pve"]),
        (Some(("PUT", "/access/acl", "path=/pool/lab&roles=PVEVMUser&users=nobody@pve")), &["pool lab"]),
        (Some(("PUT", "/pools/lab", "vms=101")), &["pool lab"]),
        (Some(("PUT", "/pools/lab", "comment=mine now")), &["pool lab"]),
        (Some(("POST", "/pools", "poolid=lab/inner")), &["pool lab"]),
    ] {
        let sandbox = Sandbox::start(quick()).unwrap();
        sandbox.edit(|cluster| act(cluster, ("POST", "/access/groups", "groupid=admins")));
        let stage = stage(&sandbox);
        let acts = added.into_iter().chain([ROLE]).collect();
        before_first(&sandbox, "POST", "/access/roles", acts);
        let outcome = token(&stage, &format!("create --yes {LINE}"));
        assert_ne!(outcome.code, 0, "{outcome:?}");
        assert_eq!(kept(&outcome), objects, "{added:?}");
        sandbox.edit(|cluster| {
            let access = &cluster.access;
            assert_eq!(access.users.contains_key("svc@pve"), objects.contains(&"user svc@pve"), "{added:?}");
            assert_eq!(access.pools.contains_key("lab"), objects.contains(&"pool lab"), "{added:?}");
            assert!(access.roles.contains_key("GlassdomeGuest"), "the role of another user");
        });
        assert!(!outcome.stderr.contains("pveum user delete") || objects.is_empty(), "{outcome:?}");
    }
}

#[test]
fn a_token_and_a_role_that_others_took_up_are_kept() {
    let regenerated = ("PUT", "/access/users/svc@pve/token/tt", "regenerate=1");
    let described = ("PUT", "/access/users/svc@pve/token/tt", "comment=mine now");
    let granted = ("PUT", "/access/acl", "path=/vms/101&roles=PVEVMUser&tokens=svc@pve!tt");
    let role = ("PUT", "/access/acl", "path=/vms/101&roles=GlassdomeGuest&users=nobody@pve");
    let widened = ("PUT", "/access/roles/GlassdomeGuest", "privs=Sys.Audit&append=1");
    // What makes the run stop: the user's own rights are changed.
    let stop = ("PUT", "/access/acl", "path=/vms/102&roles=PVEVMUser&users=svc@pve");
    for (added, object) in [
        (regenerated, "token svc@pve!tt"),
        (described, "token svc@pve!tt"),
        (granted, "token svc@pve!tt"),
        (role, "role GlassdomeGuest"),
        (widened, "role GlassdomeGuest"),
    ] {
        let sandbox = Sandbox::start(quick()).unwrap();
        let stage = stage(&sandbox);
        let mut count = 0;
        sandbox.before_call(move |method, path, cluster| {
            if (method, path) == ("PUT", "/access/acl") {
                count += 1;
                if count == 2 {
                    [added, stop].into_iter().for_each(|it| act(cluster, it));
                }
            }
        });
        let outcome =
            token(&stage, &format!("create --yes {LINE}")).expect(9).says("changed the permissions or tokens of");
        let kept = kept(&outcome);
        assert!(kept.iter().any(|it| it == object) && kept.iter().any(|it| it == "user svc@pve"), "{added:?} {kept:?}");
        sandbox.edit(|cluster| {
            let access = &cluster.access;
            assert!(access.users.contains_key("svc@pve"));
            assert_eq!(access.users["svc@pve"].tokens.contains_key("tt"), object.starts_with("token"), "{added:?}");
            assert_eq!(access.roles.contains_key("GlassdomeGuest"), object.starts_with("role"), "{added:?}");
            let of_run = access.acl.entries().filter(|it| it.path == "/pool/lab" || it.path == "/storage/local-lvm");
            assert_eq!(of_run.count(), 0, "{added:?}");
        });
    }
}

/// The paths on which an administrator must hold everything.
const PLACES: [&str; 4] = ["/vms/101", "/vms/9000", "/nodes/pve", "/storage/local-lvm"];

#[test]
fn a_user_who_becomes_an_administrator_at_any_moment_stays_one() {
    let line = "create --yes --login-user root@pam --user bob@pve --token-name tt";
    let start = || {
        let sandbox = Sandbox::start(quick()).unwrap();
        Admin::of(&sandbox).token("bob@pve", "all", false);
        sandbox
    };
    let count = {
        let sandbox = start();
        let already = sandbox.seen().len();
        token(&stage(&sandbox), line).expect(0);
        sandbox.seen().len() - already
    };
    assert!(count > 30, "{count}");
    let by_group = ("PUT", "/access/users/bob@pve", "groups=admins");
    let by_entry = ("PUT", "/access/acl", "path=/&roles=Administrator&users=bob@pve");
    // Each third moment, and all of the last ones, after which nothing more is read.
    let places = (1..=count).filter(|place| place % 3 == 0 || place + 9 > count);
    for (place, promotion) in places.map(|place| (place, if place % 2 == 0 { by_entry } else { by_group })) {
        let sandbox = start();
        sandbox.edit(|cluster| {
            act(cluster, ("POST", "/access/groups", "groupid=admins"));
            act(cluster, ("PUT", "/access/acl", "path=/&roles=Administrator&groups=admins"));
        });
        let stage = stage(&sandbox);
        let seen = Arc::new(AtomicUsize::new(0));
        sandbox.before_call(move |_, _, cluster| {
            if seen.fetch_add(1, Ordering::SeqCst) + 1 == place {
                act(cluster, promotion);
            }
        });
        let outcome = token(&stage, line);
        sandbox.edit(|cluster| {
            for (who, path) in ["bob@pve", "bob@pve!all"].iter().flat_map(|who| PLACES.map(|path| (who, path))) {
                let held = cluster.access.effective(who, path).len();
                let all = cluster.access.effective("root@pam", path).len();
                assert_eq!(held, all, "{who} on {path}, promoted before request {place}: {outcome:?}");
            }
        });
    }
}

#[test]
fn a_revocation_meanwhile_is_not_undone() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let admin = Admin::of(&sandbox);
    admin.token("bob@pve", "all", false);
    admin.grant("/vms/101", "bob@pve", "PVEVMAdmin");
    let stage = stage(&sandbox);
    let revoked = ("PUT", "/access/acl", "path=/vms/101&roles=PVEVMAdmin&users=bob@pve&delete=1");
    before_first(&sandbox, "POST", "/access/users/bob@pve/token/tt", vec![revoked]);
    token(&stage, "create --yes --login-user root@pam --user bob@pve --token-name tt")
        .expect(9)
        .says("changed the permissions or tokens of");
    sandbox.edit(|cluster| {
        assert!(cluster.access.effective("bob@pve", "/vms/101").is_empty());
        assert!(!cluster.access.users["bob@pve"].tokens.contains_key("tt"));
    });
}

#[test]
fn at_the_keyboard_a_plan_that_no_longer_fits_is_shown_and_asked_again() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let admin = Admin::of(&sandbox);
    admin.token("bob@pve", "all", false);
    let stage = stage(&sandbox);
    let line = "token create --user bob@pve --token-name tt --rights needed --login-user root@pam";
    let mut terminal = Terminal::start(&stage, 100, line);
    terminal.wait_for("Make these changes now?");
    admin.grant("/", "bob@pve", "Administrator");
    terminal.answer("");
    terminal.wait_for("the new plan");
    terminal.wait_until("the question once more", |screen| screen.matches("Make these changes now?").count() == 2);
    terminal.answer("");
    terminal.end(0);
    sandbox.edit(|cluster| {
        let access = &cluster.access;
        assert_eq!(access.effective("bob@pve", "/vms/101"), access.effective("root@pam", "/vms/101"));
        assert!(
            !access.acl.entries().any(|it| it.path == "/vms" && format!("{:?}", it.holder).contains("\"bob@pve\""))
        );
    });
}

/// A stage whose file holds tokens of two instances on one server.
fn two_instances(sandbox: &Sandbox) -> TestEnv {
    let stage = stage(sandbox);
    let more = format!(
        "PROXMOX_02_HOST={}\nPROXMOX_02_USER=apex@pve\nPROXMOX_02_TOKEN_NAME=second\nPROXMOX_02_CA_FILE=proxmox-ca.pem\nPROXMOX_02_NODE=pve\n",
        sandbox.address()
    );
    stage.write(".env", &format!("{}{more}", stage.read(".env")));
    token(&stage, "create --instance 02 --yes --login-user root@pam").expect(0);
    stage
}

#[test]
fn a_rotation_that_was_killed_is_finished_by_its_own_instance_alone() {
    let is_change = |it: &glassdome::sandbox::Seen| it.method != "GET" && it.path != "/access/ticket";
    let line = "rotate --instance 02 --yes --login-user root@pam";
    let (already, seen) = {
        let sandbox = Sandbox::start(quick()).unwrap();
        let stage = two_instances(&sandbox);
        let already = sandbox.seen().len();
        token(&stage, line).expect(0);
        (already, sandbox.seen())
    };
    let changes = (already..seen.len()).filter(|index| is_change(&seen[*index]));
    for (turn, place) in changes.map(|index| index + 1 - already).enumerate() {
        // Right before a change or right after it, in turn; what is killed after the last one is closed already.
        let after = turn % 2 == 0;
        {
            let sandbox = Sandbox::start(quick()).unwrap();
            let stage = two_instances(&sandbox);
            let number = sandbox.seen().len() + place;
            sandbox.add_fault(if after { Fault::HoldAfter(number) } else { Fault::HoldBefore(number) });
            let mut child = stage.spawn(&format!("token {line} --no-input"));
            assert!(sandbox.wait_until_seen(number, BOUND));
            signal(&child, Signal::KILL);
            child.wait().unwrap();
            sandbox.clear_faults();
            stage.glassdome("test-vm --instance 02 --no-start").expect(0);
            // The first instance has the same file and the same server, and is another instance.
            token(&stage, "rotate --yes --login-user root@pam").expect(0);
            stage.glassdome("test-vm --instance 02 --no-start").expect(0);
            stage.glassdome("test-vm --no-start").expect(0);
            token(&stage, line).expect(0);
            stage.glassdome("test-vm --instance 02 --no-start").expect(0);
            let names = sandbox.edit(|cluster| cluster.access.users["apex@pve"].tokens.len());
            assert_eq!(names, 3, "one of each instance, and the one that was there: {place} {after}");
        }
    }
}

#[test]
fn a_token_that_another_instance_uses_is_neither_removed_nor_given_another_secret() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let (user, name, secret) = sandbox.default_token();
    let more = format!("PROXMOX_02_HOST={}\nPROXMOX_02_USER={user}\nPROXMOX_02_TOKEN_NAME={name}\n", sandbox.address());
    let shared = |mark: &str| {
        let lines = format!("{more}PROXMOX_TOKEN_VALUE_02={secret}\nPROXMOX_02_CA_FILE=proxmox-ca.pem\n");
        let lines: String = lines.lines().map(|line| format!("{mark}{line}\n")).collect();
        format!("{}{lines}", stage.read(".env"))
    };
    stage.write(".env", &shared(""));
    let before = stage.read(".env");
    for line in ["rotate --in-place", "create --regenerate"] {
        let outcome = token(&stage, &format!("{line} --yes --login-user root@pam")).expect(3);
        outcome.says("PROXMOX_02_TOKEN_NAME");
        assert_eq!(stage.read(".env"), before);
    }
    let document = token(&stage, "rotate --yes --login-user root@pam").expect(0).says(" kept: ").json();
    assert!(document["kept"].as_str().unwrap().contains("PROXMOX_02_TOKEN_NAME"), "{document}");
    for line in ["test-vm --no-start", "test-vm --instance 02 --no-start"] {
        stage.glassdome(line).expect(0);
    }
    // A comment to which a user may go back counts as well.
    let stage = self::stage(&sandbox);
    stage.write(".env", &format!("{}# {user}!{name}={secret}\n", stage.read(".env")));
    token(&stage, "rotate --yes --login-user root@pam").expect(0).says(" kept: ");
}

#[test]
fn a_first_token_that_others_took_up_is_kept() {
    let of_token = "/access/users/svc@pve/token/tt";
    for added in [
        ("PUT", "/access/acl", "path=/vms/101&roles=PVEVMUser&tokens=svc@pve!tt"),
        ("PUT", of_token, "comment=mine now"),
        ("PUT", of_token, "regenerate=1"),
    ] {
        let sandbox = Sandbox::start(quick()).unwrap();
        let stage = stage(&sandbox);
        token(&stage, "create --yes --login-user root@pam --user svc@pve --token-name tt").expect(0);
        let mut is_over = false;
        let path = stage.path(".env");
        sandbox.before_call(move |_, _, cluster| {
            // Right after the second token was saved.
            if !is_over && std::fs::read_to_string(&path).unwrap().contains("TOKEN_NAME=tt-2") {
                is_over = true;
                act(cluster, added);
            }
        });
        token(&stage, "rotate --yes --login-user root@pam").expect(0).says("svc@pve!tt kept");
        let names: Vec<String> =
            sandbox.edit(|cluster| cluster.access.users["svc@pve"].tokens.keys().cloned().collect());
        assert_eq!(names, ["tt", "tt-2"], "{added:?}");
        stage.glassdome("test-vm --no-start").expect(0);
    }
}

fn unsaved(document: &Value) -> Vec<&str> {
    document.as_array().unwrap().iter().filter_map(|it| it["token"].as_str()).collect()
}

#[test]
fn a_run_that_was_killed_leaves_a_note_of_the_token_that_others_mention() {
    let line = "token create --yes --no-input --login-user root@pam --user svc@pve --token-name tt";
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let held = Arc::new(AtomicUsize::new(0));
    let number = {
        let rehearsed = Sandbox::start(quick()).unwrap();
        self::stage(&rehearsed).glassdome(line).expect(0);
        let seen = rehearsed.seen();
        seen.iter().position(|it| it.method == "POST" && it.path.ends_with("/token/tt")).unwrap() + 1
    };
    held.store(number, Ordering::SeqCst);
    sandbox.add_fault(Fault::HoldAfter(number));
    let mut child = stage.spawn(line);
    assert!(sandbox.wait_until_seen(number, BOUND));
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    sandbox.clear_faults();
    for line in ["cleanup", "doctor"] {
        let outcome = stage.glassdome(line);
        let all = format!("{}{}", outcome.results, outcome.stderr);
        assert!(all.contains("svc@pve!tt") && all.contains("--regenerate"), "{line}: {all}");
    }
    let document = stage.glassdome("cleanup -o json").json();
    assert_eq!(unsaved(&document["unsaved_tokens"]), ["svc@pve!tt"]);
    let document = token(&stage, "list --login-user root@pam --user svc@pve").expect(0).says("svc@pve!tt").json();
    assert_eq!(unsaved(&document["unsaved"]), ["svc@pve!tt"]);
    token(&stage, "create --yes --login-user root@pam --user svc@pve --token-name tt").expect(3).says("revoke");
    token(&stage, "revoke --yes --login-user root@pam --user svc@pve --token-name tt").expect(0);
    let document = stage.glassdome("cleanup -o json").json();
    assert_eq!(unsaved(&document["unsaved_tokens"]), Vec::<&str>::new());
}

#[test]
fn without_a_terminal_what_replaces_or_removes_something_needs_a_yes() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let other = Admin::of(&sandbox).token("apex@pve", "other", false);
    stage.write("other.txt", &other);
    let tokens = || sandbox.edit(|cluster| format!("{:?}", cluster.access.users));
    let (file, before) = (stage.read(".env"), tokens());
    let lines = [
        "token create --login-user root@pam --user svc@pve --token-name tt",
        "token create --login-user root@pam --regenerate",
        "token rotate --login-user root@pam",
        "token rotate --login-user root@pam --in-place",
        "token revoke --login-user root@pam",
        "setup --skip-test-vm --create-token --login-user root@pam --user svc@pve --token-name tt",
        "setup --skip-test-vm --create-token --login-user root@pam --regenerate",
        "setup --skip-test-vm --over-ssh root@127.0.0.1 --regenerate",
        "setup --skip-test-vm --over-ssh root@127.0.0.1 --token-name tt",
        "setup --skip-test-vm --token-name other --token-value-file other.txt",
    ];
    for line in lines {
        let outcome = stage.glassdome(&format!("{line} --no-input -o json")).expect(3).says("--yes");
        assert_eq!(outcome.json()["error"]["kind"], "configuration", "{line}");
        assert_eq!((stage.read(".env"), tokens()), (file.clone(), before.clone()), "{line}");
    }
    // A token that the server does not take any more is replaced without a yes, and so is none at all.
    sandbox.edit(|cluster| act(cluster, ("DELETE", "/access/users/apex@pve/token/glassdome-token", "")));
    stage.glassdome(&format!("{} --no-input", lines[9])).expect(0);
}

#[test]
fn the_commands_that_are_advised_exist() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    sandbox.add_fault(Fault::ResetAfter(request(&sandbox, &stage, "rotate --in-place --yes --login-user root@pam")));
    let lost = token(&stage, "rotate --in-place --yes --login-user root@pam");
    sandbox.clear_faults();
    let hints = lost.json()["error"]["hints"].to_string();
    assert!(hints.contains("glassdome token rotate --in-place"), "{hints}");
    let mut lines: Vec<String> = lost.json()["error"]["hints"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it.as_str().map(str::to_owned))
        .collect();
    lines.extend(["glassdome token create --regenerate --user svc@pve --token-name tt".to_owned()]);
    lines.extend(["glassdome token revoke --user svc@pve --token-name tt".to_owned()]);
    lines.extend(["glassdome setup --over-ssh root@node --regenerate".to_owned()]);
    for line in lines.iter().filter_map(|line| line.strip_prefix("glassdome ")) {
        stage.glassdome(&format!("{line} --help")).expect(0);
    }
    // And the next run finishes what the lost answer left.
    token(&stage, "rotate --in-place --yes --login-user root@pam").expect(0);
    stage.glassdome("test-vm --no-start").expect(0);
}

/// Finds the number of the request that gives a token a new secret, if this command is run next.
fn request(sandbox: &Sandbox, stage: &TestEnv, line: &str) -> usize {
    let already = sandbox.seen().len();
    token(stage, line).expect(0);
    let seen = sandbox.seen();
    let place = seen[already..].iter().position(|it| it.method == "PUT" && it.path.contains("/token/")).unwrap();
    seen.len() + place + 1
}
