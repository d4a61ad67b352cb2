//! Another run or user is faster by a moment, or the login may not do what was agreed to: what was refused is named.

use glassdome::sandbox::Sandbox;

use crate::support::test_env::{TestEnv, quick};
use crate::token_owner::{act, before_first};

const SECRET: &str = "00000000-1111-2222-3333-444444444444";

fn scene() -> (Sandbox, TestEnv) {
    let sandbox = Sandbox::start(quick()).unwrap();
    let mut stage = TestEnv::new();
    stage.point_at(&sandbox);
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    (sandbox, stage)
}

#[test]
fn a_token_that_another_run_created_first_is_named_with_the_ways_out() {
    for (command, user, rights) in [
        ("token create --no-input --yes", "apex@pve", "user"),
        ("token create --no-input --yes", "apex@pve", "needed"),
        ("token create --no-input --yes", "svc@pve", "needed"),
        ("setup --create-token --no-input --yes --skip-test-vm", "apex@pve", "user"),
    ] {
        let (sandbox, stage) = scene();
        let before = stage.read(".env");
        let path = format!("/access/users/{user}/token/tt");
        let called: &'static str = Box::leak(path.into_boxed_str());
        before_first(&sandbox, "POST", called, vec![("POST", called, "privsep=1&comment=theirs")]);
        let line = format!("{command} --user {user} --token-name tt --rights {rights} --login-user root@pam");
        let outcome = stage.glassdome(&line).expect(3).says(&format!("token {user}!tt already exists"));
        outcome.says("choose another name with --token-name, or generate a new secret with --regenerate");
        assert_eq!(stage.read(".env"), before, "{line}");
        sandbox.edit(|cluster| {
            let theirs = &cluster.access.users[user].tokens["tt"];
            assert_eq!(theirs.comment.as_deref(), Some("theirs"), "{line}");
            assert!(!cluster.access.roles.contains_key("GlassdomeProvisioner"), "{line}");
        });
    }
}

#[test]
fn a_server_that_cannot_regenerate_is_not_offered_to() {
    let sandbox = Sandbox::start(glassdome::sandbox::Options { pve_version: "8.4.14".to_owned(), ..quick() }).unwrap();
    let mut stage = TestEnv::new();
    stage.point_at(&sandbox);
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    let path = "/access/users/apex@pve/token/tt";
    before_first(&sandbox, "POST", path, vec![("POST", path, "privsep=1")]);
    let line = "token create --no-input --yes --token-name tt --rights user --login-user root@pam";
    let outcome = stage.glassdome(line).expect(3).says("choose another name with --token-name");
    assert!(!outcome.stderr.contains("--regenerate"), "{outcome:?}");
}

#[test]
fn a_user_a_role_or_a_pool_that_another_run_created_first_is_a_changed_plan() {
    for (path, form) in [
        ("/access/users", "userid=svc@pve"),
        ("/access/roles", "roleid=GlassdomeGuest&privs=VM.Audit"),
        ("/pools", "poolid=lab"),
    ] {
        let (sandbox, stage) = scene();
        before_first(&sandbox, "POST", path, vec![("POST", path, form)]);
        let line = "token create --no-input --yes --user svc@pve --token-name tt --pool lab --login-user root@pam";
        let outcome = stage.glassdome(line).expect(9);
        outcome.says("changed after the plan was shown; nothing was changed").says("run this again");
        sandbox.edit(|cluster| {
            let access = &cluster.access;
            let are_there = (
                access.users.contains_key("svc@pve"),
                access.roles.contains_key("GlassdomeGuest"),
                access.pools.contains_key("lab"),
            );
            assert_eq!(are_there, (path == "/access/users", path == "/access/roles", path == "/pools"));
        });
        stage.glassdome(line).expect(0);
    }
}

