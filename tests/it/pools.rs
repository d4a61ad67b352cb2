//! Pools within pools, which the path of a call cannot name.

use glassdome::sandbox::Sandbox;

use crate::support::admin::Admin;
use crate::support::test_env::{TestEnv, quick, scene};
use crate::token_owner::before_first;

/// A sandbox with the pools `lab` and, where it is to exist, `lab/inner`.
fn with_pools(names: &[&str]) -> (Sandbox, TestEnv) {
    let (sandbox, mut stage) = scene(quick());
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    let admin = Admin::of(&sandbox);
    for name in names {
        admin.call("POST", "/pools", &format!("poolid={name}"));
    }
    (sandbox, stage)
}

#[test]
fn a_pool_that_does_not_exist_is_noticed_before_the_clone() {
    for pool in ["lab", "lab/inner", "lab/inner/most"] {
        let (sandbox, stage) = with_pools(&[]);
        stage.glassdome(&format!("test-vm --pool {pool}")).expect(8).says(&format!("pool `{pool}` does not exist"));
        assert!(!sandbox.seen().iter().any(|seen| seen.path.ends_with("/clone")), "{pool}");
    }
}

#[test]
fn a_token_for_a_pool_within_another_works_there() {
    for exists in [true, false] {
        let (sandbox, stage) = with_pools(if exists { &["lab", "lab/inner"] } else { &["lab"] });
        let line =
            "token create --no-input --yes --user svc@pve --token-name tt --pool lab/inner --login-user root@pam";
        stage.glassdome(line).expect(0);
        assert!(stage.read(".env").contains("PROXMOX_POOL=lab/inner\n"));
        stage.glassdome("test-vm").expect(0);
        assert!(sandbox.edit(|cluster| cluster.access.pools.contains_key("lab/inner")));
    }
}

#[test]
fn a_pool_that_a_run_created_is_undone_unless_it_was_taken_up() {
    let role = ("POST", "/access/roles", "roleid=GlassdomeGuest&privs=VM.Audit");
    for pool in ["lab", "lab/inner"] {
        for taken_up in [false, true] {
            let parents: &[&str] = if pool == "lab" { &[] } else { &["lab"] };
            let (sandbox, stage) = with_pools(parents);
            let within: &'static str = Box::leak(format!("poolid={pool}/theirs").into_boxed_str());
            let acts = taken_up.then_some(("POST", "/pools", within)).into_iter().chain([role]).collect();
            before_first(&sandbox, "POST", "/access/roles", acts);
            let line = "token create --no-input --yes --user svc@pve --token-name tt --login-user root@pam";
            let outcome = stage.glassdome(&format!("{line} --pool {pool}"));
            assert_eq!(outcome.code, 9, "{outcome:?}");
            let is_there = sandbox.edit(|cluster| cluster.access.pools.contains_key(pool));
            assert_eq!(is_there, taken_up, "{pool}: {outcome:?}");
        }
    }
}