#[test]
fn the_second_token_of_a_rotation_that_another_run_created_first_is_left_alone() {
    let (sandbox, stage) = scene();
    let before = stage.read(".env");
    let path = "/access/users/apex@pve/token/glassdome-token-2";
    before_first(&sandbox, "POST", path, vec![("POST", path, "privsep=1&comment=theirs")]);
    let line = "token rotate --no-input --yes --login-user root@pam";
    let outcome = stage.glassdome(line).expect(9).says("nothing was changed").says("run this again");
    assert!(!outcome.stderr.contains("--regenerate"), "{outcome:?}");
    assert_eq!(stage.read(".env"), before);
    let secret = sandbox.edit(|cluster| cluster.access.users["apex@pve"].tokens["glassdome-token"].secret.clone());
    assert_eq!(secret, SECRET);
    stage.glassdome(line).expect(0);
    sandbox.edit(|cluster| {
        assert_eq!(cluster.access.users["apex@pve"].tokens["glassdome-token-2"].comment.as_deref(), Some("theirs"));
    });
}

#[test]
fn a_refused_change_says_what_was_refused_and_which_privilege_it_takes() {
    let token = "/access/users/apex@pve/token/glassdome-token";
    let new = "/access/users/apex@pve/token/tt";
    let modify = "User.Modify on /access/groups, or the login of apex@pve";
    for (line, verb, path, refused, takes) in [
        ("token rotate --in-place", "PUT", token, "replace the secret of the token apex@pve!glassdome-token", modify),
        (
            "token create --rights user --regenerate",
            "PUT",
            token,
            "replace the secret of the token apex@pve!glassdome-token",
            modify,
        ),
        (
            "setup --create-token --rights user --regenerate --skip-test-vm",
            "PUT",
            token,
            "replace the secret of the token apex@pve!glassdome-token",
            modify,
        ),
        ("token create --rights user --token-name tt", "POST", new, "create token apex@pve!tt", modify),
        (
            "token create --user svc@pve --token-name tt",
            "POST",
            "/access/users",
            "create user svc@pve",
            "User.Modify on /access/groups and Realm.AllocateUser on /access/realm/pve",
        ),
        (
            "token create --token-name tt",
            "POST",
            "/access/roles",
            "create role GlassdomeProvisioner",
            "Sys.Modify on /access",
        ),
        ("token create --token-name tt", "PUT", "/access/acl", "change permissions", "Permissions.Modify on /"),
        ("token create --token-name tt --pool lab", "POST", "/pools", "create pool lab", "Pool.Allocate on /pool/lab"),
    ] {
        let (sandbox, mut stage) = scene();
        stage.set("PROXMOX_LOGIN_PASSWORD", "long-enough");
        sandbox.edit(|cluster| {
            act(cluster, ("POST", "/access/users", "userid=adm@pve&password=long-enough"));
            act(cluster, ("PUT", "/access/acl", "path=/&roles=Administrator&users=adm@pve"));
        });
        let unmade = ("PUT", "/access/acl", "path=/&roles=Administrator&users=adm@pve&delete=1");
        before_first(&sandbox, verb, path, vec![unmade]);
        let outcome = stage.glassdome(&format!("{line} --no-input --yes --login-user adm@pve"));
        assert_eq!(outcome.code, 7, "{line}: {outcome:?}");
        outcome
            .says(&format!("cannot {refused} (as `pveum "))
            .says(&format!("that takes {takes}"))
            .says("which this login lacks: log in as an administrator, e.g. --login-user root@pam");
        let secret = sandbox.edit(|cluster| cluster.access.users["apex@pve"].tokens["glassdome-token"].secret.clone());
        assert_eq!(secret, SECRET);
    }
}

#[test]
fn a_login_that_may_not_see_the_tokens_is_told_what_that_takes() {
    let (_sandbox, stage) = scene();
    for line in ["token list", "token rotate", "token rotate --in-place", "token revoke"] {
        let outcome = stage.glassdome(&format!("{line} --no-input --yes --login-user nobody@pve")).expect(7);
        outcome.says("that takes User.Modify on /access/groups, which this login lacks");
    }
}
